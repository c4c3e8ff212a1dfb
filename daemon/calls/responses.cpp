#include "daemon/calls/responses.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "daemon/calls/fields.h"
#include "daemon/calls/media.h"

namespace govctl::calls::responses {

using domain::Refusal;
using providers::JsonMember;
using providers::JsonObject;

namespace {

// Fields whose meaning govd relies on.
constexpr std::array<std::string_view, 19> governed{
    "model",         "input",        "instructions", "max_output_tokens", "stream",     "stream_options",
    "tools",         "tool_choice",  "prompt",       "conversation",      "background", "previous_response_id",
    "store",         "service_tier", "include",      "truncation",        "user",       "safety_identifier",
    "max_tool_calls"};

// What is only referred to.
constexpr std::array<std::string_view, 3> elsewhere{"previous_response_id", "conversation", "prompt"};

// Items that are their own text, whatever stands in their members.
constexpr std::array<std::string_view, 12> text_items{"reasoning",
                                                      "function_call",
                                                      "custom_tool_call",
                                                      "local_shell_call",
                                                      "shell_call",
                                                      "apply_patch_call",
                                                      "local_shell_call_output",
                                                      "shell_call_output",
                                                      "apply_patch_call_output",
                                                      "web_search_call",
                                                      "tool_search_call",
                                                      "tool_search_output"};
// Items that hold content: `content` of messages, `output` of tools' results.
constexpr std::array<std::string_view, 2> output_items{"function_call_output", "custom_tool_call_output"};

constexpr std::array<std::string_view, 6> text_parts{"input_text",   "output_text",    "text",
                                                     "summary_text", "reasoning_text", "refusal"};

// Tools that the client runs.
constexpr std::array<std::string_view, 4> own_tools{"function", "custom", "local_shell", "apply_patch"};

bool among(std::span<const std::string_view> words, const std::optional<std::string>& word) {
  return word && std::ranges::find(words, *word) != words.end();
}

std::optional<std::string> text_member(const JsonObject& object, std::string_view key) {
  const JsonMember* member = object.find(key);
  return member == nullptr ? std::nullopt : providers::json_string(member->value);
}

void read_part(std::string_view part, domain::Ask& ask) {
  const auto object = providers::scan_object(part, providers::Utf8::known);
  if (!object) {  // a member twice: which one counts is the upstream's choice
    ask.whole_context = true;
    return;
  }
  const auto type = text_member(*object, "type");
  if (among(text_parts, type)) {
    // An upstream may go by the members and not by the type.
    if (holds_media(*object)) ask.whole_context = true;
  } else if (type == "input_image") {
    count_image(text_member(*object, "image_url"), *object, ask);
  } else {
    ask.whole_context = true;
  }
}

void read_content(const JsonMember* content, domain::Ask& ask) {
  if (content == nullptr || content->value.front() == '"') return;
  const auto parts = providers::scan_array(content->value, providers::Utf8::known);
  if (!parts) {
    ask.whole_context = true;
    return;
  }
  for (const std::string_view part : *parts) read_part(part, ask);
}

void read_item(std::string_view item, domain::Ask& ask) {
  const auto object = providers::scan_object(item, providers::Utf8::known);
  if (!object) {
    ask.whole_context = true;
    return;
  }
  const auto type = text_member(*object, "type");
  const bool message =
      type == "message" || (object->find("type") == nullptr && object->find("role") != nullptr);
  const bool result = among(output_items, type);
  const bool known = message || result || among(text_items, type);
  if (!known || holds_media(*object)) {
    ask.whole_context = true;
    return;
  }
  read_content(given(*object, "content"), ask);
  if (result) read_content(given(*object, "output"), ask);
}

std::optional<Refusal> read_input(const JsonObject& object, domain::Ask& ask) {
  const JsonMember* input = given(object, "input");
  if (input == nullptr) {
    if (given(object, "prompt") != nullptr) return std::nullopt;
    return bad("input", "field 'input' is missing").error();
  }
  if (input->value.front() == '"') return std::nullopt;
  const auto items = providers::scan_array(input->value, providers::Utf8::known);
  if (!items) return bad("input", "field 'input' must be a string or an array").error();
  for (const std::string_view item : *items) read_item(item, ask);
  ask.text_bytes = std::max<std::int64_t>(ask.text_bytes, 0);
  return std::nullopt;
}

std::optional<Refusal> read_tools(std::string_view tools, domain::Ask& ask) {
  const auto list = providers::scan_array(tools, providers::Utf8::known);
  if (!list) return bad("tools", "field 'tools' must be an array").error();
  for (const std::string_view tool : *list) {
    const auto object = providers::scan_object(tool, providers::Utf8::known);
    if (!object) return bad("tools", "field 'tools' holds what is no tool: " + object.error().message).error();
    const auto type = text_member(*object, "type");
    if (!type) return bad("tools", "a tool's 'type' must be a string").error();
    if (among(own_tools, type)) continue;
    if (*type == "tool_search" && text_member(*object, "execution") == "client") continue;
    const JsonMember* inner = *type == "namespace" ? given(*object, "tools") : nullptr;
    if (inner == nullptr) {
      ask.costly.emplace_back(providers::cut(*type, 100));
    } else if (auto refusal = read_tools(inner->value, ask)) {
      return refusal;
    }
  }
  return std::nullopt;
}

std::optional<Refusal> read_costly(const JsonObject& object, domain::Ask& ask) {
  const auto background = read_flag(object, "background");
  if (!background) return background.error();
  if (*background) ask.costly.emplace_back("background");
  if (const JsonMember* tier = given(object, "service_tier")) {
    const auto value = providers::json_string(tier->value);
    if (value != "auto" && value != "default") ask.costly.emplace_back("service_tier");
  }
  const JsonMember* tools = given(object, "tools");
  return tools == nullptr ? std::nullopt : read_tools(tools->value, ask);
}

}  // namespace

std::expected<Request, Refusal> parse(std::string_view body) {
  auto object = read_body(body, governed);
  if (!object) return std::unexpected(object.error());
  Request request;
  domain::Ask& ask = request.ask;

  auto model = read_model(*object);
  if (!model) return std::unexpected(model.error());
  ask.model = std::move(*model);
  const auto bound = read_bound(*object, "max_output_tokens");
  if (!bound) return std::unexpected(bound.error());
  ask.max_tokens = *bound;
  const auto stream = read_flag(*object, "stream");
  if (!stream) return std::unexpected(stream.error());
  ask.stream = *stream;
  for (const std::string_view field : {"safety_identifier", "user"}) {
    auto user = read_user(*object, field);
    if (!user) return std::unexpected(user.error());
    if (!user->empty()) request.user = std::move(*user);
  }
  if (auto refusal = read_costly(*object, ask)) return std::unexpected(std::move(*refusal));

  // A byte-level tokenizer never makes more tokens than bytes; what wraps the items is shorter than their JSON.
  ask.text_bytes = static_cast<std::int64_t>(body.size());
  ask.whole_context =
      std::ranges::any_of(elsewhere, [&](std::string_view field) { return given(*object, field) != nullptr; });
  if (auto refusal = read_input(*object, ask)) return std::unexpected(std::move(*refusal));
  request.object = std::move(*object);
  return request;
}

std::string edited(std::string body, const Request& /*request*/, const Edits& edits) {
  std::vector<providers::MemberEdit> members;
  if (edits.model) members.push_back({"model", providers::json_quoted(*edits.model)});
  if (edits.max_tokens) members.push_back({"max_output_tokens", std::to_string(*edits.max_tokens)});
  if (members.empty()) return body;
  // Views into the body as it was parsed may not be views into this one.
  const auto object = providers::scan_object(body);
  return object ? providers::with_members(body, *object, members) : body;
}

const Dialect& dialect() {
  static constexpr Dialect row{.name = "responses",
                               .format = providers::Format::responses,
                               .parse = parse,
                               .edited = edited,
                               .request_to_chat = request_to_chat,
                               .answer_from_chat = answer_from_chat,
                               .sink = sink,
                               .envelope = Envelope::responses,
                               .ping = ": ping\n\n"};
  return row;
}

}  // namespace govctl::calls::responses
