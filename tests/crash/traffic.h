#pragma once
// The calls of many clients at once through a real govd, and the provider that answers them. One thread does
// both, so that a round costs the daemon's work and little of its own.

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace govctl::test {

// A call as its client saw it.
struct Call {
  std::string request;  // its id, once the head of the answer came
  int status = 0;       // of the answer; 0: none came
  bool ended = false;   // [DONE], or the whole body
};

struct Load {
  std::size_t streams = 64;  // clients that stream
  std::size_t others = 16;   // clients that do not
  std::size_t calls = 0;     // of each client, one after the other; 0: until its connection ends
};

class Traffic {
 public:
  // What the provider says that each call used.
  static constexpr std::int64_t prompt_tokens = 30, completion_tokens = 12;

  // The provider's pauses between a stream's words, 1 to 12 ms, come of the seed.
  explicit Traffic(std::uint64_t seed);
  ~Traffic();
  Traffic(const Traffic&) = delete;
  Traffic& operator=(const Traffic&) = delete;

  [[nodiscard]] std::string provider_url() const;
  // Whoever comes next waits until so many have come since; then all are answered.
  void gather(std::size_t requests);
  // Requests that the provider had since the last gather().
  [[nodiscard]] std::size_t seen() const;

  // The clients, each over a connection of its own, begin to call `model`.
  void start(const std::string& gateway, const std::string& key, const std::string& model, const Load& load);
  // Every client has left: its calls are done, or its connection ended. A Failure when one still calls after a
  // minute.
  std::vector<Call> finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace govctl::test
