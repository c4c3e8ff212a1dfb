#pragma once
#include <string>

#include "common/api/fields.h"

namespace govctl::cli {
// JSON as a YAML document that any YAML reader takes back to the same values.
std::string yaml(const api::Json& json);
}  // namespace govctl::cli
