#include "daemon/domain/remedy.h"

#include <fmt/format.h>

#include <algorithm>

#include "common/shell.h"

namespace govctl::domain {
namespace {

std::string lower(std::string_view word) {
  std::string text(word);
  std::ranges::transform(text, text.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return text;
}

// Makes the changes of one refusal.
class Maker {
 public:
  Maker(const Refusal& refusal, const Rules& rules, const Standing& standing)
      : refusal_(refusal), rules_(rules), standing_(standing) {}

  std::vector<Change> make() {
    switch (refusal_.cause) {
      case Cause::model_denied:
      case Cause::provider_denied:
        model();
        break;
      case Cause::costly_feature:
        costly_feature();
        break;
      case Cause::input_tokens:
        refusal_.limit ? numbers(NumberKind::max_input_tokens, std::nullopt, *refusal_.needed) : as_it_said();
        break;
      case Cause::output_tokens:
        refusal_.limit ? numbers(NumberKind::max_output_tokens, std::nullopt, *refusal_.needed) : max_tokens();
        break;
      case Cause::rpm:
      case Cause::tpm:
      case Cause::parallel:
        rates();
        break;
      case Cause::credits:
      case Cause::budget:
      case Cause::key_limit:
        money();
        break;
      case Cause::bad_request:
      case Cause::unknown_provider:
      case Cause::no_price:
      case Cause::no_credential:
      case Cause::inactive:
      case Cause::frozen:
      case Cause::idempotency_in_progress:
      case Cause::idempotency_conflict:
      case Cause::idempotency_mismatch:
      case Cause::unavailable:
        as_it_said();
        break;
    }
    return std::move(changes_);
  }

 private:
  void add(std::string what, std::string command) { changes_.push_back({std::move(what), std::move(command)}); }

  // `govctl policy set` on the policy that `source` names; what it is for when that is gone.
  void set_policy(const std::string& source, std::string what, std::string_view option,
                  const std::string& value) {
    const auto policy = standing_.policy(source);
    if (!policy) {
      add(fmt::format("policy {} is there no more: ask again", source), "");
      return;
    }
    std::string command = "govctl policy set " + shell_quoted(policy->path);
    if (policy->name != "default") command += " --name " + shell_quoted(policy->name);
    if (!policy->key.empty()) command += " --key " + policy->key;
    add(std::move(what), fmt::format("{} {} {}", command, option, shell_quoted(value)));
  }

  void model() {
    const auto fits = [&](const std::string& glob) {
      return model_match(glob, refusal_.provider, refusal_.model);
    };
    for (const SourcedGlobs& list : rules_.allow_models) {
      if (std::ranges::any_of(list.globs, fits)) continue;
      Globs globs = list.globs;
      globs.push_back(refusal_.model);
      set_policy(list.source, fmt::format("policy {} allows {} too", list.source, refusal_.model),
                 "--allow-models", fmt::format("{}", fmt::join(globs, ",")));
    }
    for (const SourcedGlobs& list : rules_.deny_models) {
      if (std::ranges::none_of(list.globs, fits)) continue;
      Globs globs = list.globs;
      std::erase_if(globs, fits);
      set_policy(list.source, fmt::format("policy {} denies {} no more", list.source, refusal_.model),
                 "--deny-models", globs.empty() ? "none" : fmt::format("{}", fmt::join(globs, ",")));
    }
    for (const SourcedGlobs& list : rules_.providers) {
      if (std::ranges::find(list.globs, refusal_.provider) != list.globs.end()) continue;
      Globs globs = list.globs;
      globs.push_back(refusal_.provider);
      set_policy(list.source, fmt::format("policy {} allows provider {} too", list.source, refusal_.provider),
                 "--providers", fmt::format("{}", fmt::join(globs, ",")));
    }
  }

  void costly_feature() {
    if (rules_.costly.empty()) {
      const std::string& agent = standing_.paths[static_cast<std::size_t>(Level::agent)];
      add(fmt::format("a policy of {} allows {}", agent, refusal_.parameter),
          fmt::format("govctl policy set {} --costly {}", shell_quoted(agent),
                      shell_quoted(refusal_.parameter)));
      return;
    }
    for (const SourcedGlobs& list : rules_.costly) {
      if (std::ranges::find(list.globs, refusal_.parameter) != list.globs.end()) continue;
      Globs globs = list.globs;
      globs.push_back(refusal_.parameter);
      set_policy(list.source, fmt::format("policy {} allows {} too", list.source, refusal_.parameter),
                 "--costly", fmt::format("{}", fmt::join(globs, ",")));
    }
  }

  // Every policy whose number is below what was needed; of one level for rates.
  void numbers(NumberKind kind, std::optional<Level> level, std::int64_t needed) {
    const std::string_view word = number_kind_word(kind);
    std::string option = fmt::format("--{}", word);
    std::ranges::replace(option, '_', '-');
    for (const NumberRule& rule : rules_.numbers) {
      if (rule.kind != kind || rule.value >= needed || (level && rule.level != *level)) continue;
      set_policy(rule.source,
                 fmt::format("policy {} has {} {} instead of {}", rule.source, word, needed, rule.value),
                 option, std::to_string(needed));
    }
  }

  void max_tokens() {
    const std::string& agent = standing_.paths[static_cast<std::size_t>(Level::agent)];
    add("the request sets max_tokens", "");
    add(fmt::format("or a policy of {} sets it for all of its calls", agent),
        fmt::format("govctl policy set {} --max-output-tokens 4096", shell_quoted(agent)));
  }

  void rates() {
    if (refusal_.retry_after_s) add(fmt::format("{} s later it has room again", *refusal_.retry_after_s), "");
    for (const RateLine& line : refusal_.rates) {
      if (line.used + line.adds <= line.limit) continue;
      const NumberKind kind = line.cause == Cause::rpm   ? NumberKind::rpm
                              : line.cause == Cause::tpm ? NumberKind::tpm
                                                         : NumberKind::parallel;
      numbers(kind, line.level, line.used + line.adds);
    }
  }

  void money() {
    if (!refusal_.needed) return;  // larger than any limit may be
    for (const MoneyLine& line : refusal_.money) {
      const std::int64_t missing = *refusal_.needed - line.room();
      if (missing <= 0) continue;
      const std::string path = shell_quoted(standing_.paths[static_cast<std::size_t>(line.level)]);
      const std::int64_t limit = line.limit + missing;
      switch (line.cause) {
        case Cause::credits:
          add(fmt::format("{} has {} credits more", path, missing),
              fmt::format("govctl ledger purchase {} {}", path, missing));
          break;
        case Cause::key_limit:
          add(fmt::format("this key's limit is {} credits instead of {}", limit, line.limit),
              fmt::format("govctl key set {} --limit {}", standing_.key, limit));
          break;
        default:
          add(fmt::format("the {} budget of {} is {} credits instead of {}", period_word(line.period), path,
                          limit, line.limit),
              fmt::format("govctl budget set {}{} --period {} --limit {}", path,
                          line.level == Level::key ? " --key " + standing_.key : "",
                          lower(period_word(line.period)), limit));
      }
    }
  }

  void as_it_said() {
    if (!refusal_.next.empty()) add("what it lacks is there", refusal_.next);
  }

  const Refusal& refusal_;
  const Rules& rules_;
  const Standing& standing_;
  std::vector<Change> changes_;
};

}  // namespace

std::vector<Change> changes_for(const Refusal& refusal, const Rules& rules, const Standing& standing) {
  return Maker(refusal, rules, standing).make();
}

}  // namespace govctl::domain
