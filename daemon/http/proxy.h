#pragma once
// A proxy between this machine and an upstream: https goes through a tunnel (CONNECT, RFC 9110 9.3.6) and stays
// between here and the upstream, http is asked for by its whole URL (RFC 9112 3.2.2).

#include <cstdint>
#include <string>
#include <string_view>

#include "common/error.h"

namespace govctl::http {

struct Proxy {
  std::string host;  // empty: none
  std::uint16_t port = 0;
  [[nodiscard]] bool is_set() const { return !host.empty(); }
  auto operator<=>(const Proxy&) const = default;
};

// http://host[:port]. A user or password is refused: rows are shown and audited.
Result<Proxy> parse_proxy(std::string_view url);

// Whether a list, separated by commas, says that `host` (lower case) is called without a proxy: a name stands
// for itself and all below it, with or without a leading dot; an address for itself; * for every host.
bool without_proxy(std::string_view list, std::string_view host);

}  // namespace govctl::http
