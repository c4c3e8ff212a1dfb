// What every list takes: --filter, --sort, --since, --limit, --watch; pages, streams and the pager.

#include <catch2/catch.hpp>

#include "cli/paging.h"
#include "cli/values.h"
#include "tests/unit/cli/fake_daemon.h"

using namespace govctl;
using namespace govctl::cli;
using namespace govctl::cli::test;

namespace {

bool has(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

constexpr auto orgs = R"({"items":[
  {"path":"acme","active":true,"credits_per_usd":1000000,"owner":null,"created_at":"2026-11-01T00:00:00Z"},
  {"path":"beta","active":false,"credits_per_usd":100,"owner":"ann","created_at":"2026-11-10T00:00:00Z"},
  {"path":"gamma","active":true,"credits_per_usd":20,"owner":"bob","created_at":"2026-11-20T00:00:00Z"}],
  "next":null,"total":3})";

std::string listed(const std::vector<std::string>& more) {
  FakeDaemon daemon;
  daemon.on("GET /orgs?limit=1000", 200, orgs);
  std::vector<std::string> words{"org", "list", "-q"};
  words.insert(words.end(), more.begin(), more.end());
  const Ran ran = typed(daemon, words);
  INFO(ran.err);
  CHECK(ran.exit_code == 0);
  return ran.out;
}

}  // namespace

TEST_CASE("a filter keeps what it says, of any field") {
  CHECK(listed({"--filter", "active=yes"}) == "acme\ngamma\n");
  CHECK(listed({"--filter", "active=true"}) == "acme\ngamma\n");
  CHECK(listed({"--filter", "path!=beta"}) == "acme\ngamma\n");
  CHECK(listed({"--filter", "path~*a*", "--filter", "credits_per_usd>20"}) == "acme\nbeta\n");
  CHECK(listed({"--filter", "credits_per_usd>=100"}) ==
        "acme\nbeta\n");  // as numbers: 100 is less than 1000000
  CHECK(listed({"--filter", "credits_per_usd<100"}) == "gamma\n");
  CHECK(listed({"--filter", "owner="}) == "acme\n");
  CHECK(listed({"--filter", "owner!="}) == "beta\ngamma\n");
  CHECK(listed({"--filter", "path=none"}).empty());
}

TEST_CASE("a list is sorted by any field, numbers by size, what is missing last") {
  CHECK(listed({"--sort", "credits_per_usd"}) == "gamma\nbeta\nacme\n");
  CHECK(listed({"--sort", "-credits_per_usd"}) == "acme\nbeta\ngamma\n");
  CHECK(listed({"--sort", "owner"}) == "beta\ngamma\nacme\n");
  CHECK(listed({"--sort=-owner"}) == "gamma\nbeta\nacme\n");
  CHECK((compare_values("0.000025", "0.00003") < 0));
  CHECK((compare_values("-2", "-10") > 0));
  CHECK((compare_values("10", 9) > 0));
  CHECK((compare_values("1.50", "1.5") == 0));
  CHECK((compare_values("b", "10") > 0));
  CHECK((compare_values(nullptr, "a") > 0));
}

TEST_CASE("times bound a list") {
  CHECK(listed({"--since", "2026-11-10T00:00:00Z"}) == "beta\ngamma\n");
  CHECK(listed({"--until", "2026-11-10T01:00:00+01:00"}) == "acme\n");
  FakeDaemon daemon;
  const Ran ran = typed(daemon, {"org", "list", "--since", "yesterday"});
  CHECK(ran.exit_code == 64);
  CHECK(has(ran.err, "--since: 'yesterday'"));
  daemon.on("GET /usage/history/acme?since=24h&limit=100", 200, R"({"items":[],"next":null,"total":0})");
  CHECK(typed(daemon, {"usage", "history", "acme", "--since", "24h"}).exit_code == 0);  // the daemon's
}

TEST_CASE("what is cut off shows in every format, of a shaped list too") {
  FakeDaemon daemon;
  daemon.on("GET /orgs?limit=1000", 200, orgs);
  daemon.on("GET /orgs?limit=2", 200, R"({"items":[{"path":"acme"},{"path":"beta"}],"next":"c","total":3})");
  for (const auto* format : {"table", "wide", "json", "jsonl", "yaml", "csv"}) {
    INFO(format);
    CHECK(has(typed(daemon, {"org", "list", "--limit", "2", "-o", format}).err, "2 of 3 shown; --all"));
    CHECK(has(typed(daemon, {"org", "list", "--limit", "2", "--sort", "path", "-o", format}).err,
              "2 of 3 shown; --all"));
  }
  const auto json =
      api::Json::parse(typed(daemon, {"org", "list", "--limit", "2", "--sort", "path", "-o", "json"}).out);
  CHECK(json["next"].is_string());
  CHECK(json["total"] == 3);
  CHECK(json["items"].size() == 2);
  const auto whole =
      api::Json::parse(typed(daemon, {"org", "list", "--all", "--sort", "path", "-o", "json"}).out);
  CHECK(whole["next"].is_null());
}

