// Idempotency-Key: a client that asks twice is not served twice, whatever happened in between.

#include <catch2/catch.hpp>
#include <thread>

#include "tests/functional/harness/database.h"
#include "tests/functional/harness/dialects.h"

using namespace govctl::test;

namespace {

Headers with_key(const std::string& value) { return {{"Idempotency-Key", value}}; }
std::string code(const Answer& answer) { return answer.json()["error"].value("code", ""); }
std::string text(const Answer& answer) { return answer.json()["error"]["message"]; }
bool says(const Answer& answer, const std::string& words) {
  return text(answer).find(words) != std::string::npos;
}

}  // namespace

TEST_CASE("a finished call is not made again: 409 with its id and status, in every dialect", "[idempotency]") {
  Dialects d;
  d.upstream.on("a", [](Reply& reply) { reply.json(200, message(100, 0, 20)); });
  d.daemon.price("anthropic-like", "a", "0.001", "0.001");
  d.upstream.on("r", [](Reply& reply) { reply.json(200, response("completed", 100, 20)); });
  d.daemon.price("responses-like", "r", "0.001", "0.001");
  struct Case {
    const char* path;
    Json body;
    const char* model;
  };
  const std::vector<Case> cases{{"/v1/chat/completions", request("fake/m"), "m"},
                                {"/v1/messages", messages_request("anthropic-like/a"), "a"},
                                {"/v1/responses", responses_request("responses-like/r"), "r"}};
  for (const Case& c : cases) {
    INFO(c.path);
    const Answer first = d.post(c.path, c.body, with_key("job-1 " + std::string(c.model)));
    REQUIRE(first.status == 200);
    const Answer again = d.post(c.path, c.body, with_key("job-1 " + std::string(c.model)));
    CHECK(again.status == 409);
    CHECK(again.header("x-should-retry") == "false");
    CHECK_FALSE(again.has("retry-after"));
    CHECK(says(again, first.header("x-request-id")));
    CHECK(says(again, "answered 200"));
    if (std::string(c.path) == "/v1/messages") {
      CHECK(again.json()["type"] == "error");
      CHECK(again.json()["error"]["type"] == "invalid_request_error");
    } else {
      CHECK(code(again) == "idempotency_conflict");
    }
    CHECK(d.upstream.calls(c.model) == 1);
    CHECK(d.event_of(again)["status"] == "POLICY_BLOCKED");

    // The same key with another body is a mistake that retrying does not mend.
    Json other = c.body;
    other["temperature"] = 0.5;
    const Answer mixed = d.post(c.path, other, with_key("job-1 " + std::string(c.model)));
    CHECK(mixed.status == 422);
    CHECK(mixed.header("x-should-retry") == "false");
    if (std::string(c.path) != "/v1/messages") CHECK(code(mixed) == "idempotency_mismatch");
    // Without the key it is another call.
    CHECK(d.post(c.path, c.body).status == 200);
  }
  // The path counts, too.
  CHECK(d.post("/v1/chat/completions", messages_request("anthropic-like/a"), with_key("job-1 a")).status ==
        422);
  d.books_balance(6 * 120);
}

TEST_CASE("a key belongs to its API key alone", "[idempotency]") {
  Dialects d;
  const Key other = d.daemon.make_key(Shop::agent, {{"name", "second"}});
  REQUIRE(d.post("/v1/chat/completions", request("fake/m"), with_key("k")).status == 200);
  CHECK(d.daemon.chat(other.secret, request("fake/m"), with_key("k")).status == 200);
  CHECK(d.daemon.chat(other.secret, request("fake/m"), with_key("k")).status == 409);
}

TEST_CASE("while the first call is in flight the second is told to come again", "[idempotency]") {
  Dialects d;
  std::atomic<bool> go = false;
  d.upstream.on("m", [&](Reply& reply) {
    while (!go) std::this_thread::sleep_for(5ms);
    reply.json(200, {{"id", "c"},
                     {"choices", {{{"index", 0}, {"message", {{"role", "assistant"}, {"content", "x"}}}}}},
                     {"usage", {{"prompt_tokens", 1}, {"completion_tokens", 1}}}});
  });
  HttpClient first = d.daemon.chat_open(d.shop.key.secret, request("fake/m"), with_key("k"));
  REQUIRE(d.upstream.reached("m", 1));
  const Answer second = d.post("/v1/chat/completions", request("fake/m"), with_key("k"));
  CHECK(second.status == 409);
  CHECK(code(second) == "idempotency_in_progress");
  CHECK(second.header("retry-after") == "1");
  CHECK_FALSE(second.has("x-should-retry"));
  go = true;
  CHECK(first.answer().status == 200);
  CHECK(code(d.post("/v1/chat/completions", request("fake/m"), with_key("k"))) == "idempotency_conflict");
  CHECK(d.upstream.calls("m") == 1);
}

TEST_CASE("twenty at once with one key are one call", "[idempotency]") {
  Dialects d;
  std::atomic<int> good = 0;
  std::atomic<int> conflicts = 0;
  std::vector<std::thread> clients;
  for (int i = 0; i < 20; ++i) {
    clients.emplace_back([&] {
      const int status = d.post("/v1/chat/completions", request("fake/m"), with_key("same")).status;
      ++(status == 200 ? good : conflicts);
    });
  }
  for (std::thread& client : clients) client.join();
  CHECK(good == 1);
  CHECK(conflicts == 19);
  CHECK(d.upstream.calls("m") == 1);
  d.books_balance(120);
}

