#include "daemon/calls/stop.h"

namespace govctl::calls {

namespace {

// What a stream's client has to take the last words in, before it is cut off without them.
constexpr std::chrono::seconds last_words{2};

}  // namespace

StopWatch::StopWatch(Call& call, std::optional<DisconnectWatch>& watch)
    : call_(call),
      watch_(watch),
      patience_(std::make_shared<asio::steady_timer>(call.exchange.context())),
      place_(call.facts.caller.tenant->watch(call.facts.caller, call.exchange.context().get_executor(),
                                             [this](tenant::Stopped why) { stop(std::move(why)); })) {}

void StopWatch::stop(tenant::Stopped why) {
  call_.stopped = std::move(why);
  if (!watch_ || !watch_->cancel) return;
  watch_->cancel();
  // A client that takes nothing holds the relay in its write.
  patience_->expires_after(last_words);
  patience_->async_wait([this, alive = std::weak_ptr(patience_)](const boost::system::error_code& cancelled) {
    if (!cancelled && !alive.expired() && watch_) call_.exchange.abort();
  });
}

bool note_stop(const Call& call, domain::Outcome& outcome) {
  if (!call.stopped) return false;
  outcome.status = domain::CallStatus::error;
  outcome.cause = call.stopped->cause;
  outcome.error_message = call.stopped->message;
  if (call.facts.ask.stream) outcome.completion = "partial";
  return true;
}

Fault stop_fault(const tenant::Stopped& why) {
  const bool revoked = why.cause == "revoked";
  Fault fault;
  fault.status = revoked ? 401 : 403;
  fault.type = revoked ? "invalid_request_error" : "permission_error";
  fault.code = revoked ? "invalid_api_key" : why.cause == "frozen" ? "frozen" : "inactive";
  fault.message = why.message + " while the call was in flight";
  return fault;
}

}  // namespace govctl::calls
