// One governed call, plain and streamed: what the agent gets, what the provider gets, and that usage event,
// ledger, balance and audit agree with figures worked out by hand.

#include <catch2/catch.hpp>

#include "tests/functional/harness/priced_shop.h"

using namespace govctl::test;

namespace {

// Everything that is written about a call that was charged used_credits.
void check_books(TestDaemon& daemon, const std::string& request_id, std::int64_t before) {
  const Json event = daemon.event(request_id);
  CHECK(event["status"] == "SUCCESS");
  CHECK(event["request_id"] == request_id);
  CHECK(event["agent"] == "acme/prod/support/triage");
  CHECK(event["provider"] == "fake");
  CHECK(event["cached_tokens"] == 1000);
  CHECK(event["output_tokens"] == 56);
  CHECK(event["cost_usd"] == used_usd);
  CHECK(event["credits_charged"] == used_credits);
  CHECK(event["flags"].empty());
  CHECK(event["attempts"] == 1);

  const Json entry = daemon.ledger("acme").back();
  CHECK(entry["type"] == "USAGE_DEDUCTION");
  CHECK(entry["amount"] == -used_credits);
  CHECK(entry["request_id"] == request_id);
  CHECK(entry["idempotency_key"].get<std::string>().starts_with("call:"));
  CHECK(entry["balance_after"] == before - used_credits);

  CHECK(daemon.balance("acme") == before - used_credits);
  CHECK(daemon.reserved("acme") == 0);

  std::size_t audited = 0;
  for (const Json& row : daemon.audit("acme")) {
    audited += row["event_type"] == "gateway.request" && row["request_id"] == request_id ? 1 : 0;
  }
  CHECK(audited == 1);
  CHECK(daemon.verify()["ok"] == true);
}

std::vector<std::string> raw_events(HttpClient& client) {
  REQUIRE(client.head().status == 200);
  EventReader reader(client);
  std::vector<std::string> events;
  while (auto data = reader.next()) events.push_back(*data);
  return events;
}

}  // namespace

TEST_CASE("a plain call is answered, charged exactly, and every book says so", "[chat]") {
  PricedShop s;
  const Answer answer = s.daemon.chat(s.shop.key.secret, ask("fake/m"));
  REQUIRE(answer.status == 200);
  CHECK(answer.header("content-type") == "application/json");
  Json body = answer.json();
  const Json platform = body["x_platform"];
  CHECK(platform["credits_charged"] == used_credits);
  CHECK(platform["latency_ms"].is_number_integer());
  const std::string request_id = platform["request_id"];
  CHECK(request_id.starts_with("req_"));
  CHECK(answer.header("x-request-id") == request_id);

  body.erase("x_platform");
  CHECK(body["choices"][0]["message"]["content"] == answer_text);
  CHECK(body["usage"] == used.json());
  CHECK(body["model"] == "m");
  check_books(s.daemon, request_id, 1'000'000);
}

TEST_CASE("a streamed call whose client did not ask for usage gets none, and is charged the same", "[chat]") {
  PricedShop s;
  const Stream stream = s.daemon.chat_stream(s.shop.key.secret, ask("fake/m"));
  REQUIRE(stream.status == 200);
  CHECK(find_header(stream.headers, "content-type").value_or("").starts_with("text/event-stream"));
  CHECK(stream.done);
  CHECK_FALSE(stream.broken);
  CHECK(stream.text == answer_text);
  CHECK(stream.usage().is_null());
  for (const Json& chunk : stream.chunks) {
    CHECK_FALSE(chunk["choices"].empty());
    CHECK_FALSE(chunk.contains("x_platform"));
  }
  const Json sent = Json::parse(s.upstream.last().body);
  CHECK(sent["stream_options"]["include_usage"] == true);
  const std::string request_id = find_header(stream.headers, "x-request-id").value_or("");
  check_books(s.daemon, request_id, 1'000'000);
  CHECK(s.daemon.event(request_id)["completion"] == "complete");
}

TEST_CASE("a streamed call whose client asked for usage gets it last, with the charge", "[chat]") {
  PricedShop s;
  Json asked = ask("fake/m");
  asked["stream_options"] = {{"include_usage", true}};
  const Stream stream = s.daemon.chat_stream(s.shop.key.secret, asked);
  REQUIRE(stream.status == 200);
  CHECK(stream.done);
  CHECK(stream.text == answer_text);
  const Json last = stream.chunks.back();
  CHECK(last["choices"].empty());
  CHECK(last["usage"] == used.json());
  CHECK(last["x_platform"]["credits_charged"] == used_credits);
  const std::string request_id = last["x_platform"]["request_id"];
  CHECK(find_header(stream.headers, "x-request-id") == request_id);
  check_books(s.daemon, request_id, 1'000'000);
}

