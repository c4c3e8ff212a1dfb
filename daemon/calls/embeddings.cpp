#include "daemon/calls/embeddings.h"

#include <array>

#include "daemon/calls/fields.h"
#include "daemon/providers/openai.h"

namespace govctl::calls::embeddings {

using domain::Refusal;
using providers::JsonMember;

namespace {

constexpr std::array<std::string_view, 3> governed{"model", "input", "user"};

}  // namespace

std::expected<Request, Refusal> parse(std::string_view body) {
  Request request;
  auto object = providers::scan_object(body);
  if (!object) return bad("", object.error().message);
  if (auto refusal = misspelt(*object, governed)) return std::unexpected(std::move(*refusal));
  auto model = model_of(*object);
  if (!model) return std::unexpected(std::move(model.error()));
  request.ask.model = std::move(*model);
  const JsonMember* input = given(*object, "input");
  if (input == nullptr) return bad("input", "field 'input' is missing");
  if (input->value.front() != '"' && input->value.front() != '[') {
    return bad("input", "field 'input' must be a string or an array");
  }
  if (const JsonMember* user = given(*object, "user")) {
    auto text = providers::json_string(user->value);
    if (!text) return bad("user", "field 'user' must be a string");
    request.user = providers::cut(*text, 200);
  }
  // A token as text makes at most a token a byte; one that comes as a number takes two bytes or more.
  request.ask.text_bytes = static_cast<std::int64_t>(body.size());
  request.ask.max_tokens = 0;
  request.object = std::move(*object);
  return request;
}

std::string edited(std::string body, const Request& request, const Edits& edits) {
  auto changed =
      providers::openai::edited(body, request.object, {.model = edits.model, .max_tokens = std::nullopt});
  return changed ? std::move(*changed) : std::move(body);
}

}  // namespace govctl::calls::embeddings
