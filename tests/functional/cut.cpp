// Calls that do not end well: the client leaves, the provider breaks off. Each is charged once and leaves no
// hold.

#include <catch2/catch.hpp>
#include <thread>

#include "tests/functional/harness/daemon.h"
#include "tests/functional/harness/upstream.h"

using namespace govctl::test;

namespace {

// A credit for each token in and out.
struct Cut {
  FakeUpstream upstream;
  TestDaemon daemon;
  Shop shop{daemon, upstream.base_url()};
  Cut() { daemon.price("fake", "m", "0.001", "0.001"); }

  Json streamed() {
    Json body = request("fake/m", 500);
    body["stream"] = true;
    return body;
  }
  // The event of the only call, once it is settled.
  Json settled() {
    const auto until = std::chrono::steady_clock::now() + patience;
    while (std::chrono::steady_clock::now() < until) {
      const auto events = daemon.events("acme");
      if (!events.empty()) {
        CHECK(events.size() == 1);
        return events[0];
      }
      std::this_thread::sleep_for(5ms);
    }
    throw WireError("the call was never settled");
  }
  void charged_once(const Json& event) {
    CHECK(daemon.reserved("acme") == 0);
    CHECK(daemon.balance("acme") == 1'000'000 - event["credits_charged"].get<std::int64_t>());
    CHECK(daemon.ledger("acme").size() == (event["credits_charged"] == 0 ? 1 : 2));
    CHECK(daemon.verify()["ok"] == true);
  }
};

}  // namespace

TEST_CASE("a client that leaves a stream is charged for what it got, and its provider is stopped", "[cut]") {
  Cut c;
  std::atomic<bool> stopped = false;
  c.upstream.on("m", [&](Reply& reply) {
    reply.begin_stream();
    reply.text("the first words, ");
    reply.text("and some more");
    stopped = reply.wait_until_gone();
    reply.close = true;
  });
  {
    HttpClient client = c.daemon.chat_open(c.shop.key.secret, c.streamed());
    REQUIRE(client.head().status == 200);
    EventReader events(client);
    REQUIRE(events.next());
    REQUIRE(events.next());
  }
  const Json event = c.settled();
  CHECK(event["status"] == "ERROR");
  CHECK(event["cause"] == "client_gone");
  CHECK(event["completion"] == "partial");
  CHECK(event["flags"] == Json::parse(R"(["estimated"])"));
  // 30 bytes of text are about 8 tokens; the input's estimate comes on top.
  CHECK(event["output_tokens"] == 8);
  CHECK(event["input_tokens"] > 0);
  CHECK(event["credits_charged"] ==
        event["input_tokens"].get<std::int64_t>() + event["output_tokens"].get<std::int64_t>());
  CHECK(event["credits_charged"] < event["reserved"]);
  c.charged_once(event);
  const auto until = std::chrono::steady_clock::now() + patience;
  while (!stopped && std::chrono::steady_clock::now() < until) std::this_thread::sleep_for(5ms);
  CHECK(stopped);
}

TEST_CASE("a client that leaves before the first byte pays for its input once it was sent", "[cut]") {
  Cut c;
  std::atomic<bool> stopped = false;
  c.upstream.on("m", [&](Reply& reply) {
    stopped = reply.wait_until_gone();
    reply.close = true;
  });
  {
    HttpClient client = c.daemon.chat_open(c.shop.key.secret, c.streamed());
    REQUIRE(c.upstream.reached("m", 1));
  }
  const Json event = c.settled();
  CHECK(event["cause"] == "client_gone");
  CHECK(event["credits_charged"] > 0);
  CHECK(event["output_tokens"] == 0);
  c.charged_once(event);
}

TEST_CASE("a client that leaves a call that is not streamed is charged as reported", "[cut]") {
  Cut c;
  Gate gate;
  c.upstream.on("m", [&](Reply& reply) {
    gate.wait();
    answer(reply, {.prompt = 30, .completion = 12});
  });
  {
    HttpClient client = c.daemon.chat_open(c.shop.key.secret, request("fake/m"));
    REQUIRE(c.upstream.reached("m", 1));
  }
  gate.open();
  const Json event = c.settled();
  CHECK(event["credits_charged"] == 42);
  CHECK(event["flags"].empty());
  c.charged_once(event);
}

