#include "daemon/control/explained.h"

#include <fmt/format.h>

#include <algorithm>

namespace govctl::control {
namespace {

using domain::Cause;
using domain::NumberKind;

const std::string& path_of(const domain::Standing& standing, Level level) {
  return standing.paths.at(static_cast<std::size_t>(level));
}

std::string_view rate_word(Cause cause) {
  return cause == Cause::rpm ? "rpm" : cause == Cause::tpm ? "tpm" : "parallel";
}

std::string money_name(const domain::MoneyLine& line, const domain::Standing& standing) {
  const std::string& path = path_of(standing, line.level);
  if (line.cause == Cause::credits) return "the balance of " + path;
  if (line.cause == Cause::key_limit) return "the limit of this key of " + path;
  return fmt::format("the {} budget of {}{}", domain::period_word(line.period),
                     line.level == Level::key ? "this key of " : "", path);
}

// The policy that has the lowest of these numbers.
std::string lowest(const domain::Rules& rules, NumberKind kind) {
  const domain::NumberRule* least = nullptr;
  for (const auto& rule : rules.numbers) {
    if (rule.kind == kind && (least == nullptr || rule.value < least->value)) least = &rule;
  }
  return least == nullptr ? std::string() : "policy " + least->source;
}

std::string decided_by_model(const domain::Refusal& refusal, const domain::Rules& rules) {
  const auto fits = [&](const std::string& glob) {
    return domain::model_match(glob, refusal.provider, refusal.model);
  };
  for (const auto& list : rules.allow_models) {
    if (std::ranges::none_of(list.globs, fits)) return "policy " + list.source;
  }
  for (const auto& list : rules.deny_models) {
    if (std::ranges::any_of(list.globs, fits)) return "policy " + list.source;
  }
  for (const auto& list : rules.providers) {
    if (std::ranges::find(list.globs, refusal.provider) == list.globs.end()) return "policy " + list.source;
  }
  return {};
}

}  // namespace

std::vector<api::RuleFrom> shown(const domain::Rules& rules) {
  std::vector<api::RuleFrom> rows;
  const auto lists = [&](const char* name, const std::vector<domain::SourcedGlobs>& from) {
    for (const auto& list : from) {
      rows.push_back(
          {name, list.globs.empty() ? "none" : fmt::format("{}", fmt::join(list.globs, ", ")), list.source});
    }
  };
  lists("allow_models", rules.allow_models);
  lists("deny_models", rules.deny_models);
  lists("providers", rules.providers);
  lists("costly", rules.costly);
  for (const auto& rule : rules.numbers) {
    rows.push_back({std::string(domain::number_kind_word(rule.kind)), std::to_string(rule.value), rule.source});
  }
  return rows;
}

std::vector<api::MoneyFrom> shown(const std::vector<domain::MoneyLine>& money, const domain::Standing& standing,
                                  const std::optional<std::int64_t>& needed) {
  std::vector<api::MoneyFrom> rows;
  for (const auto& line : money) {
    api::MoneyFrom row;
    row.path = path_of(standing, line.level);
    row.what = line.cause == Cause::credits     ? "BALANCE"
               : line.cause == Cause::key_limit ? "LIMIT"
                                                : domain::period_word(line.period);
    row.limit = line.limit;
    row.spent = line.spent;
    row.held = line.held;
    row.left = line.room();
    row.decided = needed && line.room() < *needed;
    rows.push_back(std::move(row));
  }
  return rows;
}

std::vector<api::RateFrom> shown(const std::vector<domain::RateLine>& rates, const domain::Standing& standing) {
  std::vector<api::RateFrom> rows;
  rows.reserve(rates.size());
  for (const auto& line : rates) {
    rows.push_back({path_of(standing, line.level), std::string(rate_word(line.cause)), line.limit, line.used,
                    line.adds, line.used + line.adds > line.limit});
  }
  return rows;
}

std::vector<api::ChangeTo> shown(const std::vector<domain::Change>& changes) {
  std::vector<api::ChangeTo> rows;
  for (const auto& change : changes) {
    auto& row = rows.emplace_back();
    row.what = change.what;
    if (!change.command.empty()) row.command = change.command;
  }
  return rows;
}

std::string decided_by(const domain::Refusal& refusal, const domain::Rules& rules,
                       const domain::Standing& standing) {
  switch (refusal.cause) {
    case Cause::model_denied:
    case Cause::provider_denied:
      return decided_by_model(refusal, rules);
    case Cause::input_tokens:
      return lowest(rules, NumberKind::max_input_tokens);
    case Cause::output_tokens:
      return lowest(rules, NumberKind::max_output_tokens);
    case Cause::rpm:
    case Cause::tpm:
    case Cause::parallel:
      for (const auto& line : refusal.rates) {
        if (line.used + line.adds > line.limit) {
          return fmt::format("{} {} of {}", rate_word(line.cause), line.limit, path_of(standing, line.level));
        }
      }
      return {};
    case Cause::credits:
    case Cause::budget:
    case Cause::key_limit:
      for (const auto& line : refusal.money) {
        if (refusal.needed && line.room() < *refusal.needed) return money_name(line, standing);
      }
      return {};
    default:
      return {};
  }
}

}  // namespace govctl::control
