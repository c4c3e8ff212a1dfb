#include "daemon/calls/embeddings.h"

#include <algorithm>
#include <array>

#include "daemon/calls/fields.h"

namespace govctl::calls::embeddings {

using domain::Refusal;
using providers::JsonMember;

namespace {

// Fields whose meaning govd relies on.
constexpr std::array<std::string_view, 5> governed{"model", "input", "encoding_format", "dimensions", "user"};

bool is_token(std::string_view value) {
  const auto token = providers::json_integer(value);
  return token && *token >= 0;
}
bool is_text(std::string_view value) { return value.front() == '"'; }
bool is_tokens(std::string_view value) {
  const auto tokens = providers::scan_array(value, providers::Utf8::known);
  return tokens && std::ranges::all_of(*tokens, is_token);
}

// A string, tokens, or an array of either: all of it is in the body, and no token is shorter than a byte.
bool is_input(std::string_view value) {
  if (is_text(value)) return true;
  const auto list = providers::scan_array(value, providers::Utf8::known);
  return list && (std::ranges::all_of(*list, is_text) || std::ranges::all_of(*list, is_token) ||
                  std::ranges::all_of(*list, is_tokens));
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
  const JsonMember* input = given(*object, "input");
  if (input == nullptr) return bad("input", "field 'input' is missing");
  if (!is_input(input->value)) {
    return bad("input", "field 'input' must be a string, an array of strings, or arrays of tokens");
  }
  if (const JsonMember* format = given(*object, "encoding_format")) {
    const auto word = providers::json_string(format->value);
    if (word != "float" && word != "base64") {
      return bad("encoding_format", "field 'encoding_format' must be float or base64");
    }
  }
  const auto dimensions = read_bound(*object, "dimensions");
  if (!dimensions) return std::unexpected(dimensions.error());
  auto user = read_user(*object, "user");
  if (!user) return std::unexpected(user.error());
  request.user = std::move(*user);

  ask.text_bytes = static_cast<std::int64_t>(body.size());
  ask.no_output = true;
  request.object = std::move(*object);
  return request;
}

std::string edited(std::string body, const Request& /*request*/, const Edits& edits) {
  if (!edits.model) return body;
  // Views into the body as it was parsed may not be views into this one.
  const auto object = providers::scan_object(body);
  if (!object) return body;
  return providers::with_members(body, *object, {{"model", providers::json_quoted(*edits.model)}});
}

const Dialect& dialect() {
  static constexpr Dialect row{.name = "embeddings",
                               .format = providers::Format::embeddings,
                               .parse = parse,
                               .edited = edited,
                               .request_to_chat = nullptr,
                               .answer_from_chat = nullptr,
                               .sink = nullptr};
  return row;
}

}  // namespace govctl::calls::embeddings
