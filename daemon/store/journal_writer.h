#pragma once
// The thread that makes calls' records durable: it drains what waits for a file's journal into one frame, syncs
// it, hands the records to the file's writer, and only then tells the callers. While it waits for the disk, the
// next frame gathers.

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "daemon/store/file.h"

namespace govctl::store {

class JournalWriter {
 public:
  // `failed` is set once a disk has failed; nothing is written from then on.
  JournalWriter(const WriterOptions& options, std::function<void(const Error&)> fatal,
                const std::atomic<bool>& failed);

  void submit(File& file, CallRecord record, Done done);
  // No record of the file is waiting, and none is taken any more, when it returns.
  void close(File& file);
  void stop();
  // Records that wait, of all files.
  [[nodiscard]] std::size_t pending();

  // The writer's thread: the file's records up to this frame are in SQLite, or (`stuck`) cannot be for now.
  void applied(File& file, std::uint64_t frame);
  void stuck(File& file);

 private:
  // Under the mutex: why a record of so many bytes is not taken.
  [[nodiscard]] std::optional<Error> why_not(File& file, bool bounded, std::size_t bytes) const;
  void run();
  void serve(File& file, std::unique_lock<std::mutex>& lock);
  // On a disk that is nearly full, all of taken_ but settlements is refused.
  void refuse_without_room(File& file);
  bool wait_for_segment(File& file, std::size_t bytes);
  void answer(const Result<void>& result);
  void make_ready(File& file);

  const WriterOptions& options_;
  std::function<void(const Error&)> fatal_;
  const std::atomic<bool>& failed_;

  std::mutex mutex_;
  std::condition_variable wake_, applied_, idle_;
  std::deque<File*> ready_;
  bool stop_ = false;
  std::size_t pending_ = 0;

  std::vector<PendingCall> taken_;  // the thread's own
  std::string frame_;
  std::thread thread_;  // last: it starts when the rest is there
};

}  // namespace govctl::store
