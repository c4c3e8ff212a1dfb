#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "common/shell.h"

namespace govctl::cli {
// The shells whose commands `govctl env` writes; dotenv is the file that many programs read.
enum class ShellKind { bash, zsh, fish, dotenv };
// A line that exports the variable, with its line break. In dotenv a value that has none of the characters that
// its readers disagree on is written bare, another in double quotes.
std::string export_line(ShellKind shell, std::string_view name, std::string_view value);
// A line that unsets it; empty for dotenv, which cannot.
std::string unset_line(ShellKind shell, std::string_view name);

// "govctl org delete acme", ready to be pasted.
std::string command_line(const std::vector<std::string>& words);
}  // namespace govctl::cli
