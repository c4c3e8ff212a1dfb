#pragma once
// The orgs that are served, by what they are found by; behind Registry, for its own files.

#include <map>
#include <memory>
#include <shared_mutex>
#include <string>
#include <unordered_map>

#include "daemon/tenant/registry.h"

namespace govctl::tenant {

struct Registry::State {
  std::string state_dir;
  std::shared_ptr<store::File> catalog;

  mutable std::shared_mutex mutex;
  std::map<OrgId, std::shared_ptr<Tenant>> by_id;
  std::map<std::string, std::shared_ptr<Tenant>, std::less<>> by_slug;
  std::unordered_map<domain::Hash, std::shared_ptr<Tenant>, KeyHashHash> by_key;
  std::map<std::string, OrgId> quarantined;  // by slug
  std::unordered_map<domain::Hash, OrgId, KeyHashHash> quarantined_keys;

  [[nodiscard]] std::string org_path(const OrgId& id) const { return state_dir + "/orgs/" + id.text() + ".db"; }
  [[nodiscard]] std::string trash_path(const OrgId& id) const {
    return state_dir + "/trash/" + id.text() + ".db";
  }

  void enter(const std::shared_ptr<Tenant>& tenant) {
    const auto snapshot = tenant->snapshot();
    const std::unique_lock lock(mutex);
    by_id[tenant->id()] = tenant;
    by_slug[snapshot->root().slug] = tenant;
    for (const auto& key : snapshot->config().keys) by_key[key.hash] = tenant;
  }
  void leave(const std::shared_ptr<Tenant>& tenant) {
    const std::unique_lock lock(mutex);
    by_id.erase(tenant->id());
    by_slug.erase(tenant->snapshot()->root().slug);
    std::erase_if(by_key, [&](const auto& entry) { return entry.second == tenant; });
  }
};

}  // namespace govctl::tenant
