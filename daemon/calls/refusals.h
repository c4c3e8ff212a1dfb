#pragma once
// Refusals and faults as every client must see them (20-gateway.md "Refusals"): one table row a cause, one
// column an envelope.

#include <string>

#include "daemon/domain/admission.h"
#include "daemon/http/server.h"
#include "daemon/tenant/tenant.h"

namespace govctl::calls {

// How a client is told of errors; embeddings are told as chat.
enum class Envelope : std::uint8_t {
  chat,       // {"error":{"message","type","param","code"}}
  messages,   // {"type":"error","error":{"type","message"},"request_id"}
  responses,  // chat's, with what Codex looks for
};

// `request_id` is printed and goes into the headers; `now` is what a reset is counted from.
http::Response refusal_answer(Envelope envelope, const domain::Refusal& refusal, const RequestId& request_id,
                              Timestamp now);

// Faults that are not refusals of ours: no or bad key, a body that cannot be read, upstreams. `type` and `code`
// are OpenAI's words; Anthropic's follow from the status.
struct Fault {
  int status = 500;
  std::string_view type;
  std::string_view code;
  std::string message;
  std::string param;
  bool retry = false;       // trying again may mend it
  std::string retry_after;  // the upstream's word on when, or empty
};
// No or bad key, or keys that cannot be looked up.
Fault key_fault(const Error& error);
http::Response fault_answer(Envelope envelope, const Fault& fault, const RequestId& request_id);

// What is left of a rate limit (rpm, tpm), in the names that the dialect's SDKs read: x-ratelimit-…-requests
// (platform.openai.com/docs/guides/rate-limits), anthropic-ratelimit-requests-… with an RFC 3339 reset
// (docs.anthropic.com/en/api/rate-limits).
void add_rate_limit(http::Headers& headers, Envelope envelope, const tenant::RateState& rate, Timestamp now);

// Where a stream stands when it breaks off, for dialects that count their events.
struct StreamPlace {
  std::string id;           // of the answer, as JSON; empty: not known
  std::string model;        // as the client named it
  std::int64_t events = 0;  // sent so far
};
// A fault as the last event of a stream that has begun, as SSE text. Never a clean end.
std::string fault_event(Envelope envelope, const Fault& fault, const RequestId& request_id,
                        const StreamPlace& place);

}  // namespace govctl::calls
