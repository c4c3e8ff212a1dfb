// Dialects at providers that speak another format: OpenAI chat stands between them.

#include <catch2/catch.hpp>

#include "tests/functional/harness/dialects.h"

using namespace govctl::test;

TEST_CASE("a messages call at an OpenAI provider, plain and streamed", "[translation]") {
  Dialects d;
  d.upstream.uses("m", {.prompt = 100, .completion = 20});
  Answer answer = d.post("/v1/messages", messages_request("fake/m"));
  INFO(answer.body);
  REQUIRE(answer.status == 200);
  CHECK(answer.json()["type"] == "message");
  CHECK(answer.json()["content"][0]["text"] == answer_text);
  CHECK(answer.json()["stop_reason"] == "end_turn");
  CHECK(answer.json()["usage"]["input_tokens"] == 100);
  CHECK(answer.json()["usage"]["output_tokens"] == 20);
  CHECK(d.upstream.last().target == "/v1/chat/completions");
  CHECK(Json::parse(d.upstream.last().body)["model"] == "m");
  CHECK(d.event_of(answer)["credits_charged"] == 120);

  answer = d.stream("/v1/messages", messages_request("fake/m"));
  REQUIRE(answer.status == 200);
  const auto events = events_of(answer.body);
  CHECK(events.front().first == "message_start");
  CHECK(events.back().first == "message_stop");
  std::string text;
  Json usage;
  for (const auto& [name, data] : events) {
    if (name == "content_block_delta") text += data["delta"]["text"].get<std::string>();
    if (name == "message_delta") usage = data["usage"];
  }
  CHECK(text == answer_text);
  CHECK(usage["output_tokens"] == 20);
  CHECK(Json::parse(d.upstream.last().body)["stream_options"]["include_usage"] == true);
  CHECK(d.event_of(answer)["credits_charged"] == 120);
  d.books_balance(240);
}

TEST_CASE("a chat call at an Anthropic provider, plain and streamed", "[translation]") {
  Dialects d;
  d.upstream.on("m", [](Reply& reply) {
    if (!reply.wants_stream()) return reply.json(200, message(100, 0, 20));
    begin_message(reply, 100, "Hello");
    finish_message(reply, 20);
    stop_message(reply);
  });
  const Answer answer = d.post("/v1/chat/completions", request("anthropic-like/m"));
  INFO(answer.body);
  REQUIRE(answer.status == 200);
  CHECK(answer.json()["choices"][0]["message"]["content"] == answer_text);
  CHECK(answer.json()["x_platform"]["credits_charged"] == 120);
  CHECK(Json::parse(d.upstream.last().body)["max_tokens"] == 64);

  Json asked = request("anthropic-like/m");
  asked["stream_options"] = {{"include_usage", true}};
  const Stream stream = d.daemon.chat_stream(d.shop.key.secret, asked);
  CHECK(stream.done);
  CHECK(stream.text == "Hello");
  CHECK(stream.usage()["completion_tokens"] == 20);
  CHECK(stream.chunks.back()["x_platform"]["credits_charged"] == 120);
  d.books_balance(240);
}

TEST_CASE("a chat call that names no maximum gets what is held, and a lowered one reaches the provider",
          "[translation]") {
  Dialects d;
  d.daemon.price("anthropic-like", "m", "0", "0.001", {{"max_output_tokens", 900}});
  d.upstream.on("m", [](Reply& reply) { reply.json(200, message(10, 0, 20)); });
  Json open = request("anthropic-like/m");
  open.erase("max_tokens");
  CHECK(d.post("/v1/chat/completions", open).status == 200);
  CHECK(Json::parse(d.upstream.last().body)["max_tokens"] == 900);
  d.daemon.budget("acme", 520);
  const Answer answer = d.post("/v1/chat/completions", request("anthropic-like/m", 800));
  REQUIRE(answer.status == 200);
  CHECK(answer.header("x-govd-max-tokens") == "500");
  CHECK(Json::parse(d.upstream.last().body)["max_tokens"] == 500);
}

