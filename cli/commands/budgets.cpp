#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <memory>

#include "cli/commands/hanging.h"
#include "cli/commands/nouns.h"
#include "common/api/rules.h"

namespace govctl::cli {
namespace {

using Show = Column::Show;
constexpr std::array columns{Column{"PATH", "path"},
                             Column{"PERIOD", "period"},
                             Column{"LIMIT", "limit", Show::number},
                             Column{"SPENT", "spent", Show::number},
                             Column{"HELD", "held", Show::number},
                             Column{"LEFT", "left", Show::number},
                             Column{"RESETS", "resets_at", Show::time},
                             Column{"LIMIT USD", "limit_usd", Show::number, true},
                             Column{"AUTO DISABLE", "auto_disable", Show::text, true},
                             Column{"KEY", "key_id", Show::text, true},
                             Column{"ID", "id", Show::text, true}};
constexpr View view{"id", columns, "govctl budget set PATH --period monthly --limit-usd 50"};

std::string upper(std::string text) {
  std::ranges::transform(text, text.begin(),
                         [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; });
  return text;
}

const Arguments::Choices periods{"daily", "monthly", "total"};

Action set(Arguments& a) {
  struct Input {
    std::string path, period;
    std::optional<std::string> limit, limit_usd, key, auto_disable;
  };
  auto in = std::make_shared<Input>();
  a.positional("PATH", in->path, "What it hangs on; all below spend from it");
  a.required("--period", "P", in->period, "When it starts anew", periods);
  a.option("--limit", "N", in->limit, "Credits");
  a.option("--limit-usd", "USD", in->limit_usd, "Dollars: 50 or 0.25");
  a.option("--auto-disable", "on|off", in->auto_disable,
           "on: once it is spent its agents show as BUDGET_EXHAUSTED", {"on", "off"});
  a.option("--key", "ID", in->key, "It hangs on this key of the agent PATH", Names::key);
  return [in](Session& s) -> Result<Answer> {
    auto path = any_path(s, in->path);
    if (!path) return std::unexpected(path.error());
    if (in->limit.has_value() == in->limit_usd.has_value()) {
      return fail(Code::invalid, "give the limit either as --limit N (credits) or as --limit-usd USD",
                  "govctl help budget set");
    }
    Json changes = Json::object();
    if (in->limit) {
      auto limit = whole_number("--limit", *in->limit);
      if (!limit) return std::unexpected(limit.error());
      changes["limit"] = *limit;
    } else {
      changes["limit_usd"] = *in->limit_usd;
    }
    if (in->auto_disable) changes["auto_disable"] = *in->auto_disable == "on";
    Json creation{{"path", *path}, {"period", upper(in->period)}};
    if (in->key) creation["key_id"] = *in->key;
    creation.update(changes);
    return answer(create_or_change(s, "/budgets", std::move(creation), std::move(changes)), &view);
  };
}

Action list(Arguments& a) {
  struct Input {
    std::optional<std::string> path;
    Paging paging;
  };
  auto in = std::make_shared<Input>();
  a.positional("PATH", in->path, "Only what hangs on it and below (default: all)");
  in->paging.declare(a);
  return [in](Session& s) -> Result<Answer> {
    return answer(list_below(s, "/budgets", in->path, in->paging), &view);
  };
}

struct Which {
  std::string target;
  std::optional<std::string> period;
  void declare(Arguments& a) {
    a.positional("ID|PATH", target, "The budget's id, or the path it hangs on");
    a.option("--period", "P", period, "Which of the path's budgets, when there are several", periods);
  }
  [[nodiscard]] Result<std::string> id(Session& s) const {
    return id_of(s, "/budgets", target, [&](const Json& budget) {
      return !period || budget.value("period", std::string()) == upper(*period);
    });
  }
};

Action get(Arguments& a) {
  auto in = std::make_shared<Which>();
  in->declare(a);
  return [in](Session& s) -> Result<Answer> {
    auto id = in->id(s);
    if (!id) return std::unexpected(id.error());
    return answer(s.get("/budgets/" + *id), &view);
  };
}

Action remove(Arguments& a) {
  auto in = std::make_shared<Which>();
  in->declare(a);
  return [in](Session& s) -> Result<Answer> {
    auto id = in->id(s);
    if (!id) return std::unexpected(id.error());
    if (auto sure = s.confirm(fmt::format("delete the budget {}", in->target)); !sure) {
      return std::unexpected(sure.error());
    }
    return answer(s.remove("/budgets/" + *id), &view);
  };
}

constexpr std::array outlook_columns{Column{"PATH", "path"},
                                     Column{"WHAT", "what"},
                                     Column{"LIMIT", "limit", Show::number},
                                     Column{"SPENT", "spent", Show::number},
                                     Column{"HELD", "held", Show::number},
                                     Column{"LEFT", "left", Show::number},
                                     Column{"LAST 24H", "last_24h", Show::number},
                                     Column{"RESETS", "resets_at", Show::time},
                                     Column{"LIMIT REACHED", "limit_reached_at", Show::time},
                                     Column{"KEY", "key_id", Show::text, true},
                                     Column{"SECONDS", "seconds_to_limit", Show::number, true}};
constexpr View outlook_view{"path", outlook_columns, "govctl budget set PATH --period monthly --limit-usd 50"};

Action explain(Arguments& a) {
  struct Input {
    std::string path;
    Paging paging;
  };
  auto in = std::make_shared<Input>();
  a.positional("PATH", in->path, "What spends: the budgets above and below it count");
  in->paging.declare(a, Paging::Times::none);
  return [in](Session& s) -> Result<Answer> {
    auto path = any_path(s, in->path);
    if (!path) return std::unexpected(path.error());
    return answer(s.list("/budgets/explain", {{"path", *path}}, in->paging), &outlook_view);
  };
}

constexpr std::array commands{
    Command{"set", "Make or change a path's budget for a period",
            "govctl budget set acme/prod --period monthly --limit-usd 50\n"
            "govctl budget set acme/prod/support/triage --period daily --limit 200000 --auto-disable on",
            set},
    Command{"list", "Show budgets, and what is left of them",
            "govctl budget list\ngovctl budget list acme/prod", list},
    Command{"explain", "Show what limits a path, how fast that is used up, and when it is gone",
            "govctl budget explain acme/prod/support/triage\ngovctl budget explain acme -o wide", explain},
    Command{"get", "Show one budget", "govctl budget get acme/prod", get},
    Command{"delete", "Delete a budget", "govctl budget delete acme/prod --period monthly", remove}};

}  // namespace

std::span<const Command> budget_commands() { return commands; }

}  // namespace govctl::cli
