// Why a call was refused or passed, from what was recorded; and whether one would pass now.

#include "common/api/explain.h"

#include <algorithm>

#include "daemon/control/calls_by_id.h"
#include "daemon/control/checks.h"
#include "daemon/control/explained.h"
#include "daemon/control/handlers.h"
#include "daemon/control/present.h"
#include "daemon/control/resolve.h"
#include "daemon/store/money.h"
#include "daemon/tenant/decision.h"
#include "daemon/tenant/rules_text.h"

namespace govctl::control {
namespace {

using domain::CallStatus;
using domain::Cause;

// A question of a few words, in its JSON body.
constexpr std::int64_t short_question = 100;

std::string with_end(std::string text) {
  if (!text.ends_with('.')) text += '.';
  return text;
}

// What happened, in one sentence.
std::string sentence(const api::UsageEvent& call, CallStatus status) {
  const std::string cost = fmt::format("{} credits ({} USD)", call.credits_charged, call.cost_usd);
  if (status == CallStatus::success) {
    return fmt::format("The call passed: {} answered with {} tokens to {}, and it was charged {}.", call.model,
                       call.output_tokens, call.input_tokens, cost);
  }
  const std::string why = with_end(call.error_message.value_or(call.cause.value_or("no reason is recorded")));
  if (status == CallStatus::policy_blocked) return "The call was refused, and cost nothing: " + why;
  if (status == CallStatus::budget_exceeded) {
    return "The call was refused for want of money, and cost nothing: " + why;
  }
  return fmt::format("The call failed, and was charged {}: {}", cost, why);
}

std::optional<Cause> cause_of(std::string_view word) {
  for (std::size_t i = 0; i < domain::cause_count; ++i) {
    if (domain::cause_word(static_cast<Cause>(i)) == word) return static_cast<Cause>(i);
  }
  return std::nullopt;
}

bool was_refused(CallStatus status) {
  return status == CallStatus::policy_blocked || status == CallStatus::budget_exceeded;
}

// Where money has moved on since, the change is for now: what it needs on top of what is used up today.
void bring_up_to_date(domain::Refusal& refusal, const tenant::Tenant& tenant, const domain::Scope& scope) {
  const std::array ids{scope.org.bytes, scope.workspace.bytes, scope.group.bytes, scope.agent.bytes,
                       scope.key.bytes};
  for (auto& line : refusal.money) {
    if (line.cause == Cause::credits) continue;
    const auto spend = tenant.spend(ids.at(static_cast<std::size_t>(line.level)));
    line.spent = std::max(line.spent, spend.of(line.period).value());
  }
}

api::Explanation explained(const CallAt& call, const domain::Rules& rules) {
  const auto& event = call.stored.event;
  api::Explanation made;
  made.call = shown(call.stored, *call.at.snapshot);
  made.sentence = sentence(made.call, event.status);
  made.rules = shown(rules);
  auto refusal = tenant::parse_decision(event.decision);
  const auto standing = tenant::standing_of(call.at.snapshot, event.scope);
  const auto cause = cause_of(event.cause);
  const bool refused = was_refused(event.status) && cause;
  const bool for_money = event.status == CallStatus::budget_exceeded;
  made.money = shown(refusal.money, standing, for_money ? refusal.needed : std::nullopt);
  if (!refused) return made;
  refusal.cause = *cause;
  made.rates = shown(refusal.rates, standing);
  if (auto by = decided_by(refusal, rules, standing); !by.empty()) made.decided_by = std::move(by);
  made.needed = refusal.needed;
  if (refusal.resets_at) made.resets_at = rfc3339(*refusal.resets_at);
  made.retry_after_s = refusal.retry_after_s;
  bring_up_to_date(refusal, *call.at.tenant, event.scope);
  made.changes = shown(domain::changes_for(refusal, rules, standing));
  return made;
}

// Who would call: an agent, or one of its keys.
Result<tenant::Caller> caller_of(const Request& request) {
  const auto agent = request.asked("agent");
  if (!agent)
    return fail(Code::invalid, "'agent' is missing: who would call?", "govctl can-i use MODEL --as AGENT");
  auto at = find_node(request, *agent, Level::agent);
  if (!at) return std::unexpected(at.error());
  if (const auto key = request.asked("key_id")) {
    at = find_key(request, *key, at->node);
    if (!at) return std::unexpected(at.error());
  }
  return tenant::Caller{at->tenant, at->snapshot, at->node};
}

Result<std::optional<std::int64_t>> number_asked(const Request& request, std::string_view name) {
  const auto text = request.asked(name);
  if (!text) return std::nullopt;
  const auto number = Credits::parse(*text);
  if (!number || number->value() < 1) {
    return fail(Code::invalid, fmt::format("'{}' must be a whole number of tokens, 1 or more", name));
  }
  return number->value();
}

Result<domain::Ask> ask_of(const Request& request) {
  domain::Ask ask;
  const auto model = request.asked("model");
  if (!model) return fail(Code::invalid, "'model' is missing: which one?", "govctl can-i use MODEL --as AGENT");
  if (auto ok = check_name("model", *model); !ok) return std::unexpected(ok.error());
  ask.model = *model;
  ask.text_bytes = short_question;
  auto input = number_asked(request, "input_tokens");
  if (!input) return std::unexpected(input.error());
  // A byte for a token: as the hold counts, and the bound on input counts four to one.
  if (*input) ask.text_bytes = 0, ask.media_tokens = **input;
  auto output = number_asked(request, "max_tokens");
  if (!output) return std::unexpected(output.error());
  ask.max_tokens = *output;
  return ask;
}

domain::Scope scope_of(const tenant::Caller& caller) {
  const auto nodes = caller.snapshot->chain(*caller.key);
  return {OrgId{nodes[0]->id}, WorkspaceId{nodes[1]->id}, AgentGroupId{nodes[2]->id}, AgentId{nodes[3]->id},
          nodes[4] == nullptr ? KeyId{} : KeyId{nodes[4]->id}};
}

void say_no(api::Verdict& verdict, const domain::Refusal& refusal, const tenant::Caller& caller) {
  const auto standing = tenant::standing_of(caller.snapshot, scope_of(caller));
  verdict.allowed = false;
  verdict.reason = refusal.message;
  verdict.cause = std::string(domain::cause_word(refusal.cause));
  const bool for_money = domain::status_of(refusal.cause) == CallStatus::budget_exceeded;
  verdict.money = shown(refusal.money, standing, for_money ? refusal.needed : std::nullopt);
  verdict.rates = shown(refusal.rates, standing);
  verdict.changes = shown(domain::changes_for(refusal, *caller.key->rules, standing));
}

void say_yes(api::Verdict& verdict, const tenant::Considered& considered, const tenant::Caller& caller) {
  verdict.allowed = true;
  verdict.provider = considered.candidate->provider->name;
  verdict.hold = considered.hold.value();
  verdict.max_tokens = considered.output_tokens;
  verdict.money = shown(considered.money, tenant::standing_of(caller.snapshot, scope_of(caller)), std::nullopt);
  verdict.reason = fmt::format("{} may use {} at {}; the call would hold {} credits", verdict.agent,
                               considered.candidate->upstream_model, *verdict.provider, verdict.hold);
  if (considered.clamped) {
    verdict.reason += fmt::format(", with its max tokens lowered to {} for want of money", *verdict.max_tokens);
  }
}

}  // namespace

Answer explain_call(Request& request) {
  auto call = co_await find_call(request, request.parameter(0));
  if (!call) co_return std::unexpected(call.error());
  Query<std::string> query = [id = call->stored.event.rules_id](store::Connection& db) {
    return store::find_rules(db, id);
  };
  auto rules = co_await call->at.tenant->read(std::move(query));
  if (!rules) co_return std::unexpected(rules.error());
  co_return reply(explained(*call, tenant::parse_rules(*rules)));
}

Answer get_verdict(Request& request) {
  auto caller = caller_of(request);
  if (!caller) co_return std::unexpected(caller.error());
  auto ask = ask_of(request);
  if (!ask) co_return std::unexpected(ask.error());
  api::Verdict verdict;
  verdict.agent = caller->key->path;
  verdict.model = ask->model;
  verdict.rules = shown(*caller->key->rules);
  auto route = tenant::route(*caller, ask->model);
  if (!route) {
    say_no(verdict, route.error(), *caller);
    co_return reply(verdict);
  }
  auto considered = caller->tenant->consider(*caller, *ask, *route);
  if (considered) {
    say_yes(verdict, *considered, *caller);
  } else {
    say_no(verdict, considered.error(), *caller);
  }
  co_return reply(verdict);
}

}  // namespace govctl::control
