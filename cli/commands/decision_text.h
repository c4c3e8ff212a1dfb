#pragma once
// What a decision rests on, as `explain` and `can-i` print it: rules, money, rates, and the changes that would
// turn it.

#include <string>
#include <vector>

#include "cli/settings.h"
#include "common/api/explain.h"

namespace govctl::cli {

// A table under a heading; empty when there are no rows.
std::string rules_text(const std::vector<api::RuleFrom>& rules, const Settings& settings);
std::string money_text(const std::vector<api::MoneyFrom>& money, const Settings& settings);
std::string rates_text(const std::vector<api::RateFrom>& rates, const Settings& settings);
std::string changes_text(const std::vector<api::ChangeTo>& changes, std::string_view heading,
                         const Settings& settings);

}  // namespace govctl::cli
