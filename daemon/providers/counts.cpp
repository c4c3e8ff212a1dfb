#include "daemon/providers/counts.h"

#include <algorithm>

#include "common/money.h"

namespace govctl::providers {

using domain::PriceKind;

std::optional<std::int64_t> count(const nlohmann::json& object, const char* name, bool& absurd) {
  const auto found = object.find(name);
  if (found == object.end() || found->is_null()) return std::nullopt;
  if (!found->is_number_integer() ||
      (found->is_number_unsigned() && found->get<std::uint64_t>() > static_cast<std::uint64_t>(max_quantity))) {
    absurd = true;
    return std::nullopt;
  }
  const auto value = found->get<std::int64_t>();
  if (value < 0) {
    absurd = true;
    return std::nullopt;
  }
  return value;
}

std::int64_t detail(const nlohmann::json& usage, const char* object, const char* name, bool& absurd) {
  const auto found = usage.find(object);
  if (found == usage.end() || !found->is_object()) return 0;
  return count(*found, name, absurd).value_or(0);
}

UsageReport disjoint(const TokenCounts& counts) {
  UsageReport report;
  if (!counts.in && !counts.out && !counts.absurd) return report;
  const std::int64_t in = counts.in.value_or(0);
  const std::int64_t out = counts.out.value_or(0);
  // xAI counts reasoning beside the output; its total tells.
  const bool beside = counts.reasoning > 0 && counts.total && *counts.total == in + out + counts.reasoning;
  const std::int64_t shown = beside ? out : out - counts.reasoning;
  domain::Usage usage;
  usage[PriceKind::input] = in - counts.cached - counts.audio_in;
  usage[PriceKind::cache_read] = counts.cached;
  usage[PriceKind::audio_in] = counts.audio_in;
  usage[PriceKind::output] = shown - counts.audio_out;
  usage[PriceKind::reasoning] = counts.reasoning;
  usage[PriceKind::audio_out] = counts.audio_out;
  const bool negative = std::ranges::any_of(usage.quantity, [](std::int64_t quantity) { return quantity < 0; });
  report.absurd = counts.absurd || negative;
  if (!report.absurd) report.usage = usage;
  return report;
}

std::int64_t text_behind(std::string_view json, std::string_view quoted_key) {
  std::int64_t bytes = 0;
  for (std::size_t at = json.find(quoted_key); at != std::string_view::npos; at = json.find(quoted_key, at)) {
    at += quoted_key.size();
    while (at < json.size() && (json[at] == ' ' || json[at] == ':')) ++at;
    if (at >= json.size() || json[at] != '"') continue;
    const std::size_t start = ++at;
    while (at < json.size() && json[at] != '"') at += json[at] == '\\' ? 2 : 1;
    bytes += static_cast<std::int64_t>(std::min(at, json.size()) - start);
  }
  return bytes;
}

}  // namespace govctl::providers
