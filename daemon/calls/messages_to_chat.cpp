// A Messages request said as a chat request, for providers that speak chat or are reached by way of it.

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "daemon/calls/messages.h"

namespace govctl::calls::messages {

using providers::Json;

namespace {

std::unexpected<Error> cannot(std::string_view field, std::string_view why) {
  return fail(Code::invalid, fmt::format("field '{}' cannot be carried to this provider: {}", field, why));
}

// A member that is there and not null.
const Json* given(const Json& object, const char* key) {
  if (!object.is_object()) return nullptr;
  const auto found = object.find(key);
  return found == object.end() || found->is_null() ? nullptr : &*found;
}

const std::string* text_of(const Json& value) {
  return value.is_string() ? value.get_ptr<const std::string*>() : nullptr;
}

const std::string* text_of(const Json& object, const char* key) {
  const Json* value = given(object, key);
  return value == nullptr ? nullptr : text_of(*value);
}

bool is_type(const Json& object, std::string_view type) {
  const std::string* word = text_of(object, "type");
  return word != nullptr && *word == type;
}

// --- fields
// ------------------------------------------------------------------------------------------------------

bool always(const Json& /*value*/) { return true; }
bool is_empty(const Json& value) { return value.is_structured() && value.empty(); }
bool is_any_tier(const Json& value) { return value == Json("auto") || value == Json("standard_only"); }
bool is_standard(const Json& value) { return value == Json("standard"); }
bool is_global(const Json& value) { return value == Json("global"); }

// Fields that chat has no word for, and the values at which leaving them out changes nothing that was asked.
struct Dropped {
  std::string_view field;
  bool (*harmless)(const Json& value);
  std::string_view why;
};
constexpr std::array dropped{
    Dropped{"cache_control", always, "a hint for a cache"},
    Dropped{"thinking", always, "how to get there: another model thinks as it does"},
    Dropped{"top_k", always, "a hint for sampling that few providers take"},
    Dropped{"context_management", always, "an economy: without it the model sees more, not less"},
    Dropped{"diagnostics", always, "about Anthropic's cache"},
    Dropped{"service_tier", is_any_tier, "the ordinary tiers"},
    Dropped{"speed", is_standard, "the default"},
    Dropped{"inference_geo", is_global, "the default"},
    Dropped{"mcp_servers", is_empty, "none"},
    Dropped{"fallbacks", is_empty, "none"},
};
constexpr std::array<std::string_view, 12> carried{
    "model",  "messages", "system",         "max_tokens",  "metadata",    "tools",
    "stream", "top_p",    "stop_sequences", "tool_choice", "temperature", "output_config"};

Result<void> check_fields(const Json& request, Json& /*chat*/) {
  for (const auto& [name, value] : request.items()) {
    if (value.is_null() || std::ranges::find(carried, name) != carried.end()) continue;
    const auto found = std::ranges::find(dropped, name, &Dropped::field);
    if (found == dropped.end() || !found->harmless(value)) return cannot(name, "chat has nothing like it");
  }
  return {};
}

Result<void> carry_plain(const Json& request, Json& chat) {
  for (const char* const field : {"model", "max_tokens", "stream", "temperature", "top_p"}) {
    if (const Json* value = given(request, field)) chat[field] = *value;
  }
  if (const Json* stop = given(request, "stop_sequences"); stop != nullptr && !stop->empty())
    chat["stop"] = *stop;
  const Json* metadata = given(request, "metadata");
  const Json* user = metadata == nullptr ? nullptr : given(*metadata, "user_id");
  if (user != nullptr) chat["user"] = *user;
  return {};
}

// What is asked of the answer's form; the effort (and a task's budget) is a hint.
Result<void> carry_output_config(const Json& request, Json& chat) {
  const Json* config = given(request, "output_config");
  const Json* format = config == nullptr ? nullptr : given(*config, "format");
  if (format == nullptr) return {};
  const Json* schema = given(*format, "schema");
  if (!is_type(*format, "json_schema") || schema == nullptr)
    return cannot("output_config.format", "no JSON schema");
  chat["response_format"] = {{"type", "json_schema"},
                             {"json_schema", {{"name", "answer"}, {"strict", true}, {"schema", *schema}}}};
  return {};
}

// --- content
// -----------------------------------------------------------------------------------------------------

Json text_part(std::string text) { return {{"type", "text"}, {"text", std::move(text)}}; }

std::optional<std::string> data_url(const Json& source) {
  const std::string* media = text_of(source, "media_type");
  const std::string* data = text_of(source, "data");
  if (!is_type(source, "base64") || media == nullptr || data == nullptr) return std::nullopt;
  return fmt::format("data:{};base64,{}", *media, *data);
}

Result<Json> image_part(const Json& block, const std::string& where) {
  const Json* source = given(block, "source");
  auto url = source == nullptr ? std::nullopt : data_url(*source);
  if (!url && source != nullptr && is_type(*source, "url")) {
    const std::string* address = text_of(*source, "url");
    if (address != nullptr) url = *address;
  }
  if (!url) return cannot(where, "an image must be base64 data or a URL");
  return Json{{"type", "image_url"}, {"image_url", {{"url", *url}}}};
}

Result<Json> document_part(const Json& block, const std::string& where) {
  const Json* source = given(block, "source");
  const std::string* title = text_of(block, "title");
  if (source != nullptr && is_type(*source, "text")) {
    const std::string* data = text_of(*source, "data");
    if (data != nullptr) return text_part(title == nullptr ? *data : fmt::format("{}\n\n{}", *title, *data));
  }
  auto url = source == nullptr ? std::nullopt : data_url(*source);
  if (!url) return cannot(where, "a document must be text or base64 data");
  return Json{{"type", "file"},
              {"file", {{"filename", title == nullptr ? "document.pdf" : *title}, {"file_data", *url}}}};
}

Result<Json> part_from(const Json& block, const std::string& where) {
  const std::string* type = text_of(block, "type");
  if (type == nullptr) return cannot(where, "its 'type' must be a string");
  if (*type == "text") {
    const std::string* text = text_of(block, "text");
    return text == nullptr ? cannot(where, "its text must be a string") : Result<Json>(text_part(*text));
  }
  if (*type == "image") return image_part(block, where);
  if (*type == "document") return document_part(block, where);
  if (*type == "tool_reference") {  // the tool itself is among the request's tools
    const std::string* name = text_of(block, "tool_name");
    return text_part(fmt::format("The tool {} is available.", name == nullptr ? "" : *name));
  }
  return cannot(where, fmt::format("content of type '{}'", *type));
}

// Content that is text, a list of blocks, or absent, as a list of blocks.
Result<Json> blocks_of(const Json& object, const char* key, const std::string& where) {
  const Json* content = given(object, key);
  if (content == nullptr) return Json::array();
  if (const std::string* text = text_of(*content)) return Json::array({text_part(*text)});
  if (!content->is_array()) return cannot(where, "it must be text or a list of blocks");
  return *content;
}

// Text alone as a string: many servers take no parts.
Json content_from(Json parts) {
  if (parts.size() == 1 && is_type(parts[0], "text")) return parts[0]["text"];
  return parts;
}

Result<std::string> joined_text(const Json& blocks, std::string_view separator, const std::string& where) {
  std::string joined;
  for (const Json& block : blocks) {
    const std::string* text = is_type(block, "text") ? text_of(block, "text") : nullptr;
    if (text == nullptr) return cannot(where, "it holds more than text");
    if (!joined.empty()) joined += separator;
    joined += *text;
  }
  return joined;
}

// --- messages
// ----------------------------------------------------------------------------------------------------

// A tool's result is text in chat: what else it holds follows as the user's. Chat has no is_error; the word
// says it.
Result<void> carry_tool_result(const Json& block, const std::string& where, Json& messages, Json& rest) {
  const std::string* id = text_of(block, "tool_use_id");
  if (id == nullptr) return cannot(where + ".tool_use_id", "it must be a string");
  auto blocks = blocks_of(block, "content", where + ".content");
  if (!blocks) return std::unexpected(blocks.error());
  const Json* is_error = given(block, "is_error");
  std::string text = is_error != nullptr && *is_error == Json(true) ? "Error: " : "";
  for (std::size_t i = 0; i < blocks->size(); ++i) {
    auto part = part_from((*blocks)[i], fmt::format("{}.content[{}]", where, i));
    if (!part) return std::unexpected(part.error());
    if (is_type(*part, "text")) {
      text += *text_of(*part, "text");
    } else {
      text += fmt::format("[{} follows]", is_type(*part, "file") ? "document" : "image");
      rest.push_back(std::move(*part));
    }
  }
  messages.push_back({{"role", "tool"}, {"tool_call_id", *id}, {"content", std::move(text)}});
  return {};
}

// Results come first: chat wants them right behind the calls.
Result<void> carry_user(const Json& blocks, const std::string& where, Json& messages) {
  Json rest = Json::array();
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    const std::string here = fmt::format("{}.content[{}]", where, i);
    if (is_type(blocks[i], "tool_result")) {
      auto done = carry_tool_result(blocks[i], here, messages, rest);
      if (!done) return done;
      continue;
    }
    auto part = part_from(blocks[i], here);
    if (!part) return std::unexpected(part.error());
    rest.push_back(std::move(*part));
  }
  if (!rest.empty()) messages.push_back({{"role", "user"}, {"content", content_from(std::move(rest))}});
  return {};
}

Result<void> carry_assistant(const Json& blocks, const std::string& where, Json& messages) {
  Json text = Json::array();
  Json calls = Json::array();
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    const Json& block = blocks[i];
    if (is_type(block, "thinking") || is_type(block, "redacted_thinking")) continue;
    if (is_type(block, "text")) {
      text.push_back(block);
      continue;
    }
    const std::string here = fmt::format("{}.content[{}]", where, i);
    const std::string* id = text_of(block, "id");
    const std::string* name = text_of(block, "name");
    const Json* input = given(block, "input");
    if (!is_type(block, "tool_use") || id == nullptr || name == nullptr) {
      return cannot(here, "an earlier answer can hold text and calls of the client's tools");
    }
    std::string arguments =
        input == nullptr ? "{}" : input->dump(-1, ' ', false, Json::error_handler_t::replace);
    calls.push_back({{"id", *id},
                     {"type", "function"},
                     {"function", {{"name", *name}, {"arguments", std::move(arguments)}}}});
  }
  auto joined = joined_text(text, "", where + ".content");
  if (!joined) return std::unexpected(joined.error());
  if (joined->empty() && calls.empty()) return {};
  Json message{{"role", "assistant"}, {"content", nullptr}};
  if (!joined->empty()) message["content"] = std::move(*joined);
  if (!calls.empty()) message["tool_calls"] = std::move(calls);
  messages.push_back(std::move(message));
  return {};
}

