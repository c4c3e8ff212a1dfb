#pragma once
// The forty points that a terminal is judged by, each a check against the built programs: a check gives nothing
// when it holds, else why it does not.

#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tests/functional/harness/daemon.h"

namespace govctl::test {

// How one govctl, or a shell line around it, ended.
struct Ended {
  int code = -1;  // as a shell sees it: 130 after Ctrl-C, 124 when its time was over
  std::string out, err;
};

struct Setting {
  std::map<std::string, std::string> env{};
  std::string socket{};  // empty: the daemon's
  int seconds = 20;      // then it is ended, and `code` is 124
};

// A daemon with an org in use: agent, key, policy, budget, alias, credential, a call that passed and one that
// was refused.
class PointWorld {
 public:
  PointWorld();
  static constexpr auto agent = "acme/prod/support/triage";
  static constexpr auto nowhere = "/tmp/govd-points-none.sock";
  static constexpr auto secret = "sk-points-0123456789abcdef";

  TestDaemon daemon;
  Key key;
  std::string passed, refused;  // request ids
  std::string refusal;          // the gateway's answer

  [[nodiscard]] Ended ctl(const std::vector<std::string>& words, const Setting& setting = {}) const;
  // A line of sh in which govctl is in the PATH and talks to the daemon.
  [[nodiscard]] Ended shell(const std::string& line, const Setting& setting = {}) const;
  // Of what must work: its JSON. Throws WireError.
  [[nodiscard]] Json json(std::vector<std::string> words) const;
  [[nodiscard]] std::string file(const std::string& name) const { return scratch_.path() + "/" + name; }
  // Every command as its words, from the help pages.
  [[nodiscard]] const std::vector<std::vector<std::string>>& commands() const;
  [[nodiscard]] bool knows(const std::string& noun) const;

 private:
  [[nodiscard]] Ended end(std::vector<std::string> command, const Setting& setting) const;
  Directory scratch_;
  mutable std::vector<std::vector<std::string>> commands_;
};

struct Point {
  int number;
  std::string_view claim;
  std::string (*check)(PointWorld&);
};
std::span<const Point> help_points();     // 1 to 6
std::span<const Point> output_points();   // 7 to 16
std::span<const Point> care_points();     // 17 to 20
std::span<const Point> as_code_points();  // 21 to 26
std::span<const Point> trust_points();    // 27 to 33, 39
std::span<const Point> shell_points();    // 34 to 38, 40

bool has(std::string_view text, std::string_view part);
std::string content_of(const std::string& path);
// "because: the first 300 characters"
std::string because(std::string_view why, const Ended& ended);
std::string quoted(const std::string& word);

}  // namespace govctl::test
