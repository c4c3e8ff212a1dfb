#include "daemon/domain/policy.h"

#include <fmt/format.h>

#include <algorithm>

namespace govctl::domain {

bool glob_match(std::string_view pattern, std::string_view text) {
  // Greedy with one point to come back to: linear for a pattern with one star, never exponential.
  std::size_t p = 0;
  std::size_t t = 0;
  std::size_t star = std::string_view::npos;
  std::size_t star_text = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      star_text = t;
    } else if (p < pattern.size() && (pattern[p] == '?' || pattern[p] == text[t])) {
      ++p;
      ++t;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = ++star_text;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

bool model_match(std::string_view pattern, std::string_view provider, std::string_view model) {
  const std::size_t slash = pattern.find('/');
  if (slash == std::string_view::npos) return glob_match(pattern, model);
  // A model's own name may hold a slash (moonshotai/kimi-k2): the pattern may be that name, too.
  return (glob_match(pattern.substr(0, slash), provider) && glob_match(pattern.substr(slash + 1), model)) ||
         (model.contains('/') && glob_match(pattern, model));
}

Result<void> check_glob(std::string_view pattern) {
  if (pattern.empty() || pattern.size() > 200) {
    return fail(Code::invalid, "a model pattern has 1 to 200 characters");
  }
  const bool printable = std::ranges::all_of(pattern, [](char c) { return c > ' ' && c != '\x7f'; });
  if (!printable) return fail(Code::invalid, "a model pattern holds no spaces and no control characters");
  return {};
}

namespace {

constexpr std::array<std::string_view, 5> number_kinds{"max_input_tokens", "max_output_tokens", "rpm", "tpm",
                                                       "parallel"};

void take_minimum(std::optional<Sourced>& rule, const std::optional<std::int64_t>& value,
                  const std::string& source) {
  if (value && (!rule || *value < rule->value)) rule = Sourced{*value, source};
}

void take_minimum(std::optional<std::int64_t>& rule, const std::optional<std::int64_t>& value) {
  if (value && (!rule || *value < *rule)) rule = value;
}

void take_list(std::vector<SourcedGlobs>& lists, const std::optional<Globs>& globs, const std::string& source) {
  if (globs) lists.push_back({*globs, source});
}

}  // namespace

std::string_view number_kind_word(NumberKind kind) { return number_kinds[static_cast<std::size_t>(kind)]; }
std::optional<NumberKind> parse_number_kind(std::string_view word) {
  const auto* const found = std::ranges::find(number_kinds, word);
  if (found == number_kinds.end()) return std::nullopt;
  return static_cast<NumberKind>(found - number_kinds.begin());
}

std::string source_of(std::string_view place, std::string_view policy) {
  return fmt::format("{}: {}", place, policy);
}

Rules merge(const std::vector<PolicyAt>& chain) {
  Rules rules;
  bool any_estimate = false;
  bool any_worst_case = false;
  for (const auto& [policy, path] : chain) {
    const std::string source = source_of(path, policy->name);
    rules.sources.push_back(source);
    take_list(rules.allow_models, policy->allow_models, source);
    take_list(rules.deny_models, policy->deny_models, source);
    take_list(rules.providers, policy->providers, source);
    take_list(rules.costly, policy->costly, source);
    take_minimum(rules.max_input_tokens, policy->max_input_tokens, source);
    take_minimum(rules.max_output_tokens, policy->max_output_tokens, source);
    if (policy->rpm || policy->tpm || policy->parallel) {
      auto rate = std::ranges::find(rules.rates, policy->level, &RateRule::level);
      if (rate == rules.rates.end()) rate = rules.rates.insert(rate, RateRule{policy->level, {}, {}, {}});
      take_minimum(rate->rpm, policy->rpm);
      take_minimum(rate->tpm, policy->tpm);
      take_minimum(rate->parallel, policy->parallel);
    }
    const std::array values{policy->max_input_tokens, policy->max_output_tokens, policy->rpm, policy->tpm,
                            policy->parallel};
    for (std::size_t i = 0; i < values.size(); ++i) {
      if (values[i]) rules.numbers.push_back({static_cast<NumberKind>(i), policy->level, *values[i], source});
    }
    if (policy->clamp && !*policy->clamp) rules.clamp = false;
    if (policy->estimate) (*policy->estimate ? any_estimate : any_worst_case) = true;
  }
  rules.estimate = any_estimate && !any_worst_case;
  return rules;
}

std::string model_refusal(const Rules& rules, std::string_view provider, std::string_view model) {
  const auto matches = [&](const std::string& glob) { return model_match(glob, provider, model); };
  for (const auto& list : rules.allow_models) {
    if (!std::ranges::any_of(list.globs, matches)) {
      return list.globs.empty()
                 ? fmt::format("policy {} allows no model", list.source)
                 : fmt::format("policy {} allows {} only", list.source, fmt::join(list.globs, ", "));
    }
  }
  for (const auto& list : rules.deny_models) {
    const auto denied = std::ranges::find_if(list.globs, matches);
    if (denied != list.globs.end()) return fmt::format("policy {} denies {}", list.source, *denied);
  }
  for (const auto& list : rules.providers) {
    if (std::ranges::find(list.globs, provider) == list.globs.end()) {
      return fmt::format("policy {} allows provider {} only", list.source, fmt::join(list.globs, ", "));
    }
  }
  return {};
}

}  // namespace govctl::domain
