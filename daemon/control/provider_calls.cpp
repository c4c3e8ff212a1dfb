// Calls to providers on an administrator's behalf: is it there, and what has it got. Both ask for its list of
// models, which costs nothing, with an org's credential.

#include "common/api/platform.h"
#include "daemon/calls/calls.h"
#include "daemon/control/handlers.h"
#include "daemon/control/pages.h"
#include "daemon/control/resolve.h"

namespace govctl::control {
namespace {

// The org that was named, or the only one that has a credential for the provider.
Result<OrgAt> whose(const Request& request, const domain::Provider& provider,
                    const std::optional<std::string>& org) {
  if (org) return find_org(request, *org);
  std::optional<OrgAt> only;
  for (const auto& tenant : visible_tenants(request)) {
    const auto snapshot = tenant->snapshot();
    const bool has = std::ranges::any_of(snapshot->config().credentials, [&](const auto& credential) {
      return credential.active && credential.provider == provider.name;
    });
    if (!has) continue;
    if (only) {
      return fail(Code::invalid, "several orgs have a credential for it: say whose",
                  fmt::format("govctl provider test {} --org ORG", provider.name));
    }
    only = OrgAt{tenant, snapshot};
  }
  if (only) return *only;
  return fail(Code::no_credential, fmt::format("no org has a credential for provider {}", provider.name),
              fmt::format("govctl credential add ORG {} --stdin", provider.name));
}

Result<tenant::Candidate> candidate_of(const Request& request, const std::optional<std::string>& org) {
  tenant::Candidate candidate;
  candidate.platform = request.registry.platform();
  const std::string& name = request.parameter(0);
  const auto& rows = candidate.platform->providers;
  const auto row = std::ranges::find(rows, name, &domain::Provider::name);
  if (row == rows.end()) {
    return fail(Code::not_found, fmt::format("there is no provider '{}'", name.substr(0, 100)),
                "govctl provider list");
  }
  candidate.provider = &*row;
  if (request.options.calls == nullptr) return fail(Code::unavailable, "no calls are made here");
  if (!row->needs_credential && !org) return candidate;
  auto at = whose(request, *row, org);
  if (!at) return std::unexpected(at.error());
  auto credential = at->tenant->credential(*at->snapshot, row->name);
  if (credential) {
    candidate.credential = std::move(*credential);
  } else if (row->needs_credential) {
    Error error = credential.error();
    error.message = fmt::format("org {} has no usable credential for provider {}", at->org().slug, row->name);
    error.next = fmt::format("govctl credential add {} {} --stdin", at->org().slug, row->name);
    return std::unexpected(std::move(error));
  }
  return candidate;
}

}  // namespace

Answer test_provider(Request& request) {
  auto body = request.decoded<api::ProviderTest>();
  if (!body) co_return std::unexpected(body.error());
  auto candidate = candidate_of(request, body->org);
  if (!candidate) co_return std::unexpected(candidate.error());
  auto list = co_await request.options.calls->list_models(request.exchange, *candidate);
  api::ProviderTested tested;
  tested.provider = candidate->provider->name;
  tested.ok = list.ok;
  tested.called = list.called;
  if (list.status) tested.status = *list.status;
  tested.latency_ms = list.latency_ms;
  tested.models = static_cast<std::int64_t>(list.models.size());
  if (!list.message.empty()) tested.message = list.message;
  if (list.ok && body->model && std::ranges::find(list.models, *body->model) == list.models.end()) {
    tested.ok = false;
    tested.message = fmt::format("the provider lists no model '{}'", body->model->substr(0, 200));
  }
  co_return reply(tested);
}

Answer list_provider_models(Request& request) {
  auto candidate = candidate_of(request, request.asked("org"));
  if (!candidate) co_return std::unexpected(candidate.error());
  const std::string& name = candidate->provider->name;
  auto list = co_await request.options.calls->list_models(request.exchange, *candidate);
  if (!list.ok) {
    co_return fail(Code::upstream_failed, fmt::format("provider {}: {} ({})", name, list.message, list.called),
                   fmt::format("govctl provider test {}", name));
  }
  std::vector<api::ProviderModel> models;
  for (const std::string& model : list.models) {
    const bool priced = domain::find_price(candidate->platform->models, name, model) != nullptr;
    models.push_back({name, model, priced});
  }
  auto page = page_of(request, std::move(models), [](const api::ProviderModel& row) { return row.model; });
  if (!page) co_return std::unexpected(page.error());
  co_return reply(*page);
}

}  // namespace govctl::control
