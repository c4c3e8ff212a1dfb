// Points 7 to 16: formats, streams, errors as data, colors, the pager.

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <sstream>

#include "tests/functional/points/point.h"

namespace govctl::test {
namespace {

using Words = std::vector<std::string>;

std::vector<Words> reads(const PointWorld& w) {
  const std::string agent = PointWorld::agent;
  std::vector<Words> all{{"status"},
                         {"version"},
                         {"org", "get", "acme"},
                         {"workspace", "get", "acme/prod"},
                         {"group", "get", "acme/prod/support"},
                         {"agent", "get", agent},
                         {"key", "get", w.key.id},
                         {"policy", "get", "acme"},
                         {"policy", "effective", agent},
                         {"budget", "get", "acme/prod"},
                         {"budget", "explain", agent},
                         {"alias", "list", "acme"},
                         {"credential", "list", "acme"},
                         {"key", "list", agent},
                         {"ledger", "balance", "acme"},
                         {"ledger", "statement", "acme"},
                         {"ledger", "verify"},
                         {"usage", "history", "acme"},
                         {"usage", "burn-rate", "acme"},
                         {"usage", "top", "acme"},
                         {"usage", "report", "acme", "--by", "agent"},
                         {"audit", "list", "acme"},
                         {"audit", "tail", "acme"},
                         {"audit", "list", "--platform"},
                         {"audit", "verify"},
                         {"explain", w.passed},
                         {"explain", w.refused},
                         {"can-i", "use", "mock-model", "--as", agent}};
  // Lists that need nothing to be named.
  for (const auto& command : w.commands()) {
    const bool known = std::ranges::any_of(all, [&](const Words& words) {
      return words.front() == command.front() && words.size() > 1 && words[1] == command.back();
    });
    if (command.back() != "list" || known) continue;
    const std::string page = w.ctl({command[0], command[1], "-h"}).out;
    const std::size_t at = page.find("\nUsage: ");
    const std::string usage = page.substr(at, page.find('\n', at + 1) - at);
    const std::string needs = usage.substr(usage.find("list") + 4);
    if (needs.empty() || needs.starts_with(" [")) all.push_back(command);
  }
  return all;
}

std::string json_parses(PointWorld& w) {
  for (auto words : reads(w)) {
    words.insert(words.end(), {"-o", "json"});
    const Ended ended = w.ctl(words);
    if (ended.code != 0 || !Json::accept(ended.out))
      return because(fmt::format("{}", fmt::join(words, " ")), ended);
  }
  return {};
}

std::string jsonl_streams(PointWorld& w) {
  const Ended ended = w.ctl({"audit", "list", "acme", "--all", "-o", "jsonl"});
  std::istringstream lines(ended.out);
  std::size_t count = 0;
  for (std::string line; std::getline(lines, line); ++count) {
    if (!Json::accept(line)) return because("a line is no JSON", ended);
  }
  if (count != w.daemon.audit("acme").size()) return because("some rows are missing", ended);
  // It has printed before it is over.
  const Ended cut = w.shell("timeout 2 govctl audit tail acme -f -o jsonl");
  return cut.code == 124 && has(cut.out, "\"event_type\"") ? "" : because("audit tail -f", cut);
}

// The first record's fields behind the header, by RFC 4180.
std::vector<std::vector<std::string>> csv_rows(const std::string& text) {
  std::vector<std::vector<std::string>> rows(1, std::vector<std::string>(1));
  bool open = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (open && c == '"' && i + 1 < text.size() && text[i + 1] == '"') {
      rows.back().back() += text[++i];
    } else if (c == '"') {
      open = !open;
    } else if (!open && c == ',') {
      rows.back().emplace_back();
    } else if (!open && c == '\r' && i + 1 < text.size() && text[i + 1] == '\n') {
      rows.emplace_back(1);
      ++i;
    } else {
      rows.back().back() += c;
    }
  }
  rows.pop_back();
  return rows;
}

std::string csv_quotes(PointWorld& w) {
  const std::string nasty = "a \"quoted\", text\nin two lines";
  w.daemon.expect(200, "PATCH", "/workspaces/" + percent("acme/prod"), {{"description", nasty}});
  const Ended ended = w.ctl({"workspace", "list", "acme", "-o", "csv"});
  const auto rows = csv_rows(ended.out);
  if (rows.size() != 2 || rows[0].size() != rows[1].size()) return because("not a header and a row", ended);
  const auto at = std::ranges::find(rows[0], "description") - rows[0].begin();
  return at < static_cast<std::ptrdiff_t>(rows[1].size()) && rows[1][static_cast<std::size_t>(at)] == nasty
             ? ""
             : because("the text is not what it was", ended);
}

std::string quiet_ids(PointWorld& w) {
  const std::string agent = PointWorld::agent;
  const std::vector<std::pair<Words, std::string>> rows{{{"org", "list", "-q"}, "acme\n"},
                                                        {{"agent", "list", "-q"}, agent + "\n"},
                                                        {{"key", "list", agent, "-q"}, w.key.id + "\n"},
                                                        {{"org", "get", "acme", "-q"}, "acme\n"}};
  for (const auto& [words, out] : rows) {
    const Ended ended = w.ctl(words);
    if (ended.out != out || !ended.err.empty()) return because(words.front(), ended);
  }
  return {};
}

std::string own_jq(PointWorld& w) {
  const Ended ended =
      w.shell("g=$(command -v govctl); PATH=/nonexistent; \"$g\" org list --jq '.items[0].path'");
  return ended.code == 0 && ended.out == "acme\n" ? "" : because("--jq", ended);
}

std::string truncation_shows(PointWorld& w) {
  const Ended ended = w.ctl({"audit", "list", "acme", "--limit", "1", "-o", "json"});
  const Json json = Json::parse(ended.out, nullptr, false);
  if (json.is_discarded() || json["next"].is_null() || json["total"] <= 1 || json["items"].size() != 1) {
    return because("JSON", ended);
  }
  for (const char* format : {"table", "csv", "jsonl", "yaml"}) {
    const Ended other = w.ctl({"audit", "list", "acme", "--limit", "1", "-o", format});
    if (!has(other.err, "--all")) return because(format, other);
  }
  return {};
}

std::string failures_are_data(PointWorld& w) {
  const std::vector<std::pair<Words, std::string>> rows{
      {{"org", "get", "nope"}, "not_found"},
      {{"org", "nope"}, "invalid"},
      {{"org", "list", "--limit", "x"}, "invalid"},
      {{"org", "create", "acme", "--slug", "acme"}, "conflict"}};
  for (auto [words, code] : rows) {
    words.insert(words.end(), {"-o", "json"});
    const Ended ended = w.ctl(words);
    const Json json = Json::parse(ended.err, nullptr, false);
    if (json.is_discarded() || !json.contains("error")) return because("stderr is no JSON", ended);
    const Json& error = json["error"];
    for (const char* field : {"code", "message", "next", "request_id"}) {
      if (!error.contains(field)) return because(fmt::format("no {}", field), ended);
    }
    if (error["code"] != code || !error["next"].is_string()) return because("code or next", ended);
  }
  return {};
}

std::string silent_on_failure(PointWorld& w) {
  for (const char* format : {"table", "json", "jsonl", "yaml", "csv"}) {
    for (const auto& line :
         std::vector<Words>{{"org", "get", "nope"}, {"usage", "history", "nope"}, {"org", "nope"}}) {
      auto words = line;
      words.insert(words.end(), {"-o", format});
      const Ended ended = w.ctl(words);
      if (ended.code == 0 || !ended.out.empty() || ended.err.empty()) return because(words[1], ended);
    }
  }
  return {};
}

std::string no_escapes(PointWorld& w) {
  const auto on_terminal = [&](const std::string& env) {
    return w.shell("script -qec 'env " + env + " govctl org list --no-pager' /dev/null </dev/null");
  };
  const Ended piped = w.ctl({"org", "list"});
  if (has(piped.out + piped.err, "\x1b")) return because("piped", piped);
  const Ended failed = w.ctl({"org", "get", "nope"});
  if (has(failed.out + failed.err, "\x1b")) return because("a failure, piped", failed);
  const Ended plain = on_terminal("NO_COLOR=1");
  if (plain.code != 0 || has(plain.out, "\x1b[")) return because("NO_COLOR=1 on a terminal", plain);
  const Ended colored = on_terminal("NO_COLOR=");
  return has(colored.out, "\x1b[") ? "" : because("an empty NO_COLOR on a terminal", colored);
}

std::string no_pager_piped(PointWorld& w) {
  const std::string mark = w.file("paged");
  const std::string pager = "touch " + mark + "; cat";
  const Ended piped = w.ctl({"help"}, {.env = {{"PAGER", pager}, {"GOVCTL_PAGER", pager}}});
  if (piped.code != 0 || std::filesystem::exists(mark)) return because("a pager was started in a pipe", piped);
  const Ended shown = w.shell("script -qec 'stty rows 10; GOVCTL_PAGER=\"touch " + mark +
                              "; cat\" govctl help' /dev/null </dev/null");
  return std::filesystem::exists(mark) ? "" : because("no pager was started on a terminal", shown);
}

constexpr std::array points{
    Point{7, "-o json parses on every read", json_parses},
    Point{8, "jsonl streams", jsonl_streams},
    Point{9, "csv quotes", csv_quotes},
    Point{10, "-q prints ids only", quiet_ids},
    Point{11, "--jq without jq installed", own_jq},
    Point{12, "truncation shows in JSON", truncation_shows},
    Point{13, "a failure's JSON has code, message, next, request_id", failures_are_data},
    Point{14, "stdout is empty on failure", silent_on_failure},
    Point{15, "no ESC when piped or with NO_COLOR=1; an empty NO_COLOR is ignored", no_escapes},
    Point{16, "no pager when piped", no_pager_piped}};

}  // namespace

std::span<const Point> output_points() { return points; }

}  // namespace govctl::test
