#include "daemon/store/aliases.h"

#include "daemon/control/changes.h"
#include "daemon/control/checks.h"
#include "daemon/control/handlers.h"
#include "daemon/control/pages.h"
#include "daemon/control/present.h"
#include "daemon/control/resolve.h"
#include "daemon/control/writes.h"

namespace govctl::control {
namespace {

Subject subject_of(const domain::ModelAlias& alias, const std::string& org) {
  return {"alias", alias.name, org};
}

std::unexpected<Error> none(const OrgAt& at, std::string_view name) {
  return fail(Code::not_found, fmt::format("org {} has no alias '{}'", at.org().slug, name.substr(0, 200)),
              "govctl alias list " + at.org().slug);
}

}  // namespace

Result<std::vector<domain::ModelTarget>> targets_of(const domain::PlatformConfig& platform,
                                                    std::string_view name, const api::Names& texts) {
  if (texts.empty() || texts.size() > domain::max_alias_targets) {
    return fail(Code::invalid, fmt::format("'targets' must hold 1 to {} models", domain::max_alias_targets));
  }
  std::vector<domain::ModelTarget> targets;
  for (const std::string& text : texts) {
    if (auto ok = check_name("targets", text); !ok) return std::unexpected(ok.error());
    const std::size_t slash = text.find('/');
    if (slash == std::string::npos || slash == 0 || slash + 1 == text.size()) {
      return fail(Code::invalid, fmt::format("'{}' is no target: write provider/model", text));
    }
    if (text == name) return fail(Code::invalid, fmt::format("the alias '{}' cannot lead to itself", name));
    domain::ModelTarget target{text.substr(0, slash), text.substr(slash + 1)};
    if (std::ranges::find(platform.providers, target.provider, &domain::Provider::name) ==
        platform.providers.end()) {
      return fail(Code::unprocessable, fmt::format("there is no provider '{}'", target.provider),
                  "govctl provider list");
    }
    if (std::ranges::find(targets, target) != targets.end()) {
      return fail(Code::invalid, fmt::format("'{}' stands twice", text));
    }
    targets.push_back(std::move(target));
  }
  return targets;
}

Result<domain::ModelAlias> put(Transaction& tx, const Author& author,
                               const std::optional<domain::ModelAlias>& before, domain::ModelAlias row,
                               const std::string& path) {
  if (before && before->targets == row.targets) return *before;
  if (before) {
    row.version = before->version + 1;
    row.created_at = before->created_at;
  }
  if (auto done = store::put_alias(tx, row); !done) return std::unexpected(done.error());
  const Json is = api::encode(shown(row, path));
  auto audit =
      author.record("alias.set", subject_of(row, path), fmt::format("set the alias '{}' of {}", row.name, path),
                    before ? changed(api::encode(shown(*before, path)), is) : made(is));
  if (auto done = store::append_audit(tx, audit); !done) return std::unexpected(done.error());
  return row;
}

Result<void> remove(Transaction& tx, const Author& author, const domain::ModelAlias& row,
                    const std::string& path) {
  if (auto done = store::delete_alias(tx, row.name); !done) return done;
  return store::append_audit(tx, author.record("alias.delete", subject_of(row, path),
                                               fmt::format("deleted the alias '{}' of {}", row.name, path),
                                               removed(api::encode(shown(row, path)))));
}

Answer list_aliases(Request& request) {
  auto at = find_org(request, request.parameter(0));
  if (!at) co_return std::unexpected(at.error());
  std::vector<api::Alias> aliases;
  for (const auto& alias : at->snapshot->config().aliases) aliases.push_back(shown(alias, at->org().slug));
  auto page = page_of(request, std::move(aliases), [](const api::Alias& alias) { return alias.name; });
  if (!page) co_return std::unexpected(page.error());
  co_return reply(*page);
}

Answer get_alias(Request& request) {
  auto at = find_org(request, request.parameter(0));
  if (!at) co_return std::unexpected(at.error());
  const auto* const alias = at->snapshot->find_alias(request.parameter(1));
  if (alias == nullptr) co_return none(*at, request.parameter(1));
  co_return reply(shown(*alias, at->org().slug));
}

Answer put_alias(Request& request) {
  auto at = find_org(request, request.parameter(0));
  if (!at) co_return std::unexpected(at.error());
  auto body = request.decoded<api::AliasPut>();
  if (!body) co_return std::unexpected(body.error());
  domain::ModelAlias row;
  row.name = request.parameter(1);
  if (auto ok = check_name("name", row.name); !ok) co_return std::unexpected(ok.error());
  auto targets = targets_of(*request.registry.platform(), row.name, body->targets);
  if (!targets) co_return std::unexpected(targets.error());
  row.targets = std::move(*targets);
  row.created_at = row.updated_at = request.now;
  const std::string slug = at->org().slug;
  Work<domain::ModelAlias> work = [row, slug, author = Author(request), if_match = request.if_match](
                                      store::Transaction& tx) mutable -> Result<domain::ModelAlias> {
    auto before = store::find_alias(tx.connection(), row.name);
    if (!before) return std::unexpected(before.error());
    if (auto ok = check_version(if_match, *before ? (*before)->version : 0, "alias"); !ok) {
      return std::unexpected(ok.error());
    }
    return put(tx, author, *before, std::move(row), slug);
  };
  auto alias = co_await at->tenant->change(std::move(work), request.dry_run);
  if (!alias) co_return std::unexpected(alias.error());
  co_return reply(shown(*alias, slug));
}

Answer delete_alias(Request& request) {
  auto at = find_org(request, request.parameter(0));
  if (!at) co_return std::unexpected(at.error());
  const std::string slug = at->org().slug;
  Work<domain::ModelAlias> work = [at = *at, name = request.parameter(1), slug, author = Author(request),
                                   if_match =
                                       request.if_match](store::Transaction& tx) -> Result<domain::ModelAlias> {
    auto before = store::find_alias(tx.connection(), name);
    if (!before) return std::unexpected(before.error());
    if (!*before) return none(at, name);
    if (auto ok = check_version(if_match, (*before)->version, "alias"); !ok) return std::unexpected(ok.error());
    if (auto done = remove(tx, author, **before, slug); !done) return std::unexpected(done.error());
    return std::move(**before);
  };
  auto alias = co_await at->tenant->change(std::move(work), request.dry_run);
  if (!alias) co_return std::unexpected(alias.error());
  co_return reply(shown(*alias, slug));
}

}  // namespace govctl::control
