// Start, stop, crash, start again: what was promised is kept.

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <thread>

#include "tests/functional/harness/daemon.h"
#include "tests/functional/harness/database.h"
#include "tests/functional/harness/upstream.h"

using namespace govctl::test;
namespace fs = std::filesystem;

namespace {

Json streamed(const std::string& model) {
  Json body = request(model, 500);
  body["stream"] = true;
  return body;
}

}  // namespace

TEST_CASE("SIGTERM lets a stream in flight finish, charges it, and takes no new calls", "[lifecycle]") {
  FakeUpstream upstream;
  TestDaemon daemon;
  const Shop shop(daemon, upstream.base_url());
  daemon.price("fake", "m", "0.001", "0.001");
  Gate gate;
  upstream.on("m", [&](Reply& reply) {
    reply.begin_stream();
    reply.text("first ");
    gate.wait();
    reply.text("second");
    reply.chunk(
        Json{{"id", "c"}, {"choices", {{{"index", 0}, {"delta", Json::object()}, {"finish_reason", "stop"}}}}});
    reply.chunk(
        Json{{"id", "c"}, {"choices", Json::array()}, {"usage", Tokens{.prompt = 40, .completion = 7}.json()}});
    reply.event("[DONE]");
    reply.end_stream();
  });
  HttpClient client = daemon.chat_open(shop.key.secret, streamed("fake/m"));
  REQUIRE(upstream.reached("m", 1));
  daemon.terminate();
  // It has stopped listening once nobody is let in.
  const auto until = std::chrono::steady_clock::now() + patience;
  bool closed = false;
  while (!closed && std::chrono::steady_clock::now() < until) {
    try {
      connect_to(daemon.gateway());
    } catch (const WireError&) {
      closed = true;
    }
  }
  CHECK(closed);
  gate.open();
  const Stream stream = read_stream(client);
  CHECK(stream.done);
  CHECK(stream.text == "first second");
  CHECK(daemon.wait() == 0);
  CHECK_FALSE(fs::exists(daemon.socket()));

  daemon.start();
  const auto events = daemon.events("acme", "&status=SUCCESS");
  REQUIRE(events.size() == 1);
  CHECK(events[0]["credits_charged"] == 47);
  CHECK(daemon.balance("acme") == 1'000'000 - 47);
  CHECK(daemon.reserved("acme") == 0);
}

TEST_CASE("a stream that outlasts the drain is broken off and charged", "[lifecycle]") {
  FakeUpstream upstream;
  TestDaemon daemon({.flags = {"--drain-timeout", "1"}});
  const Shop shop(daemon, upstream.base_url());
  daemon.price("fake", "m", "0.001", "0.001");
  upstream.on("m", [&](Reply& reply) {
    reply.begin_stream();
    reply.text("endless ");
    reply.wait_until_gone();
    reply.close = true;
  });
  HttpClient client = daemon.chat_open(shop.key.secret, streamed("fake/m"));
  REQUIRE(client.head().status == 200);
  EventReader events(client);
  REQUIRE(events.next());
  CHECK(daemon.stop() == 0);

  {
    // Settled before the end, not by the next start.
    daemon.start();
    const auto all = daemon.events("acme");
    REQUIRE(all.size() == 1);
    CHECK(all[0]["status"] == "ERROR");
    CHECK(all[0]["credits_charged"] > 0);
    CHECK(all[0]["flags"].dump().find("recovered") == std::string::npos);
    CHECK(daemon.reserved("acme") == 0);
    CHECK(daemon.verify()["ok"] == true);
  }
}