TEST_CASE("tool calls pass byte for byte, plain and streamed", "[chat]") {
  PricedShop s;
  const std::string answer =
      R"({"id":"c1","object":"chat.completion",  "created":1,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":null,"tool_calls":[{"id":"call_1","type":"function","function":{"name":"lookup","arguments":"{\"order\": \"48-1172\",\n \"caf\u00e9\":1.0}"}}]},"finish_reason":"tool_calls"}],"usage":{"prompt_tokens":1234,"completion_tokens":56,"total_tokens":1290,"prompt_tokens_details":{"cached_tokens":1000}}})";
  const std::vector<std::string> chunks{
      R"({"id":"c1","object":"chat.completion.chunk","choices":[{"index":0,"delta":{"role":"assistant","tool_calls":[{"index":0,"id":"call_1","type":"function","function":{"name":"lookup","arguments":""}}]}}]})",
      R"({"id":"c1",  "choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"{\"caf\u00e9\""}}]}}]})",
      R"({"id":"c1","choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":":1.0}"}}]}}],"x":1e-7})",
      R"({"id":"c1","choices":[{"index":0,"delta":{},"finish_reason":"tool_calls"}]})"};
  s.upstream.on("m", [&](Reply& reply) {
    if (!reply.wants_stream()) {
      reply.raw("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: " +
                std::to_string(answer.size()) + "\r\n\r\n" + answer);
      return;
    }
    reply.begin_stream();
    for (const std::string& chunk : chunks) reply.event(chunk);
    reply.chunk(Json{{"id", "c1"}, {"choices", Json::array()}, {"usage", used.json()}});
    reply.event("[DONE]");
    reply.end_stream();
  });
  Json asked = ask("fake/m");
  asked["tools"] =
      Json::parse(R"([{"type":"function","function":{"name":"lookup","parameters":{"type":"object"}}}])");

  const Answer plain = s.daemon.chat(s.shop.key.secret, asked);
  REQUIRE(plain.status == 200);
  const std::size_t own = plain.body.find(",\"x_platform\"");
  REQUIRE(own != std::string::npos);
  CHECK(plain.body.substr(0, own) + "}" == answer);

  asked["stream"] = true;
  HttpClient client = s.daemon.chat_open(s.shop.key.secret, asked);
  std::vector<std::string> expected = chunks;
  expected.emplace_back("[DONE]");
  CHECK(raw_events(client) == expected);
  CHECK(s.daemon.balance("acme") == 1'000'000 - 2 * used_credits);
}

TEST_CASE("the request reaches the provider byte for byte but for the model's name", "[chat]") {
  PricedShop s;
  const std::string text =
      "{ \"model\" : \"fake/m\",\"messages\":[{\"role\":\"user\",\"content\":\"h\\u00e9 \\ud83d\\ude00 /\"}],\n"
      "  \"max_tokens\":64, \"seed\": "
      "12345678901234567890,\"vendor_field\":{\"model\":\"x\",\"a\":[1.0e-7,null]} }";
  REQUIRE(s.daemon.chat_raw(s.shop.key.secret, text).status == 200);
  std::string expected = text;
  expected.replace(expected.find("fake/m"), 6, "m");
  const Seen seen = s.upstream.last();
  CHECK(seen.body == expected);
  CHECK(seen.target == "/v1/chat/completions");
  CHECK(find_header(seen.headers, "accept-encoding") == "identity");
  CHECK(find_header(seen.headers, "host").value_or("").starts_with("127.0.0.1"));
  for (const auto& [name, value] : seen.headers) {
    INFO(name << ": " << value);
    CHECK(value.find("cpk_") == std::string::npos);
  }
}

TEST_CASE("a stream's request differs in stream_options alone", "[chat]") {
  PricedShop s;
  Json asked = ask("fake/m");
  asked["temperature"] = 0.25;
  s.daemon.chat_stream(s.shop.key.secret, asked);
  Json sent = Json::parse(s.upstream.last().body);
  sent.erase("stream_options");
  asked["model"] = "m";
  asked["stream"] = true;
  CHECK(Json::parse(sent.dump()) == Json::parse(asked.dump()));

  // What else the client says in stream_options stays.
  asked = ask("fake/m");
  asked["stream_options"] = {{"include_obfuscation", false}};
  s.daemon.chat_stream(s.shop.key.secret, asked);
  sent = Json::parse(s.upstream.last().body);
  CHECK(sent["stream_options"]["include_obfuscation"] == false);
  CHECK(sent["stream_options"]["include_usage"] == true);
}

