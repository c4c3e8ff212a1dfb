// Calls that did not get through have an event each, but for bursts, which are folded into one.

#include "daemon/telemetry/metrics.h"
#include "daemon/tenant/decision.h"
#include "daemon/tenant/state.h"

namespace govctl::tenant {

using domain::Refusal;

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

}  // namespace govctl::tenant
