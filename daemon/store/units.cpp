#include "daemon/store/units.h"

#include "daemon/store/columns.h"

namespace govctl::store {
namespace {

constexpr char insert_workspace_sql[] =
    "INSERT INTO workspaces(id, org_id, slug, name, description, active, frozen_at, frozen_reason, version, "
    "created_at,"
    " updated_at) VALUES(:id, :parent, :slug, :name, :description, :active, :frozen, :reason, :version, "
    ":created,"
    " :updated)";
constexpr char insert_group_sql[] =
    "INSERT INTO agent_groups(id, workspace_id, slug, name, description, active, frozen_at, frozen_reason, "
    "version,"
    " created_at, updated_at) VALUES(:id, :parent, :slug, :name, :description, :active, :frozen, :reason, "
    ":version,"
    " :created, :updated)";
constexpr char insert_agent_sql[] =
    "INSERT INTO agents(id, agent_group_id, slug, name, description, status, frozen_at, frozen_reason, version,"
    " created_at, updated_at) VALUES(:id, :parent, :slug, :name, :description, iif(:active, 'ACTIVE', "
    "'DISABLED'),"
    " :frozen, :reason, :version, :created, :updated)";

constexpr char update_workspace_sql[] =
    "UPDATE workspaces SET name = :name, description = :description, active = :active, frozen_at = :frozen,"
    " frozen_reason = :reason, version = :version, updated_at = :updated WHERE id = :id AND deleted_at IS NULL";
constexpr char update_group_sql[] =
    "UPDATE agent_groups SET name = :name, description = :description, active = :active, frozen_at = :frozen,"
    " frozen_reason = :reason, version = :version, updated_at = :updated WHERE id = :id AND deleted_at IS NULL";
constexpr char update_agent_sql[] =
    "UPDATE agents SET name = :name, description = :description, status = iif(:active, 'ACTIVE', 'DISABLED'),"
    " frozen_at = :frozen, frozen_reason = :reason, version = :version, updated_at = :updated"
    " WHERE id = :id AND deleted_at IS NULL";

constexpr char workspace_columns[] =
    "SELECT id, slug, name, description, active, frozen_at, frozen_reason, version, created_at, updated_at"
    " FROM workspaces WHERE deleted_at IS NULL";
constexpr char group_columns[] =
    "SELECT id, workspace_id, slug, name, description, active, frozen_at, frozen_reason, version, created_at, "
    "updated_at"
    " FROM agent_groups WHERE deleted_at IS NULL";
constexpr char agent_columns[] =
    "SELECT id, agent_group_id, slug, name, description, status = 'ACTIVE', frozen_at, frozen_reason, version,"
    " created_at, updated_at FROM agents WHERE deleted_at IS NULL";
constexpr auto find_workspace_sql = sql(workspace_columns, " AND id = :id");
constexpr auto find_group_sql = sql(group_columns, " AND id = :id");
constexpr auto find_agent_sql = sql(agent_columns, " AND id = :id");
constexpr auto list_workspaces_sql = sql(workspace_columns, " ORDER BY id");
constexpr auto list_groups_sql = sql(group_columns, " ORDER BY id");
constexpr auto list_agents_sql = sql(agent_columns, " ORDER BY id");

constexpr char delete_workspace_sql[] =
    "UPDATE workspaces SET deleted_at = :now WHERE id = :id AND deleted_at IS NULL";
constexpr char delete_group_sql[] =
    "UPDATE agent_groups SET deleted_at = :now WHERE id = :id AND deleted_at IS NULL";
constexpr char delete_agent_sql[] = "UPDATE agents SET deleted_at = :now WHERE id = :id AND deleted_at IS NULL";

// What is below something deleted, level by level.
constexpr char sweep_groups_sql[] =
    "UPDATE agent_groups SET deleted_at = :now WHERE deleted_at IS NULL"
    " AND workspace_id IN (SELECT id FROM workspaces WHERE deleted_at IS NOT NULL)";
constexpr char sweep_agents_sql[] =
    "UPDATE agents SET deleted_at = :now WHERE deleted_at IS NULL"
    " AND agent_group_id IN (SELECT id FROM agent_groups WHERE deleted_at IS NOT NULL)";
constexpr char sweep_keys_sql[] =
    "UPDATE api_keys SET revoked_at = :now, revoke_reason = :reason WHERE revoked_at IS NULL"
    " AND agent_id IN (SELECT id FROM agents WHERE deleted_at IS NOT NULL)";
constexpr char sweep_policies_sql[] =
    "UPDATE policies SET deleted_at = :now WHERE deleted_at IS NULL AND target_id IN ("
    "SELECT id FROM workspaces WHERE deleted_at IS NOT NULL"
    " UNION ALL SELECT id FROM agent_groups WHERE deleted_at IS NOT NULL"
    " UNION ALL SELECT id FROM agents WHERE deleted_at IS NOT NULL"
    " UNION ALL SELECT k.id FROM api_keys k JOIN agents a ON a.id = k.agent_id WHERE a.deleted_at IS NOT NULL)";
constexpr char sweep_budgets_sql[] =
    "UPDATE budgets SET deleted_at = :now WHERE deleted_at IS NULL AND target_id IN ("
    "SELECT id FROM workspaces WHERE deleted_at IS NOT NULL"
    " UNION ALL SELECT id FROM agent_groups WHERE deleted_at IS NOT NULL"
    " UNION ALL SELECT id FROM agents WHERE deleted_at IS NOT NULL"
    " UNION ALL SELECT k.id FROM api_keys k JOIN agents a ON a.id = k.agent_id WHERE a.deleted_at IS NOT NULL)";

template <class Unit>
void set_changeable(SQLite::Statement& statement, const Unit& unit) {
  set(statement, ":id", unit.id);
  set(statement, ":name", unit.name);
  set(statement, ":description", unit.description);
  set(statement, ":active", unit.active);
  set_freeze(statement, unit.frozen);
  set(statement, ":version", unit.version);
  set(statement, ":updated", unit.updated_at);
}

template <class Unit, class ParentId>
Result<void> insert_unit(Transaction& tx, const char* sql, const ParentId& parent, const Unit& unit) {
  return guarded([&]() -> Result<void> {
    auto& insert = tx.connection().prepared(sql);
    set_changeable(insert, unit);
    set(insert, ":parent", parent);
    set(insert, ":slug", unit.slug);
    set(insert, ":created", unit.created_at);
    insert.exec();
    return {};
  });
}

template <class Unit>
Result<void> update_unit(Transaction& tx, const char* sql, const Unit& unit, const char* what) {
  return guarded([&]() -> Result<void> {
    auto& update = tx.connection().prepared(sql);
    set_changeable(update, unit);
    return exec_one(update, what);
  });
}

// From slug to updated_at, which all three have.
template <class Unit>
void read_common(RowReader& row, Unit& unit) {
  unit.slug = row.text();
  unit.name = row.text();
  unit.description = row.text();
  unit.active = row.boolean();
  unit.frozen = read_freeze(row);
  unit.version = row.integer();
  unit.created_at = row.time();
  unit.updated_at = row.time();
}

domain::Workspace read_workspace(RowReader& row) {
  domain::Workspace workspace;
  workspace.id = row.id<WorkspaceId>();
  read_common(row, workspace);
  return workspace;
}
domain::AgentGroup read_group(RowReader& row) {
  domain::AgentGroup group;
  group.id = row.id<AgentGroupId>();
  group.workspace = row.id<WorkspaceId>();
  read_common(row, group);
  return group;
}
domain::Agent read_agent(RowReader& row) {
  domain::Agent agent;
  agent.id = row.id<AgentId>();
  agent.group = row.id<AgentGroupId>();
  read_common(row, agent);
  return agent;
}

std::int64_t sweep(Transaction& tx, const char* sql, Timestamp now, const std::string* reason = nullptr) {
  auto& update = tx.connection().prepared(sql);
  set(update, ":now", now);
  if (reason != nullptr) set(update, ":reason", *reason);
  return update.exec();
}

template <class UnitId>
Result<Deleted> delete_unit(Transaction& tx, const char* sql, const UnitId& id, const char* what,
                            const std::string& reason, Timestamp now) {
  return guarded([&]() -> Result<Deleted> {
    auto& update = tx.connection().prepared(sql);
    set(update, ":id", id);
    set(update, ":now", now);
    if (auto done = exec_one(update, what); !done) return std::unexpected(done.error());
    Deleted deleted;
    deleted.groups = sweep(tx, sweep_groups_sql, now);
    deleted.agents = sweep(tx, sweep_agents_sql, now);
    deleted.keys = sweep(tx, sweep_keys_sql, now, &reason);
    deleted.policies = sweep(tx, sweep_policies_sql, now);
    deleted.budgets = sweep(tx, sweep_budgets_sql, now);
    return deleted;
  });
}

}  // namespace

Result<void> insert_workspace(Transaction& tx, const OrgId& org, const domain::Workspace& workspace) {
  return insert_unit(tx, insert_workspace_sql, org, workspace);
}
Result<void> insert_group(Transaction& tx, const domain::AgentGroup& group) {
  return insert_unit(tx, insert_group_sql, group.workspace, group);
}
Result<void> insert_agent(Transaction& tx, const domain::Agent& agent) {
  return insert_unit(tx, insert_agent_sql, agent.group, agent);
}

Result<void> update_workspace(Transaction& tx, const domain::Workspace& workspace) {
  return update_unit(tx, update_workspace_sql, workspace, "workspace");
}
Result<void> update_group(Transaction& tx, const domain::AgentGroup& group) {
  return update_unit(tx, update_group_sql, group, "agent group");
}
Result<void> update_agent(Transaction& tx, const domain::Agent& agent) {
  return update_unit(tx, update_agent_sql, agent, "agent");
}

Result<std::optional<domain::Workspace>> find_workspace(Connection& connection, const WorkspaceId& id) {
  return select_one<domain::Workspace>(connection, find_workspace_sql, id, read_workspace);
}
Result<std::optional<domain::AgentGroup>> find_group(Connection& connection, const AgentGroupId& id) {
  return select_one<domain::AgentGroup>(connection, find_group_sql, id, read_group);
}
Result<std::optional<domain::Agent>> find_agent(Connection& connection, const AgentId& id) {
  return select_one<domain::Agent>(connection, find_agent_sql, id, read_agent);
}

Result<std::vector<domain::Workspace>> list_workspaces(Connection& connection) {
  return select_all<domain::Workspace>(connection, list_workspaces_sql, read_workspace);
}
Result<std::vector<domain::AgentGroup>> list_groups(Connection& connection) {
  return select_all<domain::AgentGroup>(connection, list_groups_sql, read_group);
}
Result<std::vector<domain::Agent>> list_agents(Connection& connection) {
  return select_all<domain::Agent>(connection, list_agents_sql, read_agent);
}

Result<Deleted> delete_workspace(Transaction& tx, const WorkspaceId& id, const std::string& reason,
                                 Timestamp now) {
  return delete_unit(tx, delete_workspace_sql, id, "workspace", reason, now);
}
Result<Deleted> delete_group(Transaction& tx, const AgentGroupId& id, const std::string& reason,
                             Timestamp now) {
  return delete_unit(tx, delete_group_sql, id, "agent group", reason, now);
}
Result<Deleted> delete_agent(Transaction& tx, const AgentId& id, const std::string& reason, Timestamp now) {
  return delete_unit(tx, delete_agent_sql, id, "agent", reason, now);
}

}  // namespace govctl::store