TEST_CASE("the credential goes to the provider, the agent's key does not", "[chat]") {
  FakeUpstream upstream;
  TestDaemon daemon;
  const Shop shop(daemon, upstream.base_url());
  daemon.provider("paid", upstream.base_url(), {{"needs_credential", true}});
  daemon.price("paid", "m", "0.001", "0.001");
  daemon.expect(201, "POST", "/orgs/acme/credentials", {{"provider", "paid"}, {"secret", "sk-first"}});
  REQUIRE(daemon.chat(shop.key.secret, request("paid/m"), {{"OpenAI-Organization", "org-1"}}).status == 200);
  CHECK(find_header(upstream.last().headers, "authorization") == "Bearer sk-first");

  // The key by the other header, and the other path.
  const Answer other = http(daemon.gateway(), "POST", "/gateway/v1/chat/completions", request("paid/m").dump(),
                            {{"x-api-key", shop.key.secret}});
  CHECK(other.status == 200);
  CHECK(find_header(upstream.last().headers, "authorization") == "Bearer sk-first");
  CHECK_FALSE(find_header(upstream.last().headers, "x-api-key"));

  // A new credential is in force with the very next call.
  daemon.expect(201, "POST", "/orgs/acme/credentials",
                {{"provider", "paid"}, {"secret", "sk-second"}, {"label", "second"}});
  REQUIRE(daemon.chat(shop.key.secret, request("paid/m")).status == 200);
  CHECK(find_header(upstream.last().headers, "authorization") == "Bearer sk-second");
}

TEST_CASE("reasoning is charged at its own price, inside the completion tokens", "[chat]") {
  PricedShop s;
  s.daemon.price("fake", "thinker", "0.001", "0.01", {{"reasoning", "0.02"}, {"max_output_tokens", 1000}});
  s.upstream.uses("thinker", {.prompt = 100, .completion = 50, .cached = 0, .reasoning = 30});
  // 100 x 0.000001 + 20 x 0.00001 + 30 x 0.00002 = 0.0001 + 0.0002 + 0.0006
  const Answer answer = s.daemon.chat(s.shop.key.secret, request("fake/thinker"));
  REQUIRE(answer.status == 200);
  CHECK(answer.json()["x_platform"]["credits_charged"] == 900);
  const Json event = s.daemon.event(answer.header("x-request-id"));
  CHECK(event["cost_usd"] == "0.0009");
  CHECK(event["reasoning_tokens"] == 30);
}

TEST_CASE("a charge is rounded up once, at the end", "[chat]") {
  FakeUpstream upstream;
  TestDaemon daemon;
  daemon.make_org("cents", 100);
  daemon.make_agent("cents/w/g/a");
  const Key key = daemon.make_key("cents/w/g/a");
  daemon.buy("cents", 10);
  daemon.provider("fake", upstream.base_url());
  daemon.price("fake", "m", "0.003", "0.015");
  upstream.uses("m", {.prompt = 234, .completion = 56});
  // 0.000702 + 0.00084 = 0.001542 USD: 0.1542 of a cent.
  const Answer answer = daemon.chat(key.secret, ask("fake/m"));
  REQUIRE(answer.status == 200);
  CHECK(answer.json()["x_platform"]["credits_charged"] == 1);
  CHECK(daemon.event(answer.header("x-request-id"))["cost_usd"] == "0.001542");
  CHECK(daemon.balance("cents") == 9);
}

TEST_CASE("what a provider does not report is estimated and flagged; an explicit zero is zero", "[chat]") {
  PricedShop s;
  s.upstream.uses("m", {.reported = false});
  for (const bool streamed : {false, true}) {
    INFO("streamed: " << streamed);
    std::string request_id;
    if (streamed) {
      const Stream stream = s.daemon.chat_stream(s.shop.key.secret, ask("fake/m"));
      CHECK(stream.done);
      request_id = find_header(stream.headers, "x-request-id").value_or("");
    } else {
      request_id = s.daemon.chat(s.shop.key.secret, ask("fake/m")).header("x-request-id");
    }
    const Json event = s.daemon.event(request_id);
    CHECK(event["status"] == "SUCCESS");
    CHECK(event["flags"] == Json::parse(R"(["estimated"])"));
    CHECK(event["credits_charged"] > 0);
    CHECK(event["credits_charged"] <= event["reserved"]);
  }
  const std::int64_t before = s.daemon.balance("acme");
  const std::size_t entries = s.daemon.ledger("acme").size();
  s.upstream.uses("m", {.prompt = 0, .completion = 0});
  const Answer zero = s.daemon.chat(s.shop.key.secret, ask("fake/m"));
  REQUIRE(zero.status == 200);
  CHECK(zero.json()["x_platform"]["credits_charged"] == 0);
  const Json event = s.daemon.event(zero.header("x-request-id"));
  CHECK(event["status"] == "SUCCESS");
  CHECK(event["flags"].empty());
  CHECK(s.daemon.chat_stream(s.shop.key.secret, ask("fake/m")).done);
  CHECK(s.daemon.balance("acme") == before);
  CHECK(s.daemon.ledger("acme").size() == entries);
  CHECK(s.daemon.verify()["ok"] == true);
}

