#include "daemon/store/worker.h"

#include <algorithm>

#include "daemon/store/journal_writer.h"
#include "daemon/telemetry/log.h"

namespace govctl::store {
namespace {

constexpr std::chrono::milliseconds idle_after{500};
// Calls' records wait this long for others to share their transaction, or until there are so many.
constexpr std::chrono::milliseconds linger{10};
constexpr std::size_t calls_at_once = 512;
constexpr std::chrono::seconds retry_after{1};

Error queue_full() {
  return Error{Code::unavailable, "too many changes are waiting to be written; try again", {}, {}};
}
Error file_closed() { return Error{Code::unavailable, "the database file is closed", {}, {}}; }
Error stopping() { return Error{Code::unavailable, "writing to the disk failed; govd is stopping", {}, {}}; }

}  // namespace

Worker::Worker(const WriterOptions& options, std::function<void(const Error&)> fatal,
               const std::atomic<bool>& failed)
    : options_(options),
      fatal_(fatal),
      failed_(failed),
      journals_(std::make_unique<JournalWriter>(options, std::move(fatal), failed)),
      thread_([this] { run(); }) {}

Worker::~Worker() = default;

void Worker::adopt(std::shared_ptr<File> file) {
  const std::scoped_lock lock(mutex_);
  file->schedule.worker = this;
  files_.push_back(std::move(file));
}

void Worker::submit(File& file, Operation operation) {
  {
    const std::scoped_lock lock(mutex_);
    File::Schedule& schedule = file.schedule;
    const bool bounded = operation.queue != Queue::settle;
    if (schedule.closing) {
      refused_.emplace_back(std::move(operation.done), file_closed());
    } else if (bounded && schedule.bounded >= options_.queue_limit) {
      refused_.emplace_back(std::move(operation.done), queue_full());
    } else {
      schedule.bounded += bounded ? 1 : 0;
      schedule.queue.push_back(std::move(operation));
      make_ready(file);
    }
  }
  wake_.notify_one();
}

void Worker::take_calls(File& file, std::vector<PendingCall>& calls, std::uint64_t frame) {
  bool wake = false;
  {
    const std::scoped_lock lock(mutex_);
    File::Schedule& schedule = file.schedule;
    for (PendingCall& call : calls) schedule.calls.push_back(std::move(call.record));
    schedule.frame = frame;
    if (schedule.ready) {
      // It is served soon anyway.
    } else if (schedule.calls.size() >= calls_at_once) {
      make_ready(file);
      wake = true;
    } else if (!schedule.lingers) {
      wake = linger_until(file, Clock::now() + linger);
    }
  }
  if (wake) wake_.notify_one();
}

void Worker::submit_aside(File& file, Aside task) {
  std::unique_lock lock(mutex_);
  if (file.schedule.closing || stop_) {
    lock.unlock();
    task(nullptr);
    return;
  }
  file.schedule.aside.push_back(std::move(task));
  make_ready(file);
  lock.unlock();
  wake_.notify_one();
}

void Worker::hurry(File& file) {
  {
    const std::scoped_lock lock(mutex_);
    if (!file.schedule.calls.empty()) make_ready(file);
  }
  wake_.notify_one();
}

bool Worker::behind(const File& file) {
  const std::scoped_lock lock(mutex_);
  return !file.schedule.calls.empty() || file.schedule.writing;
}

void Worker::close(File& file) {
  journals_->close(file);
  std::unique_lock lock(mutex_);
  if (!std::exchange(file.schedule.closing, true)) make_ready(file);
  wake_.notify_one();
  closed_.wait(lock, [&] { return file.schedule.closed; });
}

std::size_t Worker::queued(const File& file) {
  const std::scoped_lock lock(mutex_);
  return file.schedule.queue.size();
}

std::size_t Worker::pending() {
  const std::scoped_lock lock(mutex_);
  std::size_t waiting = 0;
  for (const auto& file : files_) waiting += file->schedule.queue.size() + file->schedule.calls.size();
  return waiting;
}

void Worker::stop() {
  journals_->stop();
  {
    const std::scoped_lock lock(mutex_);
    stop_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

void Worker::make_ready(File& file) {
  if (file.schedule.ready) return;
  file.schedule.ready = true;
  ready_.push_back(&file);
}

bool Worker::linger_until(File& file, Clock::time_point at) {
  file.schedule.lingers = true;
  const auto place = std::ranges::upper_bound(lingering_, at, {}, &std::pair<Clock::time_point, File*>::first);
  const bool first = place == lingering_.begin();
  lingering_.insert(place, {at, &file});
  return first;
}

void Worker::ready_what_lingered(Clock::time_point now) {
  while (!lingering_.empty() && (stop_ || lingering_.front().first <= now)) {
    File& file = *lingering_.front().second;
    lingering_.pop_front();
    file.schedule.lingers = false;
    if (!file.schedule.calls.empty()) make_ready(file);
  }
}

void Worker::run() {
  std::unique_lock lock(mutex_);
  auto idle_at = Clock::now() + idle_after;
  while (true) {
    const auto until = lingering_.empty() ? idle_at : std::min(idle_at, lingering_.front().first);
    if (!stop_ && ready_.empty() && refused_.empty()) wake_.wait_until(lock, until);
    const auto now = Clock::now();
    ready_what_lingered(now);
    answer_refused(lock);
    if (!ready_.empty()) {
      File& file = *ready_.front();
      ready_.pop_front();
      file.schedule.ready = false;
      serve(file, lock);
      idle_at = Clock::now() + idle_after;
    } else if (stop_ && refused_.empty() && lingering_.empty()) {
      break;
    } else if (now >= idle_at) {
      tidy(lock);
      idle_at = now + idle_after;
    }
  }
  while (!files_.empty()) close_now(*files_.back(), lock);
  answer_refused(lock);
}

// One batch of the file's queue.
void Worker::serve(File& file, std::unique_lock<std::mutex>& lock) {
  File::Schedule& schedule = file.schedule;
  if (!schedule.aside.empty()) run_aside(file, lock);
  take_batch(schedule);
  if (batch_.empty()) {
    if (schedule.closing && !schedule.closed) close_now(file, lock);
    return;
  }
  if (!schedule.queue.empty() || schedule.closing) make_ready(file);  // behind the other files
  schedule.writing = true;                                            // until what was taken is in SQLite
  lock.unlock();
  if (failed_) {
    results_.assign(batch_.size(), std::unexpected(stopping()));
  } else if (auto committed = file.commit(batch_, results_); !committed) {
    fatal_(committed.error());
  }
  if (!calls_.empty()) give_back_calls(file, lock);
  lock.lock();
  schedule.writing = false;
  lock.unlock();
  for (std::size_t i = 0; i < batch_.size(); ++i) {
    if (batch_[i].done) batch_[i].done(std::move(results_[i]));
  }
  batch_.clear();
  if (!failed_) {
    if (auto copied = file.checkpoint(false); !copied) fatal_(copied.error());
  }
  lock.lock();
  // What cannot be written now is in the journal for the next start.
  if (schedule.stuck && (schedule.closing || stop_)) close_now(file, lock);
}

// One task, so that calls wait for no more than that.
void Worker::run_aside(File& file, std::unique_lock<std::mutex>& lock) {
  Aside task = std::move(file.schedule.aside.front());
  file.schedule.aside.pop_front();
  if (!file.schedule.aside.empty()) make_ready(file);
  lock.unlock();
  task(&file);
  lock.lock();
}

// After the commit: calls_ are in SQLite, or wait for another try.
void Worker::give_back_calls(File& file, std::unique_lock<std::mutex>& lock) {
  const Result<void>& written = results_.front();
  file.schedule.stuck = false;
  if (written) {
    journals_->applied(file, frame_);
  } else if (written.error().code == Code::unavailable && !failed_) {
    journals_->stuck(file);
    lock.lock();
    File::Schedule& schedule = file.schedule;
    keep_calls(schedule);
    schedule.stuck = true;
    if (!schedule.lingers) linger_until(file, Clock::now() + retry_after);
    lock.unlock();
  } else if (written.error().code != Code::corrupt && !doubted_ && !failed_) {
    // The database refuses a row: no call is charged twice. What else was promised is written.
    log::error("a call's record was refused by the database", {{log::Field::file, file.path()}});
    lock.lock();
    File::Schedule& schedule = file.schedule;
    keep_calls(schedule);
    schedule.doubted = true;
    for (auto at = batch_.begin() + 1; at != batch_.end(); ++at)
      schedule.bounded += at->queue == Queue::settle ? 0 : 1;
    schedule.queue.insert(schedule.queue.begin(), std::move_iterator(batch_.begin() + 1),
                          std::move_iterator(batch_.end()));
    batch_.resize(1);
    make_ready(file);
    lock.unlock();
  } else {
    // What was promised cannot be written: the disk failed, or the file is not what it was. The journal keeps
    // it.
    if (!file.damage() && !failed_) file.leave_alone();
    journals_->stuck(file);
  }
  calls_.clear();
}

void Worker::keep_calls(File::Schedule& schedule) {
  schedule.calls.insert(schedule.calls.begin(), std::move_iterator(calls_.begin()),
                        std::move_iterator(calls_.end()));
}

void Worker::take_batch(File::Schedule& schedule) {
  if (!schedule.calls.empty()) {
    // All of them, which the journal's size bounds: what was asked for later runs after they are there.
    calls_.swap(schedule.calls);
    frame_ = schedule.frame;
    doubted_ = std::exchange(schedule.doubted, false);
    batch_.push_back(
        {Queue::settle, [this](Transaction& tx) { return apply_calls(tx, calls_, doubted_); }, {}, true});
  }
  const std::size_t taken = std::min(schedule.queue.size(), options_.batch);
  const auto end = schedule.queue.begin() + static_cast<std::ptrdiff_t>(taken);
  for (auto at = schedule.queue.begin(); at != end; ++at) {
    schedule.bounded -= at->queue == Queue::settle ? 0 : 1;
    batch_.push_back(std::move(*at));
  }
  schedule.queue.erase(schedule.queue.begin(), end);
}

void Worker::answer_refused(std::unique_lock<std::mutex>& lock) {
  if (refused_.empty()) return;
  std::vector<std::pair<Done, Error>> refused;
  refused.swap(refused_);
  lock.unlock();
  for (auto& [done, error] : refused) {
    if (done) done(std::unexpected(std::move(error)));
  }
  lock.lock();
}

// Nothing to write for a while: logs are copied, the ballast is taken back. Only this thread changes files_'
// files.
void Worker::tidy(std::unique_lock<std::mutex>& lock) {
  const std::vector<std::shared_ptr<File>> files = files_;
  lock.unlock();
  for (const auto& file : files) {
    if (failed_) break;
    file->mend_ballast();
    if (auto copied = file->checkpoint(true); !copied) fatal_(copied.error());
  }
  lock.lock();
}

void Worker::close_now(File& file, std::unique_lock<std::mutex>& lock) {
  const bool clean = !failed_ && file.schedule.calls.empty();
  for (Operation& operation : file.schedule.queue)
    refused_.emplace_back(std::move(operation.done), file_closed());
  file.schedule.queue.clear();
  std::deque<Aside> aside;
  aside.swap(file.schedule.aside);
  file.schedule.closing = true;
  std::erase_if(lingering_, [&](const auto& entry) { return entry.second == &file; });
  std::erase(ready_, &file);
  lock.unlock();
  for (Aside& task : aside) task(nullptr);
  file.close(clean);
  lock.lock();
  file.schedule.closed = true;
  std::erase_if(files_, [&](const std::shared_ptr<File>& mine) { return mine.get() == &file; });
  closed_.notify_all();
}

}  // namespace govctl::store
