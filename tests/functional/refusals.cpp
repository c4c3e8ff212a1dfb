// A refused call: its user is told which rule or budget, where it hangs, the figures and what to run; it costs
// nothing and is recorded once.

#include <catch2/catch.hpp>
#include <thread>

#include "tests/functional/harness/daemon.h"
#include "tests/functional/harness/upstream.h"

using namespace govctl::test;

namespace {

struct Refusals {
  FakeUpstream upstream;
  TestDaemon daemon;
  Shop shop{daemon, upstream.base_url(), 1000};
  // A credit for each token out.
  Refusals() { daemon.price("fake", "m", "0", "0.001"); }

  Answer call(const Json& body) { return daemon.chat(shop.key.secret, body); }

  // What every refusal has in common.
  Json check(const Answer& answer, int status, const std::string& type, const std::string& code) {
    INFO(answer.body);
    CHECK(answer.status == status);
    CHECK(answer.header("content-type") == "application/json");
    const Json error = answer.json()["error"];
    CHECK(error.size() == 4);
    CHECK(error["type"] == type);
    CHECK(error["code"] == code);
    CHECK(error.contains("param"));
    const std::string request_id = answer.header("x-request-id");
    CHECK(request_id.starts_with("req_"));
    const std::string message = error["message"];
    if (status == 402 || status == 403 || status == 429) {
      CHECK(message.ends_with("govctl explain " + request_id));
    } else {
      CHECK(message.find("govctl ") != std::string::npos);
    }
    CHECK(answer.header("x-should-retry") == (status == 429 ? "" : "false"));
    CHECK(upstream.calls() == calls_before);

    const Json event = daemon.event(request_id);
    CHECK(event["status"] == (status == 402 ? "BUDGET_EXCEEDED" : "POLICY_BLOCKED"));
    CHECK(event["credits_charged"] == 0);
    CHECK(event["reserved"] == 0);
    CHECK(event["count"] == 1);
    CHECK_FALSE(event["cause"].is_null());
    CHECK(daemon.reserved("acme") == 0);
    return event;
  }
  std::size_t calls_before = 0;
};

void check_says(const Answer& answer, const std::vector<std::string>& words) {
  const std::string message = answer.json()["error"]["message"];
  for (const std::string& word : words) {
    INFO("looking for '" << word << "' in: " << message);
    CHECK(message.find(word) != std::string::npos);
  }
}

}  // namespace

TEST_CASE("a call over the balance is refused with 402 insufficient_credits", "[refusals]") {
  Refusals r;
  r.daemon.policy("acme", {{"clamp", false}});
  const Answer answer = r.call(request("fake/m", 1001));
  const Json event = r.check(answer, 402, "insufficient_quota", "insufficient_credits");
  check_says(answer, {"acme", "1001", "1000"});
  CHECK(event["cause"] == "insufficient_credits");
  CHECK(event["decision"]["needed"] == 1001);
  CHECK(r.daemon.balance("acme") == 1000);
}

TEST_CASE("a call over a budget is told the budget's path, limit, what is spent, and when it resets",
          "[refusals]") {
  Refusals r;
  r.daemon.budget("acme/prod", 120, {{"period", "DAILY"}});
  r.upstream.uses("m", {.prompt = 10, .completion = 50});
  REQUIRE(r.call(request("fake/m", 64)).status == 200);
  r.calls_before = 1;
  const Answer answer = r.call(request("fake/m", 80));
  const Json event = r.check(answer, 402, "insufficient_quota", "budget_exceeded");
  check_says(answer, {"DAILY", "acme/prod", "120", "50", "80", "T00:00:00Z"});
  CHECK(event["decision"]["limit"] == 120);
  CHECK(event["decision"]["spent"] == 50);
  CHECK(event["decision"]["path"] == "acme/prod");
}

TEST_CASE("the budget that has no room is the one that is named", "[refusals]") {
  Refusals r;
  r.daemon.budget("acme", 900, {{"period", "MONTHLY"}});
  r.daemon.budget(Shop::agent, 100);
  const Answer answer = r.call(request("fake/m", 101));
  r.check(answer, 402, "insufficient_quota", "budget_exceeded");
  check_says(answer, {Shop::agent, "TOTAL", "limit 100"});
}

TEST_CASE("a key's own limit refuses with budget_exceeded", "[refusals]") {
  Refusals r;
  r.shop.key = r.daemon.make_key(Shop::agent, {{"limit", 60}});
  const Answer answer = r.call(request("fake/m", 61));
  const Json event = r.check(answer, 402, "insufficient_quota", "budget_exceeded");
  check_says(answer, {"key", "60", "61"});
  CHECK(event["cause"] == "key_limit");
}

