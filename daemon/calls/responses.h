#pragma once
// The OpenAI Responses dialect (platform.openai.com/docs/api-reference/responses/create): what a request asks
// for, and, for providers without /v1/responses, its way to chat and back.
//
// What costs beyond the body's text (30-ledger.md "Worst case"):
//   held at the context window   previous_response_id, conversation, prompt; files; images that are not inline;
//   items
//                                and parts that are only referred to or that nobody here knows
//   refused unless allowed       tools that run at the provider (by their type), background, service_tier other
//   than
//                                auto and default
// Tools that the client runs itself (function, custom, namespaces of those, local_shell, apply_patch,
// tool_search with execution client) are only described.

#include <expected>
#include <memory>
#include <string>
#include <string_view>

#include "daemon/calls/dialect.h"

namespace govctl::calls::responses {

std::expected<Request, domain::Refusal> parse(std::string_view body);
std::string edited(std::string body, const Request& request, const Edits& edits);

// There is no server state on this way: what refers to some is invalid, and `store` keeps nothing. What chat
// has no place for is invalid too, but for the hints of the table in responses_to_chat.cpp. The bound on the
// output is max_tokens, which every kind of provider reads.
Result<providers::Json> request_to_chat(const providers::Json& request);

// A whole `response`. What only echoes the request (tools, temperature, ...) has the value of a request that
// does not say it: the answer's own facts are its items, its status and its usage.
providers::Json answer_from_chat(const providers::Json& chat, const domain::Usage& usage,
                                 const providers::AnswerIdentity& identity);
// The events that SDKs and Codex read, numbered from 0; ends with response.completed or response.incomplete.
std::unique_ptr<providers::ChunkSink> sink(const providers::AnswerIdentity& identity);

const Dialect& dialect();

}  // namespace govctl::calls::responses
