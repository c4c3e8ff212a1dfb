#include <fmt/format.h>

#include <array>
#include <csignal>
#include <iterator>
#include <memory>

#include "cli/commands/nouns.h"
#include "cli/gateway.h"
#include "cli/lease.h"
#include "cli/session.h"
#include "cli/text.h"
#include "common/clock.h"

namespace govctl::cli {
namespace {

constexpr std::int64_t call_patience = 600 * micros_per_second;

struct Input {
  std::string agent, model;
  std::optional<std::string> prompt, system, max_tokens;
  bool stream = false;
};

Result<std::string> question(const Input& in, const Terminal& terminal) {
  const bool from_stdin = in.prompt ? *in.prompt == "-" : !terminal.in_is_tty;
  std::string text =
      from_stdin ? std::string(std::istreambuf_iterator<char>(terminal.in), {}) : in.prompt.value_or("");
  if (text.find_first_not_of(" \t\r\n") == std::string::npos) {
    return fail(Code::invalid, from_stdin ? "standard input holds no prompt" : "there is no prompt to send",
                fmt::format("govctl call {} -m {} 'Say hello'", in.agent, in.model));
  }
  return text;
}

Result<Json> request_of(const Input& in, std::string prompt) {
  Json messages = Json::array();
  if (in.system) messages.push_back(Json{{"role", "system"}, {"content", *in.system}});
  messages.push_back(Json{{"role", "user"}, {"content", std::move(prompt)}});
  Json body{{"model", in.model}, {"messages", std::move(messages)}};
  if (in.max_tokens) {
    auto number = whole_number("--max-tokens", *in.max_tokens);
    if (!number) return std::unexpected(number.error());
    if (*number < 1) return fail(Code::invalid, "--max-tokens: at least 1");
    body["max_tokens"] = *number;
  }
  return body;
}

bool prints_text(const Settings& settings) {
  return (settings.format == Format::table || settings.format == Format::wide) && !settings.jq;
}

// The call as the ledger has it, with the answer.
Json described(const ChatAnswer& answer, const Json& event) {
  Json json{{"request_id", answer.request_id},
            {"model", answer.model},
            {"text", answer.text},
            {"finish_reason", answer.finish_reason}};
  for (const auto* name : {"provider", "input_tokens", "output_tokens", "cached_tokens", "credits_charged",
                           "cost_usd", "latency_ms"}) {
    if (event.is_object() && event.contains(name)) json[name] = event[name];
  }
  return json;
}

std::string cost_line(const Json& call) {
  if (!call.contains("credits_charged")) {
    return fmt::format("what it cost: govctl explain {}", call.value("request_id", std::string()));
  }
  const auto number = [&](const char* name) { return call.value(name, std::int64_t{0}); };
  return fmt::format("{} credits ({} USD): {} tokens in, {} out, {} ms; {} at {}; {}",
                     number("credits_charged"), call.value("cost_usd", std::string()), number("input_tokens"),
                     number("output_tokens"), number("latency_ms"), call.value("model", std::string()),
                     call.value("provider", std::string()), call.value("request_id", std::string()));
}

// Makes the call with a key of its own, which is gone when this returns.
Result<ChatAnswer> call(Session& s, const std::string& agent, Json body, const Gateway::Sink* sink) {
  auto status = s.get("/status");
  if (!status) return std::unexpected(status.error());
  const std::string url = status->contains("gateway") ? (*status)["gateway"].value("url", std::string()) : "";
  if (url.empty()) return fail(Code::unavailable, "the daemon has no gateway open", "govctl status");
  const std::int64_t patience = s.settings().timeout.value_or(call_patience);
  auto lease = KeyLease::take(s, agent, {.purpose = "call", .seconds = patience / micros_per_second + 60});
  if (!lease) return std::unexpected(lease.error());
  Gateway gateway(url, lease->secret(), patience);
  auto answer = gateway.chat(std::move(body), sink);
  const auto ended = lease->end("the call is over");
  if (!ended)
    s.note(fmt::format("its key could not be revoked and expires by itself: {}", ended.error().message));
  s.concerns(gateway.request_id());
  if (const auto signal = gateway.interrupted_by()) {
    std::signal(*signal, SIG_DFL);
    raise(*signal);
  }
  return answer;
}

Action build(Arguments& a) {
  auto in = std::make_shared<Input>();
  a.positional("AGENT", in->agent, "The agent's path or id");
  a.required("-m,--model", "MODEL", in->model, "The model, or an alias of the org");
  a.positional("PROMPT", in->prompt, "What to ask; - or nothing reads it from standard input");
  a.option("--system", "TEXT", in->system, "A system prompt before it");
  a.option("--max-tokens", "N", in->max_tokens, "The most that the model may answer");
  a.flag("--stream", in->stream, "Print the answer as it comes");
  return [in](Session& s) -> Result<Answer> {
    const bool plain_text = prints_text(s.settings());
    if (in->stream && !plain_text) {
      return fail(Code::invalid,
                  "--stream prints text as it comes; it does not go with --jq or another format");
    }
    if (s.settings().dry_run) {
      return fail(Code::invalid, "a call cannot be rehearsed: what it costs is known when it was made",
                  fmt::format("govctl policy effective {}", in->agent));
    }
    auto agent = s.path(in->agent, {Level::agent});
    if (!agent) return std::unexpected(agent.error());
    auto prompt = question(*in, s.terminal());
    if (!prompt) return std::unexpected(prompt.error());
    auto body = request_of(*in, std::move(*prompt));
    if (!body) return std::unexpected(body.error());
    const Terminal& terminal = s.terminal();
    const auto shown = [&](std::string_view text) {
      return terminal.out_is_tty ? printable(text, true) : std::string(text);
    };
    bool begun = false;
    const Gateway::Sink print = [&](std::string_view text) {
      begun = true;
      terminal.out << shown(text) << std::flush;
    };
    auto answer = call(s, *agent, std::move(*body), in->stream ? &print : nullptr);
    if (!answer) {
      if (begun) terminal.out << "\n" << std::flush;  // the error stands on a line of its own
      return std::unexpected(answer.error());
    }
    const auto event = s.get("/usage/request/" + segment(answer->request_id));
    Json json = described(*answer, event ? *event : Json());
    if (!plain_text) return Answer{.json = std::move(json)};
    std::string text = in->stream ? "" : shown(answer->text);
    if (!answer->text.ends_with('\n')) text += "\n";
    terminal.out << text << std::flush;
    if (answer->finish_reason == "length") s.note("the answer was cut at the most tokens allowed");
    s.note(cost_line(json));
    return Answer{};
  };
}

constexpr std::array commands{
    Command{"", "Make one governed call; the answer on stdout, its cost on stderr",
            "govctl call acme/prod/support/triage -m mock-model 'Say hello'\n"
            "govctl call acme/prod/support/triage -m gpt-4o-mini --stream - < question.txt\n"
            "govctl call acme/prod/support/triage -m mock-model 'Say hello' -o json --jq .cost_usd",
            build}};

}  // namespace

std::span<const Command> call_command() { return commands; }

}  // namespace govctl::cli
