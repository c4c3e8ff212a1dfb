#include "daemon/providers/mock.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "daemon/providers/embeddings.h"
#include "daemon/providers/json_object.h"

namespace govctl::providers::mock {
namespace {

std::size_t text_length(const Json& content) {
  if (content.is_string()) return content.get_ref<const std::string&>().size();
  std::size_t length = 0;
  if (content.is_array()) {
    for (const auto& part : content) {
      if (part.is_object() && part.contains("text") && part["text"].is_string()) {
        length += part["text"].get_ref<const std::string&>().size();
      }
    }
  }
  return length;
}

std::string text_of(const Json& content) {
  if (content.is_string()) return content.get<std::string>();
  std::string text;
  if (content.is_array()) {
    for (const auto& part : content) {
      if (part.is_object() && part.contains("text") && part["text"].is_string())
        text += part["text"].get<std::string>();
    }
  }
  return text;
}

std::int64_t tokens(std::size_t bytes) { return static_cast<std::int64_t>(bytes / 4); }

std::string event(const Json& chunk) {
  return "data: " + chunk.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n\n";
}

}  // namespace

const Adapter& adapter() {
  static constexpr Adapter row{
      .kind = "mock", .chat = Format::chat, .embeddings = Format::embeddings, .wire = nullptr};
  return row;
}

Answer embeddings(std::string_view body, std::string_view model) {
  const auto request = Json::parse(body, nullptr, false);
  Json inputs = request.is_object() && request.contains("input") ? request["input"] : Json();
  // One text, or one list of token numbers, is one input.
  if (!inputs.is_array() || (!inputs.empty() && inputs.front().is_number())) inputs = Json::array({inputs});
  domain::Usage usage;
  std::vector<Json> vectors;
  vectors.reserve(inputs.size());
  for (const Json& input : inputs) {
    const std::string text = input.is_string() ? input.get<std::string>() : input.dump();
    usage[domain::PriceKind::input] +=
        input.is_array() ? static_cast<std::int64_t>(input.size()) : tokens(text.size());
    std::uint64_t hash = 14695981039346656037ULL;  // FNV-1a
    for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211ULL;
    Json vector = Json::array();
    for (unsigned i = 0; i < 8; ++i) vector.push_back(static_cast<int>(hash >> (8 * i) & 255) - 128);
    vectors.push_back(std::move(vector));
  }
  AnswerIdentity identity;
  identity.model = model;
  identity.base64 =
      request.is_object() && request.contains("encoding_format") && request["encoding_format"] == "base64";
  std::vector<const Json*> views;
  views.reserve(vectors.size());
  for (const Json& vector : vectors) views.push_back(&vector);
  const auto whole = embeddings_answer(identity, views, {.usage = usage});
  Answer answer;
  answer.pieces.push_back(whole->dump(-1, ' ', false, Json::error_handler_t::replace));
  return answer;
}

Answer answer(std::string_view body, std::string_view model, std::string_view id, long created) {
  Answer answer;
  if (model == "mock-slow") answer.pause = std::chrono::milliseconds(200);
  if (model.starts_with("mock-error-")) {
    const auto status = json_integer(model.substr(11));
    answer.status = status && *status >= 400 && *status <= 599 ? static_cast<int>(*status) : 500;
    answer.pieces.push_back(
        R"({"error":{"message":"the mock provider fails as its model's name says","type":"server_error","param":null,"code":"mock_error"}})");
    return answer;
  }
  const auto request = Json::parse(body, nullptr, false);
  std::size_t input = 0;
  std::string last;
  if (request.is_object() && request.contains("messages") && request["messages"].is_array()) {
    for (const auto& message : request["messages"]) {
      if (!message.is_object() || !message.contains("content")) continue;
      input += text_length(message["content"]);
      last = text_of(message["content"]);
    }
  }
  std::int64_t limit = 4096;
  for (const char* const field : {"max_tokens", "max_completion_tokens"}) {
    if (request.is_object() && request.contains(field) && request[field].is_number_integer()) {
      limit = std::min(limit, request[field].get<std::int64_t>());
    }
  }
  std::string text = "This is a mock answer from govd. You said: ";
  text += cut(last, 200);
  const std::string reply(cut(text, static_cast<std::size_t>(std::max<std::int64_t>(limit, 0)) * 4));
  const bool short_of = reply.size() < text.size();
  const Json usage{{"prompt_tokens", tokens(input)},
                   {"completion_tokens", tokens(reply.size())},
                   {"total_tokens", tokens(input) + tokens(reply.size())}};
  const char* const finish = short_of ? "length" : "stop";
  const bool breaks_off = model == "mock-cut";

  answer.stream = request.is_object() && request.contains("stream") && request["stream"] == true;
  if (!answer.stream) {
    const Json whole{{"id", id},
                     {"object", "chat.completion"},
                     {"created", created},
                     {"model", model},
                     {"choices", Json::array({Json{{"index", 0},
                                                   {"message", Json{{"role", "assistant"}, {"content", reply}}},
                                                   {"finish_reason", finish}}})},
                     {"usage", usage}};
    std::string piece = whole.dump(-1, ' ', false, Json::error_handler_t::replace);
    if (breaks_off) piece.resize(piece.size() / 2);
    answer.pieces.push_back(std::move(piece));
    answer.cut = breaks_off;
    return answer;
  }
  const auto chunk = [&](Json choices) {
    return Json{{"id", id},
                {"object", "chat.completion.chunk"},
                {"created", created},
                {"model", model},
                {"choices", std::move(choices)}};
  };
  const auto delta = [&](Json content, Json finish_reason) {
    return chunk(
        Json::array({Json{{"index", 0}, {"delta", std::move(content)}, {"finish_reason", finish_reason}}}));
  };
  answer.pieces.push_back(event(delta(Json{{"role", "assistant"}, {"content", ""}}, nullptr)));
  for (std::size_t at = 0; at < reply.size();) {
    const std::string_view word = cut(std::string_view(reply).substr(at), 8);
    answer.pieces.push_back(event(delta(Json{{"content", word}}, nullptr)));
    at += std::max<std::size_t>(word.size(), 1);
    if (breaks_off && at > reply.size() / 2) {
      answer.cut = true;
      return answer;
    }
  }
  answer.pieces.push_back(event(delta(Json::object(), finish)));
  Json last_chunk = chunk(Json::array());
  last_chunk["usage"] = usage;
  answer.pieces.push_back(event(last_chunk));
  answer.pieces.emplace_back("data: [DONE]\n\n");
  return answer;
}

}  // namespace govctl::providers::mock
