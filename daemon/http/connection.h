#pragma once
// One connection of the server: reads requests in order, is the Exchange of the one that is being answered. All
// on the thread of its io_context; it lives as long as its coroutine serve() or a handler of it that waits
// there.

#include <sys/uio.h>

#include <array>
#include <atomic>
#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <memory>
#include <optional>
#include <unordered_set>
#include <utility>

#include "daemon/http/deadlines.h"
#include "daemon/http/server.h"

namespace govctl::http {

using Socket = asio::basic_stream_socket<asio::generic::stream_protocol, asio::io_context::executor_type>;

// An unread body up to this size is read and forgotten, so that the connection can be kept.
constexpr std::size_t small_body = std::size_t{64} << 10;

class Connection;

// What all connections of a server share. Any thread.
struct ServerShared {
  Limits limits;
  Handler handler;
  std::atomic<std::size_t> open{0};
  std::atomic<std::size_t> active{0};
  std::atomic<bool> stopping{false};
};

// An accepted socket and its place among the open connections, until a Connection takes both.
class Accepted {
 public:
  Accepted(int descriptor, Peer who, std::shared_ptr<ServerShared> server)
      : peer(std::move(who)), fd_(descriptor), shared_(std::move(server)) {
    shared_->open.fetch_add(1);
  }
  ~Accepted();
  Accepted(Accepted&& other) noexcept
      : peer(std::move(other.peer)), fd_(std::exchange(other.fd_, -1)), shared_(std::move(other.shared_)) {}
  Accepted(const Accepted&) = delete;
  Accepted& operator=(const Accepted&) = delete;
  Accepted& operator=(Accepted&&) = delete;

  Peer peer;
  [[nodiscard]] int release() { return std::exchange(fd_, -1); }
  [[nodiscard]] const std::shared_ptr<ServerShared>& shared() const { return shared_; }

 private:
  int fd_;
  std::shared_ptr<ServerShared> shared_;
};

// The connections of one io_context, on its thread.
struct Loop {
  asio::io_context& context;
  std::weak_ptr<void> alive;  // the io_context is still there
  std::unordered_set<Connection*> connections;
};

class Connection final : public Exchange, public std::enable_shared_from_this<Connection> {
 public:
  // `refused`: over the limit of connections; answers 503 and closes.
  Connection(Accepted accepted, std::shared_ptr<Loop> loop, bool refused);
  ~Connection() override;

  static asio::awaitable<void> serve(std::shared_ptr<Connection> self);
  // Closes at once; the exchange in progress hears of it as of a peer that is gone.
  void close();
  void close_if_idle();

  [[nodiscard]] std::string_view method() const override;
  [[nodiscard]] std::string_view target() const override;
  [[nodiscard]] std::string_view path() const override { return path_; }
  [[nodiscard]] std::string_view query() const override { return query_; }
  [[nodiscard]] std::string_view header(std::string_view name) const override;
  [[nodiscard]] Headers headers_with(std::string_view lower_prefix) const override;
  [[nodiscard]] const Peer& peer() const override { return place_.peer; }
  [[nodiscard]] asio::io_context& context() const override { return loop_->context; }

  asio::awaitable<Result<std::string>> body() override;
  asio::awaitable<Result<void>> respond(Response response) override;
  asio::awaitable<Result<void>> start(int status, Headers headers) override;
  asio::awaitable<Result<void>> write(std::string_view bytes) override;
  asio::awaitable<Result<void>> finish() override;
  asio::awaitable<Result<void>> finish(std::string_view bytes) override;
  void abort() override;
  void on_disconnect(std::function<void()> gone) override;

 private:
  enum class Answer { none, streaming, whole, aborted };
  enum class Body { none, unread, read, lost };  // lost: what follows in the stream cannot be told apart

  // What is to be written, in order; the bytes live elsewhere.
  struct Parts {
    std::array<iovec, 5> pieces;
    std::size_t count = 0;
    std::size_t at = 0;
    void add(std::string_view bytes);
    void drop(std::size_t bytes);
    [[nodiscard]] bool empty() const { return at == count; }
  };

  struct Refusal {
    Code code;
    int status;
    std::string_view message;
  };
  // The next request in the buffer: true when there is a whole head, or a refusal.
  std::expected<bool, Refusal> next_request();
  std::expected<void, Refusal> begin_request();
  asio::awaitable<bool> read_request();
  asio::awaitable<void> exchange();
  // Waits for bytes and takes them into the buffer; false at the end, on an error or when `patience` runs out.
  asio::awaitable<bool> fill(Deadline::Clock::duration patience);
  asio::awaitable<void> refuse(Refusal refusal);
  asio::awaitable<void> linger();
  asio::awaitable<void> send_continue();
  asio::awaitable<Result<std::string>> body_of_length();
  asio::awaitable<Result<std::string>> body_of_chunks(std::size_t limit);
  asio::awaitable<bool> drain_body();
  asio::awaitable<Result<void>> send(Parts parts);
  asio::awaitable<Result<void>> send_piece(std::string_view bytes, bool last);

  [[nodiscard]] Deadline::Clock::duration body_patience(Deadline::Clock::time_point begun,
                                                        std::size_t have) const;
  Error body_fault();
  Result<void> sent();
  void compose_head(int status, const Headers& headers, std::optional<std::size_t> length);
  bool push(Parts& parts);
  void flush_head();
  void expire();
  void watch_soon();
  void arm_watch();
  void check_peer();
  void peer_is_gone();
  void shut();

  Accepted place_;
  ServerShared& shared_;
  std::shared_ptr<Loop> loop_;
  Socket socket_;
  Deadline deadline_;
  struct Incoming;  // buffer and parser, which are Beast's
  std::unique_ptr<Incoming> in_;
  std::string_view path_;
  std::string_view query_;
  std::string out_;  // the head being written, or a chunk's frame
  std::array<char, 20> chunk_size_{};
  std::function<void()> gone_;
  std::uint64_t exchanges_ = 0;
  std::uint64_t body_length_ = 0;
  Answer answer_ = Answer::none;
  Body body_ = Body::none;
  bool refused_;
  bool http10_ = false;
  bool chunked_request_ = false;
  bool idle_ = false;
  bool keep_alive_ = false;
  bool chunked_answer_ = false;
  bool bodyless_answer_ = false;  // HEAD, 204, 304
  bool continue_due_ = false;     // the client waits for 100 before it sends the body
  bool head_pending_ = false;     // out_ holds the head of a stream that was not written yet
  bool watch_due_ = false;
  bool watching_ = false;
  bool waiting_ = false;  // for the socket, so that the deadline is about that
  bool timed_out_ = false;
  bool broken_ = false;
};

}  // namespace govctl::http
