#include "fixture.h"

using namespace govctl;
using namespace govctl::store;
using namespace govctl::store::test;
using domain::EntryType;

namespace {

domain::LedgerEntry refund_of(const OrgFile& org, const RequestId& request, std::int64_t amount,
                              const std::string& key) {
  domain::LedgerEntry entry = purchase_of(org.group, amount, "", org.clock.now());
  entry.type = EntryType::refund;
  entry.idempotency_key = "refund:" + key;
  entry.request_id = request;
  return entry;
}

AuditFilter filter_by(std::string AuditFilter::* member, const std::string& value) {
  AuditFilter filter;
  filter.*member = value;
  return filter;
}

bool same_event(const domain::UsageEvent& a, const domain::UsageEvent& b) {
  return a.request_id == b.request_id && a.client_request_id == b.client_request_id && a.scope == b.scope &&
         a.user == b.user && a.session == b.session && a.tags == b.tags && a.dialect == b.dialect &&
         a.provider == b.provider && a.model == b.model && a.price_model == b.price_model &&
         a.price_version == b.price_version && a.credits_per_usd == b.credits_per_usd && a.usage == b.usage &&
         a.cost_usd == b.cost_usd && a.reserved == b.reserved && a.credits_charged == b.credits_charged &&
         a.latency_ms == b.latency_ms && a.first_byte_ms == b.first_byte_ms && a.attempts == b.attempts &&
         a.status == b.status && a.cause == b.cause && a.completion == b.completion &&
         a.flags.bits == b.flags.bits && a.error_message == b.error_message && a.rules_id == b.rules_id &&
         a.decision == b.decision && a.count == b.count && a.created_at == b.created_at;
}

}  // namespace

TEST_CASE("a reservation comes back as it was written, until its call is settled") {
  OrgFile org;
  const auto held = reservation_of(org.scope, org.clock.now());
  REQUIRE(org.reserve(held));
  const auto open = open_reservations(*org.reader());
  REQUIRE(open);
  REQUIRE(open->size() == 1);
  const auto& found = open->front();
  CHECK(found.request_id == held.request_id);
  CHECK(found.scope == held.scope);
  CHECK(found.dialect == "chat");
  CHECK(found.provider == "openai");
  CHECK(found.model == "gpt-4o-mini-2024-07-18");
  CHECK(found.price_model == "gpt-4o-mini");
  CHECK(found.price_version == 3);
  CHECK(found.credits_per_usd == 1'000'000);
  CHECK(found.stream);
  CHECK(found.reserved == Credits::of(500));
  CHECK(found.rules_id == 42);
  CHECK(found.created_at == held.created_at);
  REQUIRE(org.settle(event_of(held, 12, org.clock.now())));
  CHECK(open_reservations(*org.reader())->empty());
}

