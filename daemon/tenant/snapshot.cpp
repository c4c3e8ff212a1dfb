#include "daemon/tenant/snapshot.h"

#include <fmt/format.h>

#include <algorithm>

#include "daemon/store/money.h"
#include "daemon/tenant/rules_text.h"

namespace govctl::tenant {
std::string policy_place(const Node& node) {
  return node.level == Level::key ? fmt::format("key {} of {}", node.slug, node.path) : node.path;
}

Result<std::shared_ptr<const Snapshot>> Snapshot::build(domain::OrgConfig config) {
  auto snapshot = std::make_shared<Snapshot>();
  Snapshot& s = *snapshot;
  s.config_ = std::move(config);
  std::ranges::sort(s.config_.aliases, {}, &domain::ModelAlias::name);
  const auto& c = s.config_;

  const auto add = [&s](Level level, const Uuid& id, std::size_t parent, std::size_t row,
                        const std::string& slug) {
    Node node;
    node.level = level;
    node.id = id;
    node.parent = parent;
    node.row = row;
    node.slug = slug;
    if (level == Level::org) {
      node.path = slug;
    } else {
      node.path = level == Level::key ? s.nodes_[parent].path : s.nodes_[parent].path + "/" + slug;
      s.nodes_[parent].children.push_back(s.nodes_.size());
    }
    s.by_id_.emplace(id, s.nodes_.size());
    if (level != Level::key) s.by_path_.emplace(node.path, s.nodes_.size());
    s.nodes_.push_back(std::move(node));
  };
  const auto orphan = [](std::string_view what) {
    return fail(Code::corrupt, fmt::format("{} hangs on a parent that is not there", what));
  };

  s.nodes_.reserve(1 + c.workspaces.size() + c.groups.size() + c.agents.size() + c.keys.size());
  add(Level::org, c.org.id.bytes, 0, 0, c.org.slug);
  for (std::size_t i = 0; i < c.workspaces.size(); ++i) {
    add(Level::workspace, c.workspaces[i].id.bytes, 0, i, c.workspaces[i].slug);
  }
  for (std::size_t i = 0; i < c.groups.size(); ++i) {
    const auto parent = s.by_id_.find(c.groups[i].workspace.bytes);
    if (parent == s.by_id_.end()) return orphan("an agent group");
    add(Level::group, c.groups[i].id.bytes, parent->second, i, c.groups[i].slug);
  }
  for (std::size_t i = 0; i < c.agents.size(); ++i) {
    const auto parent = s.by_id_.find(c.agents[i].group.bytes);
    if (parent == s.by_id_.end()) return orphan("an agent");
    add(Level::agent, c.agents[i].id.bytes, parent->second, i, c.agents[i].slug);
  }
  for (std::size_t i = 0; i < c.keys.size(); ++i) {
    const auto parent = s.by_id_.find(c.keys[i].agent.bytes);
    if (parent == s.by_id_.end()) continue;  // a key of a deleted agent: revoked with it
    s.by_hash_.emplace(c.keys[i].hash, s.nodes_.size());
    add(Level::key, c.keys[i].id.bytes, parent->second, i, c.keys[i].name);
  }
  for (std::size_t i = 0; i < c.policies.size(); ++i) {
    const auto target = s.by_id_.find(c.policies[i].target);
    if (target != s.by_id_.end()) s.nodes_[target->second].policies.push_back(i);
  }
  for (std::size_t i = 0; i < c.budgets.size(); ++i) {
    const auto target = s.by_id_.find(c.budgets[i].target);
    if (target != s.by_id_.end()) s.nodes_[target->second].budgets.push_back(i);
  }

  // Parents come first: a node without policies of its own has its parent's rules.
  for (std::size_t i = 0; i < s.nodes_.size(); ++i) {
    Node& node = s.nodes_[i];
    if (i != 0 && node.policies.empty()) {
      const Node& above = s.nodes_[node.parent];
      node.rules = above.rules;
      node.rules_json = above.rules_json;
      node.rules_id = above.rules_id;
      continue;
    }
    std::vector<domain::PolicyAt> chain;
    for (const Node* at : s.chain(node)) {
      if (at == nullptr) break;
      for (const std::size_t row : at->policies) {
        chain.push_back({&c.policies[row], policy_place(*at)});
      }
    }
    auto rules = std::make_shared<domain::Rules>(domain::merge(chain));
    node.rules_json = rules_text(*rules);
    node.rules_id = store::rules_id_of(node.rules_json);
    node.rules = std::move(rules);
  }
  return std::shared_ptr<const Snapshot>(std::move(snapshot));
}

const Node* Snapshot::find(const ResourcePath& path) const {
  const auto found = by_path_.find(path.text());
  return found == by_path_.end() ? nullptr : &nodes_[found->second];
}

const Node* Snapshot::find(const Uuid& id) const {
  const auto found = by_id_.find(id);
  return found == by_id_.end() ? nullptr : &nodes_[found->second];
}

const Node* Snapshot::find_key(const domain::Hash& hash) const {
  const auto found = by_hash_.find(hash);
  return found == by_hash_.end() ? nullptr : &nodes_[found->second];
}

const domain::ModelAlias* Snapshot::find_alias(std::string_view name) const {
  const auto found = std::ranges::lower_bound(config_.aliases, name, {}, &domain::ModelAlias::name);
  return found == config_.aliases.end() || found->name != name ? nullptr : &*found;
}

std::array<const Node*, level_count> Snapshot::chain(const Node& node) const {
  std::array<const Node*, level_count> chain{};
  for (const Node* at = &node;; at = &nodes_[at->parent]) {
    chain[static_cast<std::size_t>(at->level)] = at;
    if (at->level == Level::org) return chain;
  }
}

domain::Scope Snapshot::scope(const Node& key) const {
  const auto nodes = chain(key);
  return {OrgId{nodes[0]->id}, WorkspaceId{nodes[1]->id}, AgentGroupId{nodes[2]->id}, AgentId{nodes[3]->id},
          KeyId{nodes[4]->id}};
}

}  // namespace govctl::tenant
