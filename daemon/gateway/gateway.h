#pragma once
// The agents' front: the routes of 20-gateway.md over calls/.

#include <boost/asio/awaitable.hpp>
#include <memory>

#include "daemon/calls/calls.h"
#include "daemon/http/router.h"

namespace govctl::gateway {

namespace asio = boost::asio;

class Gateway {
 public:
  Gateway(calls::Calls& calls, tenant::Registry& registry);
  // http::Handler of the gateway's listeners.
  asio::awaitable<void> handle(http::Exchange& exchange);

 private:
  [[nodiscard]] http::Response models(const http::Exchange& exchange,
                                      const std::vector<std::string>& parameters) const;
  calls::Calls& calls_;
  tenant::Registry& registry_;
  http::Router router_;
};

}  // namespace govctl::gateway
