// OpenAI requests said as Cohere's.

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <utility>

#include "daemon/providers/chat_answer.h"
#include "daemon/providers/chat_request.h"
#include "daemon/providers/cohere.h"
#include "daemon/providers/embeddings.h"
#include "daemon/providers/json_tree.h"

namespace govctl::providers::cohere {
namespace {

constexpr std::string_view kind = "cohere";

constexpr std::array<std::string_view, 16> carried{"model",
                                                   "messages",
                                                   "stream",
                                                   "max_tokens",
                                                   "max_completion_tokens",
                                                   "temperature",
                                                   "top_p",
                                                   "top_k",
                                                   "stop",
                                                   "seed",
                                                   "response_format",
                                                   "tools",
                                                   "tool_choice",
                                                   "presence_penalty",
                                                   "frequency_penalty",
                                                   "reasoning_effort"};

// Numbers that are sent as they are.
constexpr std::array<std::pair<std::string_view, std::string_view>, 5> numbers{
    {{"temperature", "temperature"},
     {"top_k", "k"},
     {"seed", "seed"},
     {"presence_penalty", "presence_penalty"},
     {"frequency_penalty", "frequency_penalty"}}};

Result<Json> system_message(const Json& message, const std::string& at) {
  auto text = content_text(given(message, "content"), at + ".content", kind);
  if (!text) return std::unexpected(text.error());
  return Json{{"role", "system"}, {"content", std::move(*text)}};
}

Result<Json> user_message(const Json& message, const std::string& at) {
  const Json* content = given(message, "content");
  const auto parts = content_parts(content, at + ".content");
  if (!parts) return std::unexpected(parts.error());
  if (parts->empty()) return malformed(at + ".content", "hold something");
  if (content->is_string()) return Json{{"role", "user"}, {"content", *content}};
  Json blocks = Json::array();
  for (std::size_t i = 0; i < parts->size(); ++i) {
    const ContentPart& part = (*parts)[i];
    if (part.type == ContentPart::Type::text) {
      blocks.push_back(Json{{"type", "text"}, {"text", part.text}});
    } else if (part.type == ContentPart::Type::image) {
      Json image{{"url", part.text}};
      if (!part.detail.empty()) image["detail"] = part.detail;
      blocks.push_back(Json{{"type", "image_url"}, {"image_url", std::move(image)}});
    } else {
      return cannot_carry(kind, fmt::format("{}.content[{}]", at, i), "only text and images can be");
    }
  }
  return Json{{"role", "user"}, {"content", std::move(blocks)}};
}

Result<Json> assistant_message(const Json& message, const std::string& at) {
  auto text = content_text(given(message, "content"), at + ".content", kind);
  if (!text) return std::unexpected(text.error());
  if (const std::string* refusal = string_in(message, "refusal")) *text += *refusal;
  const auto calls = tool_calls(message, at);
  if (!calls) return std::unexpected(calls.error());
  if (text->empty() && calls->empty()) return malformed(at + ".content", "hold something");
  Json said{{"role", "assistant"}};
  if (!text->empty()) said["content"] = std::move(*text);
  if (calls->empty()) return said;
  // What Cohere planned goes back to it with the calls.
  if (const std::string* plan = string_in(message, "reasoning_content")) said["tool_plan"] = *plan;
  said["tool_calls"] = Json::array();
  for (const ToolCall& call : *calls) {
    said["tool_calls"].push_back(chat_tool_call(call.id, call.name, call.arguments));
  }
  return said;
}

Result<Json> tool_message(const Json& message, const std::string& at) {
  const std::string* id = string_in(message, "tool_call_id");
  if (id == nullptr) return malformed(at + ".tool_call_id", "be a string");
  auto text = content_text(given(message, "content"), at + ".content", kind);
  if (!text) return std::unexpected(text.error());
  return Json{{"role", "tool"}, {"tool_call_id", *id}, {"content", std::move(*text)}};
}

Result<Json> message_from_chat(const Json& message, const std::string& at) {
  if (auto checked = check_message(message, at, kind); !checked) return std::unexpected(checked.error());
  const std::string& role = *string_in(message, "role");
  if (role == "system" || role == "developer") return system_message(message, at);
  if (role == "user") return user_message(message, at);
  if (role == "assistant") return assistant_message(message, at);
  if (role == "tool") return tool_message(message, at);
  return malformed(at + ".role", "be system, developer, user, assistant or tool");
}

Result<void> add_tools(const Json& chat, Json& request) {
  const auto declared = functions(chat, kind);
  if (!declared) return std::unexpected(declared.error());
  if (!declared->empty()) request["tools"] = Json::array();
  for (const Function& function : *declared) {
    Json said{{"name", function.name}};
    if (function.description != nullptr) said["description"] = *function.description;
    // Cohere wants a schema; OpenAI takes none for "no parameters".
    said["parameters"] = function.parameters != nullptr
                             ? *function.parameters
                             : Json{{"type", "object"}, {"properties", Json::object()}};
    request["tools"].push_back(Json{{"type", "function"}, {"function", std::move(said)}});
  }
  const auto choice = tool_choice(chat, kind);
  if (!choice) return std::unexpected(choice.error());
  using Mode = ToolChoice::Mode;
  if (choice->mode == Mode::none) request["tool_choice"] = "NONE";
  if (choice->mode == Mode::required) request["tool_choice"] = "REQUIRED";
  if (choice->mode == Mode::named) {
    // Some call must be made: that is the named one when there is no other.
    if (declared->size() != 1 || declared->front().name != choice->name)
      return cannot_carry(kind, "tool_choice", "a function can be named only where it is the only one");
    request["tool_choice"] = "REQUIRED";
  }
  return {};
}

// temperature, stop, response_format and the like.
Result<void> add_settings(const Json& chat, Json& request) {
  const auto most = max_tokens(chat);
  if (!most) return std::unexpected(most.error());
  if (*most != nullptr) request["max_tokens"] = **most;
  for (const auto& [field, name] : numbers) {
    const auto number = number_field(chat, field);
    if (!number) return std::unexpected(number.error());
    if (*number != nullptr) request[std::string(name)] = **number;
  }
  const auto top_p = number_field(chat, "top_p");
  if (!top_p) return std::unexpected(top_p.error());
  // OpenAI's 1 means all tokens; Cohere ends at 0.99.
  static const Json most_p = Json::parse("0.99");
  if (*top_p != nullptr) request["p"] = std::min(**top_p, most_p);
  auto stop = stop_sequences(chat);
  if (!stop) return std::unexpected(stop.error());
  if (!stop->is_null()) request["stop_sequences"] = std::move(*stop);
  const auto format = response_format(chat, kind);
  if (!format) return std::unexpected(format.error());
  if (format->json) request["response_format"] = Json{{"type", "json_object"}};
  if (format->schema != nullptr) request["response_format"]["json_schema"] = *format->schema;
  if (const Json* effort = given(chat, "reasoning_effort")) {
    const bool on = *effort == "high";
    if (!on && *effort != "none") return cannot_carry(kind, "reasoning_effort", "it can be none or high");
    request["thinking"] = Json{{"type", on ? "enabled" : "disabled"}};
  }
  return {};
}

}  // namespace

Result<Json> request_from_chat(const Json& chat) {
  if (auto checked = check_fields(chat, carried, kind); !checked) return std::unexpected(checked.error());
  const std::string* model = string_in(chat, "model");
  if (model == nullptr) return malformed("model", "be a string");
  const Json* messages = array_in(chat, "messages");
  if (messages == nullptr || messages->empty())
    return malformed("messages", "be an array that holds something");
  Json said = Json::array();
  for (std::size_t i = 0; i < messages->size(); ++i) {
    auto message = message_from_chat((*messages)[i], fmt::format("messages[{}]", i));
    if (!message) return std::unexpected(message.error());
    said.push_back(std::move(*message));
  }
  Json request{{"model", *model}, {"messages", std::move(said)}};
  if (const Json* stream = given(chat, "stream")) {
    if (!stream->is_boolean()) return malformed("stream", "be true or false");
    request["stream"] = *stream;
  }
  if (auto added = add_tools(chat, request); !added) return std::unexpected(added.error());
  if (auto added = add_settings(chat, request); !added) return std::unexpected(added.error());
  return request;
}

Result<Json> embeddings_from_openai(const Json& request) {
  constexpr std::array<std::string_view, 5> fields{"model", "input", "dimensions", "encoding_format",
                                                   "input_type"};
  if (auto checked = check_embedding_fields(request, fields, kind); !checked)
    return std::unexpected(checked.error());
  const std::string* model = string_in(request, "model");
  if (model == nullptr) return malformed("model", "be a string");
  const auto inputs = embedding_inputs(request, kind);
  if (!inputs) return std::unexpected(inputs.error());
  const auto dimensions = number_field(request, "dimensions");
  if (!dimensions) return std::unexpected(dimensions.error());
  const Json* input_type = given(request, "input_type");
  if (input_type != nullptr && !input_type->is_string()) return malformed("input_type", "be a string");
  Json said{{"model", *model}, {"texts", *inputs}};
  said["input_type"] = input_type == nullptr ? Json("search_document") : *input_type;
  said["embedding_types"] = Json::array();
  said["embedding_types"].push_back("float");
  if (*dimensions != nullptr) said["output_dimension"] = **dimensions;
  return said;
}

}  // namespace govctl::providers::cohere
