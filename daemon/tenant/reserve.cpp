// One call's money: reserve, wait, settle (30-ledger.md "One call").

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <nlohmann/json.hpp>

#include "daemon/telemetry/log.h"
#include "daemon/telemetry/metrics.h"
#include "daemon/telemetry/spans.h"
#include "daemon/tenant/decision.h"
#include "daemon/tenant/state.h"

namespace govctl::tenant {

using domain::Cause;
using domain::Decision;
using domain::Refusal;

namespace {

Refusal refusal_of(Cause cause, std::string message, std::string path = {}, std::string next = {}) {
  Refusal refusal;
  refusal.cause = cause;
  refusal.message = std::move(message);
  refusal.path = std::move(path);
  refusal.next = std::move(next);
  return refusal;
}

domain::UsageEvent event_of(const CallFacts& call, const Snapshot& snapshot, const Node& key, Timestamp now,
                            std::int64_t steady) {
  domain::UsageEvent event;
  event.request_id = call.request_id;
  event.client_request_id = call.client_request_id;
  event.scope = snapshot.scope(key);
  event.user = call.user;
  event.session = call.session;
  event.tags = call.tags;
  event.dialect = call.dialect;
  event.model = call.ask.model;
  event.credits_per_usd = snapshot.config().org.credits_per_usd;
  event.latency_ms = std::max<std::int64_t>((steady - call.began_steady) / 1000, 0);
  event.rules_id = key.rules_id;
  event.created_at = now;
  return event;
}

// Why it was not admitted, with all the lines that were compared.
Refusal refusal_of(const Decision& decision, const domain::MoneyLines& money, const domain::RateLines& rates,
                   const std::array<const Node*, level_count>& nodes, Timestamp now) {
  Refusal refusal;
  if (decision.kind == Decision::Kind::refuse_rate) {
    refusal = domain::rate_refusal(*decision.rate, nodes[static_cast<std::size_t>(decision.rate->level)]->path);
  } else {
    refusal = no_room(*decision.money, decision.needed, nodes, now);
  }
  refusal.money.assign(money.begin(), money.end());
  refusal.rates.assign(rates.begin(), rates.end());
  return refusal;
}

// What the candidates that the rules allow need together.
struct Covered {
  domain::Demand demand;
  std::bitset<domain::max_alias_targets> candidates;
  std::size_t dearest = 0;
};

// A refusal when the rules allow none of them: of the first.
std::expected<Covered, Refusal> cover(const CallFacts& facts, const Route& route) {
  const Node& key = *facts.caller.key;
  const std::int64_t rate = facts.caller.snapshot->config().org.credits_per_usd;
  Covered covered;
  std::optional<Refusal> refused;
  Credits most;
  for (std::size_t i = 0; i < route.candidates.size(); ++i) {
    const Candidate& candidate = route.candidates[i];
    auto demand = domain::check_rules(*key.rules, facts.ask, candidate.provider->name, candidate.upstream_model,
                                      *candidate.price, rate);
    if (!demand) {
      if (!refused) refused = std::move(demand.error());
      continue;
    }
    const Credits worst = *demand->hold(demand->output_tokens);  // check_rules has seen that it fits
    if (covered.candidates.none() || worst > most) {
      most = worst;
      covered.dearest = i;
    }
    if (covered.candidates.none()) {
      covered.demand = std::move(*demand);
    } else {
      covered.demand.cover(*demand);
    }
    covered.candidates.set(i);
  }
  if (covered.candidates.any()) return covered;
  refused->path = key.path;
  if (refused->next.empty()) refused->next = fmt::format("govctl policy effective {}", key.path);
  return std::unexpected(std::move(*refused));
}

Measured measured_of(const HoldFacts& hold, std::int64_t steady) {
  const domain::Outcome& outcome = hold.outcome;
  Measured measured;
  measured.duration_us = std::max<std::int64_t>(steady - hold.call.began_steady, 0);
  if (outcome.sent) measured.upstream_us = std::max<std::int64_t>(steady - hold.granted_steady, 0);
  measured.stream = hold.call.ask.stream;
  if (measured.stream && outcome.first_byte_ms) measured.first_chunk_us = *outcome.first_byte_ms * 1000;
  measured.began = hold.call.began;
  if (otlp::spans().wanted()) {
    measured.agent = hold.call.caller.snapshot->chain(*hold.call.caller.key)[3]->path;
    measured.answered_model = outcome.answered_model;
  }
  return measured;
}

// A call that was settled, durably.
void tell_telemetry(const domain::UsageEvent& event, const Measured& measured) {
  metrics::process().call_finished({.provider = event.provider,
                                    .model = event.price_model,
                                    .dialect = event.dialect,
                                    .status = event.status,
                                    .usage = event.usage,
                                    .credits = event.credits_charged,
                                    .duration_us = measured.duration_us,
                                    .upstream_us = measured.upstream_us,
                                    .first_chunk_us = measured.first_chunk_us});
  if (!otlp::spans().wanted()) return;
  otlp::spans().add({.request_id = event.request_id,
                     .agent = measured.agent,
                     .dialect = event.dialect,
                     .provider = event.provider,
                     .model = event.model,
                     .answered_model = measured.answered_model,
                     .status = event.status,
                     .cause = event.cause,
                     .usage = event.usage,
                     .credits = event.credits_charged,
                     .stream = measured.stream,
                     .first_chunk_us = measured.first_chunk_us,
                     .start = measured.began,
                     .end = Timestamp{measured.began.micros + measured.duration_us}});
}

}  // namespace

Refusal no_room(const domain::MoneyLine& line, Credits needed,
                const std::array<const Node*, level_count>& nodes, Timestamp now) {
  const std::string& path = nodes[static_cast<std::size_t>(line.level)]->path;
  Refusal refusal = domain::money_refusal(line, needed, path, now);
  if (refusal.cause == Cause::budget) refusal.next = fmt::format("govctl budget explain {}", refusal.path);
  if (refusal.cause == Cause::key_limit) refusal.next = fmt::format("govctl key list {}", refusal.path);
  return refusal;
}

// --- reserve

void Tenant::contend(Contender& contender, bool last, const std::vector<std::uint64_t>& older) {
  State& state = *state_;
  const std::int64_t second = services_.clock->steady_micros() / micros_per_second;
  state.meters.roll(services_.clock->now());
  contender.money.size = 0;
  contender.rates.size = 0;
  state.meters.money_lines(*contender.snapshot, contender.nodes, contender.meters, contender.money);
  Meters::rate_lines(*contender.nodes[4]->rules, contender.meters, second, contender.demand->rate_tokens,
                     contender.rates);
  contender.decision = domain::decide(*contender.demand, contender.rates, contender.money, last);
  Decision& decision = contender.decision;

  if (decision.kind == Decision::Kind::admit && !older.empty()) {
    for (const domain::MoneyLine& line : contender.money) {
      if (std::ranges::find(older, line.meter) == older.end()) continue;
      decision.kind = Decision::Kind::wait;
      decision.money = &line;
      break;
    }
  }
  if (decision.kind == Decision::Kind::wait) contender.blocked_on = decision.money->meter;
  if (decision.kind != Decision::Kind::admit) return;

  state.meters.hold(contender.meters, decision.hold);
  contender.rate =
      Meters::enter_rates(*contender.nodes[4]->rules, contender.meters, second, contender.demand->rate_tokens);
}

void Tenant::wake_waiters() {
  State& state = *state_;
  std::vector<std::uint64_t> blocked;  // meters that an older one still waits for
  for (auto at = state.waiters.begin(); at != state.waiters.end();) {
    Waiter& waiter = **at;
    Contender& contender = *waiter.contender;
    // Behind an older one, too, it may have become clear that it can never be met.
    contend(contender, false, blocked);
    if (contender.decision.kind == Decision::Kind::wait) {
      if (std::ranges::find(blocked, contender.blocked_on) == blocked.end())
        blocked.push_back(contender.blocked_on);
      ++at;
      continue;
    }
    waiter.decided = true;
    asio::post(waiter.timer.get_executor(), [keep = *at] { keep->timer.cancel(); });
    at = state.waiters.erase(at);
  }
}

// Afterwards the contender is decided: by others' settling, or because its time is up or the queue is full.
asio::awaitable<void> Tenant::wait_for_room(Contender& contender) {
  const auto executor = co_await asio::this_coro::executor;
  auto waiter = std::make_shared<Waiter>(executor, contender);
  // Leaves the queue however the coroutine ends.
  struct Place {
    Tenant& tenant;
    std::shared_ptr<Waiter> waiter;
    ~Place() {
      const std::scoped_lock lock(tenant.state_->mutex);
      if (waiter->decided) return;
      tenant.state_->waiters.remove(waiter);
      tenant.wake_waiters();
    }
  };
  {
    const std::scoped_lock lock(state_->mutex);
    // Between the decision and here somebody may have settled.
    const bool full = state_->waiters.size() >= max_waiters;
    contend(contender, full, full ? std::vector<std::uint64_t>{} : state_->waited_for());
    if (contender.decision.kind != Decision::Kind::wait) co_return;
    state_->waiters.push_back(waiter);
  }
  const Place place{*this, waiter};
  waiter->timer.expires_after(max_wait);
  boost::system::error_code ignored;
  co_await waiter->timer.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
  const std::scoped_lock lock(state_->mutex);
  if (waiter->decided) co_return;
  // Decided in the step in which it leaves the queue: nobody can admit it a second time.
  waiter->decided = true;
  state_->waiters.remove(waiter);
  contend(contender, true, {});
  wake_waiters();  // those who stood behind it
}

asio::awaitable<std::expected<Hold, Refusal>> Tenant::reserve(const CallFacts& facts, const Route& route) {
  Contender contender;
  contender.snapshot = facts.caller.snapshot;
  const Snapshot& snapshot = *contender.snapshot;
  const Node& key = *facts.caller.key;
  contender.nodes = snapshot.chain(key);
  if (auto refusal = inactive(snapshot, contender.nodes)) co_return std::unexpected(std::move(*refusal));
  auto covered = cover(facts, route);
  if (!covered) co_return std::unexpected(std::move(covered.error()));
  contender.demand = &covered->demand;

  bool waited = false;
  bool write_rules = false;
  {
    const std::scoped_lock lock(state_->mutex);
    contender.meters = state_->meters.chain(snapshot.scope(key));
    contend(contender, false, state_->waited_for());
    write_rules = !state_->rules_written.contains(key.rules_id);
  }
  if (contender.decision.kind == Decision::Kind::wait) {
    waited = true;
    co_await wait_for_room(contender);
  }
  const Decision& decision = contender.decision;
  if (decision.kind != Decision::Kind::admit) {
    co_return std::unexpected(
        refusal_of(decision, contender.money, contender.rates, contender.nodes, services_.clock->now()));
  }

  // The hold in memory is given back whatever ends this coroutine before its row is known to be there; a row
  // without its owner is settled by the next start.
  struct Grant {
    Tenant& tenant;
    const Contender& contender;
    bool kept = false;
    ~Grant() {
      if (kept) return;
      const std::scoped_lock lock(tenant.state_->mutex);
      tenant.state_->meters.release(contender.meters, contender.decision.hold);
      Meters::withdraw_rates(contender.rate, contender.meters);
      tenant.wake_waiters();
    }
  };
  Grant grant{*this, contender};

  auto hold = std::make_unique<HoldFacts>();
  hold->tenant = shared_from_this();
  hold->call = facts;
  hold->route = route;
  hold->covered = covered->candidates;
  hold->asked = covered->dearest;
  hold->meters = contender.meters;
  hold->reserved = decision.hold;
  hold->output_tokens = decision.output_tokens;
  hold->input_tokens = covered->demand.input_tokens;
  hold->by_estimate = covered->demand.first_output.has_value();
  hold->rate = contender.rate;
  hold->clamped = decision.clamped;
  hold->waited = waited;
  hold->decision = decision_json(contender.money);

  domain::Reservation reservation;
  reservation.request_id = facts.request_id;
  reservation.scope = snapshot.scope(key);
  reservation.dialect = facts.dialect;
  // The dearest candidate: a call that a crash leaves is charged the hold, which is its.
  const Candidate& dearest = route.candidates[covered->dearest];
  reservation.provider = dearest.provider->name;
  reservation.model = facts.ask.model;
  reservation.price_model = dearest.price->model;
  reservation.price_version = dearest.price->version;
  reservation.credits_per_usd = snapshot.config().org.credits_per_usd;
  reservation.stream = facts.ask.stream;
  reservation.reserved = decision.hold;
  reservation.rules_id = key.rules_id;
  reservation.created_at = services_.clock->now();

  store::Reserved record{std::move(reservation), write_rules ? key.rules_json : std::string{},
                         facts.idempotency_key, facts.fingerprint};
  metrics::Timer timer(metrics::Stage::reserve);
  auto committed = co_await record_call(services_, *file_, std::move(record));
  if (!committed) {
    log::error("a reservation could not be written",
               {{log::Field::request_id, facts.request_id.text()},
                {log::Field::org, snapshot.root().slug},
                {log::Field::code, govctl::facts(committed.error().code).word}});
    co_return std::unexpected(refusal_of(Cause::unavailable,
                                         "the ledger cannot be written now; the call was not made", key.path,
                                         "govctl status"));
  }
  timer.done();
  grant.kept = true;
  if (write_rules) {
    const std::scoped_lock lock(state_->mutex);
    state_->rules_written.insert(key.rules_id);
  }
  hold->granted_steady = services_.clock->steady_micros();
  co_return Hold(std::move(hold));
}

std::expected<Considered, Refusal> Tenant::consider(const Caller& caller, const domain::Ask& ask,
                                                    const Route& route) const {
  CallFacts facts;
  facts.caller = caller;
  facts.ask = ask;
  const auto nodes = caller.snapshot->chain(*caller.key);
  if (auto refusal = inactive(*caller.snapshot, nodes)) return std::unexpected(std::move(*refusal));
  auto covered = cover(facts, route);
  if (!covered) return std::unexpected(std::move(covered.error()));
  domain::MoneyLines money;
  domain::RateLines rates;
  Decision decision;
  {
    const std::int64_t second = services_.clock->steady_micros() / micros_per_second;
    const std::scoped_lock lock(state_->mutex);
    state_->meters.roll(services_.clock->now());
    MeterChain meters{};
    for (std::size_t i = 0; i < level_count; ++i) {
      if (nodes[i] != nullptr) meters[i] = &state_->meters.at(nodes[i]->id);
    }
    state_->meters.money_lines(*caller.snapshot, nodes, meters, money);
    Meters::rate_lines(*caller.key->rules, meters, second, covered->demand.rate_tokens, rates);
    decision = domain::decide(covered->demand, rates, money, true);
  }
  if (decision.kind != Decision::Kind::admit) {
    return std::unexpected(refusal_of(decision, money, rates, nodes, services_.clock->now()));
  }
  return Considered{&route.candidates[covered->dearest],
                    decision.hold,
                    decision.output_tokens,
                    decision.clamped,
                    {money.begin(), money.end()}};
}

// --- settle

Hold::Hold(std::unique_ptr<HoldFacts> facts) : facts_(std::move(facts)) {}
Hold::Hold(Hold&&) noexcept = default;

Hold::~Hold() {
  if (!facts_ || facts_->settled) return;
  HoldFacts& hold = *facts_;
  if (hold.outcome.cause.empty()) {
    hold.outcome.cause = "abandoned";
    hold.outcome.answered = 500;
  }
  hold.tenant->settle(hold, {});
}

std::int64_t Hold::output_tokens() const { return facts_->output_tokens; }
bool Hold::clamped() const { return facts_->clamped; }
Credits Hold::reserved() const { return facts_->reserved; }
bool Hold::covers(std::size_t candidate) const { return facts_->covered.test(candidate); }
void Hold::ask(std::size_t candidate) { facts_->asked = candidate; }
domain::Outcome& Hold::outcome() { return facts_->outcome; }

asio::awaitable<Result<domain::Charge>> Hold::settle() {
  domain::Charge charge;
  std::move_only_function<void(store::Done)> start = [this, &charge](store::Done done) {
    charge = facts_->tenant->settle(*facts_, std::move(done));
  };
  auto committed = co_await await_done(std::move(start));
  if (!committed) co_return std::unexpected(committed.error());
  co_return charge;
}

domain::Charge Tenant::settle(HoldFacts& hold, store::Done done) {
  hold.settled = true;
  const CallFacts& call = hold.call;
  const domain::Outcome& outcome = hold.outcome;
  const Snapshot& snapshot = *call.caller.snapshot;
  const Candidate& asked = hold.route.candidates[hold.asked];
  domain::Charge charge =
      domain::charge_of(outcome, call.ask, *asked.price, snapshot.config().org.credits_per_usd, hold.reserved);
  if (hold.clamped) charge.flags.set(domain::CallFlag::clamped);
  if (hold.waited) charge.flags.set(domain::CallFlag::waited);

  Settlement settlement;
  {
    const std::scoped_lock lock(state_->mutex);
    settlement.time = state_->meters.charge_time(services_.clock->now());
  }
  domain::UsageEvent& event = *settlement.event;
  event = event_of(call, snapshot, *call.caller.key, settlement.time.at, services_.clock->steady_micros());
  event.provider = asked.provider->name;
  event.price_model = asked.price->model;
  event.price_version = asked.price->version;
  event.usage = charge.usage;
  event.cost_usd = charge.cost.usd();
  event.reserved = hold.reserved;
  event.credits_charged = charge.credits;
  event.first_byte_ms = outcome.first_byte_ms;
  event.attempts = outcome.attempts;
  event.status = outcome.status;
  event.cause = outcome.cause;
  event.completion = outcome.completion;
  event.flags = charge.flags;
  event.error_message = outcome.error_message;
  event.decision = outcome.decision.empty() ? std::move(hold.decision) : outcome.decision;
  settlement.group = snapshot.config().org.billing_group;
  settlement.meters = hold.meters;
  settlement.rate = hold.rate;
  if (!call.idempotency_key.empty()) {
    settlement.idempotency_key = call.idempotency_key;
    settlement.answered = outcome.answered;
  }
  settlement.measured = measured_of(hold, services_.clock->steady_micros());
  submit(std::move(settlement), std::move(done));
  return charge;
}

void Tenant::submit(Settlement settlement, store::Done done) {
  store::Settled record{settlement.event, settlement.group, settlement.answered};
  metrics::Timer timer(metrics::Stage::settle);
  store::Done after = [self = shared_from_this(), settlement = std::move(settlement), done = std::move(done),
                       timer](Result<void> result) mutable {
    if (result) {
      timer.done();
      self->settled(settlement);
    } else {
      log::error("a settlement could not be written; its reservation stays",
                 {{log::Field::request_id, settlement.event->request_id.text()},
                  {log::Field::credits, settlement.event->credits_charged.value()},
                  {log::Field::code, govctl::facts(result.error().code).word}});
      if (result.error().code == Code::unavailable) {
        if (settlement.answered != 0) settlement.answered = 503;  // the answer was withheld
        const std::scoped_lock lock(self->state_->mutex);
        self->state_->unsettled.push_back(std::move(settlement));
      }
    }
    if (done) done(std::move(result));
  };
  services_.writers->submit_call(*file_, std::move(record), std::move(after));
}

// Once it is durable: memory follows the disk.
void Tenant::settled(const Settlement& settlement) {
  const domain::UsageEvent& event = *settlement.event;
  tell_telemetry(event, settlement.measured);
  if (settlement.answered != 0) {
    state_->idempotency.finish(event.scope.key, settlement.idempotency_key, event.request_id,
                               settlement.answered);
  }
  const std::int64_t credits = event.credits_charged.value();
  std::vector<std::pair<const Node*, const domain::Budget*>> reached;
  std::shared_ptr<const Snapshot> snapshot;
  {
    const std::scoped_lock lock(state_->mutex);
    Meters& meters = state_->meters;
    meters.roll(services_.clock->now());
    meters.release(settlement.meters, event.reserved);
    meters.balance -= credits;
    Meters::correct_rates(settlement.rate, settlement.meters,
                          event.usage.input_tokens() + event.usage.output_tokens());
    // As the next start will count it: a period may have begun since the charge was made.
    const std::int64_t month = settlement.time.month == meters.month_start() ? credits : 0;
    const std::int64_t day = settlement.time.day == meters.day_start() ? credits : 0;
    snapshot = state_->snapshot;
    const std::array<Uuid, level_count> ids{event.scope.org.bytes, event.scope.workspace.bytes,
                                            event.scope.group.bytes, event.scope.agent.bytes,
                                            event.scope.key.bytes};
    for (std::size_t i = 0; i < level_count; ++i) {
      const Node* node = snapshot->find(ids[i]);
      if (node == nullptr) continue;
      for (const std::size_t row : node->budgets) {
        const domain::Budget& budget = snapshot->config().budgets[row];
        const std::int64_t before = settlement.meters[i]->spent(budget.period);
        const std::int64_t adds = budget.period == domain::Period::daily     ? day
                                  : budget.period == domain::Period::monthly ? month
                                                                             : credits;
        if (budget.auto_disable && before < budget.limit.value() && before + adds >= budget.limit.value()) {
          reached.emplace_back(node, &budget);
        }
      }
    }
    Meters::spend(settlement.meters, credits, month, day);
    wake_waiters();
  }
  for (const auto& [node, budget] : reached) {
    domain::AuditRecord audit;
    audit.id = AuditId::mint(event.created_at.millis());
    audit.actor_kind = "system";
    audit.actor = "govd";
    audit.event_type = "budget.exhausted";
    audit.resource_type = "budget";
    audit.resource_id = budget->id.text();
    audit.resource_name = node->path;
    audit.description = fmt::format("the {} budget of {} is spent: the agents below it are BUDGET_EXHAUSTED",
                                    domain::period_word(budget->period), node->path);
    audit.request_id = event.request_id;
    audit.created_at = event.created_at;
    services_.writers->submit(
        *file_, store::Queue::settle,
        [audit = std::move(audit)](store::Transaction& tx) { return store::append_audit(tx, audit); }, {});
  }
}

// --- refusals

asio::awaitable<bool> Tenant::record_refusal(const CallFacts& facts, const Refusal& refusal,
                                             const Route* route) {
  metrics::process().refused(refusal.cause);
  const Snapshot& snapshot = *facts.caller.snapshot;
  const Node& key = *facts.caller.key;
  domain::UsageEvent event =
      event_of(facts, snapshot, key, services_.clock->now(), services_.clock->steady_micros());
  if (route != nullptr) {
    event.provider = route->first().provider->name;
    event.price_model = route->first().price->model;
    event.price_version = route->first().price->version;
  }
  event.status = domain::status_of(refusal.cause);
  event.cause = domain::cause_word(refusal.cause);
  event.error_message = refusal.message;
  event.decision = decision_json(refusal);

  const std::int64_t second = services_.clock->steady_micros() / micros_per_second;
  bool write_rules = false;
  {
    const std::scoped_lock lock(state_->mutex);
    write_rules = !state_->rules_written.contains(key.rules_id);
    RefusalBurst& burst = state_->refusals[KeyId{key.id}];
    if (burst.second != second && burst.folded == 0) burst = RefusalBurst{second, 0, 0, {}};
    if (burst.written >= refusals_written) {
      if (burst.folded++ == 0) burst.event = event;
      co_return true;
    }
    ++burst.written;
  }
  store::Refused record{std::make_shared<const domain::UsageEvent>(std::move(event)),
                        write_rules ? key.rules_json : std::string{}};
  auto written = co_await record_call(services_, *file_, std::move(record));
  if (written && write_rules) {
    const std::scoped_lock lock(state_->mutex);
    state_->rules_written.insert(key.rules_id);
  }
  co_return written.has_value();
}

void Tenant::flush_refusals(bool all) {
  const std::int64_t second = services_.clock->steady_micros() / micros_per_second;
  std::vector<domain::UsageEvent> folded;
  std::vector<Settlement> unsettled;
  {
    const std::scoped_lock lock(state_->mutex);
    unsettled.swap(state_->unsettled);
    for (auto at = state_->refusals.begin(); at != state_->refusals.end();) {
      RefusalBurst& burst = at->second;
      if (burst.second == second && !all) {
        ++at;
        continue;
      }
      if (burst.folded > 0) {
        burst.event.count = burst.folded;
        folded.push_back(std::move(burst.event));
      }
      at = state_->refusals.erase(at);
    }
  }
  for (auto& event : folded) {
    store::Refused record{std::make_shared<const domain::UsageEvent>(std::move(event)), {}};
    services_.writers->submit_call(*file_, std::move(record), {});
  }
  for (auto& settlement : unsettled) submit(std::move(settlement), {});
}

std::vector<RateState> Tenant::rate_states(const Snapshot& snapshot, const Node& key) const {
  std::vector<RateState> states;
  const std::int64_t second = services_.clock->steady_micros() / micros_per_second;
  const std::scoped_lock lock(state_->mutex);
  const MeterChain meters = state_->meters.chain(snapshot.scope(key));
  const auto narrow = [&](Cause cause, std::int64_t limit, std::int64_t used, std::int64_t reset) {
    const RateState state{cause, limit, std::max<std::int64_t>(limit - used, 0), reset};
    const auto same = std::ranges::find(states, cause, &RateState::cause);
    if (same == states.end()) {
      states.push_back(state);
    } else if (state.remaining < same->remaining) {
      *same = state;
    }
  };
  for (const domain::RateRule& rule : key.rules->rates) {
    const Meter& meter = *meters[static_cast<std::size_t>(rule.level)];
    if (!meter.rate) continue;
    meter.rate->roll(second);
    if (rule.rpm) {
      narrow(Cause::rpm, *rule.rpm, meter.rate->calls(),
             meter.rate->seconds_until_free(meter.rate->calls(), 0));
    }
    if (rule.tpm) {
      narrow(Cause::tpm, *rule.tpm, meter.rate->tokens(),
             meter.rate->seconds_until_free(0, meter.rate->tokens()));
    }
  }
  return states;
}

}  // namespace govctl::tenant
