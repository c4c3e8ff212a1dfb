#pragma once
// The OpenAI chat dialect: what a request asks for, read strictly and once; its body stays as it came.

#include <expected>
#include <string>
#include <string_view>

#include "daemon/domain/admission.h"
#include "daemon/providers/openai.h"

namespace govctl::calls::chat {

struct Request {
  domain::Ask ask;
  bool include_usage = false;  // the client asked for the usage chunk
  std::string user;
  providers::JsonObject object;  // views into the body
};

// A refusal (bad_request) names the field. A governed field that stands twice or in another spelling is
// refused: upstreams differ in which one they believe.
std::expected<Request, domain::Refusal> parse(std::string_view body);

}  // namespace govctl::calls::chat
