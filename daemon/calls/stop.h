#pragma once
// A call in flight whose key is revoked, or that is switched off or frozen further up, does not go on: a stream
// ends at once, with an error event that says why, and is charged as any stream that is cut; a call in one
// piece is read to its end and charged as its provider reports, and its answer is withheld.

#include <boost/asio/steady_timer.hpp>

#include "daemon/calls/call.h"

namespace govctl::calls {

// Notes on the call that it was stopped, and abandons what its client's leaving would abandon, until this is
// gone. `call` and `watch` (null: not streamed) outlive it.
class StopWatch {
 public:
  StopWatch(Call& call, std::optional<DisconnectWatch>& watch);

 private:
  void stop(tenant::Stopped why);
  Call& call_;
  std::optional<DisconnectWatch>& watch_;
  std::shared_ptr<asio::steady_timer> patience_;
  tenant::InFlight::Watch place_;
};

// Notes the stop on the outcome; false when the call may go on.
bool note_stop(const Call& call, domain::Outcome& outcome);
// What the client is told of it.
Fault stop_fault(const tenant::Stopped& why);

}  // namespace govctl::calls
