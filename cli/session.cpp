#include "cli/session.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "cli/shell.h"
#include "common/clock.h"
#include "common/id.h"

namespace govctl::cli {
namespace {

Target target_of(const Settings& settings) {
  Target target{.socket = settings.socket,
                .token = settings.token,
                .verbose = settings.verbose,
                .print_curl = settings.print_curl};
  target.timeout_micros = settings.timeout;
  return target;
}

// What each level is called, and how its path looks.
struct LevelForm {
  std::string_view noun, shape;
};
constexpr std::array<LevelForm, level_count> forms{
    LevelForm{"an org", "ORG"}, LevelForm{"a workspace", "ORG/WORKSPACE"},
    LevelForm{"an agent group", "ORG/WORKSPACE/GROUP"}, LevelForm{"an agent", "ORG/WORKSPACE/GROUP/AGENT"},
    LevelForm{"a key", "ID"}};

}  // namespace

Session::Session(Settings settings, Terminal& terminal, std::vector<std::string> words)
    : settings_(std::move(settings)),
      terminal_(terminal),
      words_(std::move(words)),
      client_(target_of(settings_), terminal_) {}

Result<Json> Session::get(std::string path, Query query) {
  return client_.send({.method = "GET", .path = std::move(path), .query = std::move(query)});
}

Result<Json> Session::get_slowly(std::string path, Query query) {
  return client_.send(
      {.method = "GET", .path = std::move(path), .query = std::move(query), .reads_whole_files = true});
}

Result<Json> Session::write(std::string_view method, std::string path, std::optional<Json> body, Query query,
                            std::string if_match, std::string key) {
  if (settings_.dry_run) query.emplace_back("dry_run", "1");
  auto answer = client_.send(
      {method, std::move(path), std::move(query), std::move(body), std::move(if_match), std::move(key)});
  if (answer && settings_.dry_run) note("dry run: nothing was changed");
  return answer;
}

Result<Json> Session::post(std::string path, std::optional<Json> body, Query query) {
  return write("POST", std::move(path), std::move(body), std::move(query));
}

Result<Json> Session::post_slowly(std::string path, std::optional<Json> body) {
  Query query;
  if (settings_.dry_run) query.emplace_back("dry_run", "1");
  auto answer = client_.send({.method = "POST",
                              .path = std::move(path),
                              .query = std::move(query),
                              .body = std::move(body),
                              .reads_whole_files = true});
  if (answer && settings_.dry_run) note("dry run: nothing was changed");
  return answer;
}

Result<Json> Session::patch(std::string path, Json body, const std::optional<std::string>& if_version) {
  return write("PATCH", std::move(path), std::move(body), {}, if_version.value_or(""));
}

Result<Json> Session::put(std::string path, Json body) {
  return write("PUT", std::move(path), std::move(body), {});
}

Result<Json> Session::remove(std::string path, Query query) {
  return write("DELETE", std::move(path), std::nullopt, std::move(query));
}

Result<Json> Session::post_money(std::string path, Json body, const std::optional<std::string>& key) {
  return write("POST", std::move(path), std::move(body), {}, {},
               key.value_or(uuid_text(mint_uuid7(SystemClock().now().millis()))));
}

Result<void> Session::stream(std::string path, const std::function<bool(std::string_view)>& sink) {
  return client_.stream({.method = "GET", .path = std::move(path), .reads_whole_files = true}, sink);
}

Result<void> Session::post_stream(std::string path, Query query,
                                  const std::function<bool(std::string_view)>& sink) {
  return client_.stream(
      {.method = "POST", .path = std::move(path), .query = std::move(query), .reads_whole_files = true}, sink);
}

Result<Json> Session::list(const std::string& path, const Query& query, const Paging& paging) {
  auto wanted = paging.wanted();
  if (!wanted) return std::unexpected(wanted.error());
  Query asked = query;
  if (paging.times == Paging::Times::daemon) {
    add(asked, "since", paging.since);
    add(asked, "until", paging.until);
  }
  if (paging.watch) again_ = Again::redrawn;
  const bool streams = settings_.format == Format::jsonl && !settings_.jq && !settings_.quiet && !paging.watch;
  if (!streams || paging.shapes()) return shaped(list(path, asked, *wanted), paging);
  std::size_t count = 0;
  auto whole = pages(path, asked, *wanted, [&](Json&& item) {
    terminal_.out << item.dump(-1, ' ', false, Json::error_handler_t::replace) << "\n";
    ++count;
  });
  if (whole) streamed_ = count;
  return whole;
}

Result<void> Session::stream_list(const std::string& path, const Query& query) {
  auto whole = pages(path, query, std::nullopt, [&](Json&& item) {
    terminal_.out << item.dump(-1, ' ', false, Json::error_handler_t::replace) << "\n";
  });
  if (!whole) return std::unexpected(whole.error());
  return {};
}

Result<Json> Session::shaped(Result<Json> whole, const Paging& paging) {
  if (paging.watch) again_ = Again::redrawn;
  if (!whole) return whole;
  return paging.shaped(std::move(*whole), SystemClock().now());
}

Result<Json> Session::list(const std::string& path, const Query& query, std::optional<std::size_t> wanted) {
  Json items = Json::array();
  auto whole = pages(path, query, wanted, [&](Json&& item) { items.push_back(std::move(item)); });
  if (whole) (*whole)["items"] = std::move(items);
  return whole;
}

// Gives each item as it comes; the list object without them.
Result<Json> Session::pages(const std::string& path, const Query& query, std::optional<std::size_t> wanted,
                            const Take& take) {
  constexpr std::size_t largest_page = 1000;
  Json whole{{"items", Json::array()}, {"next", nullptr}, {"total", 0}};
  std::size_t count = 0;
  std::string cursor;
  for (;;) {
    const std::size_t page_size = wanted ? std::min(*wanted - count, largest_page) : largest_page;
    Query page_query = query;
    page_query.emplace_back("limit", std::to_string(page_size));
    if (!cursor.empty()) page_query.emplace_back("cursor", cursor);
    auto page = get(path, std::move(page_query));
    if (!page) return page;
    if (!page->is_object() || !page->contains("items") || !(*page)["items"].is_array()) {
      return fail(Code::internal, fmt::format("the daemon's answer to {} is no list", path), "govctl version");
    }
    count += (*page)["items"].size();
    for (auto& item : (*page)["items"]) take(std::move(item));
    terminal_.out << std::flush;
    whole["total"] = page->value("total", std::int64_t{0});
    whole["next"] = page->contains("next") ? (*page)["next"] : Json();
    if (!whole["next"].is_string() || (wanted && count >= *wanted)) return whole;
    auto following = whole["next"].get<std::string>();
    if (following == cursor) return fail(Code::internal, fmt::format("the list {} does not end", path));
    cursor = std::move(following);
  }
}

Result<std::string> Session::path(std::string_view text, std::initializer_list<Level> levels) const {
  std::string full(text);
  if (text.starts_with('/')) {
    if (!settings_.org) {
      return fail(Code::invalid,
                  fmt::format("'{}' leaves the org out, but neither GOVCTL_ORG nor the context names one",
                              text.substr(0, 200)),
                  "export GOVCTL_ORG=…");
    }
    full = text == "/" ? *settings_.org : *settings_.org + full;
  }
  if (is_id(full)) return full;
  const auto parsed = ResourcePath::parse(full);
  if (!parsed) return std::unexpected(parsed.error());
  const Level level = parsed->level();
  if (std::ranges::find(levels, level) != levels.end()) return full;
  const auto& is = forms[static_cast<std::size_t>(level)];
  std::string wanted;
  for (const Level each : levels) {
    const auto& form = forms[static_cast<std::size_t>(each)];
    wanted += fmt::format("{}{} ({})", wanted.empty() ? "" : " or ", form.noun, form.shape);
  }
  return fail(Code::invalid, fmt::format("'{}' is the path of {}; here it takes {}", full, is.noun, wanted));
}

Result<void> Session::confirm(std::string_view what) const {
  if (settings_.yes || settings_.dry_run) return {};
  if (!terminal_.in_is_tty || settings_.no_input) {
    return fail(Code::invalid, fmt::format("refusing to {} without -y: there is no terminal to ask on", what),
                invocation("-y"));
  }
  terminal_.err << fmt::format("Really {}? [y/N] ", what) << std::flush;
  std::string line;
  std::getline(terminal_.in, line);
  if (line == "y" || line == "Y" || line == "yes") return {};
  return fail(Code::cancelled, "not confirmed; nothing was changed");
}

void Session::note(std::string_view line) const {
  if (!settings_.quiet) terminal_.err << line << "\n";
}

std::string Session::invocation(std::string_view more) const {
  return command_line(words_) + " " + std::string(more);
}

bool is_id(std::string_view text) { return parse_uuid(text).has_value(); }

Result<void> check_instant(std::string_view option, const std::optional<std::string>& text) {
  if (!text || parse_duration(*text) || parse_rfc3339(*text)) return {};
  return fail(Code::invalid,
              fmt::format("{}: '{}' is neither a duration (24h, 7d) nor a time (2026-11-21T09:30:00Z)", option,
                          text->substr(0, 40)));
}

Json without_nulls(Json object) {
  for (auto at = object.begin(); at != object.end();)
    at = at.value().is_null() ? object.erase(at) : std::next(at);
  return object;
}

void add(Query& query, std::string_view name, const std::optional<std::string>& value) {
  if (value) query.emplace_back(std::string(name), *value);
}

}  // namespace govctl::cli
