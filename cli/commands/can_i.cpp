#include <fmt/format.h>

#include <array>
#include <memory>

#include "cli/commands/decision_text.h"
#include "cli/commands/nouns.h"
#include "cli/session.h"
#include "cli/text.h"
#include "common/api/explain.h"

namespace govctl::cli {
namespace {

constexpr int denied = 5;

std::string page(const api::Verdict& v, const Settings& settings) {
  const std::string_view color = !settings.color_out ? "" : v.allowed ? green : red;
  const std::string word =
      fmt::format("{}{}{}", color, v.allowed ? "yes" : "no", color.empty() ? std::string_view() : plain);
  if (settings.quiet) return word + "\n";
  return fmt::format("{}: {}\n", word, printable(v.reason)) +
         changes_text(v.changes, "What would let all of it through:", settings);
}

Action use(Arguments& a) {
  struct Input {
    std::string model, agent;
    std::optional<std::string> key, input_tokens, max_tokens;
  };
  auto in = std::make_shared<Input>();
  a.positional("MODEL", in->model, "As the agent would name it: gpt-4o, mock-model, an alias");
  a.required("--as", "AGENT", in->agent, "Who would call: an agent's path or id");
  a.option("--key", "ID", in->key, "With this key of the agent: its own rules and limit count too");
  a.option("--input-tokens", "N", in->input_tokens, "How much it would send (default: a short question)");
  a.option("--max-tokens", "N", in->max_tokens,
           "How much answer it would ask for (default: the request says nothing)");
  return [in](Session& s) -> Result<Answer> {
    auto agent = s.path(in->agent, {Level::agent});
    if (!agent) return std::unexpected(agent.error());
    Query query{{"agent", *agent}, {"model", in->model}};
    add(query, "key_id", in->key);
    add(query, "input_tokens", in->input_tokens);
    add(query, "max_tokens", in->max_tokens);
    auto json = s.get("/can-i", std::move(query));
    if (!json) return std::unexpected(json.error());
    auto verdict = api::decode<api::Verdict>(*json);
    if (!verdict) return std::unexpected(verdict.error());
    std::string text = page(*verdict, s.settings());
    return Answer{
        .json = std::move(*json), .text = std::move(text), .exit_code = verdict->allowed ? 0 : denied};
  };
}

constexpr std::array commands{
    Command{"use", "Say whether an agent may use a model now (exit 0: yes, 5: no); nothing is called",
            "govctl can-i use gpt-4o --as acme/prod/support/triage\n"
            "govctl can-i use mock-model --as acme/prod/support/triage --max-tokens 4000\n"
            "govctl can-i use gpt-4o --as acme/prod/support/triage -q",
            use}};

}  // namespace

std::span<const Command> can_i_commands() { return commands; }

}  // namespace govctl::cli
