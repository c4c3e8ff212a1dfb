#pragma once
#include <string>
#include <string_view>

namespace govctl {
// `word` as a POSIX shell reads it back: as it is when that is safe, else in single quotes.
std::string shell_quoted(std::string_view word);
}  // namespace govctl
