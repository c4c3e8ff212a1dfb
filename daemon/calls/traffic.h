#pragma once
// The calls that are with each provider now, and whether it may be asked: a row's max_parallel and its circuit.
// One a process, shared by the contexts; any thread.

#include <expected>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "common/clock.h"
#include "daemon/domain/circuit.h"
#include "daemon/domain/config.h"

namespace govctl::calls {

class Traffic {
 public:
  // `circuit_failures`: after so many in a row a circuit opens; 0: never.
  explicit Traffic(const Clock& clock, std::int64_t circuit_failures = domain::Circuit::failures_to_open)
      : clock_(clock), circuit_failures_(circuit_failures) {}

  // A place among a provider's calls; given back when it goes. The Traffic outlives it.
  class Permit {
   public:
    Permit() = default;
    Permit(Permit&& other) noexcept;
    Permit& operator=(Permit&& other) noexcept;
    ~Permit() { leave(); }
    // How the provider was, told once; a call that tells nothing counts as neither.
    void succeeded();
    void failed();

   private:
    friend class Traffic;
    void leave();
    Traffic* traffic_ = nullptr;
    std::string provider_;
    domain::Circuit::Pass pass_ = domain::Circuit::Pass::none;
    bool told_ = false;
  };
  // Why a provider is not asked.
  struct Blocked {
    bool circuit = false;  // else it has max_parallel calls
    std::int64_t retry_after_s = 1;
  };
  std::expected<Permit, Blocked> enter(const domain::Provider& provider);

  [[nodiscard]] domain::CircuitState circuit(const std::string& provider) const;
  // The providers whose circuit is not closed, by name.
  [[nodiscard]] std::vector<std::string> open_circuits() const;

 private:
  struct Lane {
    std::int64_t version = -1;  // of the provider's row: one that was changed starts anew
    std::int64_t calls = 0;
    domain::Circuit circuit;
  };
  const Clock& clock_;
  const std::int64_t circuit_failures_;
  mutable std::mutex mutex_;
  std::map<std::string, Lane, std::less<>> lanes_;
};

}  // namespace govctl::calls
