#include <fmt/format.h>

#include <array>
#include <memory>

#include "cli/commands/nouns.h"
#include "cli/session.h"
#include "cli/text.h"
#include "common/api/ledger.h"

namespace govctl::cli {
namespace {

// What happened, in one sentence for people.
std::string sentence(const api::UsageEvent& e) {
  const std::string cost = fmt::format("{} credits ({} USD)", e.credits_charged, e.cost_usd);
  if (e.status == "SUCCESS") {
    return fmt::format("The call passed: {} answered with {} tokens to {}, and it was charged {}.", e.model,
                       e.output_tokens, e.input_tokens, cost);
  }
  const std::string why = e.error_message ? *e.error_message : e.cause.value_or("no reason is recorded");
  if (e.status == "POLICY_BLOCKED") return fmt::format("The call was refused, and cost nothing: {}.", why);
  if (e.status == "BUDGET_EXCEEDED") {
    return fmt::format("The call was refused for want of money, and cost nothing: {}.", why);
  }
  return fmt::format("The call failed, and was charged {}: {}.", cost, why);
}

std::string page(const api::UsageEvent& e, const Settings& settings) {
  std::vector<std::vector<Cell>> rows;
  const auto row = [&](std::string name, const std::string& value) {
    if (value.empty()) return;
    rows.push_back({{std::move(name), settings.color_out ? bold : "", false}, {printable(value), "", false}});
  };
  row("request", e.request_id);
  row("when", e.created_at);
  row("agent", e.agent);
  row("key", e.key_id);
  row("model", e.provider.empty() ? e.model : fmt::format("{} at {}", e.model, e.provider));
  row("status", e.status);
  row("cause", e.cause.value_or(""));
  row("completion", e.completion.value_or(""));
  row("tokens", fmt::format("{} in ({} cached), {} out", e.input_tokens, e.cached_tokens, e.output_tokens));
  row("reserved", std::to_string(e.reserved));
  row("charged", std::to_string(e.credits_charged));
  row("cost", e.cost_usd + " USD");
  row("latency", fmt::format("{} ms", e.latency_ms));
  if (e.count > 1) row("refusals", fmt::format("{} folded into this event", e.count));
  row("flags", fmt::format("{}", fmt::join(e.flags, ", ")));
  std::string next;
  if (e.decision.is_object()) {
    for (const auto& [name, value] : e.decision.items()) {
      if (name == "next" && value.is_string()) {
        next = fmt::format("\nNext: {}\n", printable(value.get<std::string>()));
        continue;
      }
      row("decision." + printable(name), value.is_string() ? value.get<std::string>() : value.dump());
    }
  }
  return printable(sentence(e)) + "\n\n" + aligned(rows) + next;
}

Action build(Arguments& a) {
  auto id = std::make_shared<std::string>();
  a.positional("REQUEST_ID", *id, "The call's id: req_…, from the answer, its headers or a refusal");
  return [id](Session& s) -> Result<Answer> {
    auto json = s.get("/usage/request/" + segment(*id));
    if (!json) return std::unexpected(json.error());
    auto event = api::decode<api::UsageEvent>(*json);
    // A daemon that knows more fields than this govctl: the object itself still tells all.
    if (!event) return Answer{.json = std::move(*json)};
    std::string text = page(*event, s.settings());
    return Answer{.json = std::move(*json), .text = std::move(text)};
  };
}

constexpr std::array commands{Command{"", "Say why a call was refused, or what it cost",
                                      "govctl explain req_01938f2e-7a1b-7c3d-8e4f-5a6b7c8d9e0f", build}};

}  // namespace

std::span<const Command> explain_command() { return commands; }

}  // namespace govctl::cli
