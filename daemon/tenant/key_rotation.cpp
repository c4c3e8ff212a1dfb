#include "daemon/tenant/key_rotation.h"

#include <fmt/format.h>

#include <filesystem>

#include "daemon/store/catalog.h"
#include "daemon/telemetry/log.h"
#include "daemon/tenant/data_keys.h"

namespace govctl::tenant {
namespace {

using Audit = std::function<domain::AuditRecord(const std::string&)>;

// The org's data keys under the next master key, with the audit row, in one transaction.
asio::awaitable<Result<std::int64_t>> rewrap_org(Tenant& tenant, const Services& services, const Audit& audit) {
  domain::AuditRecord record = audit(tenant.snapshot()->root().slug);
  std::move_only_function<Result<std::int64_t>(store::Transaction&)> work =
      [&services, id = tenant.id(),
       record = std::move(record)](store::Transaction& tx) -> Result<std::int64_t> {
    auto rewrapped = rewrap_data_keys(tx, *services.keyring, id);
    if (!rewrapped || *rewrapped == 0) return rewrapped;
    if (auto told = store::append_audit(tx, record); !told) return std::unexpected(told.error());
    return rewrapped;
  };
  co_return co_await tenant.change<std::int64_t>(std::move(work), false);
}

// A deleted org's file has no writer: it gets one for this.
Result<std::int64_t> rewrap_deleted(const Services& services, const OrgId& org, const std::string& path) {
  auto file = services.writers->open(path, store::FileKind::org, org);
  if (!file) return std::unexpected(file.error());
  std::int64_t rewrapped = 0;
  auto written = services.writers->run(**file, [&](store::Transaction& tx) -> Result<void> {
    auto done = rewrap_data_keys(tx, *services.keyring, org);
    if (!done) return std::unexpected(done.error());
    rewrapped = *done;
    return {};
  });
  services.writers->close(*file);
  if (!written) return std::unexpected(written.error());
  return rewrapped;
}

void count(MasterRotation& rotation, const std::string& slug, const Result<std::int64_t>& rewrapped) {
  if (!rewrapped) {
    log::warn("the data keys of an org could not be rewrapped",
              {{log::Field::org, slug}, {log::Field::reason, rewrapped.error().message}});
    rotation.left_out.push_back(slug);
    return;
  }
  rotation.data_keys += *rewrapped;
  ++rotation.orgs;
}

asio::awaitable<Result<void>> rewrap_trash(Registry& registry, MasterRotation& rotation) {
  std::move_only_function<Result<std::vector<store::CatalogOrg>>(store::Connection&)> list = store::list_orgs;
  auto orgs = co_await registry.read<std::vector<store::CatalogOrg>>(std::move(list));
  if (!orgs) co_return std::unexpected(orgs.error());
  const Services& services = registry.services();
  const auto state_dir = std::filesystem::path(services.anchors_dir).parent_path().string();
  for (const auto& org : *orgs) {
    const std::string path = fmt::format("{}/trash/{}.db", state_dir, org.id.text());
    std::error_code code;
    if (!org.deleted_at || !std::filesystem::exists(path, code)) continue;
    Result<std::int64_t> rewrapped;
    std::function<void()> work = [&] { rewrapped = rewrap_deleted(services, org.id, path); };
    co_await in_pool(services, std::move(work));
    count(rotation, org.slug + " (deleted)", rewrapped);
  }
  co_return Result<void>{};
}

}  // namespace

asio::awaitable<Result<MasterRotation>> rotate_master_key(Registry& registry, const secrets::Secret* passphrase,
                                                          bool destroy_old, Audit audit) {
  const Services& services = registry.services();
  secrets::Keyring& keyring = *services.keyring;
  MasterRotation rotation;
  rotation.previous = keyring.masters().current;
  Result<void> begun;
  std::function<void()> begin = [&] { begun = keyring.begin_rotation(passphrase); };
  co_await in_pool(services, std::move(begin));
  if (!begun) co_return std::unexpected(begun.error());

  for (const auto& tenant : registry.tenants()) {
    const std::string slug = tenant->snapshot()->root().slug;
    auto rewrapped = co_await rewrap_org(*tenant, services, audit);
    count(rotation, slug, rewrapped);
  }
  if (auto done = co_await rewrap_trash(registry, rotation); !done) co_return std::unexpected(done.error());
  for (const auto& slug : registry.quarantined()) rotation.left_out.push_back(slug);

  rotation.old_destroyed = destroy_old && rotation.left_out.empty();
  Result<void> finished;
  std::function<void()> finish = [&] { finished = keyring.finish_rotation(rotation.old_destroyed); };
  co_await in_pool(services, std::move(finish));
  if (!finished) co_return std::unexpected(finished.error());
  rotation.current = keyring.masters().current;
  log::info("the master key was rotated", {{log::Field::count, rotation.data_keys}});
  co_return rotation;
}

asio::awaitable<Result<Unsealed>> unseal(Registry& registry, const secrets::Secret& passphrase) {
  const Services& services = registry.services();
  Result<void> opened;
  std::function<void()> open = [&] { opened = services.keyring->unseal(passphrase); };
  co_await in_pool(services, std::move(open));
  if (!opened) co_return std::unexpected(opened.error());
  Unsealed unsealed;
  for (const auto& tenant : registry.tenants()) {
    if (auto keys = tenant->open_keys(); !keys) {
      unsealed.left_out.push_back(tenant->snapshot()->root().slug);
    } else {
      ++unsealed.orgs;
    }
  }
  log::info("unsealed", {{log::Field::count, unsealed.orgs}});
  co_return unsealed;
}

}  // namespace govctl::tenant
