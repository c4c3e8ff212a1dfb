#include "daemon/providers/chat_answer.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "daemon/providers/chat_request.h"
#include "daemon/providers/json_tree.h"

namespace govctl::providers {
namespace {

using domain::PriceKind;

std::string base64(std::string_view bytes) {
  constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t at = 0; at < bytes.size(); at += 3) {
    std::uint32_t group = 0;
    for (std::size_t i = 0; i < 3; ++i) {
      group = group << 8U | (at + i < bytes.size() ? static_cast<unsigned char>(bytes[at + i]) : 0U);
    }
    for (std::size_t i = 0; i < 4; ++i) {
      const bool padding = i > bytes.size() - at;
      text += padding ? '=' : alphabet[group >> (18U - 6U * i) & 0x3FU];
    }
  }
  return text;
}

std::string float32_bytes(const Json& vector) {
  std::string bytes;
  bytes.reserve(vector.size() * 4);
  for (const Json& number : vector) {
    const auto bits = std::bit_cast<std::uint32_t>(number.get<float>());
    for (unsigned shift = 0; shift < 32; shift += 8) bytes += static_cast<char>(bits >> shift & 0xFFU);
  }
  return bytes;
}

}  // namespace

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

Result<std::vector<std::string>> embedding_inputs(const Json& request, std::string_view kind) {
  const Json* input = given(request, "input");
  if (input == nullptr) return malformed("input", "be a string or an array of strings");
  if (input->is_string()) return std::vector<std::string>{input->get<std::string>()};
  if (!input->is_array() || input->empty()) return malformed("input", "be a string or an array of strings");
  std::vector<std::string> texts;
  for (const Json& text : *input) {
    if (!text.is_string()) return cannot_carry(kind, "input", "tokens are one model's own; send text");
    texts.push_back(text.get<std::string>());
  }
  return texts;
}

Result<void> check_embedding_fields(const Json& request, std::span<const std::string_view> carried,
                                    std::string_view kind) {
  for (const auto& [field, value] : request.items()) {
    if (value.is_null() || field == "user" || std::ranges::find(carried, field) != carried.end()) continue;
    return cannot_carry(kind, field);
  }
  const Json* format = given(request, "encoding_format");
  if (format != nullptr && *format != "float" && *format != "base64")
    return malformed("encoding_format", "be float or base64");
  return {};
}

Result<Json> embeddings_answer(const AnswerIdentity& identity, const std::vector<const Json*>& vectors,
                               const UsageReport& usage) {
  Json data = Json::array();
  for (const Json* vector : vectors) {
    constexpr double most = std::numeric_limits<float>::max();
    const auto is_number = [](const Json& number) {
      return number.is_number() && std::abs(number.get<double>()) <= most;
    };
    if (vector == nullptr || !vector->is_array() || !std::ranges::all_of(*vector, is_number))
      return fail(Code::upstream_failed, "the provider answered with what is no embedding");
    Json embedding = identity.base64 ? Json(base64(float32_bytes(*vector))) : *vector;
    data.push_back(Json{{"object", "embedding"}, {"index", data.size()}, {"embedding", std::move(embedding)}});
  }
  Json answer{{"object", "list"}, {"data", std::move(data)}, {"model", identity.model}};
  if (usage.usage) {
    const std::int64_t tokens = usage.usage->input_tokens();
    answer["usage"] = Json{{"prompt_tokens", tokens}, {"total_tokens", tokens}};
  }
  return answer;
}

}  // namespace govctl::providers
