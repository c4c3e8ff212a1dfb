// A request in the Responses dialect said as a chat request, for providers without /v1/responses.

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "daemon/calls/responses.h"

namespace govctl::calls::responses {

using providers::Json;

namespace {

// Read one by one below.
constexpr std::array<std::string_view, 13> carried{"model",
                                                   "input",
                                                   "instructions",
                                                   "max_output_tokens",
                                                   "stream",
                                                   "tools",
                                                   "tool_choice",
                                                   "text",
                                                   "user",
                                                   "reasoning",
                                                   "temperature",
                                                   "top_p",
                                                   "parallel_tool_calls"};

// Hints: an answer without them is still the answer that was asked for.
struct Hint {
  std::string_view field;
  std::string_view why;
};
constexpr std::array hints{
    Hint{"store", "nothing is kept here, and nothing that is kept can be asked for"},
    Hint{"metadata", "goes with what is stored"},
    Hint{"client_metadata", "Codex's word on itself"},
    Hint{"prompt_cache_key", "where OpenAI looks for a cached prompt"},
    Hint{"prompt_cache_retention", "how long OpenAI keeps it"},
    Hint{"safety_identifier", "who the user is: the usage event has it"},
    Hint{"truncation", "what is too long is the provider's error, as with 'disabled'"},
    Hint{"max_tool_calls", "bounds the tools that run at the provider: there are none"},
    Hint{"stream_options", "padding of the events against who listens on the wire"},
};

// What `include` may ask for: about things that are not in an answer through chat.
constexpr std::array<std::string_view, 6> harmless_includes{
    "reasoning.encrypted_content", "web_search_call.action.sources", "web_search_call.results",
    "file_search_call.results",    "code_interpreter_call.outputs",  "computer_call_output.output.image_url"};

// Items of a conversation that say nothing to another model: reasoning is sealed for the one that did it, and a
// search at the provider left its findings in the answer that followed.
constexpr std::array<std::string_view, 2> dropped_items{"reasoning", "web_search_call"};

std::unexpected<Error> cannot(std::string_view field, std::string_view why) {
  return fail(Code::invalid,
              fmt::format("field '{}' cannot be carried to this model's provider: {}", field, why));
}

// Null (of JSON) when it is not there.
const Json& member(const Json& object, const char* name) {
  static const Json none;
  if (!object.is_object()) return none;
  const auto found = object.find(name);
  return found == object.end() ? none : *found;
}

std::string_view text_of(const Json& object, const char* name) {
  const Json& value = member(object, name);
  return value.is_string() ? std::string_view(value.get_ref<const std::string&>()) : std::string_view{};
}

Result<void> check_fields(const Json& request) {
  for (const auto& [field, value] : request.items()) {
    const bool known = std::ranges::find(carried, field) != carried.end() ||
                       std::ranges::find(hints, field, &Hint::field) != hints.end();
    if (known || value.is_null()) continue;
    if (field == "background" && value == false) continue;
    if (field == "top_logprobs" && value == 0) continue;
    if (field == "service_tier" && (value == "auto" || value == "default")) continue;
    if (field == "include" && value.is_array()) {
      const auto asks = std::ranges::find_if(value, [](const Json& what) {
        return !what.is_string() || std::ranges::find(harmless_includes, what.get_ref<const std::string&>()) ==
                                        harmless_includes.end();
      });
      if (asks == value.end()) continue;
    }
    const bool state = field == "previous_response_id" || field == "conversation" || field == "background" ||
                       field == "prompt";
    return cannot(field, state ? "it has no server state" : "chat has no place for it");
  }
  return {};
}

// --- content
// -----------------------------------------------------------------------------------------------------

Result<Json> image_part(const Json& part, std::string_view where) {
  const std::string_view url = text_of(part, "image_url");
  if (url.empty()) return cannot(where, "an image must be given by its image_url");
  Json image{{"url", url}};
  const std::string_view detail = text_of(part, "detail");
  if (!detail.empty()) image["detail"] = detail;
  return Json{{"type", "image_url"}, {"image_url", std::move(image)}};
}

Result<Json> file_part(const Json& part, std::string_view where) {
  const std::string_view data = text_of(part, "file_data");
  if (data.empty()) return cannot(where, "a file must be given by its file_data");
  Json file{{"file_data", data}};
  const std::string_view name = text_of(part, "filename");
  if (!name.empty()) file["filename"] = name;
  return Json{{"type", "file"}, {"file", std::move(file)}};
}

Result<Json> content_part(const Json& part, std::string_view where) {
  const std::string_view type = text_of(part, "type");
  if (type == "input_text" || type == "output_text" || type == "text") {
    if (!member(part, "text").is_string()) return cannot(where, "a part without its text");
    return Json{{"type", "text"}, {"text", part["text"]}};
  }
  if (type == "refusal") return Json{{"type", "text"}, {"text", text_of(part, "refusal")}};
  if (type == "input_image") return image_part(part, where);
  if (type == "input_file") return file_part(part, where);
  if (type == "input_audio" && member(part, "input_audio").is_object()) {
    return Json{{"type", "input_audio"}, {"input_audio", part["input_audio"]}};
  }
  return cannot(where, fmt::format("a part of type '{}'", type));
}

// The parts of a message or a result, text apart from the rest.
struct Content {
  Json parts = Json::array();
  std::string text;  // of all text parts
  bool text_only = true;
};
Result<Content> read_content(const Json& value, std::string_view where) {
  Content content;
  if (value.is_string()) {
    content.text = value.get<std::string>();
    content.parts.push_back({{"type", "text"}, {"text", content.text}});
    return content;
  }
  if (!value.is_array()) return cannot(where, "content must be a string or an array");
  for (const Json& each : value) {
    auto part = content_part(each, where);
    if (!part) return std::unexpected(part.error());
    if ((*part)["type"] == "text") {
      content.text += (*part)["text"].get_ref<const std::string&>();
    } else {
      content.text_only = false;
    }
    content.parts.push_back(std::move(*part));
  }
  return content;
}

// --- items
// ---------------------------------------------------------------------------------------------------------

// Builds the list of messages. Chat wants all calls of a turn in one message, and their results right behind
// it.
class Conversation {
 public:
  void instructions(const std::string& text) { messages_.push_back({{"role", "system"}, {"content", text}}); }

