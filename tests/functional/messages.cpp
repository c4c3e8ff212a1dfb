// The Anthropic dialect at a provider that speaks it: bytes pass, and every end a call can come to is said so
// that Anthropic's clients understand it.

#include <sys/socket.h>

#include <catch2/catch.hpp>
#include <thread>

#include "tests/functional/harness/dialects.h"

using namespace govctl::test;

namespace {

std::string error_type(const Answer& answer) { return answer.json()["error"]["type"]; }
std::string error_text(const Answer& answer) { return answer.json()["error"]["message"]; }

}  // namespace

TEST_CASE("a messages call passes as it is, and is charged exactly", "[messages]") {
  Dialects d;
  const std::string said = message(234, 1000, 56).dump(1);
  d.upstream.on("m", [&](Reply& reply) {
    reply.raw("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: " +
              std::to_string(said.size()) + "\r\n\r\n" + said);
  });
  const Answer answer = d.post("/v1/messages?beta=true", messages_request("anthropic-like/m"),
                               {{"anthropic-version", "2023-06-01"},
                                {"anthropic-beta", "a,b"},
                                {"x-claude-code-session-id", "s-1"},
                                {"x-claude-code-agent-id", "a-1"},
                                {"Cookie", "secret=1"}});
  REQUIRE(answer.status == 200);
  CHECK(answer.body == said);
  CHECK(answer.header("request-id") == answer.header("x-request-id"));
  const Seen seen = d.upstream.last();
  CHECK(seen.target == "/v1/messages");
  CHECK(find_header(seen.headers, "anthropic-beta") == "a,b");
  CHECK(find_header(seen.headers, "anthropic-version") == "2023-06-01");
  CHECK_FALSE(find_header(seen.headers, "cookie"));
  for (const auto& [name, value] : seen.headers) CHECK(value.find("cpk_") == std::string::npos);
  Json expected = messages_request("m");
  CHECK(Json::parse(seen.body) == expected);
  // 234 + 56 at a credit, 1,000 cached at a tenth of one
  const Json event = d.event_of(answer);
  CHECK(event["credits_charged"] == 390);
  CHECK(event["cached_tokens"] == 1000);
  CHECK(event["session"] == "s-1");
  CHECK(event["tags"]["claude-code-agent-id"] == "a-1");
  d.books_balance(390);
}

TEST_CASE("a messages stream passes byte for byte, and its charge is written before message_stop",
          "[messages]") {
  Dialects d;
  d.upstream.on("m", [](Reply& reply) {
    begin_message(reply, 100, "Hello");
    reply.event("ping", {{"type", "ping"}});
    finish_message(reply, 20);
    stop_message(reply);
  });
  const Answer answer = d.stream("/v1/messages", messages_request("anthropic-like/m"));
  REQUIRE(answer.status == 200);
  std::vector<std::string> names;
  for (const auto& [name, data] : events_of(answer.body)) names.push_back(name);
  CHECK(names == std::vector<std::string>{"message_start", "content_block_start", "content_block_delta", "ping",
                                          "content_block_stop", "message_delta", "message_stop"});
  const Json event = d.event_of(answer);
  CHECK(event["status"] == "SUCCESS");
  CHECK(event["completion"] == "complete");
  CHECK(event["credits_charged"] == 120);
  CHECK(event["flags"].empty());
  d.books_balance(120);
}

TEST_CASE("a messages stream that lacks its message_stop, or its last blank line, is whole", "[messages]") {
  Dialects d;
  const bool unended = GENERATE(false, true);
  INFO(unended);
  d.upstream.on("m", [&](Reply& reply) {
    begin_message(reply, 100, "Hello");
    if (unended) {
      const std::string last =
          "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":"
          "\"end_turn\"},\"usage\":{\"output_tokens\":20}}";
      char size[16];
      std::snprintf(size, sizeof size, "%zx", last.size());
      reply.raw(std::string(size) + "\r\n" + last + "\r\n");
    } else {
      finish_message(reply, 20);
    }
    reply.end_stream();
  });
  const Answer answer = d.stream("/v1/messages", messages_request("anthropic-like/m"));
  CHECK(events_of(answer.body).back().first == "message_stop");
  CHECK(d.event_of(answer)["credits_charged"] == 120);
  d.books_balance(120);
}

TEST_CASE("a messages stream whose provider breaks off ends with an error and no message_stop", "[messages]") {
  Dialects d;
  d.upstream.on("m", [](Reply& reply) {
    begin_message(reply, 100, "the first half");
    reply.close = true;
  });
  const Answer answer = d.stream("/v1/messages", messages_request("anthropic-like/m"));
  const auto events = events_of(answer.body);
  CHECK(events.back().first == "error");
  CHECK(events.back().second["type"] == "error");
  CHECK(events.back().second["error"]["type"] == "api_error");
  CHECK(events.back().second["request_id"] == answer.header("request-id"));
  CHECK(answer.body.find("message_stop") == std::string::npos);
  const Json event = d.event_of(answer);
  CHECK(event["status"] == "ERROR");
  CHECK(event["cause"] == "upstream_failed");
  CHECK(event["completion"] == "error");
  // 100 went in as reported, 14 bytes came out: about 4 tokens.
  CHECK(event["credits_charged"] == 104);
  CHECK(event["flags"] == Json::parse(R"(["estimated"])"));
  d.books_balance(104);
}

