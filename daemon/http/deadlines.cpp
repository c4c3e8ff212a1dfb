#include "daemon/http/deadlines.h"

#include <algorithm>
#include <utility>

namespace govctl::http {

namespace {
// However close together deadlines lie, the list is walked no more often than this.
constexpr std::chrono::milliseconds sweep_pause{50};
constexpr auto never = Deadline::Clock::time_point::max();
}  // namespace

Deadline::Deadline(asio::io_context& context, std::function<void()> expired)
    : all_(Deadlines::of(context)), expired_(std::move(expired)) {
  all_.add(*this);
}

Deadline::~Deadline() { all_.remove(*this); }

void Deadline::set(Clock::duration from_now) {
  at_ = Clock::now() + from_now;
  if (at_ < all_.armed_) all_.arm(at_);
}

Deadlines::Deadlines(asio::execution_context& context)
    : service(context), timer_(std::in_place, static_cast<asio::io_context&>(context)) {}

void Deadlines::shutdown() {
  timer_.reset();
  alive_.reset();
}

void Deadlines::add(Deadline& deadline) {
  deadline.next_ = first_;
  if (first_ != nullptr) first_->previous_ = &deadline;
  first_ = &deadline;
}

void Deadlines::remove(Deadline& deadline) {
  if (cursor_ == &deadline) cursor_ = deadline.next_;
  if (deadline.next_ != nullptr) deadline.next_->previous_ = deadline.previous_;
  (deadline.previous_ != nullptr ? deadline.previous_->next_ : first_) = deadline.next_;
  if (first_ == nullptr && timer_ && armed_ != never) {
    timer_->cancel();
    armed_ = never;
  }
}

void Deadlines::arm(Deadline::Clock::time_point at) {
  if (!timer_) return;
  armed_ = at;
  timer_->expires_at(at);
  timer_->async_wait([this](const boost::system::error_code& error) {
    if (!error) sweep();
  });
}

void Deadlines::sweep() {
  const auto now = Deadline::Clock::now();
  armed_ = Deadline::Clock::time_point::min();  // set() in a callback need not arm: the walk's end does
  for (Deadline* at = first_; at != nullptr; at = std::exchange(cursor_, nullptr)) {
    cursor_ = at->next_;
    if (at->at_ > now) continue;
    at->clear();
    const auto expired = at->expired_;  // a copy: the call may destroy its Deadline
    expired();
  }
  auto earliest = never;
  for (const Deadline* at = first_; at != nullptr; at = at->next_) earliest = std::min(earliest, at->at_);
  armed_ = never;
  if (earliest != never) arm(std::max(earliest, now + sweep_pause));
}

}  // namespace govctl::http
