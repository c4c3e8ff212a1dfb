#pragma once
// Whether one call may go, and what it holds (30-ledger.md "One call"). Pure: the tenant fills in the figures
// under its mutex, calls decide(), and applies the answer in the same step.

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/domain/policy.h"
#include "daemon/domain/pricing.h"
#include "daemon/domain/records.h"

namespace govctl::domain {

// What a request asks for: facts read from its body, which stays untouched.
struct Ask {
  std::string model;              // as the client wrote it
  std::int64_t text_bytes = 0;    // of the JSON body, inline media not counted: an upper bound of its tokens
  std::int64_t media_tokens = 0;  // an upper bound for inline media
  bool whole_context = false;     // refers to content that is not in the body: held at the context window
  std::optional<std::int64_t> max_tokens;
  std::int64_t least_output_tokens = 0;  // max tokens are never lowered below it: a thinking budget must fit
  bool no_output = false;  // nothing is generated (embeddings): no bound on it is asked for, sought or lowered
  std::int64_t choices = 1;
  bool stream = false;
  bool watched =
      false;  // what comes out is seen as it comes: streamed, and nothing is thought where nobody sees it
  std::vector<std::string> costly;  // request features that cost extra: "web_search_options", …
};

enum class Cause : std::uint8_t {
  bad_request,  // a fault in the body that is the client's
  unknown_provider,
  no_price,
  no_credential,
  inactive,  // org, workspace, group or agent
  frozen,
  model_denied,
  provider_denied,
  input_tokens,
  output_tokens,  // the max output is unknown or below what a policy demands
  costly_feature,
  rpm,
  tpm,
  parallel,
  credits,
  budget,
  key_limit,
  idempotency_in_progress,  // another call has the same Idempotency-Key, and is in flight
  idempotency_conflict,     // … and is finished
  idempotency_mismatch,     // … and asked for something else
  unavailable,              // the ledger cannot be written
};
constexpr std::size_t cause_count = static_cast<std::size_t>(Cause::unavailable) + 1;
std::string_view cause_word(Cause cause);
// POLICY_BLOCKED, or BUDGET_EXCEEDED for money.
CallStatus status_of(Cause cause);

// One thing that must have room for the hold: the balance, a budget, or a key's cap.
struct MoneyLine {
  Cause cause = Cause::credits;
  Level level = Level::org;
  Period period = Period::total;
  std::int64_t limit = 0;  // balance + overdraft, or the budget's limit
  std::int64_t spent = 0;  // 0 for the balance
  std::int64_t held = 0;
  std::uint64_t meter = 0;  // identity of what runs out, for queueing fairly
  [[nodiscard]] std::int64_t room() const { return limit - spent - held; }
  [[nodiscard]] std::int64_t room_when_settled() const {
    return limit - spent;
  }  // if calls in flight cost nothing
};

struct RateLine {
  Cause cause = Cause::rpm;
  Level level = Level::org;
  std::int64_t limit = 0;
  std::int64_t used = 0;
  std::int64_t adds = 1;           // what this call adds
  std::int64_t retry_after_s = 1;  // until enough has left the window
};

struct Refusal {
  Cause cause = Cause::bad_request;
  std::string message;  // one sentence: the rule or budget, its path, limit, spent, held, reset
  std::string next;     // a govctl command that would mend it, or empty
  std::string path;
  std::optional<std::int64_t> limit, spent, held, needed;
  std::optional<Period> period;  // of a budget
  std::optional<Timestamp> resets_at;
  std::optional<std::int64_t> retry_after_s;
  std::string parameter;         // the field of the body, for bad_request
  std::string provider, model;   // what a rule forbids, as it goes upstream
  std::vector<MoneyLine> money;  // all that was compared, where money or a rate decided
  std::vector<RateLine> rates;
};

// What the call would hold: after rules, before money.
struct Demand {
  // Of one candidate that the call may go to.
  struct Bound {
    const ModelPrice* price = nullptr;
    std::int64_t input_tokens = 0;
    std::int64_t output_tokens = 0;
  };
  const ModelPrice* price = nullptr;
  std::int64_t credits_per_usd = 0;
  std::int64_t input_tokens = 0;   // worst case (or the estimate, where the policy prefers it)
  std::int64_t output_tokens = 0;  // for each choice
  std::int64_t choices = 1;
  // Where the policy prefers an estimate and the output is watched: what of it is held before it comes
  // (domain/growth.h). Empty: all of it.
  std::optional<std::int64_t> first_output;
  std::int64_t rate_tokens = 0;  // what counts against tpm until the call is settled
  bool may_clamp = false;
  std::int64_t clamp_floor = 256;  // never below this
  std::vector<Bound> bounds;       // of every candidate, where there are several
  // The hold covers this candidate too: the dearest of them is what counts.
  void cover(const Demand& other);
  // The worst case in credits at `output` tokens; empty when it overflows.
  [[nodiscard]] std::optional<Credits> hold(std::int64_t output) const;
  // What the call must find room for: at most the worst case of all its output, which check_rules() has
  // bounded.
  [[nodiscard]] Credits need() const;
};

// Rules that need no meters: model, provider, input, output, costly features.
std::expected<Demand, Refusal> check_rules(const Rules& rules, const Ask& ask, std::string_view provider,
                                           std::string_view upstream_model, const ModelPrice& price,
                                           std::int64_t credits_per_usd);

template <class T, std::size_t capacity>
struct Lines {
  std::array<T, capacity> items;
  std::size_t size = 0;
  void add(const T& line) { items.at(size++) = line; }
  [[nodiscard]] const T* begin() const { return items.data(); }
  [[nodiscard]] const T* end() const { return items.data() + size; }
};
using MoneyLines = Lines<MoneyLine, 24>;  // the balance, three periods on five levels, the key's cap
using RateLines = Lines<RateLine, 16>;    // three rates on five levels

struct Decision {
  enum class Kind { admit, wait, refuse_rate, refuse_money } kind = Kind::admit;
  Credits hold;                    // admit
  std::int64_t output_tokens = 0;  // admit: what the upstream may produce for each choice
  bool clamped = false;
  const RateLine* rate = nullptr;    // refuse_rate
  const MoneyLine* money = nullptr;  // wait, refuse_money: what has no room
  Credits needed;
};
// `last`: waiting is over; admit, clamp or refuse.
Decision decide(const Demand& demand, const RateLines& rates, const MoneyLines& money, bool last);

Refusal rate_refusal(const RateLine& line, std::string_view path);
Refusal money_refusal(const MoneyLine& line, Credits needed, std::string_view path, Timestamp now);

}  // namespace govctl::domain
