#pragma once
// The OpenAI chat completions format, requests and answers (platform.openai.com/docs/api-reference/chat). Bytes
// to facts and back; no sockets, no money.

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/domain/usage.h"
#include "daemon/providers/adapter.h"
#include "daemon/providers/json_object.h"

namespace govctl::providers::openai {

// What must differ from what the client sent.
struct RequestEdits {
  std::optional<std::string> model;  // the upstream's name for it
  bool include_usage = false;        // set stream_options.include_usage
  std::optional<std::int64_t>
      max_tokens;  // set, in the field that the client used or else in `max_tokens_field`
  std::string_view max_tokens_field = "max_tokens";
};
// `object` is `body` scanned. Empty when nothing differs.
std::optional<std::string> edited(std::string_view body, const JsonObject& object, const RequestEdits& edits);

// `value` is the usage member as written. Cached tokens are counted inside prompt_tokens and reasoning inside
// completion_tokens, and come out disjoint.
UsageReport read_usage(std::string_view value);

// A whole answer.
struct Answer {
  JsonObject object;
  UsageReport usage;
  std::int64_t produced_bytes = 0;  // of text and arguments, for an estimate
};
Result<Answer> read_answer(std::string_view body);
// The same without its members: Format::chat of adapter.h.
Result<AnswerFacts> read_facts(std::string_view body);
// The answer with "x_platform" as its last member, or in the place of one that it has. `object` is `body`
// scanned.
std::string with_platform(std::string_view body, const JsonObject& object, std::string_view x_platform_json);

// One streamed chunk.
struct Chunk {
  JsonObject object;
  UsageReport usage;
  bool usage_only = false;  // choices: [] with usage: what include_usage adds
  bool finished = false;    // a choice has its finish_reason
  bool error = false;
  std::int64_t produced_bytes = 0;
};
Result<Chunk> read_chunk(std::string_view data);
// Format::chat of adapter.h: [DONE] is terminal, an error chunk is none.
std::unique_ptr<StreamReader> stream_reader();

// Models that reason where nobody sees it: what they used cannot be estimated from what they showed.
bool hides_reasoning(std::string_view model);

// Content-Type, Accept and User-Agent of a JSON request, as OpenAI and those who follow it want them.
std::vector<WireHeader> json_headers(bool stream);

// Kind "openai": any base URL with /chat/completions, /responses and /embeddings behind it; the credential as a
// bearer token, none where there is none.
const Adapter& adapter();

}  // namespace govctl::providers::openai
