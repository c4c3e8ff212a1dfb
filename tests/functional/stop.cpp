// Calls in flight whose key is revoked or whose agent, or anything above it, is switched off: a stream ends at
// once and says why, its provider is stopped, and what it used is charged.

#include <thread>

#include "tests/functional/harness/dialects.h"

using namespace govctl::test;
using Clock = std::chrono::steady_clock;

namespace {

struct Stops : Dialects {
  using Dialects::Dialects;

  // The org is told to stop the call `how`; what it hangs on is not deleted, so that its figures can be read.
  void stop(const std::string& how) {
    const auto id = [&](const char* target) { return daemon.get(target)["items"][0]["id"].get<std::string>(); };
    const auto workspace = [&] { return id("/orgs/acme/workspaces"); };
    const auto group = [&] { return id(("/workspaces/" + workspace() + "/agent-groups").c_str()); };
    const auto agent = [&] { return id(("/agent-groups/" + group() + "/agents").c_str()); };
    if (how == "org") daemon.expect(200, "PATCH", "/orgs/acme", {{"active", false}});
    if (how == "workspace") daemon.expect(200, "PATCH", "/workspaces/" + workspace(), {{"active", false}});
    if (how == "group") daemon.expect(200, "PATCH", "/agent-groups/" + group(), {{"active", false}});
    if (how == "agent") daemon.expect(200, "PATCH", "/agents/" + agent(), {{"status", "DISABLED"}});
    if (how == "freeze") {
      daemon.expect(200, "POST", "/freeze", {{"path", "acme/prod/support"}, {"reason", "incident 7"}});
    }
    if (how == "revoke") daemon.expect(200, "DELETE", "/agents/" + agent() + "/keys/" + shop.key.id);
    if (how == "rotate") {
      daemon.expect(201, "POST", "/agents/" + agent() + "/keys/" + shop.key.id + "/rotate", Json::object());
    }
  }
  // Streams whose provider has said a word and says nothing more until it is left.
  void hang() {
    upstream.on("m", [this](Reply& reply) {
      if (reply.seen.target.ends_with("/messages")) {
        begin_message(reply, 30, "the first half");
      } else if (reply.seen.target.ends_with("/responses")) {
        begin_response(reply, "the first half");
      } else {
        reply.begin_stream();
        reply.text("the first half");
      }
      ++begun;
      if (reply.wait_until_gone()) left = Clock::now();
      reply.close = true;
    });
  }
  HttpClient open(const std::string& path, Json body) {
    body["stream"] = true;
    HttpClient client(daemon.gateway());
    client.send("POST", path, body.dump(), {{"x-api-key", shop.key.secret}});
    return client;
  }
  void wait_for_words() const {
    const auto until = Clock::now() + patience;
    while (begun == 0 && Clock::now() < until) std::this_thread::sleep_for(2ms);
  }

  std::atomic<int> begun = 0;
  std::atomic<Clock::time_point> left = Clock::time_point{};
};

}  // namespace

TEST_CASE("whatever switches a call off ends its stream at once, and it is charged like a cut one", "[stop]") {
  const std::string how = GENERATE("org", "workspace", "group", "agent", "freeze", "revoke", "rotate");
  INFO(how);
  Stops s;
  s.hang();
  HttpClient client = s.open("/v1/chat/completions", request("fake/m", 500));
  const Answer head = client.head();
  REQUIRE(head.status == 200);
  EventReader events(client);
  REQUIRE(events.next());
  const auto before = Clock::now();
  s.stop(how);
  const auto told = events.next();
  CHECK(Clock::now() - before < 1s);
  REQUIRE(told);
  const Json error = Json::parse(*told).at("error");
  const bool key = how == "revoke" || how == "rotate";
  const std::string code = how == "freeze" ? "frozen" : "inactive";
  CHECK(error["code"] == (key ? "invalid_api_key" : code));
  const std::string said = error["message"];
  const std::string wanted = key ? "was revoked" : how == "freeze" ? "is frozen: incident 7" : how + " acme";
  CHECK(said.find(wanted) != std::string::npos);
  CHECK_FALSE(events.next());
  const auto until = Clock::now() + patience;
  while (s.left.load() == Clock::time_point{} && Clock::now() < until) std::this_thread::sleep_for(2ms);
  // Stopped within 250 ms of the change, not of its answer.
  CHECK(s.left.load() - before < 400ms);

  const Json event = s.daemon.event(head.header("x-request-id"));
  CHECK(event["status"] == "ERROR");
  CHECK(event["cause"] == (key ? "revoked" : code));
  CHECK(event["completion"] == "partial");
  // 14 bytes of text are about 4 tokens.
  CHECK(event["output_tokens"] == 4);
  CHECK(event["flags"] == Json::parse(R"(["estimated"])"));
  s.books_balance(event["credits_charged"]);
}

