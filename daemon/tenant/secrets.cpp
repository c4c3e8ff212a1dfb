// An org's data keys: opened when the master key is, rewrapped under another master key, and replaced.

#include <fmt/format.h>

#include <algorithm>

#include "daemon/store/credentials.h"
#include "daemon/store/money.h"
#include "daemon/tenant/data_keys.h"
#include "daemon/tenant/state.h"

namespace govctl::tenant {
namespace {

using DataKeys = std::map<std::int64_t, secrets::DataKey>;

std::unexpected<Error> does_not_open(const domain::Credential& row, const std::string& slug) {
  return fail(Code::conflict,
              fmt::format("the credential {} for provider {} does not open: replace or delete it first",
                          row.id.text(), row.provider),
              fmt::format("govctl credential list {}", slug));
}

}  // namespace

Result<std::map<std::int64_t, secrets::DataKey>> open_data_keys(const secrets::Keyring& keyring,
                                                                const domain::OrgConfig& config) {
  DataKeys keys;
  if (keyring.sealed()) return keys;
  for (const auto& row : config.data_keys) {
    auto key = keyring.unwrap(config.org.id, row.id, row.wrapped);
    if (!key) return std::unexpected(key.error());
    keys.emplace(row.id, std::move(*key));
  }
  return keys;
}

Result<std::int64_t> rewrap_data_keys(store::Transaction& tx, const secrets::Keyring& keyring,
                                      const OrgId& org) {
  auto rows = store::list_data_keys(tx.connection());
  if (!rows) return std::unexpected(rows.error());
  std::int64_t rewrapped = 0;
  for (auto& row : *rows) {
    auto wrapped = keyring.rewrap(org, row.id, row.wrapped);
    if (!wrapped) return std::unexpected(wrapped.error());
    if (!*wrapped) continue;
    row.wrapped = std::move(**wrapped);
    if (auto written = store::update_data_key(tx, row); !written) return std::unexpected(written.error());
    ++rewrapped;
  }
  return rewrapped;
}

Result<void> Tenant::open_keys() {
  auto keys = open_data_keys(*services_.keyring, snapshot()->config());
  if (!keys) return std::unexpected(keys.error());
  const std::scoped_lock lock(state_->secrets_mutex);
  state_->data_keys = std::move(*keys);
  return {};
}

// On the writer's thread, in its transaction.
Result<Tenant::Reencrypted> Tenant::reencrypt(store::Transaction& tx, const domain::AuditRecord& audit) {
  auto rows = store::list_data_keys(tx.connection());
  if (!rows) return std::unexpected(rows.error());
  auto credentials = store::list_credentials(tx.connection());
  if (!credentials) return std::unexpected(credentials.error());
  Reencrypted done;
  for (const auto& row : *rows) done.data_key_id = std::max(done.data_key_id, row.id + 1);
  auto fresh = services_.keyring->make_data_key(id_, done.data_key_id);
  if (!fresh) return std::unexpected(fresh.error());
  const domain::DataKey added{done.data_key_id, fresh->second, std::nullopt};
  if (auto made = store::insert_data_key(tx, added, audit.created_at); !made)
    return std::unexpected(made.error());

  const std::string slug = snapshot()->root().slug;
  const std::scoped_lock lock(state_->secrets_mutex);
  for (auto& row : *credentials) {
    const auto old = state_->data_keys.find(row.data_key_id);
    if (old == state_->data_keys.end()) return does_not_open(row, slug);
    auto plain = old->second.open(row.sealed, {id_, row.provider, row.id.bytes, row.data_key_id});
    if (!plain) return does_not_open(row, slug);
    row.data_key_id = done.data_key_id;
    row.sealed = fresh->first.seal(*plain, {id_, row.provider, row.id.bytes, row.data_key_id});
    if (auto kept = store::update_credential(tx, row); !kept) return std::unexpected(kept.error());
    ++done.credentials;
  }
  for (auto& row : *rows) {
    if (row.retired_at) continue;
    row.retired_at = audit.created_at;
    if (auto kept = store::update_data_key(tx, row); !kept) return std::unexpected(kept.error());
  }
  if (auto told = store::append_audit(tx, audit); !told) return std::unexpected(told.error());
  // There before a call can meet what is sealed under it; without the commit nobody asks for it.
  state_->data_keys.insert_or_assign(done.data_key_id, std::move(fresh->first));
  return done;
}

asio::awaitable<Result<Tenant::Reencrypted>> Tenant::rotate_data_key(domain::AuditRecord audit, bool dry_run) {
  auto self = shared_from_this();
  std::move_only_function<Result<Reencrypted>(store::Transaction&)> work =
      [self, audit = std::move(audit)](store::Transaction& tx) { return self->reencrypt(tx, audit); };
  auto done = co_await change<Reencrypted>(std::move(work), dry_run);
  if (done && !dry_run) {
    const std::scoped_lock lock(state_->secrets_mutex);
    state_->active_data_key = std::max(state_->active_data_key, done->data_key_id);
  }
  co_return done;
}

}  // namespace govctl::tenant
