#pragma once
// Merged rules as rule_snapshots keeps them: JSON text, the same for the same rules.

#include <string>
#include <string_view>

#include "daemon/domain/policy.h"

namespace govctl::tenant {

std::string rules_text(const domain::Rules& rules);
// What rules_text() wrote: the lists, `numbers`, and where they are from. What the text lacks is empty.
domain::Rules parse_rules(std::string_view text);

}  // namespace govctl::tenant
