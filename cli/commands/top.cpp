#include <fmt/format.h>

#include <array>
#include <csignal>
#include <memory>

#include "cli/commands/hanging.h"
#include "cli/commands/nouns.h"
#include "cli/full_screen.h"
#include "cli/session.h"
#include "cli/top_view.h"
#include "common/clock.h"

namespace govctl::cli {
namespace {

struct Input {
  std::optional<std::string> path, interval;
  bool once = false;
};

Result<Json> fetch(Session& s, const std::optional<std::string>& path) {
  Query query{{"limit", "500"}};
  add(query, "path", path);
  return s.get("/live", std::move(query));
}

// Draws until the user has enough. The signal that ended it, or 0.
Result<int> watch(Session& s, const std::optional<std::string>& path, api::Live live, std::int64_t interval,
                  const std::string& interval_text) {
  TopStyle style{.color = s.settings().color_out, .help = false, .interval = interval_text, .trouble = {}};
  FullScreen screen;
  const SystemClock clock;
  std::int64_t due = clock.steady_micros() + interval;
  for (;;) {
    screen.draw(top_screen(live, screen.size(), style));
    const auto event = screen.wait(std::max<std::int64_t>(due - clock.steady_micros(), 0));
    if (event == FullScreen::Event::ended) return screen.signal();
    bool now = event == FullScreen::Event::none;
    if (event == FullScreen::Event::key) {
      if (screen.key() == 'q' || screen.key() == 'Q') return 0;
      if (screen.key() == '?' || screen.key() == 'h') style.help = !style.help;
      now = screen.key() == ' ';
    }
    if (!now) continue;
    due = clock.steady_micros() + interval;
    auto json = fetch(s, path);
    auto fresh = json ? api::decode<api::Live>(*json) : std::unexpected(json.error());
    style.trouble = fresh ? "" : fresh.error().message;
    if (fresh) live = std::move(*fresh);
  }
}

Action build(Arguments& a) {
  auto in = std::make_shared<Input>();
  a.positional("PATH", in->path, "Only what is on it and below (default: all orgs)");
  a.flag("--once", in->once, "Print the picture once, as it does when the output is no terminal");
  a.option("--interval", "T", in->interval, "How often it is drawn anew: 5s, 1m (default 2s)");
  return [in](Session& s) -> Result<Answer> {
    const std::string interval_text = in->interval.value_or("2s");
    const auto interval = parse_duration(interval_text);
    if (!interval) {
      return fail(Code::invalid,
                  fmt::format("--interval: '{}' is no duration; write 2s or 1m", interval_text.substr(0, 40)));
    }
    std::optional<std::string> path;
    if (in->path) {
      auto full = any_path(s, *in->path);
      if (!full) return std::unexpected(full.error());
      path = *full;
    }
    auto json = fetch(s, path);
    if (!json) return std::unexpected(json.error());
    auto live = api::decode<api::Live>(*json);
    if (!live)
      return fail(Code::internal, "the daemon's live picture is not what this govctl knows", "govctl version");
    const bool table = s.settings().format == Format::table || s.settings().format == Format::wide;
    if (in->once || !table || s.settings().jq || !s.terminal().out_is_tty || !s.terminal().in_is_tty) {
      return Answer{.json = std::move(*json), .text = top_report(*live)};
    }
    const auto ended = watch(s, path, std::move(*live), *interval, interval_text);
    if (!ended) return std::unexpected(ended.error());
    if (*ended != 0) raise(*ended);  // the terminal is as it was
    return Answer{};
  };
}

constexpr std::array commands{Command{"", "Watch agents, rates, spend, budgets and the last refusals",
                                      "govctl top\ngovctl top acme/prod --interval 5s\ngovctl top --once\n"
                                      "govctl top --once -o json --jq '.agents[0]'",
                                      build}};

}  // namespace

std::span<const Command> top_command() { return commands; }

}  // namespace govctl::cli
