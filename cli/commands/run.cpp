// run: another program, governed. Its SDKs are led to the gateway, with a key that is its own.

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <filesystem>
#include <memory>

#include "cli/agent_clients.h"
#include "cli/agent_env.h"
#include "cli/child.h"
#include "cli/commands/nouns.h"
#include "cli/lease.h"
#include "cli/sandbox.h"
#include "cli/session.h"
#include "common/clock.h"

namespace govctl::cli {
namespace {

// A key that nobody revokes, because govctl was killed outright, is over after this; it is renewed at half of
// it.
constexpr std::int64_t lease_seconds = 3600;

struct Input {
  std::string agent;
  std::optional<std::string> budget_usd;
  std::vector<std::string> keep, words;
  bool sandbox = false;
};

std::vector<std::string> own_environment() {
  std::vector<std::string> entries;
  for (char** entry = environ; *entry != nullptr; ++entry) entries.emplace_back(*entry);
  return entries;
}

// The variables of `environment` that the program does not get to see.
std::vector<std::string> withheld(const std::vector<std::string>& environment,
                                  const std::vector<std::string>& kept) {
  std::vector<std::string> names;
  for (const auto name : provider_variables()) {
    if (has(environment, name) && std::ranges::find(kept, name) == kept.end()) names.emplace_back(name);
  }
  return names;
}

// Renews the lease when half of it is over, by the wall clock: a laptop may have slept meanwhile.
class Renewal {
 public:
  explicit Renewal(KeyLease& lease) : lease_(lease), due_(next()) {}
  void tick() {
    const std::int64_t now = SystemClock().now().micros;
    if (now < due_ || now < again_) return;
    if (lease_.renew(lease_seconds)) {
      due_ = next();
    } else {
      again_ = now + 30 * micros_per_second;  // the daemon restarts, perhaps
    }
  }

