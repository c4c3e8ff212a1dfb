#pragma once
// An OpenAI chat request read for translation (platform.openai.com/docs/api-reference/chat/create): its parts
// checked, and what another format cannot carry refused by name. Views are into the request and live as long as
// it does.

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/providers/adapter.h"

namespace govctl::providers {

// invalid: "<kind> cannot carry field '<field>'", with why where that is not plain.
std::unexpected<Error> cannot_carry(std::string_view kind, std::string_view field, std::string_view why = {});
std::unexpected<Error> malformed(std::string_view field, std::string_view must);

// Every field that is given is carried, a hint that may be dropped (the table in chat_request.cpp), or says
// what holds anyway (n: 1). invalid names the first that is not.
Result<void> check_fields(const Json& chat, std::span<const std::string_view> carried, std::string_view kind);
// The same of a message's members.
Result<void> check_message(const Json& message, const std::string& at, std::string_view kind);

// One part of a message's content.
struct ContentPart {
  enum class Type { text, image, audio, file } type = Type::text;
  std::string_view text;    // the text; image: its URL; audio: base64; file: a data URL
  std::string_view detail;  // image: low, high, auto or nothing; audio: wav, mp3
};
// Of a string: one part; of nothing: none. `at` names the content in an error.
Result<std::vector<ContentPart>> content_parts(const Json* content, const std::string& at);
// The same where only text can be carried, joined.
Result<std::string> content_text(const Json* content, const std::string& at, std::string_view kind);

// data:<media type>;base64,<data>; nothing of any other URL.
struct DataUrl {
  std::string_view media_type, base64;
};
std::optional<DataUrl> data_url(std::string_view url);

struct ToolCall {
  std::string_view id, name, arguments;
  std::string_view thought_signature;  // extra_content.google.thought_signature
};
Result<std::vector<ToolCall>> tool_calls(const Json& message, const std::string& at);
// extra_content.google.thought_signature of a message or a tool call, or nothing.
std::string_view thought_signature(const Json& holder);

struct Function {
  std::string_view name;
  const Json* description = nullptr;
  const Json* parameters = nullptr;  // a JSON schema
};
Result<std::vector<Function>> functions(const Json& chat, std::string_view kind);

struct ToolChoice {
  enum class Mode { unsaid, automatic, none, required, named } mode = Mode::unsaid;
  std::string_view name;
};
Result<ToolChoice> tool_choice(const Json& chat, std::string_view kind);

struct ResponseFormat {
  bool json = false;
  const Json* schema = nullptr;
};
Result<ResponseFormat> response_format(const Json& chat, std::string_view kind);

// `stop` as an array; null when there is none.
Result<Json> stop_sequences(const Json& chat);
// Null when there is none; invalid when it is no number.
Result<const Json*> number_field(const Json& chat, std::string_view field);
// max_completion_tokens, else max_tokens.
Result<const Json*> max_tokens(const Json& chat);

}  // namespace govctl::providers
