#pragma once
// Whether a provider that keeps failing is asked at all. Pure: whoever owns it tells it the time (microseconds
// of a steady clock) and guards it.

#include <cstdint>
#include <string_view>

namespace govctl::domain {

enum class CircuitState : std::uint8_t { closed, open, half_open };
std::string_view circuit_word(CircuitState state);  // "closed", "open", "half_open"

// Opens after so many failures in a row for 10 s, and for twice as long each time that the call which is let
// through afterwards fails too, up to 60 s. A call that neither succeeded nor failed (its client left) counts
// as nothing.
class Circuit {
 public:
  static constexpr std::int64_t failures_to_open = 5;
  static constexpr std::int64_t first_pause = 10'000'000;
  static constexpr std::int64_t longest_pause = 60'000'000;

  Circuit() = default;
  explicit Circuit(std::int64_t opens_after) : opens_after_(opens_after) {}  // 0: never

  enum class Pass : std::uint8_t { none, call, probe };
  // Whether a call may pass now. Half open, the first that asks is the probe, and what becomes of it decides.
  Pass admit(std::int64_t now);
  void succeeded();
  void failed(Pass pass, std::int64_t now);
  // The call ended without a word on how the provider is.
  void abandoned(Pass pass);

  [[nodiscard]] CircuitState state(std::int64_t now) const;
  // Microseconds until the next call may pass; 0 when it may now, or when one is under way that will tell.
  [[nodiscard]] std::int64_t wait(std::int64_t now) const;

 private:
  std::int64_t opens_after_ = failures_to_open;
  std::int64_t failures_ = 0;
  std::int64_t pause_ = 0;  // 0: closed
  std::int64_t opens_until_ = 0;
  bool probing_ = false;
};

}  // namespace govctl::domain
