#pragma once
// Refusals as every client must see them (20-gateway.md "Refusals"): one table row a cause.

#include <string>

#include "daemon/domain/admission.h"
#include "daemon/http/server.h"

namespace govctl::calls {

// The OpenAI envelope {"error":{"message","type","param","code"}}. `request_id` is printed and goes into the
// headers.
http::Response chat_refusal(const domain::Refusal& refusal, const RequestId& request_id);

// Faults that are not refusals of ours: no or bad key, a body that cannot be read, upstreams.
struct Fault {
  int status = 500;
  std::string_view type;
  std::string_view code;
  std::string message;
  std::string param;
  bool retry = false;  // trying again may mend it
};
http::Response chat_fault(const Fault& fault, const RequestId& request_id);
// The error object alone, for a stream that has begun.
std::string chat_error_json(const Fault& fault);

}  // namespace govctl::calls
