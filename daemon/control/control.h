#pragma once
// The administrators' front: control API of 40-control-api.md over the Unix socket. One table of routes, one
// file per resource; who is asking and whether they may is decided here before any handler runs.

#include <boost/asio/awaitable.hpp>
#include <functional>
#include <memory>
#include <string>

#include "daemon/calls/calls.h"
#include "daemon/http/server.h"
#include "daemon/tenant/registry.h"

namespace govctl::control {

namespace asio = boost::asio;

// Of any route: an org or the price table as one document.
constexpr std::size_t largest_body = std::size_t{16} << 20;

struct ControlOptions {
  uid_t owner_uid = 0;  // the daemon's own: the local owner, with root
  bool system = false;  // a system daemon: members of `admin_gid` are local administrators
  gid_t admin_gid = static_cast<gid_t>(-1);
  std::string state_dir, keys_dir;
  std::function<std::string()> gateway_url;  // "http://127.0.0.1:4683"
  std::int64_t started_steady = 0;           // micros
  calls::Calls* calls = nullptr;             // null where no calls are made
};

class Control {
 public:
  Control(ControlOptions options, tenant::Registry& registry);
  ~Control();
  // http::Handler of the control socket.
  asio::awaitable<void> handle(http::Exchange& exchange);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace govctl::control
