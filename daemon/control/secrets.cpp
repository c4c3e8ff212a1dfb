#include <strings.h>

#include "common/api/operations.h"
#include "daemon/control/changes.h"
#include "daemon/control/checks.h"
#include "daemon/control/handlers.h"
#include "daemon/control/resolve.h"
#include "daemon/tenant/key_rotation.h"

namespace govctl::control {
namespace {

constexpr std::size_t shortest_passphrase = 12, longest_passphrase = 1024;

// Takes the text over and wipes it.
secrets::Secret taken(std::string& text) {
  secrets::Secret secret{std::string_view(text)};
  explicit_bzero(text.data(), text.size());
  text.clear();
  return secret;
}

Result<void> check_passphrase(const secrets::Secret& passphrase) {
  const std::size_t size = passphrase.bytes().size();
  if (size >= shortest_passphrase && size <= longest_passphrase) return {};
  return fail(Code::invalid,
              fmt::format("a passphrase has {} to {} bytes", shortest_passphrase, longest_passphrase));
}

std::optional<std::string> or_null(std::string text) {
  return text.empty() ? std::nullopt : std::optional(std::move(text));
}

api::OrgSecrets shown(const secrets::Keyring& keyring, const domain::OrgConfig& config) {
  api::OrgSecrets org;
  org.org = config.org.slug;
  org.data_keys = static_cast<std::int64_t>(config.data_keys.size());
  org.credentials = static_cast<std::int64_t>(config.credentials.size());
  const domain::DataKey* active = nullptr;
  for (const auto& row : config.data_keys) {
    if (!row.retired_at) active = &row;
  }
  if (active == nullptr) return org;
  org.data_key = active->id;
  org.behind = std::ranges::count_if(config.credentials, [&](const domain::Credential& credential) {
    return credential.data_key_id != active->id;
  });
  org.master = or_null(keyring.master_of(config.org.id, active->id, active->wrapped));
  return org;
}

}  // namespace

Answer get_secrets(Request& request) {
  const secrets::Keyring& keyring = *request.registry.services().keyring;
  const auto masters = keyring.masters();
  api::SecretsStatus status;
  status.sealed = masters.sealed;
  status.rotating = masters.rotating;
  status.source = std::string(secrets::master_source_word(masters.source));
  status.master = or_null(masters.current);
  status.retired = masters.retired;
  status.keys_dir = request.options.keys_dir;
  for (const auto& tenant : request.registry.tenants()) {
    status.orgs.push_back(shown(keyring, tenant->snapshot()->config()));
  }
  co_return reply(status);
}

Answer rotate_master(Request& request) {
  auto body = request.decoded<api::MasterRotate>();
  explicit_bzero(request.body.data(), request.body.size());
  if (!body) co_return std::unexpected(body.error());
  std::optional<secrets::Secret> passphrase;
  if (body->secret) passphrase.emplace(taken(*body->secret));
  if (passphrase) {
    if (auto ok = check_passphrase(*passphrase); !ok) co_return std::unexpected(ok.error());
  }
  const auto masters = request.registry.services().keyring->masters();
  // Who had it under a passphrase does not get it in a file by leaving that out.
  if (masters.source == secrets::MasterSource::passphrase && !passphrase && !masters.rotating) {
    co_return fail(Code::invalid, "the master key lies under a passphrase: give one for the new key, too",
                   "govctl secrets rotate-kek --passphrase --stdin");
  }
  if (request.dry_run) {
    api::MasterRotated would;
    would.previous = masters.current;
    would.orgs = static_cast<std::int64_t>(request.registry.tenants().size());
    would.left_out = request.registry.quarantined();
    for (const auto& tenant : request.registry.tenants()) {
      would.data_keys += static_cast<std::int64_t>(tenant->snapshot()->config().data_keys.size());
    }
    co_return reply(would);
  }
  const Author author(request);
  const auto audit = [author](const std::string& name) {
    return author.record("secrets.rotate_master", {"master_key", "", name},
                         fmt::format("wrapped the data keys of {} under another master key", name), Json());
  };
  // The catalog's row first: what cannot be recorded is not begun.
  Work<bool> begin = [record = audit("platform")](store::Transaction& tx) -> Result<bool> {
    auto told = store::append_audit(tx, record);
    return told ? Result<bool>(true) : std::unexpected(told.error());
  };
  auto begun = co_await request.registry.change(std::move(begin), false);
  if (!begun) co_return std::unexpected(begun.error());
  auto done = co_await tenant::rotate_master_key(request.registry, passphrase ? &*passphrase : nullptr,
                                                 body->destroy_old.value_or(false), audit);
  if (!done) co_return std::unexpected(done.error());
  co_return reply(api::MasterRotated{done->previous, done->current, done->orgs, done->data_keys, done->left_out,
                                     done->old_destroyed});
}

Answer rotate_data_key(Request& request) {
  auto at = find_org(request, request.parameter(0));
  if (!at) co_return std::unexpected(at.error());
  const std::string slug = at->org().slug;
  auto audit =
      Author(request).record("secrets.rotate_data_key", {"data_key", "", slug},
                             fmt::format("encrypted the credentials of {} under a new data key", slug), Json());
  auto done = co_await at->tenant->rotate_data_key(std::move(audit), request.dry_run);
  if (!done) co_return std::unexpected(done.error());
  co_return reply(api::DataKeyRotated{slug, done->data_key_id, done->credentials});
}

Answer unseal(Request& request) {
  auto body = request.decoded<api::Unseal>();
  explicit_bzero(request.body.data(), request.body.size());
  if (!body) co_return std::unexpected(body.error());
  const secrets::Secret passphrase = taken(body->secret);
  if (passphrase.bytes().size() > longest_passphrase) {
    co_return fail(Code::invalid, fmt::format("a passphrase has at most {} bytes", longest_passphrase));
  }
  if (request.dry_run) co_return fail(Code::invalid, "unsealing cannot be tried without doing it");
  auto done = co_await tenant::unseal(request.registry, passphrase);
  if (!done) co_return std::unexpected(done.error());
  Work<bool> note = [record = Author(request).record("secrets.unseal", {"master_key", "", "platform"},
                                                     "gave the master key's passphrase",
                                                     Json())](store::Transaction& tx) -> Result<bool> {
    auto told = store::append_audit(tx, record);
    return told ? Result<bool>(true) : std::unexpected(told.error());
  };
  auto told = co_await request.registry.change(std::move(note), false);
  if (!told) co_return std::unexpected(told.error());
  co_return reply(api::Unsealed{done->orgs, done->left_out});
}

}  // namespace govctl::control