TEST_CASE("a stopped stream says so in its dialect, translated or not", "[stop]") {
  Stops s;
  s.hang();
  SECTION("messages") {
    const std::string model = GENERATE("anthropic-like/m", "fake/m");
    HttpClient client = s.open("/v1/messages", messages_request(model));
    s.wait_for_words();
    s.stop("agent");
    const auto events = events_of(client.answer().body);
    REQUIRE_FALSE(events.empty());
    CHECK(events.back().first == "error");
    CHECK(events.back().second["error"]["type"] == "permission_error");
  }
  SECTION("responses") {
    const std::string model = GENERATE("responses-like/m", "anthropic-like/m");
    HttpClient client = s.open("/v1/responses", responses_request(model));
    s.wait_for_words();
    s.stop("agent");
    const auto events = events_of(client.answer().body);
    REQUIRE_FALSE(events.empty());
    CHECK(events.back().first == "response.failed");
    CHECK(events.back().second["response"]["error"]["message"].get<std::string>().find("not active") !=
          std::string::npos);
  }
}

TEST_CASE("a call in one piece that is stopped is charged as reported, and its answer is withheld", "[stop]") {
  Stops s;
  Gate gate;
  s.upstream.on("m", [&](Reply& reply) {
    gate.wait();
    answer(reply, {.prompt = 30, .completion = 12});
  });
  HttpClient client = s.daemon.chat_open(s.shop.key.secret, request("fake/m"));
  REQUIRE(s.upstream.reached("m", 1));
  s.stop("workspace");
  gate.open();
  const Answer answer = client.answer();
  CHECK(answer.status == 403);
  CHECK(answer.json()["error"]["code"] == "inactive");
  CHECK(answer.body.find(answer_text) == std::string::npos);
  const Json event = s.event_of(answer);
  CHECK(event["status"] == "ERROR");
  CHECK(event["cause"] == "inactive");
  CHECK(event["credits_charged"] == 42);
  s.books_balance(42);
}

TEST_CASE("a stream that waits for its provider's first byte is stopped, too", "[stop]") {
  Stops s;
  s.upstream.on("m", [&](Reply& reply) {
    ++s.begun;
    reply.wait_until_gone();
    reply.close = true;
  });
  HttpClient client = s.open("/v1/chat/completions", request("fake/m"));
  s.wait_for_words();
  s.stop("revoke");
  const Answer answer = client.answer();
  CHECK(answer.status == 401);
  CHECK(answer.json()["error"]["code"] == "invalid_api_key");
  CHECK(s.event_of(answer)["cause"] == "revoked");
  CHECK(s.daemon.reserved("acme") == 0);
}

