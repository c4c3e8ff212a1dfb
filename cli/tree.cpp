#include "cli/tree.h"

#include <algorithm>
#include <array>

#include "cli/commands/nouns.h"

namespace govctl::cli {

std::span<const Noun> tree() {
  static const std::array nouns{
      Noun{"up", "Start govd for this user", "Daemon", up_command()},
      Noun{"down", "Stop it, letting calls in flight finish", "Daemon", down_command()},
      Noun{"restart", "Stop it and start it again with the same options", "Daemon", restart_command()},
      Noun{"status", "Is it running, and where is the gateway", "Daemon", status_command()},
      Noun{"wait", "Wait until it serves", "Daemon", wait_command()},
      Noun{"logs", "Read its log", "Daemon", logs_command()},
      Noun{"doctor", "Look for what is wrong, and say how to mend it", "Daemon", doctor_command()},
      Noun{"bugreport", "One file for a bug report, without secrets and prompts", "Daemon",
           bugreport_command()},
      Noun{"backup", "Make a backup while govd serves", "Daemon", backup_command()},
      Noun{"restore", "Bring a backup back, or prove it", "Daemon", restore_command()},
      Noun{"secrets", "The keys that encrypt credentials: status, rotation, passphrase", "Daemon",
           secrets_commands()},
      Noun{"org", "Organizations: the tenants, each with a ledger of its own", "Who", org_commands()},
      Noun{"workspace", "Workspaces of an org", "Who", workspace_commands()},
      Noun{"group", "Agent groups of a workspace", "Who", group_commands()},
      Noun{"agent", "Agents of a group", "Who", agent_commands()},
      Noun{"key", "API keys that agents call with", "Who", key_commands()},
      Noun{"freeze", "Stop all calls below a path, now", "Who", freeze_command()},
      Noun{"unfreeze", "Let what was frozen call again", "Who", unfreeze_command()},
      Noun{"call", "Make one governed call from the terminal", "Run", call_command()},
      Noun{"run", "Run a program whose calls go through govd, with a key while it lives", "Run", run_command()},
      Noun{"env", "Lead a shell's programs to govd: print variables to evaluate", "Run", env_command()},
      Noun{"policy", "Rules on a path: models, tokens, rates", "Rules and money", policy_commands()},
      Noun{"budget", "Limits on what a path may spend", "Rules and money", budget_commands()},
      Noun{"ledger", "Credits: buy, adjust, refund, balance, statement, proof", "Rules and money",
           ledger_commands()},
      Noun{"pricing", "What models cost", "Rules and money", pricing_commands()},
      Noun{"alias", "An org's own names for models, with fallbacks", "Rules and money", alias_commands()},
      Noun{"provider", "Where calls go", "Rules and money", provider_commands()},
      Noun{"credential", "Providers' API keys, stored encrypted", "Rules and money", credential_commands()},
      Noun{"top", "Watch who calls and spends, live", "Look", top_command()},
      Noun{"usage", "Calls and what they cost", "Look", usage_commands()},
      Noun{"explain", "Why a call was refused or passed, and what would change that", "Look",
           explain_command()},
      Noun{"can-i", "Whether an agent may use a model now", "Look", can_i_commands()},
      Noun{"audit", "Who changed what", "Look", audit_commands()},
      Noun{"export", "An org, or the platform, as one document", "Org as code", export_command()},
      Noun{"plan", "What an apply of a document would do", "Org as code", plan_command()},
      Noun{"apply", "Make an org what a document says", "Org as code", apply_command()},
      Noun{"diff", "How a document and the daemon differ", "Org as code", diff_command()},
      Noun{"explain-field", "What a field of a document means", "Org as code", explain_field_command()},
      Noun{"completion", "A script that completes govctl's commands in a shell", "More", completion_command()},
      Noun{"version", "Versions of govctl and of the daemon", "More", version_command()},
      Noun{"help", "Help on a command or a topic", "More", help_command()},
  };
  return nouns;
}

const Noun* find_noun(std::string_view name) {
  const auto nouns = tree();
  const auto found = std::ranges::find(nouns, name, &Noun::name);
  return found == nouns.end() ? nullptr : &*found;
}

const Command* find_command(const Noun& noun, std::string_view verb) {
  const auto found = std::ranges::find(noun.commands, verb, &Command::verb);
  return found == noun.commands.end() ? nullptr : &*found;
}

}  // namespace govctl::cli
