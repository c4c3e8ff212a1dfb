#pragma once
// The kind "gemini": Google's Gemini API (ai.google.dev/api/generate-content, /api/embeddings). Shipped base
// URL: https://generativelanguage.googleapis.com/v1beta.
//
// Facts the code relies on, and where Google says them:
// - usageMetadata: promptTokenCount includes cachedContentTokenCount; totalTokenCount is the sum of
//   promptTokenCount, candidatesTokenCount, toolUsePromptTokenCount and thoughtsTokenCount, so thoughts stand
//   beside the candidates (googleapis.github.io/js-genai, GenerateContentResponseUsageMetadata;
//   ai.google.dev/gemini-api/ docs/thinking#pricing). Zero counts are left out, as protocol buffers do.
// - A stream has no terminal event: it ends after a finishReason, or after a promptFeedback.blockReason.
// - Gemini 3 wants each step's first functionCall back with its thoughtSignature
// (ai.google.dev/gemini-api/docs/
//   thought-signatures). OpenAI's clients are given it, and give it back, in
//   extra_content.google.thought_signature, as at Google's own OpenAI endpoint; for those that lose it the same
//   page names a value that skips the check.
// - Reasoning efforts are told as Google's own OpenAI endpoint tells them
// (ai.google.dev/gemini-api/docs/openai).

#include <memory>
#include <string>
#include <string_view>

#include "daemon/providers/adapter.h"

namespace govctl::providers::gemini {

const Adapter& adapter();

// Format::gemini. `metadata` is the usageMetadata member.
UsageReport read_usage(const Json& metadata);
Result<AnswerFacts> read_answer(std::string_view body);
std::unique_ptr<StreamReader> stream_reader();
// Format::gemini_embeddings. Usage is absent where Google says none.
Result<AnswerFacts> read_embeddings(std::string_view body);

// Path, headers and key; `body` as it is.
Result<WireRequest> wire(WireInput input);

// gemini_request.cpp. System and developer messages, wherever they stand, are the systemInstruction.
Result<Json> request_from_chat(const Json& chat);
// gemini_chat.cpp. Parts that chat has no word for (code, media) are left out; what Google withheld or broke
// off has finish_reason content_filter.
Result<Json> answer_to_chat(const Json& answer, const AnswerIdentity& identity);
std::unique_ptr<ChunkSource> chunks(const AnswerIdentity& identity);
// `model` of the request is the upstream's name.
Result<Json> embeddings_from_openai(const Json& request);
Result<Json> embeddings_to_openai(const Json& answer, const AnswerIdentity& identity);

// The name as a resource: models/<name>, unless it says its collection itself.
std::string model_resource(std::string_view model);

}  // namespace govctl::providers::gemini
