// After a call: its charge is made durable, and memory follows the disk (30-ledger.md "One call").

#include <fmt/format.h>

#include <algorithm>

#include "daemon/telemetry/log.h"
#include "daemon/telemetry/metrics.h"
#include "daemon/telemetry/spans.h"
#include "daemon/tenant/state.h"

namespace govctl::tenant {
namespace {

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
  if (outcome.decision.empty()) {
    event.decision = std::move(hold.decision);
  } else {
    event.decision = outcome.decision;
  }
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

}  // namespace govctl::tenant
