// Policies that prefer an estimate: a streamed call holds little at first and more as its answer grows; when
// there is no more, the answer ends where it is, in its dialect, and says why.

#include <thread>

#include "tests/functional/harness/dialects.h"

using namespace govctl::test;

namespace {

const std::string words = "twelve tokens of four bytes each are these here ";  // 48 bytes

struct Estimate : Dialects {
  Estimate() { daemon.policy("acme", {{"name", "roomy"}, {"reserve", "estimate"}}); }

  // Providers that say those words far more often than any limit here lets them, and then nothing until they
  // are left: what they said last may lie in the kernel's buffers when the answer ends, so a send that fails is
  // not all that tells them.
  void talks() {
    upstream.on("m", [this](Reply& reply) {
      begin(reply);
      bool heard = true;
      for (int i = 0; i < 2'000 && heard; ++i) heard = say(reply, i);
      if (!heard || reply.wait_until_gone()) ++left;
      reply.close = true;
    });
  }
  static bool say(Reply& reply, int nth) {
    if (reply.seen.target.ends_with("/messages")) {
      return reply.event("content_block_delta", {{"type", "content_block_delta"},
                                                 {"index", 0},
                                                 {"delta", {{"type", "text_delta"}, {"text", words}}}});
    }
    if (reply.seen.target.ends_with("/responses")) {
      return reply.event("response.output_text.delta", {{"type", "response.output_text.delta"},
                                                        {"sequence_number", 2 + nth},
                                                        {"item_id", "item_1"},
                                                        {"output_index", 0},
                                                        {"content_index", 0},
                                                        {"delta", words}});
    }
    return reply.text(words);
  }
  static void begin(Reply& reply) {
    if (reply.seen.target.ends_with("/messages")) {
      begin_message(reply, 30, "So: ");
    } else if (reply.seen.target.ends_with("/responses")) {
      begin_response(reply, "So: ");
    } else {
      reply.begin_stream();
    }
  }
  // A chat stream ends well, and its provider says what it used.
  static void finish(Reply& reply, std::int64_t in, std::int64_t out) {
    reply.chunk(
        {{"id", "c"}, {"choices", {{{"index", 0}, {"delta", Json::object()}, {"finish_reason", "stop"}}}}});
    reply.chunk({{"id", "c"},
                 {"choices", Json::array()},
                 {"usage", {{"prompt_tokens", in}, {"completion_tokens", out}, {"total_tokens", in + out}}}});
    reply.event("[DONE]");
    reply.end_stream();
  }
  void was_left() const {
    const auto until = std::chrono::steady_clock::now() + patience;
    while (left == 0 && std::chrono::steady_clock::now() < until) std::this_thread::sleep_for(5ms);
    CHECK(left == 1);
  }
  // The one call was cut off by what the limit says, never charged above it, and leaves nothing behind.
  void cut_off_within(std::int64_t limit, const Json& event, const std::string& cause = "budget_exceeded") {
    CHECK(event["status"] == "BUDGET_EXCEEDED");
    CHECK(event["cause"] == cause);
    CHECK(event["completion"] == "partial");
    const std::int64_t charged = event["credits_charged"];
    CHECK(charged > limit / 3);
    CHECK(charged <= limit);
    CHECK(event["reserved"] <= limit);
    CHECK(event["decision"]["limit"] == limit);
    CHECK(daemon.events("acme").size() == 1);
    CHECK(daemon.ledger("acme").size() == 2);
    was_left();
    books_balance(charged);
  }

  std::atomic<int> left = 0;
};

bool is_notice(const std::string& text, const std::string& request_id) {
  return text.find("the TOTAL budget of acme/prod/support/triage does not cover") != std::string::npos &&
         text.find("govctl explain " + request_id) != std::string::npos;
}

}  // namespace

TEST_CASE("a stream holds an estimate at first, and more as it grows", "[estimate]") {
  Estimate e;
  Gate gate;
  std::atomic<int> said = 0;
  e.upstream.on("m", [&](Reply& reply) {
    reply.begin_stream();
    for (int i = 0; i < 200; ++i) reply.text(words);
    said = 200;
    gate.wait();
    Estimate::finish(reply, 30, 2400);
  });
  Json body = request("fake/m", 50'000);
  body["stream"] = true;
  HttpClient client = e.daemon.chat_open(e.shop.key.secret, body);
  REQUIRE(client.head().status == 200);
  EventReader events(client);
  for (int i = 0; i < 200; ++i) REQUIRE(events.next());
  // 9,600 bytes are 4,000 tokens by estimate: more is held than that, and by far not the 50,000.
  CHECK(e.daemon.reserved("acme") >= 4'000);
  CHECK(e.daemon.reserved("acme") < 12'000);
  gate.open();
  std::string last;
  while (const auto event = events.next()) last = *event;
  CHECK(last == "[DONE]");
  const Json event = e.daemon.events("acme")[0];
  CHECK(event["status"] == "SUCCESS");
  CHECK(event["completion"] == "complete");
  CHECK(event["flags"] == Json::array());
  CHECK(event["credits_charged"] == 2'430);
  e.books_balance(2'430);
}

TEST_CASE("a chat stream ends where its budget does, with a notice and a finish reason", "[estimate]") {
  const std::string model = GENERATE("fake/m", "anthropic-like/m");
  INFO(model);
  const bool include_usage = GENERATE(false, true);
  Estimate e;
  e.daemon.budget(Shop::agent, 3'000, {{"period", "TOTAL"}});
  e.talks();
  Json body = request(model, 50'000);
  if (include_usage) body["stream_options"] = {{"include_usage", true}};
  const Answer answer = e.stream("/v1/chat/completions", body);
  REQUIRE(answer.status == 200);
  const auto events = events_of(answer.body);
  const Json event = e.event_of(answer);
  REQUIRE(events.size() > 20);
  CHECK(events.back().second == "[DONE]");
  const std::size_t finish = events.size() - (include_usage ? 3 : 2);
  CHECK(events[finish].second["choices"][0]["finish_reason"] == "length");
  CHECK(is_notice(events[finish - 1].second["choices"][0]["delta"]["content"], answer.header("x-request-id")));
  if (include_usage) {
    CHECK(events[finish + 1].second["usage"]["completion_tokens"] == event["output_tokens"]);
    CHECK(events[finish + 1].second["x_platform"]["credits_charged"] == event["credits_charged"]);
  }
  e.cut_off_within(3'000, event);
}

TEST_CASE("a message ends where its budget does", "[estimate]") {
  const std::string model = GENERATE("anthropic-like/m", "fake/m");
  INFO(model);
  Estimate e;
  e.daemon.budget(Shop::agent, 3'000, {{"period", "TOTAL"}});
  e.talks();
  const Answer answer = e.stream("/v1/messages", messages_request(model, 50'000));
  REQUIRE(answer.status == 200);
  const auto events = events_of(answer.body);
  const Json event = e.event_of(answer);
  REQUIRE(events.size() > 20);
  const auto at = [&](std::size_t from_end) { return events[events.size() - from_end]; };
  CHECK(at(1).first == "message_stop");
  CHECK(at(2).first == "message_delta");
  CHECK(at(2).second["delta"]["stop_reason"] == "max_tokens");
  CHECK(at(2).second["usage"]["output_tokens"] == event["output_tokens"]);
  CHECK(at(3).first == "content_block_stop");
  CHECK(at(4).first == "content_block_delta");
  CHECK(is_notice(at(4).second["delta"]["text"], answer.header("x-request-id")));
  CHECK(at(4).second["index"] == 0);
  e.cut_off_within(3'000, event);
}

TEST_CASE("a response ends where its budget does", "[estimate]") {
  const std::string model = GENERATE("responses-like/m", "fake/m", "anthropic-like/m");
  INFO(model);
  Estimate e;
  e.daemon.budget(Shop::agent, 3'000, {{"period", "TOTAL"}});
  e.talks();
  const Answer answer = e.stream("/v1/responses", responses_request(model, 50'000));
  REQUIRE(answer.status == 200);
  const auto events = events_of(answer.body);
  const Json event = e.event_of(answer);
  REQUIRE(events.size() > 20);
  CHECK(events.back().first == "response.incomplete");
  const Json last = events.back().second["response"];
  CHECK(last["status"] == "incomplete");
  CHECK(last["incomplete_details"]["reason"] == "max_output_tokens");
  CHECK(last["usage"]["output_tokens"] == event["output_tokens"]);
  const std::string text = last["output"].back()["content"].back()["text"];
  CHECK(text.find(words + words) != std::string::npos);
  CHECK(is_notice(text, answer.header("x-request-id")));
  CHECK(events[events.size() - 2].first == "response.output_item.done");
  CHECK(events[events.size() - 2].second["item"]["status"] == "incomplete");
  std::int64_t sequence = -1;
  for (const auto& [name, data] : events) {
    CHECK(data["sequence_number"] > sequence);
    sequence = data["sequence_number"];
  }
  e.cut_off_within(3'000, event);
}

TEST_CASE("a stream ends where the balance or its key's limit does", "[estimate]") {
  Estimate e;
  e.talks();
  SECTION("balance") {
    e.daemon.expect(201, "POST", "/orgs/acme/ledger/adjust", {{"amount", -997'000}, {"reason", "test"}});
    const Answer answer = e.stream("/v1/chat/completions", request("fake/m", 50'000));
    const Json event = e.event_of(answer);
    CHECK(event["cause"] == "insufficient_credits");
    CHECK(event["credits_charged"] <= 3'000);
    CHECK(e.daemon.balance("acme") >= 0);
    CHECK(e.daemon.reserved("acme") == 0);
  }
  SECTION("key") {
    const Key key = e.daemon.make_key(Shop::agent, {{"limit", 3'000}});
    Json body = request("fake/m", 50'000);
    body["stream"] = true;
    const Answer answer =
        http(e.daemon.gateway(), "POST", "/v1/chat/completions", body.dump(), {{"x-api-key", key.secret}});
    const Json event = e.event_of(answer);
    e.cut_off_within(3'000, event, "key_limit");
  }
  CHECK(e.daemon.verify()["ok"] == true);
}

TEST_CASE("a budget that is raised while the answer comes lets it come to its end", "[estimate]") {
  Estimate e;
  const Json budget = e.daemon.budget(Shop::agent, 3'000, {{"period", "TOTAL"}});
  Gate gate;
  e.upstream.on("m", [&](Reply& reply) {
    reply.begin_stream();
    for (int i = 0; i < 50; ++i) reply.text(words);
    gate.wait();
    for (int i = 0; i < 450; ++i) reply.text(words);
    Estimate::finish(reply, 30, 6'000);
  });
  Json body = request("fake/m", 50'000);
  body["stream"] = true;
  HttpClient client = e.daemon.chat_open(e.shop.key.secret, body);
  REQUIRE(client.head().status == 200);
  EventReader events(client);
  for (int i = 0; i < 50; ++i) REQUIRE(events.next());
  e.daemon.expect(200, "PATCH", "/budgets/" + budget["id"].get<std::string>(), {{"limit", 100'000}});
  gate.open();
  std::string last;
  while (const auto event = events.next()) last = *event;
  CHECK(last == "[DONE]");
  CHECK(e.daemon.events("acme")[0]["credits_charged"] == 6'030);
  e.books_balance(6'030);
}

TEST_CASE("two streams share a budget and never pass it", "[estimate]") {
  Estimate e;
  e.daemon.budget(Shop::agent, 5'000, {{"period", "TOTAL"}});
  e.talks();
  std::vector<std::thread> clients;
  for (int i = 0; i < 4; ++i) {
    clients.emplace_back([&] {
      const Answer answer = e.stream("/v1/chat/completions", request("fake/m", 50'000));
      static_cast<void>(answer);
    });
  }
  for (auto& client : clients) client.join();
  std::int64_t charged = 0;
  for (const Json& event : e.daemon.events("acme")) charged += event["credits_charged"].get<std::int64_t>();
  CHECK(charged <= 5'000);
  CHECK(charged > 1'000);
  e.books_balance(charged);
}

TEST_CASE("after kill -9 a stream is charged what it held by then, which covers what was relayed",
          "[estimate]") {
  Estimate e;
  e.upstream.on("m", [&](Reply& reply) {
    reply.begin_stream();
    for (int i = 0; i < 200; ++i) reply.text(words);
    reply.wait_until_gone();
    reply.close = true;
  });
  Json body = request("fake/m", 50'000);
  body["stream"] = true;
  HttpClient client = e.daemon.chat_open(e.shop.key.secret, body);
  REQUIRE(client.head().status == 200);
  EventReader events(client);
  for (int i = 0; i < 200; ++i) REQUIRE(events.next());
  const std::int64_t held = e.daemon.reserved("acme");
  CHECK(held >= 4'000);
  e.daemon.kill();
  e.daemon.start();
  const Json event = e.daemon.events("acme")[0];
  CHECK(event["status"] == "ERROR");
  CHECK(event["reserved"] == held);
  CHECK(event["credits_charged"] == held);
  e.books_balance(held);
}

TEST_CASE("what cannot be watched holds its worst case also by estimate", "[estimate]") {
  Estimate e;
  const std::string model = GENERATE("m", "o3-mini");
  e.daemon.price("fake", "o3-mini", "0.001", "0.001");
  Gate gate;
  e.upstream.on(model, [&](Reply& reply) {
    gate.wait();
    answer(reply, {.prompt = 30, .completion = 12});
  });
  Json body = request("fake/" + model, 5'000);
  body["stream"] = model != "m";
  HttpClient client = e.daemon.chat_open(e.shop.key.secret, body);
  REQUIRE(e.upstream.reached(model, 1));
  CHECK(e.daemon.reserved("acme") > 5'000);
  gate.open();
  CHECK(client.answer().status == 200);
}
