// What providers and connections do beside the plain case: streams that end oddly, usage that does not come,
// readers that are slow.

#include <catch2/catch.hpp>
#include <thread>

#include "tests/functional/harness/priced_shop.h"

using namespace govctl::test;

TEST_CASE("an event stream that ends without a blank line is read to its end", "[wire]") {
  PricedShop s;
  s.upstream.on("m", [](Reply& reply) {
    reply.raw("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n");
    reply.raw(
        "data: "
        "{\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"all\"},\"finish_reason\":\"stop\"}]}"
        "\n\n");
    reply.raw("data: " + Json{{"id", "c"}, {"choices", Json::array()}, {"usage", used.json()}}.dump());
    reply.close = true;
  });
  const Stream stream = s.daemon.chat_stream(s.shop.key.secret, ask("fake/m"));
  CHECK(stream.text == "all");
  CHECK(s.daemon.balance("acme") == 1'000'000 - used_credits);
}

TEST_CASE("a provider that keeps its stream open after [DONE] holds nobody up", "[wire]") {
  PricedShop s;
  Gate gate;
  s.upstream.on("m", [&](Reply& reply) {
    reply.begin_stream();
    reply.text("all");
    reply.chunk(Json{{"id", "c"}, {"choices", Json::array()}, {"usage", used.json()}});
    reply.event("[DONE]");
    gate.wait();
    reply.end_stream();
  });
  const auto began = std::chrono::steady_clock::now();
  const Stream stream = s.daemon.chat_stream(s.shop.key.secret, ask("fake/m"));
  const auto took = std::chrono::steady_clock::now() - began;
  gate.open();
  CHECK(stream.done);
  CHECK(took < patience / 2);
  CHECK(s.daemon.balance("acme") == 1'000'000 - used_credits);
}

TEST_CASE("a provider that is another govd does not leave its own x_platform in the answer", "[wire]") {
  PricedShop s;
  s.upstream.on("m", [&](Reply& reply) {
    Json body{{"id", "c"},
              {"choices", Json::array()},
              {"x_platform", {{"credits_charged", 7}}},
              {"usage", used.json()}};
    if (!reply.wants_stream()) {
      reply.json(200, body);
      return;
    }
    reply.begin_stream();
    reply.text("all");
    reply.chunk(body);
    reply.event("[DONE]");
    reply.end_stream();
  });
  const Answer answer = s.daemon.chat(s.shop.key.secret, ask("fake/m"));
  CHECK(answer.body.find("x_platform") == answer.body.rfind("x_platform"));
  CHECK(answer.json()["x_platform"]["credits_charged"] == used_credits);
  Json asked = ask("fake/m");
  asked["stream_options"] = {{"include_usage", true}};
  const Stream stream = s.daemon.chat_stream(s.shop.key.secret, asked);
  CHECK(stream.chunks.back()["x_platform"]["credits_charged"] == used_credits);
}

TEST_CASE("a client that asks for usage gets it from govd where the provider sends none", "[wire]") {
  PricedShop s;
  s.daemon.provider("plain", s.upstream.base_url(), {{"usage_in_stream", false}});
  s.daemon.price("plain", "m", "0.003", "0.015");
  s.upstream.uses("m", {.reported = false});
  Json asked = ask("plain/m");
  asked["stream_options"] = {{"include_usage", true}};
  const Stream stream = s.daemon.chat_stream(s.shop.key.secret, asked);
  CHECK(stream.done);
  const Json last = stream.chunks.back();
  CHECK(last["choices"].empty());
  CHECK(last["usage"]["completion_tokens"] > 0);
  const Json event = s.daemon.event(last["x_platform"]["request_id"]);
  CHECK(event["credits_charged"] == last["x_platform"]["credits_charged"]);
  CHECK(event["flags"] == Json::parse(R"(["estimated"])"));
}

TEST_CASE("a slow reader slows its provider, and never fills the daemon's memory", "[wire]") {
  PricedShop s;
  std::atomic<std::int64_t> sent = 0;
  s.upstream.on("m", [&](Reply& reply) {
    reply.begin_stream();
    const std::string piece(64'000, 'w');
    while (reply.text(piece)) sent += 64'000;
    reply.close = true;
  });
  Json asked = ask("fake/m");
  asked["stream"] = true;
  HttpClient client = s.daemon.chat_open(s.shop.key.secret, asked);
  REQUIRE(client.head().status == 200);
  // Nobody reads: what is sent comes to a stop at what the buffers of the system hold.
  const auto until = std::chrono::steady_clock::now() + patience;
  std::int64_t before = -1;
  while (sent != before && std::chrono::steady_clock::now() < until) {
    before = sent;
    std::this_thread::sleep_for(500ms);
  }
  CHECK(sent == before);
  CHECK(sent < 64'000'000);
  // It goes on where it stopped, for whoever reads on.
  std::size_t read = 0;
  while (read < static_cast<std::size_t>(before) + 1'000'000) read += client.piece().size();
  CHECK(sent > before);
  client.leave();
  const auto settled = std::chrono::steady_clock::now() + patience;
  while (s.daemon.reserved("acme") != 0 && std::chrono::steady_clock::now() < settled)
    std::this_thread::sleep_for(5ms);
  CHECK(s.daemon.reserved("acme") == 0);
}

TEST_CASE("100-continue is answered, HEAD has no body, and one connection serves many calls", "[wire]") {
  PricedShop s;
  HttpClient client(s.daemon.gateway());
  const std::string body = ask("fake/m").dump();
  client.send_raw("POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " +
                  s.shop.key.secret +
                  "\r\nExpect: 100-continue\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n");
  CHECK(client.head().status == 100);
  client.send_raw(body);
  CHECK(client.answer().status == 200);
  client.send_raw("HEAD / HTTP/1.1\r\nHost: x\r\n\r\n");
  CHECK(client.head().status == 200);
  for (int i = 0; i < 3; ++i) {
    client.send("POST", "/v1/chat/completions", body, {{"Authorization", "Bearer " + s.shop.key.secret}});
    CHECK(client.answer().status == 200);
  }
  CHECK(s.daemon.balance("acme") == 1'000'000 - 4 * used_credits);
}