TEST_CASE("after kill -9 an open call is settled once, at its hold, and can be refunded", "[lifecycle]") {
  FakeUpstream upstream;
  TestDaemon daemon;
  const Shop shop(daemon, upstream.base_url());
  daemon.price("fake", "m", "0", "0.001");
  daemon.budget(Shop::workspace, 10'000);
  upstream.on("m", [&](Reply& reply) {
    reply.wait_until_gone();
    reply.close = true;
  });
  HttpClient client = daemon.chat_open(shop.key.secret, request("fake/m", 300));
  REQUIRE(upstream.reached("m", 1));
  CHECK(daemon.reserved("acme") == 300);
  daemon.kill();
  for (int start = 0; start < 3; ++start) {
    daemon.start();
    const auto events = daemon.events("acme");
    REQUIRE(events.size() == 1);
    CHECK(events[0]["status"] == "ERROR");
    CHECK(events[0]["credits_charged"] == 300);
    CHECK(events[0]["error_message"] == "daemon stopped while the call was in flight");
    CHECK(events[0]["flags"].dump().find("estimated") != std::string::npos);
    CHECK(daemon.balance("acme") == 1'000'000 - 300);
    CHECK(daemon.reserved("acme") == 0);
    CHECK(daemon.get("/budgets")["items"][0]["spent"] == 300);
    CHECK(daemon.verify()["ok"] == true);
    if (start < 2) daemon.kill();
  }
  const std::string request_id = daemon.events("acme")[0]["request_id"];
  daemon.expect(201, "POST", "/usage/" + request_id + "/refund", Json::object());
  CHECK(daemon.balance("acme") == 1'000'000);
  CHECK(daemon.get("/budgets")["items"][0]["spent"] == 0);
  CHECK(daemon.control("POST", "/usage/" + request_id + "/refund", Json::object()).status == 409);
  CHECK(daemon.verify()["ok"] == true);
}

TEST_CASE("all that was set is there after a restart", "[lifecycle]") {
  FakeUpstream upstream;
  TestDaemon daemon;
  const Shop shop(daemon, upstream.base_url());
  daemon.price("fake", "m", "0", "0.001");
  daemon.policy(Shop::group, {{"allow_models", {"m"}}, {"rpm", 100}});
  daemon.budget(Shop::agent, 25, {{"period", "DAILY"}});
  upstream.uses("m", {.prompt = 1, .completion = 20});
  REQUIRE(daemon.chat(shop.key.secret, request("fake/m", 20)).status == 200);
  const auto state = [&] {
    std::vector<std::string> all;
    for (const char* target :
         {"/orgs", "/orgs/acme/workspaces", "/policies", "/budgets", "/providers", "/pricing?limit=1000",
          "/orgs/acme/ledger", "/usage/history/acme", "/orgs/acme/audit?limit=1000", "/audit?limit=1000",
          "/orgs/acme/balance", "/verify"}) {
      all.push_back(daemon.control("GET", target).body);
    }
    all.push_back(daemon.control("GET", "/agents/" + percent(Shop::agent)).body);
    all.push_back(daemon.control("GET", "/agents/" + percent(Shop::agent) + "/keys").body);
    return all;
  };
  const auto before = state();
  daemon.restart();
  auto after = state();
  // Anchors are added at the end of a run.
  Json verify_before = Json::parse(before[11]);
  Json verify_after = Json::parse(after[11]);
  CHECK(verify_after["anchors"] >= verify_before["anchors"]);
  CHECK(verify_after["tables"] == verify_before["tables"]);
  after[11] = before[11];
  CHECK(after == before);
  // 20 of today's 25 are spent: the budget still knows.
  CHECK(daemon.chat(shop.key.secret, request("fake/m", 20)).status == 402);
  CHECK(daemon.chat(shop.key.secret, request("fake/m", 5)).status == 200);
}

TEST_CASE("a second daemon on the same files refuses, and does not disturb the first", "[lifecycle]") {
  TestDaemon daemon;
  daemon.make_org("acme");
  const std::string elsewhere = daemon.directory() + "/s2";
  ProgramEnd second = run({govd_program(), "--state-dir", daemon.state(), "--keys-dir", daemon.keys(),
                           "--socket", elsewhere, "--listen", "127.0.0.1:0"});
  INFO(second.output);
  CHECK(second.exit_code > 0);
  CHECK(second.output.find(daemon.state()) != std::string::npos);
  CHECK_FALSE(fs::exists(elsewhere));

  // Neither on another state directory with the first one's socket.
  const Directory other;
  second = run({govd_program(), "--state-dir", other.path() + "/state", "--keys-dir", other.path() + "/keys",
                "--socket", daemon.socket(), "--listen", "127.0.0.1:0"});
  INFO(second.output);
  CHECK(second.exit_code > 0);
  CHECK(daemon.get("/orgs/acme")["slug"] == "acme");
  CHECK(daemon.verify()["ok"] == true);
  // Nor are files verified under a serving daemon's hands as if it were stopped, without saying a falsehood.
  CHECK(daemon.verify_files().exit_code != 1);
}

TEST_CASE("a call that was answered survives a kill -9 at once, and the stopped files say where it stands",
          "[lifecycle]") {
  FakeUpstream upstream;
  TestDaemon daemon;
  const Shop shop(daemon, upstream.base_url());
  daemon.price("fake", "m", "0.001", "0.001");
  upstream.uses("m", {.prompt = 10, .completion = 5});
  const Answer answer = daemon.chat(shop.key.secret, request("fake/m"));
  daemon.kill();
  REQUIRE(answer.status == 200);
  const ProgramEnd stopped = daemon.verify_files();
  INFO(stopped.output);
  CHECK(stopped.exit_code == 0);
  CHECK(stopped.output.find("2 records of calls, which may not be rows yet") != std::string::npos);
  daemon.start();
  const Json event = daemon.event(answer.header("x-request-id"));
  CHECK(event["status"] == "SUCCESS");
  CHECK(event["credits_charged"] == 15);
  CHECK(daemon.balance("acme") == 1'000'000 - 15);
  CHECK(daemon.reserved("acme") == 0);
  CHECK(daemon.verify()["ok"] == true);
  const std::string journal = daemon.org_file("acme") + ".calls";
  REQUIRE(daemon.stop() == 0);
  CHECK_FALSE(fs::exists(journal));
  CHECK(daemon.verify_files().output.find("journal") == std::string::npos);
}

TEST_CASE("a socket path that is too long is refused with a clear text", "[lifecycle]") {
  const Directory directory;
  const std::string socket = directory.path() + "/" + std::string(110, 's');
  const ProgramEnd end = run({govd_program(), "--state-dir", directory.path() + "/state", "--keys-dir",
                              directory.path() + "/keys", "--socket", socket, "--listen", "127.0.0.1:0"});
  INFO(end.output);
  CHECK(end.exit_code > 0);
  CHECK(end.output.find("107") != std::string::npos);
}

TEST_CASE("wrong flags and foreign addresses are refused", "[lifecycle]") {
  CHECK(run({govd_program(), "--version"}).exit_code == 0);
  CHECK(run({govd_program(), "--no-such-flag"}).exit_code == 64);
  for (const char* address : {"0.0.0.0:0", "192.0.2.1:0", "127.0.0.1", "127.0.0.1:99999", "localhost:x"}) {
    const Directory directory;
    const ProgramEnd end =
        run({govd_program(), "--state-dir", directory.path() + "/state", "--keys-dir",
             directory.path() + "/keys", "--socket", directory.path() + "/s", "--listen", address});
    INFO(address << ": " << end.output);
    CHECK(end.exit_code > 0);
  }
}

TEST_CASE("the daemon says that it is ready and well", "[lifecycle]") {
  TestDaemon daemon;
  for (const char* target : {"/health", "/health/ready", "/health/db"})
    CHECK(daemon.get(target)["status"] == "ok");
  for (const char* target : {"/health", "/health/ready"}) {
    CHECK(http(daemon.gateway(), "GET", target).status == 200);
  }
  const auto until = std::chrono::steady_clock::now() + patience;
  bool ready = false;
  while (!ready && std::chrono::steady_clock::now() < until) {
    ready = daemon.log().find("\"msg\":\"ready\"") != std::string::npos;
  }
  CHECK(ready);
  const Json status = daemon.get("/status");
  CHECK(status["api_major"] == 1);
  CHECK(status["orgs"] == 0);
  CHECK(status["inflight"] == 0);
  CHECK(status["quarantined"].empty());
  CHECK(status["state_dir"] == daemon.state());
}

TEST_CASE("one org's broken file stops that org alone", "[lifecycle]") {
  TestDaemon daemon;
  Key keys[2];
  int at = 0;
  for (const std::string org : {"acme", "other"}) {
    daemon.make_org(org);
    daemon.make_agent(org + "/w/g/a");
    keys[at++] = daemon.make_key(org + "/w/g/a");
    daemon.buy(org, 100'000);
  }
  const std::string file = daemon.org_file("acme");
  REQUIRE(daemon.stop() == 0);
  const std::string how = GENERATE("overwritten", "emptied", "gone", "a page");
  INFO(how);
  if (how == "gone") {
    fs::remove(file);
  } else if (how == "emptied") {
    std::ofstream(file, std::ios::trunc).flush();
  } else {
    std::fstream bytes(file, std::ios::in | std::ios::out | std::ios::binary);
    const auto size = static_cast<std::streamoff>(fs::file_size(file));
    bytes.seekp(how == "a page" ? 4096 : 0);
    const std::string noise(static_cast<std::size_t>(how == "a page" ? size - 4096 : 4096), '\xa5');
    bytes.write(noise.data(), static_cast<std::streamsize>(noise.size()));
  }
  daemon.start();
  CHECK(daemon.get("/status")["quarantined"] == Json::parse(R"(["acme"])"));
  const Answer stopped = daemon.chat(keys[0].secret, request("mock-model"));
  CHECK(stopped.status == 503);
  CHECK(stopped.json()["error"]["code"] == "unavailable");
  CHECK(daemon.control("GET", "/orgs/acme/balance").status == 503);
  CHECK(daemon.chat(keys[1].secret, request("mock-model")).status == 200);
  CHECK(daemon.get("/orgs/other")["slug"] == "other");
  CHECK(daemon.get("/verify?org=other")["ok"] == true);
  // No new org takes its name meanwhile.
  CHECK(daemon.control("POST", "/orgs", {{"name", "acme"}, {"slug", "acme"}}).status == 409);
}

TEST_CASE("what is deleted under a call in flight still charges it", "[lifecycle]") {
  FakeUpstream upstream;
  TestDaemon daemon;
  const Shop shop(daemon, upstream.base_url());
  daemon.price("fake", "m", "0.001", "0.001");
  Gate gate;
  upstream.on("m", [&](Reply& reply) {
    gate.wait();
    answer(reply, {.prompt = 40, .completion = 7});
  });
  const std::string what = GENERATE("key", "agent", "workspace", "org", "provider and price");
  INFO(what);
  HttpClient client = daemon.chat_open(shop.key.secret, request("fake/m"));
  REQUIRE(upstream.reached("m", 1));
  if (what == "key") daemon.expect(200, "DELETE", "/agents/" + percent(Shop::agent) + "/keys/" + shop.key.id);
  if (what == "agent") daemon.expect(200, "DELETE", "/agents/" + percent(Shop::agent));
  if (what == "workspace") daemon.expect(200, "DELETE", "/workspaces/" + percent(Shop::workspace));
  if (what == "provider and price") {
    daemon.expect(200, "DELETE", "/pricing/fake/m");
    daemon.control("DELETE", "/providers/fake");
  }
  // An org with calls in flight may refuse to go; if it goes, its books are right when it comes back.
  bool gone = false;
  if (what == "org") gone = daemon.control("DELETE", "/orgs/acme?confirm=acme").status == 200;
  gate.open();
  const Answer answer = client.answer();
  // A key that is gone gets no answer any more; what it used is paid all the same.
  const bool keyless = what == "key" || what == "agent" || what == "workspace";
  CHECK(answer.status == (keyless ? 401 : 200));
  if (gone) daemon.expect(200, "POST", "/orgs/acme/undelete");
  CHECK(daemon.event(answer.header("x-request-id"))["credits_charged"] == 47);
  CHECK(daemon.balance("acme") == 1'000'000 - 47);
  CHECK(daemon.reserved("acme") == 0);
  CHECK(daemon.verify()["ok"] == true);
}

TEST_CASE("changes made while calls run lose nothing and hold nothing", "[lifecycle]") {
  FakeUpstream upstream;
  TestDaemon daemon;
  const Shop shop(daemon, upstream.base_url());
  daemon.price("fake", "m", "0.001", "0.001");
  upstream.uses("m", {.prompt = 10, .completion = 5});
  std::atomic<bool> stop = false;
  std::atomic<int> passed = 0;
  std::atomic<int> failed = 0;
  std::vector<std::thread> callers;
  for (int i = 0; i < 8; ++i) {
    callers.emplace_back([&, i] {
      while (!stop) {
        try {
          const bool good = i % 2 == 0 ? daemon.chat(shop.key.secret, request("fake/m")).status == 200
                                       : daemon.chat_stream(shop.key.secret, request("fake/m")).done;
          ++(good ? passed : failed);
        } catch (const std::exception&) {
          ++failed;
        }
      }
    });
  }
  for (int i = 0; i < 15; ++i) {
    daemon.make_agent("acme/prod/support/extra-" + std::to_string(i));
    daemon.make_key(Shop::agent);
    daemon.buy("acme", 1);
    const std::string budget = daemon.budget(Shop::agent, 1'000'000)["id"];
    const std::string policy = daemon.policy(Shop::agent, {{"rpm", 1'000'000}, {"parallel", 100}})["id"];
    CHECK(daemon.verify()["ok"] == true);
    daemon.expect(200, "DELETE", "/budgets/" + budget);
    daemon.expect(200, "DELETE", "/policies/" + policy);
    daemon.price("fake", "m", "0.001", "0.001");
  }
  stop = true;
  for (std::thread& caller : callers) caller.join();
  CHECK(failed == 0);
  CHECK(passed > 0);
  CHECK(daemon.reserved("acme") == 0);
  CHECK(daemon.balance("acme") == 1'000'015 - 15 * passed);
  CHECK(daemon.get("/status")["inflight"] == 0);
  CHECK(daemon.verify()["ok"] == true);
}
