#pragma once
// Names to addresses, for one io_context and on its thread. The asking of the system is done by Asio's resolver
// thread, once for all who wait for the same name, and an answer is kept for a few seconds.

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/steady_timer.hpp>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "common/error.h"

namespace govctl::http {

namespace asio = boost::asio;

class Resolver {
 public:
  explicit Resolver(asio::io_context& context) : context_(context) {}

  // `patience` is set to the time until which to wait; cancelling it abandons the wait. timeout, or
  // upstream_failed when the name has no address. The Resolver outlives the await.
  asio::awaitable<Result<std::vector<asio::ip::address>>> resolve(std::string host,
                                                                  asio::steady_timer& patience);

 private:
  struct Lookup;
  asio::io_context& context_;
  std::map<std::string, std::shared_ptr<Lookup>, std::less<>> lookups_;
};

}  // namespace govctl::http