 private:
  static std::int64_t next() { return SystemClock().now().micros + lease_seconds / 2 * micros_per_second; }
  KeyLease& lease_;
  std::int64_t due_;
  std::int64_t again_ = 0;
};

// As env(1), nohup(1) and shells say it.
Answer not_run(const Error& error) {
  Answer answer;
  answer.exit_code = error.code == Code::not_found ? 127 : 126;
  answer.failure = error;
  return answer;
}

// Everything that is settled before a key is made.
struct Prepared {
  std::string agent, url, file;
  std::optional<SandboxPlan> sandbox;
  std::vector<std::string> environment, withheld;
};

Result<Prepared> prepare(Session& s, const Input& in, std::string file) {
  Prepared made;
  auto agent = s.path(in.agent, {Level::agent});
  if (!agent) return std::unexpected(agent.error());
  made.agent = *agent;
  made.environment = own_environment();
  made.file = std::move(file);
  auto status = s.get("/status");
  if (!status) return std::unexpected(status.error());
  made.url = status->contains("gateway") ? (*status)["gateway"].value("url", std::string()) : "";
  if (made.url.empty()) return fail(Code::unavailable, "the daemon has no gateway open", "govctl status");
  if (in.sandbox) {
    std::error_code unknown;
    auto plan = plan_sandbox(value_in(made.environment, "PATH"), s.settings().socket,
                             status->value("state_dir", std::string()),
                             std::filesystem::current_path(unknown).string());
    if (!plan) return std::unexpected(plan.error());
    made.sandbox = std::move(*plan);
  }
  made.withheld = withheld(made.environment, in.keep);
  return made;
}

// The command line and environment of the child, the sandbox around it when there is one.
Result<ChildPlan> plan_of(const Prepared& made, const Input& in, const std::string& key,
                          const PrivateDirectory& directory) {
  Launch launch{.url = made.url, .key = key, .environment = made.environment, .set = {}, .arguments = {}};
  launch.set = gateway_variables(made.url, key);
  const auto direct = past_proxy(made.environment, made.url);
  launch.set.insert(launch.set.end(), direct.begin(), direct.end());
  if (const AgentClient* client = find_client(in.words.front()); client != nullptr) {
    if (auto done = client->prepare(launch, directory); !done) return std::unexpected(done.error());
  }
  ChildPlan plan;
  plan.file = made.file;
  plan.words = {in.words.front()};
  plan.words.insert(plan.words.end(), launch.arguments.begin(), launch.arguments.end());
  plan.words.insert(plan.words.end(), in.words.begin() + 1, in.words.end());
  plan.environment = with_changes(made.environment, made.withheld, launch.set);
  if (made.sandbox) {
    plan.words.front() = made.file;
    plan.words.insert(plan.words.begin(), made.sandbox->arguments.begin(), made.sandbox->arguments.end());
    plan.words.insert(plan.words.begin(), made.sandbox->bwrap);
    plan.file = made.sandbox->bwrap;
    plan.targets = sandboxed;
  }
  return plan;
}

void say_spent(const Session& s, const KeySpend& spend) {
  const std::string limit = spend.limit ? fmt::format(" of {}", *spend.limit) : "";
  const std::string held = spend.held > 0 ? fmt::format(", {} still held", spend.held) : "";
  s.note(fmt::format("govctl run: {}{} credits spent{}", spend.spent, limit, held));
}

Json rehearsed(const Prepared& made, const Input& in) {
  Json set = Json::array();
  for (const auto name : gateway_variable_names()) set.push_back(name);
  const AgentClient* client = find_client(in.words.front());
  return Json{{"program", made.file},
              {"agent", made.agent},
              {"gateway", made.url},
              {"client", client == nullptr ? Json() : Json(client->program)},
              {"sandbox", made.sandbox.has_value()},
              {"sets", std::move(set)},
              {"withholds", made.withheld}};
}

Result<Answer> govern(Session& s, const Input& in) {
  auto file = find_program(in.words.front(), s.terminal().env("PATH").value_or(""));
  if (!file) return not_run(file.error());
  auto made = prepare(s, in, std::move(*file));
  if (!made) return std::unexpected(made.error());
  if (s.settings().dry_run) return Answer{.json = rehearsed(*made, in)};
  const std::string name = std::filesystem::path(in.words.front()).filename().string();
  auto lease = KeyLease::take(s, made->agent,
                              {.purpose = "run " + name, .seconds = lease_seconds, .limit_usd = in.budget_usd});
  if (!lease) return std::unexpected(lease.error());
  Result<ChildEnd> end;
  {
    auto directory = PrivateDirectory::make();
    if (!directory) return std::unexpected(directory.error());
    auto plan = plan_of(*made, in, lease->secret(), *directory);
    if (!plan) return std::unexpected(plan.error());
    Renewal renewal(*lease);
    end = run_child(*plan, [&] { renewal.tick(); });
  }
  const auto spend =
      lease->end(end ? fmt::format("{} has ended", name) : fmt::format("{} did not start", name));
  if (!end) {
    const Code code = end.error().code;
    if (code == Code::not_found || code == Code::forbidden) return not_run(end.error());
    return std::unexpected(end.error());
  }
  if (spend) {
    say_spent(s, *spend);
  } else {
    s.note(fmt::format("govctl run: the key could not be revoked and expires by itself: {}",
                       spend.error().message));
  }
  if (end->signal == SIGINT) {  // a shell that runs a script stops it only when it sees the signal
    std::signal(SIGINT, SIG_DFL);
    raise(SIGINT);
  }
  return Answer{.exit_code = end->exit_code};
}

Action build(Arguments& a) {
  auto in = std::make_shared<Input>();
  a.required("--agent", "AGENT", in->agent, "Whose calls they are: the agent's path or id");
  a.option("--budget-usd", "N", in->budget_usd, "All that this run may spend, in dollars: 5 or 0.25");
  a.flag("--sandbox", in->sandbox, "Hide govd's control socket, state and keys from it (bubblewrap)");
  a.options("--keep-env", "NAME", in->keep, "Leave it this provider's variable; repeats");
  a.trailing("CMD", in->words, "The program and its arguments");
  return [in](Session& s) { return govern(s, *in); };
}

constexpr std::array commands{Command{
    "", "Run a program whose calls go through govd, with a key while it lives",
    "govctl run --agent acme/prod/support/triage -- claude\n"
    "govctl run --agent acme/prod/support/triage --budget-usd 2.50 -- codex exec 'Fix the failing test'\n"
    "govctl run --agent acme/prod/support/triage --sandbox -- python3 agent.py\n"
    "govctl run --agent acme/prod/support/triage --dry-run -- aider",
    build, 125}};

}  // namespace

std::span<const Command> run_command() { return commands; }

}  // namespace govctl::cli
