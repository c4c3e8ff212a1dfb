#pragma once
// GET /v1/models and /v1/models/{id}: what a key may use, from memory, in OpenAI's shape or Anthropic's.

#include <optional>
#include <string>
#include <string_view>

#include "daemon/tenant/tenant.h"

namespace govctl::calls {

enum class ModelShape : std::uint8_t { openai, anthropic };

std::string model_list(const tenant::Caller& caller, ModelShape shape);
// nullopt: the key may not use it, or it has no price.
std::optional<std::string> model_entry(const tenant::Caller& caller, std::string_view id, ModelShape shape);

}  // namespace govctl::calls
