#include "daemon/providers/anthropic_usage.h"

#include <algorithm>

namespace govctl::providers::anthropic {
namespace {

using domain::PriceKind;

void replace(std::optional<std::int64_t>& figure, std::optional<std::int64_t> with) {
  if (with) figure = with;
}

}  // namespace

void UsageFigures::take(std::string_view value) {
  UsageObject usage(value);
  replace(input_, usage.count("input_tokens"));
  replace(cache_read_, usage.count("cache_read_input_tokens"));
  replace(output_, usage.count("output_tokens"));
  take_cache_writes(usage);
  replace(searches_, usage.detail("server_tool_use", "web_search_requests"));
  absurd_ = absurd_ || usage.absurd();
}

// The total alone says nothing of how long: it counts as 5 min but for what is known to be for 1 h. Where both
// stand, nothing of the larger is lost.
void UsageFigures::take_cache_writes(UsageObject& usage) {
  const auto total = usage.count("cache_creation_input_tokens");
  const auto five_minutes = usage.detail("cache_creation", "ephemeral_5m_input_tokens");
  const auto one_hour = usage.detail("cache_creation", "ephemeral_1h_input_tokens");
  if (five_minutes || one_hour) {
    cache_writes_1h_ = one_hour.value_or(0);
    cache_writes_ = std::max(cache_writes_1h_ + five_minutes.value_or(0), total.value_or(0));
  } else if (total) {
    cache_writes_ = total;
    cache_writes_1h_ = std::min(cache_writes_1h_, *total);
  }
}

UsageReport UsageFigures::report() const {
  UsageReport report;
  report.absurd = absurd_;
  if (absurd_ || (!input_ && !output_ && !cache_read_ && !cache_writes_)) return report;
  domain::Usage usage;
  usage[PriceKind::input] = input_.value_or(0);
  usage[PriceKind::cache_read] = cache_read_.value_or(0);
  usage[PriceKind::cache_write_5m] = cache_writes_.value_or(0) - cache_writes_1h_;
  usage[PriceKind::cache_write_1h] = cache_writes_1h_;
  usage[PriceKind::output] = output_.value_or(0);
  usage[PriceKind::search] = searches_.value_or(0);
  report.usage = usage;
  return report;
}

}  // namespace govctl::providers::anthropic
