#include "daemon/store/journal_writer.h"

#include <sys/prctl.h>

#include <algorithm>
#include <chrono>

#include "daemon/store/worker.h"
#include "daemon/telemetry/metrics.h"

namespace govctl::store {
namespace {

// A frame is at most this large, but for a single record, so that what arrives meanwhile does not wait for
// ever.
constexpr std::size_t max_frame_bytes = std::size_t{256} << 10;
// Where a frame held the records of so many calls, more are on their way: gathering them for a moment costs
// each a little time and saves a write, a sync and the waking of threads. Where calls are few, nobody waits.
constexpr std::size_t busy_frame = 4;
constexpr std::chrono::microseconds gather_a_record{10};
constexpr std::chrono::microseconds gather_at_most{200};
// How long a full journal waits for the writer before those who wait for it are told.
constexpr std::chrono::seconds segment_patience{2};

Error queue_full() {
  return Error{Code::unavailable, "too many calls are waiting to be written; try again", {}, {}};
}

}  // namespace

JournalWriter::JournalWriter(const WriterOptions& options, std::function<void(const Error&)> fatal,
                             const std::atomic<bool>& failed)
    : options_(options), fatal_(std::move(fatal)), failed_(failed), thread_([this] { run(); }) {}

void JournalWriter::submit(File& file, CallRecord record, Done done) {
  // Encoded by the caller's thread: the journal's own has the disk to wait for.
  thread_local std::string bytes;
  bytes.clear();
  encode(record, bytes);
  const bool bounded = !std::holds_alternative<Settled>(record);
  std::unique_lock lock(mutex_);
  if (auto refused = why_not(file, bounded, bytes.size())) {
    lock.unlock();
    if (done) done(std::unexpected(std::move(*refused)));
    return;
  }
  File::Calls& calls = file.calls;
  calls.bounded += bounded ? 1 : 0;
  calls.bytes += bytes;
  calls.pending.push_back({std::move(record), std::move(done), bytes.size()});
  ++pending_;
  make_ready(file);
  lock.unlock();
  wake_.notify_one();
}

std::optional<Error> JournalWriter::why_not(File& file, bool bounded, std::size_t bytes) const {
  if (file.calls.closing) return Error{Code::unavailable, "the database file is closed", {}, {}};
  if (bytes > file.journal().capacity()) {
    return Error{Code::unavailable, "the call's record is larger than the journal", {}, {}};
  }
  if (stop_ || (bounded && file.calls.bounded >= options_.queue_limit)) return queue_full();
  return std::nullopt;
}

void JournalWriter::close(File& file) {
  std::unique_lock lock(mutex_);
  file.calls.closing = true;
  idle_.wait(lock, [&] { return file.calls.pending.empty() && !file.calls.busy; });
}

std::size_t JournalWriter::pending() {
  const std::scoped_lock lock(mutex_);
  return pending_;
}

void JournalWriter::stop() {
  {
    const std::scoped_lock lock(mutex_);
    stop_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

void JournalWriter::applied(File& file, std::uint64_t frame) {
  {
    const std::scoped_lock lock(mutex_);
    file.calls.applied = std::max(file.calls.applied, frame);
    file.calls.stuck = false;
  }
  applied_.notify_all();
}

void JournalWriter::stuck(File& file) {
  {
    const std::scoped_lock lock(mutex_);
    file.calls.stuck = true;
  }
  applied_.notify_all();
}

void JournalWriter::make_ready(File& file) {
  if (file.calls.ready) return;
  file.calls.ready = true;
  ready_.push_back(&file);
}

void JournalWriter::run() {
  ::prctl(PR_SET_TIMERSLACK, 1'000UL);  // nanoseconds: the moment is not to be half as long again
  std::unique_lock lock(mutex_);
  while (true) {
    wake_.wait(lock, [&] { return stop_ || !ready_.empty(); });
    if (ready_.empty()) return;
    if (const std::size_t many = ready_.front()->calls.in_last_frame;
        many >= busy_frame && ready_.size() == 1 && !stop_) {
      lock.unlock();
      std::this_thread::sleep_for(std::min(gather_at_most, gather_a_record * static_cast<std::int64_t>(many)));
      lock.lock();
    }
    File& file = *ready_.front();
    ready_.pop_front();
    file.calls.ready = false;
    serve(file, lock);
  }
}

// One frame of the file's.
void JournalWriter::serve(File& file, std::unique_lock<std::mutex>& lock) {
  File::Calls& calls = file.calls;
  const std::size_t limit = std::min(max_frame_bytes, file.journal().capacity());
  if (calls.bytes.size() <= limit) {
    taken_.swap(calls.pending);
    frame_.swap(calls.bytes);
    calls.bounded = 0;
  } else {
    std::size_t bytes = 0;
    auto end = calls.pending.begin();
    for (; end != calls.pending.end() && (bytes == 0 || bytes + end->bytes <= limit); ++end) {
      bytes += end->bytes;
      if (!std::holds_alternative<Settled>(end->record)) --calls.bounded;
    }
    taken_.assign(std::move_iterator(calls.pending.begin()), std::move_iterator(end));
    calls.pending.erase(calls.pending.begin(), end);
    frame_.assign(calls.bytes, 0, bytes);
    calls.bytes.erase(0, bytes);
    make_ready(file);
  }
  pending_ -= taken_.size();
  calls.in_last_frame = taken_.size();
  calls.busy = true;
  lock.unlock();

  if (failed_) {
    answer(fail(Code::unavailable, "writing to the disk failed; govd is stopping"));
  } else if (const auto damage = file.damage()) {
    answer(std::unexpected(*damage));
  } else {
    refuse_without_room(file);
    if (!taken_.empty()) {
      metrics::Timer timer(metrics::Stage::journal);
      auto written = wait_for_segment(file, frame_.size())
                         ? file.journal().append(frame_)
                         : Result<std::uint64_t>(fail(Code::unavailable, "the journal is full"));
      if (written) {
        timer.done();
        // Before the callers know: what they ask for next finds the rows.
        file.schedule.worker->take_calls(file, taken_, *written);
        answer({});
      } else {
        if (written.error().code == Code::internal) fatal_(written.error());
        answer(std::unexpected(Error{Code::unavailable, written.error().message, {}, {}}));
      }
    }
  }
  taken_.clear();
  frame_.clear();

  lock.lock();
  calls.busy = false;
  if (calls.pending.empty()) idle_.notify_all();
}

void JournalWriter::refuse_without_room(File& file) {
  if (file.room_for_calls()) return;
  std::vector<PendingCall> settled;
  frame_.clear();
  for (PendingCall& call : taken_) {
    if (!std::holds_alternative<Settled>(call.record)) {
      if (call.done) call.done(fail(Code::unavailable, "the disk is full"));
      continue;
    }
    encode(call.record, frame_);
    settled.push_back(std::move(call));
  }
  taken_ = std::move(settled);
}

bool JournalWriter::wait_for_segment(File& file, std::size_t bytes) {
  const std::uint64_t frame = file.journal().overwrites(bytes);
  if (frame == 0) return true;
  std::unique_lock lock(mutex_);
  if (file.calls.applied >= frame) return true;
  lock.unlock();
  file.schedule.worker->hurry(file);
  lock.lock();
  const auto ready = [&] { return file.calls.applied >= frame || file.calls.stuck; };
  return applied_.wait_for(lock, segment_patience, ready) && file.calls.applied >= frame;
}

void JournalWriter::answer(const Result<void>& result) {
  for (PendingCall& call : taken_) {
    if (call.done) call.done(result);
  }
}

}  // namespace govctl::store
