#include "daemon/providers/chat_request.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "daemon/providers/json_object.h"
#include "daemon/providers/json_tree.h"

namespace govctl::providers {
namespace {

// Fields that say nothing to the model and may be dropped without changing what the client is told.
struct Hint {
  std::string_view field;
  std::string_view why;
};
constexpr std::array hints{
    Hint{"stream_options", "usage is counted whatever it says, and told by govd"},
    Hint{"user", "whose call it is is recorded here (20-gateway.md, attribution)"},
    Hint{"safety_identifier", "the same, hashed"},
    Hint{"metadata", "labels for OpenAI's own dashboard"},
    Hint{"prompt_cache_key", "how OpenAI finds its cache; an answer does not depend on it"},
    Hint{"prompt_cache_retention", "the same"},
    Hint{"parallel_tool_calls", "false asks for one call at a time; a client reads the list either way"},
};

// Fields whose default holds at every provider: only another value asks for something.
struct Neutral {
  std::string_view field;
  std::string_view value;  // as compact JSON
};
constexpr std::array neutral{
    Neutral{"n", "1"},
    Neutral{"store", "false"},
    Neutral{"logprobs", "false"},
    Neutral{"top_logprobs", "0"},
    Neutral{"logit_bias", "{}"},
    Neutral{"service_tier", "\"auto\""},
    Neutral{"service_tier", "\"default\""},
    Neutral{"modalities", "[\"text\"]"},
    Neutral{"verbosity", "\"medium\""},
};

// What clients echo of an earlier answer, which says nothing that the content does not.
constexpr std::array<std::string_view, 4> echoed{"annotations", "reasoning_content", "reasoning",
                                                 "reasoning_details"};
constexpr std::array<std::string_view, 6> message_members{"role",       "content",      "refusal",
                                                          "tool_calls", "tool_call_id", "extra_content"};

Result<ContentPart> content_part(const Json& part, const std::string& at) {
  const std::string* type = string_in(part, "type");
  if (type == nullptr) return malformed(at + ".type", "be a string");
  const auto view = [&](const Json* holder, std::string_view member,
                        ContentPart::Type kind) -> Result<ContentPart> {
    const std::string* text = holder == nullptr ? nullptr : string_in(*holder, member);
    if (text == nullptr) return malformed(fmt::format("{}.{}", at, member), "be a string");
    return ContentPart{kind, *text, {}};
  };
  if (*type == "text") return view(&part, "text", ContentPart::Type::text);
  if (*type == "refusal") return view(&part, "refusal", ContentPart::Type::text);
  if (*type == "image_url") {
    const Json* image = object_in(part, "image_url");
    auto read = view(image, "url", ContentPart::Type::image);
    if (const std::string* detail = read ? string_in(*image, "detail") : nullptr) read->detail = *detail;
    return read;
  }
  if (*type == "input_audio") {
    const Json* audio = object_in(part, "input_audio");
    auto read = view(audio, "data", ContentPart::Type::audio);
    if (const std::string* format = read ? string_in(*audio, "format") : nullptr) read->detail = *format;
    return read;
  }
  if (*type == "file") return view(object_in(part, "file"), "file_data", ContentPart::Type::file);
  return malformed(at + ".type", "be text, image_url, input_audio or file");
}

}  // namespace

std::unexpected<Error> cannot_carry(std::string_view kind, std::string_view field, std::string_view why) {
  return fail(Code::invalid, fmt::format("field '{}' cannot be carried to a provider of kind {}{}{}",
                                         cut(field, 200), kind, why.empty() ? "" : ": ", why));
}

std::unexpected<Error> malformed(std::string_view field, std::string_view must) {
  return fail(Code::invalid, fmt::format("field '{}' must {}", cut(field, 200), must));
}

Result<void> check_fields(const Json& chat, std::span<const std::string_view> carried, std::string_view kind) {
  for (const auto& [field, value] : chat.items()) {
    if (value.is_null() || std::ranges::find(carried, field) != carried.end()) continue;
    if (std::ranges::find(hints, field, &Hint::field) != hints.end()) continue;
    const bool holds = std::ranges::any_of(
        neutral, [&](const Neutral& row) { return row.field == field && value == Json::parse(row.value); });
    if (!holds) return cannot_carry(kind, field);
  }
  return {};
}

Result<void> check_message(const Json& message, const std::string& at, std::string_view kind) {
  const std::string* role = string_in(message, "role");
  if (role == nullptr) return malformed(at + ".role", "be a string");
  for (const auto& [member, value] : message.items()) {
    const std::string& name = member;
    const auto is = [&](std::string_view known) { return known == name; };
    if (value.is_null() || std::ranges::any_of(message_members, is)) continue;
    if (*role == "assistant" && std::ranges::any_of(echoed, is)) continue;
    if (*role == "tool" && name == "name") continue;  // the function's, which the call has said
    return cannot_carry(kind, fmt::format("{}.{}", at, name));
  }
  return {};
}

Result<std::vector<ContentPart>> content_parts(const Json* content, const std::string& at) {
  std::vector<ContentPart> parts;
  if (content == nullptr) return parts;
  if (content->is_string()) {
    parts.push_back({ContentPart::Type::text, content->get_ref<const std::string&>(), {}});
    return parts;
  }
  if (!content->is_array()) return malformed(at, "be a string or an array of parts");
  for (std::size_t i = 0; i < content->size(); ++i) {
    auto part = content_part((*content)[i], fmt::format("{}[{}]", at, i));
    if (!part) return std::unexpected(part.error());
    parts.push_back(*part);
  }
  return parts;
}

Result<std::string> content_text(const Json* content, const std::string& at, std::string_view kind) {
  const auto parts = content_parts(content, at);
  if (!parts) return std::unexpected(parts.error());
  std::string text;
  for (const ContentPart& part : *parts) {
    if (part.type != ContentPart::Type::text) return cannot_carry(kind, at, "only text can stand there");
    text += part.text;
  }
  return text;
}

std::optional<DataUrl> data_url(std::string_view url) {
  if (!url.starts_with("data:")) return std::nullopt;
  url.remove_prefix(5);
  const std::size_t comma = url.find(',');
  if (comma == std::string_view::npos) return std::nullopt;
  std::string_view head = url.substr(0, comma);
  if (!head.ends_with(";base64")) return std::nullopt;
  head.remove_suffix(7);
  head = head.substr(0, head.find(';'));  // image/png;name=x.png
  if (head.empty()) return std::nullopt;
  return DataUrl{head, url.substr(comma + 1)};
}

std::string_view thought_signature(const Json& holder) {
  const Json* extra = object_in(holder, "extra_content");
  const Json* google = extra == nullptr ? nullptr : object_in(*extra, "google");
  const std::string* signature = google == nullptr ? nullptr : string_in(*google, "thought_signature");
  return signature == nullptr ? std::string_view{} : *signature;
}

Result<std::vector<ToolCall>> tool_calls(const Json& message, const std::string& at) {
  std::vector<ToolCall> calls;
  const Json* list = given(message, "tool_calls");
  if (list == nullptr) return calls;
  if (!list->is_array()) return malformed(at + ".tool_calls", "be an array");
  for (std::size_t i = 0; i < list->size(); ++i) {
    const Json& call = (*list)[i];
    const std::string where = fmt::format("{}.tool_calls[{}]", at, i);
    const Json* function = object_in(call, "function");
    if (function == nullptr) return malformed(where + ".function", "be an object");
    const std::string* id = string_in(call, "id");
    const std::string* name = string_in(*function, "name");
    const std::string* arguments = string_in(*function, "arguments");
    if (id == nullptr) return malformed(where + ".id", "be a string");
    if (name == nullptr) return malformed(where + ".function.name", "be a string");
    if (arguments == nullptr) return malformed(where + ".function.arguments", "be a string");
    calls.push_back({*id, *name, *arguments, thought_signature(call)});
  }
  return calls;
}

Result<std::vector<Function>> functions(const Json& chat, std::string_view kind) {
  std::vector<Function> found;
  const Json* tools = given(chat, "tools");
  if (tools == nullptr) return found;
  if (!tools->is_array()) return malformed("tools", "be an array");
  for (std::size_t i = 0; i < tools->size(); ++i) {
    const Json& tool = (*tools)[i];
    const std::string at = fmt::format("tools[{}]", i);
    const std::string* type = string_in(tool, "type");
    if (type == nullptr) return malformed(at + ".type", "be a string");
    if (*type != "function") return cannot_carry(kind, at + ".type", "only functions can be carried");
    const Json* function = object_in(tool, "function");
    const std::string* name = function == nullptr ? nullptr : string_in(*function, "name");
    if (name == nullptr) return malformed(at + ".function.name", "be a string");
    const Json* description = given(*function, "description");
    if (description != nullptr && !description->is_string())
      return malformed(at + ".function.description", "be a string");
    const Json* parameters = given(*function, "parameters");
    if (parameters != nullptr && !parameters->is_object())
      return malformed(at + ".function.parameters", "be an object");
    found.push_back({*name, description, parameters});
  }
  return found;
}

Result<ToolChoice> tool_choice(const Json& chat, std::string_view kind) {
  using Mode = ToolChoice::Mode;
  const Json* choice = given(chat, "tool_choice");
  if (choice == nullptr) return ToolChoice{};
  if (*choice == "auto") return ToolChoice{Mode::automatic, {}};
  if (*choice == "none") return ToolChoice{Mode::none, {}};
  if (*choice == "required") return ToolChoice{Mode::required, {}};
  const std::string* type = string_in(*choice, "type");
  const Json* function = object_in(*choice, "function");
  const std::string* name = function == nullptr ? nullptr : string_in(*function, "name");
  if (type == nullptr || *type != "function" || name == nullptr) return cannot_carry(kind, "tool_choice");
  return ToolChoice{Mode::named, *name};
}

Result<ResponseFormat> response_format(const Json& chat, std::string_view kind) {
  const Json* format = given(chat, "response_format");
  if (format == nullptr) return ResponseFormat{};
  const std::string* type = string_in(*format, "type");
  if (type == nullptr) return malformed("response_format.type", "be a string");
  if (*type == "text") return ResponseFormat{};
  if (*type == "json_object") return ResponseFormat{true, nullptr};
  if (*type != "json_schema") return cannot_carry(kind, "response_format.type");
  const Json* wrapped = object_in(*format, "json_schema");
  const Json* schema = wrapped == nullptr ? nullptr : object_in(*wrapped, "schema");
  if (schema == nullptr) return malformed("response_format.json_schema.schema", "be an object");
  return ResponseFormat{true, schema};
}

Result<Json> stop_sequences(const Json& chat) {
  const Json* stop = given(chat, "stop");
  if (stop == nullptr) return Json();
  if (stop->is_string()) return Json::array({*stop});
  const auto is_string = [](const Json& text) { return text.is_string(); };
  if (!stop->is_array() || !std::ranges::all_of(*stop, is_string))
    return malformed("stop", "be a string or an array of strings");
  return *stop;
}

Result<const Json*> number_field(const Json& chat, std::string_view field) {
  const Json* number = given(chat, field);
  if (number != nullptr && !number->is_number()) return malformed(field, "be a number");
  return number;
}

Result<const Json*> max_tokens(const Json& chat) {
  return number_field(chat,
                      given(chat, "max_completion_tokens") == nullptr ? "max_tokens" : "max_completion_tokens");
}

}  // namespace govctl::providers
