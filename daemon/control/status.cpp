#include <unistd.h>

#include "common/api/platform.h"
#include "common/version.h"
#include "daemon/control/docs_page.h"
#include "daemon/control/handlers.h"
#include "daemon/control/openapi.h"
#include "daemon/store/catalog.h"

namespace govctl::control {

Answer get_health(Request& /*request*/) { co_return reply(Health{}); }

// The registry is loaded before anybody listens: who answers is ready. A quarantined org does not stop the
// others.
// Nor does a provider that keeps failing: it is named.
Answer get_ready(Request& request) {
  Readiness ready;
  if (request.options.calls != nullptr) ready.open_circuits = request.options.calls->traffic().open_circuits();
  co_return reply(ready);
}

Answer get_database_health(Request& request) {
  Query<std::vector<store::CatalogOrg>> query = store::list_orgs;
  auto orgs = co_await request.registry.read(std::move(query));
  if (!orgs) co_return std::unexpected(orgs.error());
  co_return reply(Health{});
}

Answer get_status(Request& request) {
  api::Status status;
  status.version = std::string(version);
  status.api_major = api_major;
  status.pid = getpid();
  status.uptime_s = (request.clock().steady_micros() - request.options.started_steady) / micros_per_second;
  if (request.options.gateway_url) status.gateway.url = request.options.gateway_url();
  status.orgs = static_cast<std::int64_t>(request.registry.tenants().size());
  status.inflight = static_cast<std::int64_t>(request.registry.inflight());
  status.quarantined = request.registry.quarantined();
  if (request.options.calls != nullptr) status.open_circuits = request.options.calls->traffic().open_circuits();
  status.state_dir = request.options.state_dir;
  status.keys_dir = request.options.keys_dir;
  status.sealed = request.registry.services().keyring->sealed();
  co_return reply(status);
}

Answer get_metrics(Request& request) {
  Reply made;
  made.body = request.registry.metrics_text();
  made.content_type = "text/plain; version=0.0.4; charset=utf-8";
  co_return made;
}

Answer get_openapi(Request& /*request*/) {
  Reply made;
  made.body = openapi_text();
  co_return made;
}

Answer get_docs(Request& /*request*/) {
  Reply made;
  made.body = std::string(docs_page);
  made.content_type = "text/html; charset=utf-8";
  co_return made;
}

}  // namespace govctl::control
