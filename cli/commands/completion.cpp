#include "cli/completion.h"

#include <array>
#include <memory>

#include "cli/commands/nouns.h"
#include "cli/session.h"

namespace govctl::cli {
namespace {

Action build(Arguments& a) {
  auto shell = std::make_shared<std::string>();
  a.positional("bash|zsh|fish", *shell, "Your shell");
  return [shell](Session&) -> Result<Answer> {
    if (*shell != "bash" && *shell != "zsh" && *shell != "fish") {
      return fail(Code::invalid, "'" + shell->substr(0, 40) + "' is none of bash, zsh, fish",
                  "govctl completion bash");
    }
    return Answer{.json = {}, .text = std::string(completion_script(*shell))};
  };
}

constexpr std::array commands{
    Command{"", "Print the script that completes commands, options and live names in a shell",
            "govctl completion bash > ~/.local/share/bash-completion/completions/govctl\n"
            "govctl completion zsh > ~/.zsh/completions/_govctl\n"
            "govctl completion fish > ~/.config/fish/completions/govctl.fish",
            build}};

}  // namespace

std::span<const Command> completion_command() { return commands; }

}  // namespace govctl::cli
