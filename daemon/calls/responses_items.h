#pragma once
// The pieces of a `response` (platform.openai.com/docs/api-reference/responses/object), whole or as a stream
// builds them.

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "daemon/domain/usage.h"
#include "daemon/providers/adapter.h"

namespace govctl::calls::responses {

// Output items, empty; `number` tells the items of an answer apart.
providers::Json reasoning_item(const providers::AnswerIdentity& identity, std::size_t number);
providers::Json message_item(const providers::AnswerIdentity& identity, std::size_t number);
// `call` is one of chat's tool_calls, perhaps its first piece.
providers::Json call_item(const providers::AnswerIdentity& identity, std::size_t number,
                          const providers::Json& call);
bool is_custom(const providers::Json& call_item);

// Parts of content, with their text.
providers::Json text_part(std::string_view text);
providers::Json refusal_part(std::string_view text);
providers::Json summary_part(std::string_view text);

// A response in progress: no output, no usage.
providers::Json begun_response(const providers::AnswerIdentity& identity);
// Ends it as chat's finish_reason says.
void end_response(providers::Json& response, std::string_view finish_reason, providers::Json output,
                  const domain::Usage& usage);

// A string member; empty when it is none. The view lives as long as `object`.
std::string_view string_of(const providers::Json& object, const char* name);
// Chat has no field for it of its own: what DeepSeek, vLLM, OpenRouter and others call it.
std::string_view reasoning_of(const providers::Json& message);

}  // namespace govctl::calls::responses
