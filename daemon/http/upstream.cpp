// Upstream::parse: a provider row's base URL.

#include <algorithm>
#include <boost/asio/ip/address.hpp>
#include <charconv>

#include "daemon/http/address.h"
#include "daemon/http/client.h"

namespace govctl::http {

namespace {

bool is_host_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
         c == '_';
}

bool is_local_name(std::string_view host) { return host == "localhost" || host.ends_with(".localhost"); }

}  // namespace

Result<Upstream> Upstream::parse(std::string_view base_url, bool allow_private) {
  const auto refuse = [](std::string_view why) {
    return fail(Code::invalid, "the base URL " + std::string(why) + "; it is https://host[:port][/path]");
  };
  Upstream upstream;
  upstream.allow_private = allow_private;
  const std::size_t scheme_end = base_url.find("://");
  if (scheme_end == std::string_view::npos) return refuse("has no scheme");
  std::string scheme(base_url.substr(0, scheme_end));
  std::ranges::transform(scheme, scheme.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  if (scheme != "https" && scheme != "http") return refuse("is neither https nor http");
  upstream.tls = scheme == "https";
  upstream.port = upstream.tls ? 443 : 80;

  std::string_view rest = base_url.substr(scheme_end + 3);
  // No text of the URL goes into the message: a password may stand in it.
  if (rest.find('@') != std::string_view::npos) return refuse("may not hold a user or password");
  if (rest.find_first_of("?#") != std::string_view::npos) return refuse("may not hold a query or fragment");
  if (std::ranges::any_of(rest, [](char c) { return c <= ' ' || c >= 0x7f || c == '\\'; })) {
    return refuse("holds a character that no URL may have");
  }
  const std::size_t slash = rest.find('/');
  std::string_view authority = rest.substr(0, slash);
  std::string_view path = slash == std::string_view::npos ? std::string_view{} : rest.substr(slash);
  while (path.ends_with('/')) path.remove_suffix(1);
  upstream.base_path = path;

  std::string_view port;
  boost::system::error_code not_literal;
  asio::ip::address literal;
  if (authority.starts_with('[')) {
    const std::size_t close = authority.find(']');
    if (close == std::string_view::npos) return refuse("holds a broken IPv6 address");
    upstream.host = authority.substr(1, close - 1);
    port = authority.substr(close + 1);
    literal = asio::ip::make_address_v6(upstream.host, not_literal);
    if (not_literal) return refuse("holds a broken IPv6 address");
  } else {
    const std::size_t colon = authority.find(':');
    upstream.host = authority.substr(0, colon);
    std::ranges::transform(upstream.host, upstream.host.begin(),
                           [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    port = colon == std::string_view::npos ? std::string_view{} : authority.substr(colon);
    if (upstream.host.empty() || upstream.host.size() > 253 ||
        !std::ranges::all_of(upstream.host, is_host_character)) {
      return refuse("has no valid host");
    }
    literal = asio::ip::make_address_v4(upstream.host, not_literal);
  }
  if (!port.empty()) {
    const char* const end = port.data() + port.size();
    const auto [stop, error] = std::from_chars(port.data() + 1, end, upstream.port);
    if (port[0] != ':' || error != std::errc{} || stop != end || upstream.port == 0)
      return refuse("has no valid port");
  }

  const bool named = not_literal.failed();
  if (!named && !may_dial(literal, upstream.tls, allow_private)) {
    return fail(Code::invalid,
                "the base URL's address is not allowed: private addresses, and plain http beyond this machine, "
                "need allow_private");
  }
  if (named && !upstream.tls && !allow_private && !is_local_name(upstream.host)) {
    return fail(Code::invalid, "plain http is for this machine only; use https, or set allow_private");
  }
  return upstream;
}

}  // namespace govctl::http
