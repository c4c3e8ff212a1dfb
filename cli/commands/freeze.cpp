// For incidents: nothing below a path calls, and what is in flight ends.

#include <array>
#include <memory>

#include "cli/commands/nouns.h"
#include "cli/session.h"
#include "common/api/orgs.h"

namespace govctl::cli {
namespace {

constexpr std::array columns{Column{"PATH", "path"}, Column{"LEVEL", "level"},
                             Column{"FROZEN", "frozen_at", Column::Show::time},
                             Column{"REASON", "frozen_reason"}};
constexpr View view{"path", columns, ""};

Result<Answer> ask(Session& s, const char* route, const std::string& written,
                   const std::optional<std::string>& reason) {
  auto path = s.path(written, {Level::org, Level::workspace, Level::group, Level::agent});
  if (!path) return std::unexpected(path.error());
  return answer(s.post(route, without_nulls(api::encode(api::Freeze{*path, reason}))), &view);
}

Action freeze(Arguments& a) {
  struct Input {
    std::string path;
    std::optional<std::string> reason;
  };
  auto in = std::make_shared<Input>();
  a.positional("PATH", in->path, "Org, workspace, agent group or agent");
  a.option("--reason", "TEXT", in->reason, "Said to whoever is refused, and recorded");
  return [in](Session& s) { return ask(s, "/freeze", in->path, in->reason); };
}

Action unfreeze(Arguments& a) {
  auto path = std::make_shared<std::string>();
  a.positional("PATH", *path, "What was frozen");
  return [path](Session& s) { return ask(s, "/unfreeze", *path, {}); };
}

constexpr std::array freeze_table{
    Command{"", "Stop all calls below a path now, those in flight too",
            "govctl freeze acme/prod/support --reason \"spends too much\"\ngovctl freeze acme", freeze}};
constexpr std::array unfreeze_table{
    Command{"", "Let what was frozen call again", "govctl unfreeze acme/prod/support", unfreeze}};

}  // namespace

std::span<const Command> freeze_command() { return freeze_table; }
std::span<const Command> unfreeze_command() { return unfreeze_table; }

}  // namespace govctl::cli
