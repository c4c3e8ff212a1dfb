// Requests to the gateway that are wrong, and providers that are: the stated answer, no charge, nothing held.

#include <arpa/inet.h>
#include <sys/socket.h>

#include <catch2/catch.hpp>

#include "tests/functional/harness/daemon.h"
#include "tests/functional/harness/upstream.h"

using namespace govctl::test;

namespace {

struct Gateway {
  FakeUpstream upstream;
  TestDaemon daemon;
  Shop shop{daemon, upstream.base_url()};
  Gateway() { daemon.price("fake", "m", "0.001", "0.001"); }
  Answer raw(std::string_view body) { return daemon.chat_raw(shop.key.secret, body); }

  void nothing_left(std::int64_t balance = 1'000'000) {
    CHECK(daemon.reserved("acme") == 0);
    CHECK(daemon.balance("acme") == balance);
    CHECK(daemon.verify()["ok"] == true);
  }
};

// A port on which nobody listens: bound, never listening, so that nobody else takes it.
struct DeadPort {
  Socket socket{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  int port = 0;
  DeadPort() {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    if (::bind(socket.fd(), reinterpret_cast<const sockaddr*>(&address), size) != 0 ||
        ::getsockname(socket.fd(), reinterpret_cast<sockaddr*>(&address), &size) != 0) {
      throw WireError("no port to be had");
    }
    port = ntohs(address.sin_port);
  }
};

const std::string good_tail = R"("messages":[{"role":"user","content":"hi"}]})";

}  // namespace

TEST_CASE("a body that is not one good JSON object is refused with 400", "[bad_input]") {
  Gateway g;
  const std::string body =
      GENERATE(as<std::string>{}, "", "hello", "[]", "42", "null", "\"text\"", "{", R"({"model":)",
               R"({"model":"fake/m"} x)", R"({"model":"fake/m",})", R"({'model':'fake/m'})",
               R"({"model":"fake/m","max_tokens":NaN})", std::string("{\"model\":\"fake/m\0\"}", 19),
               "{\"model\":\"fake/\xff\xfe\",\"messages\":[]}", std::string(100'000, '['),
               R"({"a":)" + std::string(5000, '[') + std::string(5000, ']') + "}");
  INFO(body.substr(0, 100));
  const Answer answer = g.raw(body);
  CHECK(answer.status == 400);
  const Json error = answer.json()["error"];
  CHECK(error["type"] == "invalid_request_error");
  CHECK(answer.header("x-should-retry") == "false");
  CHECK(answer.header("x-request-id").starts_with("req_"));
  CHECK(g.upstream.calls() == 0);
  g.nothing_left();
  // The daemon is well.
  CHECK(g.daemon.chat(g.shop.key.secret, request("fake/m")).status == 200);
}

TEST_CASE("governed fields that stand twice, in another spelling or of a wrong type are refused by name",
          "[bad_input]") {
  Gateway g;
  struct Case {
    std::string body, param;
  };
  const auto with = [](const std::string& fields) { return "{" + fields + "," + good_tail; };
  const std::vector<Case> cases{
      {with(R"("model":"fake/m","model":"fake/m","max_tokens":5)"), "model"},
      {with(R"("model":"fake/m","max_tokens":5,"max_tokens":500000)"), "max_tokens"},
      {with(R"("model":"fake/m","max_tokens":5,"stream":false,"stream":true)"), "stream"},
      {with(R"("model":"fake/m","max_tokens":5,"n":1,"n":50)"), "n"},
      {with(R"("model":"fake/m","max_tokens":5,"messages":[])"), "messages"},
      {with(R"("model":"fake/m","max_tokens":5,"Model":"other")"), "Model"},
      {with(R"("model":"fake/m","max_tokens":5,"MAX_TOKENS":500000)"), "MAX_TOKENS"},
      {with(R"("model":"fake/m","max_tokens":5,"Stream":true)"), "Stream"},
      {with(R"("model":"fake/m","max_tokens":5,"N":9)"), "N"},
      {with(R"("model":"fake/m","max_tokens":5,"mod\u0065l":"other")"), ""},
      {with(R"("max_tokens":5)"), "model"},
      {with(R"("model":5,"max_tokens":5)"), "model"},
      {with(R"("model":null,"max_tokens":5)"), "model"},
      {with(R"("model":"","max_tokens":5)"), "model"},
      {with(R"("model":")" + std::string(10'000, 'x') + R"(","max_tokens":5)"), "model"},
      {with(R"("model":"fake/m","max_tokens":"64")"), "max_tokens"},
      {with(R"("model":"fake/m","max_tokens":1.5)"), "max_tokens"},
      {with(R"("model":"fake/m","max_tokens":-1)"), "max_tokens"},
      {with(R"("model":"fake/m","max_tokens":0)"), "max_tokens"},
      {with(R"("model":"fake/m","max_tokens":true)"), "max_tokens"},
      {with(R"("model":"fake/m","max_tokens":9223372036854775808)"), "max_tokens"},
      {with(R"("model":"fake/m","max_tokens":99999999999999999999999999)"), "max_tokens"},
      {with(R"("model":"fake/m","max_completion_tokens":-5)"), "max_completion_tokens"},
      {with(R"("model":"fake/m","max_tokens":5,"n":0)"), "n"},
      {with(R"("model":"fake/m","max_tokens":5,"n":-3)"), "n"},
      {with(R"("model":"fake/m","max_tokens":5,"n":"2")"), "n"},
      {with(R"("model":"fake/m","max_tokens":5,"n":9223372036854775808)"), "n"},
      {with(R"("model":"fake/m","max_tokens":5,"stream":"yes")"), "stream"},
      {with(R"("model":"fake/m","max_tokens":5,"stream":1)"), "stream"},
      {with(R"("model":"fake/m","max_tokens":5,"stream":true,"stream_options":7)"), "stream_options"},
      {with(R"("model":"fake/m","max_tokens":5,"stream":true,"stream_options":{"include_usage":"yes"})"),
       "include_usage"},
      {R"({"model":"fake/m","max_tokens":5})", "messages"},
      {R"({"model":"fake/m","max_tokens":5,"messages":"hi"})", "messages"},
  };
  for (const Case& wrong : cases) {
    INFO(wrong.body.substr(0, 160));
    const Answer answer = g.raw(wrong.body);
    CHECK(answer.status == 400);
    if (answer.status != 400) continue;
    const Json error = answer.json()["error"];
    CHECK(error["type"] == "invalid_request_error");
    if (!wrong.param.empty()) {
      INFO(answer.body);
      CHECK(error["message"].get<std::string>().find(wrong.param) != std::string::npos);
    }
    CHECK(answer.header("x-should-retry") == "false");
  }
  CHECK(g.upstream.calls() == 0);
  g.nothing_left();
  // Each is one event, or part of a folded one.
  std::int64_t recorded = 0;
  const auto until = std::chrono::steady_clock::now() + patience;
  while (recorded < static_cast<std::int64_t>(cases.size()) && std::chrono::steady_clock::now() < until) {
    recorded = 0;
    for (const Json& event : g.daemon.events("acme")) recorded += event["count"].get<std::int64_t>();
  }
  CHECK(recorded == static_cast<std::int64_t>(cases.size()));
}

TEST_CASE("a worst case that no money can hold is refused, never wrapped", "[bad_input]") {
  Gateway g;
  for (const char* tokens : {"9223372036854775807", "9007199254740992", "1000000000000"}) {
    const Answer answer = g.raw(std::string(R"({"model":"fake/m","max_tokens":)") + tokens + "," + good_tail);
    INFO(tokens << ": " << answer.body);
    // Clamped to what the balance allows is right, too; wrapping to a small hold is not.
    if (answer.status == 200) {
      CHECK(answer.has("x-govd-max-tokens"));
      CHECK(g.daemon.event(answer.header("x-request-id"))["reserved"] <= 1'000'000);
    } else {
      CHECK((answer.status == 400 || answer.status == 402));
    }
  }
  CHECK(g.daemon.reserved("acme") == 0);
}

TEST_CASE("a missing or unknown key is 401 invalid_api_key, and nothing is recorded", "[bad_input]") {
  Gateway g;
  const std::string body = request("fake/m").dump();
  const auto call = [&](const Headers& headers) {
    return http(g.daemon.gateway(), "POST", "/v1/chat/completions", body, headers);
  };
  const std::vector<Headers> keys{{},
                                  {{"Authorization", "Bearer"}},
                                  {{"Authorization", "Bearer "}},
                                  {{"Authorization", "Basic YTpi"}},
                                  {{"Authorization", "Bearer sk-something"}},
                                  {{"Authorization", "Bearer cpk_" + std::string(43, 'A')}},
                                  {{"Authorization", "Bearer " + g.shop.key.secret + "x"}},
                                  {{"Authorization", "Bearer " + g.shop.key.secret.substr(0, 46)}},
                                  {{"Authorization", "Bearer cpk_" + std::string(5000, 'A')}},
                                  {{"x-api-key", "cpk_nothing"}}};
  for (const Headers& headers : keys) {
    const Answer answer = call(headers);
    INFO(answer.body);
    CHECK(answer.status == 401);
    CHECK(answer.json()["error"]["code"] == "invalid_api_key");
    CHECK(answer.header("x-should-retry") == "false");
    CHECK(answer.body.find("cpk_AAAA") == std::string::npos);
  }
  CHECK(g.daemon.events("acme").empty());
  CHECK(g.upstream.calls() == 0);
}

TEST_CASE("what is no route, no method and no HTTP is answered as such", "[bad_input]") {
  Gateway g;
  const Headers key{{"Authorization", "Bearer " + g.shop.key.secret}};
  CHECK(http(g.daemon.gateway(), "GET", "/v1/chat/completions", {}, key).status == 405);
  CHECK(http(g.daemon.gateway(), "POST", "/v1/nothing", "{}", key).status == 404);
  CHECK(http(g.daemon.gateway(), "GET", "/orgs", {}, key).status == 404);
  CHECK(http(g.daemon.gateway(), "GET", "/status", {}, key).status == 404);

  const auto raw = [&](const std::string& bytes) {
    HttpClient client(g.daemon.gateway());
    client.send_raw(bytes);
    return client.answer();
  };
  const std::string start =
      "POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + g.shop.key.secret + "\r\n";
  CHECK(raw(start + "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n").status == 400);
  CHECK(raw(start + "Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}").status == 400);
  CHECK(raw(start + "Content-Length: -2\r\n\r\n{}").status == 400);
  CHECK(raw(start + "Content-Length: 99999999999\r\n\r\n{}").status == 413);
  CHECK(raw(start + "X-Filler: " + std::string(40'000, 'x') + "\r\n\r\n").status == 431);
  CHECK(raw("nonsense\r\n\r\n").status == 400);
  CHECK(g.upstream.calls() == 0);

  // A chunked body is as good as one with a length.
  const std::string body = request("fake/m").dump();
  char size[16];
  std::snprintf(size, sizeof(size), "%zx", body.size());
  CHECK(raw(start + "Transfer-Encoding: chunked\r\n\r\n" + size + "\r\n" + body + "\r\n0\r\n\r\n").status ==
        200);
}

TEST_CASE("a provider that cannot be reached is 502 and costs nothing", "[bad_input]") {
  Gateway g;
  const DeadPort dead;
  g.daemon.provider("dead", "http://127.0.0.1:" + std::to_string(dead.port) + "/v1");
  g.daemon.price("dead", "m", "0.001", "0.001");
  for (const bool streamed : {false, true}) {
    Json body = request("dead/m");
    body["stream"] = streamed;
    const Answer answer = g.daemon.chat(g.shop.key.secret, body);
    CHECK(answer.status == 502);
    CHECK(answer.json()["error"]["message"].get<std::string>().find("dead") != std::string::npos);
    const Json event = g.daemon.event(answer.header("x-request-id"));
    CHECK(event["status"] == "ERROR");
    CHECK(event["credits_charged"] == 0);
    CHECK_FALSE(event["error_message"].is_null());
  }
  g.nothing_left();
}

TEST_CASE("a provider's own refusals pass unchanged and cost nothing", "[bad_input]") {
  Gateway g;
  const int status = GENERATE(400, 403, 404, 409, 422, 429, 500, 503);
  INFO(status);
  const Json body{{"error", {{"message", "the provider's own words"}, {"type", "x"}, {"code", status}}}};
  g.upstream.on("m", [&](Reply& reply) { reply.json(status, body, {{"retry-after", "7"}}); });
  for (const bool streamed : {false, true}) {
    Json asked = request("fake/m");
    asked["stream"] = streamed;
    const Answer answer = g.daemon.chat(g.shop.key.secret, asked);
    CHECK(answer.status == status);
    CHECK(answer.json() == body);
    if (status == 429) CHECK(answer.header("retry-after") == "7");
    const Json event = g.daemon.event(answer.header("x-request-id"));
    CHECK(event["status"] == "ERROR");
    CHECK(event["credits_charged"] == 0);
  }
  g.nothing_left();
}

TEST_CASE("a provider that refuses the org's credential is 502: the agent's own key is good", "[bad_input]") {
  Gateway g;
  g.upstream.on("m", [](Reply& reply) {
    reply.json(401, {{"error", {{"message", "Incorrect API key provided: sk-in-the-open"}}}});
  });
  const Answer answer = g.daemon.chat(g.shop.key.secret, request("fake/m"));
  CHECK(answer.status == 502);
  CHECK(answer.body.find("credential") != std::string::npos);
  CHECK(answer.body.find("sk-in-the-open") == std::string::npos);
  g.nothing_left();
}

TEST_CASE("a provider that answers garbage is 502, and the agent sees no half of it", "[bad_input]") {
  Gateway g;
  struct Case {
    std::string bytes;
    bool charged;  // a 200 was begun: what was sent is paid for
  };
  const std::string ok = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n";
  const std::vector<Case> cases{
      {"SSH-2.0-OpenSSH\r\n", false},
      {"HTTP/1.1 abc\r\n\r\n", false},
      {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!", false},
      {"", false},
      {ok + "Content-Length: 9\r\n\r\nnot json!", true},
      {ok + "Content-Length: 2\r\n\r\n[]", true},
      {ok + "Content-Length: 0\r\n\r\n", true},
      {ok + "Content-Length: 500\r\n\r\n{\"id\":\"cut", true},
  };
  for (const Case& wrong : cases) {
    INFO(wrong.bytes);
    g.upstream.on("m", [&](Reply& reply) {
      reply.raw(wrong.bytes);
      reply.close = true;
    });
    const std::int64_t before = g.daemon.balance("acme");
    const Answer answer = g.daemon.chat(g.shop.key.secret, request("fake/m"));
    CHECK(answer.status == 502);
    CHECK(answer.json()["error"].contains("message"));
    const Json event = g.daemon.event(answer.header("x-request-id"));
    CHECK(event["status"] == "ERROR");
    CHECK(event["credits_charged"] == before - g.daemon.balance("acme"));
    CHECK(event["credits_charged"] <= event["reserved"]);
    CHECK(g.daemon.reserved("acme") == 0);
  }
  CHECK(g.daemon.verify()["ok"] == true);
}

TEST_CASE("a provider that is silent for too long is 504", "[bad_input]") {
  Gateway g;
  g.daemon.provider("slow", g.upstream.base_url(), {{"first_byte_timeout_ms", 300}});
  g.daemon.price("slow", "silent", "0.001", "0.001");
  g.upstream.on("silent", [](Reply& reply) {
    reply.wait_until_gone();
    reply.close = true;
  });
  const Answer answer = g.daemon.chat(g.shop.key.secret, request("slow/silent"));
  CHECK(answer.status == 504);
  CHECK(g.daemon.event(answer.header("x-request-id"))["status"] == "ERROR");
  CHECK(g.daemon.reserved("acme") == 0);
}

TEST_CASE("a redirecting provider is not followed", "[bad_input]") {
  Gateway g;
  FakeUpstream elsewhere;
  g.upstream.on("m", [&](Reply& reply) {
    reply.json(307, {{"moved", true}}, {{"Location", elsewhere.base_url() + "/chat/completions"}});
  });
  const Answer answer = g.daemon.chat(g.shop.key.secret, request("fake/m"));
  CHECK(answer.status != 200);
  CHECK(elsewhere.calls() == 0);
  g.nothing_left();
}
