#include "daemon/calls/pings.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace govctl::calls {

using SteadyClock = std::chrono::steady_clock;

struct Pings::State {
  State(http::Exchange& to, std::string_view what, std::chrono::milliseconds silence)
      : exchange(to), text(what), after(silence), silent(to.context()), written(to.context()) {}
  http::Exchange& exchange;
  std::string_view text;
  std::chrono::milliseconds after;
  asio::steady_timer silent;   // wakes run(): one timer a stream, not one a chunk
  asio::steady_timer written;  // wakes quiet()
  SteadyClock::time_point heard = SteadyClock::now();
  bool listening = false;
  bool writing = false;
  bool over = false;
};

Pings::Pings(http::Exchange& exchange, std::string_view text, std::chrono::milliseconds after) {
  if (text.empty()) return;
  state_ = std::make_shared<State>(exchange, text, after);
  asio::co_spawn(exchange.context(), run(state_), asio::detached);
}

Pings::~Pings() {
  if (!state_) return;
  state_->over = true;
  state_->silent.cancel();
}

void Pings::listen() {
  if (state_) state_->listening = true;
}

asio::awaitable<void> Pings::quiet() {
  if (!state_) co_return;
  state_->listening = false;
  state_->heard = SteadyClock::now();
  while (state_->writing) {
    boost::system::error_code woken;
    state_->written.expires_at(SteadyClock::time_point::max());
    co_await state_->written.async_wait(asio::redirect_error(asio::use_awaitable, woken));
  }
}

asio::awaitable<void> Pings::run(std::shared_ptr<State> state) {
  while (!state->over) {
    const auto due = state->heard + state->after;
    if (SteadyClock::now() < due || !state->listening) {
      boost::system::error_code cancelled;
      // A client that is slow to read is looked at again later: nothing is owed to it.
      state->silent.expires_at(std::max(due, SteadyClock::now() + state->after / 2));
      co_await state->silent.async_wait(asio::redirect_error(asio::use_awaitable, cancelled));
      continue;
    }
    state->writing = true;
    auto sent = co_await state->exchange.write(state->text);
    state->writing = false;
    state->heard = SteadyClock::now();
    state->written.cancel();
    if (!sent) co_return;  // the client is gone: who relays to it will see
  }
}

}  // namespace govctl::calls
