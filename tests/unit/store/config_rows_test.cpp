// What administrators declare is read back as it was written.

#include "daemon/store/budgets.h"
#include "daemon/store/catalog.h"
#include "daemon/store/credentials.h"
#include "daemon/store/keys.h"
#include "daemon/store/org_config.h"
#include "daemon/store/orgs.h"
#include "daemon/store/policies.h"
#include "daemon/store/units.h"
#include "tests/unit/store/fixture.h"

namespace govctl::store::test {

namespace {

constexpr Timestamp noon{1'790'000'000'000'000};
constexpr Timestamp later{1'790'000'001'000'000};

// An org with one of everything, each with a value in every column.
struct Declared {
  explicit Declared(OrgFile& in) : file(in) {
    org.id = in.org;
    org.billing_group = BillingGroupId::mint(1);
    org.slug = "acme";
    org.name = "Acme";
    org.description = "first\nline";
    org.owner = "alice";
    org.active = false;
    org.credits_per_usd = 1'000'000;
    org.overdraft = std::nullopt;
    org.frozen = domain::Freeze{noon, "incident"};
    org.version = 7;
    org.created_at = noon;
    org.updated_at = later;

    workspace.id = WorkspaceId::mint(1);
    group.id = AgentGroupId::mint(1);
    group.workspace = workspace.id;
    agent.id = AgentId::mint(1);
    agent.group = group.id;
    common(workspace, "prod");
    common(group, "support");
    common(agent, "triage");

    key.id = KeyId::mint(1);
    key.agent = agent.id;
    key.name = "ci";
    key.suffix = "abcdefgh";
    key.hash = domain::sha256("cpk_secret");
    key.limit = Credits::of(5);
    key.expires_at = later;
    key.created_at = noon;

    data_key = domain::DataKey{1, {1, 2, 3}, std::nullopt};
    credential.id = CredentialId::mint(1);
    credential.provider = "openai";
    credential.label = "main";
    credential.suffix = "wxyz";
    credential.data_key_id = 1;
    credential.sealed = {9, 0, 8};
    credential.version = 3;
    credential.created_at = noon;
    credential.updated_at = later;

    policy.id = PolicyId::mint(1);
    policy.level = Level::agent;
    policy.target = agent.id.bytes;
    policy.name = "default";
    policy.allow_models = domain::Globs{"gpt-4o*", "a \"quoted\" name", "\u00fc"};
    policy.deny_models = domain::Globs{};
    policy.max_output_tokens = 100;
    policy.parallel = 2;
    policy.clamp = false;
    policy.estimate = true;
    policy.created_at = policy.updated_at = noon;

    budget.id = BudgetId::mint(1);
    budget.level = Level::key;
    budget.target = key.id.bytes;
    budget.period = domain::Period::monthly;
    budget.limit = Credits::of(9007199254740991);
    budget.limit_usd = "9.5";
    budget.auto_disable = true;
    budget.created_at = budget.updated_at = noon;
  }

  template <class Unit>
  static void common(Unit& unit, const char* slug) {
    unit.slug = unit.name = slug;
    unit.active = false;
    unit.frozen = domain::Freeze{later, "why"};
    unit.version = 4;
    unit.created_at = noon;
    unit.updated_at = later;
  }

  void insert() {
    auto done = file.run([this](Transaction& tx) -> Result<void> {
      for (auto& step : std::initializer_list<Result<void>>{
               insert_org(tx, org), insert_workspace(tx, org.id, workspace), insert_group(tx, group),
               insert_agent(tx, agent), insert_key(tx, key), insert_data_key(tx, data_key, noon),
               insert_credential(tx, credential), insert_policy(tx, policy), insert_budget(tx, budget)}) {
        if (!step) return step;
      }
      return {};
    });
    INFO((done ? "" : done.error().message));
    REQUIRE(done);
  }
  domain::OrgConfig load() {
    auto config = load_org_config(*file.reader());
    REQUIRE(config);
    return std::move(*config);
  }
  Code fails(Work work) {
    auto done = file.run(std::move(work));
    return done ? Code::cancelled : done.error().code;
  }

  OrgFile& file;
  domain::Org org;
  domain::Workspace workspace;
  domain::AgentGroup group;
  domain::Agent agent;
  domain::ApiKey key;
  domain::DataKey data_key;
  domain::Credential credential;
  domain::Policy policy;
  domain::Budget budget;
};

}  // namespace

TEST_CASE("a file without an org says so") {
  OrgFile file;
  const auto config = load_org_config(*file.reader());
  REQUIRE_FALSE(config);
  CHECK(config.error().code == Code::not_found);
}

TEST_CASE("an org's configuration is read as it was written") {
  OrgFile file;
  Declared declared(file);
  declared.insert();
  const domain::OrgConfig config = declared.load();
  CHECK(config.org.id == declared.org.id);
  CHECK(config.org.billing_group == declared.org.billing_group);
  CHECK(config.org.slug == "acme");
  CHECK(config.org.description == "first\nline");
  CHECK(config.org.owner == "alice");
  CHECK_FALSE(config.org.active);
  CHECK(config.org.credits_per_usd == 1'000'000);
  CHECK_FALSE(config.org.overdraft);
  REQUIRE(config.org.frozen);
  CHECK(config.org.frozen->at == noon);
  CHECK(config.org.frozen->reason == "incident");
  CHECK(config.org.version == 7);
  CHECK(config.org.updated_at == later);

  REQUIRE(config.workspaces.size() == 1);
  REQUIRE(config.groups.size() == 1);
  REQUIRE(config.agents.size() == 1);
  CHECK(config.workspaces[0].slug == "prod");
  CHECK(config.groups[0].workspace == declared.workspace.id);
  CHECK(config.agents[0].group == declared.group.id);
  CHECK_FALSE(config.agents[0].active);
  CHECK(config.agents[0].frozen->reason == "why");
  CHECK(config.agents[0].version == 4);

  REQUIRE(config.keys.size() == 1);
  CHECK(config.keys[0].hash == declared.key.hash);
  CHECK(config.keys[0].limit == Credits::of(5));
  CHECK(config.keys[0].expires_at == later);
  CHECK_FALSE(config.keys[0].revoked_at);
  REQUIRE(config.data_keys.size() == 1);
  CHECK(config.data_keys[0].wrapped == declared.data_key.wrapped);
  REQUIRE(config.credentials.size() == 1);
  CHECK(config.credentials[0].sealed == declared.credential.sealed);
  CHECK(config.credentials[0].suffix == "wxyz");

  REQUIRE(config.policies.size() == 1);
  CHECK(config.policies[0].level == Level::agent);
  CHECK(config.policies[0].target == declared.agent.id.bytes);
  CHECK(config.policies[0].allow_models == declared.policy.allow_models);
  CHECK(config.policies[0].deny_models == domain::Globs{});
  CHECK_FALSE(config.policies[0].providers);
  CHECK_FALSE(config.policies[0].rpm);
  CHECK(config.policies[0].parallel == 2);
  CHECK(config.policies[0].clamp == false);
  CHECK(config.policies[0].estimate == true);
  REQUIRE(config.budgets.size() == 1);
  CHECK(config.budgets[0].period == domain::Period::monthly);
  CHECK(config.budgets[0].limit == Credits::of(9007199254740991));
  CHECK(config.budgets[0].limit_usd == "9.5");
  CHECK(config.budgets[0].auto_disable);
}

TEST_CASE("names are taken once among what is alive") {
  OrgFile file;
  Declared declared(file);
  declared.insert();
  CHECK(declared.fails([&](Transaction& tx) {
    auto other = declared.workspace;
    other.id = WorkspaceId::mint(2);
    return insert_workspace(tx, declared.org.id, other);
  }) == Code::conflict);
  CHECK(declared.fails([&](Transaction& tx) {
    auto other = declared.key;
    other.id = KeyId::mint(2);
    other.hash = domain::sha256("cpk_other");
    return insert_key(tx, other);
  }) == Code::conflict);
  CHECK(declared.fails([&](Transaction& tx) {
    auto other = declared.policy;
    other.id = PolicyId::mint(2);
    return insert_policy(tx, other);
  }) == Code::conflict);
  CHECK(declared.fails([&](Transaction& tx) {
    auto other = declared.budget;
    other.id = BudgetId::mint(2);
    return insert_budget(tx, other);
  }) == Code::conflict);
  CHECK(declared.fails([&](Transaction& tx) {
    auto other = declared.agent;
    other.id = AgentId::mint(2);
    return update_agent(tx, other);
  }) == Code::not_found);
  const auto config = declared.load();
  CHECK(config.workspaces.size() + config.keys.size() + config.policies.size() + config.budgets.size() == 4);
}

TEST_CASE("a deleted unit takes what is below it along, and nothing else") {
  OrgFile file;
  Declared declared(file);
  declared.insert();
  auto other = declared.workspace;
  other.id = WorkspaceId::mint(2);
  other.slug = "dev";
  Deleted deleted;
  auto done = file.run([&](Transaction& tx) -> Result<void> {
    if (auto ok = insert_workspace(tx, declared.org.id, other); !ok) return ok;
    auto gone = delete_workspace(tx, declared.workspace.id, "deleted", later);
    if (!gone) return std::unexpected(gone.error());
    deleted = *gone;
    return {};
  });
  REQUIRE(done);
  CHECK(deleted.groups == 1);
  CHECK(deleted.agents == 1);
  CHECK(deleted.keys == 1);
  CHECK(deleted.policies == 1);
  CHECK(deleted.budgets == 1);
  const auto config = declared.load();
  REQUIRE(config.workspaces.size() == 1);
  CHECK(config.workspaces[0].slug == "dev");
  CHECK(config.groups.empty());
  CHECK(config.agents.empty());
  CHECK(config.keys.empty());
  CHECK(config.policies.empty());
  CHECK(config.budgets.empty());
  CHECK(declared.fails([&](Transaction& tx) -> Result<void> {
    auto again = delete_workspace(tx, declared.workspace.id, "deleted", later);
    return again ? Result<void>{} : std::unexpected(again.error());
  }) == Code::not_found);
  // The slug is free again.
  CHECK(declared.fails([&](Transaction& tx) {
    auto fresh = declared.workspace;
    fresh.id = WorkspaceId::mint(3);
    return insert_workspace(tx, declared.org.id, fresh);
  }) == Code::cancelled);
}

TEST_CASE("a key that is rotated hands its name over") {
  OrgFile file;
  Declared declared(file);
  declared.insert();
  auto old = declared.key;
  auto fresh = declared.key;
  fresh.id = KeyId::mint(2);
  fresh.hash = domain::sha256("cpk_fresh");
  old.rotated_to = fresh.id;
  old.expires_at = later;
  REQUIRE(file.run([&](Transaction& tx) { return insert_rotated_key(tx, old, fresh); }));
  const auto keys = declared.load().keys;
  REQUIRE(keys.size() == 2);
  CHECK(keys[0].rotated_to == fresh.id);
  CHECK_FALSE(keys[0].revoked_at);
  CHECK(keys[1].name == "ci");
  CHECK(keys[1].hash == fresh.hash);
}

TEST_CASE("a deleted credential's sealed bytes are gone from its row") {
  OrgFile file;
  Declared declared(file);
  declared.insert();
  REQUIRE(file.run([&](Transaction& tx) { return delete_credential(tx, declared.credential.id, later); }));
  CHECK(declared.load().credentials.empty());
  const auto reader = file.reader();
  SQLite::Statement row(reader->database(), "SELECT length(sealed) FROM provider_credentials");
  REQUIRE(row.executeStep());
  CHECK(row.getColumn(0).getInt() == 0);
}

TEST_CASE("the catalog keeps orgs, the key index, settings, providers and prices") {
  Scratch scratch;
  HandClock clock;
  Writers writers(plain_options(), clock, [](const Error&) {});
  const std::string path = scratch.file("catalog.db");
  auto file = writers.open(path, FileKind::catalog, OrgId{});
  REQUIRE(file);
  const CatalogOrg acme{OrgId::mint(1), "acme", BillingGroupId::mint(1), std::nullopt};
  const CatalogOrg again{OrgId::mint(2), "acme", BillingGroupId::mint(2), std::nullopt};
  const domain::Hash hash = domain::sha256("cpk_one");
  REQUIRE(writers.run(**file, [&](Transaction& tx) -> Result<void> {
    if (auto ok = insert_catalog_org(tx, acme, noon); !ok) return ok;
    if (auto ok = index_key(tx, hash, acme.id); !ok) return ok;
    if (auto ok = index_key(tx, hash, acme.id); !ok) return ok;
    if (auto ok = put_setting(tx, "listen", "a"); !ok) return ok;
    return put_setting(tx, "listen", "b");
  }));
  auto taken = writers.run(**file, [&](Transaction& tx) { return insert_catalog_org(tx, again, noon); });
  REQUIRE_FALSE(taken);
  CHECK(taken.error().code == Code::conflict);
  REQUIRE(writers.run(**file, [&](Transaction& tx) -> Result<void> {
    if (auto ok = set_catalog_org_deleted(tx, acme.id, later); !ok) return ok;
    if (auto ok = insert_catalog_org(tx, again, noon); !ok) return ok;
    domain::ModelPrice model;
    model.provider = "openai";
    model.model = "gpt-4o";
    model.prices = {{domain::PriceKind::output, Price::of_e8(200'000), 1000},
                    {domain::PriceKind::input, Price::of_e8(300'000), 1000, 200'001},
                    {domain::PriceKind::input, Price::of_e8(100'000), 1000}};
    model.version = 2;
    model.source = "test";
    if (auto ok = put_model(tx, model); !ok) return ok;
    return delete_model(tx, "openai", "gpt-4-turbo");
  }));

  auto connection = Connection::open(path, Access::read);
  REQUIRE(connection);
  const auto orgs = list_orgs(**connection);
  REQUIRE(orgs);
  REQUIRE(orgs->size() == 2);
  CHECK((*orgs)[0].deleted_at == later);
  CHECK((*orgs)[1].id == again.id);
  CHECK(**find_key_org(**connection, hash) == acme.id);
  CHECK_FALSE(*find_key_org(**connection, domain::sha256("cpk_two")));
  CHECK(list_key_index(**connection)->size() == 1);
  CHECK(**get_setting(**connection, "listen") == "b");
  CHECK_FALSE(*get_setting(**connection, "none"));

  const auto platform = load_platform(**connection);
  REQUIRE(platform);
  CHECK(platform->providers.front().name == "anthropic");
  CHECK_FALSE(*find_model(**connection, "openai", "gpt-4-turbo"));
  const auto model = find_model(**connection, "openai", "gpt-4o");
  REQUIRE(model);
  REQUIRE(*model);
  CHECK((*model)->version == 2);
  CHECK_FALSE((*model)->context_window);
  REQUIRE((*model)->prices.size() == 3);
  CHECK((*model)->prices[0].kind == domain::PriceKind::input);
  CHECK((*model)->prices[0].price.text() == "0.001");
  CHECK((*model)->prices[0].from_tokens == 0);
  CHECK((*model)->prices[1].price.text() == "0.003");
  CHECK((*model)->prices[1].from_tokens == 200'001);
  CHECK((*model)->prices[2].kind == domain::PriceKind::output);
  // Prices of a model that is gone are gone.
  {
    SQLite::Statement left((*connection)->database(),
                           "SELECT count(*) FROM prices WHERE provider = 'openai' AND model = 'gpt-4-turbo'");
    REQUIRE(left.executeStep());
    CHECK(left.getColumn(0).getInt() == 0);
  }
  connection->reset();
  writers.close(*file);
}

}  // namespace govctl::store::test
