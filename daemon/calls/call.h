#pragma once
// What the steps of one call share (call.cpp), and the ends it can come to.

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <functional>
#include <optional>
#include <string>

#include "daemon/calls/dialect.h"
#include "daemon/calls/passage.h"
#include "daemon/http/client.h"
#include "daemon/http/server.h"
#include "daemon/tenant/tenant.h"

namespace govctl::calls {

namespace asio = boost::asio;

struct Call {
  http::Exchange& exchange;
  const Clock& clock;
  const Dialect& dialect;
  std::chrono::milliseconds ping_after;
  tenant::CallFacts facts;
  std::string body;
  Request request;
  std::optional<tenant::Stopped> stopped = {};  // it may not go on (stop.h)
  std::optional<tenant::KeyClaim> key_claim =
      std::nullopt;  // of a call with an Idempotency-Key, until it holds money

  [[nodiscard]] const RequestId& id() const { return facts.request_id; }
  [[nodiscard]] std::int64_t latency_ms() const { return (clock.steady_micros() - facts.began_steady) / 1000; }
  [[nodiscard]] providers::AnswerIdentity identity() const {
    return {facts.request_id.text(), facts.ask.model, facts.began.micros / micros_per_second};
  }
};

// A call that is with its provider: money is held, and whatever way it is left, the hold settles.
struct Sent {
  const tenant::Candidate& route;  // that was asked last
  Passage& passage;
  tenant::Hold& hold;
};

// Calls `cancel` when the client disconnects, until this is gone.
class DisconnectWatch {
 public:
  explicit DisconnectWatch(http::Exchange& exchange) : exchange_(exchange) {
    exchange_.on_disconnect([this] {
      gone = true;
      if (cancel) cancel();
    });
  }
  ~DisconnectWatch() { exchange_.on_disconnect({}); }
  DisconnectWatch(const DisconnectWatch&) = delete;
  DisconnectWatch& operator=(const DisconnectWatch&) = delete;

  bool gone = false;
  std::function<void()> cancel;

 private:
  http::Exchange& exchange_;
};

// --- before money is held (refuse.cpp)

// Answers with a fault; nothing is recorded of it.
asio::awaitable<void> tell(Call& call, Fault fault);
// A body that cannot be read.
asio::awaitable<void> tell_body_fault(Call& call, const Error& error);
// Records the refusal and answers with it.
asio::awaitable<void> refuse(Call& call, const domain::Refusal& refusal, const tenant::Route* route);

// Takes the request's Idempotency-Key, if it has one. False: the client has its answer. (idempotency.cpp)
asio::awaitable<bool> claim_key(Call& call);

// --- with the provider (answer.cpp, answer_stream.cpp). Each settles, then answers.

// Nothing came of it, or nothing that can be told.
asio::awaitable<void> answer_fault(Call& call, Sent sent, Fault fault);
asio::awaitable<void> answer_unsent(Call& call, Sent sent, const http::SendFault& fault, bool gone);
asio::awaitable<void> answer_whole(Call& call, Sent sent, http::UpstreamResponse& response);
asio::awaitable<void> answer_stream(Call& call, Sent sent, http::UpstreamResponse& response,
                                    DisconnectWatch& watch);

// --- what they share

Fault upstream_fault(const Error& error, std::string_view provider);
// The charge cannot be written, so the answer is withheld.
Fault unsettled_fault();
Fault with_explain(Fault fault, const Call& call);
http::Headers answer_headers(const Call& call, const tenant::Hold& hold, std::string_view content_type);
// What chat's answers carry of ours.
std::string platform_json(const Call& call, const domain::Charge& charge);
// An error status of a provider's for its client: as it came where both speak the same format, else in the
// client's dialect.
struct UpstreamError {
  bool passes = false;  // the body is the client's as it is
  Fault fault;          // what is told otherwise
};
UpstreamError upstream_error(const Passage& passage, int status, std::string_view body,
                             std::string_view provider);

}  // namespace govctl::calls