  Result<void> item(const Json& item, std::string_view where) {
    const std::string_view type = text_of(item, "type");
    if (type == "function_call_output" || type == "custom_tool_call_output") return result(item, where);
    flush();
    if (type == "message" || (member(item, "type").is_null() && !text_of(item, "role").empty())) {
      return message(item, where);
    }
    if (type == "function_call" || type == "custom_tool_call") return call(item, type, where);
    if (std::ranges::find(dropped_items, type) != dropped_items.end()) return {};
    return cannot(where, fmt::format("an item of type '{}'", type));
  }

  Json take() {
    flush();
    return std::move(messages_);
  }

 private:
  Result<void> message(const Json& item, std::string_view where) {
    auto content = read_content(member(item, "content"), where);
    if (!content) return std::unexpected(content.error());
    const std::string_view role = text_of(item, "role");
    if (role == "assistant") {
      if (!content->text_only) return cannot(where, "an assistant's message that is not text");
      Json& said = assistant()["content"];
      said = said.is_string() ? said.get<std::string>() + "\n" + content->text : content->text;
      return {};
    }
    const bool system = role == "system" || role == "developer";
    if (!system && role != "user") return cannot(where, fmt::format("a message of role '{}'", role));
    const bool one_text = content->text_only && content->parts.size() < 2;
    messages_.push_back({{"role", system ? "system" : "user"},
                         {"content", one_text ? Json(std::move(content->text)) : std::move(content->parts)}});
    return {};
  }

