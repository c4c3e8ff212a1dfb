// A chat request said as a Messages request. What each field of OpenAI's becomes:
// platform.claude.com/docs/en/api/messages,
// .../structured-outputs, .../effort, .../define-tools.

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "daemon/providers/anthropic.h"

namespace govctl::providers::anthropic {
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

const std::string* text_of(const Json* value) {
  return value != nullptr && value->is_string() ? value->get_ptr<const std::string*>() : nullptr;
}

const std::string* text_of(const Json& object, const char* key) { return text_of(given(object, key)); }

bool is_word(const Json& value, std::initializer_list<std::string_view> words) {
  const std::string* text = text_of(&value);
  return text != nullptr && std::ranges::find(words, *text) != words.end();
}

// --- fields
// ------------------------------------------------------------------------------------------------------

bool always(const Json& /*value*/) { return true; }
bool is_false(const Json& value) { return value == Json(false); }
bool is_zero(const Json& value) { return value.is_number() && value == Json(0); }
bool is_one(const Json& value) { return value.is_number() && value == Json(1); }
bool is_empty(const Json& value) { return value.is_structured() && value.empty(); }
bool is_text_alone(const Json& value) { return value == Json::array({"text"}); }
bool is_medium(const Json& value) { return is_word(value, {"medium"}); }
bool is_usual_tier(const Json& value) { return is_word(value, {"auto", "default"}); }

// Fields that Messages has no word for, and the values at which leaving them out changes nothing for the
// client.
struct Dropped {
  std::string_view field;
  bool (*harmless)(const Json& value);
  std::string_view why;
};
constexpr std::array dropped{
    Dropped{"stream_options", always, "the stream says its usage in any case"},
    Dropped{"store", is_false, "nothing is stored"},
    Dropped{"metadata", always, "labels of a stored answer, and none is stored"},
    Dropped{"prompt_cache_key", always, "a hint for another provider's cache"},
    Dropped{"prompt_cache_retention", always, "a hint for another provider's cache"},
    Dropped{"n", is_one, "one answer is what comes"},
    Dropped{"logprobs", is_false, "the default"},
    Dropped{"top_logprobs", is_zero, "the default"},
    Dropped{"logit_bias", is_empty, "the default"},
    Dropped{"frequency_penalty", is_zero, "the default"},
    Dropped{"presence_penalty", is_zero, "the default"},
    Dropped{"modalities", is_text_alone, "the default"},
    Dropped{"verbosity", is_medium, "the default"},
    Dropped{"service_tier", is_usual_tier, "the default"},
};
constexpr std::array<std::string_view, 15> carried{
    "model", "messages", "max_tokens",        "max_completion_tokens", "stream",
    "stop",  "tools",    "tool_choice",       "temperature",           "parallel_tool_calls",
    "top_p", "user",     "safety_identifier", "response_format",       "reasoning_effort"};

Result<void> check_fields(const Json& chat) {
  for (const auto& [name, value] : chat.items()) {
    if (value.is_null()) continue;
    if (name == "functions" || name == "function_call") return cannot(name, "say it as 'tools'");
    if (std::ranges::find(carried, name) != carried.end()) continue;
    const auto found = std::ranges::find(dropped, name, &Dropped::field);
    if (found == dropped.end()) return cannot(name, "the Messages format has nothing like it");
    if (!found->harmless(value)) return cannot(name, "the Messages format does not have this value");
  }
  return {};
}

// --- content
// -----------------------------------------------------------------------------------------------------

Json text_block(const std::string& text) { return {{"type", "text"}, {"text", text}}; }

// "data:image/png;base64,AAAA" -> {type: base64, media_type, data}; nothing when it is not that.
std::optional<Json> inline_source(std::string_view url) {
  constexpr std::string_view scheme = "data:";
  constexpr std::string_view marker = ";base64,";
  const std::size_t at = url.find(marker);
  if (!url.starts_with(scheme) || at == std::string_view::npos) return std::nullopt;
  return Json{{"type", "base64"},
              {"media_type", url.substr(scheme.size(), at - scheme.size())},
              {"data", url.substr(at + marker.size())}};
}

Result<Json> image_block(const Json& part, const std::string& where) {
  const Json* image = given(part, "image_url");
  const std::string* url = image == nullptr ? nullptr : text_of(*image, "url");
  if (url == nullptr) return cannot(where, "an image needs its 'image_url.url'");
  if (auto source = inline_source(*url)) return Json{{"type", "image"}, {"source", std::move(*source)}};
  if (!url->starts_with("https://")) return cannot(where, "an image's URL must be https or base64 data");
  return Json{{"type", "image"}, {"source", {{"type", "url"}, {"url", *url}}}};
}

Result<Json> file_block(const Json& part, const std::string& where) {
  const Json* file = given(part, "file");
  const std::string* data = file == nullptr ? nullptr : text_of(*file, "file_data");
  auto source = data == nullptr ? std::nullopt : inline_source(*data);
  if (!source || (*source)["media_type"] != "application/pdf") {
    return cannot(where, "only a PDF as base64 data can be sent as a file");
  }
  Json block{{"type", "document"}, {"source", std::move(*source)}};
  if (const std::string* name = text_of(*file, "filename")) block["title"] = *name;
  return block;
}

Result<Json> part_block(const Json& part, const std::string& where) {
  const std::string* type = text_of(part, "type");
  if (type == nullptr) return cannot(where, "its 'type' must be a string");
  if (*type == "text" || *type == "refusal") {
    const std::string* text = text_of(part, type->c_str());
    return text == nullptr ? cannot(where, "its text must be a string") : Result<Json>(text_block(*text));
  }
  if (*type == "image_url") return image_block(part, where);
  if (*type == "file") return file_block(part, where);
  return cannot(where, fmt::format("content of type '{}'", *type));
}

// A message's content as blocks. Empty text says nothing, and Messages refuses it.
Result<Json> content_blocks(const Json& message, const std::string& where) {
  Json blocks = Json::array();
  const Json* content = given(message, "content");
  if (content == nullptr) return blocks;
  if (const std::string* text = text_of(content)) {
    if (!text->empty()) blocks.push_back(text_block(*text));
    return blocks;
  }
  if (!content->is_array()) return cannot(where + ".content", "it must be text or a list of parts");
  for (std::size_t i = 0; i < content->size(); ++i) {
    auto block = part_block((*content)[i], fmt::format("{}.content[{}]", where, i));
    if (!block) return std::unexpected(block.error());
    const std::string* text = text_of(*block, "text");
    if (text == nullptr || !text->empty()) blocks.push_back(std::move(*block));
  }
  return blocks;
}

Result<Json> tool_use_block(const Json& call, const std::string& where) {
  const Json* function = given(call, "function");
  const std::string* id = text_of(call, "id");
  const std::string* name = function == nullptr ? nullptr : text_of(*function, "name");
  if (id == nullptr || name == nullptr)
    return cannot(where, "a function call needs its id and its function's name");
  const std::string* arguments = text_of(*function, "arguments");
  Json input = Json::object();
  if (arguments != nullptr && arguments->find_first_not_of(" \t\r\n") != std::string::npos) {
    input = Json::parse(*arguments, nullptr, false);
    if (!input.is_object()) return cannot(where, "its arguments are no JSON object");
  }
  return Json{{"type", "tool_use"}, {"id", *id}, {"name", *name}, {"input", std::move(input)}};
}

Result<Json> assistant_blocks(const Json& message, const std::string& where) {
  if (given(message, "audio") != nullptr) return cannot(where + ".audio", "an earlier answer's sound");
  if (given(message, "function_call") != nullptr)
    return cannot(where + ".function_call", "say it as 'tool_calls'");
  auto blocks = content_blocks(message, where);
  if (!blocks) return blocks;
  if (const std::string* refusal = text_of(message, "refusal"); refusal != nullptr && !refusal->empty()) {
    blocks->push_back(text_block(*refusal));
  }
  // reasoning_content stays behind: without its signature no provider takes it back.
  const Json* calls = given(message, "tool_calls");
  if (calls == nullptr) return blocks;
  if (!calls->is_array()) return cannot(where + ".tool_calls", "it must be a list");
  for (std::size_t i = 0; i < calls->size(); ++i) {
    auto block = tool_use_block((*calls)[i], fmt::format("{}.tool_calls[{}]", where, i));
    if (!block) return block;
    blocks->push_back(std::move(*block));
  }
  return blocks;
}

Result<Json> tool_result(const Json& message, const std::string& where) {
  const std::string* id = text_of(message, "tool_call_id");
  if (id == nullptr) return cannot(where + ".tool_call_id", "it must be a string");
  auto blocks = content_blocks(message, where);
  if (!blocks) return blocks;
  Json result{{"type", "tool_result"}, {"tool_use_id", *id}};
  if (!blocks->empty()) result["content"] = std::move(*blocks);
  return Json::array({std::move(result)});
}

// Messages wants turns: what follows in the same role joins the turn before.
void add_turn(Json& messages, std::string_view role, Json blocks) {
  if (blocks.empty()) return;
  if (messages.empty() || messages.back()["role"] != role) {
    messages.push_back({{"role", role}, {"content", std::move(blocks)}});
    return;
  }
  for (Json& block : blocks) messages.back()["content"].push_back(std::move(block));
}

Result<void> carry_messages(const Json& chat, Json& request) {
  const Json* list = given(chat, "messages");
  if (list == nullptr || !list->is_array()) return cannot("messages", "it must be a list");
  Json system = Json::array();
  Json messages = Json::array();
  for (std::size_t i = 0; i < list->size(); ++i) {
    const Json& message = (*list)[i];
    const std::string where = fmt::format("messages[{}]", i);
    const std::string* role = text_of(message, "role");
    if (role == nullptr) return cannot(where + ".role", "it must be a string");
    const bool from_system = *role == "system" || *role == "developer";
    if (!from_system && *role != "user" && *role != "assistant" && *role != "tool") {
      return cannot(where + ".role", fmt::format("role '{}'", *role));
    }
    auto blocks = *role == "assistant" ? assistant_blocks(message, where)
                  : *role == "tool"    ? tool_result(message, where)
                                       : content_blocks(message, where);
    if (!blocks) return std::unexpected(blocks.error());
    if (from_system) {
      for (Json& block : *blocks) system.push_back(std::move(block));
    } else {
      add_turn(messages, *role == "assistant" ? "assistant" : "user", std::move(*blocks));
    }
  }
  if (!system.empty()) request["system"] = std::move(system);
  request["messages"] = std::move(messages);
  return {};
}

// --- tools
// -------------------------------------------------------------------------------------------------------

Result<Json> tool_from(const Json& tool, const std::string& where) {
  const std::string* type = text_of(tool, "type");
  const Json* function = given(tool, "function");
  if (type == nullptr || *type != "function" || function == nullptr) return cannot(where, "it is no function");
  const std::string* name = text_of(*function, "name");
  if (name == nullptr) return cannot(where + ".function.name", "it must be a string");
  Json made{{"name", *name}};
  if (const std::string* description = text_of(*function, "description")) made["description"] = *description;
  const Json* parameters = given(*function, "parameters");
  if (parameters != nullptr && !parameters->is_object()) {
    return cannot(where + ".function.parameters", "it must be an object");
  }
  made["input_schema"] = parameters != nullptr && !parameters->empty()
                             ? *parameters
                             : Json{{"type", "object"}, {"properties", Json::object()}};
  const Json* strict = given(*function, "strict");
  if (strict != nullptr && *strict == Json(true)) made["strict"] = true;
  return made;
}

Result<Json> choice_from(const Json& choice) {
  if (is_word(choice, {"auto"})) return Json{{"type", "auto"}};
  if (is_word(choice, {"none"})) return Json{{"type", "none"}};
  if (is_word(choice, {"required"})) return Json{{"type", "any"}};
  const Json* function = given(choice, "function");
  const std::string* name = function == nullptr ? nullptr : text_of(*function, "name");
  if (name == nullptr) return cannot("tool_choice", "it must be auto, none, required or a function");
  return Json{{"type", "tool"}, {"name", *name}};
}

Result<void> carry_tools(const Json& chat, Json& request) {
  const Json* tools = given(chat, "tools");
  if (tools != nullptr) {
    if (!tools->is_array()) return cannot("tools", "it must be a list");
    Json made = Json::array();
    for (std::size_t i = 0; i < tools->size(); ++i) {
      auto tool = tool_from((*tools)[i], fmt::format("tools[{}]", i));
      if (!tool) return std::unexpected(tool.error());
      made.push_back(std::move(*tool));
    }
    if (!made.empty()) request["tools"] = std::move(made);
  }
  if (!request.contains("tools")) return {};  // without tools there is nothing to choose
  if (const Json* choice = given(chat, "tool_choice")) {
    auto made = choice_from(*choice);
    if (!made) return std::unexpected(made.error());
    request["tool_choice"] = std::move(*made);
  }
  const Json* parallel = given(chat, "parallel_tool_calls");
  if (parallel == nullptr || *parallel != Json(false)) return {};
  Json& choice = request["tool_choice"];
  if (choice.is_null()) choice = {{"type", "auto"}};
  if (choice["type"] != "none") choice["disable_parallel_tool_use"] = true;
  return {};
}

// --- the rest
// ----------------------------------------------------------------------------------------------------

Result<void> carry_sampling(const Json& chat, Json& request) {
  for (const char* const field : {"temperature", "top_p"}) {
    const Json* value = given(chat, field);
    if (value == nullptr) continue;
    if (!value->is_number()) return cannot(field, "it must be a number");
    if (*value < Json(0) || *value > Json(1)) return cannot(field, "here it is 0 to 1");
    request[field] = *value;
  }
  const Json* stop = given(chat, "stop");
  if (stop == nullptr) return {};
  const bool listed =
      stop->is_array() && std::ranges::all_of(*stop, [](const Json& item) { return item.is_string(); });
  if (!stop->is_string() && !listed) return cannot("stop", "it must be text or a list of texts");
  request["stop_sequences"] = listed ? *stop : Json::array({*stop});
  return {};
}

Result<void> carry_output_config(const Json& chat, Json& request) {
  if (const Json* format = given(chat, "response_format")) {
    const std::string* type = text_of(*format, "type");
    const Json* schema = given(*format, "json_schema");
    if (schema != nullptr) schema = given(*schema, "schema");
    if (type != nullptr && *type == "json_schema" && schema != nullptr) {
      request["output_config"]["format"] = {{"type", "json_schema"}, {"schema", *schema}};
    } else if (type == nullptr || *type != "text") {
      return cannot("response_format", "only a JSON schema can be asked for");
    }
  }
  const Json* effort = given(chat, "reasoning_effort");
  if (effort == nullptr) return {};
  if (is_word(*effort, {"none"})) {
    request["thinking"] = {{"type", "disabled"}};
  } else if (is_word(*effort, {"low", "medium", "high", "xhigh", "max"})) {
    request["output_config"]["effort"] = *effort;
  } else {
    return cannot("reasoning_effort", "here it is none, low, medium, high, xhigh or max");
  }
  return {};
}

Result<void> carry_plain(const Json& chat, Json& request) {
  const std::string* model = text_of(chat, "model");
  if (model == nullptr) return cannot("model", "it must be a string");
  request["model"] = *model;
  for (const char* const field : {"max_tokens", "max_completion_tokens"}) {
    if (const Json* most = given(chat, field)) request["max_tokens"] = *most;
  }
  if (const Json* stream = given(chat, "stream")) request["stream"] = *stream;
  for (const char* const field : {"safety_identifier", "user"}) {
    if (const Json* user = given(chat, field)) request["metadata"] = {{"user_id", *user}};
  }
  return {};
}

}  // namespace

Result<Json> request_from_chat(const Json& chat) {
  if (!chat.is_object()) return fail(Code::invalid, "the body is not a JSON object");
  Json request = Json::object();
  for (const auto step : {+[](const Json& from, Json&) { return check_fields(from); }, carry_plain,
                          carry_messages, carry_tools, carry_sampling, carry_output_config}) {
    if (auto done = step(chat, request); !done) return std::unexpected(done.error());
  }
  return request;
}

}  // namespace govctl::providers::anthropic
