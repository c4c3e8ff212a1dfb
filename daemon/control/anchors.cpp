// Anchors on request: for those who keep them where the daemon's own key is of no use.

#include "common/api/ledger.h"
#include "daemon/control/handlers.h"
#include "daemon/control/present.h"
#include "daemon/control/resolve.h"

namespace govctl::control {
namespace {

Answer anchor(Request& request, std::shared_ptr<tenant::Tenant> tenant) {
  auto anchors = co_await request.registry.anchor(std::move(tenant), request.dry_run);
  if (!anchors) co_return std::unexpected(anchors.error());
  api::List<api::Anchor> list;
  for (const auto& each : *anchors) {
    list.items.push_back({each.org.text(), std::string(domain::chain_table_name(each.table)), each.seq,
                          hash_text(each.hash), each.sum, rfc3339(each.created_at),
                          fmt::format("{:02x}", fmt::join(each.signature, ""))});
  }
  list.total = static_cast<std::int64_t>(list.items.size());
  co_return reply(list);
}

}  // namespace

Answer anchor_org(Request& request) {
  auto at = find_org(request, request.parameter(0));
  if (!at) co_return std::unexpected(at.error());
  co_return co_await anchor(request, at->tenant);
}

Answer anchor_platform(Request& request) { co_return co_await anchor(request, nullptr); }

}  // namespace govctl::control
