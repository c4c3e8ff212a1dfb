// Many calls at once against little money: never more than there is, and nothing left behind.

#include <catch2/catch.hpp>
#include <map>
#include <thread>

#include "tests/functional/harness/daemon.h"
#include "tests/functional/harness/upstream.h"

using namespace govctl::test;

namespace {

// Makes `count` calls at once; the answers, and -1 as the status of one that broke.
std::vector<Answer> burst(TestDaemon& daemon, const std::string& key, const Json& body, std::size_t count) {
  std::vector<Answer> answers(count);
  std::vector<std::thread> callers;
  for (std::size_t i = 0; i < count; ++i) {
    callers.emplace_back([&, i] {
      try {
        answers[i] = daemon.chat(key, body);
      } catch (const std::exception& failure) {
        answers[i].status = -1;
        answers[i].body = failure.what();
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  return answers;
}

std::map<int, std::size_t> by_status(const std::vector<Answer>& answers) {
  std::map<int, std::size_t> counts;
  for (const Answer& answer : answers) ++counts[answer.status];
  return counts;
}

// Usage events by status, folded ones counted; waits for the folded ones to be written.
std::map<std::string, std::int64_t> settled_events(TestDaemon& daemon, std::int64_t expected) {
  const auto until = std::chrono::steady_clock::now() + patience;
  std::map<std::string, std::int64_t> counts;
  do {
    counts.clear();
    std::int64_t all = 0;
    for (const Json& event : daemon.events("acme")) {
      counts[event["status"]] += event["count"].get<std::int64_t>();
      all += event["count"].get<std::int64_t>();
    }
    if (all >= expected) break;
    std::this_thread::sleep_for(50ms);
  } while (std::chrono::steady_clock::now() < until);
  return counts;
}

}  // namespace

TEST_CASE("of 256 calls at once with room for 50, exactly 50 pass", "[parallel]") {
  // A fee of 0.0001 USD a request and nothing else: each call holds 100 credits and costs 100.
  constexpr std::int64_t fee = 100;
  constexpr std::int64_t room = 50 * fee;
  const std::string level =
      GENERATE("balance", "org", "workspace", "group", "agent", "key limit", "key budget");
  INFO("room at: " << level);

  FakeUpstream upstream;
  TestDaemon daemon;
  const std::int64_t bought = level == "balance" ? room : 1'000'000;
  const Shop shop(daemon, upstream.base_url(), bought);
  daemon.price("fake", "m", "0", "0", {{"request", "0.0001"}, {"max_output_tokens", 100}});
  Key key = shop.key;
  if (level == "org") daemon.budget("acme", room);
  if (level == "workspace") daemon.budget("acme/prod", room);
  if (level == "group") daemon.budget("acme/prod/support", room);
  if (level == "agent") daemon.budget("acme/prod/support/triage", room);
  if (level == "key limit") key = daemon.make_key(Shop::agent, {{"limit", room}});
  if (level == "key budget") daemon.budget(Shop::agent, room, {{"key_id", key.id}});

  // Nothing is settled before all that may pass is in flight.
  Gate gate;
  upstream.on("m", [&](Reply& reply) {
    gate.wait();
    answer(reply, Tokens{});
  });
  bool all_in_flight = false;
  std::thread opener([&] {
    all_in_flight = upstream.reached("m", 50);
    gate.open();
  });
  const std::vector<Answer> answers = burst(daemon, key.secret, request("fake/m"), 256);
  opener.join();
  CHECK(all_in_flight);

  auto counts = by_status(answers);
  CHECK(counts[200] == 50);
  CHECK(counts[402] == 206);
  CHECK(upstream.calls() == 50);
  CHECK(daemon.reserved("acme") == 0);
  CHECK(daemon.balance("acme") == bought - room);

  std::int64_t deductions = 0;
  for (const Json& entry : daemon.ledger("acme")) {
    if (entry["type"] != "USAGE_DEDUCTION") continue;
    ++deductions;
    CHECK(entry["amount"] == -fee);
  }
  CHECK(deductions == 50);
  auto events = settled_events(daemon, 256);
  CHECK(events["SUCCESS"] == 50);
  CHECK(events["BUDGET_EXCEEDED"] == 206);

  if (level != "balance" && level != "key limit") {
    const Json budget = daemon.get("/budgets")["items"][0];
    CHECK(budget["spent"] == room);
    CHECK(budget["held"] == 0);
    CHECK(budget["left"] == 0);
  }
  for (const Answer& answer : answers) {
    if (answer.status != 402) continue;
    const Json error = answer.json()["error"];
    CHECK(error["code"] == (level == "balance" ? "insufficient_credits" : "budget_exceeded"));
    break;
  }
  CHECK(daemon.verify()["ok"] == true);
}

TEST_CASE("calls that only have to wait for others to settle pass", "[parallel]") {
  FakeUpstream upstream;
  TestDaemon daemon;
  const Shop shop(daemon, upstream.base_url());
  // A credit for each token out: a call holds 100 and costs 20. Ten fit at a time, and in the end forty.
  daemon.price("fake", "m", "0", "0.001");
  daemon.budget("acme/prod", 1000);
  upstream.uses("m", {.prompt = 10, .completion = 20});
  const auto counts = by_status(burst(daemon, shop.key.secret, request("fake/m", 100), 40));
  CHECK(counts == std::map<int, std::size_t>{{200, 40}});
  CHECK(daemon.balance("acme") == 1'000'000 - 800);
  CHECK(daemon.reserved("acme") == 0);
}

TEST_CASE("with a worst case above the charge, never more than the budget passes", "[parallel]") {
  FakeUpstream upstream;
  TestDaemon daemon;
  const Shop shop(daemon, upstream.base_url());
  daemon.price("fake", "m", "0", "0.001");
  daemon.budget("acme/prod", 1000);
  upstream.uses("m", {.prompt = 10, .completion = 20});
  auto counts = by_status(burst(daemon, shop.key.secret, request("fake/m", 100), 200));
  // While spent + 100 <= 1,000 one more fits: up to spent = 900, that is 46 calls.
  CHECK(counts[200] == 46);
  CHECK(counts[402] == 154);
  CHECK(upstream.calls() == 46);
  CHECK(daemon.balance("acme") == 1'000'000 - 46 * 20);
  CHECK(daemon.reserved("acme") == 0);
  const Json budget = daemon.get("/budgets")["items"][0];
  CHECK(budget["spent"] == 920);
  CHECK(budget["held"] == 0);
  CHECK(daemon.verify()["ok"] == true);
}

TEST_CASE("two agents under one budget share it, and streams count as well", "[parallel]") {
  FakeUpstream upstream;
  TestDaemon daemon;
  const Shop shop(daemon, upstream.base_url());
  daemon.make_agent("acme/prod/sales/quote");
  const Key other = daemon.make_key("acme/prod/sales/quote");
  daemon.price("fake", "m", "0", "0", {{"request", "0.0001"}, {"max_output_tokens", 100}});
  daemon.budget("acme/prod", 2000);
  std::vector<Answer> plain;
  std::atomic<int> streamed = 0;
  std::vector<std::thread> streams;
  std::thread plains([&] { plain = burst(daemon, shop.key.secret, request("fake/m"), 40); });
  for (int i = 0; i < 40; ++i) {
    streams.emplace_back([&] {
      try {
        if (daemon.chat_stream(other.secret, request("fake/m")).done) ++streamed;
      } catch (const std::exception&) {
        streamed += 1000;
      }
    });
  }
  plains.join();
  for (std::thread& stream : streams) stream.join();
  auto counts = by_status(plain);
  CHECK(counts[200] + static_cast<std::size_t>(streamed) == 20);
  CHECK(counts[200] + counts[402] == 40);
  CHECK(upstream.calls() == 20);
  CHECK(daemon.balance("acme") == 1'000'000 - 2000);
  CHECK(daemon.reserved("acme") == 0);
}
