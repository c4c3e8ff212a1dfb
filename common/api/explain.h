#pragma once
// Why a call was refused or passed, what would change that, and whether one would pass now.

#include "common/api/fields.h"
#include "common/api/ledger.h"
#include "common/api/rules.h"

namespace govctl::api {

// The balance, a budget or a key's limit as it stood before the call.
struct MoneyFrom {
  std::string path, what;
  std::int64_t limit = 0, spent = 0, held = 0, left = 0;
  bool decided = false;
  static constexpr auto fields() {
    return std::tuple{field("path", &MoneyFrom::path),
                      field("what", &MoneyFrom::what, "BALANCE, DAILY, MONTHLY, TOTAL, or LIMIT of the key"),
                      field("limit", &MoneyFrom::limit),
                      field("spent", &MoneyFrom::spent),
                      field("held", &MoneyFrom::held, "by calls in flight"),
                      field("left", &MoneyFrom::left),
                      field("decided", &MoneyFrom::decided, "too little was left here")};
  }
};

struct RateFrom {
  std::string path, rate;
  std::int64_t limit = 0, used = 0, adds = 0;
  bool decided = false;
  static constexpr auto fields() {
    return std::tuple{field("path", &RateFrom::path),   field("rate", &RateFrom::rate, "rpm, tpm or parallel"),
                      field("limit", &RateFrom::limit), field("used", &RateFrom::used),
                      field("adds", &RateFrom::adds),   field("decided", &RateFrom::decided)};
  }
};

// One of the changes that together let the call through.
struct ChangeTo {
  std::string what;
  std::optional<std::string> command;
  static constexpr auto fields() {
    return std::tuple{field("what", &ChangeTo::what),
                      field("command", &ChangeTo::command,
                            "a govctl line; null: it is the caller's to change, or time does")};
  }
};

// GET /usage/request/{request_id}/explanation
struct Explanation {
  std::string sentence;
  std::optional<std::string> decided_by;
  std::optional<std::int64_t> needed;
  std::optional<std::string> resets_at;
  std::optional<std::int64_t> retry_after_s;
  std::vector<RuleFrom> rules;
  std::vector<MoneyFrom> money;
  std::vector<RateFrom> rates;
  std::vector<ChangeTo> changes;
  UsageEvent call;
  static constexpr auto fields() {
    using E = Explanation;
    return std::tuple{field("sentence", &E::sentence),
                      field("decided_by", &E::decided_by, "the policy, budget or rate that refused it"),
                      field("needed", &E::needed, "credits, tokens or calls"),
                      field("resets_at", &E::resets_at),
                      field("retry_after_s", &E::retry_after_s),
                      field("rules", &E::rules, "what the policies on the way merged to"),
                      field("money", &E::money, "as it stood before the call"),
                      field("rates", &E::rates),
                      field("changes", &E::changes, "the smallest that would have let it through"),
                      field("call", &E::call)};
  }
};

// GET /can-i
struct Verdict {
  bool allowed = false;
  std::string reason, agent, model;
  std::optional<std::string> provider, cause;
  std::int64_t hold = 0;
  std::optional<std::int64_t> max_tokens;
  std::vector<RuleFrom> rules;
  std::vector<MoneyFrom> money;
  std::vector<RateFrom> rates;
  std::vector<ChangeTo> changes;
  static constexpr auto fields() {
    using V = Verdict;
    return std::tuple{field("allowed", &V::allowed),
                      field("reason", &V::reason),
                      field("agent", &V::agent),
                      field("model", &V::model),
                      field("provider", &V::provider),
                      field("cause", &V::cause, "of a no, as usage events name it"),
                      field("hold", &V::hold, "credits that the call would hold"),
                      field("max_tokens", &V::max_tokens, "what the answer may have at most"),
                      field("rules", &V::rules),
                      field("money", &V::money),
                      field("rates", &V::rates),
                      field("changes", &V::changes, "of a no: what would make it a yes")};
  }
};

// GET /budgets/explain?path=: one line for the balance and for each budget on the way to the path and below it.
struct BudgetOutlook {
  std::string path;
  std::optional<std::string> key_id;
  std::string what;
  std::int64_t limit = 0, spent = 0, held = 0, left = 0;
  std::optional<std::string> resets_at;
  std::int64_t last_24h = 0;
  std::optional<std::int64_t> seconds_to_limit;
  std::optional<std::string> limit_reached_at;
  static constexpr auto fields() {
    using B = BudgetOutlook;
    return std::tuple{field("path", &B::path),
                      field("key_id", &B::key_id),
                      field("what", &B::what, "BALANCE, DAILY, MONTHLY or TOTAL"),
                      field("limit", &B::limit, "of the balance: with the overdraft"),
                      field("spent", &B::spent),
                      field("held", &B::held),
                      field("left", &B::left),
                      field("resets_at", &B::resets_at),
                      field("last_24h", &B::last_24h, "credits burnt below the path in the last 24 hours"),
                      field("seconds_to_limit", &B::seconds_to_limit,
                            "at that rate; null: not at all, or not before it resets"),
                      field("limit_reached_at", &B::limit_reached_at)};
  }
};

}  // namespace govctl::api
