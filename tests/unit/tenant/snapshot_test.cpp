#include "daemon/tenant/snapshot.h"

#include <catch2/catch.hpp>

using namespace govctl;
using namespace govctl::tenant;

namespace {

domain::OrgConfig tree() {
  domain::OrgConfig config;
  config.org.id = OrgId::mint(1);
  config.org.slug = "acme";
  config.workspaces.resize(2);
  config.workspaces[0] = {WorkspaceId::mint(1), "prod", "", "", true, {}, 1, {}, {}};
  config.workspaces[1] = {WorkspaceId::mint(1), "test", "", "", true, {}, 1, {}, {}};
  config.groups.push_back(
      {AgentGroupId::mint(1), config.workspaces[0].id, "support", "", "", true, {}, 1, {}, {}});
  config.agents.push_back({AgentId::mint(1), config.groups[0].id, "triage", "", "", true, {}, 1, {}, {}});
  domain::ApiKey key;
  key.id = KeyId::mint(1);
  key.agent = config.agents[0].id;
  key.name = "ci";
  key.hash = domain::sha256("secret");
  config.keys.push_back(key);
  return config;
}

domain::Policy policy(Level level, const Uuid& target, const char* name) {
  domain::Policy policy;
  policy.id = PolicyId::mint(1);
  policy.level = level;
  policy.target = target;
  policy.name = name;
  return policy;
}

}  // namespace

TEST_CASE("the tree is found by path, id and key") {
  const auto config = tree();
  const auto built = Snapshot::build(config);
  REQUIRE(built);
  const Snapshot& snapshot = **built;
  const Node* agent = snapshot.find(*ResourcePath::parse("acme/prod/support/triage"));
  REQUIRE(agent != nullptr);
  CHECK(agent->level == Level::agent);
  CHECK(snapshot.find(agent->id) == agent);
  CHECK(snapshot.find(*ResourcePath::parse("acme/test"))->level == Level::workspace);
  CHECK(snapshot.find(*ResourcePath::parse("acme/none")) == nullptr);
  const Node* key = snapshot.find_key(domain::sha256("secret"));
  REQUIRE(key != nullptr);
  CHECK(key->path == "acme/prod/support/triage");
  CHECK(&snapshot.parent(*key) == agent);
  CHECK(snapshot.find_key(domain::sha256("other")) == nullptr);
  const domain::Scope scope = snapshot.scope(*key);
  CHECK(scope.org == config.org.id);
  CHECK(scope.workspace == config.workspaces[0].id);
  CHECK(scope.group == config.groups[0].id);
  CHECK(scope.agent == config.agents[0].id);
  CHECK(scope.key == config.keys[0].id);
  const auto chain = snapshot.chain(*agent);
  CHECK(chain[0] == &snapshot.root());
  CHECK(chain[3] == agent);
  CHECK(chain[4] == nullptr);
}

TEST_CASE("rules are merged on the way down, and shared where nothing is added") {
  auto config = tree();
  auto org = policy(Level::org, config.org.id.bytes, "base");
  org.max_output_tokens = 1000;
  auto key = policy(Level::key, config.keys[0].id.bytes, "tight");
  key.max_output_tokens = 10;
  config.policies = {org, key};
  const auto built = Snapshot::build(config);
  REQUIRE(built);
  const Snapshot& snapshot = **built;
  const Node* agent = snapshot.find(*ResourcePath::parse("acme/prod/support/triage"));
  CHECK(agent->rules == snapshot.root().rules);
  CHECK(agent->rules_id == snapshot.root().rules_id);
  CHECK(agent->rules->max_output_tokens->value == 1000);
  const Node* node = snapshot.find_key(domain::sha256("secret"));
  CHECK(node->rules->max_output_tokens->value == 10);
  CHECK(node->rules->max_output_tokens->source == "key ci of acme/prod/support/triage: tight");
  CHECK(node->rules_id != agent->rules_id);
  CHECK(node->rules_json.find("tight") != std::string::npos);
  // The same rules have the same id in the next snapshot.
  CHECK((*Snapshot::build(config))->find_key(domain::sha256("secret"))->rules_id == node->rules_id);
}

TEST_CASE("budgets hang where they were hung") {
  auto config = tree();
  domain::Budget budget;
  budget.id = BudgetId::mint(1);
  budget.level = Level::group;
  budget.target = config.groups[0].id.bytes;
  config.budgets = {budget};
  const auto built = Snapshot::build(config);
  REQUIRE(built);
  CHECK((*built)->find(config.groups[0].id.bytes)->budgets == std::vector<std::size_t>{0});
  CHECK((*built)->root().budgets.empty());
}

TEST_CASE("a row whose parent is missing is corrupt; the key of a deleted agent is not known") {
  auto config = tree();
  config.keys[0].agent = AgentId::mint(1);
  const auto built = Snapshot::build(config);
  REQUIRE(built);
  CHECK((*built)->find_key(domain::sha256("secret")) == nullptr);
  config.agents[0].group = AgentGroupId::mint(1);
  CHECK(Snapshot::build(config).error().code == Code::corrupt);
  config = tree();
  config.groups[0].workspace = WorkspaceId::mint(1);
  CHECK(Snapshot::build(config).error().code == Code::corrupt);
}
