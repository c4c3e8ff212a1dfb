#include "daemon/providers/counts.h"

#include <algorithm>

#include "common/money.h"

namespace govctl::providers {

using domain::PriceKind;

UsageObject::UsageObject(std::string_view value) {
  if (value == "null") return;
  if (auto scanned = scan_object(value, Utf8::passed)) {
    members_ = std::move(*scanned);
  } else {
    absurd_ = true;
  }
}

std::optional<std::int64_t> UsageObject::count_in(const JsonObject& object, std::string_view name) {
  const JsonMember* member = object.find(name);
  if (member == nullptr || member->value == "null") return std::nullopt;
  const auto value = json_integer(member->value);
  if (value && *value >= 0 && *value <= max_quantity) return value;
  absurd_ = true;
  return std::nullopt;
}

std::optional<std::int64_t> UsageObject::count(std::string_view name) { return count_in(members_, name); }

std::optional<std::int64_t> UsageObject::detail(std::string_view object, std::string_view name) {
  const JsonMember* member = members_.find(object);
  if (member == nullptr || !member->value.starts_with('{')) return std::nullopt;
  const auto scanned = scan_object(member->value, Utf8::passed);
  absurd_ = absurd_ || !scanned;
  return scanned ? count_in(*scanned, name) : std::nullopt;
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

std::int64_t text_behind(std::string_view json, std::initializer_list<std::string_view> names) {
  // Where the string that begins before `at` ends: at a quote with an even number of backslashes before it.
  const auto closing_quote = [&](std::size_t at) {
    for (std::size_t quote = json.find('"', at); quote != std::string_view::npos;
         quote = json.find('"', quote + 1)) {
      std::size_t text = quote;
      while (text > at && json[text - 1] == '\\') --text;
      if ((quote - text) % 2 == 0) return quote;
    }
    return json.size();
  };
  const auto behind_blanks = [&](std::size_t at) {
    return std::min(json.find_first_not_of(" \t\r\n", at), json.size());
  };
  std::int64_t bytes = 0;
  for (std::size_t open = json.find('"'); open < json.size();) {
    const std::size_t end = closing_quote(open + 1);
    std::size_t at = behind_blanks(end + 1);
    if (at < json.size() && json[at] == ':') {
      at = behind_blanks(at + 1);
      const std::string_view name = json.substr(open + 1, end - open - 1);
      if (at < json.size() && json[at] == '"' && std::ranges::find(names, name) != names.end()) {
        const std::size_t value_end = closing_quote(at + 1);
        bytes += static_cast<std::int64_t>(value_end - at - 1);
        at = value_end + 1;
      }
    }
    open = json.find('"', at);
  }
  return bytes;
}

}  // namespace govctl::providers
