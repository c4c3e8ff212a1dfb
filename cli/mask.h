#pragma once
// Text that may be shown to others: what looks like a secret is cut.

#include <string>
#include <string_view>

namespace govctl::cli {

// Words that begin like keys of known makers (cpk_, cst_, sk-, AKIA, AIza, eyJ, …), the word behind "Bearer"
// and passwords in URLs become "…" behind their first characters. Every other byte stays.
std::string masked(std::string_view text);
// A line of YAML, INI or the environment: the value too, when its name speaks of a key, token, secret or
// password.
std::string masked_setting(std::string_view line);

}  // namespace govctl::cli