TEST_CASE("a refused call does not use its key up", "[idempotency]") {
  Dialects d;
  const std::string budget = d.daemon.budget(Shop::agent, 1)["id"];
  CHECK(d.post("/v1/chat/completions", request("fake/m"), with_key("k")).status == 402);
  CHECK(d.post("/v1/chat/completions", request("fake/none"), with_key("k")).status == 400);
  d.daemon.expect(200, "DELETE", "/budgets/" + budget);
  CHECK(d.post("/v1/chat/completions", request("fake/m"), with_key("k")).status == 200);
  CHECK(d.post("/v1/chat/completions", request("fake/m"), with_key("k")).status == 409);
}

TEST_CASE("a call that its provider failed is finished, with that status", "[idempotency]") {
  Dialects d;
  d.upstream.on("m", [](Reply& reply) { reply.json(418, {{"error", {{"message", "teapot"}}}}); });
  CHECK(d.post("/v1/chat/completions", request("fake/m"), with_key("k")).status == 418);
  CHECK(says(d.post("/v1/chat/completions", request("fake/m"), with_key("k")), "answered 418"));
}

TEST_CASE("a key is 1 to 255 printable characters and stands once", "[idempotency]") {
  Dialects d;
  const std::vector<Headers> bad{with_key(""),
                                 with_key(std::string(256, 'k')),
                                 with_key("caf\xc3\xa9"),
                                 with_key("a\tb"),
                                 {{"Idempotency-Key", "a"}, {"idempotency-key", "b"}}};
  for (const Headers& headers : bad) {
    const Answer answer = d.post("/v1/chat/completions", request("fake/m"), headers);
    INFO(headers[0].second);
    CHECK(answer.status == 400);
    CHECK(answer.json()["error"]["param"] == "Idempotency-Key");
  }
  CHECK(d.upstream.calls() == 0);
  CHECK(d.post("/v1/chat/completions", request("fake/m"), with_key(std::string(255, 'k'))).status == 200);
}

TEST_CASE("after kill -9 a key is still known, whether its call had ended or not", "[idempotency]") {
  Dialects d;
  d.upstream.on("slow", [](Reply& reply) { reply.wait_until_gone(); });
  d.daemon.price("fake", "slow", "0.001", "0.001");
  const Answer first = d.post("/v1/chat/completions", request("fake/m"), with_key("done"));
  REQUIRE(first.status == 200);
  HttpClient open = d.daemon.chat_open(d.shop.key.secret, request("fake/slow"), with_key("open"));
  REQUIRE(d.upstream.reached("slow", 1));
  d.daemon.kill();
  d.daemon.start();
  const Answer again = d.post("/v1/chat/completions", request("fake/m"), with_key("done"));
  CHECK(again.status == 409);
  CHECK(says(again, first.header("x-request-id")));
  CHECK(says(again, "answered 200"));
  const Answer lost = d.post("/v1/chat/completions", request("fake/slow"), with_key("open"));
  CHECK(code(lost) == "idempotency_conflict");
  CHECK(says(lost, "answered 500"));
  CHECK(d.upstream.calls("m") == 1);
  CHECK(d.upstream.calls("slow") == 1);
}

TEST_CASE("a key is forgotten after a day, and its row goes", "[idempotency]") {
  Dialects d;
  REQUIRE(d.post("/v1/chat/completions", request("fake/m"), with_key("old")).status == 200);
  REQUIRE(d.post("/v1/chat/completions", request("fake/m"), with_key("new")).status == 200);
  const std::string path = d.daemon.org_file("acme");
  d.daemon.stop();
  Database(path).execute(
      "UPDATE idempotency_keys SET created_at = created_at - 86401000000 WHERE value = 'old'");
  d.daemon.start();
  const auto deadline = std::chrono::steady_clock::now() + patience;
  while (Database(path).one("SELECT count(*) FROM idempotency_keys") != "1") {
    REQUIRE(std::chrono::steady_clock::now() < deadline);
    std::this_thread::sleep_for(50ms);
  }
  CHECK(d.post("/v1/chat/completions", request("fake/m"), with_key("new")).status == 409);
  CHECK(d.post("/v1/chat/completions", request("fake/m"), with_key("old")).status == 200);
}

TEST_CASE("more keys than memory holds: the file still knows the oldest", "[idempotency]") {
  Dialects d;
  const Answer first = d.post("/v1/chat/completions", request("fake/m"), with_key("first"));
  REQUIRE(first.status == 200);
  const std::string path = d.daemon.org_file("acme");
  d.daemon.stop();
  Database(path).execute(
      "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000) "
      "INSERT INTO idempotency_keys(api_key_id, value, fingerprint, request_id, status, created_at) "
      "SELECT randomblob(16), 'k' || i, randomblob(32), randomblob(16), 200, created_at + i "
      "FROM n, idempotency_keys WHERE value = 'first'");
  d.daemon.start();
  const Answer again = d.post("/v1/chat/completions", request("fake/m"), with_key("first"));
  CHECK(again.status == 409);
  CHECK(says(again, first.header("x-request-id")));
  CHECK(d.post("/v1/chat/completions", request("fake/m", 65), with_key("first")).status == 422);
  CHECK(d.post("/v1/chat/completions", request("fake/m"), with_key("second")).status == 200);
  CHECK(d.post("/v1/chat/completions", request("fake/m"), with_key("second")).status == 409);
  CHECK(d.upstream.calls("m") == 2);
}
