#pragma once
// What an org has spent and holds, in memory: derived from the ledger, rebuilt at start, never stored
// (invariant 1). Every node of the tree is metered always, so that a new budget needs no scan. Guarded by the
// tenant's mutex.

#include <array>
#include <cstdint>
#include <memory>
#include <unordered_map>

#include "daemon/domain/admission.h"
#include "daemon/tenant/snapshot.h"

namespace govctl::tenant {

// Calls and tokens of the last 60 seconds in one-second buckets, by the steady clock.
class RateWindow {
 public:
  void roll(std::int64_t steady_second);
  void add(std::int64_t steady_second, std::int64_t calls, std::int64_t tokens);
  // Corrects what a call added at `steady_second`; nothing once that has left the window.
  void correct(std::int64_t steady_second, std::int64_t calls, std::int64_t tokens);
  [[nodiscard]] std::int64_t calls() const { return calls_; }
  [[nodiscard]] std::int64_t tokens() const { return tokens_; }
  // Seconds until at least `calls` and `tokens` have left the window.
  [[nodiscard]] std::int64_t seconds_until_free(std::int64_t calls, std::int64_t tokens) const;

 private:
  struct Bucket {
    std::int64_t calls = 0, tokens = 0;
  };
  static constexpr std::int64_t width = 60;
  std::array<Bucket, width> buckets_{};
  std::int64_t now_ = 0;
  std::int64_t calls_ = 0, tokens_ = 0;
};

struct Meter {
  std::int64_t total = 0, month = 0, day = 0;  // settled credits
  std::int64_t held = 0;
  std::int64_t parallel = 0;
  std::unique_ptr<RateWindow> rate;  // once a rate rule has hung here

  [[nodiscard]] std::int64_t spent(domain::Period period) const {
    switch (period) {
      case domain::Period::daily:
        return day;
      case domain::Period::monthly:
        return month;
      case domain::Period::total:
        break;
    }
    return total;
  }
};
using MeterChain = std::array<Meter*, level_count>;

// What a call has entered in the rate windows of its chain: a window that came later knows nothing of it.
struct RateEntry {
  std::int64_t second = 0;
  std::int64_t tokens = 0;
  std::array<bool, level_count> levels{};
};

// When a charge was made, and which periods were open then.
struct ChargeTime {
  Timestamp at, day, month;
};

class Meters {
 public:
  // At start: the periods of now, or of the latest charge, where the clock has stepped back since.
  void open(Timestamp now, Timestamp latest);
  // Starts new periods; a clock that steps back never reopens one.
  void roll(Timestamp now);
  // The instant that a charge of `now` belongs to: where the clock has stepped back, by a day at most, the
  // start of the day that is open. By more, the clock was wrong before: it is believed, and the charge counts
  // in the open periods.
  ChargeTime charge_time(Timestamp now);
  [[nodiscard]] Timestamp day_start() const { return day_start_; }
  [[nodiscard]] Timestamp month_start() const { return month_start_; }

  // Meters live as long as this does.
  Meter& at(const Uuid& node) { return meters_[node]; }
  [[nodiscard]] const Meter* find(const Uuid& node) const;
  MeterChain chain(const domain::Scope& scope);

  // What must have room for a call of this key; of this agent, where the chain ends with it.
  void money_lines(const Snapshot& snapshot, const std::array<const Node*, level_count>& nodes,
                   const MeterChain& meters, domain::MoneyLines& lines) const;
  static void rate_lines(const domain::Rules& rules, const MeterChain& meters, std::int64_t steady_second,
                         std::int64_t tokens, domain::RateLines& lines);

  static RateEntry enter_rates(const domain::Rules& rules, const MeterChain& meters, std::int64_t steady_second,
                               std::int64_t tokens);
  // The call used `tokens` in the end; or (withdraw) it was not made.
  static void correct_rates(const RateEntry& entry, const MeterChain& meters, std::int64_t tokens);
  static void withdraw_rates(const RateEntry& entry, const MeterChain& meters);

  void hold(const MeterChain& meters, Credits credits);
  void release(const MeterChain& meters, Credits credits);
  // The call that holds these holds `credits` more; negative: less.
  void extend(const MeterChain& meters, std::int64_t credits);
  // Settled spend in all three periods; negative for a refund of a call that was charged in them.
  static void spend(const MeterChain& meters, std::int64_t total, std::int64_t month, std::int64_t day);

  std::int64_t balance = 0;
  std::int64_t held = 0;
  std::size_t inflight = 0;

 private:
  Timestamp day_start_, month_start_;
  std::unordered_map<Uuid, Meter, UuidHash> meters_;
};

}  // namespace govctl::tenant
