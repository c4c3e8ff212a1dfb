#include "daemon/store/orgs.h"

#include "daemon/control/changes.h"
#include "daemon/control/checks.h"
#include "daemon/control/handlers.h"
#include "daemon/control/new_org.h"
#include "daemon/control/pages.h"
#include "daemon/control/present.h"
#include "daemon/control/resolve.h"
#include "daemon/control/writes.h"
#include "daemon/store/budgets.h"
#include "daemon/store/catalog.h"

namespace govctl::control {
namespace {

Subject subject_of(const domain::Org& org) { return {"org", org.id.text(), org.slug}; }

Result<void> check(const api::OrgPatch& patch) {
  return all_of({patch.name ? check_name("name", *patch.name) : Result<void>{},
                 patch.description ? check_text("description", *patch.description, 2000, true) : Result<void>{},
                 patch.credits_per_usd ? check_credits_per_usd(*patch.credits_per_usd) : Result<void>{}});
}

// Limits that were set in USD are that many USD at the new rate too.
Result<void> convert_budgets(store::Transaction& tx, std::int64_t credits_per_usd, Timestamp now) {
  auto budgets = store::list_budgets(tx.connection());
  if (!budgets) return std::unexpected(budgets.error());
  for (auto& budget : *budgets) {
    if (budget.limit_usd.empty()) continue;
    auto limit = limit_in_credits(budget.limit_usd, credits_per_usd);
    if (!limit) return std::unexpected(limit.error());
    budget.limit = *limit;
    budget.version += 1;
    budget.updated_at = now;
    if (auto done = store::update_budget(tx, budget); !done) return done;
  }
  return {};
}

Result<domain::Org> apply(store::Transaction& tx, const api::OrgPatch& patch,
                          const std::optional<std::optional<Credits>>& overdraft, const Author& author,
                          const std::optional<std::int64_t>& if_match) {
  auto found = store::find_org(tx.connection());
  if (!found) return std::unexpected(found.error());
  if (!*found) return fail(Code::not_found, "the org is gone");
  domain::Org before = std::move(**found);
  if (auto ok = check_version(if_match, before.version, "org"); !ok) return std::unexpected(ok.error());
  domain::Org org = before;
  if (patch.name) org.name = *patch.name;
  if (patch.description) org.description = *patch.description;
  if (patch.active) org.active = *patch.active;
  if (overdraft) org.overdraft = *overdraft;
  if (patch.credits_per_usd) org.credits_per_usd = *patch.credits_per_usd;
  return change(tx, author, before, std::move(org));
}

// The deleted org that the route names; of several with one slug the last.
asio::awaitable<Result<store::CatalogOrg>> find_deleted(Request& request) {
  Query<std::vector<store::CatalogOrg>> query = store::list_orgs;
  auto orgs = co_await request.registry.read(std::move(query));
  if (!orgs) co_return std::unexpected(orgs.error());
  const std::string& named = request.parameter(0);
  const auto id = OrgId::parse(named);
  const store::CatalogOrg* deleted = nullptr;
  for (const auto& org : *orgs) {
    if (!org.deleted_at || (id ? org.id != *id : org.slug != named)) continue;
    if (deleted == nullptr || *org.deleted_at > *deleted->deleted_at) deleted = &org;
  }
  if (deleted == nullptr || !request.principal.all_orgs) {
    co_return fail(Code::not_found, fmt::format("there is no deleted org '{}'", named.substr(0, 200)),
                   "govctl org list");
  }
  co_return *deleted;
}

}  // namespace

Result<domain::Org> change(Transaction& tx, const Author& author, const domain::Org& before, domain::Org row) {
  if (row.credits_per_usd != before.credits_per_usd) {
    if (tx.head(domain::ChainTable::ledger).seq > 0) {
      return fail(Code::conflict, "'credits_per_usd' is fixed: the org's ledger has entries",
                  "govctl ledger statement " + row.slug);
    }
    if (auto done = convert_budgets(tx, row.credits_per_usd, author.now); !done)
      return std::unexpected(done.error());
  }
  const Json was = api::encode(shown(before));
  const Json is = api::encode(shown(row));
  if (was == is) return before;
  row.version += 1;
  row.updated_at = author.now;
  if (auto done = store::update_org(tx, row); !done) return std::unexpected(done.error());
  auto audit = author.record("org.update", subject_of(row), "changed org " + row.slug, changed(was, is));
  if (auto done = store::append_audit(tx, audit); !done) return std::unexpected(done.error());
  return row;
}

Answer make_org(Request& request, NewOrg wanted, domain::Org& org) {
  if (auto ok = check_name("name", wanted.name); !ok) co_return std::unexpected(ok.error());
  if (auto ok = check_text("description", wanted.description, 2000, true); !ok)
    co_return std::unexpected(ok.error());
  if (auto ok = check_credits_per_usd(wanted.credits_per_usd); !ok) co_return std::unexpected(ok.error());
  auto slug = slug_or_made(wanted.slug, wanted.name);
  if (!slug) co_return std::unexpected(slug.error());
  const std::int64_t ms = request.now.millis();
  org.id = OrgId::mint(ms);
  org.billing_group = BillingGroupId::mint(ms);
  org.slug = *slug;
  org.name = wanted.name;
  org.description = wanted.description;
  org.owner = request.principal.actor;
  org.credits_per_usd = wanted.credits_per_usd;
  org.overdraft = wanted.overdraft;
  org.created_at = org.updated_at = request.now;
  auto audit = Author(request).record("org.create", subject_of(org), "made org " + org.slug,
                                      made(api::encode(shown(org))));
  auto done = co_await request.registry.create_org(org, std::move(audit), request.dry_run);
  if (!done) {
    if (done.error().code != Code::conflict) co_return std::unexpected(done.error());
    co_return fail(Code::conflict, fmt::format("there is an org '{}' already", org.slug),
                   "govctl org get " + org.slug);
  }
  co_return Reply{};
}

Answer create_org(Request& request) {
  auto body = request.decoded<api::OrgCreate>();
  if (!body) co_return std::unexpected(body.error());
  NewOrg wanted;
  wanted.name = body->name;
  wanted.slug = body->slug;
  wanted.description = body->description.value_or("");
  wanted.credits_per_usd = body->credits_per_usd.value_or(100);
  if (body->overdraft) {
    auto overdraft = parse_overdraft(*body->overdraft);
    if (!overdraft) co_return std::unexpected(overdraft.error());
    wanted.overdraft = *overdraft;
  }
  domain::Org org;
  auto done = co_await make_org(request, std::move(wanted), org);
  if (!done) co_return std::unexpected(done.error());
  co_return created(shown(org));
}

Answer list_orgs(Request& request) {
  std::vector<api::Org> orgs;
  for (const auto& tenant : visible_tenants(request)) orgs.push_back(shown(tenant->snapshot()->config().org));
  auto page = page_of(request, std::move(orgs), [](const api::Org& org) { return org.slug; });
  if (!page) co_return std::unexpected(page.error());
  co_return reply(*page);
}

Answer get_org(Request& request) {
  auto at = find_org(request, request.parameter(0));
  if (!at) co_return std::unexpected(at.error());
  co_return reply(shown(at->org()));
}

Answer change_org(Request& request) {
  auto at = find_org(request, request.parameter(0));
  if (!at) co_return std::unexpected(at.error());
  auto patch = request.decoded<api::OrgPatch>();
  if (!patch) co_return std::unexpected(patch.error());
  if (auto ok = check(*patch); !ok) co_return std::unexpected(ok.error());
  std::optional<std::optional<Credits>> overdraft;
  if (patch->overdraft) {
    auto parsed = parse_overdraft(*patch->overdraft);
    if (!parsed) co_return std::unexpected(parsed.error());
    overdraft = *parsed;
  }
  Work<domain::Org> work = [patch = *patch, overdraft, author = Author(request),
                            if_match = request.if_match](store::Transaction& tx) {
    return apply(tx, patch, overdraft, author, if_match);
  };
  auto org = co_await at->tenant->change(std::move(work), request.dry_run);
  if (!org) co_return std::unexpected(org.error());
  co_return reply(shown(*org));
}

Answer delete_org(Request& request) {
  auto at = find_org(request, request.parameter(0));
  if (!at) co_return std::unexpected(at.error());
  const domain::Org org = at->org();
  if (request.asked("confirm") != org.slug) {
    co_return fail(Code::invalid, fmt::format("deleting an org needs its slug again: confirm={}", org.slug),
                   fmt::format("govctl org delete {} --confirm={}", org.slug, org.slug));
  }
  if (auto ok = check_version(request.if_match, org.version, "org"); !ok) co_return std::unexpected(ok.error());
  auto audit = Author(request).record("org.delete", subject_of(org), "deleted org " + org.slug,
                                      removed(api::encode(shown(org))));
  auto done = co_await request.registry.delete_org(at->tenant, std::move(audit), request.dry_run);
  if (!done) co_return std::unexpected(done.error());
  co_return reply(shown(org));
}

Answer undelete_org(Request& request) {
  if (request.dry_run) co_return fail(Code::invalid, "undeleting an org has no dry run");
  auto deleted = co_await find_deleted(request);
  if (!deleted) co_return std::unexpected(deleted.error());
  Subject subject{"org", deleted->id.text(), deleted->slug};
  auto audit =
      Author(request).record("org.undelete", std::move(subject), "brought back org " + deleted->slug, Json());
  auto tenant = co_await request.registry.undelete_org(deleted->slug, std::move(audit));
  if (!tenant) co_return std::unexpected(tenant.error());
  co_return reply(shown((*tenant)->snapshot()->config().org));
}

Answer purge_org(Request& request) {
  auto deleted = co_await find_deleted(request);
  if (!deleted) {
    if (auto there = find_org(request, request.parameter(0))) {
      co_return fail(Code::conflict,
                     fmt::format("org {} is not deleted: only then it can be purged", there->org().slug),
                     fmt::format("govctl org delete {} --confirm={}", there->org().slug, there->org().slug));
    }
    co_return std::unexpected(deleted.error());
  }
  if (request.asked("confirm") != deleted->slug) {
    co_return fail(Code::invalid, fmt::format("purging an org needs its slug again: confirm={}", deleted->slug),
                   fmt::format("govctl org purge {} --confirm={}", request.parameter(0), deleted->slug));
  }
  const api::OrgPurged purged{deleted->id.text(), deleted->slug};
  if (request.dry_run) co_return reply(purged);
  auto audit = Author(request).record("org.purge", Subject{"org", purged.id, purged.slug},
                                      "destroyed the keys and the file of org " + purged.slug, Json());
  auto done = co_await request.registry.purge_org(deleted->id, std::move(audit));
  if (!done) co_return std::unexpected(done.error());
  co_return reply(purged);
}

Answer get_balance(Request& request) {
  auto at = find_org(request, request.parameter(0));
  if (!at) co_return std::unexpected(at.error());
  co_return reply(balance_of(*at));
}

}  // namespace govctl::control
