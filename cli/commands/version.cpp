#include "common/version.h"

#include <fmt/format.h>

#include <array>

#include "cli/commands/nouns.h"
#include "cli/session.h"
#include "cli/text.h"

namespace govctl::cli {
namespace {

Action build(Arguments&) {
  return [](Session& s) -> Result<Answer> {
    Json json{{"version", version}, {"api_major", api_major}, {"daemon", nullptr}};
    std::string text = fmt::format("govctl {} (API {})\n", version, api_major);
    auto status = s.get("/status");
    if (status && status->is_object()) {
      json["daemon"] = Json{{"version", status->value("version", "")},
                            {"api_major", status->value("api_major", std::int64_t{0})}};
      text += fmt::format("govd   {} (API {})\n", printable(status->value("version", std::string())),
                          status->value("api_major", std::int64_t{0}));
    } else if (!status) {
      text += fmt::format("govd   {}\n", printable(status.error().message));
    }
    return Answer{.json = std::move(json), .text = std::move(text)};
  };
}

constexpr std::array commands{Command{"", "Show the versions of govctl and, when it runs, of the daemon",
                                      "govctl version\ngovctl version -o json", build}};

}  // namespace

std::span<const Command> version_command() { return commands; }

}  // namespace govctl::cli
