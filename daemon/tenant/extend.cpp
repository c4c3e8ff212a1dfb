// A hold by estimate grows with what comes out (domain/growth.h).

#include <fmt/format.h>

#include "daemon/domain/growth.h"
#include "daemon/telemetry/log.h"
#include "daemon/tenant/decision.h"
#include "daemon/tenant/state.h"

namespace govctl::tenant {

using domain::Growth;
using domain::Refusal;

namespace {

domain::Progress progress_of(const HoldFacts& hold, std::int64_t produced_bytes) {
  domain::Progress progress;
  progress.price = hold.route.candidates[hold.asked].price;
  progress.credits_per_usd = hold.call.caller.snapshot->config().org.credits_per_usd;
  progress.input_tokens = hold.input_tokens;
  progress.most_output = hold.output_tokens * hold.call.ask.choices;  // the worst case of it is known to fit
  progress.usage = hold.outcome.usage;
  progress.produced_bytes = produced_bytes;
  return progress;
}

Refusal unwritten(const Node& key) {
  Refusal refusal;
  refusal.cause = domain::Cause::unavailable;
  refusal.message = "the ledger cannot be written now";
  refusal.path = key.path;
  refusal.next = "govctl status";
  return refusal;
}

}  // namespace

bool Hold::by_estimate() const { return facts_->by_estimate; }

bool Hold::covers_output(std::int64_t produced_bytes) const {
  if (!facts_->by_estimate) return true;
  const auto cost = domain::cost_so_far(progress_of(*facts_, produced_bytes));
  return cost && *cost <= facts_->reserved;
}

asio::awaitable<std::expected<void, Refusal>> Hold::extend(std::int64_t produced_bytes) {
  return facts_->tenant->extend(*facts_, produced_bytes);
}

asio::awaitable<std::expected<void, Refusal>> Tenant::extend(HoldFacts& hold, std::int64_t produced_bytes) {
  const Credits before = hold.reserved;
  std::optional<Refusal> refused;
  {
    const std::scoped_lock lock(state_->mutex);
    State& state = *state_;
    // Limits as of now: a budget that was raised meanwhile helps, one that was lowered counts.
    const Caller& caller = hold.call.caller;
    std::shared_ptr<const Snapshot> snapshot = state.snapshot;
    const Node* key = snapshot->find(caller.key->id);
    if (key == nullptr) {  // deleted: the call is being stopped
      snapshot = caller.snapshot;
      key = caller.key;
    }
    const auto nodes = snapshot->chain(*key);
    const Timestamp now = services_.clock->now();
    state.meters.roll(now);
    domain::MoneyLines money;
    money.size = 0;
    state.meters.money_lines(*snapshot, nodes, hold.meters, money);
    const Growth growth = domain::grow(progress_of(hold, produced_bytes), before, money);
    if (growth.kind == Growth::Kind::covered) co_return std::expected<void, Refusal>{};
    if (growth.kind == Growth::Kind::refuse) {
      refused = growth.money != nullptr ? no_room(*growth.money, growth.needed, nodes, now) : unwritten(*key);
      refused->money.assign(money.begin(), money.end());
    } else {
      state.meters.extend(hold.meters, growth.hold.value() - before.value());
      hold.reserved = growth.hold;  // at once: whoever settles meanwhile gives all of it back
    }
  }
  if (!refused) {
    auto committed =
        co_await record_call(services_, *file_, store::Extended{hold.call.request_id, hold.reserved});
    if (committed) co_return std::expected<void, Refusal>{};
    log::error("what more a call holds could not be written",
               {{log::Field::request_id, hold.call.request_id.text()},
                {log::Field::code, govctl::facts(committed.error().code).word}});
    refused = unwritten(*hold.call.caller.key);
    const std::scoped_lock lock(state_->mutex);
    state_->meters.extend(hold.meters, before.value() - hold.reserved.value());
    hold.reserved = before;
    wake_waiters();
  }
  hold.outcome.decision = decision_json(*refused);
  co_return std::unexpected(std::move(*refused));
}

}  // namespace govctl::tenant
