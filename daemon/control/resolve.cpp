#include "daemon/control/resolve.h"

#include <algorithm>
#include <array>

namespace govctl::control {
namespace {

constexpr std::array<std::string_view, level_count> level_phrases{"an org", "a workspace", "an agent group",
                                                                  "an agent", "a key"};
constexpr std::array<std::string_view, level_count> list_commands{
    "govctl org list", "govctl workspace list ORG", "govctl group list ORG/WORKSPACE",
    "govctl agent list ORG/WORKSPACE/GROUP", "govctl key list AGENT"};

std::string shown(std::string_view text) { return std::string(text.substr(0, 200)); }

std::unexpected<Error> none(Level level, std::string_view text) {
  return fail(Code::not_found, fmt::format("there is no {} '{}'", level_noun(level), shown(text)),
              std::string(list_commands[static_cast<std::size_t>(level)]));
}

Result<NodeAt> node_of(std::shared_ptr<tenant::Tenant> tenant, const Uuid& id) {
  NodeAt at;
  at.snapshot = tenant->snapshot();
  at.node = at.snapshot->find(id);
  at.tenant = std::move(tenant);
  if (at.node == nullptr) return fail(Code::not_found, "there is no such thing");
  return at;
}

}  // namespace

std::string_view level_phrase(Level level) { return level_phrases[static_cast<std::size_t>(level)]; }
std::string_view level_noun(Level level) {
  const std::string_view phrase = level_phrase(level);
  return phrase.substr(phrase.find(' ') + 1);
}

std::vector<std::shared_ptr<tenant::Tenant>> visible_tenants(const Request& request) {
  if (!request.principal.all_orgs) return {};
  return request.registry.tenants();
}

Result<OrgAt> find_org(const Request& request, std::string_view id_or_slug) {
  std::shared_ptr<tenant::Tenant> tenant;
  if (const auto id = OrgId::parse(id_or_slug)) {
    tenant = request.registry.find(*id);
  } else {
    tenant = request.registry.find_slug(id_or_slug);
  }
  if (tenant == nullptr) {
    const auto damaged = request.registry.quarantined();
    if (std::ranges::find(damaged, id_or_slug) != damaged.end()) {
      return fail(Code::unavailable,
                  fmt::format("the file of org '{}' is damaged and out of service", id_or_slug),
                  "govctl status");
    }
    return none(Level::org, id_or_slug);
  }
  if (!request.principal.all_orgs) return none(Level::org, id_or_slug);
  auto snapshot = tenant->snapshot();
  return OrgAt{std::move(tenant), std::move(snapshot)};
}

Result<OrgAt> find_account(const Request& request, std::string_view id_or_slug) {
  if (const auto group = BillingGroupId::parse(id_or_slug)) {
    for (const auto& tenant : visible_tenants(request)) {
      auto snapshot = tenant->snapshot();
      if (snapshot->config().org.billing_group == *group) {
        return OrgAt{tenant, std::move(snapshot)};
      }
    }
  }
  auto org = find_org(request, id_or_slug);
  if (!org && org.error().code == Code::not_found) {
    return fail(Code::not_found, fmt::format("there is no billing group or org '{}'", shown(id_or_slug)),
                "govctl org list");
  }
  return org;
}

Result<NodeAt> find_node(const Request& request, std::string_view id_or_path) {
  if (const auto id = parse_uuid(id_or_path)) {
    auto tenant = request.registry.find_owner(*id);
    if (tenant != nullptr && request.principal.all_orgs) {
      auto at = node_of(std::move(tenant), *id);
      if (at && at->node->level != Level::key) return at;
    }
    return fail(Code::not_found,
                fmt::format("there is no org, workspace, agent group or agent '{}'", id_or_path),
                "govctl org list");
  }
  auto path = ResourcePath::parse(id_or_path);
  if (!path) return std::unexpected(path.error());
  auto org = find_org(request, path->org());
  if (!org) return std::unexpected(org.error());
  const auto* node = org->snapshot->find(*path);
  if (node == nullptr) return none(path->level(), id_or_path);
  return NodeAt{org->tenant, org->snapshot, node};
}

Result<NodeAt> find_node(const Request& request, std::string_view id_or_path, Level level) {
  auto at = find_node(request, id_or_path);
  if (!at && at.error().code == Code::not_found && parse_uuid(id_or_path)) return none(level, id_or_path);
  if (at && at->node->level != level) {
    return fail(Code::not_found,
                fmt::format("'{}' is {}; this takes {}", shown(id_or_path), level_phrase(at->node->level),
                            level_phrase(level)),
                std::string(list_commands[static_cast<std::size_t>(level)]));
  }
  return at;
}

Result<NodeAt> find_key(const Request& request, std::string_view id, const tenant::Node* agent) {
  const auto key = KeyId::parse(id);
  auto tenant = key ? request.registry.find_owner(key->bytes) : nullptr;
  if (tenant != nullptr && request.principal.all_orgs) {
    auto at = node_of(std::move(tenant), key->bytes);
    if (at && at->node->level == Level::key &&
        (agent == nullptr || at->snapshot->parent(*at->node).id == agent->id)) {
      return at;
    }
  }
  return none(Level::key, id);
}

Result<NodeAt> find_target(const Request& request, std::string_view path,
                           const std::optional<std::string>& key_id) {
  auto at = find_node(request, path);
  if (!at || !key_id) return at;
  if (at->node->level != Level::agent) {
    return fail(Code::invalid, "with 'key_id', 'path' must name the key's agent");
  }
  return find_key(request, *key_id, at->node);
}

Result<OrgAt> find_owner(const Request& request, std::string_view id, std::string_view what,
                         std::string_view next) {
  const auto uuid = parse_uuid(id);
  auto tenant = uuid ? request.registry.find_owner(*uuid) : nullptr;
  if (tenant == nullptr || !request.principal.all_orgs) {
    return fail(Code::not_found, fmt::format("there is no {} '{}'", what, shown(id)), std::string(next));
  }
  auto snapshot = tenant->snapshot();
  return OrgAt{std::move(tenant), std::move(snapshot)};
}

bool below(const tenant::Snapshot& snapshot, const tenant::Node& node, const tenant::Node& top) {
  const auto* at = &node;
  while (at->level > top.level) at = &snapshot.parent(*at);
  return at->id == top.id;
}

std::string path_or_id(const tenant::Snapshot& snapshot, const Uuid& id) {
  const auto* node = snapshot.find(id);
  return node == nullptr ? uuid_text(id) : node->path;
}

}  // namespace govctl::control
