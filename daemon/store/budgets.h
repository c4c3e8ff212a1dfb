#pragma once
// Budgets in the org's file: a limit a period on one org, workspace, agent group, agent or key.

#include <optional>
#include <vector>

#include "daemon/domain/config.h"
#include "daemon/store/writer.h"

namespace govctl::store {

// conflict: a budget of that period hangs there already.
Result<void> insert_budget(Transaction& tx, const domain::Budget& budget);
// limit, limit_usd, auto_disable, version, updated_at. not_found: none, or deleted.
Result<void> update_budget(Transaction& tx, const domain::Budget& budget);
Result<void> delete_budget(Transaction& tx, const BudgetId& id, Timestamp now);
// What is not deleted.
Result<std::optional<domain::Budget>> find_budget(Connection& connection, const BudgetId& id);
Result<std::vector<domain::Budget>> list_budgets(Connection& connection);

}  // namespace govctl::store
