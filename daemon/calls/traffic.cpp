#include "daemon/calls/traffic.h"

#include <algorithm>
#include <utility>

namespace govctl::calls {

using domain::Circuit;
using domain::CircuitState;

Traffic::Permit::Permit(Permit&& other) noexcept
    : traffic_(std::exchange(other.traffic_, nullptr)),
      provider_(std::move(other.provider_)),
      pass_(other.pass_),
      told_(other.told_) {}

Traffic::Permit& Traffic::Permit::operator=(Permit&& other) noexcept {
  if (this == &other) return *this;
  leave();
  traffic_ = std::exchange(other.traffic_, nullptr);
  provider_ = std::move(other.provider_);
  pass_ = other.pass_;
  told_ = other.told_;
  return *this;
}

void Traffic::Permit::succeeded() {
  if (traffic_ == nullptr || std::exchange(told_, true)) return;
  const std::scoped_lock lock(traffic_->mutex_);
  traffic_->lanes_[provider_].circuit.succeeded();
}

void Traffic::Permit::failed() {
  if (traffic_ == nullptr || std::exchange(told_, true)) return;
  const std::scoped_lock lock(traffic_->mutex_);
  traffic_->lanes_[provider_].circuit.failed(pass_, traffic_->clock_.steady_micros());
}

void Traffic::Permit::leave() {
  if (traffic_ == nullptr) return;
  const std::scoped_lock lock(traffic_->mutex_);
  Lane& lane = traffic_->lanes_[provider_];
  --lane.calls;
  if (!told_) lane.circuit.abandoned(pass_);
  traffic_ = nullptr;
}

std::expected<Traffic::Permit, Traffic::Blocked> Traffic::enter(const domain::Provider& provider) {
  const std::scoped_lock lock(mutex_);
  const std::int64_t now = clock_.steady_micros();
  Lane& lane = lanes_[provider.name];
  if (lane.version != provider.version) {
    lane.version = provider.version;
    lane.circuit = Circuit(circuit_failures_);
  }
  if (provider.max_parallel > 0 && lane.calls >= provider.max_parallel) return std::unexpected(Blocked{});
  const Circuit::Pass pass = lane.circuit.admit(now);
  if (pass == Circuit::Pass::none) {
    const std::int64_t seconds = (lane.circuit.wait(now) + micros_per_second - 1) / micros_per_second;
    return std::unexpected(Blocked{true, std::max<std::int64_t>(seconds, 1)});
  }
  ++lane.calls;
  Permit permit;
  permit.traffic_ = this;
  permit.provider_ = provider.name;
  permit.pass_ = pass;
  return permit;
}

CircuitState Traffic::circuit(const std::string& provider) const {
  const std::scoped_lock lock(mutex_);
  const auto lane = lanes_.find(provider);
  return lane == lanes_.end() ? CircuitState::closed : lane->second.circuit.state(clock_.steady_micros());
}

std::vector<std::string> Traffic::open_circuits() const {
  const std::scoped_lock lock(mutex_);
  const std::int64_t now = clock_.steady_micros();
  std::vector<std::string> open;
  for (const auto& [name, lane] : lanes_) {
    if (lane.circuit.state(now) != CircuitState::closed) open.push_back(name);
  }
  return open;
}

}  // namespace govctl::calls
