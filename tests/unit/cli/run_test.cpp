// What every command shares: typing errors, exit codes, connection failures, questions, settings.

#include "cli/run.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "cli/client.h"
#include "tests/unit/cli/fake_daemon.h"

using namespace govctl;
using namespace govctl::cli;
using namespace govctl::cli::test;

namespace {
bool has(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }
}  // namespace

TEST_CASE("a typing error exits 64, with an empty stdout, the nearest word and a next command") {
  struct Row {
    std::vector<std::string> words;
    std::string_view says, next;
  };
  const std::vector<Row> rows{
      {{"ogr", "list"}, "did you mean 'org'?", "govctl help org"},
      {{"org", "lst"}, "did you mean 'list'?", "govctl help org list"},
      {{"org", "ls"}, "did you mean 'list'?", "govctl help org list"},
      {{"workspace", "rm"}, "did you mean 'delete'?", "govctl help workspace delete"},
      {{"create", "org"}, "the noun comes first", "govctl org create"},
      {{"org"}, "'org' needs one of: create, list, get", "govctl help org"},
      {{"nothing-like-it"}, "unknown command 'nothing-like-it'", "govctl help"},
      {{"org", "list", "--limti", "5"}, "did you mean '--limit'?", "govctl help org list"},
      {{"org", "get"}, "ORG is missing", "govctl help org get"},
      {{"org", "get", "a", "b"}, "'b' is one argument too many", "govctl help org get"},
      {{"key", "create", "a/b/c/d", "--nmae", "x"}, "did you mean '--name'?", "govctl help key create"},
      {{"budget", "set", "a", "--period", "dayly", "--limit", "1"},
       "did you mean 'daily'?",
       "govctl help budget set"},
      {{"budget", "set", "a", "--period", "daily"}, "either as --limit N", "govctl help budget set"},
      {{"-o", "jsno", "org", "list"}, "did you mean 'json'?", "govctl help output"},
      {{"org", "list", "--jq", ".["}, "no jq expression", "govctl help org list"},
      {{"org", "list", "--limit", "1", "--all"}, "exclude each other", "govctl help org list"},
      {{"org", "list", "--timeout", "5"}, "no duration", "govctl help org list"},
      {{"policy", "set", "a"}, "no rule is given", "govctl help policy set"},
      {{"workspace", "create", "acme"}, "'acme' is the path of an org", "govctl help workspace create"},
      {{"workspace", "create", "Acme/Prod"}, "no slug", "govctl help workspace create"},
      {{"usage", "history", "a", "--since", "yesterday"}, "neither a duration", "govctl help usage history"},
      {{"audit", "list"}, "name an ORG, or --platform", "govctl help audit list"},
  };
  for (const auto& row : rows) {
    const auto ran = typed(row.words);
    INFO(ran.err);
    CHECK(ran.exit_code == 64);
    CHECK(ran.out.empty());
    CHECK(has(ran.err, row.says));
    CHECK(has(ran.err, "  next: " + std::string(row.next) + "\n"));
  }
  const auto json = typed({"org", "lst", "-o", "json"});
  CHECK(Json::parse(json.err)["error"]["code"] == "invalid");
}

TEST_CASE("amounts are exact digits, and a negative one is no option") {
  for (const auto* bad :
       {"0100", "1.5", "1e3", "9007199254740992", "9223372036854775808", "ten", "", " 5", "0x10"}) {
    INFO(bad);
    const auto ran = typed({"ledger", "purchase", "acme", bad});
    CHECK(ran.exit_code == 64);
    CHECK(ran.out.empty());
  }
  FakeDaemon daemon;
  daemon.on("POST /orgs/acme/ledger/adjust", 201, R"({"seq":2,"amount":-500})");
  CHECK(typed(daemon, {"ledger", "adjust", "acme", "-500", "--reason", "R"}).exit_code == 0);
  CHECK(typed(daemon, {"ledger", "adjust", "acme", "--reason", "R", "--", "-500"}).exit_code == 0);
  CHECK(Json::parse(daemon.seen()[0].body) == Json::parse(R"({"amount":-500,"reason":"R"})"));
  CHECK(daemon.seen()[0].body == daemon.seen()[1].body);
}

