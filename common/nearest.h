#pragma once
#include <string_view>
#include <vector>

namespace govctl {
// The word of `known` within two edits (Damerau-Levenshtein) of `word`, or empty.
std::string_view nearest(std::string_view word, const std::vector<std::string_view>& known);
}  // namespace govctl