TEST_CASE("usage above the hold is charged exactly and flagged; absurd usage charges the hold", "[chat]") {
  PricedShop s;
  s.upstream.uses("m", {.prompt = 10, .completion = 5000});
  const Answer over = s.daemon.chat(s.shop.key.secret, request("fake/m", 10));
  REQUIRE(over.status == 200);
  // 10 x 3 + 5,000 x 15 credits
  CHECK(over.json()["x_platform"]["credits_charged"] == 75'030);
  CHECK(s.daemon.event(over.header("x-request-id"))["flags"] == Json::parse(R"(["over_hold"])"));

  s.upstream.uses("m", {.prompt = 10, .completion = -5});
  const Answer absurd = s.daemon.chat(s.shop.key.secret, request("fake/m", 10));
  const Json event = s.daemon.event(absurd.header("x-request-id"));
  CHECK(event["credits_charged"] == event["reserved"]);
  const std::string flags = event["flags"].dump();
  CHECK(flags.find("absurd_usage") != std::string::npos);
  CHECK(s.daemon.reserved("acme") == 0);
  CHECK(s.daemon.verify()["ok"] == true);
}

TEST_CASE("a client's request id, session, user and tags are kept as the client's", "[chat]") {
  PricedShop s;
  Json asked = ask("fake/m");
  asked["user"] = "anna";
  const Headers headers{
      {"x-request-id", "mine-1"}, {"x-session-id", "session-7"}, {"x-govd-tags", "team=blue,run=42"}};
  const std::string first = s.daemon.chat(s.shop.key.secret, asked, headers).header("x-request-id");
  const std::string second = s.daemon.chat(s.shop.key.secret, asked, headers).header("x-request-id");
  CHECK(first != second);
  CHECK(first.starts_with("req_"));
  CHECK(s.daemon.balance("acme") == 1'000'000 - 2 * used_credits);
  const Json event = s.daemon.event(first);
  CHECK(event["client_request_id"] == "mine-1");
  CHECK(event["session"] == "session-7");
  CHECK(event["user"] == "anna");
  CHECK(event["tags"] == Json{{"team", "blue"}, {"run", "42"}});
}

TEST_CASE("a dated model is charged at the price of its undated name", "[chat]") {
  PricedShop s;
  s.upstream.uses("m-2026-08-06", used);
  const Answer answer = s.daemon.chat(s.shop.key.secret, request("fake/m-2026-08-06"));
  REQUIRE(answer.status == 200);
  CHECK(answer.json()["x_platform"]["credits_charged"] == used_credits);
}

TEST_CASE("the mock provider answers without a credential, plain and streamed, always the same", "[chat]") {
  TestDaemon daemon;
  daemon.make_org("acme");
  daemon.make_agent("acme/prod/support/triage");
  const Key key = daemon.make_key("acme/prod/support/triage");
  daemon.buy("acme", 1'000'000);
  const Answer first = daemon.chat(key.secret, request("mock-model"));
  const Answer second = daemon.chat(key.secret, request("mock-model"));
  REQUIRE(first.status == 200);
  const std::string text = first.json()["choices"][0]["message"]["content"];
  CHECK(text.starts_with("This is a mock answer from govd."));
  CHECK(second.json()["choices"][0]["message"]["content"] == text);
  const Stream stream = daemon.chat_stream(key.secret, request("mock-model"));
  CHECK(stream.done);
  CHECK(stream.text == text);

  // 0.001 and 0.002 USD per 1,000 tokens: a credit for each token in, two for each out.
  const Json usage = first.json()["usage"];
  const std::int64_t credits =
      usage["prompt_tokens"].get<std::int64_t>() + 2 * usage["completion_tokens"].get<std::int64_t>();
  CHECK(first.json()["x_platform"]["credits_charged"] == credits);
  CHECK(daemon.balance("acme") == 1'000'000 - 3 * credits);
}
