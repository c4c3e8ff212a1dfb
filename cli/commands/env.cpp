// env: the variables that lead a shell's programs to the gateway, as lines that the shell evaluates.

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <memory>

#include "cli/agent_env.h"
#include "cli/commands/nouns.h"
#include "cli/key_cache.h"
#include "cli/session.h"
#include "cli/shell.h"
#include "common/api/keys.h"
#include "common/clock.h"
#include "common/id.h"
#include "common/paths.h"

namespace govctl::cli {
namespace {

struct ShellName {
  std::string_view name;
  ShellKind kind;
};
constexpr std::array shells{ShellName{"bash", ShellKind::bash}, ShellName{"zsh", ShellKind::zsh},
                            ShellName{"fish", ShellKind::fish}, ShellName{"dotenv", ShellKind::dotenv}};

struct Input {
  std::optional<std::string> agent, shell, ttl;
  bool unset = false, fresh = false;
};

// What --shell says, else the user's login shell.
ShellKind shell_of(const Input& in, const Terminal& terminal) {
  std::string name = in.shell.value_or(terminal.env("SHELL").value_or("bash"));
  name = name.substr(name.rfind('/') + 1);
  const auto* const found = std::ranges::find(shells, name, &ShellName::name);
  return found == shells.end() ? ShellKind::bash : found->kind;
}

struct Lent {
  CachedKey key;
  std::string expires_at;
  bool again = false;
};

// The key of an earlier run, while a quarter of its time is left.
std::optional<Lent> lent_before(Session& s, const KeyCache& cache, const std::string& agent, std::int64_t ttl) {
  auto kept = cache.read();
  if (!kept) return std::nullopt;
  const auto key = s.get("/keys/" + segment(kept->id));
  if (!key || key->value("status", std::string()) != "ACTIVE") return std::nullopt;
  if (!is_id(agent) && key->value("agent", std::string()) != agent) return std::nullopt;
  if (!key->contains("expires_at") || !(*key)["expires_at"].is_string()) return std::nullopt;
  const auto until = parse_rfc3339((*key)["expires_at"].get<std::string>());
  if (!until || until->micros - SystemClock().now().micros < ttl / 4) return std::nullopt;
  return Lent{std::move(*kept), rfc3339(*until), true};
}

Result<Lent> lend(Session& s, const Input& in, const std::string& agent) {
  const auto ttl = parse_duration(in.ttl.value_or("24h"));
  if (!ttl) {
    return fail(Code::invalid,
                fmt::format("--ttl: '{}' is no duration; write 8h or 7d", in.ttl->substr(0, 40)));
  }
  auto paths = user_paths();
  if (!paths) return std::unexpected(paths.error());
  const KeyCache cache(paths->runtime_dir, s.settings().socket, agent);
  if (!in.fresh) {
    if (auto before = lent_before(s, cache, agent, *ttl)) return std::move(*before);
  }
  std::array<char, 64> host{};
  gethostname(host.data(), host.size() - 1);
  api::KeyCreate body;
  body.name =
      fmt::format("env {} {}", host.data(), uuid_text(mint_uuid7(SystemClock().now().millis())).substr(24));
  body.ttl = in.ttl.value_or("24h");
  auto made = s.post("/agents/" + segment(agent) + "/keys", without_nulls(api::encode(body)));
  if (!made) return std::unexpected(made.error());
  Lent lent{{made->value("id", std::string()), made->value("key", std::string())},
            made->value("expires_at", std::string()),
            false};
  if (s.settings().dry_run) return lent;
  if (auto kept = cache.write(lent.key); !kept) {
    s.note(fmt::format("the next govctl env makes a new key again: {}", kept.error().message));
  }
  return lent;
}

Answer lines(ShellKind shell, const std::vector<Variable>& set, const std::vector<std::string>& unset) {
  Answer answer{.json = Json{{"set", Json::object()}, {"unset", unset}}};
  for (const auto& name : unset) answer.text += unset_line(shell, name);
  for (const auto& variable : set) {
    answer.text += export_line(shell, variable.name, variable.value);
    answer.json["set"][variable.name] = variable.value;
  }
  return answer;
}

Result<Answer> unset(const Session& s, const Input& in) {
  const ShellKind shell = shell_of(in, s.terminal());
  if (shell == ShellKind::dotenv) {
    return fail(Code::invalid, "a .env file cannot unset a variable: delete the file");
  }
  std::vector<std::string> names;
  names.reserve(gateway_variable_names().size());
  for (const auto name : gateway_variable_names()) names.emplace_back(name);
  return lines(shell, {}, names);
}

Result<Answer> set(Session& s, const Input& in) {
  if (!in.agent) return fail(Code::invalid, "--agent AGENT is missing: whose calls the programs make");
  auto agent = s.path(*in.agent, {Level::agent});
  if (!agent) return std::unexpected(agent.error());
  auto status = s.get("/status");
  if (!status) return std::unexpected(status.error());
  const std::string url = status->contains("gateway") ? (*status)["gateway"].value("url", std::string()) : "";
  if (url.empty()) return fail(Code::unavailable, "the daemon has no gateway open", "govctl status");
  auto lent = lend(s, in, *agent);
  if (!lent) return std::unexpected(lent.error());

  std::vector<std::string> environment;
  for (char** entry = environ; *entry != nullptr; ++entry) environment.emplace_back(*entry);
  std::vector<Variable> variables = gateway_variables(url, lent->key.secret);
  for (auto& variable : past_proxy(environment, url)) variables.push_back(std::move(variable));
  std::vector<std::string> gone;
  for (const auto name : provider_variables()) {
    const bool ours = std::ranges::find(variables, name, &Variable::name) != variables.end();
    if (!ours && has(environment, name) && !name.starts_with("GOVCTL_")) gone.emplace_back(name);
  }
  const ShellKind shell = shell_of(in, s.terminal());
  if (!gone.empty() && shell != ShellKind::dotenv) {
    s.note(fmt::format("unset, for they lead around govd: {}", fmt::join(gone, ", ")));
  }
  s.note(fmt::format("{} key of {}, until {}", lent->again ? "the same" : "a new", *agent, lent->expires_at));
  if (s.terminal().out_is_tty && shell != ShellKind::dotenv) {
    s.note(shell == ShellKind::fish ? "these lines are for the shell: govctl env … | source"
                                    : "these lines are for the shell: eval \"$(govctl env …)\"");
  }
  return lines(shell, variables, gone);
}

Action build(Arguments& a) {
  auto in = std::make_shared<Input>();
  a.option("--agent", "AGENT", in->agent, "Whose calls they are: the agent's path or id");
  a.option("--shell", "SHELL", in->shell, "For which shell (default: by $SHELL)",
           {"bash", "zsh", "fish", "dotenv"});
  a.option("--ttl", "D", in->ttl, "How long its key works: 8h, 7d (default 24h)");
  a.flag("--new", in->fresh, "Make a new key, also while the last one works");
  a.flag("--unset", in->unset, "Take the variables away again; asks no daemon");
  return [in](Session& s) { return in->unset ? unset(s, *in) : set(s, *in); };
}

constexpr std::array commands{
    Command{"", "Print variables that lead a shell's programs to govd: eval \"$(govctl env …)\"",
            "govctl env --agent acme/prod/support/triage\n"
            "govctl env --agent acme/prod/support/triage --shell dotenv > .env\n"
            "govctl env --unset --shell bash",
            build}};

}  // namespace

std::span<const Command> env_command() { return commands; }

}  // namespace govctl::cli
