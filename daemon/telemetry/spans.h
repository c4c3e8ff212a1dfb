#pragma once
// Calls on their way to a collector of traces: a bounded queue. Whoever ends a call adds its span and never
// waits; what finds the queue full is dropped and counted. Any thread.

#include <atomic>
#include <cstddef>
#include <mutex>
#include <vector>

#include "daemon/telemetry/otlp.h"

namespace govctl::otlp {

class SpanQueue {
 public:
  static constexpr std::size_t capacity = 8192;

  // Without an exporter nobody makes spans.
  void want(bool wanted) { wanted_.store(wanted, std::memory_order_relaxed); }
  [[nodiscard]] bool wanted() const { return wanted_.load(std::memory_order_relaxed); }

  void add(CallSpan span);
  // The oldest, `most` of them.
  std::vector<CallSpan> take(std::size_t most);
  [[nodiscard]] std::size_t size() const;

 private:
  std::atomic<bool> wanted_ = false;
  mutable std::mutex mutex_;
  std::vector<CallSpan> spans_;
};

// The daemon's own.
SpanQueue& spans();

}  // namespace govctl::otlp
