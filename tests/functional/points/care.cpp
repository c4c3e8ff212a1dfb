// Points 17 to 20: questions, deletions, dry runs.

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "tests/functional/points/point.h"

namespace govctl::test {
namespace {

using Words = std::vector<std::string>;

// What starts or stops a daemon of the user's own is not tried at random.
bool is_left_out(const std::string& noun) {
  constexpr std::array<std::string_view, 4> nouns{"up", "down", "restart", "quickstart"};
  return std::ranges::find(nouns, noun) != nouns.end();
}

std::string never_hangs(PointWorld& w) {
  for (auto words : w.commands()) {
    if (is_left_out(words.front())) continue;
    if (words.front() == "top") words.emplace_back("--once");
    if (words.front() == "wait") words.insert(words.end(), {"--timeout", "1s"});
    const Ended ended = w.ctl(words, {.seconds = 10});
    if (ended.code == 124) return because(fmt::format("{}", fmt::join(words, " ")), ended);
  }
  const Ended asked = w.ctl({"credential", "add", "acme", "openai"}, {.seconds = 10});
  return asked.code == 124 || asked.code == 0 ? because("credential add without a secret", asked) : "";
}

std::string refuses_without_yes(PointWorld& w) {
  const std::string agent = PointWorld::agent;
  const std::string credential = w.json({"credential", "list", "acme"})["items"][0]["id"];
  for (const auto& words : std::vector<Words>{{"workspace", "delete", "acme/prod"},
                                              {"group", "delete", "acme/prod/support"},
                                              {"agent", "delete", agent},
                                              {"key", "revoke", w.key.id},
                                              {"policy", "delete", "acme"},
                                              {"budget", "delete", "acme/prod"},
                                              {"alias", "delete", "acme", "fast"},
                                              {"credential", "delete", "acme", credential},
                                              {"provider", "delete", "groq"},
                                              {"pricing", "delete", "mock", "mock-model"}}) {
    const Ended ended = w.ctl(words);
    if (ended.code != 64 || !has(ended.err, " -y"))
      return because(fmt::format("{}", fmt::join(words, " ")), ended);
  }
  return w.daemon.chat(w.key.secret, request("mock-model", 10)).status == 200 ? "" : "something was deleted";
}

std::string org_needs_name(PointWorld& w) {
  for (const auto& words : std::vector<Words>{{"org", "delete", "acme"},
                                              {"org", "delete", "acme", "-y"},
                                              {"org", "delete", "acme", "-y", "--confirm=acm"}}) {
    const Ended ended = w.ctl(words);
    if (ended.code != 64 || !has(ended.err, "--confirm=acme")) return because("org delete", ended);
  }
  return w.daemon.control("GET", "/orgs/acme").status == 200 ? "" : "the org was deleted";
}

std::string all_there_is(PointWorld& w) {
  std::string text;
  for (const auto& words : std::vector<Words>{{"org", "list"},
                                              {"workspace", "list"},
                                              {"group", "list"},
                                              {"agent", "list"},
                                              {"key", "list", PointWorld::agent},
                                              {"policy", "list"},
                                              {"budget", "list"},
                                              {"alias", "list", "acme"},
                                              {"credential", "list", "acme"},
                                              {"provider", "list"},
                                              {"ledger", "balance", "acme"},
                                              {"audit", "list", "acme"},
                                              {"audit", "list", "--platform"}}) {
    text += w.json(words).dump();
  }
  return text;
}

std::string dry_run_changes_nothing(PointWorld& w) {
  const std::string agent = PointWorld::agent;
  const std::string before = all_there_is(w);
  for (auto words : std::vector<Words>{{"org", "create", "Other"},
                                       {"org", "set", "acme", "--name", "Else"},
                                       {"org", "delete", "acme", "--confirm=acme"},
                                       {"workspace", "create", "acme/other"},
                                       {"workspace", "delete", "acme/prod", "-y"},
                                       {"agent", "disable", agent},
                                       {"key", "create", agent, "--name", "x"},
                                       {"key", "set", w.key.id, "--limit", "5"},
                                       {"key", "revoke", w.key.id, "-y"},
                                       {"policy", "set", "acme/prod", "--rpm", "1"},
                                       {"policy", "set", "acme", "--name", "house", "--rpm", "1"},
                                       {"budget", "set", "acme", "--period", "daily", "--limit", "1"},
                                       {"alias", "set", "acme", "slow", "mock/mock-slow"},
                                       {"ledger", "purchase", "acme", "5"},
                                       {"ledger", "adjust", "acme", "-5", "--reason", "x"},
                                       {"ledger", "refund", w.passed},
                                       {"pricing", "set", "mock", "m", "--input", "1", "--output", "1"},
                                       {"freeze", "acme"},
                                       {"down"}}) {
    words.emplace_back("--dry-run");
    const Ended ended = w.ctl(words);
    if (ended.code != 0) return because(fmt::format("{}", fmt::join(words, " ")), ended);
    if (all_there_is(w) != before)
      return because(fmt::format("{} changed something", fmt::join(words, " ")), ended);
  }
  return {};
}

constexpr std::array points{Point{17, "</dev/null never hangs", never_hangs},
                            Point{18, "delete without -y off a terminal refuses", refuses_without_yes},
                            Point{19, "org delete needs its name", org_needs_name},
                            Point{20, "a dry run changes nothing", dry_run_changes_nothing}};

}  // namespace

std::span<const Point> care_points() { return points; }

}  // namespace govctl::test
