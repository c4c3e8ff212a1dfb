#pragma once
// Policies in the org's file: a rule set that hangs on one org, workspace, agent group, agent or key.

#include <optional>
#include <vector>

#include "daemon/domain/config.h"
#include "daemon/store/writer.h"

namespace govctl::store {

// conflict: a policy of that name hangs there already.
Result<void> insert_policy(Transaction& tx, const domain::Policy& policy);
// All but id, level, target and created_at. not_found: none, or deleted.
Result<void> update_policy(Transaction& tx, const domain::Policy& policy);
Result<void> delete_policy(Transaction& tx, const PolicyId& id, Timestamp now);
// What is not deleted; corrupt when a row's words are unknown.
Result<std::optional<domain::Policy>> find_policy(Connection& connection, const PolicyId& id);
Result<std::vector<domain::Policy>> list_policies(Connection& connection);

}  // namespace govctl::store