TEST_CASE("errors of the daemon keep their words and become exit codes") {
  struct Row {
    int status;
    std::string code;
    int exit_code;
  };
  const std::vector<Row> rows{{400, "invalid", 64},
                              {401, "unauthenticated", 4},
                              {403, "forbidden", 4},
                              {402, "budget_exceeded", 5},
                              {403, "policy_denied", 5},
                              {404, "not_found", 6},
                              {409, "conflict", 7},
                              {412, "stale", 7},
                              {429, "rate_limited", 75},
                              {503, "unavailable", 75},
                              {500, "internal", 1},
                              {504, "timeout", 8},
                              {422, "idempotency_mismatch", 7},
                              {402, "insufficient_credits", 5},
                              {404, "a_word_of_tomorrow", 6}};
  for (const auto& row : rows) {
    INFO(row.code);
    FakeDaemon daemon;
    daemon.on("GET /orgs/acme", row.status,
              R"({"error":{"code":")" + row.code + R"(","message":"because","next":"govctl org list"}})");
    const auto ran = typed(daemon, {"org", "get", "acme"});
    CHECK(ran.exit_code == row.exit_code);
    CHECK(ran.out.empty());
    CHECK(ran.err.starts_with("govctl: because\n  next: govctl org list\n"));
    const auto json = typed(daemon, {"org", "get", "acme", "-o", "json"});
    const auto error = Json::parse(json.err)["error"];
    CHECK(json.out.empty());
    CHECK(error["message"] == "because");
    CHECK(error["next"] == "govctl org list");
    CHECK(error["request_id"] == "req_01938f2e-7a1b-7c3d-8e4f-000000000001");
  }
}

TEST_CASE("an error without a next command gets one") {
  FakeDaemon daemon;
  const std::string stale = R"({"error":{"code":"stale","message":"it was changed","next":null}})";
  daemon.on("PATCH /workspaces/acme%2Fprod", 412, stale);
  CHECK(has(typed(daemon, {"workspace", "set", "acme/prod", "--name", "x", "--if-version", "1"}).err,
            "next: govctl workspace get acme/prod\n"));
  CHECK(daemon.seen()[0].headers.at("if-match") == "\"1\"");
  daemon.on("GET /orgs/acme", 400, R"({"error":{"code":"invalid","message":"bad","next":null}})");
  CHECK(has(typed(daemon, {"org", "get", "acme"}).err, "next: govctl help org get\n"));
}

TEST_CASE("no daemon, no permission and another version are three messages") {
  TempDir dir;
  SECTION("no socket") {
    const auto ran = typed({"status"}, {.env = {{"GOVCTL_SOCKET", dir.file("none.sock")}}});
    CHECK(ran.exit_code == 69);
    CHECK(has(ran.err, "no daemon is running: there is no such socket"));
    CHECK(has(ran.err, "next: govctl up"));
  }
  SECTION("a socket that nobody listens on") {
    const std::string path = dir.file("stale.sock");
    const int fd = ::socket(AF_UNIX, SOCK_STREAM, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.c_str(), path.size());
    REQUIRE(bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0);
    close(fd);
    const auto ran = typed({"org", "list"}, {.env = {{"GOVCTL_SOCKET", path}}});
    CHECK(ran.exit_code == 69);
    CHECK(has(ran.err, "nobody listens on it"));
  }
  SECTION("another version") {
    FakeDaemon daemon;
    daemon.on("GET /orgs?limit=100", 200, R"({"items":[],"next":null,"total":0})", {{"x-govd-api", "2"}});
    const auto ran = typed(daemon, {"org", "list"});
    CHECK(ran.exit_code == 69);
    CHECK(ran.out.empty());
    CHECK(has(ran.err, "versions differ: the daemon speaks API 2"));
    daemon.on("GET /status", 200, R"({"version":"9.0.0","api_major":3})");
    CHECK(has(typed(daemon, {"status"}).err, "versions differ: the daemon speaks API 3"));
  }
  SECTION("a minor difference is none") {
    FakeDaemon daemon;
    daemon.on("GET /status", 200, R"({"version":"0.9.0","api_major":1,"pid":1})", {{"x-govd-api", "1"}});
    CHECK(typed(daemon, {"status"}).exit_code == 0);
  }
  SECTION("no permission") {
    // Root may enter everything: the refusal is asked for from a process that is nobody.
    FakeDaemon daemon;
    chmod(daemon.socket().c_str(), 0600);
    const pid_t child = fork();
    if (child == 0) {
      if (geteuid() == 0 && seteuid(65534) != 0) _exit(3);
      if (geteuid() != 65534) _exit(0);  // not root: nobody else to be
      _exit(why_unreachable(daemon.socket()).code == Code::no_permission ? 0 : 1);
    }
    int status = 0;
    waitpid(child, &status, 0);
    CHECK(status == 0);
  }
}

