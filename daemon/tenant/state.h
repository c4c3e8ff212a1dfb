#pragma once
// Private to the tenant room: what a Tenant owns, and a call's hold.

#include <algorithm>
#include <atomic>
#include <bitset>
#include <boost/asio/steady_timer.hpp>
#include <list>
#include <map>
#include <mutex>
#include <unordered_map>
#include <unordered_set>

#include "daemon/tenant/idempotency.h"
#include "daemon/tenant/in_flight.h"
#include "daemon/tenant/meters.h"
#include "daemon/tenant/tenant.h"

namespace govctl::tenant {

// A call on its way to a hold, in its coroutine's frame. Guarded by the tenant's mutex once it waits.
struct Tenant::Contender {
  std::shared_ptr<const Snapshot> snapshot;
  std::array<const Node*, level_count> nodes{};
  MeterChain meters{};
  const domain::Demand* demand = nullptr;
  domain::MoneyLines money;  // what `decision` points into
  domain::RateLines rates;
  domain::Decision decision;
  RateEntry rate;                // of an admission
  std::uint64_t blocked_on = 0;  // the meter that has no room
};

// A contender that waits for calls in flight to settle. The timer is touched on its own executor only; the rest
// is guarded by the tenant's mutex.
struct Tenant::Waiter {
  Waiter(const asio::any_io_executor& executor, Contender& who) : timer(executor), contender(&who) {}
  asio::steady_timer timer;
  Contender* contender;
  bool decided = false;
};

// What only telemetry wants to know of a call.
struct Measured {
  std::int64_t duration_us = 0;
  std::optional<std::int64_t> upstream_us, first_chunk_us;
  bool stream = false;
  std::string agent, answered_model;  // for a span, where spans are exported
  Timestamp began;
};

// All that the end of a call writes and gives back.
struct Tenant::Settlement {
  std::shared_ptr<domain::UsageEvent> event = std::make_shared<domain::UsageEvent>();
  BillingGroupId group;
  ChargeTime time;
  MeterChain meters{};
  RateEntry rate;
  std::string idempotency_key;
  std::int64_t answered = 0;
  Measured measured;
};

// Refusals of one key within one second, beyond which they fold into one event.
struct RefusalBurst {
  std::int64_t second = 0;
  std::int64_t written = 0;
  std::int64_t folded = 0;
  domain::UsageEvent event;  // the first of those folded, with `count`
};

struct Tenant::State {
  mutable std::mutex mutex;
  std::shared_ptr<const Snapshot> snapshot;
  Meters meters;
  std::list<std::shared_ptr<Waiter>> waiters;
  std::unordered_map<KeyId, RefusalBurst> refusals;
  std::unordered_set<std::int64_t> rules_written;  // ids that rule_snapshots has, as far as this process knows
  InFlight in_flight;                              // has a mutex of its own
  std::vector<Settlement> unsettled;               // settlements that failed for want of space: tried again

  // Under the mutex: the meters that those who wait have found without room.
  [[nodiscard]] std::vector<std::uint64_t> waited_for() const {
    std::vector<std::uint64_t> blocked;
    for (const auto& waiter : waiters) {
      const std::uint64_t meter = waiter->contender->blocked_on;
      if (std::ranges::find(blocked, meter) == blocked.end()) blocked.push_back(meter);
    }
    return blocked;
  }

  IdempotencyKeys idempotency;
  std::atomic<bool> sweeping = false;  // the file of old keys

  mutable std::mutex secrets_mutex;
  std::map<std::int64_t, secrets::DataKey> data_keys;
  std::int64_t active_data_key = 0;
  struct OpenCredential {
    std::int64_t version = 0;
    std::shared_ptr<const secrets::Secret> secret;
  };
  std::map<CredentialId, OpenCredential> credentials;
};

// Calls that may wait at once for an org; above it a call is decided without waiting.
constexpr std::size_t max_waiters = 1024;
constexpr auto max_wait = std::chrono::seconds(5);
// A key's refusals a second that have an event each.
constexpr std::int64_t refusals_written = 10;

// What is known of a call's event before its end.
domain::UsageEvent event_of(const CallFacts& call, const Snapshot& snapshot, const Node& key, Timestamp now,
                            std::int64_t steady);
// Why a call finds no room: the line of money, with the path that it hangs on.
domain::Refusal no_room(const domain::MoneyLine& line, Credits needed,
                        const std::array<const Node*, level_count>& nodes, Timestamp now);

struct HoldFacts {
  std::shared_ptr<Tenant> tenant;
  CallFacts call;
  Route route;
  std::bitset<domain::max_alias_targets> covered;
  std::size_t asked = 0;  // the candidate that the charge is of
  MeterChain meters{};
  Credits reserved;
  std::int64_t output_tokens = 0;
  std::int64_t input_tokens = 0;  // as they were reckoned
  bool by_estimate = false;       // grows with what comes out
  RateEntry rate;
  bool clamped = false;
  bool waited = false;
  bool settled = false;
  std::int64_t granted_steady = 0;  // when the call could be sent
  std::string decision;             // decision_json() of its admission
  domain::Outcome outcome;
};

}  // namespace govctl::tenant
