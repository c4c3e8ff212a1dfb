// Workspaces, agent groups and agents: three levels of one shape.

#include <fmt/format.h>

#include <array>
#include <memory>

#include "cli/commands/nouns.h"
#include "cli/session.h"
#include "common/api/orgs.h"

namespace govctl::cli {
namespace {

struct UnitKind {
  Level level;
  std::string_view noun, shape;
  std::string_view item;      // "/workspaces/"
  std::string_view parent;    // "/orgs/"
  std::string_view children;  // "/workspaces", below one parent
  const View* view;
};

using Show = Column::Show;
constexpr std::array unit_columns{Column{"PATH", "path"},
                                  Column{"NAME", "name"},
                                  Column{"ACTIVE", "active"},
                                  Column{"CREATED", "created_at", Show::time},
                                  Column{"ID", "id", Show::text, true},
                                  Column{"VERSION", "version", Show::number, true},
                                  Column{"DESCRIPTION", "description", Show::text, true}};
constexpr std::array agent_columns{Column{"PATH", "path"},
                                   Column{"NAME", "name"},
                                   Column{"STATUS", "status", Show::state},
                                   Column{"CREATED", "created_at", Show::time},
                                   Column{"ID", "id", Show::text, true},
                                   Column{"VERSION", "version", Show::number, true},
                                   Column{"DESCRIPTION", "description", Show::text, true}};
constexpr View workspace_view{"path", unit_columns, "govctl workspace create ORG/WORKSPACE"};
constexpr View group_view{"path", unit_columns, "govctl group create ORG/WORKSPACE/GROUP"};
constexpr View agent_view{"path", agent_columns, "govctl agent create ORG/WORKSPACE/GROUP/AGENT"};

constexpr UnitKind workspace_kind{Level::workspace, "workspace",   "ORG/WORKSPACE", "/workspaces/",
                                  "/orgs/",         "/workspaces", &workspace_view};
constexpr UnitKind group_kind{Level::group,     "group",        "ORG/WORKSPACE/GROUP",
                              "/agent-groups/", "/workspaces/", "/agent-groups",
                              &group_view};
constexpr UnitKind agent_kind{
    Level::agent, "agent", "ORG/WORKSPACE/GROUP/AGENT", "/agents/", "/agent-groups/", "/agents", &agent_view};
constexpr std::array kinds{&workspace_kind, &group_kind, &agent_kind};

std::string item_url(const UnitKind& kind, const std::string& path) {
  return std::string(kind.item) + segment(path);
}
std::string children_url(const UnitKind& kind, const std::string& parent) {
  return std::string(kind.parent) + segment(parent) + std::string(kind.children);
}

Result<std::vector<std::string>> paths_of(Session& s, const std::string& url) {
  auto page = s.list(url, {}, std::optional<std::size_t>());
  if (!page) return std::unexpected(page.error());
  std::vector<std::string> paths;
  for (const auto& item : (*page)["items"]) paths.push_back(item.value("path", std::string()));
  return paths;
}

// The parents of the kind's units at and below `start`, or everywhere.
Result<std::vector<std::string>> parents_below(Session& s, const UnitKind& kind,
                                               const std::optional<std::string>& start) {
  std::vector<std::string> parents;
  auto level = Level::org;
  if (start && is_id(*start)) return std::vector{*start};
  if (start) {
    parents = {*start};
    level = ResourcePath::parse(*start)->level();
  } else {
    auto orgs = paths_of(s, "/orgs");
    if (!orgs) return orgs;
    parents = std::move(*orgs);
  }
  for (const UnitKind* between : kinds) {
    if (between->level <= level || between->level >= kind.level) continue;
    std::vector<std::string> below;
    for (const auto& parent : parents) {
      auto found = paths_of(s, children_url(*between, parent));
      if (!found) return found;
      below.insert(below.end(), found->begin(), found->end());
    }
    parents = std::move(below);
  }
  return parents;
}

// One list out of the lists of several parents. "next" then only says that there is more.
Result<Json> list_of_all(Session& s, const UnitKind& kind, const std::vector<std::string>& parents,
                         std::optional<std::size_t> wanted) {
  Json whole{{"items", Json::array()}, {"next", nullptr}, {"total", 0}};
  auto& items = whole["items"];
  std::int64_t total = 0;
  for (const auto& parent : parents) {
    const bool full = wanted && items.size() >= *wanted;
    // A full list still counts what the others hold.
    auto page = s.list(children_url(kind, parent), {},
                       full     ? 1
                       : wanted ? std::optional(*wanted - items.size())
                                : wanted);
    if (!page) return page;
    total += page->value("total", std::int64_t{0});
    if (full) {
      if (!(*page)["items"].empty() && whole["next"].is_null()) whole["next"] = (*page)["items"][0]["path"];
      continue;
    }
    for (auto& item : (*page)["items"]) items.push_back(std::move(item));
    if (!(*page)["next"].is_null()) whole["next"] = (*page)["next"];
  }
  whole["total"] = total;
  return whole;
}

template <const UnitKind& kind>
Action create(Arguments& a) {
  struct Input {
    std::string path;
    std::optional<std::string> name, description;
  };
  auto in = std::make_shared<Input>();
  a.positional(kind.shape, in->path, "Its path", Names::new_unit);
  a.option("--name", "TEXT", in->name, "What it is called (default: the last part of the path)");
  a.option("--description", "TEXT", in->description, "What it is for");
  return [in](Session& s) -> Result<Answer> {
    auto path = s.path(in->path, {kind.level});
    if (!path) return std::unexpected(path.error());
    const auto parsed = ResourcePath::parse(*path);
    if (!parsed || parsed->slugs.size() == 1) {
      return fail(Code::invalid, fmt::format("a new {} takes a path, not an id", kind.noun));
    }
    const api::UnitCreate body{
        .name = in->name.value_or(parsed->last()), .slug = parsed->last(), .description = in->description};
    return answer(s.post(children_url(kind, parsed->parent().text()), without_nulls(api::encode(body))),
                  kind.view);
  };
}

template <const UnitKind& kind>
Action list(Arguments& a) {
  struct Input {
    std::optional<std::string> path;
    Paging paging;
  };
  auto in = std::make_shared<Input>();
  a.positional("PATH", in->path, "Only those below it (default: all)");
  in->paging.declare(a);
  return [in](Session& s) -> Result<Answer> {
    auto wanted = in->paging.wanted();
    if (!wanted) return std::unexpected(wanted.error());
    std::optional<std::string> start;
    if (in->path) {
      auto path = kind.level == Level::workspace ? s.path(*in->path, {Level::org})
                  : kind.level == Level::group
                      ? s.path(*in->path, {Level::org, Level::workspace})
                      : s.path(*in->path, {Level::org, Level::workspace, Level::group});
      if (!path) return std::unexpected(path.error());
      start = *path;
    }
    auto parents = parents_below(s, kind, start);
    if (!parents) return std::unexpected(parents.error());
    return answer(s.shaped(list_of_all(s, kind, *parents, *wanted), in->paging), kind.view);
  };
}

template <const UnitKind& kind>
Action get(Arguments& a) {
  auto in = std::make_shared<std::string>();
  a.positional(kind.shape, *in, "Path or id");
  return [in](Session& s) -> Result<Answer> {
    auto path = s.path(*in, {kind.level});
    if (!path) return std::unexpected(path.error());
    return answer(s.get(item_url(kind, *path)), kind.view);
  };
}

template <const UnitKind& kind>
Action set(Arguments& a) {
  struct Input {
    std::string path;
    std::optional<std::string> name, description, active, if_version;
  };
  auto in = std::make_shared<Input>();
  a.positional(kind.shape, in->path, "Path or id");
  a.option("--name", "TEXT", in->name, "What it is called");
  a.option("--description", "TEXT", in->description, "What it is for");
  if (kind.level != Level::agent) {
    a.option("--active", "on|off", in->active, "off: calls of the agents in it are refused", {"on", "off"});
  }
  a.option("--if-version", "N", in->if_version, "Only if nobody has changed it since version N");
  return [in](Session& s) -> Result<Answer> {
    auto path = s.path(in->path, {kind.level});
    if (!path) return std::unexpected(path.error());
    api::UnitPatch body{.name = in->name, .description = in->description, .active = {}};
    if (in->active) body.active = *in->active == "on";
    auto changes = without_nulls(api::encode(body));
    if (changes.empty())
      return fail(Code::invalid, "nothing to change", fmt::format("govctl help {} set", kind.noun));
    return answer(s.patch(item_url(kind, *path), std::move(changes), in->if_version), kind.view);
  };
}

template <const UnitKind& kind>
Action remove(Arguments& a) {
  auto in = std::make_shared<std::string>();
  a.positional(kind.shape, *in, "Path or id");
  return [in](Session& s) -> Result<Answer> {
    auto path = s.path(*in, {kind.level});
    if (!path) return std::unexpected(path.error());
    if (auto sure = s.confirm(fmt::format("delete the {} {} and revoke the keys in it", kind.noun, *path));
        !sure) {
      return std::unexpected(sure.error());
    }
    return answer(s.remove(item_url(kind, *path)), kind.view);
  };
}

Action set_status(Arguments& a, std::string_view status) {
  auto in = std::make_shared<std::string>();
  a.positional(agent_kind.shape, *in, "Path or id");
  return [in, status](Session& s) -> Result<Answer> {
    auto path = s.path(*in, {Level::agent});
    if (!path) return std::unexpected(path.error());
    return answer(s.patch(item_url(agent_kind, *path), Json{{"status", status}}), &agent_view);
  };
}
Action enable(Arguments& a) { return set_status(a, "ACTIVE"); }
Action disable(Arguments& a) { return set_status(a, "DISABLED"); }

constexpr std::array workspace_table{
    Command{"create", "Make a workspace in an org",
            "govctl workspace create acme/prod\ngovctl workspace create acme/prod --name Production",
            create<workspace_kind>},
    Command{"list", "Show workspaces", "govctl workspace list acme\ngovctl workspace list",
            list<workspace_kind>},
    Command{"get", "Show one workspace", "govctl workspace get acme/prod", get<workspace_kind>},
    Command{"set", "Change a workspace", "govctl workspace set acme/prod --active off", set<workspace_kind>},
    Command{"delete", "Delete a workspace, and revoke the keys in it", "govctl workspace delete acme/prod",
            remove<workspace_kind>}};

constexpr std::array group_table{
    Command{
        "create", "Make an agent group in a workspace",
        "govctl group create acme/prod/support\ngovctl group create acme/prod/support --name \"Support team\"",
        create<group_kind>},
    Command{"list", "Show agent groups", "govctl group list acme/prod\ngovctl group list acme",
            list<group_kind>},
    Command{"get", "Show one agent group", "govctl group get acme/prod/support", get<group_kind>},
    Command{"set", "Change an agent group", "govctl group set acme/prod/support --active off", set<group_kind>},
    Command{"delete", "Delete an agent group, and revoke the keys in it",
            "govctl group delete acme/prod/support", remove<group_kind>}};

constexpr std::array agent_table{
    Command{"create", "Make an agent in a group",
            "govctl agent create acme/prod/support/triage\n"
            "govctl agent create acme/prod/support/triage --description \"Sorts tickets\"",
            create<agent_kind>},
    Command{"list", "Show agents", "govctl agent list acme/prod/support\ngovctl agent list acme",
            list<agent_kind>},
    Command{"get", "Show one agent", "govctl agent get acme/prod/support/triage", get<agent_kind>},
    Command{"set", "Change an agent", "govctl agent set acme/prod/support/triage --name Triage",
            set<agent_kind>},
    Command{"delete", "Delete an agent, and revoke its keys", "govctl agent delete acme/prod/support/triage",
            remove<agent_kind>},
    Command{"disable", "Refuse its calls from now on", "govctl agent disable acme/prod/support/triage",
            disable},
    Command{"enable", "Let it call again", "govctl agent enable acme/prod/support/triage", enable}};

}  // namespace

std::span<const Command> workspace_commands() { return workspace_table; }
std::span<const Command> group_commands() { return group_table; }
std::span<const Command> agent_commands() { return agent_table; }

}  // namespace govctl::cli
