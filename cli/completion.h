#pragma once
// What may come next on a line that is being typed, for the shells' completion. Says nothing rather than
// something doubtful: no daemon, no names; no errors, no more than a tenth of a second.

#include <string>
#include <string_view>
#include <vector>

#include "cli/arguments.h"
#include "cli/terminal.h"

namespace govctl::cli {

// The hidden command that the scripts of `govctl completion` call.
constexpr std::string_view complete_word = "__complete";

struct Candidate {
  std::string word;  // all of it, what is typed already included
  std::string doc{};
};

// `words` are those before the cursor without the program's name; the last is the one at the cursor, perhaps
// empty. One candidate a line: the word, and after a tab what it is. A word that ends with '/' goes on. The
// line
// ":files" or ":directories" asks the shell for its own.
std::string completion_lines(const std::vector<std::string>& words, Terminal& terminal);

// The scripts: "bash", "zsh" or "fish".
std::string_view completion_script(std::string_view shell);

}  // namespace govctl::cli
