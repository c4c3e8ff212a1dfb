#include "daemon/providers/anthropic_usage.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "common/money.h"

namespace govctl::providers::anthropic {
namespace {

using domain::PriceKind;

// A count: absent (or null) is nothing, anything but a sane whole number is absurd.
std::optional<std::int64_t> count(const nlohmann::json& object, const char* name, bool& absurd) {
  const auto found = object.find(name);
  if (found == object.end() || found->is_null()) return std::nullopt;
  const bool whole = found->is_number_integer();
  const bool huge =
      found->is_number_unsigned() && found->get<std::uint64_t>() > static_cast<std::uint64_t>(max_quantity);
  if (!whole || huge || found->get<std::int64_t>() < 0) {
    absurd = true;
    return std::nullopt;
  }
  return found->get<std::int64_t>();
}

void replace(std::optional<std::int64_t>& figure, std::optional<std::int64_t> with) {
  if (with) figure = with;
}

}  // namespace

void UsageFigures::take(std::string_view value) {
  const auto usage = nlohmann::json::parse(value, nullptr, false);
  if (!usage.is_object()) {
    absurd_ = absurd_ || !usage.is_null();
    return;
  }
  replace(input_, count(usage, "input_tokens", absurd_));
  replace(cache_read_, count(usage, "cache_read_input_tokens", absurd_));
  replace(output_, count(usage, "output_tokens", absurd_));
  take_cache_writes(usage);
  const auto tools = usage.find("server_tool_use");
  if (tools != usage.end() && tools->is_object()) {
    replace(searches_, count(*tools, "web_search_requests", absurd_));
  }
}

// The total alone says nothing of how long: it counts as 5 min but for what is known to be for 1 h. Where both
// stand, nothing of the larger is lost.
void UsageFigures::take_cache_writes(const nlohmann::json& usage) {
  const auto total = count(usage, "cache_creation_input_tokens", absurd_);
  const auto split = usage.find("cache_creation");
  if (split != usage.end() && split->is_object()) {
    const auto five_minutes = count(*split, "ephemeral_5m_input_tokens", absurd_);
    const auto one_hour = count(*split, "ephemeral_1h_input_tokens", absurd_);
    if (five_minutes || one_hour) {
      cache_writes_1h_ = one_hour.value_or(0);
      cache_writes_ = std::max(cache_writes_1h_ + five_minutes.value_or(0), total.value_or(0));
      return;
    }
  }
  if (!total) return;
  cache_writes_ = total;
  cache_writes_1h_ = std::min(cache_writes_1h_, *total);
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
