#include <catch2/catch.hpp>
#include <sstream>

#include "tests/unit/cli/fake_daemon.h"

using govctl::cli::test::FakeDaemon;
using govctl::cli::test::typed;
using Words = std::vector<std::string>;

namespace {
// What is offered, without what is said about it; nothing else may be printed.
Words offered(const govctl::cli::test::Ran& ran) {
  CHECK(ran.exit_code == 0);
  CHECK(ran.err.empty());
  Words words;
  std::istringstream lines(ran.out);
  for (std::string line; std::getline(lines, line);) words.push_back(line.substr(0, line.find('\t')));
  return words;
}
Words offered(Words line) {
  line.insert(line.begin(), "__complete");
  return offered(typed(line));
}
Words offered(const FakeDaemon& daemon, Words line, const std::map<std::string, std::string>& env = {}) {
  line.insert(line.begin(), "__complete");
  return offered(typed(daemon, line, {.env = env}));
}
std::string list_of(const std::string& items) {
  return R"({"items":[)" + items + R"(],"next":null,"total":9})";
}
}  // namespace

TEST_CASE("a line that is begun is completed from the tree of commands") {
  CHECK(offered({"aud"}) == Words{"audit"});
  CHECK(offered({"agent", "e"}) == Words{"enable"});
  CHECK(offered({"-o", "json", "agent", "en"}) == Words{"enable"});
  CHECK(offered({"budget", "set", "acme", "--period", ""}) == Words{"daily", "monthly", "total"});
  CHECK(offered({"budget", "set", "acme", "--period=m"}) == Words{"--period=monthly"});
  CHECK(offered({"logs", "-oy"}) == Words{"-oyaml"});
  CHECK(offered({"completion", ""}) == Words{"bash", "zsh", "fish"});
  CHECK(offered({"help", "key", "rot"}) == Words{"rotate"});
  CHECK(offered({"key", "create", "a/b/c/d", "--secret-file", ""}) == Words{":files"});
  CHECK(offered({"up", "--state-dir", ""}) == Words{":directories"});
}

TEST_CASE("an option that was given is not offered again, unless it repeats") {
  CHECK(offered({"logs", "--lev"}) == Words{"--level"});
  CHECK(offered({"logs", "--level", "info", "--lev"}).empty());
  CHECK(offered({"logs", "--level=info", "--lev"}).empty());
  CHECK(offered({"up", "--listen", "127.0.0.1:1", "--lis"}) == Words{"--listen"});
  CHECK(offered({"help", "--", "--lev"}).empty());
}

TEST_CASE("what is no command, and a daemon that is away or talks nonsense, complete to nothing") {
  CHECK(offered({"no-such", ""}).empty());
  CHECK(offered({"--no-such", ""}).empty());
  CHECK(offered({"org", "get", "acme", ""}).empty());
  CHECK(offered({"org", "get", ""}).empty());
  CHECK(offered({"--socket", "/nonexistent/other.sock", "org", "get", ""}).empty());
  CHECK(offered({"--context", "nobody", "org", "get", ""}).empty());
  const FakeDaemon daemon;
  CHECK(offered(daemon, {"org", "get", ""}).empty());
  for (const auto* body :
       {"[]", "no json", R"({"items":3})", R"({"items":[1,null]})", R"({"items":[{"slug":5}]})"}) {
    FakeDaemon odd;
    odd.on("GET /orgs?limit=1000", 200, body);
    CHECK(offered(odd, {"org", "get", ""}).empty());
  }
}

TEST_CASE("paths are completed level by level") {
  FakeDaemon daemon;
  daemon.on("GET /orgs?limit=1000", 200,
            list_of(R"({"slug":"acme","name":"Acme"},{"slug":"beta","name":"B"})"));
  daemon.on("GET /orgs/acme/workspaces?limit=1000", 200,
            list_of(R"({"path":"acme/dev","name":"D"},{"path":"acme/prod","name":"P"})"));
  CHECK(offered(daemon, {"org", "get", ""}) == Words{"acme", "beta"});
  CHECK(offered(daemon, {"agent", "get", ""}) == Words{"acme/", "beta/"});
  CHECK(offered(daemon, {"agent", "get", "acme/p"}) == Words{"acme/prod/"});
  CHECK(offered(daemon, {"workspace", "get", "acme/"}) == Words{"acme/dev", "acme/prod"});
  // One that may end here and may go on is offered both ways.
  CHECK(offered(daemon, {"budget", "list", "acme/p"}) == Words{"acme/prod", "acme/prod/"});
  // A new workspace's name is the user's to find.
  CHECK(offered(daemon, {"workspace", "create", "acme/"}).empty());
  CHECK(offered(daemon, {"agent", "get", "/p"}, {{"GOVCTL_ORG", "acme"}}) == Words{"/prod/"});
}

TEST_CASE("keys, aliases, models and lists of models are completed") {
  FakeDaemon daemon;
  daemon.on("GET /keys?limit=1000", 200,
            list_of(R"({"id":"0193-a","name":"ci","agent":"a/b/c/d","status":"ACTIVE"},{"id":"0193-b"})"));
  daemon.on("GET /keys?path=a%2Fb%2Fc%2Fd&limit=1000", 200, list_of(R"({"id":"0193-a"})"));
  daemon.on("GET /orgs/acme/aliases?limit=1000", 200, list_of(R"({"name":"fast"})"));
  daemon.on("GET /pricing?limit=1000", 200,
            list_of(R"({"model":"gpt-4o","provider":"azure"},{"model":"gpt-4o","provider":"openai"})"));
  CHECK(offered(daemon, {"key", "revoke", "0193-"}) == Words{"0193-a", "0193-b"});
  CHECK(offered(daemon, {"budget", "set", "a/b/c/d", "--key", ""}) == Words{"0193-a"});
  CHECK(offered(daemon, {"alias", "get", "acme", ""}) == Words{"fast"});
  CHECK(offered(daemon, {"policy", "set", "acme", "--deny-models", "o1,gpt"}) == Words{"o1,gpt-4o"});
}

TEST_CASE("a list that ends badly offers nothing rather than half of it") {
  FakeDaemon daemon;
  daemon.on("GET /orgs?limit=1000", 200, R"({"items":[{"slug":"acme"}],"next":"more","total":2})");
  CHECK(offered(daemon, {"org", "get", ""}).empty());
  daemon.on("GET /orgs?limit=1000&cursor=more", 200, R"({"items":[{"slug":"beta"}],"next":null,"total":2})");
  CHECK(offered(daemon, {"org", "get", ""}) == Words{"acme", "beta"});
}
