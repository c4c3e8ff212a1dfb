#pragma once
// A batch of calls as the body of an OTLP/HTTP export in JSON (POST /v1/traces,
// https://opentelemetry.io/docs/specs/otlp/#otlphttp), one span a call, with the attributes of
// https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-spans. No prompt, answer, key or credential is in
// it.

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "common/clock.h"
#include "common/id.h"
#include "common/money.h"
#include "daemon/domain/records.h"
#include "daemon/domain/usage.h"

namespace govctl::otlp {

struct CallSpan {
  RequestId request_id;
  std::string agent;  // its path
  std::string dialect, provider;
  std::string model;           // as asked for
  std::string answered_model;  // as the upstream named it, or empty
  domain::CallStatus status = domain::CallStatus::success;
  std::string cause;  // of a call that did not succeed
  domain::Usage usage;
  Credits credits;
  bool stream = false;
  std::optional<std::int64_t> first_chunk_us;
  Timestamp start, end;
};

// trace and span id follow from the request's id: the same call is the same span, sent once or twice.
std::string trace_id(const RequestId& request);  // 32 hexadecimal digits
std::string span_id(const RequestId& request);   // 16
std::string traces_body(std::span<const CallSpan> calls);

}  // namespace govctl::otlp