TEST_CASE("models and providers that a policy does not allow are refused, and the policy is named",
          "[refusals]") {
  Refusals r;
  r.daemon.price("fake", "big", "0", "0.001");
  r.daemon.price("fake", "small-1", "0", "0.001");
  r.daemon.price("fake", "small-2", "0", "0.001");
  r.daemon.policy("acme", {{"name", "house"}, {"allow_models", {"small-*", "m"}}, {"deny_models", {"*-2"}}});

  Answer answer = r.call(request("fake/big"));
  CHECK(r.check(answer, 403, "policy_denied", "policy_denied")["cause"] == "model_denied");
  check_says(answer, {"big", "acme: house"});
  answer = r.call(request("fake/small-2"));
  r.check(answer, 403, "policy_denied", "policy_denied");
  check_says(answer, {"small-2", "acme: house"});
  CHECK(r.call(request("fake/small-1")).status == 200);

  // Further down a list can only narrow.
  r.daemon.policy(Shop::agent, {{"allow_models", {"fake/m", "fake/big"}}});
  r.calls_before = 1;
  r.check(r.call(request("fake/big")), 403, "policy_denied", "policy_denied");
  r.check(r.call(request("fake/small-1")), 403, "policy_denied", "policy_denied");
  CHECK(r.call(request("fake/m")).status == 200);
  r.calls_before = 2;

  r.daemon.policy(Shop::group, {{"providers", {"openai"}}});
  answer = r.call(request("fake/m"));
  r.check(answer, 403, "policy_denied", "policy_denied");
  check_says(answer, {"openai", Shop::group});
}

TEST_CASE("input and output over a policy's tokens are refused", "[refusals]") {
  Refusals r;
  r.daemon.policy(Shop::workspace, {{"max_output_tokens", 100}, {"max_input_tokens", 500}});
  Answer answer = r.call(request("fake/m", 101));
  r.check(answer, 403, "policy_denied", "policy_denied");
  check_says(answer, {"101", "100", Shop::workspace});
  Json longer = request("fake/m", 50);
  longer["messages"][0]["content"] = std::string(8000, 'x');
  answer = r.call(longer);
  r.check(answer, 403, "policy_denied", "policy_denied");
  check_says(answer, {"500", Shop::workspace});

  // A request that names no maximum gets the policy's, upstream too.
  Json open = request("fake/m");
  open.erase("max_tokens");
  REQUIRE(r.call(open).status == 200);
  CHECK(Json::parse(r.upstream.last().body)["max_tokens"] == 100);
}

TEST_CASE("a model without a known maximum, asked without one, is refused", "[refusals]") {
  Refusals r;
  Json open = request("fake/m");
  open.erase("max_tokens");
  const Answer answer = r.call(open);
  r.check(answer, 403, "policy_denied", "policy_denied");
  check_says(answer, {"max_tokens"});
}

TEST_CASE("an inactive org, workspace, group or agent refuses with 403 until it is active again",
          "[refusals]") {
  Refusals r;
  const std::string level = GENERATE("org", "workspace", "group", "agent");
  INFO(level);
  const auto set = [&](bool active) {
    if (level == "org") r.daemon.expect(200, "PATCH", "/orgs/acme", {{"active", active}});
    if (level == "workspace") r.daemon.expect(200, "PATCH", "/workspaces/acme%2Fprod", {{"active", active}});
    if (level == "group")
      r.daemon.expect(200, "PATCH", "/agent-groups/acme%2Fprod%2Fsupport", {{"active", active}});
    if (level == "agent") {
      r.daemon.expect(200, "PATCH", "/agents/" + percent(Shop::agent),
                      {{"status", active ? "ACTIVE" : "DISABLED"}});
    }
  };
  set(false);
  const Answer answer = r.call(request("fake/m"));
  const Json event = r.check(answer, 403, "permission_error", "inactive");
  CHECK(event["cause"] == "inactive");
  set(true);
  CHECK(r.call(request("fake/m")).status == 200);
}

TEST_CASE("no price, no credential and no provider are refused with the command that mends it", "[refusals]") {
  Refusals r;
  Answer answer = r.call(request("fake/unpriced"));
  CHECK(r.check(answer, 400, "invalid_request_error", "no_price")["cause"] == "no_price");
  check_says(answer, {"unpriced", "govctl pricing set fake unpriced"});
  answer = r.call(request("no-such-model"));
  r.check(answer, 400, "invalid_request_error", "no_price");
  check_says(answer, {"govctl pricing set openai no-such-model"});
  answer = r.call(request("gpt-4o-mini"));
  CHECK(r.check(answer, 400, "invalid_request_error", "no_credential")["cause"] == "no_credential");
  check_says(answer, {"acme", "openai", "govctl credential add acme openai"});
  answer = r.call(request("claude-something"));
  CHECK(answer.status == 400);
  check_says(answer, {"anthropic", "govctl "});
}

