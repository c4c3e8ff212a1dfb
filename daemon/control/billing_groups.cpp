#include "daemon/control/changes.h"
#include "daemon/control/handlers.h"
#include "daemon/control/new_org.h"
#include "daemon/control/pages.h"
#include "daemon/control/present.h"

namespace govctl::control {
namespace {
api::BillingGroup group_of(const OrgAt& at) { return shown_group(at.org(), at.tenant->balance().balance); }
}  // namespace

api::Balance balance_of(const OrgAt& at) {
  const tenant::Balance figures = at.tenant->balance();
  api::Balance balance;
  balance.org = at.org().slug;
  balance.balance = figures.balance.value();
  balance.reserved = figures.reserved.value();
  balance.available = balance.balance - balance.reserved;
  balance.credits_per_usd = at.org().credits_per_usd;
  return balance;
}

Answer create_billing_group(Request& request) {
  auto body = request.decoded<api::BillingGroupCreate>();
  if (!body) co_return std::unexpected(body.error());
  if (body->org) {
    // An org's ledger has one account.
    auto at = find_org(request, *body->org);
    if (!at) co_return std::unexpected(at.error());
    Json details{{"id", at->org().billing_group.text()}};
    co_return fail(Code::conflict, fmt::format("org '{}' has its billing group already", at->org().slug),
                   "govctl ledger balance " + at->org().slug, json_text(details));
  }
  NewOrg wanted;
  wanted.name = body->name;
  domain::Org org;
  auto done = co_await make_org(request, std::move(wanted), org);
  if (!done) co_return std::unexpected(done.error());
  co_return created(shown_group(org, Credits()));
}

Answer list_billing_groups(Request& request) {
  std::vector<api::BillingGroup> groups;
  for (const auto& tenant : visible_tenants(request)) groups.push_back(group_of({tenant, tenant->snapshot()}));
  auto page = page_of(request, std::move(groups), [](const api::BillingGroup& group) { return group.org; });
  if (!page) co_return std::unexpected(page.error());
  co_return reply(*page);
}

Answer get_billing_group(Request& request) {
  auto at = find_account(request, request.parameter(0));
  if (!at) co_return std::unexpected(at.error());
  co_return reply(group_of(*at));
}

Answer get_billing_group_balance(Request& request) {
  auto at = find_account(request, request.parameter(0));
  if (!at) co_return std::unexpected(at.error());
  co_return reply(balance_of(*at));
}

}  // namespace govctl::control
