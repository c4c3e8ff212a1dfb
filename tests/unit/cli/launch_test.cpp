#include "cli/launch.h"

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include "cli/log_line.h"
#include "tests/unit/cli/fake_daemon.h"

using namespace govctl;
using namespace govctl::cli;
using govctl::cli::test::TempDir;
using govctl::cli::test::write_file;

namespace {
constexpr std::int64_t generous = 20'000'000;
}

TEST_CASE("a started program has a session of its own, nothing to read, and its words in the log") {
  TempDir dir;
  const std::string log = dir.file("log");
  write_file(log, "before\n");
  auto child =
      start_detached("/bin/sh", {"-c", "cat; echo said; echo cried >&2; ps -o sid= -p $$; exec sleep 60"}, log);
  REQUIRE(child);
  auto process = Process::open(*child);
  REQUIRE(process);
  while (last_lines(log, 9).size() < 4) usleep(1000);
  const auto lines = last_lines(log, 9);
  CHECK(lines[0] == "before");
  CHECK(lines[1] == "said");
  CHECK(lines[2] == "cried");
  CHECK(std::stoi(lines[3]) == *child);
  CHECK_FALSE(ended(*child).has_value());
  CHECK_FALSE(process->wait_gone(1000));
  REQUIRE(process->terminate());
  CHECK(process->wait_gone(generous));
  CHECK(ended(*child) == "signal 15");
}

TEST_CASE("what a process was started with can be read, and used again") {
  TempDir dir;
  auto child = start_detached("/bin/sleep", {"60"}, dir.file("log"));
  REQUIRE(child);
  CHECK(arguments_of(*child) == std::vector<std::string>{"60"});
  auto process = Process::open(*child);
  REQUIRE(process->terminate());
  CHECK(process->wait_gone(generous));
  waitpid(*child, nullptr, 0);
  CHECK(arguments_of(*child).empty());
  CHECK_FALSE(Process::open(*child));
}

TEST_CASE("a program that cannot be started says why") {
  TempDir dir;
  const auto child = start_detached(dir.file("no-such-program"), {}, dir.file("log"));
  REQUIRE_FALSE(child);
  CHECK(child.error().message.find("No such file or directory") != std::string::npos);
  const auto no_log = start_detached("/bin/true", {}, dir.file("no/such/dir/log"));
  REQUIRE_FALSE(no_log);
  CHECK(no_log.error().code == Code::no_permission);
}

TEST_CASE("the log is its owner's alone") {
  TempDir dir;
  auto child = start_detached("/bin/true", {}, dir.file("log"));
  REQUIRE(child);
  waitpid(*child, nullptr, 0);
  struct stat seen{};
  REQUIRE(stat(dir.file("log").c_str(), &seen) == 0);
  CHECK((seen.st_mode & 0777) == 0600);
}

TEST_CASE("a daemon that systemd started is known by its cgroup") {
  CHECK(service_of("0::/system.slice/govd.service")->command("restart") ==
        "sudo systemctl restart govd.service");
  const auto mine = service_of("0::/user.slice/user-1000.slice/user@1000.service/app.slice/govd.service");
  REQUIRE(mine);
  CHECK(mine->command("stop") == "systemctl --user stop govd.service");
  CHECK(mine->arguments("stop") == std::vector<std::string>{"--user", "stop", "govd.service"});
  CHECK_FALSE(service_of("0::/user.slice/user-1000.slice/session-2.scope"));
  CHECK_FALSE(service_of("0::/system.slice/ssh.service"));
  CHECK_FALSE(service_of("0::/system.slice/govd.socket"));
  CHECK_FALSE(service_of(""));
  CHECK_FALSE(cgroup_of(getpid()).empty());
}

TEST_CASE("the last lines of a file, however long it is") {
  TempDir dir;
  const std::string file = dir.file("f");
  CHECK(last_lines(file, 5).empty());
  std::string text;
  for (int i = 0; i < 30000; ++i) text += "line " + std::to_string(i) + "\n";
  write_file(file, text);
  CHECK(last_lines(file, 2) == std::vector<std::string>{"line 29998", "line 29999"});
  CHECK(last_lines(file, 0).empty());
  CHECK(last_lines(file, 20000).front() == "line 10000");
  CHECK(last_lines(file, 99999).size() == 30000);
  CHECK(last_lines(file, 99999, text.size() - 11) == std::vector<std::string>{"line 29999"});
  write_file(file, "one\ntwo");
  CHECK(last_lines(file, 1) == std::vector<std::string>{"two"});
}

TEST_CASE("a log line for people, and one that is no JSON as it is") {
  CHECK(log_line(
            R"({"ts":"2026-11-21T09:30:00.123456Z","level":"warn","msg":"slow","org":"acme","duration_ms":5})",
            false) == "2026-11-21T09:30:00Z warn  slow  org=acme  duration_ms=5");
  CHECK(log_line("terminate called\x1b[2J", false) == "terminate called\\u001b[2J");
  CHECK(log_level(api::Json{{"level", "debug"}}) == 0);
  CHECK(log_level(api::Json{{"level", "error"}}) == 3);
  CHECK(log_level(api::Json("terminate called")) == 3);
}
