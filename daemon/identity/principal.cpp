#include "daemon/identity/principal.h"

#include <fmt/format.h>
#include <grp.h>
#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <optional>
#include <vector>

namespace govctl::identity {
namespace {

struct Account {
  std::string name;
  gid_t group = 0;
};

std::optional<Account> account_of(uid_t uid) {
  std::vector<char> buffer(16 << 10);
  passwd entry{};
  passwd* found = nullptr;
  if (getpwuid_r(uid, &entry, buffer.data(), buffer.size(), &found) != 0 || found == nullptr)
    return std::nullopt;
  return Account{found->pw_name, found->pw_gid};
}

bool member_of(const Account& account, gid_t group) {
  int count = 64;
  std::vector<gid_t> groups(static_cast<std::size_t>(count));
  if (getgrouplist(account.name.c_str(), account.group, groups.data(), &count) < 0) {
    groups.resize(static_cast<std::size_t>(count));
    if (getgrouplist(account.name.c_str(), account.group, groups.data(), &count) < 0) return false;
  }
  groups.resize(static_cast<std::size_t>(count));
  return std::ranges::find(groups, group) != groups.end();
}

}  // namespace

Result<Principal> local_principal(const LocalRule& rule, uid_t uid, gid_t gid) {
  const auto account = account_of(uid);
  Principal principal;
  principal.kind = "local";
  principal.actor = account ? account->name : fmt::format("uid {}", uid);
  principal.permissions = Permissions::all();
  principal.all_orgs = true;
  if (uid == 0 || uid == rule.owner_uid) return principal;
  if (rule.system && (gid == rule.admin_gid || (account && member_of(*account, rule.admin_gid)))) {
    principal.permissions.remove(Permission::platform_admin);
    return principal;
  }
  return fail(Code::unauthenticated,
              rule.system ? "this user is neither the daemon's owner nor a member of its administrators' group"
                          : "this daemon serves its owner alone");
}

}  // namespace govctl::identity