TEST_CASE("settling writes the event and the entry, and the balance is their sum") {
  OrgFile org;
  REQUIRE(org.append(purchase_of(org.group, 1'000, "a", org.clock.now())));
  const auto event = org.call(12);
  CHECK(ledger_sum(*org.reader(), org.group).value() == Credits::of(988));
  CHECK(ledger_sum(*org.reader(), BillingGroupId::mint(5)).value() == Credits::of(0));
  const auto ledger = read_ledger(*org.reader(), {}, {});
  REQUIRE(ledger);
  REQUIRE(ledger->rows.size() == 2);
  const auto& entry = ledger->rows[1].entry;
  CHECK(entry.amount == Credits::of(-12));
  CHECK(entry.type == EntryType::usage_deduction);
  CHECK(entry.idempotency_key == "call:" + event.request_id.text());
  CHECK(entry.request_id == event.request_id);
  CHECK(entry.actor == "gateway");
  CHECK(entry.group_id == org.group);
  const auto found = find_event(*org.reader(), event.request_id);
  REQUIRE(found);
  REQUIRE(found->has_value());
  CHECK(same_event((*found)->event, event));
  CHECK((*found)->seq == 1);
  CHECK_FALSE(find_event(*org.reader(), RequestId::mint(1))->has_value());
}

TEST_CASE("an event with as little as possible comes back as it was written") {
  OrgFile org;
  domain::UsageEvent event;
  event.request_id = RequestId::mint(1);
  event.scope = org.scope;
  event.status = domain::CallStatus::policy_blocked;
  event.count = 17;
  event.created_at = org.clock.now();
  REQUIRE(org.run([&](Transaction& tx) { return insert_event(tx, event); }));
  const auto found = find_event(*org.reader(), event.request_id);
  REQUIRE(found);
  REQUIRE(found->has_value());
  CHECK(same_event((*found)->event, event));
}

TEST_CASE("a call that cost nothing has an event and no entry") {
  OrgFile org;
  org.call(0);
  CHECK(number(org.path, "SELECT count(*) FROM usage_events") == 1);
  CHECK(number(org.path, "SELECT count(*) FROM ledger") == 0);
  CHECK(org.verify().ok());
}

TEST_CASE("a call is settled once: a second settlement is a conflict and leaves nothing") {
  OrgFile org;
  const auto held = reservation_of(org.scope, org.clock.now());
  REQUIRE(org.reserve(held));
  const auto event = event_of(held, 12, org.clock.now());
  REQUIRE(org.settle(event));
  const auto settle_again = [&] {
    return org.run_in(Queue::settle, [&](Transaction& tx) { return settle_call(tx, event, org.group); });
  };
  SECTION("alone") {
    const auto again = settle_again();
    REQUIRE_FALSE(again);
    CHECK(again.error().code == Code::conflict);
  }
  SECTION("under a reservation of the same id, which then stays") {
    REQUIRE(org.reserve(held));
    const auto again = settle_again();
    REQUIRE_FALSE(again);
    CHECK(again.error().code == Code::conflict);
    CHECK(open_reservations(*org.reader())->size() == 1);
  }
  CHECK(number(org.path, "SELECT count(*) FROM usage_events") == 1);
  CHECK(number(org.path, "SELECT sum(amount) FROM ledger") == -12);
  CHECK(org.verify().ok());
}

TEST_CASE("a call that holds nothing is not charged") {
  OrgFile org;
  const auto event = event_of(reservation_of(org.scope, org.clock.now()), 12, org.clock.now());
  const auto stray =
      org.run_in(Queue::settle, [&](Transaction& tx) { return settle_call(tx, event, org.group); });
  REQUIRE_FALSE(stray);
  CHECK(stray.error().code == Code::internal);
  CHECK(number(org.path, "SELECT count(*) FROM usage_events") == 0);
  CHECK(number(org.path, "SELECT count(*) FROM ledger") == 0);
  CHECK(org.writers->committed(*org.file).sum[0] == 0);
  org.call(1);
  CHECK(org.verify().ok());
}

TEST_CASE("the same purchase again is replayed, another under its key is refused") {
  OrgFile org;
  const auto first = org.append(purchase_of(org.group, 1'000, "a", org.clock.now()));
  REQUIRE(first);
  CHECK_FALSE(first->replayed);
  org.clock.advance(day);
  auto again = purchase_of(org.group, 1'000, "a", org.clock.now());
  const auto replay = org.append(again);
  REQUIRE(replay);
  CHECK(replay->replayed);
  CHECK(replay->seq == first->seq);
  CHECK(replay->hash == first->hash);
  CHECK(replay->entry.id == first->entry.id);
  CHECK(replay->entry.created_at == first->entry.created_at);

  SECTION("amount") { again.amount = Credits::of(1'001); }
  SECTION("group") { again.group_id = BillingGroupId::mint(7); }
  SECTION("type") { again.type = EntryType::adjustment; }
  SECTION("metadata") { again.metadata = "{}"; }
  SECTION("call") { again.request_id = RequestId::mint(1); }
  const auto other = org.append(again);
  REQUIRE_FALSE(other);
  CHECK(other.error().code == Code::idempotency_mismatch);
  CHECK(ledger_sum(*org.reader(), org.group).value() == Credits::of(1'000));
}

TEST_CASE("refunds of a call together never exceed its charge") {
  OrgFile org;
  const auto event = org.call(100);
  REQUIRE(org.append(refund_of(org, event.request_id, 60, "1")));
  CHECK(refunded(*org.reader(), event.request_id).value() == Credits::of(60));
  CHECK(org.append(refund_of(org, event.request_id, 41, "2")).error().code == Code::conflict);
  CHECK(org.append(refund_of(org, event.request_id, 60, "1"))->replayed);
  REQUIRE(org.append(refund_of(org, event.request_id, 40, "3")));
  CHECK(org.append(refund_of(org, event.request_id, 1, "4")).error().code == Code::conflict);
  CHECK(org.append(refund_of(org, event.request_id, -5, "5")).error().code == Code::invalid);
  CHECK(org.append(refund_of(org, RequestId::mint(1), 1, "6")).error().code == Code::not_found);
  CHECK(refunded(*org.reader(), event.request_id).value() == Credits::of(100));
  CHECK(ledger_sum(*org.reader(), org.group).value() == Credits::of(0));
}

TEST_CASE("amounts and the balance stay in their bounds, and are never wrapped") {
  OrgFile org;
  CHECK(org.append(purchase_of(org.group, 9'007'199'254'740'992, "big", org.clock.now())).error().code ==
        Code::invalid);
  CHECK(org.append(purchase_of(org.group, -9'007'199'254'740'992, "small", org.clock.now())).error().code ==
        Code::invalid);
  // 512 times 2^53-1 is the most that stays within 2^62.
  const auto most = org.run([&](Transaction& tx) -> Result<void> {
    for (int i = 0; i < 512; ++i) {
      auto done =
          append_entry(tx, purchase_of(org.group, 9'007'199'254'740'991, std::to_string(i), org.clock.now()));
      if (!done) return std::unexpected(done.error());
    }
    return {};
  });
  REQUIRE(most);
  CHECK(org.append(purchase_of(org.group, 9'007'199'254'740'991, "more", org.clock.now())).error().code ==
        Code::invalid);
  CHECK(org.append(purchase_of(org.group, 512, "rest", org.clock.now())));
  CHECK(org.append(purchase_of(org.group, 1, "over", org.clock.now())).error().code == Code::invalid);
  CHECK(ledger_sum(*org.reader(), org.group).value() == Credits::of(std::int64_t{1} << 62));
}

TEST_CASE("start-up finds each key's spend of the day, the month and in all") {
  OrgFile org;
  const domain::Scope other = some_scope(org.org);
  const Timestamp now = org.clock.now();
  const Timestamp day_start{now.micros - 3'600'000'000};
  const Timestamp month_start{now.micros - 10 * day};
  const auto old = org.call(1'000, org.scope, Timestamp{now.micros - 40 * day});
  const auto last_week = org.call(100, org.scope, Timestamp{now.micros - 5 * day});
  const auto today = org.call(10, org.scope, day_start);
  org.call(7, other, now);
  org.call(0, some_scope(org.org), now);
  const auto spend_of = [&](const domain::Scope& scope) {
    const auto spends = spend_by_key(*org.reader(), day_start, month_start);
    REQUIRE(spends);
    REQUIRE(spends->size() == 2);
    const auto found = std::ranges::find(*spends, scope, &KeySpend::scope);
    REQUIRE(found != spends->end());
    return std::array{found->total.value(), found->month.value(), found->day.value()};
  };
  CHECK(spend_of(org.scope) == std::array<std::int64_t, 3>{1'110, 110, 10});
  CHECK(spend_of(other) == std::array<std::int64_t, 3>{7, 7, 7});

  // A refund that is made today gives back to the period in which the call was charged.
  REQUIRE(org.append(refund_of(org, old.request_id, 500, "1")));
  CHECK(spend_of(org.scope) == std::array<std::int64_t, 3>{610, 110, 10});
  REQUIRE(org.append(refund_of(org, last_week.request_id, 30, "2")));
  CHECK(spend_of(org.scope) == std::array<std::int64_t, 3>{580, 80, 10});
  REQUIRE(org.append(refund_of(org, today.request_id, 4, "3")));
  CHECK(spend_of(org.scope) == std::array<std::int64_t, 3>{576, 76, 6});
  CHECK(spend_of(other) == std::array<std::int64_t, 3>{7, 7, 7});
}

TEST_CASE("the statement shows the balance after each entry, also on later pages and in a window") {
  OrgFile org;
  for (int i = 1; i <= 7; ++i) {
    REQUIRE(org.append(purchase_of(org.group, i, std::to_string(i), org.clock.now())));
    org.clock.advance(day);
  }
  const auto first = read_ledger(*org.reader(), {}, Page{3, 0});
  REQUIRE(first);
  CHECK(first->total == 7);
  CHECK(first->next_seq == 3);
  CHECK(first->rows[2].balance_after == Credits::of(6));
  const auto second = read_ledger(*org.reader(), {}, Page{3, first->next_seq});
  CHECK(second->rows[0].seq == 4);
  CHECK(second->rows[0].balance_after == Credits::of(10));
  CHECK(second->next_seq == 6);
  const auto third = read_ledger(*org.reader(), {}, Page{3, second->next_seq});
  CHECK(third->rows.size() == 1);
  CHECK(third->next_seq == 0);
  CHECK(third->rows[0].balance_after == Credits::of(28));

  const std::int64_t start = 1'790'000'000'000'000;
  const Window window{Timestamp{start + 2 * day}, Timestamp{start + 4 * day}};
  const auto inside = read_ledger(*org.reader(), window, {});
  REQUIRE(inside->rows.size() == 2);
  CHECK(inside->total == 2);
  CHECK(inside->rows[0].entry.amount == Credits::of(3));
  CHECK(inside->rows[1].balance_after == Credits::of(10));
}

TEST_CASE("usage is listed newest first, page by page, by every filter") {
  OrgFile org;
  const domain::Scope other = some_scope(org.org);
  for (int i = 1; i <= 5; ++i) org.call(i);
  org.clock.advance(day);
  const auto last = org.call(6, other, org.clock.now());

  const auto count = [&](const UsageFilter& filter) {
    const auto found = read_usage(*org.reader(), filter, {});
    REQUIRE(found);
    CHECK(found->total == static_cast<std::int64_t>(found->rows.size()));
    return found->total;
  };
  const auto page = read_usage(*org.reader(), {}, Page{4, 0});
  REQUIRE(page);
  CHECK(page->total == 6);
  CHECK(page->rows.front().event.request_id == last.request_id);
  CHECK(page->next_seq == 3);
  const auto rest = read_usage(*org.reader(), {}, Page{4, page->next_seq});
  CHECK(rest->rows.size() == 2);
  CHECK(rest->rows.back().seq == 1);
  CHECK(rest->next_seq == 0);

  UsageFilter filter;
  SECTION("workspace") { filter.workspace = other.workspace; }
  SECTION("group") { filter.group = other.group; }
  SECTION("agent") { filter.agent = other.agent; }
  SECTION("key") { filter.key = other.key; }
  SECTION("window") { filter.window.since = org.clock.now(); }
  CHECK(count(filter) == 1);
  filter.status = "ERROR";
  CHECK(count(filter) == 0);
  filter.status = "SUCCESS";
  filter.model = "gpt-4o-mini-2024-07-18";
  CHECK(count(filter) == 1);
  filter.model = "other";
  CHECK(count(filter) == 0);
}

TEST_CASE("reports add up calls, tokens, credits and exact cost, most credits first") {
  OrgFile org;
  const domain::Scope other = some_scope(org.org);
  org.call(5);
  org.call(5);
  org.call(30, other, org.clock.now());
  domain::UsageEvent blocked = event_of(reservation_of(org.scope, org.clock.now()), 0, org.clock.now());
  blocked.status = domain::CallStatus::policy_blocked;
  REQUIRE(org.run([&](Transaction& tx) { return insert_event(tx, blocked); }));

  const auto agents = sum_usage(*org.reader(), UsageBy::agent, {}, 10);
  REQUIRE(agents);
  REQUIRE(agents->size() == 2);
  CHECK((*agents)[0].id == other.agent.bytes);
  CHECK((*agents)[1].id == org.scope.agent.bytes);
  CHECK((*agents)[1].calls == 2);
  CHECK((*agents)[1].credits == Credits::of(10));
  // Each event has 1 + 2 + 3 + 4 + 7 tokens in and 5 + 6 + 8 out.
  CHECK((*agents)[1].input_tokens == 34);
  CHECK((*agents)[1].output_tokens == 38);
  CHECK((*agents)[1].cost.usd() == "0.000054");
  CHECK(sum_usage(*org.reader(), UsageBy::key, {}, 1)->size() == 1);
  for (const auto& [by, name] : {std::pair(UsageBy::model, "gpt-4o-mini-2024-07-18"),
                                 std::pair(UsageBy::provider, "openai"), std::pair(UsageBy::user, "alice")}) {
    const auto sums = sum_usage(*org.reader(), by, {}, 10);
    REQUIRE(sums);
    REQUIRE(sums->size() == 1);
    CHECK(sums->front().name == name);
    CHECK(sums->front().calls == 3);
  }
  UsageFilter filter;
  filter.agent = other.agent;
  CHECK(sum_usage(*org.reader(), UsageBy::model, filter, 10)->front().credits == Credits::of(30));
}

TEST_CASE("the audit log is read newest first, by actor, event, prefix of events and resource") {
  OrgFile org;
  for (const char* event : {"agent.create", "agent.delete", "org.create", "agents.other"}) org.audit(event);
  const auto events = [&](const AuditFilter& filter) {
    const auto found = read_audit(*org.reader(), filter, {});
    REQUIRE(found);
    CHECK(found->total == static_cast<std::int64_t>(found->rows.size()));
    std::vector<std::string> types;
    for (const auto& row : found->rows) types.push_back(row.record.event_type);
    return types;
  };
  using Types = std::vector<std::string>;
  CHECK(events({}) == Types{"agents.other", "org.create", "agent.delete", "agent.create"});
  CHECK(events(filter_by(&AuditFilter::event, "agent.create")) == Types{"agent.create"});
  CHECK(events(filter_by(&AuditFilter::event, "agent.*")) == Types{"agent.delete", "agent.create"});
  CHECK(events(filter_by(&AuditFilter::actor, "uid:1")).empty());
  CHECK(events(filter_by(&AuditFilter::actor, "uid:1000")).size() == 4);
  for (const char* resource : {"id-1", "acme/prod/support/triage", "agent"}) {
    CHECK(events(filter_by(&AuditFilter::resource, resource)).size() == 4);
  }
  CHECK(events(filter_by(&AuditFilter::resource, "other")).empty());
  const auto page = read_audit(*org.reader(), {}, Page{3, 0});
  CHECK(page->next_seq == 2);
  const auto rest = read_audit(*org.reader(), {}, Page{3, 2});
  REQUIRE(rest->rows.size() == 1);
  CHECK(rest->next_seq == 0);
  const auto& record = rest->rows.front().record;
  CHECK(record.actor_kind == "local");
  CHECK(record.description == "made an agent");
  CHECK(record.metadata == R"({"a":1})");
  CHECK(record.request_id.has_value());
  CHECK(record.correlation_id == "corr-1");
  CHECK(record.ip == "127.0.0.1");
  CHECK(record.user_agent == "govctl/1");
}

TEST_CASE("rules are kept once under the first 8 bytes of their SHA-256") {
  OrgFile org;
  // SHA-256("abc") begins ba7816bf 8f01cfea.
  const std::int64_t id = rules_id_of("abc");
  CHECK(static_cast<std::uint64_t>(id) == 0xba7816bf8f01cfeaU);
  for (int i = 0; i < 2; ++i) CHECK(org.run([&](Transaction& tx) { return insert_rules(tx, id, "abc"); }));
  CHECK(number(org.path, "SELECT count(*) FROM rule_snapshots WHERE rules = 'abc'") == 1);
}
