#pragma once
// The org's own row and its billing group, in the org's file. Writing functions run inside an operation of the
// file's writer; reading ones on any connection. `version` and the times are the caller's: they are written as
// given.

#include <optional>

#include "daemon/domain/config.h"
#include "daemon/store/writer.h"

namespace govctl::store {

// With its billing group, which bears the org's name.
Result<void> insert_org(Transaction& tx, const domain::Org& org);
// All but id, slug, owner, billing group and created_at; the billing group's name follows. not_found: no such
// org here.
Result<void> update_org(Transaction& tx, const domain::Org& org);
// Empty: undeleted.
Result<void> set_org_deleted(Transaction& tx, const OrgId& id, std::optional<Timestamp> deleted_at);
// The file's org, deleted or not; empty in a file that has none yet.
Result<std::optional<domain::Org>> find_org(Connection& connection);

}  // namespace govctl::store
