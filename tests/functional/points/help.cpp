// Points 1 to 6: help, typing errors, exit codes.

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <set>
#include <sstream>

#include "tests/functional/harness/database.h"
#include "tests/functional/points/point.h"

namespace govctl::test {
namespace {

std::string all_help(PointWorld& w) {
  for (const auto& words : std::vector<std::vector<std::string>>{{},
                                                                 {"-h"},
                                                                 {"--help"},
                                                                 {"help"},
                                                                 {"help", "org"},
                                                                 {"org", "-h"},
                                                                 {"help", "org", "create"},
                                                                 {"org", "create", "-h"},
                                                                 {"org", "create", "--help"}}) {
    const Ended ended = w.ctl(words, {.socket = PointWorld::nowhere});
    if (ended.code != 0 || !has(ended.out, "Usage:") || !ended.err.empty()) {
      return because(words.empty() ? "govctl" : words.front(), ended);
    }
  }
  return {};
}

std::string examples_everywhere(PointWorld& w) {
  if (w.commands().size() < 60) return fmt::format("only {} commands were found", w.commands().size());
  for (auto words : w.commands()) {
    const std::string begin = fmt::format("Examples:\n  govctl {}", fmt::join(words, " "));
    words.emplace_back("-h");
    const Ended ended = w.ctl(words);
    if (ended.code != 0 || !ended.out.starts_with(begin)) return because(begin, ended);
  }
  return {};
}

std::string says(PointWorld& w, const std::vector<std::string>& words, int code,
                 const std::vector<std::string>& parts) {
  const Ended ended = w.ctl(words);
  const bool told = std::ranges::all_of(parts, [&](const auto& part) { return has(ended.err, part); });
  if (ended.code == code && ended.out.empty() && told) return {};
  return because(fmt::format("{}", fmt::join(words, " ")), ended);
}

std::string first_of(std::initializer_list<std::string> found) {
  for (const auto& each : found) {
    if (!each.empty()) return each;
  }
  return {};
}

std::string typo_suggests(PointWorld& w) {
  return first_of({says(w, {"ogr", "list"}, 64, {"'org'"}), says(w, {"org", "lst"}, 64, {"'list'"}),
                   says(w, {"create", "org"}, 64, {"govctl org create"}),
                   says(w, {"help", "ledgr"}, 6, {"'ledger'"})});
}

std::string unknown_flag_named(PointWorld& w) {
  return first_of({says(w, {"org", "list", "--limt", "3"}, 64, {"--limt", "--limit"}),
                   says(w, {"--formt", "json", "org", "list"}, 64, {"--formt"}),
                   says(w, {"org", "create", "x", "--slugg=y"}, 64, {"--slugg", "--slug"})});
}

std::string usage_is_no_failure(PointWorld& w) {
  return first_of({says(w, {"org", "get"}, 64, {"ORG"}), says(w, {"org", "get", "a", "b"}, 64, {"b"}),
                   says(w, {"org", "get", "nope"}, 6, {"nope"}),
                   says(w, {"org", "create", "acme", "--slug", "acme"}, 7, {"acme"})});
}

// The codes that the page names.
std::set<int> codes_of(const std::string& page) {
  std::set<int> codes;
  std::istringstream lines(page);
  for (std::string line; std::getline(lines, line);) {
    const auto at = line.find_first_not_of(' ');
    if (at == std::string::npos || line[at] < '0' || line[at] > '9') continue;
    codes.insert(std::stoi(line.substr(at)));
  }
  return codes;
}

std::string exit_codes_true(PointWorld& w) {
  const Ended page = w.ctl({"help", "exit-codes"});
  const auto codes = codes_of(page.out);
  for (const int code : {0, 1, 2, 4, 5, 6, 7, 8, 64, 69, 75, 130}) {
    if (!codes.contains(code)) return because(fmt::format("the page lacks {}", code), page);
  }
  TestDaemon other;
  other.make_org("harmed");
  other.buy("harmed", 5);
  {
    Database database(other.org_file("harmed"));
    drop_guards(database);
    database.execute("UPDATE ledger SET amount = amount + 1 WHERE seq = 1");
  }
  struct Row {
    int code;
    Ended ended;
  };
  const std::string as_nobody = ::geteuid() == 0 ? "setpriv --reuid=65534 --regid=65534 --clear-groups "
                                                 : "chmod 0 " + other.socket() + "; ";
  const std::string agent = PointWorld::agent;
  const std::array rows{
      Row{0, w.ctl({"status"})},
      Row{2, w.ctl({"ledger", "verify", "harmed"}, {.socket = other.socket()})},
      Row{4, w.shell(as_nobody + "\"$(command -v govctl)\" status", {.socket = other.socket()})},
      Row{5, w.ctl({"can-i", "use", "gpt-none", "--as", agent})},
      Row{6, w.ctl({"org", "get", "nope"})},
      Row{7, w.ctl({"org", "create", "acme", "--slug", "acme"})},
      Row{8, w.ctl({"wait", "--timeout", "1s"}, {.socket = PointWorld::nowhere})},
      Row{64, w.ctl({"org", "nope"})},
      Row{69, w.ctl({"org", "list"}, {.socket = PointWorld::nowhere})},
      Row{130, w.shell("timeout --preserve-status -s INT 1 govctl audit tail acme -f")},
  };
  {
    Database database(other.org_file("harmed"));
    database.execute("UPDATE ledger SET amount = amount - 1 WHERE seq = 1");
  }
  for (const auto& row : rows) {
    if (row.ended.code != row.code) return because(fmt::format("what should end with {}", row.code), row.ended);
  }
  return {};
}

constexpr std::array points{Point{1, "bare, -h, help and help SUB all help, exit 0", all_help},
                            Point{2, "an example on every command", examples_everywhere},
                            Point{3, "a typing error suggests", typo_suggests},
                            Point{4, "an unknown flag is named", unknown_flag_named},
                            Point{5, "usage errors differ from failures", usage_is_no_failure},
                            Point{6, "help exit-codes is true", exit_codes_true}};

}  // namespace

std::span<const Point> help_points() { return points; }

}  // namespace govctl::test
