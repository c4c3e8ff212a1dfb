// An OpenAI chat request said as generateContent's.

#include <fmt/format.h>

#include <array>
#include <map>
#include <nlohmann/json.hpp>
#include <utility>

#include "daemon/providers/chat_request.h"
#include "daemon/providers/embeddings.h"
#include "daemon/providers/gemini.h"
#include "daemon/providers/json_tree.h"

namespace govctl::providers::gemini {
namespace {

constexpr std::string_view kind = "gemini";

constexpr std::array<std::string_view, 17> carried{"model",
                                                   "messages",
                                                   "stream",
                                                   "max_tokens",
                                                   "max_completion_tokens",
                                                   "temperature",
                                                   "top_p",
                                                   "top_k",
                                                   "stop",
                                                   "n",
                                                   "response_format",
                                                   "seed",
                                                   "tools",
                                                   "presence_penalty",
                                                   "frequency_penalty",
                                                   "tool_choice",
                                                   "reasoning_effort"};

// Numbers that go into generationConfig as they are.
constexpr std::array<std::pair<std::string_view, std::string_view>, 7> numbers{
    {{"temperature", "temperature"},
     {"top_p", "topP"},
     {"top_k", "topK"},
     {"n", "candidateCount"},
     {"seed", "seed"},
     {"presence_penalty", "presencePenalty"},
     {"frequency_penalty", "frequencyPenalty"}}};

// Google's word for "this call's signature is not at hand" (docs/thought-signatures, FAQ).
constexpr std::string_view skip_signature = "skip_thought_signature_validator";

// 1, 2, 3, ...: from the name's first figure. Names without one (gemini-flash-latest) follow the newest, 3 at
// least; 0: no Gemini.
int generation(std::string_view model) {
  if (model.starts_with("models/")) model.remove_prefix(7);
  if (!model.starts_with("gemini-") || model.size() == 7) return 0;
  const char figure = model[7];
  return figure >= '1' && figure <= '9' ? figure - '0' : 3;
}

Result<Json> media_part(const ContentPart& part, const std::string& at) {
  const auto inline_data = [](std::string_view media_type, std::string_view data) {
    return Json{{"inlineData", Json{{"mimeType", media_type}, {"data", data}}}};
  };
  if (part.type == ContentPart::Type::audio) {
    if (part.detail != "wav" && part.detail != "mp3")
      return malformed(at + ".input_audio.format", "be wav or mp3");
    return inline_data(part.detail == "wav" ? "audio/wav" : "audio/mp3", part.text);
  }
  if (const auto data = data_url(part.text)) return inline_data(data->media_type, data->base64);
  // Google fetches public and signed URLs itself (docs/file-input-methods).
  if (part.type == ContentPart::Type::image && part.text.starts_with("https://"))
    return Json{{"fileData", Json{{"fileUri", part.text}}}};
  return cannot_carry(kind, at, "give it as a data: URL in base64 or an https URL");
}

// The conversation, message by message.
class Conversation {
 public:
  explicit Conversation(bool wants_signatures) : wants_signatures_(wants_signatures) {}

  Result<void> add(const Json& message, const std::string& at) {
    if (auto checked = check_message(message, at, kind); !checked) return checked;
    const std::string& role = *string_in(message, "role");
    const bool answers_call = role == "tool";
    if (!answers_call) in_results_ = false;
    if (role == "system" || role == "developer") return add_system(message, at);
    if (role == "user") return add_user(message, at);
    if (role == "assistant") return add_assistant(message, at);
    if (answers_call) return add_result(message, at);
    return malformed(at + ".role", "be system, developer, user, assistant or tool");
  }

  Json system = Json::array();
  Json contents = Json::array();

 private:
  Result<void> add_system(const Json& message, const std::string& at) {
    const auto text = content_text(given(message, "content"), at + ".content", kind);
    if (!text) return std::unexpected(text.error());
    system.push_back(Json{{"text", *text}});
    return {};
  }

  Result<void> add_user(const Json& message, const std::string& at) {
    const auto parts = content_parts(given(message, "content"), at + ".content");
    if (!parts) return std::unexpected(parts.error());
    if (parts->empty()) return malformed(at + ".content", "hold something");
    Json said = Json::array();
    for (std::size_t i = 0; i < parts->size(); ++i) {
      const ContentPart& part = (*parts)[i];
      if (part.type == ContentPart::Type::text) {
        said.push_back(Json{{"text", part.text}});
        continue;
      }
      auto media = media_part(part, fmt::format("{}.content[{}]", at, i));
      if (!media) return std::unexpected(media.error());
      said.push_back(std::move(*media));
    }
    turn("user", std::move(said));
    return {};
  }

