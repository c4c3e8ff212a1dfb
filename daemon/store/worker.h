#pragma once
// One writer thread and the files that it owns: it alone writes to their SQLite databases and checkpoints them.

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "daemon/store/file.h"

namespace govctl::store {

class JournalWriter;

class Worker {
 public:
  Worker(const WriterOptions& options, std::function<void(const Error&)> fatal,
         const std::atomic<bool>& failed);
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  JournalWriter& journals() { return *journals_; }
  void adopt(std::shared_ptr<File> file);
  void submit(File& file, Operation operation);
  // Records that frame `frame` of the file's journal made durable. They are written with what comes next, or
  // after a moment by themselves; leaves `calls` without its records.
  void take_calls(File& file, std::vector<PendingCall>& calls, std::uint64_t frame);
  void submit_aside(File& file, Aside task);
  // Whatever was taken is written now.
  void hurry(File& file);
  [[nodiscard]] bool behind(const File& file);
  void close(File& file);
  [[nodiscard]] std::size_t queued(const File& file);
  // Operations and records that wait, of all files.
  [[nodiscard]] std::size_t pending();
  void stop();

 private:
  using Clock = std::chrono::steady_clock;
  void make_ready(File& file);
  // True when it is the first of those that linger.
  bool linger_until(File& file, Clock::time_point at);
  void ready_what_lingered(Clock::time_point now);
  void run();
  void serve(File& file, std::unique_lock<std::mutex>& lock);
  // Moves what is to be written next into batch_ and calls_.
  void take_batch(File::Schedule& schedule);
  void keep_calls(File::Schedule& schedule);
  void give_back_calls(File& file, std::unique_lock<std::mutex>& lock);
  void run_aside(File& file, std::unique_lock<std::mutex>& lock);
  void answer_refused(std::unique_lock<std::mutex>& lock);
  void tidy(std::unique_lock<std::mutex>& lock);
  void close_now(File& file, std::unique_lock<std::mutex>& lock);

  const WriterOptions& options_;
  std::function<void(const Error&)> fatal_;
  const std::atomic<bool>& failed_;

  std::mutex mutex_;
  std::condition_variable wake_, closed_;
  std::vector<std::shared_ptr<File>> files_;
  std::deque<File*> ready_;
  std::deque<std::pair<Clock::time_point, File*>>
      lingering_;  // when a file's records are written at the latest; in order
  std::vector<std::pair<Done, Error>> refused_;
  bool stop_ = false;

  std::vector<Operation> batch_;  // the thread's own
  std::vector<Result<void>> results_;
  std::vector<CallRecord> calls_;
  std::uint64_t frame_ = 0;  // the frame that the last of calls_ came in
  bool doubted_ = false;     // one of calls_ was refused before

  std::unique_ptr<JournalWriter> journals_;
  std::thread thread_;  // last: it starts when the rest is there
};

}  // namespace govctl::store