Result<void> carry_system(const Json& blocks, const std::string& where, Json& messages) {
  auto text = joined_text(blocks, "\n\n", where);
  if (!text) return std::unexpected(text.error());
  if (!text->empty()) messages.push_back({{"role", "system"}, {"content", std::move(*text)}});
  return {};
}

Result<void> carry_messages(const Json& request, Json& chat) {
  Json messages = Json::array();
  auto system = blocks_of(request, "system", "system");
  if (!system) return std::unexpected(system.error());
  if (auto done = carry_system(*system, "system", messages); !done) return done;
  const Json* list = given(request, "messages");
  if (list == nullptr || !list->is_array()) return cannot("messages", "it must be a list");
  for (std::size_t i = 0; i < list->size(); ++i) {
    const Json& message = (*list)[i];
    const std::string where = fmt::format("messages[{}]", i);
    const std::string* role = text_of(message, "role");
    auto blocks = blocks_of(message, "content", where + ".content");
    if (!blocks) return std::unexpected(blocks.error());
    Result<void> done = cannot(where + ".role", "it must be user, assistant or system");
    if (role != nullptr && *role == "user") done = carry_user(*blocks, where, messages);
    if (role != nullptr && *role == "assistant") done = carry_assistant(*blocks, where, messages);
    if (role != nullptr && *role == "system") done = carry_system(*blocks, where + ".content", messages);
    if (!done) return done;
  }
  chat["messages"] = std::move(messages);
  return {};
}