TEST_CASE("rate limits refuse with 429, say when to come back, and refused calls do not count", "[refusals]") {
  Refusals r;
  r.daemon.policy(Shop::group, {{"rpm", 3}, {"deny_models", {"denied*"}}, {"clamp", false}});
  r.daemon.price("fake", "denied", "0", "0.001");
  for (int i = 0; i < 3; ++i) r.check(r.call(request("fake/denied")), 403, "policy_denied", "policy_denied");
  for (int i = 0; i < 3; ++i) CHECK(r.call(request("fake/m", 5000)).status == 402);
  const std::size_t passed_before = r.upstream.calls();
  std::vector<Answer> answers;
  for (int i = 0; i < 5; ++i) answers.push_back(r.call(request("fake/m")));
  CHECK(answers[0].status == 200);
  CHECK(answers[1].status == 200);
  CHECK(answers[2].status == 200);
  CHECK(answers[3].status == 429);
  CHECK(answers[4].status == 429);
  r.calls_before = passed_before + 3;
  const Json event = r.check(answers[4], 429, "requests", "rate_limit_exceeded");
  check_says(answers[4], {Shop::group, "3"});
  CHECK(event["cause"] == "rate_limit_rpm");
  const int after = std::stoi(answers[4].header("retry-after"));
  CHECK(after >= 1);
  CHECK(after <= 60);
  CHECK(answers[4].header("x-ratelimit-limit-requests") == "3");
  CHECK(answers[4].header("x-ratelimit-remaining-requests") == "0");
}

TEST_CASE("tokens a minute count what was used, not what was feared", "[refusals]") {
  Refusals r;
  r.daemon.policy(Shop::agent, {{"tpm", 1000}});
  r.upstream.uses("m", {.prompt = 400, .completion = 50});
  // 450 used a call; the third finds 900 used, and wants its 64 and its input on top.
  CHECK(r.call(request("fake/m", 64)).status == 200);
  CHECK(r.call(request("fake/m", 64)).status == 200);
  CHECK(r.call(request("fake/m", 900)).status == 429);
  const Answer answer = r.call(request("fake/m", 200));
  r.calls_before = 2;
  CHECK(r.check(answer, 429, "tokens", "rate_limit_exceeded")["cause"] == "rate_limit_tpm");
  check_says(answer, {Shop::agent, "1000", "900"});
  CHECK(std::stoi(answer.header("retry-after")) <= 60);
}

TEST_CASE("calls at once are limited, and every way to end gives the place back", "[refusals]") {
  Refusals r;
  r.daemon.policy(Shop::agent, {{"parallel", 1}});
  Gate gate;
  r.upstream.on("m", [&](Reply& reply) {
    if (reply.request.value("seed", 0) == 1) gate.wait();
    if (reply.request.value("seed", 0) == 2) {
      reply.json(500, {{"error", {{"message", "down"}}}});
    } else if (reply.request.value("seed", 0) == 3) {
      reply.begin_stream();
      reply.text("half");
      reply.wait_until_gone();
    } else {
      answer(reply, Tokens{});
    }
  });
  Json held = request("fake/m");
  held["seed"] = 1;
  HttpClient first = r.daemon.chat_open(r.shop.key.secret, held);
  REQUIRE(r.upstream.reached("m", 1));
  r.calls_before = 1;
  const Answer answer = r.call(request("fake/m"));
  CHECK(r.daemon.reserved("acme") == 64);
  CHECK(answer.status == 429);
  check_says(answer, {Shop::agent, "1"});
  CHECK_FALSE(answer.header("retry-after").empty());
  gate.open();
  CHECK(first.answer().status == 200);
  CHECK(r.call(request("fake/m")).status == 200);

  held["seed"] = 2;
  CHECK(r.call(held).status == 500);
  CHECK(r.call(request("fake/m")).status == 200);

  held["seed"] = 3;
  held["stream"] = true;
  {
    HttpClient leaving = r.daemon.chat_open(r.shop.key.secret, held);
    REQUIRE(leaving.head().status == 200);
    leaving.piece();
  }
  const auto until = std::chrono::steady_clock::now() + patience;
  while (r.call(request("fake/m")).status != 200 && std::chrono::steady_clock::now() < until) {
    std::this_thread::sleep_for(20ms);
  }
  CHECK(std::chrono::steady_clock::now() < until);
  CHECK(r.daemon.reserved("acme") == 0);
}