TEST_CASE("an answer that is not govd's is no success") {
  FakeDaemon daemon;
  daemon.on("GET /orgs/acme", 200, "<html>");
  daemon.on("GET /orgs/beta", 500, "<html>");
  daemon.on("GET /orgs?limit=100", 200, R"({"orgs":[]})");
  daemon.on("GET /providers?limit=100", 200, R"({"items":[],"next":null,"total":"many"})");
  for (const auto& words : {std::vector<std::string>{"org", "get", "acme"},
                            {"org", "get", "beta"},
                            {"org", "list"},
                            {"provider", "list"}}) {
    const auto ran = typed(daemon, words);
    CHECK(ran.exit_code == 1);
    CHECK(ran.out.empty());
    CHECK(has(ran.err, "next: govctl"));
  }
}

TEST_CASE("a daemon that does not answer in time is told from one that is gone") {
  TempDir dir;
  const std::string path = dir.file("mute.sock");
  const int fd = ::socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.c_str(), path.size());
  REQUIRE(bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0);
  REQUIRE(listen(fd, 5) == 0);  // the kernel accepts; nobody reads
  const auto ran = typed({"org", "list", "--timeout", "1s"}, {.env = {{"GOVCTL_SOCKET", path}}});
  close(fd);
  CHECK(ran.exit_code == 8);
  CHECK(ran.out.empty());
  CHECK(has(ran.err, "did not answer within 1 s"));
}

TEST_CASE("what destroys refuses off a terminal, asks on one, and -y says yes") {
  FakeDaemon daemon;
  daemon.on("DELETE /workspaces/acme%2Fprod", 200, R"({"path":"acme/prod"})");
  const std::vector<std::string> words{"workspace", "delete", "acme/prod"};
  const auto refused = typed(daemon, words);
  CHECK(refused.exit_code == 64);
  CHECK(has(refused.err, "next: govctl workspace delete acme/prod -y"));
  const auto no = typed(daemon, words, {.env = {}, .in = "n\n", .in_is_tty = true});
  CHECK(no.exit_code == 1);
  CHECK(has(no.err, "[y/N]"));
  CHECK(has(no.err, "nothing was changed"));
  CHECK(typed(daemon, words, {.env = {}, .in = "", .in_is_tty = true}).exit_code == 1);
  auto never_ask = words;
  never_ask.emplace_back("--no-input");
  CHECK(typed(daemon, never_ask, {.env = {}, .in = "y\n", .in_is_tty = true}).exit_code == 64);
  CHECK(daemon.seen().empty());
  CHECK(typed(daemon, words, {.env = {}, .in = "y\n", .in_is_tty = true}).exit_code == 0);
  CHECK(typed(daemon, {"-y", "workspace", "delete", "acme/prod"}).exit_code == 0);
  CHECK(daemon.seen().size() == 2);
  for (const auto& destructive :
       std::vector<std::vector<std::string>>{{"key", "revoke", "k"},
                                             {"group", "delete", "a/b/c"},
                                             {"agent", "delete", "a/b/c/d"},
                                             {"provider", "delete", "p"},
                                             {"pricing", "delete", "p", "m"},
                                             {"credential", "delete", "a", "c"},
                                             {"policy", "delete", "01938f2e-7a1b-7c3d-8e4f-5a6b7c8d9e0f"},
                                             {"budget", "delete", "01938f2e-7a1b-7c3d-8e4f-5a6b7c8d9e0f"}}) {
    const auto ran = typed(daemon, destructive);
    INFO(ran.err);
    CHECK(ran.exit_code == 64);
    CHECK(has(ran.err, " -y\n"));
  }
  CHECK(daemon.seen().size() == 2);
}

TEST_CASE("an org is deleted only with its slug repeated") {
  FakeDaemon daemon;
  daemon.on("DELETE /orgs/acme?confirm=acme", 200,
            R"({"path":"acme","id":"01938f2e-7a1b-7c3d-8e4f-5a6b7c8d9e0f"})");
  const auto ran = typed(daemon, {"org", "delete", "acme", "-y"});
  CHECK(ran.exit_code == 64);
  CHECK(has(ran.err, "--confirm=acme"));
  CHECK(daemon.seen().empty());
  CHECK(typed(daemon, {"org", "delete", "acme", "--confirm=acme"}).exit_code == 0);
}