TEST_CASE("an error event of the provider's is the stream's last", "[messages]") {
  Dialects d;
  d.upstream.on("m", [](Reply& reply) {
    begin_message(reply, 100, "half");
    reply.event("error",
                {{"type", "error"}, {"error", {{"type", "overloaded_error"}, {"message", "Overloaded"}}}});
    reply.end_stream();
  });
  const Answer answer = d.stream("/v1/messages", messages_request("anthropic-like/m"));
  const auto events = events_of(answer.body);
  CHECK(events.back().second["error"]["type"] == "overloaded_error");
  CHECK(std::ranges::count(events, "error", [](const auto& event) { return event.first; }) == 1);
  CHECK(d.event_of(answer)["cause"] == "upstream_error");
}

TEST_CASE("an error body of Anthropic's passes unchanged, but for its word on our credential", "[messages]") {
  Dialects d;
  const Json overloaded{{"type", "error"},
                        {"error", {{"type", "overloaded_error"}, {"message", "Overloaded"}}}};
  d.upstream.on("m", [&](Reply& reply) { reply.json(529, overloaded, {{"retry-after", "7"}}); });
  Answer answer = d.post("/v1/messages", messages_request("anthropic-like/m"));
  CHECK(answer.status == 529);
  CHECK(answer.json() == overloaded);
  CHECK(answer.header("retry-after") == "7");
  d.upstream.on("m", [&](Reply& reply) { reply.json(401, overloaded); });
  answer = d.post("/v1/messages", messages_request("anthropic-like/m"));
  CHECK(answer.status == 502);
  CHECK(error_type(answer) == "api_error");
  CHECK(error_text(answer).find("credential") != std::string::npos);
  d.books_balance(0);
}

