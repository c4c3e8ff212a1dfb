#include "cli/top_view.h"

#include <fmt/format.h>

#include <algorithm>

#include "cli/text.h"
#include "common/money.h"

namespace govctl::cli {
namespace {

constexpr std::string_view inverse = "\x1b[7m";

// At most 8 characters: exact below a hundred million, then in thousands and so on, rounded down.
std::string amount(std::int64_t value) {
  struct Unit {
    std::int64_t size;
    char letter;
  };
  if (value < 100'000'000 && value > -10'000'000) return std::to_string(value);
  for (const Unit unit : {Unit{1'000, 'k'}, Unit{1'000'000, 'M'}, Unit{1'000'000'000, 'G'}}) {
    const std::int64_t scaled = value / unit.size;
    if (scaled < 10'000'000 && scaled > -1'000'000) return fmt::format("{}{}", scaled, unit.letter);
  }
  return fmt::format("{}T", value / 1'000'000'000'000);
}

std::string duration(std::int64_t seconds) {
  if (seconds >= 86'400) return fmt::format("{}d {}h", seconds / 86'400, seconds % 86'400 / 3600);
  if (seconds >= 3600) return fmt::format("{}h {}m", seconds / 3600, seconds % 3600 / 60);
  return seconds >= 60 ? fmt::format("{}m {}s", seconds / 60, seconds % 60) : fmt::format("{}s", seconds);
}

// "2026-11-21T09:30:00.123456Z" -> "09:30:00".
std::string time_of_day(const std::string& at) { return at.size() >= 19 ? at.substr(11, 8) : at; }

std::int64_t window_of(const api::Live& live) {
  std::int64_t window = 60;
  for (const auto& org : live.orgs) window = std::min(window, org.window_s);
  return std::max<std::int64_t>(window, 1);
}

struct ColumnSpec {
  std::string_view title;
  std::size_t width;  // 0: takes what is left
  bool right;
  bool keep_end = false;
};

// Cells in fixed columns, two spaces apart, exactly `columns` wide in all. The flexible column shrinks first.
std::string row_of(const std::vector<ColumnSpec>& specs, const std::vector<std::string>& cells,
                   std::size_t columns) {
  std::size_t fixed = 2 * (specs.size() - 1);
  std::size_t flexible = 0;
  for (const auto& spec : specs) {
    fixed += spec.width;
    flexible += spec.width == 0 ? 1 : 0;
  }
  const std::size_t rest = flexible > 0 && columns > fixed ? (columns - fixed) / flexible : 8;
  std::string line;
  for (std::size_t i = 0; i < specs.size(); ++i) {
    const std::size_t width = specs[i].width > 0 ? specs[i].width : rest;
    std::string cell = fitted(cells[i], width, specs[i].keep_end);
    if (specs[i].right) {
      while (cell.ends_with(' ')) cell = " " + cell.substr(0, cell.size() - 1);
    }
    line += (i == 0 ? "" : "  ") + cell;
  }
  return fitted(line, columns);
}

std::vector<std::string> titles(const std::vector<ColumnSpec>& specs) {
  std::vector<std::string> all;
  all.reserve(specs.size());
  for (const auto& spec : specs) all.emplace_back(spec.title);
  return all;
}

const std::vector<ColumnSpec> agent_columns{
    {"AGENT", 0, false, true}, {"CALLS/MIN", 9, true}, {"TOK/MIN", 8, true}, {"TODAY", 8, true},
    {"MONTH", 8, true},        {"HELD", 8, true},      {"STATUS", 10, false}};
const std::vector<ColumnSpec> budget_columns{
    {"BUDGET", 0, false, true}, {"PERIOD", 7, false}, {"", 20, false},
    {"SPENT", 8, true},         {"HELD", 8, true},    {"LIMIT", 8, true}};
const std::vector<ColumnSpec> refusal_columns{
    {"REFUSED", 8, false}, {"AGENT", 24, false, true}, {"MODEL", 16, false}, {"WHY", 0, false}};

std::vector<std::string> agent_cells(const api::LiveAgent& agent, std::int64_t window) {
  // Counted over `window` seconds, said by the minute.
  return {agent.path,
          amount(agent.last_calls * 60 / window),
          amount(agent.last_tokens * 60 / window),
          amount(agent.spent_day),
          amount(agent.spent_month),
          amount(agent.held),
          agent.status == "BUDGET_EXHAUSTED" ? "EXHAUSTED" : agent.status};
}

// "[######++--------]  45%": spent as #, held as +.
std::string bar(const api::LiveBudget& budget) {
  constexpr std::int64_t cells = 13;
  const auto part = [&](std::int64_t value, std::int64_t of) {
    if (budget.limit <= 0) return of;
    return static_cast<std::int64_t>(std::min<Int128>(Int128{value} * of / budget.limit, of));
  };
  const std::int64_t spent = std::max<std::int64_t>(part(budget.spent, cells), 0);
  const std::int64_t used = std::max(part(budget.spent + budget.held, cells), spent);
  const Int128 percent = budget.limit > 0 ? Int128{budget.spent} * 100 / budget.limit : 100;
  return fmt::format("[{}{}{}] {:>3}%", std::string(static_cast<std::size_t>(spent), '#'),
                     std::string(static_cast<std::size_t>(used - spent), '+'),
                     std::string(static_cast<std::size_t>(cells - used), '-'),
                     static_cast<std::int64_t>(std::clamp<Int128>(percent, 0, 999)));
}

std::vector<std::string> budget_cells(const api::LiveBudget& budget) {
  return {budget.key_id ? budget.path + " (a key)" : budget.path,
          budget.period,
          bar(budget),
          amount(budget.spent),
          amount(budget.held),
          amount(budget.limit)};
}

std::vector<std::string> refusal_cells(const api::LiveRefusal& refusal) {
  const std::string count = refusal.count > 1 ? fmt::format("({} times) ", refusal.count) : "";
  return {time_of_day(refusal.at), refusal.agent, refusal.model,
          count + (refusal.message.empty() ? refusal.cause : refusal.message)};
}

std::string_view budget_color(const api::LiveBudget& budget) {
  if (budget.limit <= 0 || budget.spent >= budget.limit) return red;
  return Int128{budget.spent + budget.held} * 10 >= Int128{budget.limit} * 8 ? yellow : "";
}

std::vector<std::string> head_lines(const api::Live& live, const TopStyle& style) {
  std::vector<std::string> lines{fmt::format("govd {}  up {}  {} calls in flight  {} agents   {}Z",
                                             live.version, duration(live.uptime_s), live.inflight,
                                             live.agents_total, live.at.substr(0, 19))};
  std::string orgs;
  for (const auto& org : live.orgs) {
    orgs += fmt::format("{}{}: {} credits, {} reserved", orgs.empty() ? "" : "   ", org.org, org.balance,
                        org.reserved);
  }
  lines.push_back(style.trouble.empty() ? orgs : "not fresh: " + style.trouble);
  return lines;
}

const std::vector<std::string>& help_lines() {
  static const std::vector<std::string> lines{
      "",
      "CALLS/MIN and TOK/MIN count the calls that ended within the last minute, or",
      "among the last 2,000 of an org when these do not reach back that far.",
      "TODAY, MONTH and HELD are credits; days and months are UTC. HELD is reserved",
      "for calls in flight. Agents: the busiest first. Budgets: the fullest first;",
      "[###++---] is what is spent and what is held besides.",
      "",
      "  q  quit      space  now      ?  back",
      "",
      "govctl explain REQUEST_ID tells of one call, govctl usage history of all."};
  return lines;
}

// Lines that are collected with their colors, cut to the screen.
class Screen {
 public:
  Screen(TopSize size, bool color) : size_(size), color_(color) {}
  void line(std::string text, std::string_view color = {}) {
    if (lines_.size() >= size_.rows) return;
    text = fitted(text, size_.columns);
    if (color.empty() || !color_) {
      while (text.ends_with(' ')) text.pop_back();
      lines_.push_back(std::move(text));
    } else {
      lines_.push_back(std::string(color) + text + std::string(plain));
    }
  }
  [[nodiscard]] std::size_t left() const { return size_.rows - lines_.size(); }
  std::vector<std::string> take() { return std::move(lines_); }

 private:
  TopSize size_;
  bool color_;
  std::vector<std::string> lines_;
};

}  // namespace

std::vector<std::string> top_screen(const api::Live& live, TopSize size, const TopStyle& style) {
  Screen screen(size, style.color);
  const auto head = head_lines(live, style);
  screen.line(head[0], bold);
  screen.line(head[1], style.trouble.empty() ? std::string_view() : red);
  if (style.help) {
    for (const auto& text : help_lines()) screen.line(text);
    return screen.take();
  }
  // The foot takes one line, each table a heading and an empty line before it.
  const std::size_t room = screen.left() > 7 ? screen.left() - 7 : 0;
  const std::size_t refusals = std::min({live.refusals.size(), std::size_t{5}, room / 4});
  const std::size_t budgets = std::min(live.budgets.size(), std::max<std::size_t>(room / 3, 1));
  const std::size_t agents = std::min(live.agents.size(), room - std::min(room, refusals + budgets));
  const auto table = [&](const std::vector<ColumnSpec>& specs) {
    screen.line("");
    screen.line(row_of(specs, titles(specs), size.columns), inverse);
  };
  table(agent_columns);
  for (std::size_t i = 0; i < agents; ++i) {
    const auto& agent = live.agents[i];
    screen.line(row_of(agent_columns, agent_cells(agent, window_of(live)), size.columns),
                agent.status == "ACTIVE" ? std::string_view() : yellow);
  }
  if (budgets > 0) table(budget_columns);
  for (std::size_t i = 0; i < budgets; ++i) {
    screen.line(row_of(budget_columns, budget_cells(live.budgets[i]), size.columns),
                budget_color(live.budgets[i]));
  }
  if (refusals > 0) table(refusal_columns);
  for (std::size_t i = 0; i < refusals; ++i) {
    screen.line(row_of(refusal_columns, refusal_cells(live.refusals[i]), size.columns));
  }
  while (screen.left() > 1) screen.line("");
  screen.line(fmt::format("q quit   ? help   every {}", style.interval));
  return screen.take();
}

std::string top_report(const api::Live& live) {
  std::vector<std::vector<Cell>> rows;
  std::string text;
  for (const auto& line : head_lines(live, {})) text += printable(line) + "\n";
  const auto table = [&](const std::vector<ColumnSpec>& specs,
                         const std::vector<std::vector<std::string>>& cells) {
    if (cells.empty()) return;
    rows.clear();
    const auto add = [&](const std::vector<std::string>& values) {
      auto& row = rows.emplace_back();
      for (std::size_t i = 0; i < specs.size(); ++i) row.push_back({printable(values[i]), "", specs[i].right});
    };
    add(titles(specs));
    for (const auto& values : cells) add(values);
    text += "\n" + aligned(rows);
  };
  std::vector<std::vector<std::string>> cells;
  cells.reserve(live.agents.size());
  for (const auto& agent : live.agents) cells.push_back(agent_cells(agent, window_of(live)));
  table(agent_columns, std::exchange(cells, {}));
  for (const auto& budget : live.budgets) cells.push_back(budget_cells(budget));
  table(budget_columns, std::exchange(cells, {}));
  for (const auto& refusal : live.refusals) cells.push_back(refusal_cells(refusal));
  table(refusal_columns, cells);
  return text;
}

}  // namespace govctl::cli
