#pragma once
// What a decision rests on, shown: of a call that was recorded, and of one that is only asked about.

#include <string>
#include <vector>

#include "common/api/explain.h"
#include "daemon/tenant/standing.h"

namespace govctl::control {

std::vector<api::RuleFrom> shown(const domain::Rules& rules);
// `needed`: what each line had to have left; empty where money did not decide.
std::vector<api::MoneyFrom> shown(const std::vector<domain::MoneyLine>& money, const domain::Standing& standing,
                                  const std::optional<std::int64_t>& needed);
std::vector<api::RateFrom> shown(const std::vector<domain::RateLine>& rates, const domain::Standing& standing);
std::vector<api::ChangeTo> shown(const std::vector<domain::Change>& changes);

// "policy acme/prod: default", "the DAILY budget of acme/prod": what refused it, or empty.
std::string decided_by(const domain::Refusal& refusal, const domain::Rules& rules,
                       const domain::Standing& standing);

}  // namespace govctl::control
