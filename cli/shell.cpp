#include "cli/shell.h"

namespace govctl::cli {

namespace {

// Within fish's single quotes a backslash escapes itself and the quote, and nothing else.
std::string fish_quoted(std::string_view word) {
  std::string out = "'";
  for (const char c : word) {
    if (c == '\'' || c == '\\') out += '\\';
    out += c;
  }
  return out + "'";
}

std::string dotenv_quoted(std::string_view word) {
  if (shell_quoted(word) == word) return std::string(word);
  std::string out = "\"";
  for (const char c : word) {
    if (c == '"' || c == '\\' || c == '$' || c == '`') out += '\\';
    if (c == '\n') {
      out += "\\n";
    } else {
      out += c;
    }
  }
  return out + "\"";
}

}  // namespace

std::string export_line(ShellKind shell, std::string_view name, std::string_view value) {
  const std::string word(name);
  switch (shell) {
    case ShellKind::bash:
    case ShellKind::zsh:
      return "export " + word + "=" + shell_quoted(value) + "\n";
    case ShellKind::fish:
      return "set -gx " + word + " " + fish_quoted(value) + "\n";
    case ShellKind::dotenv:
      break;
  }
  return word + "=" + dotenv_quoted(value) + "\n";
}

std::string unset_line(ShellKind shell, std::string_view name) {
  const std::string word(name);
  switch (shell) {
    case ShellKind::bash:
    case ShellKind::zsh:
      return "unset " + word + "\n";
    case ShellKind::fish:
      return "set -e " + word + "\n";
    case ShellKind::dotenv:
      break;
  }
  return "";
}

std::string command_line(const std::vector<std::string>& words) {
  std::string line = "govctl";
  for (const auto& word : words) line += " " + shell_quoted(word);
  return line;
}
}  // namespace govctl::cli
