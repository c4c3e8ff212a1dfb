#include "daemon/telemetry/log.h"

#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <thread>
#include <vector>

namespace govctl::log {
namespace {

// Runs `what` in a process of its own that logs to a file, and exits as a program does.
template <class What>
std::vector<nlohmann::json> logged(LogLevel threshold, What what) {
  char path[] = "/tmp/govctl-log-XXXXXX";
  ::close(::mkstemp(path));
  const pid_t child = ::fork();
  if (child == 0) {
    open(threshold, path);
    what();
    std::exit(0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  CHECK(status == 0);
  std::ifstream in(path);
  std::vector<nlohmann::json> lines;
  for (std::string line; std::getline(in, line);) lines.push_back(nlohmann::json::parse(line));
  ::unlink(path);
  return lines;
}

TEST_CASE("A line is one JSON object with time, level, message and typed fields") {
  const auto lines = logged(LogLevel::info, [] {
    info("started", {{Field::port, 4683}, {Field::version, "0.1.0"}, {Field::credits, std::int64_t{-5}}});
    error("odd",
          {{Field::reason, std::string("quote \" backslash \\ newline \n nul ") + '\0' + " bad \xff\xfe é"}});
  });
  REQUIRE(lines.size() == 2);
  CHECK(lines[0]["level"] == "info");
  CHECK(lines[0]["msg"] == "started");
  CHECK(lines[0]["port"] == 4683);
  CHECK(lines[0]["version"] == "0.1.0");
  CHECK(lines[0]["credits"] == -5);
  CHECK(lines[0]["ts"].get<std::string>().ends_with("Z"));
  const std::string reason = lines[1]["reason"];
  CHECK(reason.starts_with("quote \" backslash \\ newline \n nul "));
  CHECK(reason.ends_with(" é"));
}

TEST_CASE("What is below the threshold is not written") {
  const auto lines = logged(LogLevel::warn, [] {
    debug("d");
    info("i");
    warn("w");
    error("e");
  });
  REQUIRE(lines.size() == 2);
  CHECK(lines[0]["msg"] == "w");
  CHECK(lines[1]["msg"] == "e");
}

TEST_CASE("Every line of many threads is out at exit, and none is torn") {
  const auto lines = logged(LogLevel::info, [] {
    std::vector<std::thread> threads;
    threads.reserve(4);
    for (int thread = 0; thread < 4; ++thread) {
      threads.emplace_back([thread] {
        for (int i = 0; i < 500; ++i) info("line", {{Field::thread, thread}, {Field::count, i}});
      });
    }
    for (auto& thread : threads) thread.join();
  });
  CHECK(lines.size() == 2000);
  std::vector<int> last(4, -1);
  bool in_order = true;
  for (const auto& line : lines) {
    int& before = last[line["thread"].get<std::size_t>()];
    in_order = in_order && line["count"] == before + 1;
    before = line["count"];
  }
  CHECK(in_order);
}

}  // namespace
}  // namespace govctl::log
