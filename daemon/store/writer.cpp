#include "daemon/store/writer.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <future>
#include <map>
#include <mutex>

#include "daemon/store/file.h"
#include "daemon/store/file_system.h"
#include "daemon/store/journal_writer.h"
#include "daemon/store/worker.h"
#include "daemon/telemetry/log.h"

namespace govctl::store {
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

void Writers::submit_call(File& file, CallRecord record, Done done) {
  file.schedule.worker->journals().submit(file, std::move(record), std::move(done));
}

bool Writers::behind(const File& file) const { return file.schedule.worker->behind(file); }

Result<void> Writers::run(File& file, Work work) {
  std::promise<Result<void>> promise;
  auto written = promise.get_future();
  submit(file, Queue::bounded, std::move(work),
         [&](Result<void> result) { promise.set_value(std::move(result)); });
  return written.get();
}

Result<Heads> Writers::copy(File& file, const std::string& to) {
  for (;;) {
    std::promise<Result<std::optional<Heads>>> promise;
    auto taken = promise.get_future();
    file.schedule.worker->submit_aside(file, [&](File* open) {
      promise.set_value(open != nullptr ? open->copy_slice(to)
                                        : fail(Code::unavailable, "the database file is closed"));
    });
    auto slice = taken.get();
    if (!slice) return std::unexpected(slice.error());
    if (!*slice) continue;
    if (auto synced = sync_file(to); !synced) return std::unexpected(synced.error());
    return **slice;
  }
}

std::array<domain::ChainHead, domain::chain_table_count> Writers::committed_heads(const File& file) const {
  return file.committed().chain;
}
Heads Writers::committed(const File& file) const { return file.committed(); }
const std::string& Writers::path(const File& file) const { return file.path(); }
Writers::Depth Writers::depth() const {
  Depth depth;
  for (const auto& worker : state_->workers) {
    depth.journal += worker->journals().pending();
    depth.writer += worker->pending();
  }
  return depth;
}
std::size_t Writers::queued(const File& file) const { return file.schedule.worker->queued(file); }

}  // namespace govctl::store
