// A provider that keeps failing is left alone for a while, and tried with one call at a time afterwards.

#include "daemon/domain/circuit.h"

#include <catch2/catch.hpp>

using namespace govctl::domain;

namespace {

constexpr std::int64_t second = 1'000'000;
using Pass = Circuit::Pass;

void fail_times(Circuit& circuit, int times, std::int64_t now) {
  for (int i = 0; i < times; ++i) circuit.failed(circuit.admit(now), now);
}

}  // namespace

TEST_CASE("five failures in a row open the circuit for ten seconds; four do not") {
  Circuit circuit;
  fail_times(circuit, 4, 0);
  CHECK(circuit.state(0) == CircuitState::closed);
  CHECK(circuit.admit(0) == Pass::call);
  fail_times(circuit, 1, 0);
  CHECK(circuit.state(0) == CircuitState::open);
  CHECK(circuit.wait(0) == 10 * second);
  CHECK(circuit.admit(10 * second - 1) == Pass::none);
  CHECK(circuit.state(10 * second) == CircuitState::half_open);
}

TEST_CASE("a success in between starts the count anew") {
  Circuit circuit;
  fail_times(circuit, 4, 0);
  circuit.succeeded();
  fail_times(circuit, 4, 0);
  CHECK(circuit.state(0) == CircuitState::closed);
}

TEST_CASE(
    "half open, one call passes: its success closes, its failure opens for twice as long, up to a minute") {
  Circuit circuit;
  fail_times(circuit, 5, 0);
  std::int64_t now = 10 * second;
  CHECK(circuit.admit(now) == Pass::probe);
  CHECK(circuit.admit(now) == Pass::none);
  SECTION("success") {
    circuit.succeeded();
    CHECK(circuit.state(now) == CircuitState::closed);
    CHECK(circuit.admit(now) == Pass::call);
    fail_times(circuit, 4, now);
    CHECK(circuit.state(now) == CircuitState::closed);
  }
  SECTION("failure") {
    circuit.failed(Pass::probe, now);
    for (const std::int64_t pause : {20, 40, 60, 60}) {
      CHECK(circuit.wait(now) == pause * second);
      now += pause * second;
      CHECK(circuit.admit(now - 1) == Pass::none);
      circuit.failed(circuit.admit(now), now);
    }
  }
  SECTION("no word: the next one is let through") {
    circuit.abandoned(Pass::probe);
    CHECK(circuit.admit(now) == Pass::probe);
  }
  SECTION("what began before it opened and fails only now neither lengthens the pause nor ends the probe") {
    circuit.failed(Pass::call, now);
    circuit.abandoned(Pass::call);
    CHECK(circuit.state(now) == CircuitState::half_open);
    CHECK(circuit.admit(now) == Pass::none);
  }
}
