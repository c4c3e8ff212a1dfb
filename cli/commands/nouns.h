#pragma once
// One function per file of this folder: the commands of its noun. tree.cpp has a row for each.

#include <span>

#include "cli/command.h"

namespace govctl::cli {

std::span<const Command> up_command();
std::span<const Command> down_command();
std::span<const Command> restart_command();
std::span<const Command> status_command();
std::span<const Command> wait_command();
std::span<const Command> logs_command();
std::span<const Command> version_command();
std::span<const Command> org_commands();
std::span<const Command> workspace_commands();
std::span<const Command> group_commands();
std::span<const Command> agent_commands();
std::span<const Command> freeze_command();
std::span<const Command> unfreeze_command();
std::span<const Command> key_commands();
std::span<const Command> credential_commands();
std::span<const Command> provider_commands();
std::span<const Command> policy_commands();
std::span<const Command> budget_commands();
std::span<const Command> alias_commands();
std::span<const Command> pricing_commands();
std::span<const Command> ledger_commands();
std::span<const Command> usage_commands();
std::span<const Command> audit_commands();
std::span<const Command> explain_command();
std::span<const Command> doctor_command();
std::span<const Command> bugreport_command();
std::span<const Command> backup_command();
std::span<const Command> restore_command();
std::span<const Command> secrets_commands();
std::span<const Command> completion_command();
std::span<const Command> can_i_commands();
std::span<const Command> call_command();
std::span<const Command> run_command();
std::span<const Command> env_command();
std::span<const Command> top_command();
std::span<const Command> export_command();
std::span<const Command> plan_command();
std::span<const Command> diff_command();
std::span<const Command> apply_command();
std::span<const Command> explain_field_command();
std::span<const Command> help_command();

}  // namespace govctl::cli
