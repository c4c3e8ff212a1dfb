// A backup of a serving daemon, and what becomes of it: proven, brought back, refused, cut by kill -9.

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <thread>

#include "tests/functional/harness/ctl.h"
#include "tests/functional/harness/database.h"

using namespace govctl::test;
namespace fs = std::filesystem;

namespace {

struct House {
  TestDaemon daemon;
  Key key, other_key;
  std::string archive = daemon.directory() + "/b.tar.gz";
  House() {
    for (const char* const org : {"acme", "beta"}) {
      daemon.make_org(org);
      daemon.make_agent(std::string(org) + "/prod/support/triage");
      daemon.buy(org, 1'000'000);
    }
    key = daemon.make_key("acme/prod/support/triage");
    other_key = daemon.make_key("beta/prod/support/triage");
  }
  void call(const Key& with) { REQUIRE(daemon.chat(with.secret, request("mock-model")).status == 200); }
  void back_up(std::vector<std::string> more = {}) {
    std::vector<std::string> words{"backup", "--out", archive};
    words.insert(words.end(), more.begin(), more.end());
    const ProgramEnd end = ctl(daemon, words);
    INFO(end.output);
    REQUIRE(end.exit_code == 0);
  }
  ProgramEnd restore(std::vector<std::string> more = {}) const {
    std::vector<std::string> words{"restore",      archive,      "--state-dir",
                                   daemon.state(), "--keys-dir", daemon.keys()};
    words.insert(words.end(), more.begin(), more.end());
    return ctl(daemon, words);
  }
};

void ends(const ProgramEnd& end, int code, const std::string& says) {
  INFO(end.output);
  CHECK(end.exit_code == code);
  CHECK(holds(end.output, says));
}

}  // namespace

TEST_CASE("a backup brings back what was there, and only what was there", "[backup]") {
  House house;
  house.call(house.key);
  const auto then = house.daemon.balance("acme");
  house.back_up();
  CHECK(mode_of(house.archive) == 0600);

  house.call(house.key);
  house.daemon.buy("beta", 5);
  house.daemon.make_org("late");
  house.daemon.expect(200, "DELETE",
                      "/agents/" + percent("beta/prod/support/triage") + "/keys/" + house.other_key.id);
  REQUIRE(house.daemon.balance("acme") != then);

  ends(house.restore({"--replace"}), 7, "govctl down");
  REQUIRE(house.daemon.stop() == 0);
  ends(house.restore(), 7, "--replace");
  ends(house.restore({"--replace"}), 7, "--allow-older");
  ends(house.restore({"--replace", "--allow-older"}), 0, "What was there is in");
  house.daemon.start();

  CHECK(house.daemon.balance("acme") == then);
  CHECK(house.daemon.balance("beta") == 1'000'000);
  CHECK(house.daemon.control("GET", "/orgs/late").status == 404);
  CHECK(house.daemon.verify()["ok"] == true);
  house.call(house.key);
  // A key that was revoked since stays revoked.
  CHECK(house.daemon.chat(house.other_key.secret, request("mock-model")).status == 401);
  bool told = false;
  for (const Json& row : house.daemon.get("/audit")["items"])
    told = told || row["event_type"] == "platform.restore";
  CHECK(told);
}

TEST_CASE("a backup that is made while agents call is sound", "[backup]") {
  House house;
  std::atomic<bool> ending = false;
  std::atomic<int> made = 0;
  std::vector<std::thread> agents;
  for (int i = 0; i < 4; ++i) {
    agents.emplace_back([&] {
      while (!ending) made += house.daemon.chat(house.key.secret, request("mock-model")).status == 200 ? 1 : 0;
    });
  }
  while (made < 20) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  const int answered = made;
  house.back_up();
  ending = true;
  for (auto& agent : agents) agent.join();
  // Proven beside the daemon that serves.
  ends(house.restore({"--verify"}), 0, "Nothing was changed");
  const Json report = ctl_json(house.daemon, {"restore", house.archive, "--verify"});
  for (const Json& table : report["tables"]) {
    if (table["org"] == "acme" && table["table"] == "usage_events") CHECK(table["rows"] >= answered);
  }
  CHECK(house.daemon.verify()["ok"] == true);
}

TEST_CASE("one org is backed up and brought back without the others", "[backup]") {
  House house;
  house.call(house.key);
  const auto then = house.daemon.balance("acme");
  const ProgramEnd exported = ctl(house.daemon, {"org", "export", "acme", "--out", house.archive});
  INFO(exported.output);
  REQUIRE(exported.exit_code == 0);
  house.call(house.key);
  house.call(house.other_key);
  const auto beta = house.daemon.balance("beta");
  REQUIRE(house.daemon.stop() == 0);
  ends(ctl(house.daemon, {"org", "import", house.archive, "--state-dir", house.daemon.state(), "--keys-dir",
                          house.daemon.keys(), "--replace", "--allow-older"}),
       0, "Backup of acme");
  house.daemon.start();
  CHECK(house.daemon.balance("acme") == then);
  CHECK(house.daemon.balance("beta") == beta);
  CHECK(house.daemon.verify()["ok"] == true);
  house.call(house.key);
  house.call(house.other_key);
}

