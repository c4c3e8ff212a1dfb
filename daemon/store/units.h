#pragma once
// Workspaces, agent groups and agents, in the org's file. As in orgs.h, versions and times are written as
// given. A slug that is taken below the same parent is a conflict. find_… and list_… return what is not
// deleted, in the order of making.

#include <optional>
#include <vector>

#include "daemon/domain/config.h"
#include "daemon/store/writer.h"

namespace govctl::store {

Result<void> insert_workspace(Transaction& tx, const OrgId& org, const domain::Workspace& workspace);
Result<void> insert_group(Transaction& tx, const domain::AgentGroup& group);
Result<void> insert_agent(Transaction& tx, const domain::Agent& agent);

// name, description, active, frozen, version, updated_at. not_found: none, or deleted.
Result<void> update_workspace(Transaction& tx, const domain::Workspace& workspace);
Result<void> update_group(Transaction& tx, const domain::AgentGroup& group);
Result<void> update_agent(Transaction& tx, const domain::Agent& agent);

Result<std::optional<domain::Workspace>> find_workspace(Connection& connection, const WorkspaceId& id);
Result<std::optional<domain::AgentGroup>> find_group(Connection& connection, const AgentGroupId& id);
Result<std::optional<domain::Agent>> find_agent(Connection& connection, const AgentId& id);

Result<std::vector<domain::Workspace>> list_workspaces(Connection& connection);
Result<std::vector<domain::AgentGroup>> list_groups(Connection& connection);
Result<std::vector<domain::Agent>> list_agents(Connection& connection);

// What went with a unit that was deleted.
struct Deleted {
  std::int64_t groups = 0, agents = 0, keys = 0, policies = 0, budgets = 0;
};
// Soft: the unit and all below are marked, their keys revoked for `reason`, their policies and budgets marked.
// not_found: none, or deleted already.
Result<Deleted> delete_workspace(Transaction& tx, const WorkspaceId& id, const std::string& reason,
                                 Timestamp now);
Result<Deleted> delete_group(Transaction& tx, const AgentGroupId& id, const std::string& reason, Timestamp now);
Result<Deleted> delete_agent(Transaction& tx, const AgentId& id, const std::string& reason, Timestamp now);

}  // namespace govctl::store
