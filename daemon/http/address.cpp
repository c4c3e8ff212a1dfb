#include "daemon/http/address.h"

#include <algorithm>
#include <array>
#include <cstdint>

namespace govctl::http {

namespace {

struct Net4 {
  std::uint32_t start;
  int bits;
  Reach reach;
};
constexpr std::uint32_t v4(std::uint32_t a, std::uint32_t b, std::uint32_t c) {
  return a << 24 | b << 16 | c << 8;
}
// The IANA special-purpose registry for IPv4.
constexpr std::array nets4{
    Net4{v4(0, 0, 0), 8, Reach::nowhere},      // "this network": Linux takes it for loopback
    Net4{v4(10, 0, 0), 8, Reach::inside},      //
    Net4{v4(100, 64, 0), 10, Reach::inside},   // carrier-grade NAT
    Net4{v4(127, 0, 0), 8, Reach::loopback},   //
    Net4{v4(169, 254, 0), 16, Reach::inside},  // link-local, and clouds' metadata services
    Net4{v4(172, 16, 0), 12, Reach::inside},   //
    Net4{v4(192, 0, 0), 24, Reach::inside},    // protocol assignments
    Net4{v4(192, 168, 0), 16, Reach::inside},  //
    Net4{v4(198, 18, 0), 15, Reach::inside},   // benchmarks
    Net4{v4(224, 0, 0), 3, Reach::nowhere},    // multicast, reserved, broadcast
};

Reach reach_of_v4(std::uint32_t address) {
  const auto net = std::ranges::find_if(
      nets4, [address](const Net4& row) { return (address ^ row.start) >> (32 - row.bits) == 0; });
  return net == nets4.end() ? Reach::internet : net->reach;
}

// An address that carries an IPv4 address: where that one leads, but never better than the inside.
Reach reach_of_carried(const asio::ip::address_v6::bytes_type& bytes, std::size_t at) {
  std::uint32_t carried = 0;
  for (std::size_t i = 0; i < 4; ++i) carried = carried << 8 | bytes[at + i];
  return reach_of_v4(carried) == Reach::nowhere ? Reach::nowhere : Reach::inside;
}

Reach reach_of_v6(const asio::ip::address_v6& address) {
  if (address.is_loopback()) return Reach::loopback;
  if (address.is_unspecified() || address.is_multicast()) return Reach::nowhere;
  const auto bytes = address.to_bytes();
  const auto zero = [&bytes](std::size_t from, std::size_t to) {
    return std::all_of(bytes.begin() + static_cast<std::ptrdiff_t>(from),
                       bytes.begin() + static_cast<std::ptrdiff_t>(to),
                       [](unsigned char byte) { return byte == 0; });
  };
  if (address.is_v4_mapped() || zero(0, 12)) return reach_of_carried(bytes, 12);
  if (bytes[0] == 0x00 && bytes[1] == 0x64 && bytes[2] == 0xff && bytes[3] == 0x9b)
    return reach_of_carried(bytes, 12);
  if (bytes[0] == 0x20 && bytes[1] == 0x02) return reach_of_carried(bytes, 2);                       // 6to4
  if (bytes[0] == 0x20 && bytes[1] == 0x01 && bytes[2] == 0 && bytes[3] == 0) return Reach::inside;  // Teredo
  if ((bytes[0] & 0xfe) == 0xfc) return Reach::inside;                   // unique local
  if (bytes[0] == 0xfe && (bytes[1] & 0x80) != 0) return Reach::inside;  // link-local, site-local
  return (bytes[0] & 0xe0) == 0x20 ? Reach::internet : Reach::nowhere;   // global unicast is 2000::/3
}

}  // namespace

Reach reach_of(const asio::ip::address& address) {
  return address.is_v4() ? reach_of_v4(address.to_v4().to_uint()) : reach_of_v6(address.to_v6());
}

bool may_dial(const asio::ip::address& address, bool tls, bool allow_private) {
  switch (reach_of(address)) {
    case Reach::loopback:
      return true;
    case Reach::internet:
      return tls || allow_private;
    case Reach::inside:
      return allow_private;
    case Reach::nowhere:
      return false;
  }
  return false;
}

}  // namespace govctl::http
