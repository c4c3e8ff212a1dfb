#pragma once
// Embeddings between OpenAI's format (platform.openai.com/docs/api-reference/embeddings) and another
// provider's.

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/providers/adapter.h"

namespace govctl::providers {

// `input` as texts. invalid: tokens instead of text, which are another model's, or no texts.
Result<std::vector<std::string>> embedding_inputs(const Json& request, std::string_view kind);
// invalid names a field that is neither carried nor one of OpenAI's that say nothing to a model.
Result<void> check_embedding_fields(const Json& request, std::span<const std::string_view> carried,
                                    std::string_view kind);
// The list of embeddings, each an array of numbers, or as base64 of little-endian float32 when the request said
// so. upstream_failed: a vector that is none.
Result<Json> embeddings_answer(const AnswerIdentity& identity, const std::vector<const Json*>& vectors,
                               const UsageReport& usage);

}  // namespace govctl::providers