TEST_CASE("a responses call without /v1/responses goes as chat", "[translation]") {
  Dialects d;
  d.upstream.uses("m", {.prompt = 100, .completion = 20});
  const Answer answer = d.post("/v1/responses", responses_request("fake/m"));
  INFO(answer.body);
  REQUIRE(answer.status == 200);
  CHECK(answer.json()["object"] == "response");
  CHECK(answer.json()["status"] == "completed");
  CHECK(d.upstream.last().target == "/v1/chat/completions");
  const Answer stream = d.stream("/v1/responses", responses_request("fake/m"));
  const auto events = events_of(stream.body);
  CHECK(events.front().first == "response.created");
  CHECK(events.back().first == "response.completed");
  CHECK(events.back().second["response"]["usage"]["output_tokens"] == 20);
  d.books_balance(240);
}

TEST_CASE("what cannot be carried is refused before money is held", "[translation]") {
  Dialects d;
  Json asked = responses_request("fake/m");
  asked["previous_response_id"] = "resp_0";
  d.daemon.price("fake", "m", "0.001", "0.001", {{"context_window", 1000}});
  const Answer answer = d.post("/v1/responses", asked);
  CHECK(answer.status == 400);
  CHECK(answer.json()["error"]["message"].get<std::string>().find("previous_response_id") != std::string::npos);
  const Json event = d.event_of(answer);
  CHECK(event["status"] == "POLICY_BLOCKED");
  CHECK(event["reserved"] == 0);
  CHECK(d.upstream.calls() == 0);
  d.books_balance(0);
}

TEST_CASE("an error of another format is said in the client's dialect", "[translation]") {
  Dialects d;
  d.upstream.on("m", [](Reply& reply) {
    reply.json(429, {{"error", {{"message", "slow down"}}}}, {{"retry-after", "9"}});
  });
  const Answer answer = d.post("/v1/messages", messages_request("fake/m"));
  CHECK(answer.status == 429);
  CHECK(answer.json()["error"]["type"] == "rate_limit_error");
  CHECK(answer.header("retry-after") == "9");
  CHECK(answer.json()["error"]["message"].get<std::string>().find("slow down") != std::string::npos);
  d.books_balance(0);
}

TEST_CASE("a dead provider is no clean end in any dialect, translated or not", "[translation]") {
  Dialects d;
  const std::string path = GENERATE("/v1/chat/completions", "/v1/messages", "/v1/responses");
  INFO(path);
  d.upstream.on("m", [](Reply& reply) {
    if (reply.seen.target.ends_with("/messages")) {
      begin_message(reply, 100, "the first half");
    } else {
      reply.begin_stream();
      reply.text("the first half");
    }
    reply.close = true;
  });
  const std::string model = path == "/v1/chat/completions" ? "anthropic-like/m" : "fake/m";
  const Json asked = path == "/v1/responses" ? responses_request(model) : messages_request(model);
  const Answer answer = d.stream(path, asked);
  REQUIRE(answer.status == 200);
  const auto events = events_of(answer.body);
  CHECK(answer.body.find("the first half") != std::string::npos);
  for (const char* clean : {"[DONE]", "message_stop", "response.completed"}) {
    CHECK(answer.body.find(clean) == std::string::npos);
  }
  const Json last = events.back().second;
  if (path == "/v1/chat/completions") CHECK(last.contains("error"));
  if (path == "/v1/messages") CHECK(events.back().first == "error");
  if (path == "/v1/responses") CHECK(events.back().first == "response.failed");
  const Json event = d.event_of(answer);
  CHECK(event["cause"] == "upstream_failed");
  CHECK(event["credits_charged"] > 0);
  CHECK(event["credits_charged"] < event["reserved"]);
  d.books_balance(event["credits_charged"]);
}
