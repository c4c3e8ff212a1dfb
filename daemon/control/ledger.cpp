#include "daemon/control/calls_by_id.h"
#include "daemon/control/changes.h"
#include "daemon/control/checks.h"
#include "daemon/control/handlers.h"
#include "daemon/control/pages.h"
#include "daemon/control/present.h"
#include "daemon/control/resolve.h"

namespace govctl::control {
namespace {

Subject subject_of(const domain::Org& org) { return {"ledger", org.id.text(), org.slug}; }

// The key of a ledger write: the body's, else the Idempotency-Key header's, else a new one.
Result<std::string> key_of(const Request& request, const std::optional<std::string>& in_body) {
  std::string key = in_body ? *in_body : request.idempotency_key;
  if (in_body && !request.idempotency_key.empty() && *in_body != request.idempotency_key) {
    return fail(Code::invalid, "the Idempotency-Key header and 'idempotency_key' differ");
  }
  if (!in_body && key.empty()) return request.id.text();
  if (auto ok = check_name("idempotency_key", key); !ok) return std::unexpected(ok.error());
  return key;
}

Result<void> check_amount(std::int64_t amount) {
  if (amount != 0 && amount >= -max_amount && amount <= max_amount) return {};
  return fail(Code::invalid, fmt::format("'amount' must be a whole number of credits from -{} to {}, and not 0",
                                         max_amount, max_amount));
}

// The entry as stored, with the balance after it: read back, for others may have written since.
Answer entry_answer(Request& request, std::shared_ptr<tenant::Tenant> tenant, store::Appended appended) {
  store::StoredEntry stored{appended.seq, appended.entry, Credits(), appended.hash};
  if (request.dry_run && !appended.replayed) {
    const auto after = tenant->balance().balance.plus(appended.entry.amount);
    stored.balance_after = after.value_or(Credits());
    co_return created(shown(stored));
  }
  Query<store::Rows<store::StoredEntry>> query = [seq = appended.seq](store::Connection& db) {
    store::Page page;
    page.limit = 1;
    page.after_seq = seq - 1;
    return store::read_ledger(db, store::Window{}, page);
  };
  auto rows = co_await tenant->read(std::move(query));
  if (!rows) co_return std::unexpected(rows.error());
  if (!rows->rows.empty()) stored = rows->rows.front();
  co_return reply(shown(stored), appended.replayed ? 200 : 201);
}

domain::LedgerEntry entry_of(const Request& request, const domain::Org& org, domain::EntryType type,
                             std::int64_t amount, std::string key, const Json& metadata) {
  domain::LedgerEntry entry;
  entry.id = EntryId::mint(request.now.millis());
  entry.group_id = org.billing_group;
  entry.amount = Credits::of(amount);
  entry.type = type;
  entry.idempotency_key = std::move(key);
  if (!metadata.empty()) entry.metadata = json_text(metadata);
  entry.actor = request.principal.actor;
  entry.created_at = request.now;
  return entry;
}

// What the audit log tells of an entry.
Json told_of(const domain::LedgerEntry& entry, const Json& metadata) {
  Json told{{"amount", entry.amount.value()}, {"idempotency_key", entry.idempotency_key}};
  for (const auto& [name, value] : metadata.items()) told[name] = value;
  return told;
}

}  // namespace

Answer purchase_credits(Request& request) {
  auto body = request.decoded<api::Purchase>();
  if (!body) co_return std::unexpected(body.error());
  if (auto ok = check_positive("amount", body->amount); !ok) co_return std::unexpected(ok.error());
  Json metadata = Json::object();
  if (body->reference) {
    if (auto ok = check_name("reference", *body->reference); !ok) co_return std::unexpected(ok.error());
    metadata["reference"] = *body->reference;
  }
  auto key = key_of(request, body->idempotency_key);
  if (!key) co_return std::unexpected(key.error());
  auto at = find_org(request, body->org);
  if (!at) co_return std::unexpected(at.error());
  auto entry = entry_of(request, at->org(), domain::EntryType::credit_purchase, body->amount,
                        "purchase:" + *key, metadata);
  auto audit = Author(request).record("ledger.purchase", subject_of(at->org()),
                                      fmt::format("bought {} credits for {}", body->amount, at->org().slug),
                                      told_of(entry, metadata));
  auto appended = co_await at->tenant->append(std::move(entry), std::move(audit), false, request.dry_run);
  if (!appended) co_return std::unexpected(appended.error());
  co_return co_await entry_answer(request, at->tenant, std::move(*appended));
}

Answer adjust_ledger(Request& request) {
  auto at = find_org(request, request.parameter(0));
  if (!at) co_return std::unexpected(at.error());
  auto body = request.decoded<api::Adjustment>();
  if (!body) co_return std::unexpected(body.error());
  if (auto ok = check_amount(body->amount); !ok) co_return std::unexpected(ok.error());
  if (auto ok = check_name("reason", body->reason); !ok) co_return std::unexpected(ok.error());
  auto key = key_of(request, body->idempotency_key);
  if (!key) co_return std::unexpected(key.error());
  Json metadata = Json::object();
  metadata["reason"] = body->reason;
  auto entry =
      entry_of(request, at->org(), domain::EntryType::adjustment, body->amount, "adjust:" + *key, metadata);
  auto audit = Author(request).record(
      "ledger.adjust", subject_of(at->org()),
      fmt::format("adjusted the ledger of {} by {} credits", at->org().slug, body->amount),
      told_of(entry, metadata));
  auto appended = co_await at->tenant->append(std::move(entry), std::move(audit),
                                              body->allow_negative.value_or(false), request.dry_run);
  if (!appended) co_return std::unexpected(appended.error());
  co_return co_await entry_answer(request, at->tenant, std::move(*appended));
}

Answer refund_call(Request& request) {
  auto body = request.decoded<api::Refund>();
  if (!body) co_return std::unexpected(body.error());
  if (auto ok = check_positive("amount", body->amount); !ok) co_return std::unexpected(ok.error());
  if (body->reason) {
    if (auto ok = check_name("reason", *body->reason); !ok) co_return std::unexpected(ok.error());
  }
  auto key = key_of(request, body->idempotency_key);
  if (!key) co_return std::unexpected(key.error());
  auto call = co_await find_call(request, request.parameter(0));
  if (!call) co_return std::unexpected(call.error());
  const std::string slug = call->at.org().slug;
  const RequestId id = call->stored.event.request_id;
  Json metadata = Json::object();
  metadata["request_id"] = id.text();
  if (body->amount) metadata["amount"] = *body->amount;
  if (body->reason) metadata["reason"] = *body->reason;
  std::optional<Credits> amount;
  if (body->amount) amount = Credits::of(*body->amount);
  auto audit = Author(request).record("ledger.refund", subject_of(call->at.org()),
                                      fmt::format("refunded call {} of {}", id.text(), slug), metadata);
  const std::string reason = body->reason.value_or("");
  auto appended = co_await call->at.tenant->refund(id, amount, *key, reason, std::move(audit), request.dry_run);
  if (!appended) co_return std::unexpected(appended.error());
  co_return co_await entry_answer(request, call->at.tenant, std::move(*appended));
}

Answer list_ledger(Request& request) {
  auto at = find_org(request, request.parameter(0));
  if (!at) co_return std::unexpected(at.error());
  auto window = window_of(request);
  if (!window) co_return std::unexpected(window.error());
  auto page = seq_page(request);
  if (!page) co_return std::unexpected(page.error());
  Query<store::Rows<store::StoredEntry>> query = [window = *window, page = *page](store::Connection& db) {
    return store::read_ledger(db, window, page);
  };
  auto rows = co_await at->tenant->read(std::move(query));
  if (!rows) co_return std::unexpected(rows.error());
  api::List<api::Entry> list;
  for (const auto& row : rows->rows) list.items.push_back(shown(row));
  list.next = seq_cursor(*rows);
  list.total = rows->total;
  co_return reply(list);
}

// One entry a line, in pages, so that a long ledger is never in memory as a whole.
Answer export_ledger(Request& request) {
  auto at = find_org(request, request.parameter(0));
  if (!at) co_return std::unexpected(at.error());
  Reply sent;
  sent.sent = true;
  store::Page page;
  page.limit = 1000;
  bool started = false;
  for (;;) {
    Query<store::Rows<store::StoredEntry>> query = [page](store::Connection& db) {
      return store::read_ledger(db, store::Window{}, page);
    };
    auto rows = co_await at->tenant->read(std::move(query));
    if (!rows) {
      if (!started) co_return std::unexpected(rows.error());
      request.exchange.abort();  // no reader may take half a ledger for a whole one
      co_return sent;
    }
    std::string lines;
    for (const auto& row : rows->rows) lines += json_text(api::encode(shown(row))) + '\n';
    if (!started) {
      http::Headers headers = answer_headers(request, "application/jsonl");
      auto begun = co_await request.exchange.start(200, std::move(headers));
      if (!begun) co_return sent;
      started = true;
    }
    if (rows->next_seq == 0) {
      auto finished = co_await request.exchange.finish(lines);
      if (!finished) request.exchange.abort();
      co_return sent;
    }
    auto written = co_await request.exchange.write(lines);
    if (!written) co_return sent;
    page.after_seq = rows->next_seq;
  }
}

}  // namespace govctl::control
