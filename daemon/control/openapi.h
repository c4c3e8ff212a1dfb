#pragma once
#include <string>

namespace govctl::control {
// OpenAPI 3.1, made from the route table and the types' own lists of fields; the same text on every call.
const std::string& openapi_text();
}  // namespace govctl::control
