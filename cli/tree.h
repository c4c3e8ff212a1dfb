#pragma once
#include <span>
#include <string_view>

#include "cli/command.h"

namespace govctl::cli {

// All commands, in the order of the help page.
std::span<const Noun> tree();
const Noun* find_noun(std::string_view name);
const Command* find_command(const Noun& noun, std::string_view verb);
// The noun that is a command by itself: `govctl up`.
inline bool stands_alone(const Noun& noun) {
  return noun.commands.size() == 1 && noun.commands[0].verb.empty();
}

}  // namespace govctl::cli
