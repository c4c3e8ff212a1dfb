#pragma once
// Which of its route's candidates answers a call: they are asked in turn until one takes it. A request is sent
// again only where nothing of it was sent, or an error status says that nothing was produced (30-ledger.md
// "Resending"); all of it before the first byte goes to the client.

#include "daemon/calls/call.h"
#include "daemon/calls/traffic.h"
#include "daemon/calls/upstreams.h"

namespace govctl::calls {

// The way of each candidate of a route, in its order.
using Passages = std::vector<Passage>;

// Drops the candidates that have none; a refusal (of the first) when none has, and the route as it was.
std::expected<Passages, domain::Refusal> find_passages(const Call& call, tenant::Route& route);

// What may follow an upstream's answer of that status.
enum class Resend : std::uint8_t {
  no,  // it is the answer: a success, a fault of the request, or a timeout behind which a model may be at work
  other,  // the next candidate, when there is one
  same,   // the same one, after the pause that it asks for, once
};
struct Resending {
  Resend resend = Resend::no;
  std::chrono::seconds pause{0};
};
// `retried`: this candidate was asked twice already.
Resending after_status(int status, std::string_view retry_after, bool retried);

// How it went with the last candidate that was asked.
struct Attempt {
  std::size_t candidate = 0;
  Traffic::Permit permit;  // its place, for as long as the answer is relayed
  Response response = std::unexpected(http::SendFault{});
  std::optional<Fault> blocked;  // nobody could be asked; noted on the hold
};

struct Asking {
  Call& call;
  const tenant::Route& route;
  Passages& passages;
  tenant::Hold& hold;
  Calls::Upstreams& upstreams;
  Traffic& traffic;
  DisconnectWatch* watch;  // of a streamed call; else null
};
// The hold knows who is asked and how often. Afterwards the call's body is gone.
asio::awaitable<Attempt> ask_in_turn(Asking asking);

}  // namespace govctl::calls
