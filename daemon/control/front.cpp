#include "daemon/control/front.h"

#include <algorithm>
#include <charconv>

#include "common/nearest.h"
#include "daemon/control/checks.h"

namespace govctl::control {
namespace {

std::string lower(std::string_view text) {
  std::string made(text);
  std::ranges::transform(made, made.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return made;
}

// "govd" and "localhost", with any port.
bool own_host(std::string_view host) {
  const std::string name = lower(host.substr(0, host.find(':')));
  return name == "govd" || name == "localhost";
}

// "http://localhost:1/x": its host. Empty when there is none, as in "null".
std::string_view host_of(std::string_view url) {
  const std::size_t scheme = url.find("://");
  if (scheme == std::string_view::npos) return {};
  url.remove_prefix(scheme + 3);
  return url.substr(0, url.find_first_of("/?#"));
}

Result<bool> read_flag(std::string_view name, std::string_view value) {
  if (value == "1" || value == "true") return true;
  if (value == "0" || value == "false") return false;
  return fail(Code::invalid, fmt::format("'{}' must be 1 or 0", name));
}

// "3" with or without quotes.
Result<std::int64_t> read_version(std::string_view text) {
  if (text.size() >= 2 && text.starts_with('"') && text.ends_with('"')) text = text.substr(1, text.size() - 2);
  std::int64_t version = 0;
  const auto [stop, fault] = std::from_chars(text.data(), text.data() + text.size(), version);
  if (fault != std::errc{} || stop != text.data() + text.size() || version < 0) {
    return fail(Code::invalid, "If-Match must be a version as the object shows it, such as \"3\"");
  }
  return version;
}

Result<std::string> read_label(const http::Exchange& exchange, std::string_view name) {
  const std::string_view value = exchange.header(name);
  const bool plain = std::ranges::all_of(value, [](char c) { return c >= ' ' && c <= '~'; });
  if (value.size() > 200 || !plain) {
    return fail(Code::invalid, fmt::format("{} must be at most 200 printable ASCII characters", name));
  }
  return std::string(value);
}

}  // namespace

Result<void> check_origin(const http::Exchange& exchange) {
  if (!own_host(exchange.header("host"))) {
    return fail(Code::forbidden, "the Host must be govd or localhost");
  }
  for (const std::string_view name : {"origin", "referer"}) {
    const std::string_view value = exchange.header(name);
    if (!value.empty() && !own_host(host_of(value))) {
      return fail(Code::forbidden, fmt::format("requests from other sites are refused ({})", name));
    }
  }
  return {};
}

Result<Principal> principal_of(const http::Exchange& exchange, const ControlOptions& options) {
  if (!exchange.header("authorization").empty()) {
    return fail(
        Code::unauthenticated,
        "this daemon knows no tokens or sessions: leave the Authorization header out, the socket's peer is "
        "who asks");
  }
  const auto& peer = exchange.peer();
  if (!peer.local) return fail(Code::unauthenticated, "only the Unix socket's peers are known");
  return identity::local_principal({options.owner_uid, options.system, options.admin_gid}, peer.uid, peer.gid);
}

std::string_view without_prefix(std::string_view path) {
  constexpr std::string_view prefix = "/api";
  if (path.starts_with("/api/")) path.remove_prefix(prefix.size());
  return path;
}

Error no_route(std::string_view method, std::string_view path) {
  std::vector<std::string_view> patterns;
  patterns.reserve(routes().size());
  for (const auto& route : routes()) patterns.push_back(route.pattern);
  std::string_view near = nearest(path, patterns);
  if (near.empty()) {
    // Else by the first segment: "/org/acme" means "/orgs/{org}".
    std::vector<std::string_view> heads;
    heads.reserve(patterns.size());
    for (const auto& pattern : patterns) heads.push_back(pattern.substr(0, pattern.find('/', 1)));
    near = nearest(path.substr(0, path.find('/', 1)), heads);
  }
  std::string shown(path.substr(0, 200));
  return {Code::not_found,
          near.empty() ? fmt::format("there is no route {} {}", method, shown)
                       : fmt::format("there is no route {} {}; did you mean {}?", method, shown, near),
          "", ""};
}

Result<void> read_head(Request& request) {
  auto query = http::parse_query(request.exchange.query());
  if (!query) return std::unexpected(query.error());
  request.query = std::move(*query);
  for (const auto& parameter : request.query) {
    if (!request.route.takes(parameter.name)) {
      return fail(Code::invalid,
                  fmt::format("this route takes no query parameter '{}'", parameter.name.substr(0, 64)));
    }
    if (parameter.name == "dry_run") {
      auto flag = read_flag("dry_run", parameter.value);
      if (!flag) return std::unexpected(flag.error());
      request.dry_run = *flag;
    }
  }
  if (const auto match = request.exchange.header("if-match"); !match.empty()) {
    if (request.route.shape != Shape::versioned) {
      return fail(Code::invalid, "what this route answers has no version: leave If-Match out");
    }
    auto version = read_version(match);
    if (!version) return std::unexpected(version.error());
    request.if_match = *version;
  }
  auto key = read_label(request.exchange, "idempotency-key");
  if (!key) return std::unexpected(key.error());
  request.idempotency_key = std::move(*key);
  auto correlation = read_label(request.exchange, "x-correlation-id");
  if (!correlation) return std::unexpected(correlation.error());
  request.correlation_id = std::move(*correlation);
  return {};
}

asio::awaitable<Result<void>> read_body(Request& request) {
  const std::size_t body_limit = request.route.largest_body;
  const Error too_large{Code::too_large, fmt::format("the body is larger than {} MiB", body_limit >> 20), "",
                        ""};
  const std::string_view announced = request.exchange.header("content-length");
  std::size_t length = 0;
  std::from_chars(announced.data(), announced.data() + announced.size(), length);
  if (length > body_limit) co_return std::unexpected(too_large);
  auto body = co_await request.exchange.body();
  if (!body) co_return std::unexpected(body.error());
  if (body->size() > body_limit) co_return std::unexpected(too_large);
  if (request.route.body == nullptr && !body->empty() && *body != "{}") {
    co_return fail(Code::invalid, "this route takes no body");
  }
  request.body = std::move(*body);
  co_return Result<void>{};
}

}  // namespace govctl::control