TEST_CASE("a client that leaves after the usage has come is charged by it", "[cut]") {
  Cut c;
  c.upstream.on("m", [&](Reply& reply) {
    reply.begin_stream();
    reply.chunk(
        Json{{"id", "c"}, {"choices", Json::array()}, {"usage", Tokens{.prompt = 40, .completion = 7}.json()}});
    reply.text("late words");
    reply.wait_until_gone();
    reply.close = true;
  });
  {
    HttpClient client = c.daemon.chat_open(c.shop.key.secret, c.streamed());
    REQUIRE(client.head().status == 200);
    EventReader events(client);
    REQUIRE(events.next());
  }
  const Json event = c.settled();
  CHECK(event["credits_charged"] == 47);
  c.charged_once(event);
}

TEST_CASE("a provider that breaks off gives a chunk with an error and no [DONE]", "[cut]") {
  Cut c;
  const std::string how = GENERATE("closed", "ended early", "error event", "garbage", "reset");
  INFO(how);
  c.upstream.on("m", [&](Reply& reply) {
    reply.begin_stream();
    reply.text("the first half");
    if (how == "ended early") reply.end_stream();
    if (how == "error event") {
      reply.chunk(Json{{"error", {{"message", "overloaded"}, {"type", "server_error"}}}});
      reply.end_stream();
    }
    if (how == "garbage") reply.event("{not json");
    reply.close = how != "ended early";
  });
  const Stream stream = c.daemon.chat_stream(c.shop.key.secret, c.streamed());
  CHECK(stream.status == 200);
  CHECK(stream.text == "the first half");
  CHECK_FALSE(stream.done);
  CHECK(stream.chunks.back().contains("error"));
  CHECK_FALSE(stream.chunks.back()["error"]["message"].get<std::string>().empty());
  const Json event = c.settled();
  CHECK(event["status"] == "ERROR");
  CHECK(event["completion"] == "error");
  CHECK(event["credits_charged"] > 0);
  CHECK(event["credits_charged"] < event["reserved"]);
  c.charged_once(event);
}

TEST_CASE("a provider that is silent in mid-stream for too long is given up", "[cut]") {
  Cut c;
  c.daemon.provider("stalling", c.upstream.base_url(), {{"idle_timeout_ms", 300}});
  c.daemon.price("stalling", "m", "0.001", "0.001");
  c.upstream.on("m", [&](Reply& reply) {
    reply.begin_stream();
    reply.text("the first half");
    reply.wait_until_gone();
    reply.close = true;
  });
  Json body = c.streamed();
  body["model"] = "stalling/m";
  const Stream stream = c.daemon.chat_stream(c.shop.key.secret, body);
  CHECK_FALSE(stream.done);
  CHECK(stream.chunks.back().contains("error"));
  c.charged_once(c.settled());
}

TEST_CASE("a model that reasons out of sight is charged the hold when it is cut", "[cut]") {
  Cut c;
  c.daemon.price("fake", "o3-mini", "0.001", "0.001");
  c.upstream.on("o3-mini", [&](Reply& reply) {
    reply.begin_stream();
    reply.text("x");
    reply.close = true;
  });
  Json body = c.streamed();
  body["model"] = "fake/o3-mini";
  CHECK_FALSE(c.daemon.chat_stream(c.shop.key.secret, body).done);
  const Json event = c.settled();
  CHECK(event["credits_charged"] == event["reserved"]);
  CHECK(event["flags"] == Json::parse(R"(["estimated"])"));
  c.charged_once(event);
}

TEST_CASE("a hundred clients that leave are a hundred charges and no hold", "[cut]") {
  Cut c;
  c.upstream.on("m", [&](Reply& reply) {
    reply.begin_stream();
    while (reply.text("word ") && !reply.client_gone()) std::this_thread::sleep_for(2ms);
    reply.close = true;
  });
  std::vector<std::thread> leavers;
  std::atomic<int> seen = 0;
  for (int i = 0; i < 100; ++i) {
    leavers.emplace_back([&, i] {
      try {
        HttpClient client = c.daemon.chat_open(c.shop.key.secret, c.streamed());
        if (client.head().status != 200) return;
        for (int piece = 0; piece <= i % 5; ++piece) client.piece();
        ++seen;
      } catch (const std::exception&) {
        seen -= 1000;
      }
    });
  }
  for (std::thread& leaver : leavers) leaver.join();
  CHECK(seen == 100);
  const auto until = std::chrono::steady_clock::now() + patience;
  while (c.daemon.reserved("acme") != 0 && std::chrono::steady_clock::now() < until)
    std::this_thread::sleep_for(10ms);
  CHECK(c.daemon.reserved("acme") == 0);
  const auto events = c.daemon.events("acme");
  CHECK(events.size() == 100);
  CHECK(c.daemon.ledger("acme").size() == 101);
  CHECK(c.daemon.get("/status")["inflight"] == 0);
  CHECK(c.daemon.verify()["ok"] == true);
}
