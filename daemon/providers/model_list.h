#pragma once
// What each kind documents for listing a provider's own models: the smallest real call there is, which costs
// nothing. platform.openai.com/docs/api-reference/models/list, docs.anthropic.com/en/api/models-list,
// ai.google.dev/api/models, docs.cohere.com/reference/list-models, and the v1 API of Azure OpenAI. One page,
// the largest that the API gives.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/providers/adapter.h"

namespace govctl::providers {

// The path to GET, of a row with that base path; empty for a kind that has none where its models answer
// (bedrock: another service lists them; the mock has no wire).
std::optional<std::string> model_list_path(std::string_view kind, std::string_view base_path,
                                           std::string_view api_version);
// The names, as requests say them. invalid: the body is no such list.
Result<std::vector<std::string>> read_model_list(std::string_view kind, std::string_view body);

}  // namespace govctl::providers
