#include "daemon/calls/messages.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <functional>

#include "daemon/calls/messages_content.h"

namespace govctl::calls::messages {

using domain::Refusal;
using providers::JsonMember;
using providers::JsonObject;

namespace {

// Fields whose meaning govd relies on.
constexpr std::array<std::string_view, 17> governed{
    "model",         "messages",      "max_tokens",        "stream",    "system",      "tools", "tool_choice",
    "metadata",      "thinking",      "service_tier",      "container", "mcp_servers", "speed", "fallbacks",
    "inference_geo", "output_config", "context_management"};

constexpr std::int64_t most_tokens = 1'000'000'000;
// What Anthropic adds to a request with tools that is not in its body, rounded up
// (.../tool-use/overview#pricing): the prompt that explains tools (530 at most), and the descriptions of its
// own tools (computer: 735 and a prompt of 499).
constexpr std::int64_t tool_prompt_tokens = 1'000;
constexpr std::int64_t own_tool_tokens = 1'500;

std::unexpected<Refusal> bad(std::string parameter, std::string message) {
  Refusal refusal;
  refusal.cause = domain::Cause::bad_request;
  refusal.message = std::move(message);
  refusal.parameter = std::move(parameter);
  return std::unexpected(std::move(refusal));
}

using Fault = std::optional<Refusal>;

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

Fault read_spelling(const JsonObject& object) {
  for (const JsonMember& member : object.members) {
    for (const std::string_view name : governed) {
      if (member.key != name && same_but_for_case(member.key, name)) {
        return bad(std::string(member.key), fmt::format("field '{}' must be written '{}'", member.key, name))
            .error();
      }
    }
  }
  return std::nullopt;
}

Fault read_model(const JsonObject& object, domain::Ask& ask) {
  const JsonMember* model = given(object, "model");
  if (model == nullptr) return bad("model", "field 'model' is missing").error();
  auto name = providers::json_string(model->value);
  if (!name) return bad("model", "field 'model' must be a string").error();
  const bool printable =
      std::ranges::all_of(*name, [](char c) { return static_cast<unsigned char>(c) > ' ' && c != 0x7f; });
  if (name->empty() || name->size() > 200 || !printable) {
    return bad("model", "field 'model' must be 1 to 200 characters without blanks").error();
  }
  ask.model = std::move(*name);
  return std::nullopt;
}

Fault read_max_tokens(const JsonObject& object, domain::Ask& ask) {
  const JsonMember* member = given(object, "max_tokens");
  if (member == nullptr) return bad("max_tokens", "field 'max_tokens' is missing").error();
  ask.max_tokens = providers::json_integer(member->value);
  if (ask.max_tokens && *ask.max_tokens >= 1 && *ask.max_tokens <= most_tokens) return std::nullopt;
  return bad("max_tokens", fmt::format("field 'max_tokens' must be a whole number from 1 to {}", most_tokens))
      .error();
}

Fault read_stream(const JsonObject& object, domain::Ask& ask) {
  const JsonMember* stream = given(object, "stream");
  if (stream == nullptr) return std::nullopt;
  if (stream->value != "true" && stream->value != "false") {
    return bad("stream", "field 'stream' must be true or false").error();
  }
  ask.stream = stream->value == "true";
  return std::nullopt;
}

// The budget must stay below max_tokens, so these must stay above it.
Fault read_thinking(const JsonObject& object, domain::Ask& ask) {
  const JsonMember* member = given(object, "thinking");
  if (member == nullptr) return std::nullopt;
  const auto thinking = providers::scan_object(member->value, providers::Utf8::known);
  if (!thinking) return bad("thinking", "field 'thinking' must be an object, each member once").error();
  const JsonMember* budget = given(*thinking, "budget_tokens");
  if (budget == nullptr) return std::nullopt;
  const auto tokens = providers::json_integer(budget->value);
  if (!tokens || *tokens < 0 || *tokens > most_tokens) {
    return bad("thinking",
               fmt::format("field 'thinking.budget_tokens' must be a whole number up to {}", most_tokens))
        .error();
  }
  ask.least_output_tokens = *tokens + 1;
  return std::nullopt;
}

Fault read_metadata(const JsonObject& object, std::string& user) {
  const JsonMember* member = given(object, "metadata");
  if (member == nullptr) return std::nullopt;
  const auto metadata = providers::scan_object(member->value, providers::Utf8::known);
  if (!metadata) return bad("metadata", "field 'metadata' must be an object, each member once").error();
  const JsonMember* id = given(*metadata, "user_id");
  if (id == nullptr) return std::nullopt;
  const auto text = providers::json_string(id->value);
  if (!text) return bad("metadata", "field 'metadata.user_id' must be a string").error();
  user = providers::cut(*text, 200);
  return std::nullopt;
}

// web_search_20250305 -> web_search: a policy names the tool, not its version.
std::string_view without_version(std::string_view type) {
  const std::size_t at = type.rfind('_');
  if (at == std::string_view::npos || type.size() - at != 9) return type;
  const bool digits = std::ranges::all_of(type.substr(at + 1), [](char c) { return c >= '0' && c <= '9'; });
  return digits ? type.substr(0, at) : type;
}

// Tools that the client runs only describe themselves; all others (web_search, web_fetch, code_execution,
// tool_search, advisor, mcp_toolset, and what comes) Anthropic runs: they have fees, or feed the model input
// that nobody bounds.
bool run_by_client(std::string_view type) {
  constexpr std::array<std::string_view, 4> kinds{"bash", "text_editor", "computer", "memory"};
  return std::ranges::find(kinds, without_version(type)) != kinds.end();
}

Fault read_tools(const JsonObject& object, domain::Ask& ask) {
  const JsonMember* member = given(object, "tools");
  if (member == nullptr) return std::nullopt;
  const auto list = providers::scan_array(member->value, providers::Utf8::known);
  if (!list) return bad("tools", "field 'tools' must be an array").error();
  for (const std::string_view tool : *list) {
    const auto described = providers::scan_object(tool, providers::Utf8::known);
    if (!described)
      return bad("tools", "field 'tools' holds what is no tool: " + described.error().message).error();
    const JsonMember* type = given(*described, "type");
    if (type == nullptr) continue;
    const auto word = providers::json_string(type->value);
    if (!word) return bad("tools", "a tool's 'type' must be a string").error();
    if (*word == "custom") continue;
    ask.media_tokens += own_tool_tokens;
    if (!run_by_client(*word)) ask.costly.emplace_back(providers::cut(without_version(*word), 100));
  }
  if (!list->empty()) ask.media_tokens += tool_prompt_tokens;
  return std::nullopt;
}

// Edits that clear the context cost nothing; compaction is a call of its own, which usage counts apart.
bool only_clears(std::string_view context_management) {
  const auto object = providers::scan_object(context_management, providers::Utf8::known);
  const JsonMember* member = object ? given(*object, "edits") : nullptr;
  const auto edits = providers::scan_array(member == nullptr ? "[]" : member->value, providers::Utf8::known);
  if (!object || !edits) return false;
  return std::ranges::all_of(*edits, [](std::string_view edit) {
    const auto described = providers::scan_object(edit, providers::Utf8::known);
    const JsonMember* type = described ? described->find("type") : nullptr;
    return type != nullptr && type->value.starts_with("\"clear_");
  });
}

// A field that costs nothing extra at these values, as written; at any other it is named.
struct Extra {
  std::string_view field;
  std::string_view free, also_free;
};
constexpr std::array extras{
    Extra{"container", "null", ""},
    Extra{"mcp_servers", "[]", ""},
    Extra{"service_tier", "\"auto\"", "\"standard_only\""},
    Extra{"speed", "\"standard\"", ""},        // fast has a price of its own
    Extra{"inference_geo", "\"global\"", ""},  // a region costs a tenth more
    Extra{"fallbacks", "[]", ""},              // another model, at its price
};

void read_extras(const JsonObject& object, domain::Ask& ask) {
  for (const Extra& extra : extras) {
    const JsonMember* member = given(object, extra.field);
    if (member == nullptr || member->value == extra.free || member->value == extra.also_free) continue;
    ask.costly.emplace_back(extra.field);
  }
  const JsonMember* management = given(object, "context_management");
  if (management != nullptr && !only_clears(management->value)) ask.costly.emplace_back("context_management");
}

std::size_t offset(std::string_view text, std::string_view part) {
  return static_cast<std::size_t>(part.data() - text.data());
}

}  // namespace

std::expected<Request, Refusal> parse(std::string_view body) {
  Request request;
  auto object = providers::scan_object(body);
  if (!object) return bad("", object.error().message);
  domain::Ask& ask = request.ask;
  if (auto fault = read_spelling(*object)) return std::unexpected(*fault);
  for (const auto read : {read_model, read_max_tokens, read_stream, read_thinking, read_tools}) {
    if (auto fault = read(*object, ask)) return std::unexpected(*fault);
  }
  if (auto fault = read_metadata(*object, request.user)) return std::unexpected(*fault);
  read_extras(*object, ask);
  const JsonMember* list = given(*object, "messages");
  if (list == nullptr) return bad("messages", "field 'messages' is missing");
  if (list->value.front() != '[') return bad("messages", "field 'messages' must be an array");

  // A byte-level tokenizer never makes more tokens than bytes; what wraps the messages is shorter than their
  // JSON.
  ask.text_bytes = static_cast<std::int64_t>(body.size());
  read_content(list->value, ask);
  if (const JsonMember* system = given(*object, "system")) read_blocks(system->value, ask);
  request.object = std::move(*object);
  return request;
}

std::string edited(std::string body, const Request& request, const Edits& edits) {
  if (!edits.model && !edits.max_tokens) return body;
  // The request's views are into the body that was parsed; this may be a copy of it, for a second provider.
  const JsonMember& first = request.object.members.front();
  const std::less<> before;
  const bool own =
      !before(first.key.data(), body.data()) && before(first.key.data(), body.data() + body.size());
  const auto scanned = own ? Result<JsonObject>() : providers::scan_object(body);
  const JsonObject& object = own ? request.object : *scanned;
  std::vector<providers::Splice> splices;
  const auto set = [&](std::string_view key, std::string value) {
    const JsonMember* member = object.find(key);
    if (member == nullptr) return;  // parse() has seen both
    const std::size_t begin = offset(body, member->value);
    splices.push_back({begin, begin + member->value.size(), std::move(value)});
  };
  if (edits.model) set("model", providers::json_quoted(*edits.model));
  if (edits.max_tokens) set("max_tokens", fmt::format("{}", *edits.max_tokens));
  return providers::spliced(body, std::move(splices));
}

std::int64_t count_tokens_estimate(std::string_view body) {
  domain::Ask ask;
  ask.text_bytes = static_cast<std::int64_t>(body.size());
  const auto object = providers::scan_object(body);
  const JsonMember* list = object ? given(*object, "messages") : nullptr;
  if (list != nullptr) read_content(list->value, ask);
  return (ask.text_bytes + 3) / 4;
}

const Dialect& dialect() {
  static constexpr Dialect row{.name = "messages",
                               .format = providers::Format::messages,
                               .parse = parse,
                               .edited = edited,
                               .request_to_chat = request_to_chat,
                               .answer_from_chat = answer_from_chat,
                               .sink = sink,
                               .envelope = Envelope::messages,
                               .ping = "event: ping\ndata: {\"type\": \"ping\"}\n\n",
                               .closing = "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n"};
  return row;
}

}  // namespace govctl::calls::messages
