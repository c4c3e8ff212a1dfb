// What is wrong, told with the command that mends it; and the file that goes into a bug report.

#include <catch2/catch.hpp>

#include "tests/functional/harness/ctl.h"
#include "tests/functional/harness/database.h"

using namespace govctl::test;
namespace fs = std::filesystem;

namespace {

struct Patient {
  TestDaemon daemon;
  ProgramEnd end;
  Json checks;
  // Runs doctor; its checks by name.
  void examine(int exit_code, std::vector<std::string> more = {}) {
    std::vector<std::string> words{"doctor",      "--state-dir", daemon.state(), "--keys-dir",
                                   daemon.keys(), "-o",          "json"};
    words.insert(words.end(), more.begin(), more.end());
    end = ctl(daemon, words);
    INFO(end.output);
    CHECK(end.exit_code == exit_code);
    const Json answer = Json::parse(end.printed, nullptr, false);
    REQUIRE(answer.is_object());
    CHECK(answer["ok"] == (exit_code == 0));
    checks = Json::object();
    for (const Json& check : answer["checks"]) checks[check["check"].get<std::string>()] = check;
  }
  void says(const std::string& check, const std::string& state, const std::string& words = {}) {
    INFO(end.output);
    REQUIRE(checks.contains(check));
    CHECK(checks[check]["state"] == state);
    CHECK(holds(checks[check].dump(), words));
  }
};

}  // namespace

TEST_CASE("nothing is wrong with a fresh daemon", "[doctor]") {
  Patient patient;
  patient.daemon.make_org("acme");
  patient.examine(0);
  for (const char* const check : {"daemon", "versions", "config", "state", "keys", "socket", "lock", "clock",
                                  "gateway", "orgs", "master key", "descriptors", "providers", "credentials",
                                  "prices", "reservations", "anchors", "ledger"}) {
    patient.says(check, "ok");
  }
  CHECK_FALSE(patient.daemon.get("/doctor")["checks"].empty());
  const ProgramEnd text = ctl(patient.daemon, {"doctor", "--quick"});
  CHECK(holds(text.output, "Nothing is wrong"));
  CHECK_FALSE(holds(text.output, "ledger  "));
}

TEST_CASE("modes that let others in are found and mended", "[doctor]") {
  Patient patient;
  patient.daemon.make_org("acme");
  const std::string file = patient.daemon.org_file("acme");
  const std::string key = patient.daemon.keys() + "/master.key";
  fs::permissions(file, static_cast<fs::perms>(0644));
  fs::permissions(key, static_cast<fs::perms>(0440));
  patient.examine(2);
  patient.says("state", "FAULT", "--fix");
  patient.says("keys", "FAULT", "master.key");
  patient.examine(2, {"--fix", "--dry-run"});
  CHECK(mode_of(file) == 0644);
  patient.examine(0, {"--fix"});
  patient.says("state", "mended");
  CHECK(mode_of(file) == 0600);
  CHECK(mode_of(key) == 0400);
  patient.examine(0);
}

TEST_CASE("a daemon that was killed: what can be looked at is, and its socket is cleared away", "[doctor]") {
  Patient patient;
  patient.daemon.make_org("acme");
  patient.daemon.buy("acme", 10);
  const std::string file = patient.daemon.org_file("acme");
  patient.daemon.kill();
  patient.examine(2);
  patient.says("daemon", "warn", "govctl up");
  patient.says("socket", "warn", "left over");
  patient.says("ledger", "ok");
  patient.says("lock", "ok");
  patient.examine(2, {"--fix"});
  patient.says("socket", "mended");
  CHECK_FALSE(fs::exists(patient.daemon.socket()));

  const std::string key = patient.daemon.keys() + "/master.key";
  fs::rename(key, key + ".away");
  patient.examine(2, {"--quick"});
  patient.says("keys", "FAULT", "put it back");
  fs::rename(key + ".away", key);
  Database database(file);
  drop_guards(database);
  database.execute("UPDATE ledger SET amount = amount + 1 WHERE seq = 1");
  patient.examine(2);
  patient.says("ledger", "FAULT", "govd verify");
  database.execute("UPDATE ledger SET amount = amount - 1 WHERE seq = 1");
  patient.daemon.start();
}