// --- tools
// -------------------------------------------------------------------------------------------------------

Result<Json> tool_from(const Json& tool, const std::string& where) {
  const std::string* type = text_of(tool, "type");
  if (type != nullptr && *type != "custom") {
    return cannot(where, fmt::format("'{}' is a tool of Anthropic's own", *type));
  }
  const std::string* name = text_of(tool, "name");
  if (name == nullptr) return cannot(where + ".name", "it must be a string");
  Json function{{"name", *name}};
  if (const std::string* description = text_of(tool, "description")) function["description"] = *description;
  if (const Json* schema = given(tool, "input_schema")) function["parameters"] = *schema;
  const Json* strict = given(tool, "strict");
  if (strict != nullptr && *strict == Json(true)) function["strict"] = true;
  return Json{{"type", "function"}, {"function", std::move(function)}};
}

Result<Json> choice_from(const Json& choice) {
  if (is_type(choice, "auto")) return Json("auto");
  if (is_type(choice, "any")) return Json("required");
  if (is_type(choice, "none")) return Json("none");
  const std::string* name = text_of(choice, "name");
  if (!is_type(choice, "tool") || name == nullptr)
    return cannot("tool_choice", "it must be auto, any, none or a tool");
  return Json{{"type", "function"}, {"function", {{"name", *name}}}};
}

Result<void> carry_tools(const Json& request, Json& chat) {
  const Json* tools = given(request, "tools");
  if (tools == nullptr) return {};
  if (!tools->is_array()) return cannot("tools", "it must be a list");
  Json made = Json::array();
  for (std::size_t i = 0; i < tools->size(); ++i) {
    auto tool = tool_from((*tools)[i], fmt::format("tools[{}]", i));
    if (!tool) return std::unexpected(tool.error());
    made.push_back(std::move(*tool));
  }
  if (made.empty()) return {};
  chat["tools"] = std::move(made);
  const Json* choice = given(request, "tool_choice");
  if (choice == nullptr) return {};
  auto said = choice_from(*choice);
  if (!said) return std::unexpected(said.error());
  chat["tool_choice"] = std::move(*said);
  const Json* serial = given(*choice, "disable_parallel_tool_use");
  if (serial != nullptr && *serial == Json(true)) chat["parallel_tool_calls"] = false;
  return {};
}

}  // namespace

Result<Json> request_to_chat(const Json& request) {
  if (!request.is_object()) return fail(Code::invalid, "the body is not a JSON object");
  Json chat = Json::object();
  for (const auto step : {check_fields, carry_plain, carry_messages, carry_tools, carry_output_config}) {
    if (auto done = step(request, chat); !done) return std::unexpected(done.error());
  }
  return chat;
}

}  // namespace govctl::calls::messages
