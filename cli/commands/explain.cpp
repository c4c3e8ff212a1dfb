#include "common/api/explain.h"

#include <fmt/format.h>

#include <array>
#include <memory>

#include "cli/commands/decision_text.h"
#include "cli/commands/nouns.h"
#include "cli/session.h"
#include "cli/text.h"

namespace govctl::cli {
namespace {

using Rows = std::vector<std::vector<Cell>>;

class Facts {
 public:
  explicit Facts(const Settings& settings) : settings_(settings) {}
  void add(std::string name, const std::string& value) {
    if (value.empty()) return;
    rows_.push_back({{std::move(name), settings_.color_out ? bold : "", false}, {printable(value), "", false}});
  }
  [[nodiscard]] std::string text() const { return aligned(rows_); }

 private:
  const Settings& settings_;
  Rows rows_;
};

bool was_refused(const api::UsageEvent& call) {
  return call.status == "POLICY_BLOCKED" || call.status == "BUDGET_EXCEEDED";
}

std::string facts_of(const api::Explanation& e, const Settings& settings) {
  const api::UsageEvent& call = e.call;
  Facts facts(settings);
  facts.add("request", call.request_id);
  facts.add("when", call.created_at);
  facts.add("agent", call.agent);
  facts.add("key", call.key_id);
  facts.add("model", call.provider.empty() ? call.model : fmt::format("{} at {}", call.model, call.provider));
  facts.add("status", call.status);
  facts.add("cause", call.cause.value_or(""));
  facts.add("decided by", e.decided_by.value_or(""));
  if (e.needed) facts.add("needed", std::to_string(*e.needed));
  facts.add("resets", e.resets_at.value_or(""));
  if (e.retry_after_s) facts.add("try again in", fmt::format("{} s", *e.retry_after_s));
  facts.add("completion", call.completion.value_or(""));
  if (!was_refused(call)) {
    facts.add("tokens", fmt::format("{} in ({} cached), {} out", call.input_tokens, call.cached_tokens,
                                    call.output_tokens));
    facts.add("reserved", std::to_string(call.reserved));
    facts.add("charged", std::to_string(call.credits_charged));
    facts.add("cost", call.cost_usd + " USD");
  }
  facts.add("latency", fmt::format("{} ms", call.latency_ms));
  if (call.count > 1) facts.add("refusals", fmt::format("{} folded into this event", call.count));
  facts.add("flags", fmt::format("{}", fmt::join(call.flags, ", ")));
  return facts.text();
}

std::string page(const api::Explanation& e, const Settings& settings) {
  return printable(e.sentence) + "\n\n" + facts_of(e, settings) + rules_text(e.rules, settings) +
         money_text(e.money, settings) + rates_text(e.rates, settings) +
         changes_text(e.changes, "What would have let it through as it was asked:", settings);
}

Action build(Arguments& a) {
  auto id = std::make_shared<std::string>();
  a.positional("REQUEST_ID", *id, "The call's id: req_…, from the answer, its headers or a refusal");
  return [id](Session& s) -> Result<Answer> {
    auto json = s.get("/usage/request/" + segment(*id) + "/explanation");
    if (!json) return std::unexpected(json.error());
    auto explanation = api::decode<api::Explanation>(*json);
    // A daemon that knows more fields than this govctl: the object itself still tells all.
    if (!explanation) return Answer{.json = std::move(*json)};
    std::string text = page(*explanation, s.settings());
    return Answer{.json = std::move(*json), .text = std::move(text)};
  };
}

constexpr std::array commands{Command{"", "Say why a call was refused or passed, and what would change that",
                                      "govctl explain req_01938f2e-7a1b-7c3d-8e4f-5a6b7c8d9e0f", build}};

}  // namespace

std::span<const Command> explain_command() { return commands; }

}  // namespace govctl::cli