  Result<void> call(const Json& item, std::string_view type, std::string_view where) {
    const std::string_view id = text_of(item, "call_id");
    const std::string_view name = text_of(item, "name");
    if (id.empty() || name.empty()) return cannot(where, "a call without call_id or name");
    if (!text_of(item, "namespace").empty()) return cannot(where, "a call into a namespace");
    Json call{{"id", id}};
    if (type == "function_call") {
      call["type"] = "function";
      call["function"] = {{"name", name}, {"arguments", text_of(item, "arguments")}};
    } else {
      call["type"] = "custom";
      call["custom"] = {{"name", name}, {"input", text_of(item, "input")}};
    }
    assistant()["tool_calls"].push_back(std::move(call));
    return {};
  }

  Result<void> result(const Json& item, std::string_view where) {
    const std::string_view id = text_of(item, "call_id");
    if (id.empty()) return cannot(where, "a result without call_id");
    auto content = read_content(member(item, "output"), where);
    if (!content) return std::unexpected(content.error());
    messages_.push_back({{"role", "tool"}, {"tool_call_id", id}, {"content", std::move(content->text)}});
    for (Json& part : content->parts) {
      if (part["type"] != "text") media_.push_back(std::move(part));
    }
    return {};
  }

  // A tool's message is text in chat: what else it found follows its turn's results as the user's.
  void flush() {
    if (media_.empty()) return;
    messages_.push_back({{"role", "user"}, {"content", std::move(media_)}});
    media_ = Json::array();
  }

  // The assistant's turn that the last item belongs to.
  Json& assistant() {
    if (messages_.empty() || messages_.back()["role"] != "assistant") {
      messages_.push_back({{"role", "assistant"}, {"content", nullptr}});
    }
    return messages_.back();
  }

