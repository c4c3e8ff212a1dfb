#include "daemon/domain/circuit.h"

#include <algorithm>
#include <array>

namespace govctl::domain {

std::string_view circuit_word(CircuitState state) {
  constexpr std::array<std::string_view, 3> words{"closed", "open", "half_open"};
  return words[static_cast<std::size_t>(state)];
}

Circuit::Pass Circuit::admit(std::int64_t now) {
  if (pause_ == 0) return Pass::call;
  if (now < opens_until_ || probing_) return Pass::none;
  probing_ = true;
  return Pass::probe;
}

void Circuit::succeeded() { *this = Circuit(opens_after_); }

void Circuit::failed(Pass pass, std::int64_t now) {
  if (pause_ != 0) {
    if (pass != Pass::probe) return;  // it began before the circuit opened and says nothing new
    pause_ = std::min(pause_ * 2, longest_pause);
  } else {
    if (opens_after_ == 0 || ++failures_ < opens_after_) return;
    pause_ = first_pause;
  }
  opens_until_ = now + pause_;
  probing_ = false;
}

void Circuit::abandoned(Pass pass) {
  if (pass == Pass::probe) probing_ = false;
}

CircuitState Circuit::state(std::int64_t now) const {
  if (pause_ == 0) return CircuitState::closed;
  return now < opens_until_ ? CircuitState::open : CircuitState::half_open;
}

std::int64_t Circuit::wait(std::int64_t now) const {
  return pause_ == 0 ? 0 : std::max<std::int64_t>(opens_until_ - now, 0);
}

}  // namespace govctl::domain
