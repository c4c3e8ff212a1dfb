// No key, credential or prompt where it does not belong; files without their keys give nothing away.

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include "tests/functional/harness/daemon.h"
#include "tests/functional/harness/upstream.h"

using namespace govctl::test;
namespace fs = std::filesystem;

namespace {

// The files under `directory` that hold `text`.
std::vector<std::string> holding(const std::string& directory, const std::string& text) {
  std::vector<std::string> found;
  for (const auto& entry : fs::recursive_directory_iterator(directory)) {
    if (!entry.is_regular_file()) continue;
    std::ifstream file(entry.path(), std::ios::binary);
    std::ostringstream bytes;
    bytes << file.rdbuf();
    if (bytes.str().find(text) != std::string::npos) found.push_back(entry.path());
  }
  return found;
}

}  // namespace

TEST_CASE("marked secrets show in no log, file, answer or error, after errors and a crash", "[secrets]") {
  const std::string credential = "sk-CANARY-CREDENTIAL-4683";
  const std::string prompt = "CANARY-PROMPT-4683";
  FakeUpstream upstream;
  TestDaemon daemon({.flags = {"--log-level", "debug"}});
  const Shop shop(daemon, upstream.base_url());
  daemon.provider("paid", upstream.base_url(), {{"needs_credential", true}});
  for (const char* model : {"good", "bad", "broken", "echo", "cut", "hang"})
    daemon.price("paid", model, "0.001", "0.001");
  std::string answers;
  const Answer added = daemon.control("POST", "/orgs/acme/credentials",
                                      {{"provider", "paid"}, {"secret", credential}, {"label", "a"}});
  REQUIRE(added.status == 201);
  answers += added.body;

  // A provider that repeats in its errors all it was told.
  const auto repeat = [](const Reply& reply) {
    return find_header(reply.seen.headers, "authorization").value_or("") + " " + reply.seen.body;
  };
  upstream.on("bad", [&](Reply& reply) { reply.json(401, {{"error", {{"message", repeat(reply)}}}}); });
  upstream.on("echo", [&](Reply& reply) { reply.json(500, {{"error", {{"message", repeat(reply)}}}}); });
  upstream.on("broken", [&](Reply& reply) {
    reply.raw("HTTP/1.1 200 " + repeat(reply) + "\r\nX: " + repeat(reply) + "\r\nContent-Length: 3\r\n\r\n" +
              repeat(reply));
    reply.close = true;
  });
  upstream.on("cut", [&](Reply& reply) {
    reply.begin_stream();
    reply.text("some");
    reply.event(repeat(reply));
    reply.close = true;
  });
  upstream.on("hang", [](Reply& reply) {
    reply.wait_until_gone();
    reply.close = true;
  });

  const auto ask = [&](const std::string& model) {
    Json body = request(model);
    body["messages"][0]["content"] = prompt;
    return body;
  };
  // The agent may see its own prompt in the provider's words; nobody else does.
  for (const char* model : {"paid/good", "paid/bad", "paid/broken", "paid/unpriced", "gpt-4o"}) {
    answers += daemon.chat(shop.key.secret, ask(model)).body;
    answers += daemon.chat_stream(shop.key.secret, ask(model)).error_body;
  }
  daemon.chat(shop.key.secret, ask("paid/echo"));
  daemon.chat_stream(shop.key.secret, ask("paid/cut"));
  Json wrong = ask("paid/good");
  wrong["max_tokens"] = prompt;
  daemon.chat(shop.key.secret, wrong);
  answers += daemon.chat_raw(shop.key.secret, "{\"messages\":\"" + prompt).body;
  answers += daemon.chat("cpk_" + prompt, ask("paid/good")).body;
  answers +=
      http(daemon.gateway(), "GET", "/v1/x?key=" + shop.key.secret, {}, {{"x-api-key", shop.key.secret}}).body;
  answers +=
      daemon.control("POST", "/orgs/acme/credentials", {{"provider", "nope"}, {"secret", credential}}).body;
  answers += daemon.control("POST", "/orgs/acme/credentials", {{"provider", 5}, {"secret", credential}}).body;
  answers +=
      daemon.control("POST", "/orgs/acme/credentials", {{"secret", credential}, {"provider", "paid"}, {"x", 1}})
          .body;
  answers += http(daemon.socket(), "POST", "/orgs/acme/credentials", "{\"secret\":\"" + credential + "\"").body;
  answers +=
      daemon.control("POST", "/agents/" + percent(Shop::agent) + "/keys", {{"name", "x"}, {"ttl", "bad"}}).body;

  HttpClient hanging = daemon.chat_open(shop.key.secret, ask("paid/hang"));
  REQUIRE(upstream.reached("hang", 1));
  daemon.kill();
  hanging.leave();
  daemon.start();
  const auto settled = std::chrono::steady_clock::now() + patience;
  while (daemon.reserved("acme") != 0 && std::chrono::steady_clock::now() < settled)
    std::this_thread::sleep_for(5ms);
  for (const char* target :
       {"/orgs/acme/credentials", "/orgs/acme/audit?limit=1000", "/audit?limit=1000", "/usage/history/acme",
        "/orgs/acme/ledger", "/verify", "/status", "/openapi.json"}) {
    answers += daemon.control("GET", target).body;
  }

  CHECK(answers.find(credential) == std::string::npos);
  CHECK(answers.find(prompt) == std::string::npos);
  CHECK(answers.find(shop.key.secret) == std::string::npos);
  for (const std::string& secret :
       {credential, prompt, shop.key.secret, std::string("CANARY"), shop.key.secret.substr(4, 30)}) {
    INFO(secret);
    CHECK(holding(daemon.directory(), secret).empty());
  }
  REQUIRE(daemon.stop() == 0);
  for (const std::string& secret : {credential, prompt, shop.key.secret})
    CHECK(holding(daemon.directory(), secret).empty());
}

