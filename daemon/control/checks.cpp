#include "daemon/control/checks.h"

#include "common/resource_path.h"

namespace govctl::control {
namespace {

constexpr std::int64_t ten_years = std::int64_t{3'653} * 86'400 * micros_per_second;

std::size_t characters(std::string_view utf8) {
  return static_cast<std::size_t>(
      std::ranges::count_if(utf8, [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }));
}

// C0 and DEL; and C1, which UTF-8 writes as C2 80 to C2 9F.
bool has_controls(std::string_view text, bool lines) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (lines && (c == '\n' || c == '\t')) continue;
    if (c < 0x20 || c == 0x7F) return true;
    if (c == 0xC2 && i + 1 < text.size() && static_cast<unsigned char>(text[i + 1]) < 0xA0) return true;
  }
  return false;
}

}  // namespace

Result<void> check_name(std::string_view field, std::string_view text) {
  if (text.find_first_not_of(' ') == std::string_view::npos) {
    return fail(Code::invalid, fmt::format("'{}' must not be empty", field));
  }
  return check_text(field, text, 200);
}

Result<void> check_text(std::string_view field, std::string_view text, std::size_t most, bool lines) {
  if (characters(text) > most) {
    return fail(Code::invalid, fmt::format("'{}' is longer than {} characters", field, most));
  }
  if (has_controls(text, lines)) {
    return fail(Code::invalid, fmt::format("'{}' must not hold control characters", field));
  }
  return {};
}

Result<void> check_positive(std::string_view field, std::int64_t value) {
  if (value >= 1 && value <= max_amount) return {};
  return fail(Code::invalid, fmt::format("'{}' must be a whole number from 1 to {}", field, max_amount));
}

Result<std::string> slug_or_made(const std::optional<std::string>& slug, std::string_view name) {
  std::string made = slug ? *slug : slug_of(name);
  if (!slug && made.empty()) {
    return fail(Code::invalid, "no slug can be made from this name; give one in 'slug'");
  }
  if (auto ok = check_slug(made); !ok) return std::unexpected(ok.error());
  return made;
}

Result<std::optional<Credits>> parse_overdraft(const Json& overdraft) {
  if (overdraft.is_string() && overdraft.get_ref<const std::string&>() == "unlimited") return std::nullopt;
  std::int64_t credits = 0;
  if (auto ok = api::decode_into(overdraft, "overdraft", credits); !ok || credits < 0 || credits > max_amount) {
    return fail(
        Code::invalid,
        fmt::format("'overdraft' must be a number of credits from 0 to {}, or \"unlimited\"", max_amount));
  }
  return Credits::of(credits);
}

Result<void> check_credits_per_usd(std::int64_t rate) {
  if (rate >= 1 && rate <= max_credits_per_usd) return {};
  return fail(Code::invalid, fmt::format("'credits_per_usd' must be from 1 to {}", max_credits_per_usd));
}

Result<std::int64_t> parse_span(std::string_view field, std::string_view text) {
  const auto micros = parse_duration(text);
  if (micros && *micros <= ten_years) return *micros;
  return fail(Code::invalid,
              fmt::format("'{}' must be a duration such as 90s, 15m, 24h, 30d, at most ten years", field));
}

Result<Timestamp> parse_future(std::string_view field, std::string_view text, Timestamp now) {
  const auto at = parse_rfc3339(text);
  if (!at) {
    return fail(Code::invalid, fmt::format("'{}' must be a time such as 2026-12-31T00:00:00Z", field));
  }
  if (*at <= now) return fail(Code::invalid, fmt::format("'{}' must lie in the future", field));
  if (at->micros - now.micros > ten_years) {
    return fail(Code::invalid, fmt::format("'{}' must lie within ten years", field));
  }
  return *at;
}

}  // namespace govctl::control
