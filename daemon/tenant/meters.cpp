#include "daemon/tenant/meters.h"

#include <algorithm>

namespace govctl::tenant {
namespace {

// From a day that began, by so little that the day is believed and not the clock.
bool stepped_back(Timestamp now, Timestamp day_start) {
  constexpr std::int64_t day = 86'400 * micros_per_second;
  return now < day_start && day_start.micros - now.micros <= day;
}

}  // namespace

void RateWindow::roll(std::int64_t steady_second) {
  if (steady_second <= now_) return;
  const std::int64_t gone = std::min(steady_second - now_, width);
  for (std::int64_t i = 1; i <= gone; ++i) {
    Bucket& bucket = buckets_[static_cast<std::size_t>((now_ + i) % width)];
    calls_ -= bucket.calls;
    tokens_ -= bucket.tokens;
    bucket = Bucket{};
  }
  now_ = steady_second;
}

void RateWindow::add(std::int64_t steady_second, std::int64_t calls, std::int64_t tokens) {
  roll(steady_second);
  Bucket& bucket = buckets_[static_cast<std::size_t>(now_ % width)];
  bucket.calls += calls;
  bucket.tokens += tokens;
  calls_ += calls;
  tokens_ += tokens;
}

void RateWindow::correct(std::int64_t steady_second, std::int64_t calls, std::int64_t tokens) {
  if (steady_second <= now_ - width) return;
  Bucket& bucket = buckets_[static_cast<std::size_t>(steady_second % width)];
  bucket.calls += calls;
  bucket.tokens += tokens;
  calls_ += calls;
  tokens_ += tokens;
}

std::int64_t RateWindow::seconds_until_free(std::int64_t calls, std::int64_t tokens) const {
  std::int64_t freed_calls = 0;
  std::int64_t freed_tokens = 0;
  for (std::int64_t age = width - 1; age >= 0; --age) {
    if (freed_calls >= calls && freed_tokens >= tokens) return std::max<std::int64_t>(width - 1 - age, 1);
    const std::int64_t second = now_ - age;
    if (second < 0) continue;
    const Bucket& bucket = buckets_[static_cast<std::size_t>(second % width)];
    freed_calls += bucket.calls;
    freed_tokens += bucket.tokens;
  }
  return width;
}

void Meters::roll(Timestamp now) {
  const Timestamp day = domain::period_start(domain::Period::daily, now);
  if (day <= day_start_) return;
  const Timestamp month = domain::period_start(domain::Period::monthly, now);
  const bool new_month = month > month_start_;
  for (auto& [id, meter] : meters_) {
    meter.day = 0;
    if (new_month) meter.month = 0;
  }
  day_start_ = day;
  if (new_month) month_start_ = month;
}

void Meters::open(Timestamp now, Timestamp latest) {
  const Timestamp day = domain::period_start(domain::Period::daily, latest);
  roll(stepped_back(now, day) ? latest : now);
}

ChargeTime Meters::charge_time(Timestamp now) {
  roll(now);
  return {stepped_back(now, day_start_) ? day_start_ : now, day_start_, month_start_};
}

const Meter* Meters::find(const Uuid& node) const {
  const auto found = meters_.find(node);
  return found == meters_.end() ? nullptr : &found->second;
}

MeterChain Meters::chain(const domain::Scope& scope) {
  return {&meters_[scope.org.bytes], &meters_[scope.workspace.bytes], &meters_[scope.group.bytes],
          &meters_[scope.agent.bytes], &meters_[scope.key.bytes]};
}

void Meters::money_lines(const Snapshot& snapshot, const std::array<const Node*, level_count>& nodes,
                         const MeterChain& meters, domain::MoneyLines& lines) const {
  const domain::OrgConfig& config = snapshot.config();
  // What runs out is named by its meter's address and, in the low bits, by the period.
  const auto identity = [](const Meter* meter, std::uintptr_t low) {
    return static_cast<std::uint64_t>(reinterpret_cast<std::uintptr_t>(meter) * 8 + low);
  };
  if (config.org.overdraft) {
    domain::MoneyLine line;
    line.cause = domain::Cause::credits;
    line.limit = balance + config.org.overdraft->value();
    line.held = held;
    line.meter = identity(meters[0], 7);
    lines.add(line);
  }
  for (std::size_t i = 0; i < level_count; ++i) {
    if (nodes[i] == nullptr) continue;
    for (const std::size_t row : nodes[i]->budgets) {
      const domain::Budget& budget = config.budgets[row];
      domain::MoneyLine line;
      line.cause = domain::Cause::budget;
      line.level = static_cast<Level>(i);
      line.period = budget.period;
      line.limit = budget.limit.value();
      line.spent = meters[i]->spent(budget.period);
      line.held = meters[i]->held;
      line.meter = identity(meters[i], static_cast<std::uintptr_t>(budget.period));
      lines.add(line);
    }
  }
  if (nodes[4] == nullptr) return;
  const domain::ApiKey& key = snapshot.key(*nodes[4]);
  if (key.limit) {
    domain::MoneyLine line;
    line.cause = domain::Cause::key_limit;
    line.level = Level::key;
    line.limit = key.limit->value();
    line.spent = meters[4]->total;
    line.held = meters[4]->held;
    line.meter = identity(meters[4], 6);
    lines.add(line);
  }
}

void Meters::rate_lines(const domain::Rules& rules, const MeterChain& meters, std::int64_t steady_second,
                        std::int64_t tokens, domain::RateLines& lines) {
  for (const domain::RateRule& rule : rules.rates) {
    Meter& meter = *meters[static_cast<std::size_t>(rule.level)];
    if (rule.rpm || rule.tpm) {
      if (!meter.rate) meter.rate = std::make_unique<RateWindow>();
      meter.rate->roll(steady_second);
    }
    const auto add = [&](domain::Cause cause, std::int64_t limit, std::int64_t used, std::int64_t adds) {
      domain::RateLine line;
      line.cause = cause;
      line.level = rule.level;
      line.limit = limit;
      line.used = used;
      line.adds = adds;
      if (used + adds > limit && cause != domain::Cause::parallel) {
        const std::int64_t over = used + adds - limit;
        line.retry_after_s = cause == domain::Cause::rpm ? meter.rate->seconds_until_free(over, 0)
                                                         : meter.rate->seconds_until_free(0, over);
      }
      lines.add(line);
    };
    if (rule.rpm) add(domain::Cause::rpm, *rule.rpm, meter.rate->calls(), 1);
    if (rule.tpm) add(domain::Cause::tpm, *rule.tpm, meter.rate->tokens(), tokens);
    if (rule.parallel) add(domain::Cause::parallel, *rule.parallel, meter.parallel, 1);
  }
}

RateEntry Meters::enter_rates(const domain::Rules& rules, const MeterChain& meters, std::int64_t steady_second,
                              std::int64_t tokens) {
  RateEntry entry{steady_second, tokens, {}};
  for (const domain::RateRule& rule : rules.rates) {
    const auto level = static_cast<std::size_t>(rule.level);
    if (!meters[level]->rate) continue;
    meters[level]->rate->add(steady_second, 1, tokens);
    entry.levels[level] = true;
  }
  return entry;
}

void Meters::correct_rates(const RateEntry& entry, const MeterChain& meters, std::int64_t tokens) {
  for (std::size_t i = 0; i < level_count; ++i) {
    if (entry.levels[i]) meters[i]->rate->correct(entry.second, 0, tokens - entry.tokens);
  }
}

void Meters::withdraw_rates(const RateEntry& entry, const MeterChain& meters) {
  for (std::size_t i = 0; i < level_count; ++i) {
    if (entry.levels[i]) meters[i]->rate->correct(entry.second, -1, -entry.tokens);
  }
}

void Meters::hold(const MeterChain& meters, Credits credits) {
  held += credits.value();
  ++inflight;
  for (Meter* meter : meters) {
    meter->held += credits.value();
    ++meter->parallel;
  }
}

void Meters::release(const MeterChain& meters, Credits credits) {
  held -= credits.value();
  --inflight;
  for (Meter* meter : meters) {
    meter->held -= credits.value();
    --meter->parallel;
  }
}

void Meters::extend(const MeterChain& meters, std::int64_t credits) {
  held += credits;
  for (Meter* meter : meters) meter->held += credits;
}

void Meters::spend(const MeterChain& meters, std::int64_t total, std::int64_t month, std::int64_t day) {
  for (Meter* meter : meters) {
    meter->total += total;
    meter->month += month;
    meter->day += day;
  }
}

}  // namespace govctl::tenant
