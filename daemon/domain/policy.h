#pragma once
// What the policies on the way from the org to the key merge to: lists intersect, numbers take the minimum.

#include <string>
#include <vector>

#include "daemon/domain/config.h"

namespace govctl::domain {

// '*' any run, '?' one character; case-sensitive; the whole text.
bool glob_match(std::string_view pattern, std::string_view text);
// A pattern without a slash matches the model at any provider, one with a slash matches provider/model.
bool model_match(std::string_view pattern, std::string_view provider, std::string_view model);
Result<void> check_glob(std::string_view pattern);

// Rates are shared by all calls below what the policy hangs on, so each is metered there.
struct RateRule {
  Level level = Level::org;
  std::optional<std::int64_t> rpm, tpm, parallel;
};

// One rule with where it comes from, for refusals and explain: "acme/prod: default".
struct Sourced {
  std::int64_t value = 0;
  std::string source;
};
struct SourcedGlobs {
  Globs globs;
  std::string source;
};

// One number of one policy: where several stand in a call's way, each must give way.
enum class NumberKind : std::uint8_t { max_input_tokens, max_output_tokens, rpm, tpm, parallel };
std::string_view number_kind_word(NumberKind kind);  // "max_input_tokens", …
std::optional<NumberKind> parse_number_kind(std::string_view word);
struct NumberRule {
  NumberKind kind = NumberKind::rpm;
  Level level = Level::org;
  std::int64_t value = 0;
  std::string source;
};

struct Rules {
  std::vector<SourcedGlobs> allow_models;  // a model must match one pattern of every list
  std::vector<SourcedGlobs> deny_models;
  std::vector<SourcedGlobs> providers;
  std::vector<SourcedGlobs> costly;  // a costly feature must be in every list; no list at all: refused
  std::optional<Sourced> max_input_tokens, max_output_tokens;
  std::vector<RateRule> rates;      // at most one a level, merged
  std::vector<NumberRule> numbers;  // all that were merged, for those who explain
  bool clamp = true;
  bool estimate = false;  // only when no policy says worst-case
  std::vector<std::string> sources;
};

// `chain` is ordered from the org down; `paths` names what each hangs on.
struct PolicyAt {
  const Policy* policy = nullptr;
  std::string path;
};
// How a rule names the policy that it is from: "acme/prod: default".
std::string source_of(std::string_view place, std::string_view policy);
Rules merge(const std::vector<PolicyAt>& chain);

// Why a model or provider is not allowed: the sentence's middle, "acme/prod: default allows gpt-4o* only".
// Empty: allowed.
std::string model_refusal(const Rules& rules, std::string_view provider, std::string_view model);

}  // namespace govctl::domain