TEST_CASE("less output is allowed where more does not fit, and the client is told", "[refusals]") {
  Refusals r;
  r.daemon.budget(Shop::workspace, 500);
  r.upstream.uses("m", {.prompt = 10, .completion = 20});
  Answer answer = r.call(request("fake/m", 800));
  REQUIRE(answer.status == 200);
  CHECK(answer.header("x-govd-max-tokens") == "500");
  CHECK(Json::parse(r.upstream.last().body)["max_tokens"] == 500);
  const Json event = r.daemon.event(answer.header("x-request-id"));
  CHECK(event["reserved"] == 500);
  CHECK(event["credits_charged"] == 20);
  CHECK(event["flags"] == Json::parse(R"(["clamped"])"));

  // In the field that the client used, streamed too.
  Json newer = request("fake/m");
  newer.erase("max_tokens");
  newer["max_completion_tokens"] = 900;
  const Stream stream = r.daemon.chat_stream(r.shop.key.secret, newer);
  CHECK(find_header(stream.headers, "x-govd-max-tokens") == "480");
  const Json sent = Json::parse(r.upstream.last().body);
  CHECK(sent["max_completion_tokens"] == 480);
  CHECK_FALSE(sent.contains("max_tokens"));

  // A call that fits is left alone.
  answer = r.call(request("fake/m", 300));
  CHECK_FALSE(answer.has("x-govd-max-tokens"));
  CHECK(Json::parse(r.upstream.last().body)["max_tokens"] == 300);

  // Never below 256, and not where a policy turns it off.
  r.daemon.budget(Shop::agent, 60 + 255);
  r.calls_before = r.upstream.calls();
  r.check(r.call(request("fake/m", 800)), 402, "insufficient_quota", "budget_exceeded");
  r.daemon.policy("acme", {{"clamp", false}});
  r.check(r.call(request("fake/m", 441)), 402, "insufficient_quota", "budget_exceeded");
}

TEST_CASE("several choices are held for all of them", "[refusals]") {
  Refusals r;
  Json body = request("fake/m", 400);
  body["n"] = 3;
  r.daemon.policy("acme", {{"clamp", false}});
  r.check(r.call(body), 402, "insufficient_quota", "insufficient_credits");
  body["n"] = 2;
  const Answer answer = r.call(body);
  REQUIRE(answer.status == 200);
  CHECK(r.daemon.event(answer.header("x-request-id"))["reserved"] == 800);
}

TEST_CASE("a flood of refusals folds into few events that count them all", "[refusals]") {
  Refusals r;
  constexpr int flood = 300;
  const auto began = std::chrono::steady_clock::now();
  for (int i = 0; i < flood; ++i) REQUIRE(r.call(request("fake/unpriced")).status == 400);
  const auto seconds =
      std::chrono::duration_cast<std::chrono::seconds>(std::chrono::steady_clock::now() - began).count();
  std::int64_t counted = 0;
  std::size_t rows = 0;
  const auto until = std::chrono::steady_clock::now() + patience;
  while (counted < flood && std::chrono::steady_clock::now() < until) {
    std::this_thread::sleep_for(50ms);
    counted = 0;
    const auto events = r.daemon.events("acme");
    rows = events.size();
    for (const Json& event : events) counted += event["count"].get<std::int64_t>();
  }
  CHECK(counted == flood);
  CHECK(rows <= 11 * static_cast<std::size_t>(seconds + 2));
  CHECK(r.daemon.verify()["ok"] == true);
}

TEST_CASE("spent auto_disable budgets show the agents below as BUDGET_EXHAUSTED, and it is audited",
          "[refusals]") {
  Refusals r;
  r.daemon.budget(Shop::group, 40, {{"auto_disable", true}});
  r.upstream.uses("m", {.prompt = 10, .completion = 40});
  REQUIRE(r.call(request("fake/m", 40)).status == 200);
  CHECK(r.daemon.get("/agents/" + percent(Shop::agent))["status"] == "BUDGET_EXHAUSTED");
  r.calls_before = 1;
  r.check(r.call(request("fake/m", 1)), 402, "insufficient_quota", "budget_exceeded");
  std::size_t told = 0;
  for (const Json& row : r.daemon.audit("acme")) told += row["event_type"] == "budget.exhausted" ? 1 : 0;
  CHECK(told == 1);
  // More money in the budget ends it.
  const std::string id = r.daemon.get("/budgets")["items"][0]["id"];
  r.daemon.expect(200, "PATCH", "/budgets/" + id, {{"limit", 100}});
  CHECK(r.daemon.get("/agents/" + percent(Shop::agent))["status"] == "ACTIVE");
  CHECK(r.call(request("fake/m", 40)).status == 200);
}