TEST_CASE("a field that is not there and a test that is none are named") {
  FakeDaemon daemon;
  daemon.on("GET /orgs?limit=1000", 200, orgs);
  const auto says = [&](const std::vector<std::string>& more, std::string_view words) {
    std::vector<std::string> line{"org", "list"};
    line.insert(line.end(), more.begin(), more.end());
    const Ran ran = typed(daemon, line);
    INFO(ran.err);
    CHECK(ran.exit_code == 64);
    CHECK(ran.out.empty());
    CHECK(has(ran.err, words));
  };
  says({"--filter", "actve=yes"}, "did you mean 'active'");
  says({"--sort", "size"}, "no item has a field 'size'");
  says({"--filter", "active"}, "is no test");
  says({"--sort", "-"}, "--sort: which field?");
  says({"--filtr", "a=b"}, "did you mean '--filter'?");
  says({"--limit", "2", "--all"}, "exclude each other");
}

TEST_CASE("jsonl prints each page as it comes") {
  FakeDaemon daemon;
  daemon.on("GET /orgs?limit=1000", 200, R"({"items":[{"path":"a"},{"path":"b"}],"next":"x","total":3})");
  daemon.on("GET /orgs?limit=1000&cursor=x", 500, R"({"error":{"code":"internal","message":"broken"}})");
  const Ran cut = typed(daemon, {"org", "list", "--all", "-o", "jsonl"});
  CHECK(cut.exit_code == 1);
  CHECK(cut.out == "{\"path\":\"a\"}\n{\"path\":\"b\"}\n");  // before the second page had come
  FakeDaemon sound;
  sound.on("GET /orgs?limit=1000", 200, R"({"items":[{"path":"a"}],"next":"x","total":2})");
  sound.on("GET /orgs?limit=1000&cursor=x", 200, R"({"items":[{"path":"b"}],"next":null,"total":2})");
  CHECK(typed(sound, {"org", "list", "--all", "-o", "jsonl"}).out == "{\"path\":\"a\"}\n{\"path\":\"b\"}\n");
  CHECK(typed(sound, {"org", "list", "--all", "-o", "jsonl", "--filter", "path=b"}).out ==
        "{\"path\":\"b\"}\n");
  CHECK(typed(sound, {"org", "list", "--all", "-o", "jsonl", "--jq", ".items|length"}).out == "2\n");
}

TEST_CASE("a watched list prints what is new in a pipe, and is redrawn on a terminal") {
  const auto watched = [](bool tty) {
    FakeDaemon daemon;
    daemon.on("GET /orgs?limit=100", 200, R"({"items":[{"path":"a"}],"next":null,"total":1})");
    daemon.on("GET /orgs?limit=100", 200, R"({"items":[{"path":"a"}],"next":null,"total":1})");
    daemon.on("GET /orgs?limit=100", 200, R"({"items":[{"path":"a"},{"path":"b"}],"next":null,"total":2})");
    World world;
    world.out_is_tty = tty;
    int looks = 0;
    world.pause = [&looks] { return ++looks < 3; };
    return typed(daemon, {"org", "list", "--watch"}, world).out;
  };
  const std::string piped = watched(false);
  CHECK(has(piped, "PATH"));
  CHECK(piped.find("PATH") == piped.rfind("PATH"));
  CHECK(piped.find("\na ") == piped.rfind("\na "));
  CHECK(has(piped, "\nb "));
  CHECK_FALSE(has(piped, "\x1b"));
  CHECK(has(watched(true), "\x1b[H\x1b[2J"));
}

TEST_CASE("a long answer goes through the pager, on a terminal alone") {
  FakeDaemon daemon;
  daemon.on("GET /orgs?limit=100", 200, orgs);
  std::string command;
  const auto paged = [&](const std::vector<std::string>& words, bool tty, int rows,
                         const std::map<std::string, std::string>& env = {}) {
    World world{.env = env, .in = "", .in_is_tty = false, .out_is_tty = tty};
    world.rows = rows;
    bool went = false;
    world.page = [&](const std::string& with, const std::string& text) {
      command = with;
      went = has(text, "acme") || has(text, "Examples:");
      return true;
    };
    const Ran ran = typed(daemon, words, world);
    CHECK(ran.exit_code == 0);
    CHECK(ran.out.empty() == went);
    return went;
  };
  CHECK(paged({"org", "list"}, true, 3));
  CHECK(command == "less");
  CHECK(paged({"org", "list"}, true, 3, {{"PAGER", "more -s"}}));
  CHECK(command == "more -s");
  CHECK(paged({"org", "list"}, true, 3, {{"PAGER", "more"}, {"GOVCTL_PAGER", "most"}}));
  CHECK(command == "most");
  CHECK(paged({"help"}, true, 24));
  CHECK_FALSE(paged({"org", "list"}, true, 24));
  CHECK_FALSE(paged({"org", "list"}, false, 3));
  CHECK_FALSE(paged({"org", "list", "--no-pager"}, true, 3));
  CHECK_FALSE(paged({"org", "-h", "--no-pager"}, true, 3));
  CHECK_FALSE(paged({"org", "list"}, true, 3, {{"PAGER", "cat"}}));
  CHECK_FALSE(paged({"org", "list"}, true, 3, {{"PAGER", ""}}));
}

TEST_CASE("curl lines hold no secret, however deep") {
  FakeDaemon daemon;
  daemon.on("POST /orgs/acme/credentials", 201, R"({"id":"x"})");
  const Ran ran = typed(daemon, {"credential", "add", "acme", "openai", "--stdin", "--print-curl"},
                        {.env = {}, .in = "sk-very-secret\n"});
  CHECK(ran.exit_code == 0);
  CHECK(has(ran.err, "curl --unix-socket"));
  CHECK_FALSE(has(ran.err, "sk-very-secret"));
}
