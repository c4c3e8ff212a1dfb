#include "cli/commands/decision_text.h"

#include <fmt/format.h>

#include <initializer_list>

#include "cli/text.h"

namespace govctl::cli {
namespace {

using Rows = std::vector<std::vector<Cell>>;

struct Title {
  std::string_view text;
  bool number = false;
};

Rows titled(std::initializer_list<Title> titles, const Settings& settings) {
  Rows rows;
  auto& header = rows.emplace_back();
  for (const auto& title : titles) {
    header.push_back({std::string(title.text), settings.color_out ? bold : "", title.number});
  }
  return rows;
}

Cell text_cell(const std::string& text) { return {printable(text), "", false}; }
Cell number_cell(std::int64_t number) { return {std::to_string(number), "", true}; }
Cell mark(bool decided, const Settings& settings) {
  return {decided ? "<- here" : "", settings.color_out ? red : "", false};
}

std::string section(std::string_view heading, const Rows& rows) {
  std::string out = fmt::format("\n{}\n", heading);
  const std::string table = aligned(rows);
  for (std::size_t at = 0; at < table.size();) {
    const std::size_t end = table.find('\n', at);
    out += "  " + table.substr(at, end - at) + "\n";
    at = end + 1;
  }
  return out;
}

}  // namespace

std::string rules_text(const std::vector<api::RuleFrom>& rules, const Settings& settings) {
  if (rules.empty()) return "";
  Rows rows = titled({{"RULE"}, {"VALUE"}, {"POLICY"}}, settings);
  for (const auto& rule : rules) {
    rows.push_back({text_cell(rule.rule), text_cell(rule.value), text_cell(rule.policy)});
  }
  return section("Rules that held, from the org down:", rows);
}

std::string money_text(const std::vector<api::MoneyFrom>& money, const Settings& settings) {
  if (money.empty()) return "";
  Rows rows = titled(
      {{"PATH"}, {"WHAT"}, {"LIMIT", true}, {"SPENT", true}, {"HELD", true}, {"LEFT", true}, {""}}, settings);
  for (const auto& line : money) {
    rows.push_back({text_cell(line.path), text_cell(line.what), number_cell(line.limit),
                    number_cell(line.spent), number_cell(line.held), number_cell(line.left),
                    mark(line.decided, settings)});
  }
  return section("Money before the call, in credits:", rows);
}

std::string rates_text(const std::vector<api::RateFrom>& rates, const Settings& settings) {
  if (rates.empty()) return "";
  Rows rows =
      titled({{"PATH"}, {"RATE"}, {"LIMIT", true}, {"USED", true}, {"THIS CALL", true}, {""}}, settings);
  for (const auto& line : rates) {
    rows.push_back({text_cell(line.path), text_cell(line.rate), number_cell(line.limit), number_cell(line.used),
                    number_cell(line.adds), mark(line.decided, settings)});
  }
  return section("Rates:", rows);
}

std::string changes_text(const std::vector<api::ChangeTo>& changes, std::string_view heading,
                         const Settings& settings) {
  if (changes.empty()) return "";
  std::string out = fmt::format("\n{}\n", heading);
  for (const auto& change : changes) {
    out += fmt::format("  {}\n", printable(change.what));
    if (!change.command) continue;
    out += fmt::format("    {}{}{}\n", settings.color_out ? bold : "", printable(*change.command),
                       settings.color_out ? plain : "");
  }
  return out;
}

}  // namespace govctl::cli
