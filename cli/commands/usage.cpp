#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <memory>

#include "cli/commands/hanging.h"
#include "cli/commands/nouns.h"
#include "common/api/ledger.h"
#include "common/clock.h"

namespace govctl::cli {
namespace {

using Show = Column::Show;
constexpr std::array event_columns{Column{"WHEN", "created_at", Show::time},
                                   Column{"REQUEST", "request_id"},
                                   Column{"AGENT", "agent"},
                                   Column{"MODEL", "model"},
                                   Column{"STATUS", "status", Show::state},
                                   Column{"IN", "input_tokens", Show::number},
                                   Column{"OUT", "output_tokens", Show::number},
                                   Column{"CREDITS", "credits_charged", Show::number},
                                   Column{"MS", "latency_ms", Show::number},
                                   Column{"PROVIDER", "provider", Show::text, true},
                                   Column{"CAUSE", "cause", Show::text, true},
                                   Column{"COMPLETION", "completion", Show::text, true},
                                   Column{"CACHED", "cached_tokens", Show::number, true},
                                   Column{"COST USD", "cost_usd", Show::number, true},
                                   Column{"RESERVED", "reserved", Show::number, true},
                                   Column{"KEY", "key_id", Show::text, true},
                                   Column{"COUNT", "count", Show::number, true},
                                   Column{"FLAGS", "flags", Show::text, true}};
constexpr View event_view{"request_id", event_columns, "govctl status  # where agents call"};

constexpr std::array top_columns{Column{"NAME", "name"},
                                 Column{"CALLS", "calls", Show::number},
                                 Column{"IN", "input_tokens", Show::number},
                                 Column{"OUT", "output_tokens", Show::number},
                                 Column{"CREDITS", "credits", Show::number},
                                 Column{"COST USD", "cost_usd", Show::number}};
constexpr View top_view{"name", top_columns, "govctl usage history PATH"};

constexpr std::array report_columns{Column{"NAME", "name"},
                                    Column{"CALLS", "calls", Show::number},
                                    Column{"IN", "input_tokens", Show::number},
                                    Column{"OUT", "output_tokens", Show::number},
                                    Column{"COST USD", "cost_usd", Show::number},
                                    Column{"CREDITS", "credits", Show::number},
                                    Column{"", "credits", Show::bar}};
constexpr View report_view{"name", report_columns, "govctl usage history PATH"};

// The org that a path belongs to, and ?path= for what is below the org.
struct Place {
  std::string group;
  Query query;
};
Result<Place> place_of(const Session& s, const std::string& text) {
  auto path = any_path(s, text);
  if (!path) return std::unexpected(path.error());
  const auto slash = path->find('/');
  Place place{.group = path->substr(0, slash), .query = {}};
  if (slash != std::string::npos) place.query.emplace_back("path", *path);
  return place;
}

// Where calls say that they come from.
struct Origin {
  std::optional<std::string> session, tag;
  void declare(Arguments& a) {
    a.option("--session", "ID", session, "Only calls of this session");
    a.option("--tag", "NAME=VALUE", tag, "Only calls with this tag (x-govd-tags)");
  }
  void add_to(Query& query) const {
    add(query, "session", session);
    add(query, "tag", tag);
  }
};

Action history(Arguments& a) {
  struct Input {
    std::string path;
    std::optional<std::string> status, model;
    Origin origin;
    Paging paging;
  };
  auto in = std::make_shared<Input>();
  a.positional("PATH", in->path, "An org, or a workspace, group or agent in it");
  a.option("--status", "S", in->status, "Only these",
           {"SUCCESS", "ERROR", "POLICY_BLOCKED", "BUDGET_EXCEEDED"});
  a.option("--model", "NAME", in->model, "Only calls of this model", Names::model);
  in->origin.declare(a);
  in->paging.declare(a, Paging::Times::daemon);
  return [in](Session& s) -> Result<Answer> {
    auto place = place_of(s, in->path);
    if (!place) return std::unexpected(place.error());
    add(place->query, "status", in->status);
    add(place->query, "model", in->model);
    in->origin.add_to(place->query);
    return answer(s.list("/usage/history/" + segment(place->group), place->query, in->paging), &event_view);
  };
}

Action burn_rate(Arguments& a) {
  auto in = std::make_shared<std::string>();
  a.positional("PATH", *in, "An org, or a workspace, group or agent in it");
  return [in](Session& s) -> Result<Answer> {
    auto place = place_of(s, *in);
    if (!place) return std::unexpected(place.error());
    return answer(s.get("/usage/burn-rate/" + segment(place->group), std::move(place->query)));
  };
}

Result<void> check_by(const std::string& by) {
  constexpr std::array<std::string_view, 7> words{"agent",    "model",   "key",    "user",
                                                  "provider", "session", "dialect"};
  const bool tag = by == "tag" || (by.starts_with("tag:") && by.size() > 4);
  if (tag || std::ranges::find(words, by) != words.end()) return {};
  return fail(
      Code::invalid,
      fmt::format("--by: '{}' is none of agent, model, key, user, provider, session, dialect, tag, tag:NAME",
                  by.substr(0, 40)));
}

// What calls add up to, by `fallback_by` in the last `fallback_window` where nothing else is asked for.
Action sums(Arguments& a, const char* fallback_by, const char* fallback_window, const View& view) {
  struct Input {
    std::string path;
    std::optional<std::string> by, window;
    Origin origin;
    Paging paging;
  };
  auto in = std::make_shared<Input>();
  a.positional("PATH", in->path, "An org, or a workspace, group or agent in it");
  a.option("--by", "WHAT", in->by,
           fmt::format("agent, model, key, user, provider, session, dialect, tag, tag:NAME (default: {})",
                       fallback_by));
  a.option("--window", "D", in->window, fmt::format("How far back: 24h, 7d (default: {})", fallback_window));
  in->origin.declare(a);
  in->paging.declare(a, Paging::Times::none);
  return [in, fallback_by, fallback_window, &view](Session& s) -> Result<Answer> {
    auto place = place_of(s, in->path);
    if (!place) return std::unexpected(place.error());
    if (in->window && !parse_duration(*in->window)) {
      return fail(Code::invalid,
                  fmt::format("--window: '{}' is no duration; write 24h or 7d", in->window->substr(0, 40)));
    }
    const std::string by = in->by.value_or(fallback_by);
    if (auto ok = check_by(by); !ok) return std::unexpected(ok.error());
    place->query.emplace_back("by", by);
    place->query.emplace_back("window", in->window.value_or(fallback_window));
    in->origin.add_to(place->query);
    return answer(s.list("/usage/top/" + segment(place->group), place->query, in->paging), &view);
  };
}

Action top(Arguments& a) { return sums(a, "agent", "24h", top_view); }
Action report(Arguments& a) { return sums(a, "model", "30d", report_view); }

constexpr std::array commands{
    Command{"history", "Show calls, newest first",
            "govctl usage history acme\ngovctl usage history acme/prod --since 24h --status BUDGET_EXCEEDED",
            history},
    Command{"burn-rate", "Show what was spent in the last 24 hours and 7 days", "govctl usage burn-rate acme",
            burn_rate},
    Command{"top", "Show who or what costs most",
            "govctl usage top acme\ngovctl usage top acme --by model --window 7d", top},
    Command{
        "report", "Show what calls add up to, by team, session or model",
        "govctl usage report acme --by tag:team\ngovctl usage report acme/prod --by session --tag team=search",
        report}};

}  // namespace

std::span<const Command> usage_commands() { return commands; }

}  // namespace govctl::cli