  Json messages_ = Json::array();
  Json media_ = Json::array();
};

Result<Json> messages(const Json& request) {
  Conversation conversation;
  const Json& instructions = member(request, "instructions");
  if (instructions.is_string()) {
    conversation.instructions(instructions.get<std::string>());
  } else if (!instructions.is_null()) {
    return cannot("instructions", "they must be a string");
  }
  const Json& input = member(request, "input");
  if (input.is_string()) {
    if (auto ok = conversation.item({{"role", "user"}, {"content", input}}, "input"); !ok) {
      return std::unexpected(ok.error());
    }
    return conversation.take();
  }
  if (!input.is_array()) return cannot("input", "it must be a string or an array");
  for (std::size_t i = 0; i < input.size(); ++i) {
    if (auto ok = conversation.item(input[i], fmt::format("input[{}]", i)); !ok) {
      return std::unexpected(ok.error());
    }
  }
  return conversation.take();
}

// --- tools
// ---------------------------------------------------------------------------------------------------------

// The members of `from` that are there.
Json picked(const Json& from, std::initializer_list<const char*> names) {
  Json to = Json::object();
  for (const char* name : names) {
    const Json& value = member(from, name);
    if (!value.is_null()) to[name] = value;
  }
  return to;
}

Result<Json> tool(const Json& from, std::string_view where) {
  const std::string_view type = text_of(from, "type");
  if (type == "function") {
    Json function = picked(from, {"name", "description", "parameters"});
    if (member(from, "strict") == true) function["strict"] = true;  // false is chat's default
    return Json{{"type", "function"}, {"function", std::move(function)}};
  }
  if (type != "custom") {
    return cannot(where, fmt::format("chat has no tools of type '{}'", type));
  }
  Json custom = picked(from, {"name", "description", "format"});
  if (text_of(member(custom, "format"), "type") == "grammar") {
    custom["format"] = {{"type", "grammar"}, {"grammar", picked(custom["format"], {"syntax", "definition"})}};
  }
  return Json{{"type", "custom"}, {"custom", std::move(custom)}};
}

Result<void> put_choice(const Json& choice, Json& chat) {
  if (choice.is_string()) {
    chat["tool_choice"] = choice;
    return {};
  }
  const std::string_view type = text_of(choice, "type");
  const std::string_view name = text_of(choice, "name");
  if ((type != "function" && type != "custom") || name.empty()) {
    return cannot("tool_choice", "it must be none, auto, required, or name a function");
  }
  chat["tool_choice"] = {{"type", type}, {type, {{"name", name}}}};
  return {};
}

Result<void> put_tools(const Json& request, Json& chat) {
  const Json& tools = member(request, "tools");
  if (!tools.is_null() && !tools.is_array()) return cannot("tools", "it must be an array");
  for (std::size_t i = 0; i < tools.size(); ++i) {
    auto made = tool(tools[i], fmt::format("tools[{}]", i));
    if (!made) return std::unexpected(made.error());
    chat["tools"].push_back(std::move(*made));
  }
  const Json& choice = member(request, "tool_choice");
  // Without tools chat takes no word on them.
  if (tools.empty() && (choice == "auto" || choice == "none")) return {};
  if (!choice.is_null()) {
    if (auto ok = put_choice(choice, chat); !ok) return ok;
  }
  if (!tools.empty() && member(request, "parallel_tool_calls") == false) chat["parallel_tool_calls"] = false;
  return {};
}

// --- the rest
// ------------------------------------------------------------------------------------------------------

Result<void> put_format(const Json& text, Json& chat) {
  if (text.is_null()) return {};
  if (!text.is_object()) return cannot("text", "it must be an object");
  for (const auto& [name, value] : text.items()) {
    // Verbosity is a hint: GPT-5's alone.
    if (name != "format" && name != "verbosity" && !value.is_null()) {
      return cannot("text." + name, "chat has no place for it");
    }
  }
  const Json& format = member(text, "format");
  const std::string_view type = text_of(format, "type");
  if (format.is_null() || type == "text") return {};
  if (type == "json_object") {
    chat["response_format"] = {{"type", "json_object"}};
  } else if (type == "json_schema") {
    chat["response_format"] = {{"type", "json_schema"},
                               {"json_schema", picked(format, {"name", "description", "schema", "strict"})}};
  } else {
    return cannot("text.format", fmt::format("chat has no format '{}'", type));
  }
  return {};
}

Result<void> put_reasoning(const Json& reasoning, Json& chat) {
  if (reasoning.is_null()) return {};
  if (!reasoning.is_object()) return cannot("reasoning", "it must be an object");
  for (const auto& [name, value] : reasoning.items()) {
    if (value.is_null()) continue;
    if (name == "effort" && value.is_string()) {
      chat["reasoning_effort"] = value;
    } else if (name != "summary" &&
               name != "generate_summary") {  // hints: what is shown of it is the provider's choice
      return cannot("reasoning." + name, "chat has no place for it");
    }
  }
  return {};
}

}  // namespace

Result<Json> request_to_chat(const Json& request) {
  if (!request.is_object()) return fail(Code::invalid, "the body is not a JSON object");
  if (auto ok = check_fields(request); !ok) return std::unexpected(ok.error());
  auto conversation = messages(request);
  if (!conversation) return std::unexpected(conversation.error());
  Json chat{{"model", member(request, "model")}, {"messages", std::move(*conversation)}};
  const Json& bound = member(request, "max_output_tokens");
  if (!bound.is_null()) chat["max_tokens"] = bound;
  for (const char* name : {"stream", "temperature", "top_p", "user"}) {
    if (const Json& value = member(request, name); !value.is_null()) chat[name] = value;
  }
  if (auto ok = put_tools(request, chat); !ok) return std::unexpected(ok.error());
  if (auto ok = put_format(member(request, "text"), chat); !ok) return std::unexpected(ok.error());
  if (auto ok = put_reasoning(member(request, "reasoning"), chat); !ok) return std::unexpected(ok.error());
  return chat;
}

}  // namespace govctl::calls::responses
