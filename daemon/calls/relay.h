#pragma once
// An upstream's streamed answer on its way to the client (20-gateway.md "Streaming"): every event passes as it
// comes, but for the usage chunk and [DONE], which wait for the charge to be durable.

#include <boost/asio/awaitable.hpp>
#include <string>

#include "daemon/domain/settlement.h"
#include "daemon/http/client.h"
#include "daemon/http/server.h"
#include "daemon/http/sse.h"

namespace govctl::calls {

namespace asio = boost::asio;

// How a relayed stream came to its end.
enum class StreamEnd { complete, upstream_failed, upstream_error_event, garbage, client_gone };

struct Relayed {
  StreamEnd end = StreamEnd::upstream_failed;
  std::string usage_chunk;  // held back; empty when the upstream sent none
  std::string last_id;      // id, created and model of the stream, for a usage chunk of our own
  Error error;              // upstream_failed
};

// Reads `response` to its end, writing to `exchange`, and notes usage and output on `outcome` in passing.
// `gone` is true once the client has disconnected.
asio::awaitable<Relayed> relay_chat(http::UpstreamResponse& response, http::Exchange& exchange,
                                    domain::Outcome& outcome, const bool& gone);

}  // namespace govctl::calls
