#include "daemon/http/proxy.h"

#include <algorithm>

#include "daemon/http/client.h"

namespace govctl::http {

Result<Proxy> parse_proxy(std::string_view url) {
  if (url.contains('@')) {
    return fail(Code::invalid,
                "the proxy may not hold a user or password: rows of providers are shown to many");
  }
  // Where a proxy stands is its administrator's choice, private networks included.
  const auto parsed = Upstream::parse(url, true);
  if (!parsed || parsed->tls || !parsed->base_path.empty()) {
    return fail(Code::invalid, "the proxy must be http://host[:port]");
  }
  return Proxy{parsed->host, parsed->port};
}

bool without_proxy(std::string_view list, std::string_view host) {
  while (!list.empty()) {
    const std::size_t comma = std::min(list.find(','), list.size());
    std::string name(list.substr(0, comma));
    list.remove_prefix(std::min(comma + 1, list.size()));
    std::erase_if(name, [](char c) { return c == ' ' || c == '[' || c == ']'; });
    std::ranges::transform(name, name.begin(),
                           [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
    if (name == "*") return true;
    if (name.starts_with('.')) name.erase(0, 1);
    if (name.empty()) continue;
    if (host == name) return true;
    const bool below = host.ends_with(name) && host[host.size() - name.size() - 1] == '.';
    const bool address = name.find_first_not_of("0123456789.") == std::string::npos;
    if (below && !address) return true;
  }
  return false;
}

}  // namespace govctl::http
