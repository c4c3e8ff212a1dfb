#pragma once
// What the applies of a named set have made, as the audit log of a file tells it.

#include <set>
#include <string>
#include <utility>

#include "daemon/store/connection.h"

namespace govctl::store {

// Resource types and ids of what was made under the set's name and, where an id is a name that can come again,
// not deleted since.
Result<std::set<std::pair<std::string, std::string>>> made_by_set(Connection& connection,
                                                                  const std::string& set);

}  // namespace govctl::store