  Result<void> add_assistant(const Json& message, const std::string& at) {
    auto text = content_text(given(message, "content"), at + ".content", kind);
    if (!text) return std::unexpected(text.error());
    if (const std::string* refusal = string_in(message, "refusal")) *text += *refusal;
    const auto calls = tool_calls(message, at);
    if (!calls) return std::unexpected(calls.error());
    Json said = Json::array();
    const std::string_view signature = thought_signature(message);
    if (!text->empty() || !signature.empty()) {
      said.push_back(Json{{"text", *text}});
      if (!signature.empty()) said.back()["thoughtSignature"] = signature;
    }
    for (std::size_t i = 0; i < calls->size(); ++i) {
      auto part = call_part((*calls)[i], i == 0, fmt::format("{}.tool_calls[{}]", at, i));
      if (!part) return std::unexpected(part.error());
      said.push_back(std::move(*part));
    }
    if (said.empty()) return malformed(at + ".content", "hold something");
    turn("model", std::move(said));
    return {};
  }

  Result<Json> call_part(const ToolCall& call, bool first, const std::string& at) {
    const auto args = parsed_object(call.arguments.empty() ? "{}" : call.arguments);
    if (!args) return malformed(at + ".function.arguments", "be a JSON object as text");
    names_[call.id] = call.name;
    Json part{{"functionCall", Json{{"id", call.id}, {"name", call.name}, {"args", *args}}}};
    if (!call.thought_signature.empty()) {
      part["thoughtSignature"] = call.thought_signature;
    } else if (first && wants_signatures_) {
      part["thoughtSignature"] = skip_signature;
    }
    return part;
  }

  // Results that follow one another answer one turn's calls and stand in one content.
  Result<void> add_result(const Json& message, const std::string& at) {
    const std::string* id = string_in(message, "tool_call_id");
    const auto call = id == nullptr ? names_.end() : names_.find(*id);
    if (call == names_.end()) return malformed(at + ".tool_call_id", "be the id of a call made before");
    auto text = content_text(given(message, "content"), at + ".content", kind);
    if (!text) return std::unexpected(text.error());
    Json part{{"functionResponse",
               Json{{"id", *id}, {"name", call->second}, {"response", Json{{"output", std::move(*text)}}}}}};
    if (!std::exchange(in_results_, true)) turn("user", Json::array());
    contents.back()["parts"].push_back(std::move(part));
    return {};
  }

  void turn(std::string_view role, Json parts) {
    contents.push_back(Json{{"role", role}, {"parts", std::move(parts)}});
  }

