// Orgs come and go: each is a file, a row of the catalog and a key, made and taken away in an order that a
// crash may cut anywhere.

#include <fmt/format.h>

#include <filesystem>

#include "daemon/store/catalog.h"
#include "daemon/store/credentials.h"
#include "daemon/store/orgs.h"
#include "daemon/tenant/registry_state.h"

namespace govctl::tenant {

namespace fs = std::filesystem;

namespace {

// A database is its file with what SQLite and the journal keep beside it.
Result<void> move_database(const std::string& from, const std::string& to) {
  std::error_code error;
  fs::create_directories(fs::path(to).parent_path(), error);
  for (const char* const suffix : {"", "-wal", "-shm", ".calls"}) {
    if (*suffix != '\0' && !fs::exists(from + suffix, error)) continue;
    fs::rename(from + suffix, to + suffix, error);
    if (error)
      return fail(Code::unavailable, fmt::format("cannot move {}: {}", from + suffix, error.message()));
  }
  return {};
}

void remove_database(const std::string& path) {
  std::error_code ignored;
  for (const char* const suffix : {"", "-wal", "-shm", ".calls", ".ballast"})
    fs::remove(path + suffix, ignored);
}

}  // namespace

asio::awaitable<Result<std::shared_ptr<Tenant>>> Registry::create_org(domain::Org org,
                                                                      domain::AuditRecord audit, bool dry_run,
                                                                      Fill fill) {
  const Error taken{Code::conflict, fmt::format("there is an org '{}' already", org.slug),
                    fmt::format("govctl org get {}", org.slug), ""};
  if (find_slug(org.slug) != nullptr) co_return std::unexpected(taken);
  {
    const std::shared_lock lock(state_->mutex);
    if (state_->quarantined.contains(org.slug)) co_return std::unexpected(taken);
  }
  if (dry_run) co_return std::shared_ptr<Tenant>();

  const std::string path = state_->org_path(org.id);
  Result<std::shared_ptr<Tenant>> tenant;
  // Key file, then the org's file, then the catalog's row: a crash in between leaves what nobody refers to.
  std::function<void()> make = [&]() {
    tenant = [&]() -> Result<std::shared_ptr<Tenant>> {
      if (auto ok = services_.keyring->make_org_key(org.id); !ok) return std::unexpected(ok.error());
      auto data_key = services_.keyring->make_data_key(org.id, 1);
      if (!data_key) return std::unexpected(data_key.error());
      auto file = services_.writers->open(path, store::FileKind::org, org.id);
      if (!file) return std::unexpected(file.error());
      auto filled = services_.writers->run(**file, [&](store::Transaction& tx) -> Result<void> {
        if (auto ok = store::insert_org(tx, org); !ok) return ok;
        const domain::DataKey row{1, data_key->second, std::nullopt};
        if (auto ok = store::insert_data_key(tx, row, org.created_at); !ok) return ok;
        if (auto ok = store::append_audit(tx, audit); !ok) return ok;
        return fill ? fill(tx, data_key->first) : Result<void>{};
      });
      services_.writers->close(*file);
      if (!filled) return std::unexpected(filled.error());
      return Tenant::open(org.id, path, services_);
    }();
  };
  co_await in_pool(services_, std::move(make));
  if (!tenant) {
    remove_database(path);
    co_return std::unexpected(tenant.error());
  }

  store::Work enlist = [org, audit, snapshot = (*tenant)->snapshot()](store::Transaction& tx) -> Result<void> {
    const store::CatalogOrg row{org.id, org.slug, org.billing_group, std::nullopt};
    if (auto ok = store::insert_catalog_org(tx, row, org.created_at); !ok) return ok;
    for (const auto& key : snapshot->config().keys) {
      if (auto ok = store::index_key(tx, key.hash, org.id); !ok) return ok;
    }
    return store::append_audit(tx, audit);
  };
  auto enlisted = co_await commit(services_, *state_->catalog, store::Queue::bounded, std::move(enlist));
  if (!enlisted) {
    std::function<void()> discard = [&]() {
      services_.writers->close((*tenant)->file_);
      remove_database(path);
    };
    co_await in_pool(services_, std::move(discard));
    co_return std::unexpected(enlisted.error().code == Code::conflict ? taken : enlisted.error());
  }
  state_->enter(*tenant);
  co_return *tenant;
}

asio::awaitable<Result<void>> Registry::delete_org(std::shared_ptr<Tenant> tenant, domain::AuditRecord audit,
                                                   bool dry_run) {
  if (tenant->inflight() > 0) {
    co_return fail(Code::conflict, "calls of this org are in flight; try again when they have ended",
                   fmt::format("govctl org set {} --active off", tenant->snapshot()->root().slug));
  }
  const Timestamp now = services_.clock->now();
  const OrgId id = tenant->id();
  std::move_only_function<Result<bool>(store::Transaction&)> mark =
      [id, now, audit](store::Transaction& tx) -> Result<bool> {
    if (auto ok = store::set_org_deleted(tx, id, now); !ok) return std::unexpected(ok.error());
    if (auto ok = store::append_audit(tx, audit); !ok) return std::unexpected(ok.error());
    return true;
  };
  auto marked = co_await tenant->change<bool>(std::move(mark), dry_run);
  if (!marked) co_return std::unexpected(marked.error());
  if (dry_run) co_return Result<void>{};

  store::Work delist = [id, now, audit](store::Transaction& tx) -> Result<void> {
    if (auto ok = store::set_catalog_org_deleted(tx, id, now); !ok) return ok;
    return store::append_audit(tx, audit);
  };
  auto delisted = co_await commit(services_, *state_->catalog, store::Queue::bounded, std::move(delist));
  if (!delisted) co_return delisted;
  state_->leave(tenant);
  Result<void> moved;
  std::function<void()> put_away = [&]() {
    services_.writers->close(tenant->file_);
    moved = move_database(state_->org_path(id), state_->trash_path(id));
  };
  co_await in_pool(services_, std::move(put_away));
  co_return moved;
}

asio::awaitable<Result<std::shared_ptr<Tenant>>> Registry::undelete_org(std::string slug,
                                                                        domain::AuditRecord audit) {
  std::move_only_function<Result<std::optional<store::CatalogOrg>>(store::Connection&)> find =
      [slug](store::Connection& db) -> Result<std::optional<store::CatalogOrg>> {
    auto orgs = store::list_orgs(db);
    if (!orgs) return std::unexpected(orgs.error());
    std::optional<store::CatalogOrg> latest;
    for (const auto& org : *orgs) {
      if (org.slug == slug && org.deleted_at && (!latest || *org.deleted_at > *latest->deleted_at))
        latest = org;
    }
    return latest;
  };
  auto found = co_await read<std::optional<store::CatalogOrg>>(std::move(find));
  if (!found) co_return std::unexpected(found.error());
  if (find_slug(slug) != nullptr) {
    co_return fail(Code::conflict, fmt::format("there is an org '{}' now", slug),
                   fmt::format("govctl org get {}", slug));
  }
  if (!*found || !fs::exists(state_->trash_path((*found)->id))) {
    co_return fail(Code::not_found, fmt::format("no deleted org '{}' is kept", slug), "govctl org list");
  }
  const OrgId id = (*found)->id;
  Result<std::shared_ptr<Tenant>> tenant;
  std::function<void()> bring_back = [&]() {
    tenant = [&]() -> Result<std::shared_ptr<Tenant>> {
      if (auto ok = move_database(state_->trash_path(id), state_->org_path(id)); !ok) {
        return std::unexpected(ok.error());
      }
      return Tenant::open(id, state_->org_path(id), services_);
    }();
  };
  co_await in_pool(services_, std::move(bring_back));
  if (!tenant) co_return tenant;

  std::move_only_function<Result<bool>(store::Transaction&)> mark =
      [id, audit](store::Transaction& tx) -> Result<bool> {
    if (auto ok = store::set_org_deleted(tx, id, std::nullopt); !ok) return std::unexpected(ok.error());
    if (auto ok = store::append_audit(tx, audit); !ok) return std::unexpected(ok.error());
    return true;
  };
  auto marked = co_await (*tenant)->change<bool>(std::move(mark), false);
  if (!marked) co_return std::unexpected(marked.error());
  store::Work enlist = [id, audit](store::Transaction& tx) -> Result<void> {
    if (auto ok = store::set_catalog_org_deleted(tx, id, std::nullopt); !ok) return ok;
    return store::append_audit(tx, audit);
  };
  auto enlisted = co_await commit(services_, *state_->catalog, store::Queue::bounded, std::move(enlist));
  if (!enlisted) co_return std::unexpected(enlisted.error());
  state_->enter(*tenant);
  co_return tenant;
}

asio::awaitable<Result<void>> Registry::purge_org(OrgId id, domain::AuditRecord audit) {
  // What is written first says that it was asked for, whatever a crash leaves of the rest.
  store::Work write = [audit](store::Transaction& tx) { return store::append_audit(tx, audit); };
  auto written = co_await commit(services_, *state_->catalog, store::Queue::bounded, std::move(write));
  if (!written) co_return written;
  Result<void> destroyed;
  std::function<void()> destroy = [&]() {
    destroyed = services_.keyring->destroy_org_key(id);
    if (destroyed) remove_database(state_->trash_path(id));
  };
  co_await in_pool(services_, std::move(destroy));
  co_return destroyed;
}

}  // namespace govctl::tenant
