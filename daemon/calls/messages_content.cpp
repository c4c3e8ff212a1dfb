#include "daemon/calls/messages_content.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string>

#include "daemon/providers/json_object.h"

namespace govctl::calls::messages {
namespace {

using providers::JsonMember;
using providers::JsonObject;

constexpr std::int64_t max_image_tokens = 48'169;

std::optional<std::string> word(const JsonObject& object, std::string_view key) {
  const JsonMember* member = object.find(key);
  return member == nullptr ? std::nullopt : providers::json_string(member->value);
}

bool refers(const JsonMember& member) {
  constexpr std::array<std::string_view, 6> keys{"source", "file", "file_id", "url", "image_url", "document"};
  return std::ranges::find(keys, member.key) != keys.end();
}

void read_inner(const JsonObject& object, domain::Ask& ask) {
  if (const JsonMember* content = object.find("content")) read_blocks(content->value, ask);
}

// An image's or a document's source; `block` is what it stands in.
void read_source(const JsonObject& block, bool image, domain::Ask& ask) {
  const JsonMember* member = block.find("source");
  const auto source = member == nullptr
                          ? std::nullopt
                          : std::optional(providers::scan_object(member->value, providers::Utf8::known));
  const auto type = source && *source ? word(**source, "type") : std::nullopt;
  const bool alone = std::ranges::count_if(block.members, refers) == 1;
  if (!type || !alone || (*source)->find("url") != nullptr || (*source)->find("file_id") != nullptr) {
    ask.whole_context = true;
    return;
  }
  const JsonMember* data = (*source)->find("data");
  if (*type == "base64" && data != nullptr) {
    ask.text_bytes -= static_cast<std::int64_t>(data->value.size());
    if (image) {
      ask.media_tokens += max_image_tokens;
    } else {
      ask.whole_context = true;
    }
  } else if (*type == "content" && !image) {
    read_inner(**source, ask);
  } else if (*type != "text" || image) {
    ask.whole_context = true;
  }
}

void read_block(std::string_view block, domain::Ask& ask) {
  constexpr std::array<std::string_view, 6> inert{"text",     "thinking",        "redacted_thinking",
                                                  "tool_use", "server_tool_use", "tool_reference"};
  const auto object = providers::scan_object(block, providers::Utf8::known);
  const auto type = object ? word(*object, "type") : std::nullopt;
  const auto is = [&](std::string_view name) { return type == name; };
  if (is("image") || is("document")) {
    read_source(*object, is("image"), ask);
  } else if (is("tool_result") || is("search_result")) {
    read_inner(*object, ask);
  } else if (!std::ranges::any_of(inert, is) || std::ranges::any_of(object->members, refers)) {
    // Not known; or an upstream may go by the members and not by the type.
    ask.whole_context = true;
  }
}

}  // namespace

void read_blocks(std::string_view content, domain::Ask& ask) {
  if (content.starts_with('"') || content == "null") return;
  const auto blocks = providers::scan_array(content, providers::Utf8::known);
  if (!blocks) {
    ask.whole_context = true;
    return;
  }
  for (const std::string_view block : *blocks) read_block(block, ask);
}

void read_content(std::string_view messages, domain::Ask& ask) {
  const auto list = providers::scan_array(messages, providers::Utf8::known);
  if (!list) return;
  for (const std::string_view message : *list) {
    const auto object = providers::scan_object(message, providers::Utf8::known);
    if (!object) {  // a member twice: which one counts is the upstream's choice
      ask.whole_context = true;
      continue;
    }
    read_inner(*object, ask);
  }
  ask.text_bytes = std::max<std::int64_t>(ask.text_bytes, 0);
}

}  // namespace govctl::calls::messages
