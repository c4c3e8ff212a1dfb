#pragma once
// The OpenAI embeddings dialect (platform.openai.com/docs/api-reference/embeddings).

#include "daemon/calls/dialect.h"

namespace govctl::calls::embeddings {

// A refusal (bad_request) names the field. Nothing is produced: what goes in is all that is charged.
std::expected<Request, domain::Refusal> parse(std::string_view body);
// `body` with the upstream's name of the model, byte for byte otherwise.
std::string edited(std::string body, const Request& request, const Edits& edits);

}  // namespace govctl::calls::embeddings
