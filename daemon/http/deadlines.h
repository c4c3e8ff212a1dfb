#pragma once
// Deadlines of connections. One timer serves all of an io_context: to set a deadline is to store a number,
// which is what a connection does several times per call. All on the context's thread.

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>

namespace govctl::http {

namespace asio = boost::asio;

class Deadlines;

// Calls `expired` once for each set() that is neither cleared nor set anew in time, at most 50 ms late. The
// callback may set it again, and may destroy the Deadline. While one exists the context's run() may have a
// timer to wait for.
class Deadline {
 public:
  using Clock = std::chrono::steady_clock;
  Deadline(asio::io_context& context, std::function<void()> expired);
  ~Deadline();
  Deadline(const Deadline&) = delete;
  Deadline& operator=(const Deadline&) = delete;

  void set(Clock::duration from_now);
  void clear() { at_ = Clock::time_point::max(); }

 private:
  friend class Deadlines;
  Deadlines& all_;
  std::function<void()> expired_;
  Clock::time_point at_ = Clock::time_point::max();
  Deadline* previous_ = nullptr;
  Deadline* next_ = nullptr;
};

// The list of an io_context's deadlines; lives in the context as an Asio service.
class Deadlines final : public asio::execution_context::service {
 public:
  static inline asio::execution_context::id id;  // what Asio finds a service by
  explicit Deadlines(asio::execution_context& context);
  static Deadlines& of(asio::io_context& context) { return asio::use_service<Deadlines>(context); }

  // Expires when the context is destroyed: for owners that may outlive it.
  [[nodiscard]] std::weak_ptr<void> alive() const { return alive_; }

 private:
  friend class Deadline;
  void shutdown() override;
  void add(Deadline& deadline);
  void remove(Deadline& deadline);
  void arm(Deadline::Clock::time_point at);
  void sweep();

  std::optional<asio::steady_timer> timer_;
  std::shared_ptr<void> alive_ = std::make_shared<char>();
  Deadline* first_ = nullptr;
  Deadline* cursor_ = nullptr;  // the next one sweep() looks at; moved on when that one is removed
  Deadline::Clock::time_point armed_ = Deadline::Clock::time_point::max();
};

}  // namespace govctl::http