TEST_CASE("what an alias names and nobody can use is told with the command that is missing", "[doctor]") {
  Patient patient;
  patient.daemon.make_org("acme");
  patient.daemon.expect(200, "PUT", "/orgs/acme/aliases/fast",
                        {{"targets", {"openai/gpt-4o-mini", "mock/no-such-model"}}});
  patient.examine(2);
  patient.says("credentials", "warn", "govctl credential add acme openai --stdin");
  patient.says("prices", "warn", "govctl pricing set mock no-such-model");
}

TEST_CASE("a settings file that is broken is said, and does not keep the rest from being looked at",
          "[doctor]") {
  Patient patient;
  const std::string folder = settings_of(patient.daemon);
  fs::create_directories(folder);
  std::ofstream(folder + "/config.yaml") << "contexts: [unclosed";
  const ProgramEnd end = ctl(patient.daemon, {"doctor", "--quick"});
  INFO(end.output);
  CHECK(end.exit_code == 2);
  CHECK(holds(end.output, "config.yaml"));
}

TEST_CASE("a bug report is private, and holds no secret and no prompt", "[doctor]") {
  Patient patient;
  TestDaemon& daemon = patient.daemon;
  daemon.make_org("acme");
  daemon.make_agent("acme/prod/support/triage");
  daemon.buy("acme", 1'000'000);
  const Key key = daemon.make_key("acme/prod/support/triage");
  daemon.expect(201, "POST", "/orgs/acme/credentials",
                {{"provider", "openai"}, {"secret", "sk-canary-0123456789abcdef"}});
  REQUIRE(daemon.chat(key.secret, request("mock-model")).status == 200);
  const std::string folder = settings_of(daemon);
  fs::create_directories(folder);
  std::ofstream(folder + "/config.yaml") << "# the token was cst_canary0123456789\ncontexts: {}\n";
  const std::string file = daemon.directory() + "/report.txt";
  const ProgramEnd end = ctl(daemon, {"bugreport", "--out", file});
  INFO(end.output);
  REQUIRE(end.exit_code == 0);
  CHECK(mode_of(file) == 0600);
  const std::string report = content_of(file);
  for (const char* const part :
       {"== Versions", "== Doctor", "== Status", "== Settings", "== Log", "govctl: "}) {
    CHECK(holds(report, part));
  }
  for (const std::string& secret : {key.secret, std::string("canary0123456789"),
                                    std::string("sk-canary-0123456789abcdef"), std::string("Say something.")}) {
    CHECK_FALSE(holds(report, secret));
  }
  CHECK(ctl(daemon, {"bugreport", "--out", file}).exit_code == 7);
  REQUIRE(daemon.stop() == 0);
  CHECK(ctl(daemon, {"bugreport", "--out", file + "2"}).exit_code == 0);
  daemon.start();
}

TEST_CASE("the status is shown again and again, and the log from a time on", "[doctor]") {
  Patient patient;
  const ProgramEnd watched =
      ctl(patient.daemon, {"status", "--watch", "--interval", "1s", "--count", "2", "-o", "jsonl"});
  INFO(watched.output);
  CHECK(watched.exit_code == 0);
  const std::size_t first = watched.printed.find("uptime_s");
  CHECK(first != std::string::npos);
  CHECK(watched.printed.find("uptime_s", first + 1) != std::string::npos);
  CHECK(ctl(patient.daemon, {"status", "--count", "2"}).exit_code == 64);

  fs::copy_file(patient.daemon.log_file(), patient.daemon.state() + "/govd.log",
                fs::copy_options::overwrite_existing);
  CHECK(holds(ctl(patient.daemon, {"logs", "--since", "1h"}).output, "ready"));
  CHECK_FALSE(holds(ctl(patient.daemon, {"logs", "--since", "2100-01-01T00:00:00Z"}).output, "ready"));
  CHECK(ctl(patient.daemon, {"logs", "--since", "yesterday"}).exit_code == 64);
}
