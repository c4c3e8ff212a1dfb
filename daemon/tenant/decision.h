#pragma once
#include <string>

#include "daemon/domain/admission.h"

namespace govctl::tenant {

// The figures a refusal rests on, as a JSON object in text, for its usage event; empty when there are none.
std::string decision_json(const domain::Refusal& refusal);

}  // namespace govctl::tenant
