#pragma once
// What a principal may be allowed to do (60-security.md "Permissions"): the names that roles, tokens and the
// control API's routes use. One table; a Permission's word is stable.

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace govctl::domain {

enum class Permission : std::uint8_t {
  none,  // needs no permission: health, the API's own description
  agents_read,
  agents_write,
  agents_delete,
  agents_execute,
  tools_read,
  tools_write,
  tools_delete,
  tools_edit,
  users_read,
  users_write,
  users_delete,
  roles_read,
  roles_write,
  roles_delete,
  security_admin,
  security_audit,
  security_mfa_manage,
  security_oauth_manage,
  security_ldap_manage,
  kb_read,
  kb_write,
  kb_delete,
  settings_read,
  settings_write,
  integrations_read,
  integrations_write,
  integrations_delete,
  demo_access,
  demo_manage,
  invitations_read,
  invitations_write,
  analytics_read,
  orgs_read,
  orgs_write,
  orgs_delete,
  providers_read,
  providers_write,
  providers_delete,
  pricing_read,
  pricing_write,
  platform_admin,
  ledger_read,
  ledger_write,
  policies_read,
  policies_write,
  budgets_read,
  budgets_write,
  credentials_write,
  keys_read,
  keys_write,
  audit_read,
};

struct PermissionFacts {
  Permission permission;
  std::string_view word;
};

inline constexpr std::array permission_table{
    PermissionFacts{Permission::none, ""},
    PermissionFacts{Permission::agents_read, "agents:read"},
    PermissionFacts{Permission::agents_write, "agents:write"},
    PermissionFacts{Permission::agents_delete, "agents:delete"},
    PermissionFacts{Permission::agents_execute, "agents:execute"},
    PermissionFacts{Permission::tools_read, "tools:read"},
    PermissionFacts{Permission::tools_write, "tools:write"},
    PermissionFacts{Permission::tools_delete, "tools:delete"},
    PermissionFacts{Permission::tools_edit, "tools:edit"},
    PermissionFacts{Permission::users_read, "users:read"},
    PermissionFacts{Permission::users_write, "users:write"},
    PermissionFacts{Permission::users_delete, "users:delete"},
    PermissionFacts{Permission::roles_read, "roles:read"},
    PermissionFacts{Permission::roles_write, "roles:write"},
    PermissionFacts{Permission::roles_delete, "roles:delete"},
    PermissionFacts{Permission::security_admin, "security:admin"},
    PermissionFacts{Permission::security_audit, "security:audit"},
    PermissionFacts{Permission::security_mfa_manage, "security:mfa_manage"},
    PermissionFacts{Permission::security_oauth_manage, "security:oauth_manage"},
    PermissionFacts{Permission::security_ldap_manage, "security:ldap_manage"},
    PermissionFacts{Permission::kb_read, "kb:read"},
    PermissionFacts{Permission::kb_write, "kb:write"},
    PermissionFacts{Permission::kb_delete, "kb:delete"},
    PermissionFacts{Permission::settings_read, "settings:read"},
    PermissionFacts{Permission::settings_write, "settings:write"},
    PermissionFacts{Permission::integrations_read, "integrations:read"},
    PermissionFacts{Permission::integrations_write, "integrations:write"},
    PermissionFacts{Permission::integrations_delete, "integrations:delete"},
    PermissionFacts{Permission::demo_access, "demo:access"},
    PermissionFacts{Permission::demo_manage, "demo:manage"},
    PermissionFacts{Permission::invitations_read, "invitations:read"},
    PermissionFacts{Permission::invitations_write, "invitations:write"},
    PermissionFacts{Permission::analytics_read, "analytics:read"},
    PermissionFacts{Permission::orgs_read, "orgs:read"},
    PermissionFacts{Permission::orgs_write, "orgs:write"},
    PermissionFacts{Permission::orgs_delete, "orgs:delete"},
    PermissionFacts{Permission::providers_read, "providers:read"},
    PermissionFacts{Permission::providers_write, "providers:write"},
    PermissionFacts{Permission::providers_delete, "providers:delete"},
    PermissionFacts{Permission::pricing_read, "pricing:read"},
    PermissionFacts{Permission::pricing_write, "pricing:write"},
    PermissionFacts{Permission::platform_admin, "platform:admin"},
    PermissionFacts{Permission::ledger_read, "ledger:read"},
    PermissionFacts{Permission::ledger_write, "ledger:write"},
    PermissionFacts{Permission::policies_read, "policies:read"},
    PermissionFacts{Permission::policies_write, "policies:write"},
    PermissionFacts{Permission::budgets_read, "budgets:read"},
    PermissionFacts{Permission::budgets_write, "budgets:write"},
    PermissionFacts{Permission::credentials_write, "credentials:write"},
    PermissionFacts{Permission::keys_read, "keys:read"},
    PermissionFacts{Permission::keys_write, "keys:write"},
    PermissionFacts{Permission::audit_read, "audit:read"},
};

namespace detail {
consteval bool permissions_in_order() {
  for (std::size_t i = 0; i < permission_table.size(); ++i) {
    if (static_cast<std::size_t>(permission_table[i].permission) != i) return false;
    for (std::size_t j = 0; j < i; ++j) {
      if (permission_table[i].word == permission_table[j].word) return false;
    }
  }
  return true;
}
}  // namespace detail
static_assert(detail::permissions_in_order(), "the table is indexed by Permission and its words differ");
static_assert(permission_table.size() <= 64, "Permissions is one word of bits");

constexpr std::string_view permission_word(Permission permission) {
  return permission_table[static_cast<std::size_t>(permission)].word;
}
constexpr std::optional<Permission> parse_permission(std::string_view word) {
  for (const auto& row : permission_table) {
    if (!word.empty() && row.word == word) return row.permission;
  }
  return std::nullopt;
}

// What one principal may do.
class Permissions {
 public:
  static constexpr Permissions all() {
    Permissions every;
    for (const auto& row : permission_table) every.add(row.permission);
    return every;
  }
  constexpr Permissions& add(Permission permission) {
    bits_ |= bit(permission);
    return *this;
  }
  constexpr Permissions& remove(Permission permission) {
    bits_ &= ~bit(permission);
    return *this;
  }
  // Everybody has Permission::none.
  [[nodiscard]] constexpr bool has(Permission permission) const {
    return permission == Permission::none || (bits_ & bit(permission)) != 0;
  }

 private:
  static constexpr std::uint64_t bit(Permission permission) {
    return std::uint64_t{1} << static_cast<unsigned>(permission);
  }
  std::uint64_t bits_ = 0;
};

}  // namespace govctl::domain
