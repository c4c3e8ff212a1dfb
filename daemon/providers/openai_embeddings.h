#pragma once
// The answers of OpenAI's embeddings format (platform.openai.com/docs/api-reference/embeddings) as facts. They
// are never streamed and produce no tokens.

#include <string_view>

#include "daemon/providers/adapter.h"

namespace govctl::providers::openai_embeddings {

// Format::embeddings of adapter.h. Usage is prompt_tokens; total_tokens, which says the same, where it stands
// alone.
Result<AnswerFacts> read_answer(std::string_view body);

}  // namespace govctl::providers::openai_embeddings
