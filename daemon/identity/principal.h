#pragma once
// Who acts on the control API, and what they may do. Until users exist, principals are local: known by the peer
// credentials that the kernel vouches for (40-control-api.md "Who is asking").

#include <sys/types.h>

#include <string>

#include "common/error.h"
#include "daemon/domain/permissions.h"

namespace govctl::identity {

using domain::Permission;
using domain::Permissions;
constexpr std::string_view word_of(Permission permission) { return domain::permission_word(permission); }

struct Principal {
  std::string kind;   // of the audit row: local
  std::string actor;  // of the audit row: the login name, or "uid 1000" where it has none
  Permissions permissions;
  bool all_orgs = false;  // else only those it is a member of
};

// Whom the daemon takes for its owner and for its administrators.
struct LocalRule {
  uid_t owner_uid = 0;
  bool system = false;  // members of admin_gid are administrators
  gid_t admin_gid = static_cast<gid_t>(-1);
};

// Root or the daemon's own uid: all permissions. On a system daemon a member of admin_gid, by its own group or
// a supplementary one: all but platform:admin. unauthenticated: anybody else. Asks the machine's user database;
// any thread.
Result<Principal> local_principal(const LocalRule& rule, uid_t uid, gid_t gid);

}  // namespace govctl::identity
