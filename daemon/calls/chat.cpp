#include "daemon/calls/chat.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

namespace govctl::calls::chat {

using domain::Refusal;
using providers::JsonMember;
using providers::JsonObject;

namespace {

// Fields whose meaning govd relies on.
constexpr std::array<std::string_view, 14> governed{
    "model",    "messages",    "max_tokens",         "max_completion_tokens", "n",     "stream",     "stream_options",
    "user",     "service_tier", "web_search_options", "prediction",           "audio", "modalities", "tools"};

// An image costs at most this, inline: gpt-4o-mini takes 2,833 + 8 tiles x 5,667 tokens, the others far less.
constexpr std::int64_t max_image_tokens = 48'169;
constexpr std::int64_t max_choices = 128;

std::unexpected<Refusal> bad(std::string parameter, std::string message) {
  Refusal refusal;
  refusal.cause = domain::Cause::bad_request;
  refusal.message = std::move(message);
  refusal.parameter = std::move(parameter);
  return std::unexpected(std::move(refusal));
}

bool same_but_for_case(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, [](char x, char y) {
    const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
    return lower(x) == lower(y);
  });
}

// A member that is there and not null.
const JsonMember* given(const JsonObject& object, std::string_view key) {
  const JsonMember* member = object.find(key);
  return member == nullptr || member->value == "null" ? nullptr : member;
}

// Images, audio and files inside messages: inline media is bounded by what a provider can make of it and not by its
// base64; what is only referred to can be as large as the context window.
void read_media(std::string_view messages, domain::Ask& ask) {
  const bool media = messages.find("\"image_url\"") != std::string_view::npos ||
                     messages.find("\"input_audio\"") != std::string_view::npos ||
                     messages.find("\"file\"") != std::string_view::npos;
  if (!media) return;
  const auto parsed = nlohmann::json::parse(messages, nullptr, false);
  if (!parsed.is_array()) {
    ask.whole_context = true;
    return;
  }
  for (const auto& message : parsed) {
    if (!message.is_object() || !message.contains("content") || !message["content"].is_array()) continue;
    for (const auto& part : message["content"]) {
      if (!part.is_object() || !part.contains("type") || !part["type"].is_string()) continue;
      const std::string type = part["type"];
      if (type == "file" || type == "input_audio") ask.whole_context = true;
      if (type != "image_url") continue;
      const auto image = part.find("image_url");
      const bool inside = image != part.end() && image->is_object() && image->contains("url") &&
                          (*image)["url"].is_string() &&
                          (*image)["url"].get_ref<const std::string&>().starts_with("data:");
      if (!inside) {
        ask.whole_context = true;
        continue;
      }
      ask.text_bytes -= static_cast<std::int64_t>((*image)["url"].get_ref<const std::string&>().size());
      ask.media_tokens += max_image_tokens;
    }
  }
  ask.text_bytes = std::max<std::int64_t>(ask.text_bytes, 0);
}

}  // namespace

std::expected<Request, Refusal> parse(std::string_view body) {
  Request request;
  auto object = providers::scan_object(body);
  if (!object) return bad("", object.error().message);
  for (const JsonMember& member : object->members) {
    for (const std::string_view name : governed) {
      if (member.key != name && same_but_for_case(member.key, name)) {
        return bad(std::string(member.key), fmt::format("field '{}' must be written '{}'", member.key, name));
      }
    }
  }
  domain::Ask& ask = request.ask;

  const JsonMember* model = given(*object, "model");
  if (model == nullptr) return bad("model", "field 'model' is missing");
  auto name = providers::json_string(model->value);
  if (!name) return bad("model", "field 'model' must be a string");
  const bool printable = std::ranges::all_of(*name, [](char c) { return static_cast<unsigned char>(c) > ' ' && c != 0x7f; });
  if (name->empty() || name->size() > 200 || !printable) {
    return bad("model", "field 'model' must be 1 to 200 characters without blanks");
  }
  ask.model = std::move(*name);

  const JsonMember* messages = given(*object, "messages");
  if (messages == nullptr) return bad("messages", "field 'messages' is missing");
  if (messages->value.front() != '[') return bad("messages", "field 'messages' must be an array");

  for (const std::string_view field : {"max_tokens", "max_completion_tokens"}) {
    const JsonMember* member = given(*object, field);
    if (member == nullptr) continue;
    if (ask.max_tokens) return bad("max_tokens", "use one of 'max_tokens' and 'max_completion_tokens'");
    ask.max_tokens = providers::json_integer(member->value);
    if (!ask.max_tokens || *ask.max_tokens < 1 || *ask.max_tokens > 1'000'000'000) {
      return bad(std::string(field), fmt::format("field '{}' must be a whole number from 1 to 1000000000", field));
    }
  }
  if (const JsonMember* n = given(*object, "n")) {
    const auto choices = providers::json_integer(n->value);
    if (!choices || *choices < 1 || *choices > max_choices) {
      return bad("n", fmt::format("field 'n' must be a whole number from 1 to {}", max_choices));
    }
    ask.choices = *choices;
  }
  if (const JsonMember* stream = given(*object, "stream")) {
    if (stream->value != "true" && stream->value != "false") return bad("stream", "field 'stream' must be true or false");
    ask.stream = stream->value == "true";
  }
  if (const JsonMember* options = given(*object, "stream_options")) {
    const auto parsed = nlohmann::json::parse(options->value, nullptr, false);
    if (!parsed.is_object()) return bad("stream_options", "field 'stream_options' must be an object");
    if (!ask.stream) return bad("stream_options", "field 'stream_options' goes with stream: true only");
    if (const auto include = parsed.find("include_usage"); include != parsed.end() && !include->is_null()) {
      if (!include->is_boolean()) return bad("stream_options", "field 'include_usage' must be true or false");
      request.include_usage = include->get<bool>();
    }
  }
  if (const JsonMember* user = given(*object, "user")) {
    auto text = providers::json_string(user->value);
    if (!text) return bad("user", "field 'user' must be a string");
    request.user = text->substr(0, 200);
  }
  for (const std::string_view feature : {"web_search_options", "prediction", "audio"}) {
    if (given(*object, feature) != nullptr) ask.costly.emplace_back(feature);
  }
  if (const JsonMember* tier = given(*object, "service_tier")) {
    const auto value = providers::json_string(tier->value);
    if (!value || (*value != "auto" && *value != "default")) ask.costly.emplace_back("service_tier");
  }

  // A byte-level tokenizer never makes more tokens than bytes; what wraps the messages is shorter than their JSON.
  ask.text_bytes = static_cast<std::int64_t>(body.size());
  read_media(messages->value, ask);
  request.object = std::move(*object);
  return request;
}

}  // namespace govctl::calls::chat
