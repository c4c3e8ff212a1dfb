#pragma once
// An org's rules at one instant, immutable, shared by every call that began under them. Built from an OrgConfig
// inside the writer's operation that changed it, swapped in after COMMIT.

#include <array>
#include <cstring>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "daemon/domain/config.h"
#include "daemon/domain/policy.h"
#include "daemon/domain/records.h"

namespace govctl::tenant {

// Ids and key hashes are random in these bytes already.
struct UuidHash {
  std::size_t operator()(const Uuid& id) const noexcept {
    std::size_t value = 0;
    std::memcpy(&value, id.data() + 8, sizeof value);
    return value;
  }
};
struct KeyHashHash {
  std::size_t operator()(const domain::Hash& hash) const noexcept {
    std::size_t value = 0;
    std::memcpy(&value, hash.data(), sizeof value);
    return value;
  }
};

// One thing in the tree: an org, workspace, agent group, agent or key.
struct Node {
  Level level = Level::org;
  Uuid id{};
  std::size_t parent = 0;  // index; the org is its own
  std::size_t row = 0;     // index in the OrgConfig's vector of its level
  std::string slug;        // a key's name
  std::string path;        // of a key: its agent's path
  std::vector<std::size_t> children;
  std::vector<std::size_t> policies, budgets;  // indexes in the OrgConfig
  // What all policies from the org down to here merge to.
  std::shared_ptr<const domain::Rules> rules;
  std::string rules_json;  // what rule_snapshots keeps
  std::int64_t rules_id = 0;
};

// What a policy hangs on, for people: a path, or "key NAME of PATH".
std::string policy_place(const Node& node);

class Snapshot {
 public:
  // corrupt when a row's parent is missing.
  static Result<std::shared_ptr<const Snapshot>> build(domain::OrgConfig config);

  [[nodiscard]] const domain::OrgConfig& config() const { return config_; }
  [[nodiscard]] const std::vector<Node>& nodes() const {
    return nodes_;
  }  // parents before children; [0] is the org
  [[nodiscard]] const Node& root() const { return nodes_.front(); }
  [[nodiscard]] const Node& parent(const Node& node) const { return nodes_[node.parent]; }
  // Null when there is none. Keys are found by id and hash, not by path.
  [[nodiscard]] const Node* find(const ResourcePath& path) const;
  [[nodiscard]] const Node* find(const Uuid& id) const;
  [[nodiscard]] const Node* find_key(const domain::Hash& hash) const;

  [[nodiscard]] const domain::ModelAlias* find_alias(std::string_view name) const;

  [[nodiscard]] const domain::Workspace& workspace(const Node& node) const {
    return config_.workspaces[node.row];
  }
  [[nodiscard]] const domain::AgentGroup& group(const Node& node) const { return config_.groups[node.row]; }
  [[nodiscard]] const domain::Agent& agent(const Node& node) const { return config_.agents[node.row]; }
  [[nodiscard]] const domain::ApiKey& key(const Node& node) const { return config_.keys[node.row]; }
  // The nodes from the org down to `node`, by level; deeper levels are null.
  [[nodiscard]] std::array<const Node*, level_count> chain(const Node& node) const;
  [[nodiscard]] domain::Scope scope(const Node& key) const;

 private:
  domain::OrgConfig config_;
  std::vector<Node> nodes_;
  std::unordered_map<std::string, std::size_t> by_path_;
  std::unordered_map<Uuid, std::size_t, UuidHash> by_id_;
  std::unordered_map<domain::Hash, std::size_t, KeyHashHash> by_hash_;
};

}  // namespace govctl::tenant
