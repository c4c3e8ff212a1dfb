#pragma once
// The anchors that the database holds.

#include <vector>

#include "daemon/store/verify.h"

namespace govctl::store {

// In the order in which they were made.
Result<std::vector<Anchor>> read_anchors(Connection& connection, const OrgId& org);

}  // namespace govctl::store
