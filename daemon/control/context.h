#pragma once
// What a handler gets and gives. A Request lives in the frame of Control::handle for as long as its handler
// runs.

#include <boost/asio/awaitable.hpp>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/api/fields.h"
#include "common/clock.h"
#include "daemon/control/control.h"
#include "daemon/http/router.h"
#include "daemon/identity/principal.h"

namespace govctl::control {

using api::Json;
using identity::Permission;
using identity::Principal;

struct Route;

struct Reply {
  int status = 200;
  std::string body;
  std::string content_type = "application/json";
  bool sent = false;  // the handler wrote its own answer to the exchange
};
using Answer = asio::awaitable<Result<Reply>>;

// The JSON as a body; bytes that are no UTF-8 (from a percent-encoded path) are replaced, not thrown over.
std::string json_text(const Json& json);

template <class T>
Reply reply(const T& value, int status = 200) {
  Reply made;
  made.status = status;
  made.body = json_text(api::encode(value));
  return made;
}
template <class T>
Reply created(const T& value) {
  return reply(value, 201);
}

struct Request {
  tenant::Registry& registry;
  const ControlOptions& options;
  http::Exchange& exchange;
  const Route& route;
  Principal principal;
  RequestId id;
  std::string correlation_id;
  std::vector<std::string> parameters;  // decoded, in the pattern's order
  std::vector<http::QueryParameter> query;
  std::string body;
  bool dry_run = false;
  std::optional<std::int64_t> if_match;  // the version that the caller saw
  std::string idempotency_key;           // from the header
  Timestamp now;

  [[nodiscard]] const std::string& parameter(std::size_t index) const { return parameters.at(index); }
  // The query parameter's value, or nothing when it is absent or empty.
  [[nodiscard]] std::optional<std::string> asked(std::string_view name) const;
  [[nodiscard]] const Clock& clock() const { return *registry.services().clock; }

  // The body, read strictly: unknown and duplicate fields and wrong types are refused. No body is an empty
  // object.
  template <class T>
  [[nodiscard]] Result<T> decoded() const {
    auto json = api::parse_strict(body.empty() ? std::string_view("{}") : std::string_view(body));
    if (!json) return std::unexpected(json.error());
    return api::decode<T>(*json);
  }
};

// Runs on a query_only connection in the pool: as Work does, it owns what it uses.
template <class T>
using Query = std::move_only_function<Result<T>(store::Connection&)>;

// x-request-id, x-govd-api and the type; what every answer has.
http::Headers answer_headers(const Request& request, std::string_view content_type);

// --- query parameters that many routes take
// ---------------------------------------------------------------------------- since and until: RFC 3339, or a
// duration that means that long ago.
Result<Timestamp> parse_instant(std::string_view name, std::string_view text, Timestamp now);
Result<store::Window> window_of(const Request& request);
// limit: 1 to 1000; 100 when absent.
Result<std::int64_t> limit_of(const Request& request);

}  // namespace govctl::control