  bool wants_signatures_;
  std::map<std::string_view, std::string_view> names_;  // of functions, by the call's id
  bool in_results_ = false;                             // the last turn holds results
};

Result<Json> thinking_config(std::string_view model, const std::string& effort) {
  const int made = generation(model);
  if (made < 2) return cannot_carry(kind, "reasoning_effort", "the model does not reason");
  const bool pro = model.find("-pro") != std::string_view::npos;
  if (effort == "none" && (pro || made > 2))
    return cannot_carry(kind, "reasoning_effort", "this model's reasoning cannot be turned off");
  if (made == 2) {
    constexpr std::array<std::pair<std::string_view, int>, 5> budgets{
        {{"none", 0}, {"minimal", 1024}, {"low", 1024}, {"medium", 8192}, {"high", 24576}}};
    for (const auto& [word, budget] : budgets) {
      if (effort == word) return Json{{"thinkingBudget", budget}};
    }
  } else if (effort == "minimal") {
    return Json{{"thinkingLevel", pro ? "low" : "minimal"}};
  } else if (effort == "low" || effort == "medium" || effort == "high") {
    return Json{{"thinkingLevel", effort}};
  }
  return cannot_carry(kind, "reasoning_effort", "it can be none, minimal, low, medium or high");
}

Result<Json> generation_config(const Json& chat, std::string_view model) {
  Json config = Json::object();
  const auto most = max_tokens(chat);
  if (!most) return std::unexpected(most.error());
  if (*most != nullptr) config["maxOutputTokens"] = **most;
  for (const auto& [field, name] : numbers) {
    const auto number = number_field(chat, field);
    if (!number) return std::unexpected(number.error());
    if (*number != nullptr) config[std::string(name)] = **number;
  }
  auto stop = stop_sequences(chat);
  if (!stop) return std::unexpected(stop.error());
  if (!stop->is_null()) config["stopSequences"] = std::move(*stop);
  const auto format = response_format(chat, kind);
  if (!format) return std::unexpected(format.error());
  if (format->json) config["responseMimeType"] = "application/json";
  if (format->schema != nullptr) config["responseJsonSchema"] = *format->schema;
  if (const Json* effort = given(chat, "reasoning_effort")) {
    if (!effort->is_string()) return malformed("reasoning_effort", "be a string");
    auto thinking = thinking_config(model, effort->get_ref<const std::string&>());
    if (!thinking) return std::unexpected(thinking.error());
    config["thinkingConfig"] = std::move(*thinking);
  }
  return config;
}

Result<void> add_tools(const Json& chat, Json& request) {
  const auto declared = functions(chat, kind);
  if (!declared) return std::unexpected(declared.error());
  if (!declared->empty()) {
    Json declarations = Json::array();
    for (const Function& function : *declared) {
      Json declaration{{"name", function.name}};
      if (function.description != nullptr) declaration["description"] = *function.description;
      if (function.parameters != nullptr) declaration["parametersJsonSchema"] = *function.parameters;
      declarations.push_back(std::move(declaration));
    }
    request["tools"] = Json::array();
    request["tools"].push_back(Json{{"functionDeclarations", std::move(declarations)}});
  }
  const auto choice = tool_choice(chat, kind);
  if (!choice) return std::unexpected(choice.error());
  if (choice->mode == ToolChoice::Mode::unsaid) return {};
  constexpr std::array<std::string_view, 5> words{"", "AUTO", "NONE", "ANY", "ANY"};
  Json config{{"mode", words[static_cast<std::size_t>(choice->mode)]}};
  if (choice->mode == ToolChoice::Mode::named) {
    config["allowedFunctionNames"] = Json::array();
    config["allowedFunctionNames"].push_back(choice->name);
  }
  request["toolConfig"] = Json{{"functionCallingConfig", std::move(config)}};
  return {};
}

}  // namespace

Result<Json> request_from_chat(const Json& chat) {
  if (auto checked = check_fields(chat, carried, kind); !checked) return std::unexpected(checked.error());
  const std::string* model = string_in(chat, "model");
  if (model == nullptr) return malformed("model", "be a string");
  const Json* messages = array_in(chat, "messages");
  if (messages == nullptr) return malformed("messages", "be an array");
  Conversation conversation(generation(*model) >= 3);
  for (std::size_t i = 0; i < messages->size(); ++i) {
    if (auto added = conversation.add((*messages)[i], fmt::format("messages[{}]", i)); !added)
      return std::unexpected(added.error());
  }
  if (conversation.contents.empty()) return malformed("messages", "hold more than a system message");
  Json request = Json::object();
  if (!conversation.system.empty())
    request["systemInstruction"] = Json{{"parts", std::move(conversation.system)}};
  request["contents"] = std::move(conversation.contents);
  if (auto added = add_tools(chat, request); !added) return std::unexpected(added.error());
  auto config = generation_config(chat, *model);
  if (!config) return std::unexpected(config.error());
  if (!config->empty()) request["generationConfig"] = std::move(*config);
  return request;
}

Result<Json> embeddings_from_openai(const Json& request) {
  constexpr std::array<std::string_view, 4> fields{"model", "input", "dimensions", "encoding_format"};
  if (auto checked = check_embedding_fields(request, fields, kind); !checked)
    return std::unexpected(checked.error());
  const std::string* model = string_in(request, "model");
  if (model == nullptr) return malformed("model", "be a string");
  const auto inputs = embedding_inputs(request, kind);
  if (!inputs) return std::unexpected(inputs.error());
  const auto dimensions = number_field(request, "dimensions");
  if (!dimensions) return std::unexpected(dimensions.error());
  Json list = Json::array();
  for (const std::string& text : *inputs) {
    Json parts = Json::array();
    parts.push_back(Json{{"text", text}});
    Json one{{"model", model_resource(*model)}, {"content", Json{{"parts", std::move(parts)}}}};
    if (*dimensions != nullptr) one["outputDimensionality"] = **dimensions;
    list.push_back(std::move(one));
  }
  return Json{{"requests", std::move(list)}};
}

}  // namespace govctl::providers::gemini
