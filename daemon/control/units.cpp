#include "daemon/store/units.h"

#include "daemon/control/changes.h"
#include "daemon/control/checks.h"
#include "daemon/control/handlers.h"
#include "daemon/control/pages.h"
#include "daemon/control/present.h"
#include "daemon/control/resolve.h"
#include "daemon/control/writes.h"

namespace govctl::control {
namespace {

// What differs between the three levels between org and key.
struct Workspaces {
  using Row = domain::Workspace;
  using Shown = api::Unit;
  using Patch = api::UnitPatch;
  static constexpr Level level = Level::workspace;
  static constexpr Level parent = Level::org;
  static constexpr std::string_view type = "workspace";
  static constexpr std::string_view command = "govctl workspace get ";
  static constexpr auto find = store::find_workspace;
  static constexpr auto update = store::update_workspace;
  static constexpr auto remove = store::delete_workspace;
  static Result<void> hang(store::Transaction& /*tx*/, const Uuid& /*org*/, Row& /*row*/) { return {}; }
  static Result<void> insert(store::Transaction& tx, const Row& row) {
    return store::insert_workspace(tx, tx.org(), row);
  }
  static const Row& row(const tenant::Snapshot& snapshot, const tenant::Node& node) {
    return snapshot.workspace(node);
  }
  static Shown show(const Row& row, const std::string& path, const tenant::Tenant&) { return shown(row, path); }
};

struct AgentGroups {
  using Row = domain::AgentGroup;
  using Shown = api::Unit;
  using Patch = api::UnitPatch;
  static constexpr Level level = Level::group;
  static constexpr Level parent = Level::workspace;
  static constexpr std::string_view type = "agent-group";
  static constexpr std::string_view command = "govctl group get ";
  static constexpr auto find = store::find_group;
  static constexpr auto update = store::update_group;
  static constexpr auto remove = store::delete_group;
  static constexpr auto insert = store::insert_group;
  static Result<void> hang(store::Transaction& tx, const Uuid& above, Row& row) {
    row.workspace = WorkspaceId{above};
    auto parent_row = store::find_workspace(tx.connection(), row.workspace);
    if (!parent_row) return std::unexpected(parent_row.error());
    if (!*parent_row) return fail(Code::not_found, "the workspace was deleted in the meantime");
    return {};
  }
  static const Row& row(const tenant::Snapshot& snapshot, const tenant::Node& node) {
    return snapshot.group(node);
  }
  static Shown show(const Row& row, const std::string& path, const tenant::Tenant&) { return shown(row, path); }
};

struct Agents {
  using Row = domain::Agent;
  using Shown = api::Agent;
  using Patch = api::AgentPatch;
  static constexpr Level level = Level::agent;
  static constexpr Level parent = Level::group;
  static constexpr std::string_view type = "agent";
  static constexpr std::string_view command = "govctl agent get ";
  static constexpr auto find = store::find_agent;
  static constexpr auto update = store::update_agent;
  static constexpr auto remove = store::delete_agent;
  static constexpr auto insert = store::insert_agent;
  static Result<void> hang(store::Transaction& tx, const Uuid& above, Row& row) {
    row.group = AgentGroupId{above};
    auto parent_row = store::find_group(tx.connection(), row.group);
    if (!parent_row) return std::unexpected(parent_row.error());
    if (!*parent_row) return fail(Code::not_found, "the agent group was deleted in the meantime");
    return {};
  }
  static const Row& row(const tenant::Snapshot& snapshot, const tenant::Node& node) {
    return snapshot.agent(node);
  }
  static Shown show(const Row& row, const std::string& path, const tenant::Tenant& tenant) {
    const auto snapshot = tenant.snapshot();
    const auto* node = snapshot->find(row.id.bytes);
    return shown(row, path, node != nullptr && tenant.exhausted(*snapshot, *node));
  }
};

// What is recorded: the object without figures that are derived.
api::Unit recorded(const domain::Workspace& row, const std::string& path) { return shown(row, path); }
api::Unit recorded(const domain::AgentGroup& row, const std::string& path) { return shown(row, path); }
api::Agent recorded(const domain::Agent& row, const std::string& path) { return shown(row, path, false); }

template <class Kind>
Subject subject_of(const typename Kind::Row& row, const std::string& path) {
  return {std::string(Kind::type), row.id.text(), path};
}

template <class Kind>
Result<void> make_unit(Transaction& tx, const Author& author, const typename Kind::Row& row,
                       const std::string& path) {
  if (auto done = Kind::insert(tx, row); !done) {
    if (done.error().code != Code::conflict) return done;
    return fail(Code::conflict, fmt::format("there is {} '{}' already", level_phrase(Kind::level), path),
                std::string(Kind::command) + path);
  }
  const Json after = api::encode(recorded(row, path));
  return store::append_audit(
      tx, author.record(std::string(Kind::type) + ".create", subject_of<Kind>(row, path),
                        fmt::format("made {} {}", level_noun(Kind::level), path), made(after)));
}

template <class Kind>
Result<typename Kind::Row> change_row(Transaction& tx, const Author& author, const typename Kind::Row& before,
                                      typename Kind::Row row, const std::string& path) {
  const Json was = api::encode(recorded(before, path));
  const Json is = api::encode(recorded(row, path));
  if (was == is) return before;
  row.version += 1;
  row.updated_at = author.now;
  if (auto done = Kind::update(tx, row); !done) return std::unexpected(done.error());
  auto audit = author.record(std::string(Kind::type) + ".update", subject_of<Kind>(row, path),
                             fmt::format("changed {} {}", level_noun(Kind::level), path), changed(was, is));
  if (auto done = store::append_audit(tx, audit); !done) return std::unexpected(done.error());
  return row;
}

template <class Kind>
Result<void> remove_unit(Transaction& tx, const Author& author, const typename Kind::Row& row,
                         const std::string& path) {
  auto gone = Kind::remove(tx, row.id, "deleted with " + path, author.now);
  if (!gone) return std::unexpected(gone.error());
  Json metadata = removed(api::encode(recorded(row, path)));
  metadata["below"] = Json{{"agent_groups", gone->groups},
                           {"agents", gone->agents},
                           {"keys_revoked", gone->keys},
                           {"policies", gone->policies},
                           {"budgets", gone->budgets}};
  return store::append_audit(
      tx,
      author.record(std::string(Kind::type) + ".delete", subject_of<Kind>(row, path),
                    fmt::format("deleted {} {} and all below it", level_noun(Kind::level), path), metadata));
}

}  // namespace

Result<void> make(Transaction& tx, const Author& author, const domain::Workspace& row,
                  const std::string& path) {
  return make_unit<Workspaces>(tx, author, row, path);
}
Result<domain::Workspace> change(Transaction& tx, const Author& author, const domain::Workspace& before,
                                 domain::Workspace row, const std::string& path) {
  return change_row<Workspaces>(tx, author, before, std::move(row), path);
}
Result<void> remove(Transaction& tx, const Author& author, const domain::Workspace& row,
                    const std::string& path) {
  return remove_unit<Workspaces>(tx, author, row, path);
}

Result<void> make(Transaction& tx, const Author& author, const domain::AgentGroup& row,
                  const std::string& path) {
  return make_unit<AgentGroups>(tx, author, row, path);
}
Result<domain::AgentGroup> change(Transaction& tx, const Author& author, const domain::AgentGroup& before,
                                  domain::AgentGroup row, const std::string& path) {
  return change_row<AgentGroups>(tx, author, before, std::move(row), path);
}
Result<void> remove(Transaction& tx, const Author& author, const domain::AgentGroup& row,
                    const std::string& path) {
  return remove_unit<AgentGroups>(tx, author, row, path);
}

Result<void> make(Transaction& tx, const Author& author, const domain::Agent& row, const std::string& path) {
  return make_unit<Agents>(tx, author, row, path);
}
Result<domain::Agent> change(Transaction& tx, const Author& author, const domain::Agent& before,
                             domain::Agent row, const std::string& path) {
  return change_row<Agents>(tx, author, before, std::move(row), path);
}
Result<void> remove(Transaction& tx, const Author& author, const domain::Agent& row, const std::string& path) {
  return remove_unit<Agents>(tx, author, row, path);
}

namespace {

// What of a patch is `active`: a switch on units, a status on agents.
Result<std::optional<bool>> wanted_active(const api::UnitPatch& patch) { return patch.active; }
Result<std::optional<bool>> wanted_active(const api::AgentPatch& patch) {
  if (!patch.status) return std::nullopt;
  if (*patch.status == "ACTIVE") return true;
  if (*patch.status == "DISABLED") return false;
  return fail(Code::invalid, "'status' must be ACTIVE or DISABLED");
}

template <class Kind>
Answer create_unit(Request& request) {
  auto above = find_node(request, request.parameter(0), Kind::parent);
  if (!above) co_return std::unexpected(above.error());
  auto body = request.decoded<api::UnitCreate>();
  if (!body) co_return std::unexpected(body.error());
  if (auto ok = check_name("name", body->name); !ok) co_return std::unexpected(ok.error());
  const std::string description = body->description.value_or("");
  if (auto ok = check_text("description", description, 2000, true); !ok) co_return std::unexpected(ok.error());
  auto slug = slug_or_made(body->slug, body->name);
  if (!slug) co_return std::unexpected(slug.error());

  typename Kind::Row row;
  row.id = decltype(row.id)::mint(request.now.millis());
  row.slug = *slug;
  row.name = body->name;
  row.description = description;
  row.created_at = row.updated_at = request.now;
  const std::string path = above->node->path + "/" + row.slug;
  Work<typename Kind::Row> work = [row, path, parent = above->node->id, author = Author(request)](
                                      store::Transaction& tx) mutable -> Result<typename Kind::Row> {
    if (auto done = Kind::hang(tx, parent, row); !done) return std::unexpected(done.error());
    if (auto done = make(tx, author, row, path); !done) return std::unexpected(done.error());
    return row;
  };
  auto done = co_await above->tenant->change(std::move(work), request.dry_run);
  if (!done) co_return std::unexpected(done.error());
  co_return created(Kind::show(*done, path, *above->tenant));
}

template <class Kind>
Answer list_units(Request& request) {
  auto above = find_node(request, request.parameter(0), Kind::parent);
  if (!above) co_return std::unexpected(above.error());
  std::vector<typename Kind::Shown> units;
  for (const std::size_t child : above->node->children) {
    const auto& node = above->snapshot->nodes()[child];
    units.push_back(Kind::show(Kind::row(*above->snapshot, node), node.path, *above->tenant));
  }
  auto page = page_of(request, std::move(units), [](const auto& unit) { return unit.path; });
  if (!page) co_return std::unexpected(page.error());
  co_return reply(*page);
}

template <class Kind>
Answer get_unit(Request& request) {
  auto at = find_node(request, request.parameter(0), Kind::level);
  if (!at) co_return std::unexpected(at.error());
  co_return reply(Kind::show(Kind::row(*at->snapshot, *at->node), at->node->path, *at->tenant));
}

template <class Kind>
Answer change_unit(Request& request) {
  auto at = find_node(request, request.parameter(0), Kind::level);
  if (!at) co_return std::unexpected(at.error());
  auto patch = request.decoded<typename Kind::Patch>();
  if (!patch) co_return std::unexpected(patch.error());
  if (patch->name) {
    if (auto ok = check_name("name", *patch->name); !ok) co_return std::unexpected(ok.error());
  }
  if (patch->description) {
    auto ok = check_text("description", *patch->description, 2000, true);
    if (!ok) co_return std::unexpected(ok.error());
  }
  auto active = wanted_active(*patch);
  if (!active) co_return std::unexpected(active.error());

  using RowId = decltype(Kind::Row::id);
  Work<typename Kind::Row> work = [patch = *patch, active = *active, id = RowId{at->node->id},
                                   path = at->node->path, author = Author(request),
                                   if_match =
                                       request.if_match](store::Transaction& tx) -> Result<typename Kind::Row> {
    auto found = Kind::find(tx.connection(), id);
    if (!found) return std::unexpected(found.error());
    if (!*found) return fail(Code::not_found, fmt::format("{} was deleted in the meantime", path));
    auto before = **found;
    if (auto ok = check_version(if_match, before.version, level_noun(Kind::level)); !ok) {
      return std::unexpected(ok.error());
    }
    auto row = before;
    if (patch.name) row.name = *patch.name;
    if (patch.description) row.description = *patch.description;
    if (active) row.active = *active;
    return change(tx, author, before, std::move(row), path);
  };
  auto row = co_await at->tenant->change(std::move(work), request.dry_run);
  if (!row) co_return std::unexpected(row.error());
  co_return reply(Kind::show(*row, at->node->path, *at->tenant));
}

template <class Kind>
Answer delete_unit(Request& request) {
  auto at = find_node(request, request.parameter(0), Kind::level);
  if (!at) co_return std::unexpected(at.error());
  using RowId = decltype(Kind::Row::id);
  const auto answer = Kind::show(Kind::row(*at->snapshot, *at->node), at->node->path, *at->tenant);
  Work<bool> work = [id = RowId{at->node->id}, path = at->node->path, author = Author(request),
                     if_match = request.if_match](store::Transaction& tx) -> Result<bool> {
    auto found = Kind::find(tx.connection(), id);
    if (!found) return std::unexpected(found.error());
    if (!*found) return fail(Code::not_found, fmt::format("{} was deleted in the meantime", path));
    if (auto ok = check_version(if_match, (*found)->version, level_noun(Kind::level)); !ok) {
      return std::unexpected(ok.error());
    }
    if (auto done = remove(tx, author, **found, path); !done) return std::unexpected(done.error());
    return true;
  };
  auto done = co_await at->tenant->change(std::move(work), request.dry_run);
  if (!done) co_return std::unexpected(done.error());
  co_return reply(answer);
}

}  // namespace

Answer create_workspace(Request& request) { return create_unit<Workspaces>(request); }
Answer list_workspaces(Request& request) { return list_units<Workspaces>(request); }
Answer get_workspace(Request& request) { return get_unit<Workspaces>(request); }
Answer change_workspace(Request& request) { return change_unit<Workspaces>(request); }
Answer delete_workspace(Request& request) { return delete_unit<Workspaces>(request); }
Answer create_agent_group(Request& request) { return create_unit<AgentGroups>(request); }
Answer list_agent_groups(Request& request) { return list_units<AgentGroups>(request); }
Answer get_agent_group(Request& request) { return get_unit<AgentGroups>(request); }
Answer change_agent_group(Request& request) { return change_unit<AgentGroups>(request); }
Answer delete_agent_group(Request& request) { return delete_unit<AgentGroups>(request); }
Answer create_agent(Request& request) { return create_unit<Agents>(request); }
Answer list_agents(Request& request) { return list_units<Agents>(request); }
Answer get_agent(Request& request) { return get_unit<Agents>(request); }
Answer change_agent(Request& request) { return change_unit<Agents>(request); }
Answer delete_agent(Request& request) { return delete_unit<Agents>(request); }

}  // namespace govctl::control