TEST_CASE("refusals of a messages call are Anthropic's errors", "[messages]") {
  Dialects d;
  const auto check = [&](const Answer& answer, int status, const std::string& type) {
    INFO(answer.body);
    CHECK(answer.status == status);
    CHECK(answer.json()["type"] == "error");
    CHECK(error_type(answer) == type);
    CHECK(answer.json()["request_id"] == answer.header("request-id"));
    CHECK(answer.header("content-type") == "application/json");
  };
  Answer answer = http(d.daemon.gateway(), "POST", "/v1/messages", "{}", {{"x-api-key", "cpk_wrong"}});
  check(answer, 401, "authentication_error");
  CHECK(answer.header("x-should-retry") == "false");
  answer = d.post("/v1/messages", {{"model", "anthropic-like/m"}});
  check(answer, 400, "invalid_request_error");
  answer = d.post("/v1/messages", messages_request("anthropic-like/unpriced"));
  check(answer, 400, "invalid_request_error");
  CHECK(error_text(answer).find("govctl pricing set anthropic-like unpriced") != std::string::npos);
  CHECK(answer.header("x-should-retry") == "false");

  d.daemon.policy("acme", {{"deny_models", {"anthropic-like/m"}}, {"clamp", false}});
  answer = d.post("/v1/messages", messages_request("anthropic-like/m"));
  check(answer, 400, "invalid_request_error");
  CHECK(error_text(answer).find("govctl explain req_") != std::string::npos);

  d.daemon.budget("acme/prod", 10, {{"period", "DAILY"}});
  answer = d.post("/v1/messages", messages_request("fake/m"));
  check(answer, 429, "billing_error");
  CHECK(answer.header("x-should-retry") == "false");
  CHECK(std::stoi(answer.header("retry-after")) > 0);
  CHECK(std::stoi(answer.header("retry-after")) <= 86'401);
  CHECK(error_text(answer).find("acme/prod") != std::string::npos);

  d.daemon.policy(Shop::agent, {{"rpm", 1}});
  const std::string id = d.daemon.get("/budgets")["items"][0]["id"];
  d.daemon.expect(200, "PATCH", "/budgets/" + id, {{"limit", 100'000}});
  CHECK(d.post("/v1/messages", messages_request("fake/m")).status == 200);
  answer = d.post("/v1/messages", messages_request("fake/m"));
  check(answer, 429, "rate_limit_error");
  CHECK(std::stoi(answer.header("retry-after")) <= 60);
  CHECK_FALSE(answer.has("x-should-retry"));

  d.daemon.expect(200, "PATCH", "/orgs/acme", {{"active", false}});
  check(d.post("/v1/messages", messages_request("fake/m")), 403, "permission_error");
}

TEST_CASE("a provider that cannot be reached is 502 to an Anthropic client too", "[messages]") {
  Dialects d;
  d.daemon.provider("gone", "http://127.0.0.1:1/v1", {{"kind", "anthropic"}});
  d.price("gone");
  const Answer answer = d.post("/v1/messages", messages_request("gone/m"));
  CHECK(answer.status == 502);
  CHECK(error_type(answer) == "api_error");
  d.books_balance(0);
}

TEST_CASE("a provider that is silent in mid-stream is covered by pings", "[messages]") {
  Dialects d({.flags = {"--ping-after", "50"}});
  d.upstream.on("m", [](Reply& reply) {
    if (reply.seen.target.ends_with("/messages")) {
      begin_message(reply, 100, "Hello");
      std::this_thread::sleep_for(400ms);
      finish_message(reply, 20);
      stop_message(reply);
    } else {
      reply.begin_stream();
      reply.text("Hello");
      std::this_thread::sleep_for(400ms);
      reply.text(" again");
      reply.event("[DONE]");
      reply.end_stream();
    }
  });
  const Answer messages = d.stream("/v1/messages", messages_request("anthropic-like/m"));
  CHECK(messages.body.find("event: ping\n") != std::string::npos);
  CHECK(events_of(messages.body).back().first == "message_stop");
  const Answer chat = d.stream("/v1/chat/completions", request("fake/m"));
  CHECK(chat.body.find(": ping\n\n") != std::string::npos);
  CHECK(chat.body.ends_with("data: [DONE]\n\n"));
  CHECK(d.event_of(messages)["credits_charged"] == 120);
}

TEST_CASE("tokens are counted by the provider that can, else estimated, and cost nothing", "[messages]") {
  Dialects d;
  d.daemon.budget("acme", 1);
  d.upstream.on("m", [](Reply& reply) { reply.json(200, {{"input_tokens", 4711}}); });
  Json asked = messages_request("anthropic-like/m");
  asked.erase("max_tokens");
  Answer answer = d.post("/v1/messages/count_tokens?beta=true", asked, {{"anthropic-beta", "a"}});
  REQUIRE(answer.status == 200);
  CHECK(answer.json()["input_tokens"] == 4711);
  CHECK(d.upstream.last().target == "/v1/messages/count_tokens");
  CHECK(find_header(d.upstream.last().headers, "anthropic-beta") == "a");
  CHECK(Json::parse(d.upstream.last().body)["model"] == "m");
  const std::size_t calls = d.upstream.calls();
  asked["model"] = "fake/m";
  answer = d.post("/v1/messages/count_tokens", asked);
  REQUIRE(answer.status == 200);
  CHECK(answer.json()["input_tokens"] > 5);
  CHECK(d.upstream.calls() == calls);
  CHECK(d.daemon.events("acme").empty());
  d.books_balance(0);
}

TEST_CASE("the terminal event waits until the charge is on disk", "[messages]") {
  Dialects d(Options{.flags = {}, .slow_disk = true});
  const std::string path = GENERATE("/v1/messages", "/v1/responses", "/v1/chat/completions");
  INFO(path);
  const std::string terminal = path == "/v1/messages"    ? "message_stop"
                               : path == "/v1/responses" ? "response.completed"
                                                         : "[DONE]";
  Gate gate;
  d.upstream.on("m", [&](Reply& reply) {
    if (reply.seen.target.ends_with("/messages")) {
      begin_message(reply, 100, "Hello");
      gate.wait();
      finish_message(reply, 20);
      stop_message(reply);
    } else if (reply.seen.target.ends_with("/responses")) {
      begin_response(reply, "Hello");
      gate.wait();
      end_response(reply, "completed", 100, 20);
    } else {
      reply.begin_stream();
      reply.text("Hello");
      gate.wait();
      reply.event("[DONE]");
      reply.end_stream();
    }
  });
  Json asked = messages_request("anthropic-like/m");
  if (path == "/v1/responses") asked = responses_request("responses-like/m");
  if (path == "/v1/chat/completions") asked = request("fake/m");
  asked["stream"] = true;
  HttpClient client(d.daemon.gateway());
  client.send("POST", path, asked.dump(), {{"x-api-key", d.shop.key.secret}});
  REQUIRE(client.head().status == 200);
  std::string got;
  while (got.find("Hello") == std::string::npos) got += client.piece();

  d.daemon.hold_disk();
  gate.open();
  std::this_thread::sleep_for(300ms);
  std::string waiting(65536, '\0');
  const auto size = ::recv(client.socket().fd(), waiting.data(), waiting.size(), MSG_PEEK | MSG_DONTWAIT);
  waiting.resize(static_cast<std::size_t>(std::max<ssize_t>(size, 0)));
  CHECK(waiting.find(terminal) == std::string::npos);
  d.daemon.let_disk_go();
  for (std::string piece = client.piece(); !piece.empty(); piece = client.piece()) got += piece;
  CHECK(got.find(terminal) != std::string::npos);
}