TEST_CASE("a backup that was changed, cut or made by another daemon is refused", "[backup]") {
  House house;
  house.call(house.key);
  house.back_up();
  REQUIRE(house.daemon.stop() == 0);
  const std::string whole = content_of(house.archive);
  const auto put = [&](const std::string& bytes) { std::ofstream(house.archive, std::ios::binary) << bytes; };
  put(whole.substr(0, whole.size() / 2));
  CHECK(house.restore({"--verify"}).exit_code != 0);
  put("not an archive");
  ends(house.restore({"--verify"}), 64, "no backup");

  put(whole);
  const std::string unpacked = house.daemon.directory() + "/u";
  fs::create_directories(unpacked);
  REQUIRE(run({"/bin/tar", "-xzf", house.archive, "-C", unpacked}).exit_code == 0);
  const std::string manifest = content_of(unpacked + "/manifest.json");
  CHECK_FALSE(holds(manifest, house.key.secret));
  for (const auto& entry : fs::directory_iterator(unpacked + "/orgs")) {
    Database database(entry.path());
    drop_guards(database);
    database.execute("UPDATE ledger SET amount = amount + 1 WHERE seq = 1");
  }
  fs::remove(house.archive);
  REQUIRE(run({"/bin/sh", "-c",
               "cd " + unpacked + " && tar -czf " + house.archive +
                   " anchors/*.log orgs/*.db catalog.db manifest.json manifest.sig"})
              .exit_code == 0);
  CHECK(house.restore({"--replace", "--allow-older"}).exit_code == 1);

  put(whole);
  const std::string signing = house.daemon.keys() + "/signing.key";
  const std::string kept = content_of(signing);
  fs::permissions(signing, fs::perms::owner_all);
  std::ofstream(signing, std::ios::binary) << std::string(32, 'x');
  fs::permissions(signing, fs::perms::owner_read);
  ends(house.restore({"--verify"}), 7, "signing key");
  fs::permissions(signing, fs::perms::owner_all);
  std::ofstream(signing, std::ios::binary) << kept;
  fs::permissions(signing, fs::perms::owner_read);
  house.daemon.start();
  CHECK(house.daemon.verify()["ok"] == true);
}

TEST_CASE("a restore that is killed leaves what was there or what was restored", "[backup]") {
  House house;
  house.call(house.key);
  const auto restored = house.daemon.balance("acme");
  house.back_up();
  house.call(house.key);
  const auto before = house.daemon.balance("acme");
  REQUIRE(house.daemon.stop() == 0);
  const std::string kept = house.daemon.directory() + "/kept";
  fs::copy(house.daemon.state(), kept, fs::copy_options::recursive);

  int cut = 0;
  for (int delay_ms = 1; delay_ms < 400; delay_ms = delay_ms * 5 / 4 + 1) {
    fs::remove_all(house.daemon.state());
    fs::copy(kept, house.daemon.state(), fs::copy_options::recursive);
    const pid_t pid = ::fork();
    if (pid == 0) {
      const std::string program = govd_program();
      ::close(1);
      ::close(2);
      ::execl(program.c_str(), program.c_str(), "restore", house.archive.c_str(), "--replace", "--allow-older",
              "--state-dir", house.daemon.state().c_str(), "--keys-dir", house.daemon.keys().c_str(), nullptr);
      ::_exit(127);
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(delay_ms));
    ::kill(pid, SIGKILL);
    int status = 0;
    ::waitpid(pid, &status, 0);
    cut += WIFSIGNALED(status) ? 1 : 0;
    house.daemon.start();
    INFO("killed after " << delay_ms << " ms");
    const auto balance = house.daemon.balance("acme");
    CHECK((balance == before || balance == restored));
    CHECK(house.daemon.verify()["ok"] == true);
    CHECK(house.daemon.get("/status")["quarantined"].empty());
    REQUIRE(house.daemon.stop() == 0);
    CHECK_FALSE(fs::exists(house.daemon.state() + "/restore.part"));
    CHECK_FALSE(fs::exists(house.daemon.state() + "/restore.ready"));
  }
  CHECK(cut > 0);
  house.daemon.start();
}

TEST_CASE("what a backup would hold is told before it is made", "[backup]") {
  House house;
  const Json plan = house.daemon.expect(200, "POST", "/backup?dry_run=1");
  CHECK(plan["scope"] == "platform");
  CHECK(plan["orgs"] == Json{"acme", "beta"});
  CHECK(house.daemon.control("POST", "/backup?org=nope").status == 404);
  std::ofstream(house.archive) << "mine";
  ends(ctl(house.daemon, {"backup", "--out", house.archive}), 7, "already");
  CHECK(content_of(house.archive) == "mine");
  ends(ctl(house.daemon, {"backup", "--out", "/nowhere/b"}), 64, "/nowhere/b");
}
