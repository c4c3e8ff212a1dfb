#include "daemon/providers/embeddings.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "daemon/providers/chat_request.h"
#include "daemon/providers/json_tree.h"

namespace govctl::providers {
namespace {

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
