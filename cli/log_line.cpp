#include "cli/log_line.h"

#include <fmt/format.h>

#include <array>

#include "cli/text.h"

namespace govctl::cli {
namespace {
constexpr std::array<std::string_view, 4> levels{"debug", "info", "warn", "error"};
}

int log_level(const api::Json& line) {
  if (!line.is_object()) return 3;
  const std::string word = line.value("level", std::string());
  for (std::size_t i = 0; i < levels.size(); ++i) {
    if (levels[i] == word) return static_cast<int>(i);
  }
  return 3;
}

std::string log_line(std::string_view raw, bool color) {
  const api::Json line = api::Json::parse(raw, nullptr, false);
  if (!line.is_object()) return printable(raw);
  const int level = log_level(line);
  std::string time = line.value("ts", std::string());
  if (const auto dot = time.find('.'); dot != std::string::npos) time = time.substr(0, dot) + "Z";
  const std::string_view tint = !color || level < 2 ? "" : level == 2 ? yellow : red;
  std::string text =
      fmt::format("{} {}{:5}{} {}", printable(time), tint, levels[static_cast<std::size_t>(level)],
                  tint.empty() ? "" : plain, printable(line.value("msg", std::string())));
  for (const auto& [name, value] : line.items()) {
    if (name == "ts" || name == "level" || name == "msg") continue;
    text += fmt::format("  {}={}", printable(name),
                        value.is_string() ? printable(value.get<std::string>())
                                          : value.dump(-1, ' ', false, api::Json::error_handler_t::replace));
  }
  return text;
}

}  // namespace govctl::cli
