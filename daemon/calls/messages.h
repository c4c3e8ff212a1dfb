#pragma once
// The Anthropic Messages dialect (platform.claude.com/docs/en/api/messages): what a request asks for, read
// strictly and once, its body left as it came; and the dialect said as OpenAI chat and back, for providers that
// do not speak it.

#include <cstdint>
#include <memory>
#include <string_view>

#include "daemon/calls/dialect.h"

namespace govctl::calls::messages {

const Dialect& dialect();

std::expected<Request, domain::Refusal> parse(std::string_view body);
std::string edited(std::string body, const Request& request, const Edits& edits);

// invalid names the field that cannot be carried. Dropped knowingly, for Claude Code sends them always and must
// work at any provider, are hints on how to get there, that do not change what is asked: cache_control,
// thinking (enabled, adaptive or disabled) and earlier thinking blocks, output_config.effort, top_k,
// context_management, diagnostics, and of a tool: defer_loading, eager_input_streaming, input_examples.
Result<providers::Json> request_to_chat(const providers::Json& request);
// Reasoning that another provider shows is not passed on as thinking: Anthropic refuses a conversation with
// thinking that it did not sign, and a conversation may move.
providers::Json answer_from_chat(const providers::Json& chat, const domain::Usage& usage,
                                 const providers::AnswerIdentity& identity);
// message_start says zero tokens, for nothing is known yet; message_delta has the figures that were charged.
std::unique_ptr<providers::ChunkSink> sink(const providers::AnswerIdentity& identity);

// Usage as Anthropic counts it: what caches read and wrote stands beside input_tokens.
providers::Json usage_json(const domain::Usage& usage);

// An answer to count_tokens where the provider cannot count: an estimate, four bytes of the body a token,
// inline images and documents not counted. Never charged.
std::int64_t count_tokens_estimate(std::string_view body);

}  // namespace govctl::calls::messages
