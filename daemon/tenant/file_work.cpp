#include "daemon/tenant/file_work.h"

#include <boost/asio/async_result.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace govctl::tenant {

namespace {
constexpr std::string_view rollback_message = "dry run";
}

Error dry_run_rollback() { return {Code::conflict, std::string(rollback_message), "", ""}; }
bool is_dry_run_rollback(const Error& error) {
  return error.code == Code::conflict && error.message == rollback_message;
}

asio::awaitable<Result<void>> await_done(std::move_only_function<void(store::Done)> start) {
  // The work guard of the coroutine's executor keeps the loop alive while the writer has the handler.
  auto initiate = [](auto handler, std::move_only_function<void(store::Done)> begin) {
    auto executor = asio::get_associated_executor(handler);
    auto guard = asio::make_work_guard(executor);
    store::Done done = [handler = std::move(handler), executor,
                        guard = std::move(guard)](Result<void> result) mutable {
      // The guard goes along: this thread touches the loop no more once the coroutine may have ended.
      asio::post(executor, [handler = std::move(handler), result = std::move(result),
                            guard = std::move(guard)]() mutable { std::move(handler)(std::move(result)); });
    };
    begin(std::move(done));
  };
  co_return co_await asio::async_initiate<const asio::use_awaitable_t<>, void(Result<void>)>(
      std::move(initiate), asio::use_awaitable, std::move(start));
}

asio::awaitable<Result<void>> commit_then(const Services& services, store::File& file, store::Queue queue,
                                          store::Work work, std::function<void(Result<void>&)> then) {
  auto start = [&services, &file, queue, work = std::move(work),
                then = std::move(then)](store::Done done) mutable {
    store::Done after = [then = std::move(then), done = std::move(done)](Result<void> result) mutable {
      if (then) then(result);
      done(std::move(result));
    };
    services.writers->submit(file, queue, std::move(work), std::move(after));
  };
  std::move_only_function<void(store::Done)> begin = std::move(start);
  co_return co_await await_done(std::move(begin));
}

asio::awaitable<Result<void>> commit(const Services& services, store::File& file, store::Queue queue,
                                     store::Work work) {
  return commit_then(services, file, queue, std::move(work), {});
}

asio::awaitable<Result<void>> record_call(const Services& services, store::File& file,
                                          store::CallRecord record) {
  std::move_only_function<void(store::Done)> begin = [&services, &file,
                                                      record = std::move(record)](store::Done done) mutable {
    services.writers->submit_call(file, std::move(record), std::move(done));
  };
  co_return co_await await_done(std::move(begin));
}

asio::awaitable<Result<void>> catch_up(const Services& services, store::File& file) {
  if (!services.writers->behind(file)) co_return Result<void>{};
  store::Work nothing = [](store::Transaction&) { return Result<void>{}; };
  co_return co_await commit(services, file, store::Queue::settle, std::move(nothing));
}

asio::awaitable<void> in_pool(const Services& services, std::function<void()> work) {
  auto initiate = [&services](auto handler, std::function<void()> queued) {
    auto executor = asio::get_associated_executor(handler);
    auto guard = asio::make_work_guard(executor);
    asio::post(*services.pool, [handler = std::move(handler), executor, guard = std::move(guard),
                                queued = std::move(queued)]() mutable {
      queued();
      asio::post(executor,
                 [handler = std::move(handler), guard = std::move(guard)]() mutable { std::move(handler)(); });
    });
  };
  co_await asio::async_initiate<const asio::use_awaitable_t<>, void()>(std::move(initiate), asio::use_awaitable,
                                                                       std::move(work));
}

asio::awaitable<Result<void>> with_reader(const Services& services, std::string path,
                                          std::function<Result<void>(store::Connection&)> work) {
  Result<void> result;
  std::function<void()> read = [&result, &path, &work] {
    auto connection = store::Connection::open(path, store::Access::read);
    result = connection ? work(**connection) : std::unexpected(connection.error());
  };
  co_await in_pool(services, std::move(read));
  co_return result;
}

}  // namespace govctl::tenant
