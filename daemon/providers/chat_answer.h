#pragma once
// Answers said in OpenAI's chat format (platform.openai.com/docs/api-reference/chat/object,
// .../chat-streaming), from what another provider's answer gave.

#include <string>
#include <string_view>
#include <vector>

#include "daemon/providers/adapter.h"

namespace govctl::providers {

// A usage object: what is cached is counted inside prompt_tokens, reasoning inside completion_tokens.
Json chat_usage(const domain::Usage& usage);

// {"id","type":"function","function":{"name","arguments"}}
Json chat_tool_call(std::string_view id, std::string_view name, std::string_view arguments);

// What the assistant said, whole.
struct ChatMessage {
  std::string content, reasoning;
  std::vector<Json> tool_calls;
  std::string thought_signature;  // of the text
};
Json chat_choice(std::int64_t index, ChatMessage message, std::string_view finish_reason);
// Without usage when it is absent or absurd.
Json chat_answer(const AnswerIdentity& identity, Json choices, const UsageReport& usage);

// One choice's chunk; an empty finish_reason is null.
Json chat_chunk(const AnswerIdentity& identity, std::int64_t index, Json delta,
                std::string_view finish_reason = {});

}  // namespace govctl::providers
