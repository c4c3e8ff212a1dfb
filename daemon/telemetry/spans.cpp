#include "daemon/telemetry/spans.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "daemon/telemetry/metrics.h"

namespace govctl::otlp {

void SpanQueue::add(CallSpan span) {
  {
    const std::scoped_lock lock(mutex_);
    if (spans_.size() < capacity) {
      spans_.push_back(std::move(span));
      return;
    }
  }
  metrics::process().spans_dropped(1);
}

std::vector<CallSpan> SpanQueue::take(std::size_t most) {
  const std::scoped_lock lock(mutex_);
  const auto end = spans_.begin() + static_cast<std::ptrdiff_t>(std::min(most, spans_.size()));
  std::vector<CallSpan> taken(std::move_iterator(spans_.begin()), std::move_iterator(end));
  spans_.erase(spans_.begin(), end);
  return taken;
}

std::size_t SpanQueue::size() const {
  const std::scoped_lock lock(mutex_);
  return spans_.size();
}

SpanQueue& spans() {
  static SpanQueue queue;
  return queue;
}

}  // namespace govctl::otlp
