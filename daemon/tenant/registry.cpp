#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <chrono>
#include <filesystem>
#include <map>
#include <thread>

#include "daemon/store/anchor_rows.h"
#include "daemon/store/catalog.h"
#include "daemon/store/orgs.h"
#include "daemon/telemetry/log.h"
#include "daemon/telemetry/metrics.h"
#include "daemon/tenant/registry_state.h"

namespace govctl::tenant {

namespace fs = std::filesystem;

Registry::Registry(RegistryOptions options, Services services)
    : services_(std::move(services)),
      catalog_path_(options.state_dir + "/catalog.db"),
      state_(std::make_unique<State>()) {
  state_->state_dir = std::move(options.state_dir);
}

Registry::~Registry() = default;

Result<void> Registry::load() {
  for (const char* const directory : {"orgs", "anchors", "trash"}) {
    std::error_code error;
    fs::create_directories(state_->state_dir + "/" + directory, error);
    if (error) {
      return fail(Code::unavailable,
                  fmt::format("cannot make {}/{}: {}", state_->state_dir, directory, error.message()));
    }
    fs::permissions(state_->state_dir + "/" + directory, fs::perms::owner_all, error);
  }
  auto catalog = services_.writers->open(catalog_path_, store::FileKind::catalog, OrgId{});
  if (!catalog) return std::unexpected(catalog.error());
  state_->catalog = *catalog;
  auto reader = store::Connection::open(catalog_path_, store::Access::read);
  if (!reader) return std::unexpected(reader.error());
  auto platform = store::load_platform(**reader);
  if (!platform) return std::unexpected(platform.error());
  services_.platform->set(std::make_shared<const domain::PlatformConfig>(std::move(*platform)));
  if (auto ok = store::mend_anchor_log(**reader, OrgId{}, services_.anchors_dir); !ok) return ok;

  auto orgs = store::list_orgs(**reader);
  if (!orgs) return std::unexpected(orgs.error());
  auto keys = store::list_key_index(**reader);
  if (!keys) return std::unexpected(keys.error());
  for (const auto& org : *orgs) {
    if (org.deleted_at) continue;
    auto tenant = Tenant::open(org.id, state_->org_path(org.id), services_);
    if (!tenant) {
      log::error("an org's file cannot be used; its calls are refused until it can",
                 {{log::Field::org, org.slug},
                  {log::Field::code, facts(tenant.error().code).word},
                  {log::Field::reason, tenant.error().message}});
      state_->quarantined[org.slug] = org.id;
      for (const auto& key : *keys) {
        if (key.org == org.id) state_->quarantined_keys[key.hash] = org.id;
      }
      continue;
    }
    state_->enter(*tenant);
  }
  return {};
}

void Registry::close() {
  for (const auto& tenant : tenants()) tenant->flush_refusals(true);
  write_anchors();
  for (const auto& tenant : tenants()) services_.writers->close(tenant->file_);
  if (state_->catalog) services_.writers->close(state_->catalog);
}

store::File& Registry::catalog() const { return *state_->catalog; }

Result<Caller> Registry::authenticate(const domain::Hash& key_hash) const {
  Caller caller;
  {
    const std::shared_lock lock(state_->mutex);
    const auto found = state_->by_key.find(key_hash);
    if (found != state_->by_key.end()) {
      caller.tenant = found->second;
    } else if (state_->quarantined_keys.contains(key_hash)) {
      return fail(Code::unavailable, "the organization of this key cannot be served now", "govctl status");
    }
  }
  if (!caller.tenant) return fail(Code::unauthenticated, "this API key is not known");
  caller.snapshot = caller.tenant->snapshot();
  caller.key = caller.snapshot->find_key(key_hash);
  if (caller.key == nullptr) return fail(Code::unauthenticated, "this API key is not known");
  const domain::ApiKey& key = caller.snapshot->key(*caller.key);
  if (key.revoked_at && *key.revoked_at <= services_.clock->now()) {
    return fail(Code::unauthenticated, fmt::format("the API key …{} was revoked", key.suffix),
                fmt::format("govctl key create {} --name NAME", caller.key->path));
  }
  if (key.expires_at && *key.expires_at <= services_.clock->now()) {
    return fail(Code::unauthenticated,
                fmt::format("the API key …{} expired at {}", key.suffix, rfc3339(*key.expires_at)),
                fmt::format("govctl key create {} --name NAME", caller.key->path));
  }
  return caller;
}

std::shared_ptr<Tenant> Registry::find(const OrgId& id) const {
  const std::shared_lock lock(state_->mutex);
  const auto found = state_->by_id.find(id);
  return found == state_->by_id.end() ? nullptr : found->second;
}

std::shared_ptr<Tenant> Registry::find_slug(std::string_view slug) const {
  const std::shared_lock lock(state_->mutex);
  const auto found = state_->by_slug.find(slug);
  return found == state_->by_slug.end() ? nullptr : found->second;
}

std::shared_ptr<Tenant> Registry::find_owner(const Uuid& id) const {
  const auto holds = [&](const Snapshot& snapshot) {
    const auto& config = snapshot.config();
    const auto same = [&](const auto& row) { return row.id.bytes == id; };
    return snapshot.find(id) != nullptr || config.org.billing_group.bytes == id ||
           std::ranges::any_of(config.policies, same) || std::ranges::any_of(config.budgets, same) ||
           std::ranges::any_of(config.credentials, same);
  };
  for (auto& tenant : tenants()) {
    if (holds(*tenant->snapshot())) return tenant;
  }
  return nullptr;
}

std::vector<std::shared_ptr<Tenant>> Registry::tenants() const {
  std::vector<std::shared_ptr<Tenant>> list;
  const std::shared_lock lock(state_->mutex);
  list.reserve(state_->by_slug.size());
  for (const auto& [slug, tenant] : state_->by_slug) list.push_back(tenant);
  return list;
}

std::vector<std::string> Registry::quarantined() const {
  std::vector<std::string> slugs;
  const std::shared_lock lock(state_->mutex);
  for (const auto& [slug, id] : state_->quarantined) slugs.push_back(slug);
  return slugs;
}

std::shared_ptr<const domain::PlatformConfig> Registry::platform() const { return services_.platform->get(); }

asio::awaitable<Result<void>> Registry::commit_change(store::Work work, bool dry_run) {
  auto next = std::make_shared<std::shared_ptr<const domain::PlatformConfig>>();
  store::Work wrapped = [work = std::move(work), next,
                         dry_run](store::Transaction& tx) mutable -> Result<void> {
    if (auto ok = work(tx); !ok) return ok;
    auto platform = store::load_platform(tx.connection());
    if (!platform) return std::unexpected(platform.error());
    if (dry_run) return std::unexpected(dry_run_rollback());
    *next = std::make_shared<const domain::PlatformConfig>(std::move(*platform));
    return {};
  };
  auto swap = [view = services_.platform, next](Result<void>& result) {
    if (result) view->set(std::move(*next));
  };
  co_return co_await commit_then(services_, *state_->catalog, store::Queue::bounded, std::move(wrapped),
                                 std::move(swap));
}

asio::awaitable<Result<void>> Registry::index_keys(std::vector<domain::Hash> hashes, OrgId org) {
  store::Work work = [hashes, org](store::Transaction& tx) -> Result<void> {
    for (const auto& hash : hashes) {
      if (auto indexed = store::index_key(tx, hash, org); !indexed) return indexed;
    }
    return {};
  };
  auto indexed = co_await commit(services_, *state_->catalog, store::Queue::bounded, std::move(work));
  if (!indexed) co_return indexed;
  auto tenant = find(org);
  const std::unique_lock lock(state_->mutex);
  if (tenant) {
    for (const auto& hash : hashes) state_->by_key[hash] = tenant;
  }
  co_return Result<void>{};
}

asio::awaitable<Result<store::Report>> Registry::verify(std::shared_ptr<Tenant> tenant) {
  const OrgId org = tenant ? tenant->id() : OrgId{};
  const std::string path = tenant ? tenant->path() : catalog_path_;
  const store::File& file = tenant ? *tenant->file_ : *state_->catalog;
  const store::FileKind kind = tenant ? store::FileKind::org : store::FileKind::catalog;
  Result<store::Report> report;
  std::function<void()> check = [&]() {
    const store::Expected expected{services_.writers->committed_heads(file), std::nullopt};
    auto connection = store::Connection::open(path, store::Access::read);
    if (!connection) {
      report = std::unexpected(connection.error());
      return;
    }
    report = store::verify_file(**connection, kind, org, services_.anchors_dir, services_.signer, &expected);
    if (!report || !tenant || !report->ok()) return;
    // Memory against the sum. While calls run, rows follow memory by a moment, or memory rows: a difference
    // counts when it stays and nothing is written meanwhile.
    std::string fault;
    int still = 0;
    for (int tries = 0; tries < 10 && still < 5; ++tries) {
      const auto before = services_.writers->committed_heads(file);
      const Credits memory = tenant->balance().balance;
      const auto sum = store::ledger_sum(**connection, tenant->snapshot()->config().org.billing_group);
      if (sum && *sum == memory) return;
      fault =
          sum ? fmt::format("the balance in memory is {}, the ledger's sum {}", memory.value(), sum->value())
              : sum.error().message;
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
      const bool moves = services_.writers->behind(file) || services_.writers->committed_heads(file) != before;
      still = moves ? 0 : still + 1;
    }
    if (still == 0) return;
    for (auto& table : report->tables) {
      if (table.table == domain::ChainTable::ledger) table.fault = fault;
    }
  };
  if (tenant) static_cast<void>(co_await catch_up(services_, *tenant->file_));
  co_await in_pool(services_, std::move(check));
  co_return report;
}

std::size_t Registry::inflight() const {
  std::size_t sum = 0;
  for (const auto& tenant : tenants()) sum += tenant->inflight();
  return sum;
}

std::string Registry::metrics_text() const {
  auto& metrics = metrics::process();
  metrics.set_in_flight(static_cast<std::int64_t>(inflight()));
  const auto depth = services_.writers->depth();
  metrics.set_queue_depth(static_cast<std::int64_t>(depth.journal), static_cast<std::int64_t>(depth.writer));
  return metrics.text();
}

asio::awaitable<Result<std::vector<store::Anchor>>> Registry::anchor(std::shared_ptr<Tenant> tenant,
                                                                     bool dry_run) {
  const OrgId org = tenant ? tenant->id() : OrgId{};
  store::File& file = tenant ? *tenant->file_ : *state_->catalog;
  const std::string path = tenant ? tenant->path() : catalog_path_;
  Result<std::vector<store::Anchor>> newest;
  std::function<void()> sign = [&]() {
    newest = [&]() -> Result<std::vector<store::Anchor>> {
      if (!dry_run) {
        auto written = store::write_anchors(*services_.writers, file, org, services_.anchors_dir,
                                            services_.signer, services_.clock->now());
        if (!written) return std::unexpected(written.error());
      }
      auto connection = store::Connection::open(path, store::Access::read);
      if (!connection) return std::unexpected(connection.error());
      auto all = store::read_anchors(**connection, org);
      if (!all) return all;
      std::map<domain::ChainTable, store::Anchor> last;
      for (auto& each : *all) last.insert_or_assign(each.table, std::move(each));
      std::vector<store::Anchor> anchors;
      anchors.reserve(last.size());
      for (auto& [table, each] : last) anchors.push_back(std::move(each));
      return anchors;
    }();
  };
  if (tenant) static_cast<void>(co_await catch_up(services_, file));
  co_await in_pool(services_, std::move(sign));
  co_return newest;
}

void Registry::write_anchors() {
  const Timestamp now = services_.clock->now();
  const auto anchor = [&](store::File& file, const OrgId& org) {
    auto written =
        store::write_anchors(*services_.writers, file, org, services_.anchors_dir, services_.signer, now);
    if (!written) {
      log::warn("anchors could not be written",
                {{log::Field::org, org.text()}, {log::Field::code, facts(written.error().code).word}});
    }
  };
  for (const auto& tenant : tenants()) anchor(*tenant->file_, tenant->id());
  if (state_->catalog) anchor(*state_->catalog, OrgId{});
}

}  // namespace govctl::tenant
