#include <fmt/format.h>
#include <sys/wait.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "tests/functional/points/point.h"

namespace govctl::test {
namespace {

// As sh reads it back.
std::string as_word(const std::string& word) {
  std::string made = "'";
  for (const char c : word) made += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return made + "'";
}

// The two-space lists of a help page under `heading`, up to the next empty line: first words.
std::vector<std::string> listed(const std::string& page, const std::string& heading) {
  std::vector<std::string> words;
  std::istringstream lines(page);
  bool inside = false;
  for (std::string line; std::getline(lines, line);) {
    if (line == heading) {
      inside = true;
    } else if (line.empty()) {
      inside = false;
    } else if (inside && line.starts_with("  ")) {
      words.push_back(line.substr(2, line.find(' ', 2) - 2));
    }
  }
  return words;
}

// The headings of the top page's lists of commands: what stands before its topics.
std::vector<std::string> chapters(const std::string& page) {
  std::vector<std::string> found;
  std::istringstream lines(page);
  bool usage_over = false;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("Usage:")) usage_over = true;
    if (line.starts_with("Topics")) break;
    if (usage_over && line.ends_with(':') && !line.starts_with(' ')) found.push_back(line);
  }
  return found;
}

}  // namespace

bool has(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

std::string content_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

std::string because(std::string_view why, const Ended& ended) {
  return fmt::format("{}: exit {}, stdout '{}', stderr '{}'", why, ended.code, ended.out.substr(0, 300),
                     ended.err.substr(0, 300));
}

std::string quoted(const std::string& word) { return "'" + word + "'"; }

PointWorld::PointWorld() {
  daemon.make_org("acme");
  daemon.make_agent(agent);
  key = daemon.make_key(agent);
  daemon.buy("acme", 1'000'000);
  daemon.policy("acme", {{"name", "house"}, {"rpm", 6000}});
  daemon.expect(200, "PUT", "/orgs/acme/aliases/fast", {{"targets", {"mock/mock-model"}}});
  daemon.expect(201, "POST", "/orgs/acme/credentials", {{"provider", "openai"}, {"secret", secret}});
  passed = daemon.chat(key.secret, request("mock-model", 50)).header("x-request-id");
  daemon.budget("acme/prod", 100, {{"period", "DAILY"}});
  const Answer answer = daemon.chat(key.secret, request("mock-model", 200));
  refused = answer.header("x-request-id");
  refusal = answer.body;
  daemon.expect(200, "PATCH", "/budgets/" + daemon.get("/budgets")["items"][0]["id"].get<std::string>(),
                {{"limit", 500'000}});
}

Ended PointWorld::end(std::vector<std::string> command, const Setting& setting) const {
  std::vector<std::string> words{"/usr/bin/timeout",
                                 "--kill-after=5",
                                 std::to_string(setting.seconds),
                                 "/usr/bin/env",
                                 "HOME=" + scratch_.path(),
                                 "XDG_CONFIG_HOME=" + scratch_.path(),
                                 "XDG_STATE_HOME=" + scratch_.path()};
  const std::string folder = govctl_program().substr(0, govctl_program().rfind('/'));
  words.push_back("PATH=" + folder + ":/usr/local/bin:/usr/bin:/bin");
  words.push_back("GOVCTL_SOCKET=" + (setting.socket.empty() ? daemon.socket() : setting.socket));
  for (const auto& [name, value] : setting.env) words.push_back(name + "=" + value);
  words.insert(words.end(), command.begin(), command.end());
  const std::string out = file("out");
  const std::string err = file("err");
  std::string line = "cd " + scratch_.path() + " && ";  // what a command writes beside it is gone with it
  for (const auto& word : words) line += as_word(word) + " ";
  const int status = std::system((line + "</dev/null >" + out + " 2>" + err).c_str());
  return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, content_of(out), content_of(err)};
}

Ended PointWorld::ctl(const std::vector<std::string>& words, const Setting& setting) const {
  std::vector<std::string> command{govctl_program()};
  command.insert(command.end(), words.begin(), words.end());
  return end(std::move(command), setting);
}

Ended PointWorld::shell(const std::string& line, const Setting& setting) const {
  return end({"/bin/sh", "-c", line}, setting);
}

Json PointWorld::json(std::vector<std::string> words) const {
  words.insert(words.end(), {"-o", "json"});
  const Ended ended = ctl(words);
  Json parsed = Json::parse(ended.out, nullptr, false);
  if (parsed.is_discarded()) throw WireError(because(fmt::format("{} gives no JSON", words.front()), ended));
  return parsed;
}

const std::vector<std::vector<std::string>>& PointWorld::commands() const {
  if (!commands_.empty()) return commands_;
  const std::string top = ctl({"help"}).out;
  for (const auto& chapter : chapters(top)) {
    for (const auto& noun : listed(top, chapter)) {
      const auto verbs = listed(ctl({noun, "-h"}).out, "Commands:");
      if (verbs.empty()) commands_.push_back({noun});
      for (const auto& verb : verbs) commands_.push_back({noun, verb});
    }
  }
  return commands_;
}

bool PointWorld::knows(const std::string& noun) const {
  for (const auto& command : commands()) {
    if (command.front() == noun) return true;
  }
  return false;
}

}  // namespace govctl::test
