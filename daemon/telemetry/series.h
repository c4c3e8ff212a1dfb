#pragma once
// What metrics.h is made of: counters, gauges and histograms that any thread adds to without a lock, in
// families by label values. A figure is read while others add to it: a scrape sees each at some instant, not
// all at one.

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace govctl::metrics {

class Counter {
 public:
  void add(std::int64_t n = 1) { value_.fetch_add(n, std::memory_order_relaxed); }
  [[nodiscard]] std::int64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::int64_t> value_ = 0;
};

class Gauge {
 public:
  void set(std::int64_t value) { value_.store(value, std::memory_order_relaxed); }
  [[nodiscard]] std::int64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::int64_t> value_ = 0;
};

// Observations by upper bound, in whole units: microseconds, tokens.
template <const auto& bounds>
class Histogram {
 public:
  static constexpr std::size_t size = bounds.size() + 1;  // the last is +Inf

  void observe(std::int64_t value) {
    std::size_t at = 0;
    while (at < bounds.size() && value > bounds[at]) ++at;
    buckets_[at].add();
    sum_.add(value);
  }
  // How many fell into bucket `at`, not the ones below it.
  [[nodiscard]] std::int64_t count_in(std::size_t at) const { return buckets_[at].value(); }
  [[nodiscard]] std::int64_t sum() const { return sum_.value(); }

 private:
  std::array<Counter, size> buckets_;
  Counter sum_;
};

// Figures of type T by N label values. Holds at most `capacity` different ones; what comes after that is
// counted under "other" in every label, so that no caller can make it grow.
template <class T, std::size_t N, std::size_t capacity>
class Family {
 public:
  using Labels = std::array<std::string_view, N>;
  struct Series {
    std::array<std::string, N> labels;
    T figure;
  };

  Family() { other_.labels.fill("other"); }
  ~Family() {
    for (auto& slot : slots_) delete slot.load(std::memory_order_relaxed);
  }
  Family(const Family&) = delete;
  Family& operator=(const Family&) = delete;

  T& at(const Labels& labels) {
    std::size_t hash = 0;
    for (const auto& label : labels) hash = hash * 31 + std::hash<std::string_view>{}(label);
    for (std::size_t i = 0; i < slots_.size(); ++i) {
      auto& slot = slots_[(hash + i) % slots_.size()];
      Series* series = slot.load(std::memory_order_acquire);
      if (series == nullptr) series = claim(slot, labels);
      if (series == nullptr) return other_.figure;
      if (same(*series, labels)) return series->figure;
    }
    return other_.figure;
  }

  template <class Visit>
  void each(Visit&& visit) const {
    for (const auto& slot : slots_) {
      if (const Series* series = slot.load(std::memory_order_acquire)) visit(*series);
    }
    if (overflowed_.load(std::memory_order_relaxed)) visit(other_);
  }

 private:
  static bool same(const Series& series, const Labels& labels) {
    for (std::size_t i = 0; i < N; ++i) {
      if (series.labels[i] != labels[i]) return false;
    }
    return true;
  }
  // The slot's series: ours, or that of whoever was faster. Null when there are enough.
  Series* claim(std::atomic<Series*>& slot, const Labels& labels) {
    if (used_.fetch_add(1, std::memory_order_relaxed) >= capacity) {
      used_.fetch_sub(1, std::memory_order_relaxed);
      overflowed_.store(true, std::memory_order_relaxed);
      return nullptr;
    }
    auto made = std::make_unique<Series>();
    for (std::size_t i = 0; i < N; ++i) made->labels[i] = labels[i];
    Series* there = nullptr;
    if (slot.compare_exchange_strong(there, made.get(), std::memory_order_acq_rel)) return made.release();
    used_.fetch_sub(1, std::memory_order_relaxed);
    return there;
  }

  std::array<std::atomic<Series*>, capacity * 2> slots_{};  // half empty at most full: short ways
  std::atomic<std::size_t> used_ = 0;
  std::atomic<bool> overflowed_ = false;
  Series other_;
};

}  // namespace govctl::metrics
