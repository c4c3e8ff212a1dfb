#include "daemon/control/control.h"

#include "common/version.h"
#include "daemon/control/front.h"
#include "daemon/telemetry/log.h"

namespace govctl::control {
namespace {

http::Headers headers_of(const RequestId& id, std::string_view content_type) {
  return {{"Content-Type", std::string(content_type)},
          {"X-Request-Id", id.text()},
          {"X-Govd-Api", std::to_string(api_major)},
          {"Cache-Control", "no-store"},
          {"X-Content-Type-Options", "nosniff"}};
}

Reply error_reply(const Error& error, const RequestId& id) {
  Json details;
  if (!error.details.empty()) details = Json::parse(error.details, nullptr, false);
  Json body = Json::object();
  body["code"] = facts(error.code).word;
  body["message"] = error.message;
  body["next"] = error.next.empty() ? Json() : Json(error.next);
  body["request_id"] = id.text();
  body["details"] = details.is_object() ? std::move(details) : Json();
  Reply made;
  made.status = facts(error.code).status;
  made.body = json_text(Json{{"error", std::move(body)}});
  return made;
}

// The methods that a 405 owes its reader.
std::string allowed(const Error& error) {
  const Json details = Json::parse(error.details, nullptr, false);
  std::string methods;
  if (!details.is_object() || !details.contains("allow")) return methods;
  for (const auto& method : details["allow"])
    methods += (methods.empty() ? "" : ", ") + method.get<std::string>();
  return methods;
}

}  // namespace

http::Headers answer_headers(const Request& request, std::string_view content_type) {
  return headers_of(request.id, content_type);
}

struct Control::State {
  ControlOptions options;
  tenant::Registry& registry;
  http::Router router;

  State(ControlOptions given, tenant::Registry& orgs) : options(std::move(given)), registry(orgs) {
    std::size_t index = 0;
    for (const auto& route : routes()) router.add(route.method, route.pattern, index++);
  }

  // Everything up to the handler's own answer; an Error is answered by the caller.
  Answer answer(http::Exchange& exchange, const RequestId& id) {
    if (auto ok = check_origin(exchange); !ok) co_return std::unexpected(ok.error());
    const std::string_view path = without_prefix(exchange.path());
    auto match = router.match(exchange.method(), path);
    const Route* route = match ? &routes()[match->index] : nullptr;
    // Nobody unknown learns which routes there are.
    Principal principal;
    if (route == nullptr || route->needs.permission != Permission::none) {
      auto known = principal_of(exchange, options);
      if (!known) co_return std::unexpected(known.error());
      principal = std::move(*known);
    }
    if (route == nullptr) {
      if (match.error().code != Code::not_found) co_return std::unexpected(match.error());
      co_return std::unexpected(no_route(exchange.method(), path));
    }
    if (!principal.permissions.has(route->needs.permission)) {
      const std::string_view word = identity::word_of(route->needs.permission);
      co_return fail(Code::forbidden, fmt::format("this needs the permission {}", word), "",
                     json_text(Json{{"permission", word}}));
    }
    Request request{.registry = registry,
                    .options = options,
                    .exchange = exchange,
                    .route = *route,
                    .principal = std::move(principal),
                    .id = id,
                    .correlation_id = {},
                    .parameters = std::move(match->parameters),
                    .query = {},
                    .body = {},
                    .dry_run = false,
                    .if_match = {},
                    .idempotency_key = {},
                    .now = registry.services().clock->now()};
    if (auto ok = read_head(request); !ok) co_return std::unexpected(ok.error());
    auto body = co_await read_body(request);
    if (!body) co_return std::unexpected(body.error());
    co_return co_await route->handler(request);
  }
};

Control::Control(ControlOptions options, tenant::Registry& registry)
    : state_(std::make_unique<State>(std::move(options), registry)) {}

Control::~Control() = default;

asio::awaitable<void> Control::handle(http::Exchange& exchange) {
  const Clock& clock = *state_->registry.services().clock;
  const std::int64_t began = clock.steady_micros();
  const RequestId id = RequestId::mint(clock.now().millis());
  Result<Reply> answer;
  try {
    answer = co_await state_->answer(exchange, id);
  } catch (const std::exception&) {
    // The text may hold what must not be told; the log says which request it was.
    answer = fail(Code::internal, "a fault inside the daemon", "govctl logs --request " + id.text());
  }
  Reply reply = answer ? std::move(*answer) : error_reply(answer.error(), id);
  const std::string id_text = id.text();
  const auto outcome = answer ? std::string_view("ok") : facts(answer.error().code).word;
  const std::int64_t took_ms = (clock.steady_micros() - began) / 1000;
  log::write(!answer && reply.status >= 500 ? log::LogLevel::error : log::LogLevel::debug, "control request",
             {{log::Field::request_id, id_text},
              {log::Field::status, reply.status},
              {log::Field::code, outcome},
              {log::Field::duration_ms, took_ms}});
  if (reply.sent) co_return;
  http::Response response;
  response.status = reply.status;
  response.headers = headers_of(id, reply.content_type);
  if (!answer && answer.error().code == Code::method_not_allowed) {
    response.headers.push_back({"Allow", allowed(answer.error())});
  }
  response.body = std::move(reply.body);
  auto sent = co_await exchange.respond(std::move(response));
  if (!sent) log::debug("the control client was gone", {{log::Field::request_id, id_text}});
}

}  // namespace govctl::control
