// The picture of govctl top: no line is wider or taller than the terminal, whatever is in it.

#include <catch2/catch.hpp>

#include "cli/text.h"
#include "cli/top_view.h"

using namespace govctl;
using namespace govctl::cli;

namespace {

api::Live busy() {
  api::Live live;
  live.at = "2026-11-21T09:30:00.123456Z";
  live.version = "0.1.0";
  live.uptime_s = 3723;
  live.inflight = 3;
  live.orgs = {{"acme", 4'999'966, 120, 3, 1'000'000, 60}};
  for (int i = 0; i < 40; ++i) {
    live.agents.push_back({"acme/prod/support/agent-with-a-very-long-name-" + std::to_string(i), "ACTIVE",
                           1000 - i, 123'456'789'012, 99'999'999, 100'000'000, 9'007'199'254'740'991, 5});
  }
  live.agents.push_back(
      {"acme/prod/\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e/x", "BUDGET_EXHAUSTED", 0, 0, 0, 0, 0, 0});
  live.agents_total = 41;
  for (int i = 0; i < 10; ++i) {
    live.budgets.push_back({"acme/prod", {}, "MONTHLY", 1000, 400 + 60 * i, 100, "2026-12-01T00:00:00Z"});
  }
  for (int i = 0; i < 9; ++i) {
    live.refusals.push_back({"2026-11-21T09:29:0" + std::to_string(i) + "Z", "req_1",
                             "acme/prod/support/triage", "gpt-4o", "POLICY_BLOCKED", "model_denied",
                             "the model \xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e is \x1b[2J denied\nby a rule", 3});
  }
  return live;
}

std::string without_colors(const std::string& line) {
  std::string out;
  for (std::size_t i = 0; i < line.size(); ++i) {
    if (line[i] == '\x1b') {
      i = line.find('m', i);
    } else {
      out += line[i];
    }
  }
  return out;
}

}  // namespace

TEST_CASE("every size of terminal holds the whole picture") {
  const api::Live live = busy();
  for (const std::size_t rows : {1UL, 2UL, 5UL, 8UL, 10UL, 24UL, 50UL, 200UL}) {
    for (const std::size_t columns : {1UL, 5UL, 20UL, 40UL, 79UL, 80UL, 81UL, 132UL, 200UL}) {
      for (const bool help : {false, true}) {
        const auto lines =
            top_screen(live, {columns, rows}, {.color = true, .help = help, .interval = "2s", .trouble = {}});
        INFO(columns << "x" << rows);
        CHECK(lines.size() <= rows);
        for (const auto& line : lines) {
          const std::string text = without_colors(line);
          INFO(text);
          CHECK(display_width(text) <= columns);
          CHECK(text.find_first_of("\x1b\n\r") == std::string::npos);
        }
      }
    }
  }
}

TEST_CASE("a picture of 80 columns says who, how much, and why not") {
  const auto lines =
      top_screen(busy(), {80, 24}, {.color = false, .help = false, .interval = "2s", .trouble = {}});
  std::string text;
  for (const auto& line : lines) text += line + "\n";
  INFO(text);
  for (const auto* words : {"govd 0.1.0  up 1h 2m  3 calls in flight", "acme: 4999966 credits, 120 reserved",
                            "CALLS/MIN", "1000", "123456M", "99999999", "100000k", "[#####+-------]  40%",
                            "09:29:0", "(3 times)", "q quit   ? help   every 2s"}) {
    INFO(words);
    CHECK(text.find(words) != std::string::npos);
  }
}

TEST_CASE("trouble is said in the picture, which stays") {
  const auto lines = top_screen(
      busy(), {80, 24}, {.color = false, .help = false, .interval = "2s", .trouble = "no daemon is running"});
  CHECK(lines[1] == "not fresh: no daemon is running");
  CHECK(lines.size() == 24);
}

TEST_CASE("an empty daemon has a picture, and a report") {
  api::Live live;
  live.at = "2026-11-21T09:30:00.123456Z";
  CHECK(top_screen(live, {80, 24}, {}).size() == 24);
  CHECK(top_report(live).starts_with("govd "));
}

TEST_CASE("a report has every agent in full") {
  const std::string report = top_report(busy());
  CHECK(report.find("acme/prod/support/agent-with-a-very-long-name-39 ") != std::string::npos);
  CHECK(report.find("EXHAUSTED") != std::string::npos);
  CHECK(report.find('\x1b') == std::string::npos);
}

TEST_CASE("a text is fitted to columns, not to bytes") {
  CHECK(fitted("abc", 5) == "abc  ");
  CHECK(fitted("abcdef", 4) == "abc…");
  CHECK(fitted("abcdef", 4, true) == "…def");
  CHECK(fitted("\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e", 4) == "\xe6\x97\xa5… ");
  CHECK(fitted("abc", 1) == "…");
  CHECK(fitted("abc", 0).empty());
  CHECK(fitted("a\x1b[1mb", 20) == "a\\u001b[1mb         ");
}