TEST_CASE("a path that starts with '/' begins with GOVCTL_ORG") {
  FakeDaemon daemon;
  daemon.on("GET /workspaces/acme%2Fprod", 200, R"({"path":"acme/prod"})");
  daemon.on("GET /orgs/acme/balance", 200, R"({"org":"acme","balance":1})");
  const World acme{.env = {{"GOVCTL_ORG", "acme"}}};
  CHECK(typed(daemon, {"workspace", "get", "/prod"}, acme).exit_code == 0);
  CHECK(typed(daemon, {"ledger", "balance", "/"}, acme).exit_code == 0);
  const auto without = typed(daemon, {"workspace", "get", "/prod"});
  CHECK(without.exit_code == 64);
  CHECK(has(without.err, "GOVCTL_ORG"));
}

TEST_CASE("a flag goes before a variable, a variable before the context") {
  FakeDaemon daemon;
  TempDir dir;
  daemon.on("GET /orgs/acme", 200, R"({"path":"acme"})");
  std::filesystem::create_directories(dir.file("govctl"));
  write_file(dir.file("govctl/config.yaml"),
             "current-context: here\ncontexts:\n  here: {output: csv, org: acme}\n  bad: {colour: red}\n");
  const std::string before = getenv("XDG_CONFIG_HOME") != nullptr ? getenv("XDG_CONFIG_HOME") : "";
  setenv("XDG_CONFIG_HOME", dir.path().c_str(), 1);
  CHECK(typed(daemon, {"org", "get", "/"}).out == "path\r\nacme\r\n");
  CHECK(typed(daemon, {"org", "get", "/"}, {.env = {{"GOVCTL_OUTPUT", "jsonl"}}}).out ==
        "{\"path\":\"acme\"}\n");
  CHECK(typed(daemon, {"org", "get", "/", "-otable"}, {.env = {{"GOVCTL_OUTPUT", "jsonl"}}}).out ==
        "path  acme\n");
  const auto unknown = typed(daemon, {"org", "list", "--context", "hre"});
  CHECK(unknown.exit_code == 64);
  CHECK(has(unknown.err, "did you mean 'here'?"));
  CHECK(typed(daemon, {"org", "list", "--context", "bad"}).exit_code == 64);
  CHECK(typed(daemon, {"help", "config", "--context", "bad"}).exit_code == 0);
  if (before.empty()) {
    unsetenv("XDG_CONFIG_HOME");
  } else {
    setenv("XDG_CONFIG_HOME", before.c_str(), 1);
  }
}

TEST_CASE("options of every command may stand anywhere") {
  FakeDaemon daemon;
  daemon.on("GET /orgs/acme", 200, R"({"path":"acme"})");
  for (const auto& words : std::vector<std::vector<std::string>>{{"-o", "jsonl", "org", "get", "acme"},
                                                                 {"org", "-o", "jsonl", "get", "acme"},
                                                                 {"org", "get", "-ojsonl", "acme"},
                                                                 {"org", "get", "acme", "--format=jsonl"}}) {
    CHECK(typed(daemon, words).out == "{\"path\":\"acme\"}\n");
  }
}

TEST_CASE("the token is sent, from the variable or a file, and never shown") {
  FakeDaemon daemon;
  TempDir dir;
  daemon.on("GET /orgs/acme", 200, R"({"path":"acme"})");
  write_file(dir.file("token"), "cst_from_file\n");
  const auto ran =
      typed(daemon, {"org", "get", "acme", "-v", "--print-curl"}, {.env = {{"GOVCTL_TOKEN", "cst_secret"}}});
  CHECK(ran.exit_code == 0);
  CHECK_FALSE(has(ran.err, "cst_secret"));
  CHECK(has(ran.err, "curl --unix-socket "));
  CHECK(has(ran.err, "GET /orgs/acme -> 200 in "));
  CHECK(typed(daemon, {"org", "get", "acme"}, {.env = {{"GOVCTL_TOKEN_FILE", dir.file("token")}}}).exit_code ==
        0);
  const auto seen = daemon.seen();
  REQUIRE(seen.size() == 2);
  CHECK(seen[0].headers.at("authorization") == "Bearer cst_secret");
  CHECK(seen[1].headers.at("authorization") == "Bearer cst_from_file");
  CHECK(seen[0].headers.at("host") == "govd");
  CHECK(seen[0].headers.at("user-agent") == "govctl/0.1.0");
  CHECK(seen[0].headers.at("x-correlation-id").size() == 36);
  CHECK_FALSE(seen[0].headers.contains("origin"));
}

TEST_CASE("a socket path that does not fit is refused, not cut") {
  const auto ran = typed({"status"}, {.env = {{"GOVCTL_SOCKET", "/" + std::string(120, 'x')}}});
  CHECK(ran.exit_code == 64);
  CHECK(has(ran.err, "107 at most"));
}
