#pragma once
// Which addresses an upstream may have: no provider row makes the daemon knock at the inside of its network
// unless an administrator said so (20-gateway.md "Providers").

#include <boost/asio/ip/address.hpp>

namespace govctl::http {

namespace asio = boost::asio;

enum class Reach {
  loopback,  // this machine
  internet,
  inside,   // private, link-local, carrier-grade NAT, unique local, or IPv4 in IPv6's clothes
  nowhere,  // unspecified, multicast, broadcast, reserved: nothing is ever dialled there
};
Reach reach_of(const asio::ip::address& address);

// Whether it may be dialled: loopback and the internet always, the inside with `allow_private`; plain text only
// on loopback or with `allow_private`.
bool may_dial(const asio::ip::address& address, bool tls, bool allow_private);

}  // namespace govctl::http
