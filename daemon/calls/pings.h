#pragma once
// Keeps a stream alive whose upstream has begun its answer and says nothing: a client takes silence for a dead
// connection. Used from the exchange's thread.

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <memory>
#include <string_view>

#include "daemon/http/server.h"

namespace govctl::calls {

namespace asio = boost::asio;

class Pings {
 public:
  // Nothing is written when `text` is empty. `exchange` outlives what quiet() waits for.
  Pings(http::Exchange& exchange, std::string_view text, std::chrono::milliseconds after);
  ~Pings();
  Pings(const Pings&) = delete;
  Pings& operator=(const Pings&) = delete;

  // The upstream is being waited for: from now on a ping may be written.
  void listen();
  // The upstream has spoken: returns when no ping is being written, and none will be until listen().
  asio::awaitable<void> quiet();

 private:
  struct State;
  static asio::awaitable<void> run(std::shared_ptr<State> state);
  std::shared_ptr<State> state_;  // null: no pings
};

}  // namespace govctl::calls
