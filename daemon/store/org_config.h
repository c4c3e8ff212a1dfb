#pragma once
// All that an org's snapshot of rules is built from.

#include "daemon/domain/config.h"
#include "daemon/store/connection.h"

namespace govctl::store {

// What is not deleted, revoked keys included; every list in the order of making. not_found: the file holds no
// org yet. Run it inside one transaction, so that it is of one instant.
Result<domain::OrgConfig> load_org_config(Connection& connection);

}  // namespace govctl::store
