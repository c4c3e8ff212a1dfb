#pragma once
// GET /metrics over TCP, where the daemon is told to serve it there. No key is asked for: loopback only.

#include <boost/asio/awaitable.hpp>

#include "daemon/http/server.h"
#include "daemon/tenant/registry.h"

namespace govctl::gateway {

namespace asio = boost::asio;

asio::awaitable<void> serve_metrics(http::Exchange& exchange, const tenant::Registry& registry);

}  // namespace govctl::gateway
