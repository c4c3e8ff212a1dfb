#pragma once
// Waiting for a file's writer, and reading in the pool, from a coroutine.

#include <boost/asio/awaitable.hpp>
#include <boost/asio/thread_pool.hpp>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "common/clock.h"
#include "daemon/domain/config.h"
#include "daemon/secrets/secrets.h"
#include "daemon/store/verify.h"
#include "daemon/store/writer.h"

namespace govctl::tenant {

namespace asio = boost::asio;

// The platform's providers and prices as of now, swapped whole.
class PlatformView {
 public:
  [[nodiscard]] std::shared_ptr<const domain::PlatformConfig> get() const {
    const std::scoped_lock lock(mutex_);
    return config_;
  }
  void set(std::shared_ptr<const domain::PlatformConfig> config) {
    const std::scoped_lock lock(mutex_);
    config_ = std::move(config);
  }

 private:
  mutable std::mutex mutex_;
  std::shared_ptr<const domain::PlatformConfig> config_ = std::make_shared<domain::PlatformConfig>();
};

// What every tenant uses; all of it outlives them.
struct Services {
  store::Writers* writers = nullptr;
  secrets::Keyring* keyring = nullptr;
  const Clock* clock = nullptr;
  asio::thread_pool* pool = nullptr;  // for what blocks
  PlatformView* platform = nullptr;
  std::string anchors_dir;
  store::Signer signer;
};

// The value that a dry run brings back out of its rolled-back savepoint travels beside this error.
Error dry_run_rollback();
bool is_dry_run_rollback(const Error& error);

// Hands a Done to `start` and resumes the coroutine on its own executor once that is called, from any thread.
asio::awaitable<Result<void>> await_done(std::move_only_function<void(store::Done)> start);
// Queues `work` and resumes the coroutine on its own executor after COMMIT.
asio::awaitable<Result<void>> commit(const Services& services, store::File& file, store::Queue queue,
                                     store::Work work);
// The same, with `then` run on the writer's thread between COMMIT and the coroutine: what must follow the order
// of commits.
asio::awaitable<Result<void>> commit_then(const Services& services, store::File& file, store::Queue queue,
                                          store::Work work, std::function<void(Result<void>&)> then);
// Queues a call's record and resumes the coroutine once it is durable.
asio::awaitable<Result<void>> record_call(const Services& services, store::File& file,
                                          store::CallRecord record);
// Resumes once what calls have recorded is rows that a reader finds.
asio::awaitable<Result<void>> catch_up(const Services& services, store::File& file);
// Runs `work` in the pool and resumes on the coroutine's executor.
asio::awaitable<void> in_pool(const Services& services, std::function<void()> work);
// A query_only connection to `path` for the duration of `work`, in the pool.
asio::awaitable<Result<void>> with_reader(const Services& services, std::string path,
                                          std::function<Result<void>(store::Connection&)> work);

template <class T, class Commit>
asio::awaitable<Result<T>> change_file(std::move_only_function<Result<T>(store::Transaction&)> work,
                                       bool dry_run, Commit commit_work) {
  auto value = std::make_shared<std::optional<T>>();
  store::Work wrapped = [value, work = std::move(work)](store::Transaction& tx) mutable -> Result<void> {
    auto result = work(tx);
    if (!result) return std::unexpected(result.error());
    value->emplace(std::move(*result));
    return {};
  };
  auto done = co_await commit_work(std::move(wrapped), dry_run);
  if (!done && !(dry_run && is_dry_run_rollback(done.error()))) co_return std::unexpected(done.error());
  co_return std::move(**value);
}

template <class T>
asio::awaitable<Result<T>> read_file(const Services& services, std::string path,
                                     std::move_only_function<Result<T>(store::Connection&)> work) {
  auto value = std::make_shared<std::optional<T>>();
  auto shared = std::make_shared<decltype(work)>(std::move(work));
  std::function<Result<void>(store::Connection&)> wrapped = [value,
                                                             shared](store::Connection& db) -> Result<void> {
    auto result = (*shared)(db);
    if (!result) return std::unexpected(result.error());
    value->emplace(std::move(*result));
    return {};
  };
  auto done = co_await with_reader(services, std::move(path), std::move(wrapped));
  if (!done) co_return std::unexpected(done.error());
  co_return std::move(**value);
}

}  // namespace govctl::tenant