TEST_CASE("other agents' streams go on, and so does one whose key was merely given a date", "[stop]") {
  Stops s;
  Gate gate;
  s.upstream.on("m", [&](Reply& reply) {
    reply.begin_stream();
    reply.text("the first half");
    ++s.begun;
    gate.wait();
    reply.chunk(
        Json{{"id", "c"}, {"choices", {{{"index", 0}, {"delta", Json::object()}, {"finish_reason", "stop"}}}}});
    reply.event("[DONE]");
    reply.end_stream();
  });
  HttpClient client = s.open("/v1/chat/completions", request("fake/m"));
  s.wait_for_words();
  s.daemon.make_agent("acme/prod/support/other");
  const Key other = s.daemon.make_key("acme/prod/support/other");
  Json rows = s.daemon.get("/orgs/acme/workspaces");
  rows = s.daemon.get("/workspaces/" + rows["items"][0]["id"].get<std::string>() + "/agent-groups");
  rows = s.daemon.get("/agent-groups/" + rows["items"][0]["id"].get<std::string>() + "/agents");
  for (const Json& agent : rows["items"]) {
    const std::string at = "/agents/" + agent["id"].get<std::string>();
    if (agent["slug"] == "other") {
      s.daemon.expect(200, "PATCH", at, {{"status", "DISABLED"}});
    } else {
      s.daemon.expect(201, "POST", at + "/keys/" + s.shop.key.id + "/rotate", {{"grace", "1h"}});
    }
  }
  gate.open();
  const Stream stream = read_stream(client);
  CHECK(stream.done);
  CHECK(stream.text == "the first half");
}

TEST_CASE("a client that takes nothing does not keep a stopped stream", "[stop]") {
  Stops s;
  s.upstream.on("m", [&](Reply& reply) {
    reply.begin_stream();
    ++s.begun;
    const std::string words(60'000, 'w');
    while (reply.text(words)) continue;
    s.left = Clock::now();
    reply.close = true;
  });
  const HttpClient client = s.open("/v1/chat/completions", request("fake/m", 500));
  s.wait_for_words();
  std::this_thread::sleep_for(300ms);
  const auto before = Clock::now();
  s.stop("agent");
  const auto until = Clock::now() + 10s;
  while (s.daemon.reserved("acme") != 0 && Clock::now() < until) std::this_thread::sleep_for(10ms);
  CHECK(s.daemon.reserved("acme") == 0);
  CHECK(s.left.load() - before < 400ms);
  CHECK(s.daemon.events("acme")[0]["cause"] == "inactive");
}

TEST_CASE("what is frozen calls no more until it is let go, and both are recorded", "[stop]") {
  Dialects d;
  d.upstream.uses("m", {.prompt = 10, .completion = 5});
  const Json asked = request("fake/m");
  for (const std::string path : {"acme", "acme/prod", "acme/prod/support", "acme/prod/support/triage"}) {
    INFO(path);
    const Json frozen = d.daemon.expect(200, "POST", "/freeze", {{"path", path}, {"reason", "incident 7"}});
    CHECK(frozen["path"] == path);
    CHECK(frozen["frozen_reason"] == "incident 7");
    // A second time changes nothing, its time neither.
    CHECK(d.daemon.expect(200, "POST", "/freeze", {{"path", path}, {"reason", "incident 7"}}) == frozen);
    const Answer refused = d.daemon.chat(d.shop.key.secret, asked);
    CHECK(refused.status == 403);
    CHECK(refused.json()["error"]["code"] == "frozen");
    const Json loose = d.daemon.expect(200, "POST", "/unfreeze", {{"path", path}});
    CHECK(loose["frozen_at"].is_null());
    CHECK(d.daemon.chat(d.shop.key.secret, asked).status == 200);
  }
  std::map<std::string, int> recorded;
  for (const Json& row : d.daemon.audit("acme")) ++recorded[row["event_type"].get<std::string>()];
  for (const char* const what : {"org", "workspace", "agent-group", "agent"}) {
    CHECK(recorded[std::string(what) + ".freeze"] == 1);
    CHECK(recorded[std::string(what) + ".unfreeze"] == 1);
  }
  CHECK(d.daemon.control("POST", "/freeze", {{"path", "acme/nobody"}}).status == 404);
  CHECK(d.daemon.verify()["ok"] == true);
}
