#include "daemon/store/writer.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <filesystem>
#include <future>
#include <map>
#include <mutex>
#include <thread>

#include "daemon/store/file.h"
#include "daemon/telemetry/log.h"

namespace govctl::store {
namespace {

constexpr std::chrono::milliseconds idle_after{500};

Error queue_full() {
  return Error{Code::unavailable, "too many changes are waiting to be written; try again", {}, {}};
}
Error file_closed() { return Error{Code::unavailable, "the database file is closed", {}, {}}; }
Error stopping() { return Error{Code::unavailable, "writing to the disk failed; govd is stopping", {}, {}}; }

}  // namespace

// One writer thread and the files that it owns.
class Worker {
 public:
  Worker(const WriterOptions& options, std::function<void(const Error&)> fatal, const std::atomic<bool>& failed)
      : options_(options), fatal_(std::move(fatal)), failed_(failed), thread_([this] { run(); }) {}

  void adopt(std::shared_ptr<File> file) {
    const std::scoped_lock lock(mutex_);
    file->schedule.worker = this;
    files_.push_back(std::move(file));
  }

  void submit(File& file, Operation operation) {
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

  void close(File& file) {
    std::unique_lock lock(mutex_);
    if (!std::exchange(file.schedule.closing, true)) make_ready(file);
    wake_.notify_one();
    closed_.wait(lock, [&] { return file.schedule.closed; });
  }

  std::size_t queued(const File& file) {
    const std::scoped_lock lock(mutex_);
    return file.schedule.queue.size();
  }

  void stop() {
    {
      const std::scoped_lock lock(mutex_);
      stop_ = true;
    }
    wake_.notify_one();
    thread_.join();
  }

 private:
  void make_ready(File& file) {
    if (file.schedule.ready) return;
    file.schedule.ready = true;
    ready_.push_back(&file);
  }

  void run() {
    std::unique_lock lock(mutex_);
    while (true) {
      const auto something = [&] { return stop_ || !ready_.empty() || !refused_.empty(); };
      if (!wake_.wait_for(lock, idle_after, something)) {
        tidy(lock);
        continue;
      }
      answer_refused(lock);
      if (ready_.empty()) {
        if (!stop_) continue;
        break;
      }
      File& file = *ready_.front();
      ready_.pop_front();
      file.schedule.ready = false;
      serve(file, lock);
    }
    while (!files_.empty()) close_now(*files_.back(), lock);
  }

  // One batch of the file's queue.
  void serve(File& file, std::unique_lock<std::mutex>& lock) {
    File::Schedule& schedule = file.schedule;
    take_batch(schedule);
    if (batch_.empty()) {
      if (schedule.closing && !schedule.closed) close_now(file, lock);
      return;
    }
    if (!schedule.queue.empty() || schedule.closing) make_ready(file);  // behind the other files
    lock.unlock();
    if (failed_) {
      results_.assign(batch_.size(), std::unexpected(stopping()));
    } else if (auto committed = file.commit(batch_, results_); !committed) {
      fatal_(committed.error());
    }
    for (std::size_t i = 0; i < batch_.size(); ++i) {
      if (batch_[i].done) batch_[i].done(std::move(results_[i]));
    }
    batch_.clear();
    if (!failed_) {
      if (auto copied = file.checkpoint(false); !copied) fatal_(copied.error());
    }
    lock.lock();
  }

  void take_batch(File::Schedule& schedule) {
    if (schedule.queue.size() <= options_.batch) {
      batch_.swap(schedule.queue);
      schedule.bounded = 0;
      return;
    }
    const auto end = schedule.queue.begin() + static_cast<std::ptrdiff_t>(options_.batch);
    batch_.assign(std::move_iterator(schedule.queue.begin()), std::move_iterator(end));
    schedule.queue.erase(schedule.queue.begin(), end);
    schedule.bounded -= static_cast<std::size_t>(
        std::ranges::count_if(batch_, [](const Operation& taken) { return taken.queue != Queue::settle; }));
  }

  void answer_refused(std::unique_lock<std::mutex>& lock) {
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
  void tidy(std::unique_lock<std::mutex>& lock) {
    const std::vector<std::shared_ptr<File>> files = files_;
    lock.unlock();
    for (const auto& file : files) {
      if (failed_) break;
      file->mend_ballast();
      if (auto copied = file->checkpoint(true); !copied) fatal_(copied.error());
    }
    lock.lock();
  }

  void close_now(File& file, std::unique_lock<std::mutex>& lock) {
    lock.unlock();
    file.close(!failed_);
    lock.lock();
    file.schedule.closing = true;
    file.schedule.closed = true;
    std::erase_if(files_, [&](const std::shared_ptr<File>& mine) { return mine.get() == &file; });
    closed_.notify_all();
  }

  const WriterOptions& options_;
  std::function<void(const Error&)> fatal_;
  const std::atomic<bool>& failed_;

  std::mutex mutex_;
  std::condition_variable wake_, closed_;
  std::vector<std::shared_ptr<File>> files_;
  std::deque<File*> ready_;
  std::vector<std::pair<Done, Error>> refused_;
  bool stop_ = false;

  std::vector<Operation> batch_;  // the thread's own
  std::vector<Result<void>> results_;
  std::thread thread_;  // last: it starts when the rest is there
};

struct Writers::State {
  State(WriterOptions given, const Clock& given_clock, std::function<void(const Error&)> given_fatal)
      : options(given), clock(given_clock), fatal(std::move(given_fatal)) {
    const auto stop_all = [this](const Error& error) {
      if (failed.exchange(true)) return;
      log::error("writing to the disk failed", {});
      if (fatal) fatal(error);
    };
    for (unsigned i = 0; i < std::max(1U, options.threads); ++i) {
      workers.push_back(std::make_unique<Worker>(options, stop_all, failed));
    }
  }

  std::shared_ptr<Ballast> ballast_beside(const std::string& path) {
    const std::string directory = std::filesystem::path(path).parent_path().string();
    auto& kept = ballasts[directory];
    if (!kept) {
      kept = std::make_shared<Ballast>((std::filesystem::path(directory) / "ballast").string(),
                                       options.ballast_bytes);
    }
    return kept;
  }

  const WriterOptions options;
  const Clock& clock;
  std::function<void(const Error&)> fatal;
  std::atomic<bool> failed = false;
  std::mutex mutex;  // guards what follows
  std::map<std::string, std::shared_ptr<Ballast>> ballasts;
  std::size_t next_worker = 0;
  std::vector<std::unique_ptr<Worker>> workers;  // the list itself does not change
};

Writers::Writers(WriterOptions options, const Clock& clock, std::function<void(const Error&)> fatal)
    : state_(std::make_unique<State>(options, clock, std::move(fatal))) {}

Writers::~Writers() {
  for (auto& worker : state_->workers) worker->stop();
}

Result<std::shared_ptr<File>> Writers::open(const std::string& path, FileKind kind, const OrgId& org) {
  std::shared_ptr<Ballast> ballast;
  if (kind == FileKind::org) {
    const std::scoped_lock lock(state_->mutex);
    ballast = state_->ballast_beside(path);
  }
  auto file = File::open(path, kind, org, state_->options, state_->clock, std::move(ballast));
  if (!file) return std::unexpected(file.error());
  const std::scoped_lock lock(state_->mutex);
  state_->workers[state_->next_worker++ % state_->workers.size()]->adopt(*file);
  return file;
}

void Writers::close(const std::shared_ptr<File>& file) { file->schedule.worker->close(*file); }

void Writers::submit(File& file, Queue queue, Work work, Done done) {
  file.schedule.worker->submit(file, Operation{queue, std::move(work), std::move(done)});
}

Result<void> Writers::run(File& file, Work work) {
  std::promise<Result<void>> promise;
  auto written = promise.get_future();
  submit(file, Queue::bounded, std::move(work),
         [&](Result<void> result) { promise.set_value(std::move(result)); });
  return written.get();
}

std::array<domain::ChainHead, domain::chain_table_count> Writers::committed_heads(const File& file) const {
  return file.committed().chain;
}
Heads Writers::committed(const File& file) const { return file.committed(); }
const std::string& Writers::path(const File& file) const { return file.path(); }
std::size_t Writers::queued(const File& file) const { return file.schedule.worker->queued(file); }

}  // namespace govctl::store
