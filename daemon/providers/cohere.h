#pragma once
// The kind "cohere": Cohere's API v2 (docs.cohere.com/reference/chat, /reference/chat-stream,
// /reference/embed). Shipped base URL: https://api.cohere.com/v2.
//
// Facts the code relies on, and where Cohere says them:
// - usage.billed_units is what is billed; usage.tokens counts the whole prompt with what Cohere itself wraps
// around it
//   (docs.cohere.com/docs/how-does-cohere-pricing-work). Thinking is counted inside output_tokens.
// - A stream's events carry their type in the data; message-end brings finish_reason and usage, and may be
// followed
//   by [DONE] (docs.cohere.com/v2/docs/streaming, /v2/docs/tool-use-streaming).
// - Embedding models from v3 on need input_type. OpenAI's format has no such field: search_document is sent,
// unless
//   the client says input_type itself (search_query, classification, clustering).
// - Of reasoning efforts Cohere's own OpenAI endpoint knows none and high
// (docs.cohere.com/docs/compatibility-api):
//   thinking disabled and enabled.

#include <memory>
#include <string_view>

#include "daemon/providers/adapter.h"

namespace govctl::providers::cohere {

const Adapter& adapter();

// Format::cohere. `usage` is the usage member: billed_units, else tokens.
UsageReport read_usage(const Json& usage);
Result<AnswerFacts> read_answer(std::string_view body);
// message-end is `finished` (or `error`, when it says ERROR or TIMEOUT); only [DONE] is `terminal`.
std::unique_ptr<StreamReader> stream_reader();
// Format::cohere_embeddings.
Result<AnswerFacts> read_embeddings(std::string_view body);

// Path, headers and key; `body` as it is.
Result<WireRequest> wire(WireInput input);

// cohere_request.cpp
Result<Json> request_from_chat(const Json& chat);
Result<Json> embeddings_from_openai(const Json& request);
// cohere_chat.cpp. The plan that comes before tool calls, and thinking, are reasoning_content; citations are
// left out.
Result<Json> answer_to_chat(const Json& answer, const AnswerIdentity& identity);
std::unique_ptr<ChunkSource> chunks(const AnswerIdentity& identity);
Result<Json> embeddings_to_openai(const Json& answer, const AnswerIdentity& identity);

// Whether a finish_reason says that the answer failed.
bool is_failure(std::string_view finish_reason);

}  // namespace govctl::providers::cohere
