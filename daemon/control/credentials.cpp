#include "daemon/store/credentials.h"

#include <strings.h>

#include "daemon/control/changes.h"
#include "daemon/control/checks.h"
#include "daemon/control/handlers.h"
#include "daemon/control/pages.h"
#include "daemon/control/present.h"
#include "daemon/control/resolve.h"
#include "daemon/control/writes.h"

namespace govctl::control {
namespace {

Subject subject_of(const domain::Credential& credential, const std::string& org) {
  return {"credential", credential.id.text(), org};
}

Result<void> seal_into(const tenant::Tenant& tenant, const secrets::Secret& secret, domain::Credential& row) {
  auto sealed = tenant.seal(secret, row.provider, row.id);
  if (!sealed) return std::unexpected(sealed.error());
  row.data_key_id = sealed->data_key_id;
  row.sealed = std::move(sealed->bytes);
  row.suffix = suffix_of(secret);
  return {};
}

const domain::Credential* find_row(const OrgAt& at, std::string_view id) {
  const auto wanted = CredentialId::parse(id);
  for (const auto& credential : at.snapshot->config().credentials) {
    if (wanted && credential.id == *wanted) return &credential;
  }
  return nullptr;
}

std::unexpected<Error> none(const Request& request, const OrgAt& at) {
  return fail(Code::not_found,
              fmt::format("org {} has no credential '{}'", at.org().slug, request.parameter(1).substr(0, 200)),
              "govctl credential list " + at.org().slug);
}

Result<domain::Credential> current(store::Transaction& tx, const CredentialId& id,
                                   const std::optional<std::int64_t>& if_match) {
  auto found = store::find_credential(tx.connection(), id);
  if (!found) return std::unexpected(found.error());
  if (!*found) return fail(Code::not_found, "the credential was deleted in the meantime");
  if (auto ok = check_version(if_match, (*found)->version, "credential"); !ok)
    return std::unexpected(ok.error());
  return std::move(**found);
}

}  // namespace

Result<secrets::Secret> take_secret(std::string& text) {
  secrets::Secret secret{std::string_view(text)};
  explicit_bzero(text.data(), text.size());
  text.clear();
  const std::string_view plain = secret.reveal();
  const bool visible = std::ranges::all_of(plain, [](char c) { return c > ' ' && c <= '~'; });
  if (plain.empty() || plain.size() > 8192 || !visible) {
    return fail(Code::invalid, "'secret' must be 1 to 8192 visible ASCII characters, no spaces or line ends");
  }
  return secret;
}

std::string suffix_of(const secrets::Secret& secret) {
  const std::string_view plain = secret.reveal();
  return plain.size() >= 12 ? std::string(plain.substr(plain.size() - 4)) : std::string();
}

Result<void> make(Transaction& tx, const Author& author, const domain::Credential& row,
                  const std::string& path) {
  if (auto done = store::insert_credential(tx, row); !done) return done;
  return store::append_audit(tx,
                             author.record("credential.create", subject_of(row, path),
                                           fmt::format("stored a credential of {} for {}", path, row.provider),
                                           made(api::encode(shown(row, path)))));
}

Result<domain::Credential> change(Transaction& tx, const Author& author, const domain::Credential& before,
                                  domain::Credential row, bool resealed, const std::string& path) {
  const Json was = api::encode(shown(before, path));
  const Json is = api::encode(shown(row, path));
  if (was == is && !resealed) return before;
  row.version += 1;
  row.updated_at = author.now;
  if (auto done = store::update_credential(tx, row); !done) return std::unexpected(done.error());
  Json metadata = changed(was, is);
  if (resealed) metadata["secret"] = "replaced";
  auto audit = author.record("credential.update", subject_of(row, path),
                             fmt::format("changed a credential of {} for {}", path, row.provider), metadata);
  if (auto done = store::append_audit(tx, audit); !done) return std::unexpected(done.error());
  return row;
}

Result<void> remove(Transaction& tx, const Author& author, const domain::Credential& row,
                    const std::string& path) {
  if (auto done = store::delete_credential(tx, row.id, author.now); !done) return done;
  return store::append_audit(tx,
                             author.record("credential.delete", subject_of(row, path),
                                           fmt::format("deleted a credential of {} for {}", path, row.provider),
                                           removed(api::encode(shown(row, path)))));
}

Answer create_credential(Request& request) {
  auto at = find_org(request, request.parameter(0));
  if (!at) co_return std::unexpected(at.error());
  auto body = request.decoded<api::CredentialCreate>();
  explicit_bzero(request.body.data(), request.body.size());
  if (!body) co_return std::unexpected(body.error());
  auto secret = take_secret(body->secret);
  if (!secret) co_return std::unexpected(secret.error());
  const std::string label = body->label.value_or("");
  if (auto ok = check_text("label", label, 200); !ok) co_return std::unexpected(ok.error());
  const auto platform = request.registry.platform();
  if (std::ranges::find(platform->providers, body->provider, &domain::Provider::name) ==
      platform->providers.end()) {
    co_return fail(Code::not_found, fmt::format("there is no provider '{}'", body->provider.substr(0, 100)),
                   "govctl provider list");
  }
  domain::Credential row;
  row.id = CredentialId::mint(request.now.millis());
  row.provider = body->provider;
  row.label = label;
  row.created_at = row.updated_at = request.now;
  if (auto done = seal_into(*at->tenant, *secret, row); !done) co_return std::unexpected(done.error());
  const std::string slug = at->org().slug;
  Work<bool> work = [row, slug, author = Author(request)](store::Transaction& tx) -> Result<bool> {
    if (auto done = make(tx, author, row, slug); !done) return std::unexpected(done.error());
    return true;
  };
  auto done = co_await at->tenant->change(std::move(work), request.dry_run);
  if (!done) co_return std::unexpected(done.error());
  co_return created(shown(row, slug));
}

Answer list_credentials(Request& request) {
  auto at = find_org(request, request.parameter(0));
  if (!at) co_return std::unexpected(at.error());
  std::vector<api::Credential> credentials;
  for (const auto& credential : at->snapshot->config().credentials) {
    credentials.push_back(shown(credential, at->org().slug));
  }
  auto page =
      page_of(request, std::move(credentials), [](const api::Credential& credential) { return credential.id; });
  if (!page) co_return std::unexpected(page.error());
  co_return reply(*page);
}

Answer get_credential(Request& request) {
  auto at = find_org(request, request.parameter(0));
  if (!at) co_return std::unexpected(at.error());
  const auto* row = find_row(*at, request.parameter(1));
  if (row == nullptr) co_return none(request, *at);
  co_return reply(shown(*row, at->org().slug));
}

Answer change_credential(Request& request) {
  auto at = find_org(request, request.parameter(0));
  if (!at) co_return std::unexpected(at.error());
  auto patch = request.decoded<api::CredentialPatch>();
  explicit_bzero(request.body.data(), request.body.size());
  if (!patch) co_return std::unexpected(patch.error());
  const auto* row = find_row(*at, request.parameter(1));
  if (row == nullptr) co_return none(request, *at);
  if (patch->label) {
    if (auto ok = check_text("label", *patch->label, 200); !ok) co_return std::unexpected(ok.error());
  }
  std::optional<domain::Credential> resealed;
  if (patch->secret) {
    auto secret = take_secret(*patch->secret);
    if (!secret) co_return std::unexpected(secret.error());
    resealed = *row;
    if (auto done = seal_into(*at->tenant, *secret, *resealed); !done) co_return std::unexpected(done.error());
  }
  const std::string slug = at->org().slug;
  Work<domain::Credential> work =
      [resealed, label = patch->label, active = patch->active, id = row->id, slug, author = Author(request),
       if_match = request.if_match](store::Transaction& tx) -> Result<domain::Credential> {
    auto before = current(tx, id, if_match);
    if (!before) return before;
    domain::Credential credential = *before;
    if (label) credential.label = *label;
    if (active) credential.active = *active;
    if (resealed) {
      credential.data_key_id = resealed->data_key_id;
      credential.sealed = resealed->sealed;
      credential.suffix = resealed->suffix;
    }
    return change(tx, author, *before, std::move(credential), resealed.has_value(), slug);
  };
  auto credential = co_await at->tenant->change(std::move(work), request.dry_run);
  if (!credential) co_return std::unexpected(credential.error());
  co_return reply(shown(*credential, slug));
}

Answer delete_credential(Request& request) {
  auto at = find_org(request, request.parameter(0));
  if (!at) co_return std::unexpected(at.error());
  const auto* row = find_row(*at, request.parameter(1));
  if (row == nullptr) co_return none(request, *at);
  const std::string slug = at->org().slug;
  Work<domain::Credential> work = [id = row->id, slug, author = Author(request), if_match = request.if_match](
                                      store::Transaction& tx) -> Result<domain::Credential> {
    auto before = current(tx, id, if_match);
    if (!before) return before;
    if (auto done = remove(tx, author, *before, slug); !done) return std::unexpected(done.error());
    return before;
  };
  auto credential = co_await at->tenant->change(std::move(work), request.dry_run);
  if (!credential) co_return std::unexpected(credential.error());
  co_return reply(shown(*credential, slug));
}

}  // namespace govctl::control
