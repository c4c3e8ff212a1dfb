#pragma once
// What is decided before any handler runs: whether the request may come from where it comes, and what its head
// asks.

#include <optional>
#include <string>
#include <string_view>

#include "daemon/control/context.h"
#include "daemon/control/routes.h"

namespace govctl::control {

// forbidden: a Host, Origin or Referer that is not the daemon's own, as a web page's or a rebound name's would
// be.
Result<void> check_origin(const http::Exchange& exchange);
// Whom the kernel says is there. unauthenticated: nobody that this daemon knows, or a token, of which there are
// none yet.
Result<Principal> principal_of(const http::Exchange& exchange, const ControlOptions& options);
// "/api/orgs" is "/orgs".
std::string_view without_prefix(std::string_view path);
// The error for a path that is no route, naming the nearest that is.
Error no_route(std::string_view method, std::string_view path);

// Fills in the request's query, dry_run, If-Match, idempotency key and correlation id from its head.
Result<void> read_head(Request& request);
// Reads the body, at most 1 MiB of it.
asio::awaitable<Result<void>> read_body(Request& request);

}  // namespace govctl::control
