#pragma once
// Help pages, made from the tree. Each begins with examples.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/command.h"

namespace govctl::cli {

std::string help_top();
std::string help_noun(const Noun& noun);
std::string help_command_page(const Noun& noun, const Command& command);
// "exit-codes", "environment", "output", "paths", "config"
std::optional<std::string> help_topic(std::string_view name);
std::vector<std::string_view> topic_names();

}  // namespace govctl::cli
