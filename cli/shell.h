#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace govctl::cli {
// `word` as a POSIX shell reads it back: as it is when that is safe, else in single quotes.
std::string shell_quoted(std::string_view word);
// "govctl org delete acme", ready to be pasted.
std::string command_line(const std::vector<std::string>& words);
}  // namespace govctl::cli
