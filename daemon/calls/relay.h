#pragma once
// An upstream's streamed answer on its way to the client (20-gateway.md "Streaming"): every event passes as it
// comes, as it is or in the client's dialect; chat's usage chunk and the format's terminal event wait for the
// charge to be durable.

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <optional>
#include <string>

#include "daemon/calls/early_end.h"
#include "daemon/calls/passage.h"
#include "daemon/domain/settlement.h"
#include "daemon/http/client.h"
#include "daemon/http/server.h"

namespace govctl::calls {

namespace asio = boost::asio;

// How a relayed stream came to its end.
enum class StreamEnd {
  complete,
  upstream_failed,
  upstream_error_event,
  garbage,
  client_gone,
  stopped,
  not_covered,  // what is held could not grow with the answer
};

struct Relayed {
  StreamEnd end = StreamEnd::upstream_failed;
  std::string usage_chunk;  // chat, held back; empty when the upstream sent none
  std::string terminal;     // held back, as SSE text; empty when the upstream sent none or it was translated
  std::string upstream_message;  // upstream_error_event that was not passed on: to be told in the dialect
  bool told = false;             // upstream_error_event: the client has it
  StreamPlace place;
  Error error;                             // upstream_failed
  std::optional<domain::Refusal> refusal;  // not_covered
};

// What one stream is relayed between. All of it outlives the relay.
struct Relay {
  http::UpstreamResponse& response;
  http::Exchange& exchange;
  const Passage& passage;
  StreamTranslation* translation = nullptr;       // null: bytes pass
  EarlyEnd* early_end = nullptr;                  // told what passes; null: nobody needs to know
  tenant::Hold& hold;                             // usage and output are noted in passing; grows with them
  const bool& gone;                               // true once the client has disconnected
  const std::optional<tenant::Stopped>& stopped;  // there once the call may not go on
  std::chrono::milliseconds ping_after{15'000};
};
// Reads the response to its end, noting in `relayed` what came. Not given back: each copy would be a part of a
// frame that lives as long as the stream.
asio::awaitable<void> relay(Relay stream, Relayed& relayed);

}  // namespace govctl::calls
