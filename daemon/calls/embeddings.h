#pragma once
// The OpenAI embeddings dialect (platform.openai.com/docs/api-reference/embeddings/create): text or tokens in,
// no tokens out, never streamed. There is no way to chat: kinds of providers with a format of their own
// translate it (providers/adapter.h).

#include <expected>
#include <string>
#include <string_view>

#include "daemon/calls/dialect.h"

namespace govctl::calls::embeddings {

std::expected<Request, domain::Refusal> parse(std::string_view body);
// Of the edits, the model alone has a place here.
std::string edited(std::string body, const Request& request, const Edits& edits);

const Dialect& dialect();

}  // namespace govctl::calls::embeddings
