#include "daemon/providers/chat_answer.h"

#include <nlohmann/json.hpp>
#include <utility>

namespace govctl::providers {

using domain::PriceKind;

Json chat_usage(const domain::Usage& usage) {
  const std::int64_t in = usage.input_tokens();
  const std::int64_t out = usage.output_tokens();
  return Json{{"prompt_tokens", in},
              {"completion_tokens", out},
              {"total_tokens", in + out},
              {"prompt_tokens_details", Json{{"cached_tokens", usage[PriceKind::cache_read]},
                                             {"audio_tokens", usage[PriceKind::audio_in]}}},
              {"completion_tokens_details", Json{{"reasoning_tokens", usage[PriceKind::reasoning]},
                                                 {"audio_tokens", usage[PriceKind::audio_out]}}}};
}

Json chat_tool_call(std::string_view id, std::string_view name, std::string_view arguments) {
  return Json{{"id", id}, {"type", "function"}, {"function", Json{{"name", name}, {"arguments", arguments}}}};
}

Json chat_choice(std::int64_t index, ChatMessage message, std::string_view finish_reason) {
  Json said{{"role", "assistant"}, {"content", nullptr}};
  if (!message.content.empty() || message.tool_calls.empty()) said["content"] = std::move(message.content);
  if (!message.reasoning.empty()) said["reasoning_content"] = std::move(message.reasoning);
  if (!message.tool_calls.empty()) {
    said["tool_calls"] = Json::array();
    for (Json& call : message.tool_calls) said["tool_calls"].push_back(std::move(call));
  }
  if (!message.thought_signature.empty())
    said["extra_content"]["google"]["thought_signature"] = std::move(message.thought_signature);
  return Json{
      {"index", index}, {"message", std::move(said)}, {"logprobs", nullptr}, {"finish_reason", finish_reason}};
}

Json chat_answer(const AnswerIdentity& identity, Json choices, const UsageReport& usage) {
  Json answer{{"id", identity.id},
              {"object", "chat.completion"},
              {"created", identity.created},
              {"model", identity.model},
              {"choices", std::move(choices)}};
  if (usage.usage) answer["usage"] = chat_usage(*usage.usage);
  return answer;
}

Json chat_chunk(const AnswerIdentity& identity, std::int64_t index, Json delta,
                std::string_view finish_reason) {
  Json choice{{"index", index}, {"delta", std::move(delta)}, {"finish_reason", nullptr}};
  if (!finish_reason.empty()) choice["finish_reason"] = finish_reason;
  Json choices = Json::array();
  choices.push_back(std::move(choice));
  return Json{{"id", identity.id},
              {"object", "chat.completion.chunk"},
              {"created", identity.created},
              {"model", identity.model},
              {"choices", std::move(choices)}};
}

}  // namespace govctl::providers
