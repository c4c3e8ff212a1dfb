#pragma once
// One agent call, top to bottom (10-architecture.md "One call, as data"): authenticate, read, route, reserve,
// send, relay, settle, finish. Runs on the exchange's thread.

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <memory>
#include <vector>

#include "daemon/calls/dialect.h"
#include "daemon/calls/traffic.h"
#include "daemon/http/client.h"
#include "daemon/http/server.h"
#include "daemon/tenant/registry.h"

namespace govctl::calls {

namespace asio = boost::asio;

struct Call;
struct Passage;

// What came of asking a provider for its models.
struct ModelList {
  bool ok = false;
  std::string called;         // "GET https://api.openai.com/v1/models"
  std::optional<int> status;  // of its answer, if one came
  std::int64_t latency_ms = 0;
  std::string message;  // what went wrong: the provider's own words where it said any
  std::vector<std::string> models;
};

class Calls {
 public:
  // One upstream client for each context; all outlive this. A begun answer whose upstream is silent for
  // `ping_after` gets a ping.
  Calls(tenant::Registry& registry, const std::vector<asio::io_context*>& contexts,
        std::chrono::milliseconds ping_after = std::chrono::seconds(15),
        std::int64_t circuit_failures = domain::Circuit::failures_to_open);
  ~Calls();

  // One call in that dialect: POST /v1/chat/completions, /v1/messages, /v1/responses, /v1/embeddings.
  asio::awaitable<void> run(http::Exchange& exchange, const Dialect& dialect);
  // POST /v1/messages/count_tokens: asked of the provider where it can tell, else estimated. Costs nothing.
  asio::awaitable<void> count_tokens(http::Exchange& exchange);
  // The models that the provider itself lists, under the candidate's credential; its price may be null.
  asio::awaitable<ModelList> list_models(const http::Exchange& exchange, const tenant::Candidate& candidate);
  // The key of a request, or who it is not: for routes that answer from memory.
  [[nodiscard]] Result<tenant::Caller> authenticate(const http::Exchange& exchange) const;

  // What is with each provider now, and which are not asked for a while.
  [[nodiscard]] const Traffic& traffic() const { return traffic_; }

  class Upstreams;

 private:
  [[nodiscard]] Call begin(http::Exchange& exchange, const Dialect& dialect) const;
  // Authenticates, reads the body and what it asks for. False: the client has its answer.
  asio::awaitable<bool> read(Call& call) const;
  asio::awaitable<void> send(Call& call, const tenant::Route& route, std::vector<Passage>& passages,
                             tenant::Hold& hold);
  Upstreams& upstreams(const http::Exchange& exchange);
  tenant::Registry& registry_;
  std::chrono::milliseconds ping_after_;
  Traffic traffic_;
  std::vector<std::unique_ptr<Upstreams>> upstreams_;  // one a context
};

}  // namespace govctl::calls
