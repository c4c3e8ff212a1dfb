#pragma once
// Model aliases in the org's file: a model's name of the org's own and the models that it leads to.

#include <optional>
#include <string>
#include <vector>

#include "daemon/domain/config.h"
#include "daemon/store/writer.h"

namespace govctl::store {

// Makes it, or replaces targets, version and updated_at of the one of that name.
Result<void> put_alias(Transaction& tx, const domain::ModelAlias& alias);
// not_found: none of that name.
Result<void> delete_alias(Transaction& tx, const std::string& name);
Result<std::optional<domain::ModelAlias>> find_alias(Connection& connection, const std::string& name);
Result<std::vector<domain::ModelAlias>> list_aliases(Connection& connection);  // by name

}  // namespace govctl::store
