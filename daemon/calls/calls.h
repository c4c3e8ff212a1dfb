#pragma once
// One agent call, top to bottom (10-architecture.md "One call, as data"): authenticate, read, route, reserve,
// send, relay, settle, finish. Runs on the exchange's thread.

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <memory>
#include <vector>

#include "daemon/http/client.h"
#include "daemon/http/server.h"
#include "daemon/tenant/registry.h"

namespace govctl::calls {

namespace asio = boost::asio;

class Calls {
 public:
  // One upstream client for each context; all outlive this.
  Calls(tenant::Registry& registry, const std::vector<asio::io_context*>& contexts);
  ~Calls();

  // POST /v1/chat/completions
  asio::awaitable<void> chat(http::Exchange& exchange);
  // The key of a request, or who it is not: for routes that answer from memory.
  [[nodiscard]] Result<tenant::Caller> authenticate(const http::Exchange& exchange) const;

 private:
  class Upstreams;
  Upstreams& upstreams(const http::Exchange& exchange);
  tenant::Registry& registry_;
  std::vector<std::unique_ptr<Upstreams>> upstreams_;  // one a context
};

}  // namespace govctl::calls
