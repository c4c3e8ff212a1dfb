#include "tests/crash/shop.h"

#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "daemon/store/catalog.h"
#include "daemon/store/file.h"
#include "daemon/store/keys.h"
#include "daemon/store/units.h"
#include "daemon/store/worker.h"
#include "daemon/telemetry/log.h"

namespace govctl::test {

namespace fs = std::filesystem;

Home::Home() {
  log::open(log::LogLevel::error, {});  // a start warns of each call that it settles
  // In memory where there is such a place: the journals' names and the anchors' logs are real.
  const fs::path root = fs::exists("/dev/shm") ? fs::path("/dev/shm") : fs::temp_directory_path();
  std::string pattern = (root / "govctl-crash-XXXXXX").string();
  must_be(::mkdtemp(pattern.data()) != nullptr, "no directory for the test");
  path = pattern;
  fs::create_directories(anchors_dir());
  keyring = must(secrets::Keyring::open(path + "/keys", false), "keys");
}

Home::~Home() {
  pool.join();
  std::error_code ignored;
  fs::remove_all(path, ignored);
}

Image Home::anchors() const {
  Image logs;
  for (const auto& entry : fs::directory_iterator(anchors_dir())) {
    std::ifstream in(entry.path(), std::ios::binary);
    logs[entry.path().filename().string()] = std::string(std::istreambuf_iterator<char>(in), {});
  }
  return logs;
}

void Home::put_anchors(const Image& logs) const {
  for (const auto& entry : fs::directory_iterator(anchors_dir())) fs::remove(entry.path());
  for (const auto& [name, text] : logs) std::ofstream(anchors_dir() + "/" + name, std::ios::binary) << text;
}

Uuid Agent::at(Level level, const OrgId& org) const {
  switch (level) {
    case Level::org:
      return org.bytes;
    case Level::workspace:
      return workspace.bytes;
    case Level::group:
      return group.bytes;
    case Level::agent:
      return agent.bytes;
    case Level::key:
      break;
  }
  return key.bytes;
}

Serving::Serving(Home& given) : home(given) {
  store::WriterOptions options;
  options.threads = 1;
  options.min_free_bytes = 0;
  options.ballast_bytes = 0;
  options.journal_segment_bytes = 16 * store::block_bytes;
  options.make_journal = home.disk.journals();
  writers = std::make_unique<store::Writers>(options, home.clock, [this](const Error&) { fatal = true; });
  services.writers = writers.get();
  services.keyring = home.keyring.get();
  services.clock = &home.clock;
  services.pool = &home.pool;
  services.platform = &platform;
  services.anchors_dir = home.anchors_dir();
  services.signer.sign = [&home = home](auto message) { return home.keyring->sign(message); };
  services.signer.verify = [&home = home](auto message, auto signature) {
    return home.keyring->verify(message, signature);
  };
}

Serving::~Serving() { stop_writing(); }

void Serving::stop_writing() {
  home.loop.turn();
  writers.reset();
  home.loop.turn();  // what the writers woke has gone
}

std::shared_ptr<tenant::Tenant> Serving::open(const OrgId& org) const {
  return must(tenant::Tenant::open(org, home.org_path(org), services), "the org");
}

// NOLINTNEXTLINE(performance-unnecessary-value-param): its last owner is here
void Serving::close(std::shared_ptr<tenant::Tenant> tenant) const {
  home.loop.turn();
  store::File& file = tenant->file();
  file.schedule.worker->close(file);
  home.loop.turn();
}

Run::Run(Home& given) : Serving(given) {
  registry = std::make_unique<tenant::Registry>(tenant::RegistryOptions{home.state_dir()}, services);
  must(registry->load(), "the start");
}

Run::~Run() {
  stop_writing();
  registry.reset();
}

domain::AuditRecord Serving::audit(const std::string& event) const {
  domain::AuditRecord record;
  record.id = AuditId::mint(home.clock.now().millis());
  record.actor_kind = "local";
  record.actor = "test";
  record.event_type = event;
  record.resource_type = "test";
  record.resource_id = "1";
  record.description = "test";
  record.created_at = home.clock.now();
  return record;
}

std::shared_ptr<tenant::Tenant> Run::make_org(const OrgId& id, const std::string& slug,
                                              std::optional<Credits> overdraft) {
  domain::Org org;
  org.id = id;
  org.billing_group = BillingGroupId::mint(1);
  org.slug = slug;
  org.name = slug;
  org.credits_per_usd = 1'000'000;
  org.overdraft = overdraft;
  org.created_at = org.updated_at = home.clock.now();
  return must(home.loop.run(registry->create_org(org, audit("org.create"), false)), "an org");
}

Result<bool> Run::price(const std::string& model) {
  domain::ModelPrice row;
  row.provider = "mock";
  row.model = model;
  row.prices = {{domain::PriceKind::input, *Price::parse("0.001"), 1000},
                {domain::PriceKind::output, *Price::parse("0.002"), 1000}};
  row.source = "test";
  std::move_only_function<Result<bool>(store::Transaction&)> work =
      [row, record = audit("pricing.set")](store::Transaction& tx) -> Result<bool> {
    if (auto ok = store::put_model(tx, row); !ok) return std::unexpected(ok.error());
    if (auto ok = store::append_audit(tx, record); !ok) return std::unexpected(ok.error());
    return true;
  };
  return home.loop.run(registry->change<bool>(std::move(work), false));
}

Agent Run::add_agent(tenant::Tenant& org, const std::string& name) {
  Agent made{WorkspaceId::mint(1), AgentGroupId::mint(1), AgentId::mint(1), KeyId::mint(1),
             domain::sha256("key of " + name)};
  const Timestamp now = home.clock.now();
  const auto added = change(org, [&, now](store::Transaction& tx) -> Result<void> {
    const domain::Workspace workspace{made.workspace, name, name, "", true, {}, 1, now, now};
    if (auto ok = store::insert_workspace(tx, org.id(), workspace); !ok) return ok;
    const domain::AgentGroup group{made.group, made.workspace, name, name, "", true, {}, 1, now, now};
    if (auto ok = store::insert_group(tx, group); !ok) return ok;
    const domain::Agent row{made.agent, made.group, name, name, "", true, {}, 1, now, now};
    if (auto ok = store::insert_agent(tx, row); !ok) return ok;
    domain::ApiKey key;
    key.id = made.key;
    key.agent = made.agent;
    key.name = "k";
    key.suffix = "12345678";
    key.hash = made.hash;
    key.created_at = now;
    return store::insert_key(tx, key);
  });
  must_be(added.has_value(), "an agent could not be made");
  must(home.loop.run(registry->index_key(made.hash, org.id())), "a key's index");
  return made;
}

Result<bool> Serving::change(tenant::Tenant& org,
                             std::move_only_function<Result<void>(store::Transaction&)> work) {
  std::move_only_function<Result<bool>(store::Transaction&)> wrapped =
      [work = std::move(work)](store::Transaction& tx) mutable -> Result<bool> {
    if (auto ok = work(tx); !ok) return std::unexpected(ok.error());
    return true;
  };
  return home.loop.run(org.change<bool>(std::move(wrapped), false));
}

Result<store::Appended> Serving::append(tenant::Tenant& org, std::int64_t amount, const std::string& key,
                                        bool allow_negative) {
  domain::LedgerEntry entry;
  entry.id = EntryId::mint(home.clock.now().millis());
  entry.group_id = org.snapshot()->config().org.billing_group;
  entry.amount = Credits::of(amount);
  entry.type = amount > 0 ? domain::EntryType::credit_purchase : domain::EntryType::adjustment;
  entry.idempotency_key = key;
  entry.actor = "test";
  entry.created_at = home.clock.now();
  return home.loop.run(org.append(entry, audit("ledger.append"), allow_negative, false));
}

void Serving::catch_up(const tenant::Tenant& org) const {
  must_be(catch_up_if_it_can(org), "what was promised cannot be written");
}

bool Serving::catch_up_if_it_can(const tenant::Tenant& org) const {
  std::promise<Result<void>> promise;
  auto written = promise.get_future();
  writers->submit(
      org.file(), store::Queue::settle, [](store::Transaction&) { return Result<void>{}; },
      [&](Result<void> result) { promise.set_value(std::move(result)); });
  return written.get().has_value();
}

tenant::CallFacts Serving::facts(tenant::Caller caller, std::int64_t input, std::int64_t output) const {
  tenant::CallFacts facts;
  facts.caller = std::move(caller);
  facts.request_id = RequestId::mint(home.clock.now().millis());
  facts.dialect = "chat";
  facts.ask.model = "mock-unit";
  facts.ask.text_bytes = input;
  facts.ask.max_tokens = output;
  facts.began = home.clock.now();
  facts.began_steady = home.clock.steady_micros();
  return facts;
}

tenant::CallFacts Run::facts(const Agent& who, std::int64_t input, std::int64_t output) const {
  return Serving::facts(must(registry->authenticate(who.hash), "a key"), input, output);
}

std::string Serving::fault_in(store::Connection& connection, store::FileKind kind, const OrgId& org,
                              const store::Expected& expected) const {
  const auto report =
      must(store::verify_file(connection, kind, org, home.anchors_dir(), services.signer, &expected), "verify");
  for (const auto& table : report.tables) {
    if (!table.fault.empty()) return table.fault;
  }
  return {};
}

std::string Serving::fault(const tenant::Tenant& org) const {
  auto reader = must(store::Connection::open(org.path(), store::Access::read), "a reader");
  const store::Expected expected{writers->committed_heads(org.file()), org.balance().balance.value()};
  return fault_in(*reader, store::FileKind::org, org.id(), expected);
}

std::string Run::catalog_fault() const {
  auto reader =
      must(store::Connection::open(home.state_dir() + "/catalog.db", store::Access::read), "a reader");
  const store::Expected expected{writers->committed_heads(registry->catalog()), std::nullopt};
  return fault_in(*reader, store::FileKind::catalog, OrgId{}, expected);
}

asio::awaitable<MaybeHold> reserve(tenant::CallFacts facts) {
  auto found = tenant::route(facts.caller, facts.ask.model);
  if (!found) co_return std::unexpected(found.error());
  co_return co_await facts.caller.tenant->reserve(facts, *found);
}

asio::awaitable<Result<domain::Charge>> settle(tenant::Hold hold, std::int64_t input, std::int64_t output) {
  hold.outcome().sent = true;
  hold.outcome().status = domain::CallStatus::success;
  domain::Usage usage;
  usage[domain::PriceKind::input] = input;
  usage[domain::PriceKind::output] = output;
  hold.outcome().usage = usage;
  co_return co_await hold.settle();
}

}  // namespace govctl::test
