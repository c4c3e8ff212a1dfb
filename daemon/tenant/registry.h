#pragma once
// Every org at run time and what they share: the catalog, providers and prices. Finds the tenant of a key, id
// or slug.

#include <boost/asio/awaitable.hpp>
#include <boost/asio/thread_pool.hpp>
#include <functional>
#include <memory>
#include <shared_mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "daemon/secrets/secrets.h"
#include "daemon/store/writer.h"
#include "daemon/tenant/tenant.h"

namespace govctl::tenant {

struct RegistryOptions {
  std::string state_dir;
};

class Registry {
 public:
  Registry(RegistryOptions options, Services services);
  ~Registry();
  Registry(const Registry&) = delete;
  Registry& operator=(const Registry&) = delete;

  // Start: opens the catalog and every org, settles what a crash left open, rebuilds balances and counters. A
  // damaged org file quarantines that org alone. Blocking.
  Result<void> load();
  // Anchors and closes every file. Blocking; after the last call has settled.
  void close();

  // --- finding
  // -----------------------------------------------------------------------------------------------------
  // unauthenticated: no such key. unavailable: its org is quarantined. Memory only.
  [[nodiscard]] Result<Caller> authenticate(const domain::Hash& key_hash) const;
  [[nodiscard]] std::shared_ptr<Tenant> find(const OrgId& id) const;  // null: none
  [[nodiscard]] std::shared_ptr<Tenant> find_slug(std::string_view slug) const;
  [[nodiscard]] std::shared_ptr<Tenant> find_owner(
      const Uuid& id) const;  // of any org, workspace, …, key, policy, budget, credential id
  [[nodiscard]] std::vector<std::shared_ptr<Tenant>> tenants() const;  // by slug
  [[nodiscard]] std::vector<std::string> quarantined() const;          // slugs

  // --- the platform
  // -----------------------------------------------------------------------------------------------
  [[nodiscard]] std::shared_ptr<const domain::PlatformConfig> platform() const;
  // As Tenant::change and Tenant::read, on the catalog; afterwards platform() is the new one.
  template <class T>
  asio::awaitable<Result<T>> change(std::move_only_function<Result<T>(store::Transaction&)> work,
                                    bool dry_run) {
    return change_file<T>(std::move(work), dry_run, [this](store::Work wrapped, bool dry) {
      return commit_change(std::move(wrapped), dry);
    });
  }
  template <class T>
  asio::awaitable<Result<T>> read(std::move_only_function<Result<T>(store::Connection&)> work) {
    return read_file<T>(services_, catalog_path_, std::move(work));
  }

  // --- orgs
  // ---------------------------------------------------------------------------------------------------------
  // Makes the org's key file, its database file and the catalog's row, in that order. conflict when the slug is
  // taken. A dry run checks and returns null.
  // `fill` runs in the transaction that makes the org's file, with its data key 1: what fails there leaves no
  // org.
  using Fill = std::function<Result<void>(store::Transaction&, const secrets::DataKey&)>;
  asio::awaitable<Result<std::shared_ptr<Tenant>>> create_org(domain::Org org, domain::AuditRecord audit,
                                                              bool dry_run, Fill fill = {});
  // Soft: keys stop working, the file moves to trash/; undelete brings it back within 30 days.
  asio::awaitable<Result<void>> delete_org(std::shared_ptr<Tenant> tenant, domain::AuditRecord audit,
                                           bool dry_run);
  asio::awaitable<Result<std::shared_ptr<Tenant>>> undelete_org(std::string slug, domain::AuditRecord audit);
  // Of a deleted org: its key file is destroyed, so that its secrets in old backups are gone too, then its
  // file.
  asio::awaitable<Result<void>> purge_org(OrgId id, domain::AuditRecord audit);
  // After keys were made: they are found from now on. The catalog's index rows first.
  asio::awaitable<Result<void>> index_keys(std::vector<domain::Hash> hashes, OrgId org);
  asio::awaitable<Result<void>> index_key(const domain::Hash& hash, OrgId org) {
    return index_keys({hash}, org);
  }

  // The proof, of one org or (null) of the platform's own audit log.
  asio::awaitable<Result<store::Report>> verify(std::shared_ptr<Tenant> tenant);

  // Signs what has moved, now; the newest anchor of each table, of one org or (null) of the platform's log.
  asio::awaitable<Result<std::vector<store::Anchor>>> anchor(std::shared_ptr<Tenant> tenant, bool dry_run);

  [[nodiscard]] const Services& services() const { return services_; }
  [[nodiscard]] store::File& catalog() const;
  [[nodiscard]] std::size_t inflight() const;
  // GET /metrics, as of now.
  [[nodiscard]] std::string metrics_text() const;
  // Anchors what has moved; called once a minute and at drain. Blocking.
  void write_anchors();

 private:
  asio::awaitable<Result<void>> commit_change(store::Work work, bool dry_run);
  struct State;
  Services services_;
  std::string catalog_path_;
  std::unique_ptr<State> state_;
};

}  // namespace govctl::tenant
