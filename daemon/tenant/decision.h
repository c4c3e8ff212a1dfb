#pragma once
// The figures that a decision rests on, as usage_events keeps them: a small JSON object in text. A call that
// passed has the money that was compared, {"money":[["workspace","DAILY",1000,250,40]]}: level, what, limit,
// spent, held. A refusal has more: path, limit, spent, held, needed, …

#include <span>
#include <string>

#include "daemon/domain/admission.h"

namespace govctl::tenant {

// Of an admission; empty when nothing limits it.
std::string decision_json(std::span<const domain::MoneyLine> money);
// Of a refusal; empty when it rests on no figures.
std::string decision_json(const domain::Refusal& refusal);

// What decision_json() wrote: all of the refusal but its cause and message.
domain::Refusal parse_decision(std::string_view text);

}  // namespace govctl::tenant
