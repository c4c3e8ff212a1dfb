#pragma once
// The Anthropic Messages format: POST /v1/messages (platform.claude.com/docs/en/api/messages, .../streaming).
// Bytes to facts and back; no sockets, no money.

#include <memory>
#include <string_view>

#include "daemon/providers/adapter.h"

namespace govctl::providers::anthropic {

// Kind "anthropic": x-api-key, anthropic-version, and every anthropic-* header that the client sent.
const Adapter& adapter();

// invalid: no JSON object, or an error instead of a message.
Result<AnswerFacts> read_answer(std::string_view body);
// One message: exactly one message_start, which everything but pings and errors follows. The usage of
// message_delta is cumulative: its figures replace earlier ones. Before it came, what went in is
// message_start's word and what came out is reckoned from what was produced, four bytes a token
// (UsageReport::estimated).
std::unique_ptr<StreamReader> stream_reader();

// --- translations, for every kind whose conversations are in this format (bedrock)

// invalid names the field that cannot be carried. max_tokens, which this format demands, is left out when the
// chat request has none: the call sets it to what it holds.
Result<Json> request_from_chat(const Json& chat);
Result<Json> answer_to_chat(const Json& answer, const AnswerIdentity& identity);
std::unique_ptr<ChunkSource> chunks(const AnswerIdentity& identity);

}  // namespace govctl::providers::anthropic