TEST_CASE("files and socket belong to their owner alone", "[secrets]") {
  TestDaemon daemon;
  daemon.make_org("acme");
  const auto mode = [](const fs::path& path) { return static_cast<unsigned>(fs::status(path).permissions()); };
  CHECK(mode(daemon.state()) == 0700);
  CHECK(mode(daemon.keys()) == 0700);
  CHECK(mode(daemon.socket()) == 0600);
  for (const auto& file : fs::recursive_directory_iterator(daemon.keys())) {
    INFO(file.path());
    CHECK((mode(file.path()) & 0377) == 0);
  }
  for (const auto& file : fs::recursive_directory_iterator(daemon.state())) {
    INFO(file.path());
    CHECK((mode(file.path()) & 0077) == 0);
  }
}

TEST_CASE("a stolen state directory without its keys gives no credential and starts no daemon", "[secrets]") {
  FakeUpstream upstream;
  TestDaemon daemon;
  const Shop shop(daemon, upstream.base_url());
  daemon.provider("paid", upstream.base_url(), {{"needs_credential", true}});
  daemon.price("paid", "m", "0.001", "0.001");
  daemon.expect(201, "POST", "/orgs/acme/credentials", {{"provider", "paid"}, {"secret", "sk-treasure"}});
  REQUIRE(daemon.stop() == 0);
  const std::string kept = daemon.directory() + "/kept";
  fs::rename(daemon.keys(), kept);

  const std::string how = GENERATE("no keys", "empty directory", "other keys", "no org key");
  INFO(how);
  TestDaemon stranger;
  if (how == "empty directory") {
    fs::create_directory(daemon.keys());
    fs::permissions(daemon.keys(), fs::perms::owner_all);
  }
  if (how == "other keys") {
    stranger.make_org("acme");
    fs::copy(stranger.keys(), daemon.keys(), fs::copy_options::recursive);
  }
  if (how == "no org key") {
    fs::create_directory(daemon.keys());
    fs::permissions(daemon.keys(), fs::perms::owner_all);
    for (const auto& file : fs::directory_iterator(kept)) {
      if (!file.path().filename().string().starts_with("org-"))
        fs::copy(file, daemon.keys() / file.path().filename());
    }
  }
  if (how == "no keys" || how == "empty directory") {
    const ProgramEnd end = daemon.start_in_vain();
    INFO(end.output);
    CHECK(end.exit_code > 0);
    CHECK(end.output.find(daemon.keys()) != std::string::npos);
    // No new master key over data that another one has sealed.
    CHECK((!fs::exists(daemon.keys()) || fs::is_empty(daemon.keys())));
  } else {
    // With keys that are not its own it may start, but gives nothing away.
    bool serves = true;
    try {
      daemon.start();
    } catch (const WireError&) {
      serves = false;
    }
    if (serves) {
      const Answer answer = daemon.chat(shop.key.secret, request("paid/m"));
      CHECK(answer.status != 200);
      CHECK(upstream.calls() == 0);
      REQUIRE(daemon.stop() == 0);
    }
  }
  CHECK(holding(daemon.state(), "sk-treasure").empty());

  // With its keys back all is well.
  fs::remove_all(daemon.keys());
  fs::rename(kept, daemon.keys());
  daemon.start();
  CHECK(daemon.chat(shop.key.secret, request("paid/m")).status == 200);
  CHECK(find_header(upstream.last().headers, "authorization") == "Bearer sk-treasure");
}

TEST_CASE("keys that others can read are refused", "[secrets]") {
  TestDaemon daemon;
  daemon.make_org("acme");
  REQUIRE(daemon.stop() == 0);
  for (const auto& file : fs::directory_iterator(daemon.keys())) {
    fs::permissions(file.path(), fs::perms(0444));
  }
  const ProgramEnd end = daemon.start_in_vain();
  INFO(end.output);
  CHECK(end.exit_code > 0);
  CHECK(end.output.find(daemon.keys()) != std::string::npos);
}
