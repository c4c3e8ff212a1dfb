#pragma once
// The OpenAI chat dialect: what a request asks for, read strictly and once; its body stays as it came.

#include "daemon/calls/dialect.h"

namespace govctl::calls::chat {

// A refusal (bad_request) names the field. A governed field that stands twice or in another spelling is
// refused: upstreams differ in which one they believe.
std::expected<Request, domain::Refusal> parse(std::string_view body);
// `body` with the edits, byte for byte otherwise.
std::string edited(std::string body, const Request& request, const Edits& edits);

const Dialect& dialect();

}  // namespace govctl::calls::chat
