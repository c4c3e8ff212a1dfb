#pragma once
// What a call that is over is charged (30-ledger.md "Cut calls", "Usage"). Pure.

#include <optional>
#include <string>

#include "daemon/domain/admission.h"

namespace govctl::domain {

// What was seen of a call, noted on its hold in passing.
struct Outcome {
  bool sent = false;               // the request reached the upstream
  bool upstream_refused = false;   // an error status, before anything was produced
  std::optional<Usage> usage;      // as the upstream reported it
  bool usage_absurd = false;       // negative or beyond reason
  bool usage_estimated = false;    // the answer was cut: what came out is reckoned from what was produced
  std::int64_t relayed_bytes = 0;  // of produced text, for an estimate where no usage came
  bool hidden_reasoning = false;   // the model thinks where nobody sees it: no estimate is safe
  CallStatus status = CallStatus::error;
  std::string cause;
  std::string completion;
  std::string error_message;
  std::string decision;  // JSON object as text: the figures that ended it before its time
  std::string provider_request_id;
  std::optional<std::int64_t> first_byte_ms;
  std::int64_t attempts = 0;
  std::string answered_model;
  int answered = 200;  // the HTTP status that the client is told
};

struct Charge {
  Usage usage;
  Cost cost;
  Credits credits;
  CallFlags flags;
};

// Exactly what was used where it is known; else the estimate, flagged; the hold where no estimate is safe.
Charge charge_of(const Outcome& outcome, const Ask& ask, const ModelPrice& price, std::int64_t credits_per_usd,
                 Credits reserved);

}  // namespace govctl::domain
