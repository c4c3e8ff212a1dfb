#include "daemon/tenant/standing.h"

#include <array>

namespace govctl::tenant {

domain::Standing standing_of(const std::shared_ptr<const Snapshot>& snapshot, const domain::Scope& scope) {
  domain::Standing standing;
  const std::array ids{scope.org.bytes, scope.workspace.bytes, scope.group.bytes, scope.agent.bytes,
                       scope.key.bytes};
  for (std::size_t i = 0; i < ids.size(); ++i) {
    const Node* node = snapshot->find(ids.at(i));
    standing.paths.at(i) = node == nullptr ? uuid_text(ids.at(i)) : node->path;
  }
  if (snapshot->find(scope.key.bytes) == nullptr) standing.paths.back() = standing.paths.at(3);
  if (scope.key != KeyId{}) standing.key = scope.key.text();
  standing.policy = [snapshot, ids](const std::string& source) -> std::optional<domain::PolicyAddress> {
    for (const auto& id : ids) {
      const auto* node = snapshot->find(id);
      if (node == nullptr) continue;
      for (const std::size_t row : node->policies) {
        const auto& policy = snapshot->config().policies[row];
        if (domain::source_of(policy_place(*node), policy.name) != source) continue;
        return domain::PolicyAddress{node->path, policy.name,
                                     node->level == Level::key ? uuid_text(node->id) : std::string()};
      }
    }
    return std::nullopt;
  };
  return standing;
}

}  // namespace govctl::tenant
