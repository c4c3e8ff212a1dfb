#include "daemon/control/handlers.h"
#include "daemon/control/present.h"
#include "daemon/control/resolve.h"

namespace govctl::control {
namespace {

constexpr std::string_view platform_name = "platform";

// Null: the platform's own audit log. What cannot be checked at all is a finding too.
asio::awaitable<void> verify_one(Request& request, std::shared_ptr<tenant::Tenant> tenant, std::string name,
                                 api::VerifyReport& into) {
  auto report = co_await request.registry.verify(std::move(tenant));
  if (!report) {
    into.ok = false;
    api::VerifyTable table;
    table.org = name;
    table.table = "file";
    table.ok = false;
    table.fault = report.error().message;
    into.tables.push_back(std::move(table));
    co_return;
  }
  for (const auto& checked : report->tables) {
    api::VerifyTable table;
    table.org = name;
    table.table = std::string(domain::chain_table_name(checked.table));
    table.rows = checked.rows;
    table.head = hash_text(checked.head.hash);
    table.ok = checked.fault.empty();
    if (!table.ok) table.fault = checked.fault;
    into.tables.push_back(std::move(table));
  }
  into.anchors += report->anchors;
  into.ok = into.ok && report->ok();
}

}  // namespace

Answer verify(Request& request) {
  api::VerifyReport report;
  if (const auto named = request.asked("org")) {
    auto at = find_org(request, *named);
    if (!at) co_return std::unexpected(at.error());
    co_await verify_one(request, at->tenant, at->org().slug, report);
    co_return reply(report);
  }
  for (const auto& tenant : visible_tenants(request)) {
    const std::string slug = tenant->snapshot()->config().org.slug;
    co_await verify_one(request, tenant, slug, report);
  }
  for (const auto& slug : request.registry.quarantined()) {
    report.ok = false;
    api::VerifyTable table;
    table.org = slug;
    table.table = "file";
    table.ok = false;
    table.fault = "the file cannot be read; the org is out of service";
    report.tables.push_back(std::move(table));
  }
  co_await verify_one(request, nullptr, std::string(platform_name), report);
  co_return reply(report);
}

}  // namespace govctl::control
