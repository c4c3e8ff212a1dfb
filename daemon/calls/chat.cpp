#include "daemon/calls/chat.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "daemon/calls/fields.h"
#include "daemon/calls/media.h"
#include "daemon/providers/openai.h"

namespace govctl::calls::chat {

using domain::Refusal;
using providers::JsonMember;
using providers::JsonObject;

namespace {

// Fields whose meaning govd relies on.
constexpr std::array<std::string_view, 14> governed{
    "model",          "messages", "max_tokens",   "max_completion_tokens", "n",          "stream",
    "stream_options", "user",     "service_tier", "web_search_options",    "prediction", "audio",
    "modalities",     "tools"};

constexpr std::int64_t max_choices = 128;

// What one part of a message's content may cost beyond its text.
void read_part(std::string_view part, domain::Ask& ask) {
  const auto object = providers::scan_object(part, providers::Utf8::known);
  const JsonMember* type = object ? object->find("type") : nullptr;
  const auto word = type == nullptr ? std::nullopt : providers::json_string(type->value);
  if (word == "text" || word == "refusal") {
    // An upstream may go by the members and not by the type.
    if (holds_media(*object)) ask.whole_context = true;
    return;
  }
  const JsonMember* image = word == "image_url" ? object->find("image_url") : nullptr;
  if (image == nullptr) {
    ask.whole_context = true;
    return;
  }
  const auto inner = providers::scan_object(image->value, providers::Utf8::known);
  const JsonMember* url = inner ? inner->find("url") : nullptr;
  count_image(url == nullptr ? std::nullopt : providers::json_string(url->value), *object, ask);
}

void read_messages(std::string_view messages, domain::Ask& ask) {
  // Most conversations are text alone, and long: without parts (or a name in disguise) there is nothing to look
  // for.
  const auto holds = [&](std::string_view word) { return messages.find(word) != std::string_view::npos; };
  if (!holds("\"type\"") && !holds("\"audio\"") && !holds("\\u00")) return;
  const auto list = providers::scan_array(messages, providers::Utf8::known);
  if (!list) return;
  for (const std::string_view message : *list) {
    const auto object = providers::scan_object(message, providers::Utf8::known);
    if (!object) {  // a member twice: which one counts is the upstream's choice
      ask.whole_context = true;
      continue;
    }
    if (given(*object, "audio") != nullptr) ask.whole_context = true;  // an earlier answer's, by reference
    const JsonMember* content = given(*object, "content");
    if (content == nullptr || content->value.front() == '"') continue;
    const auto parts = providers::scan_array(content->value, providers::Utf8::known);
    if (!parts) {
      ask.whole_context = true;
      continue;
    }
    for (const std::string_view part : *parts) read_part(part, ask);
  }
  ask.text_bytes = std::max<std::int64_t>(ask.text_bytes, 0);
}

// Tools that the upstream runs itself cost extra; functions are only described.
std::optional<Refusal> read_tools(std::string_view tools, domain::Ask& ask) {
  const auto list = providers::scan_array(tools, providers::Utf8::known);
  if (!list) return bad("tools", "field 'tools' must be an array").error();
  for (const std::string_view tool : *list) {
    const auto object = providers::scan_object(tool, providers::Utf8::known);
    if (!object) return bad("tools", "field 'tools' holds what is no tool: " + object.error().message).error();
    const JsonMember* type = object->find("type");
    const auto word = type == nullptr ? std::nullopt : providers::json_string(type->value);
    if (!word) return bad("tools", "a tool's 'type' must be a string").error();
    if (*word != "function" && *word != "custom") ask.costly.emplace_back(providers::cut(*word, 100));
  }
  return std::nullopt;
}

// Sets what the client asked for; a member twice or in another spelling would be read differently upstream.
std::optional<Refusal> read_stream_options(std::string_view options, bool& include_usage) {
  const auto object = providers::scan_object(options, providers::Utf8::known);
  if (!object) return bad("stream_options", "field 'stream_options' must be an object").error();
  for (const JsonMember& member : object->members) {
    if (member.key != "include_usage" && same_but_for_case(member.key, "include_usage")) {
      return bad("stream_options", fmt::format("field '{}' must be written 'include_usage'", member.key))
          .error();
    }
  }
  const JsonMember* include = given(*object, "include_usage");
  if (include == nullptr) return std::nullopt;
  if (include->value != "true" && include->value != "false") {
    return bad("stream_options", "field 'include_usage' must be true or false").error();
  }
  include_usage = include->value == "true";
  return std::nullopt;
}

}  // namespace

std::expected<Request, Refusal> parse(std::string_view body) {
  Request request;
  auto object = read_body(body, governed);
  if (!object) return std::unexpected(object.error());
  domain::Ask& ask = request.ask;

  auto model = read_model(*object);
  if (!model) return std::unexpected(model.error());
  ask.model = std::move(*model);

  const JsonMember* messages = given(*object, "messages");
  if (messages == nullptr) return bad("messages", "field 'messages' is missing");
  if (messages->value.front() != '[') return bad("messages", "field 'messages' must be an array");

  for (const std::string_view field : {"max_tokens", "max_completion_tokens"}) {
    if (given(*object, field) == nullptr) continue;
    if (ask.max_tokens) return bad("max_tokens", "use one of 'max_tokens' and 'max_completion_tokens'");
    const auto bound = read_bound(*object, field);
    if (!bound) return std::unexpected(bound.error());
    ask.max_tokens = *bound;
  }
  if (const JsonMember* n = given(*object, "n")) {
    const auto choices = providers::json_integer(n->value);
    if (!choices || *choices < 1 || *choices > max_choices) {
      return bad("n", fmt::format("field 'n' must be a whole number from 1 to {}", max_choices));
    }
    ask.choices = *choices;
  }
  const auto stream = read_flag(*object, "stream");
  if (!stream) return std::unexpected(stream.error());
  ask.stream = *stream;
  if (const JsonMember* options = given(*object, "stream_options")) {
    if (!ask.stream) return bad("stream_options", "field 'stream_options' goes with stream: true only");
    if (auto refusal = read_stream_options(options->value, request.include_usage))
      return std::unexpected(*refusal);
  }
  auto user = read_user(*object, "user");
  if (!user) return std::unexpected(user.error());
  request.user = std::move(*user);
  for (const std::string_view feature : {"web_search_options", "prediction", "audio"}) {
    if (given(*object, feature) != nullptr) ask.costly.emplace_back(feature);
  }
  if (const JsonMember* tier = given(*object, "service_tier")) {
    const auto value = providers::json_string(tier->value);
    if (!value || (*value != "auto" && *value != "default")) ask.costly.emplace_back("service_tier");
  }

  if (const JsonMember* tools = given(*object, "tools")) {
    if (auto refusal = read_tools(tools->value, ask)) return std::unexpected(*refusal);
  }

  // A byte-level tokenizer never makes more tokens than bytes; what wraps the messages is shorter than their
  // JSON.
  ask.text_bytes = static_cast<std::int64_t>(body.size());
  read_messages(messages->value, ask);
  request.object = std::move(*object);
  return request;
}

std::string edited(std::string body, const Request& request, const Edits& edits) {
  auto changed = providers::openai::edited(
      body, request.object, {edits.model, edits.include_usage, edits.max_tokens, edits.max_tokens_field});
  return changed ? std::move(*changed) : std::move(body);
}

const Dialect& dialect() {
  static constexpr Dialect row{.name = "chat",
                               .format = providers::Format::chat,
                               .parse = parse,
                               .edited = edited,
                               .request_to_chat = nullptr,
                               .answer_from_chat = nullptr,
                               .sink = nullptr,
                               .envelope = Envelope::chat,
                               .ping = ": ping\n\n"};
  return row;
}

}  // namespace govctl::calls::chat
