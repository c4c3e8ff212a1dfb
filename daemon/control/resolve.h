#pragma once
// From what a route or a query names (an id, a slug, a path) to the thing. A principal that is no member of an
// org gets the same not_found as for an org that does not exist.

#include <memory>
#include <string>
#include <string_view>

#include "common/resource_path.h"
#include "daemon/control/context.h"

namespace govctl::control {

struct OrgAt {
  std::shared_ptr<tenant::Tenant> tenant;
  std::shared_ptr<const tenant::Snapshot> snapshot;
  [[nodiscard]] const domain::Org& org() const { return snapshot->config().org; }
};

// A node of an org's tree under one snapshot, which keeps it alive.
struct NodeAt {
  std::shared_ptr<tenant::Tenant> tenant;
  std::shared_ptr<const tenant::Snapshot> snapshot;
  const tenant::Node* node = nullptr;
  [[nodiscard]] const domain::Org& org() const { return snapshot->config().org; }
};

// "a workspace", "an agent group", … as people say it; level_noun() without the article.
std::string_view level_phrase(Level level);
std::string_view level_noun(Level level);

// The orgs that the principal may see, by slug.
std::vector<std::shared_ptr<tenant::Tenant>> visible_tenants(const Request& request);

// By id or slug. not_found; unavailable while the org's file is quarantined.
Result<OrgAt> find_org(const Request& request, std::string_view id_or_slug);
// By a billing group's id, or as find_org: the {group_id} of usage routes.
Result<OrgAt> find_account(const Request& request, std::string_view id_or_slug);
// An org, workspace, agent group or agent by id or path.
Result<NodeAt> find_node(const Request& request, std::string_view id_or_path);
// As find_node; not_found when it is of another level.
Result<NodeAt> find_node(const Request& request, std::string_view id_or_path, Level level);
// A key by its id; with `agent`, only of that agent.
Result<NodeAt> find_key(const Request& request, std::string_view id, const tenant::Node* agent = nullptr);
// What a policy or budget hangs on: `path`, or with `key_id` that key of the agent at `path`.
Result<NodeAt> find_target(const Request& request, std::string_view path,
                           const std::optional<std::string>& key_id);
// The tenant that owns a policy, budget or credential.
Result<OrgAt> find_owner(const Request& request, std::string_view id, std::string_view what,
                         std::string_view next);

// True when `node` is `top` or below it.
bool below(const tenant::Snapshot& snapshot, const tenant::Node& node, const tenant::Node& top);
// The path of an agent or key by id, or the id's text where it is there no more.
std::string path_or_id(const tenant::Snapshot& snapshot, const Uuid& id);

}  // namespace govctl::control
