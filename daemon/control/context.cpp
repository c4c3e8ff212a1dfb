#include "daemon/control/context.h"

#include <charconv>

namespace govctl::control {

std::string json_text(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

std::optional<std::string> Request::asked(std::string_view name) const {
  for (const auto& parameter : query) {
    if (parameter.name == name && !parameter.value.empty()) return parameter.value;
  }
  return std::nullopt;
}

Result<Timestamp> parse_instant(std::string_view name, std::string_view text, Timestamp now) {
  if (const auto at = parse_rfc3339(text)) return *at;
  if (const auto ago = parse_duration(text)) return Timestamp{now.micros - *ago};
  return fail(Code::invalid,
              fmt::format("'{}' must be a time such as 2026-11-21T09:30:00Z, or a duration such as 24h "
                          "that means that long ago",
                          name));
}

Result<store::Window> window_of(const Request& request) {
  store::Window window;
  if (const auto since = request.asked("since")) {
    auto at = parse_instant("since", *since, request.now);
    if (!at) return std::unexpected(at.error());
    window.since = *at;
  }
  if (const auto until = request.asked("until")) {
    auto at = parse_instant("until", *until, request.now);
    if (!at) return std::unexpected(at.error());
    window.until = *at;
  }
  return window;
}

Result<std::int64_t> limit_of(const Request& request) {
  const auto text = request.asked("limit");
  if (!text) return 100;
  std::int64_t limit = 0;
  const char* end = text->data() + text->size();
  const auto [stop, fault] = std::from_chars(text->data(), end, limit);
  if (fault != std::errc{} || stop != end || limit < 1 || limit > 1000) {
    return fail(Code::invalid, "'limit' must be a whole number from 1 to 1000");
  }
  return limit;
}

}  // namespace govctl::control
