#pragma once
// The daemon's HTTP/1.1 server (RFC 9112) over TCP and Unix sockets. server.cpp is the only unit that sees
// Beast's server side. One Exchange is one request and its answer; a handler is a coroutine that runs on the
// connection's own io_context, which one thread runs: an Exchange is used from that thread alone.

#include <sys/types.h>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/error.h"

namespace govctl::http {

namespace asio = boost::asio;

struct Header {
  std::string name;
  std::string value;
};
using Headers = std::vector<Header>;

// Who is at the other end. For a Unix socket the credentials are SO_PEERCRED's, taken at accept.
struct Peer {
  bool local = false;  // a Unix socket
  uid_t uid = static_cast<uid_t>(-1);
  gid_t gid = static_cast<gid_t>(-1);
  pid_t pid = -1;
  std::string address;  // "127.0.0.1", "::1", or "unix"
};

struct Response {
  int status = 200;
  Headers headers;  // Content-Length, Connection and Date are the server's
  std::string body;
};

class Exchange {
 public:
  virtual ~Exchange() = default;
  Exchange() = default;
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;

  // The views live as long as the Exchange.
  [[nodiscard]] virtual std::string_view method() const = 0;
  [[nodiscard]] virtual std::string_view target() const = 0;  // as sent, with the query
  [[nodiscard]] virtual std::string_view path() const = 0;    // the target before '?', not decoded
  [[nodiscard]] virtual std::string_view query() const = 0;   // after '?', or empty
  // The first header of that name (any case), or empty.
  [[nodiscard]] virtual std::string_view header(std::string_view name) const = 0;
  // Every header whose name starts so, in lower case, as sent.
  [[nodiscard]] virtual Headers headers_with(std::string_view lower_prefix) const = 0;
  [[nodiscard]] virtual const Peer& peer() const = 0;
  [[nodiscard]] virtual asio::io_context& context() const = 0;

  // Reads the whole body; call once. too_large over the server's limit (Content-Length is judged before a byte
  // is read), timeout when it trickles, invalid when it is cut short or its framing is broken. Sends
  // 100-continue first when it is asked for.
  virtual asio::awaitable<Result<std::string>> body() = 0;

  // A whole answer. An error says that the peer is gone.
  virtual asio::awaitable<Result<void>> respond(Response response) = 0;

  // A streamed answer: start, any number of writes, finish. Chunked on HTTP/1.1, closed at the end on 1.0.
  // write() returns when the kernel has taken the bytes: a slow reader is slow here. The bytes must outlive the
  // await.
  virtual asio::awaitable<Result<void>> start(int status, Headers headers) = 0;
  virtual asio::awaitable<Result<void>> write(std::string_view bytes) = 0;
  virtual asio::awaitable<Result<void>> finish() = 0;
  // Writes `bytes`, the end of the stream, in one go.
  virtual asio::awaitable<Result<void>> finish(std::string_view bytes) = 0;

  // Ends the connection without a proper end of the answer, so that no client takes it for whole.
  virtual void abort() = 0;

  // `gone` is called once if the peer disconnects before the answer is finished; on this exchange's thread.
  // Watching reads nothing that is the next request's. An empty function ends the watch.
  virtual void on_disconnect(std::function<void()> gone) = 0;
};

using Handler = std::function<asio::awaitable<void>(Exchange&)>;

struct Limits {
  std::size_t header_bytes = std::size_t{32} << 10;  // 431 over it
  std::size_t body_bytes = std::size_t{32} << 20;    // 413 over it
  std::size_t connections = 10'000;                  // above: 503 and closed
  std::chrono::seconds idle{75};                     // between requests
  std::chrono::seconds header_time{15};              // from a request's first byte to the end of its head
  std::chrono::seconds body_time{60};                // between two reads of a body; all of it: and 1 s a KiB
  std::chrono::seconds write_time{120};              // for a peer that takes nothing
};

// Listens and serves until stopped. Refuses what RFC 9112 calls unsafe, with 400 and a closed connection: both
// Transfer-Encoding and Content-Length, two different lengths, bare CR, obs-fold, no or two Host headers
// on 1.1. Errors before a handler is reached are written as
// {"error":{"message","type":"invalid_request_error","param":null, "code"}} JSON. A handler that throws is
// logged and answered 500 when nothing was sent yet.
class Server {
 public:
  // `contexts` are each run by one thread; connections go to them in turn. They may end before the Server or
  // after it, but not while one of its functions runs.
  Server(const std::vector<asio::io_context*>& contexts, Limits limits, Handler handler);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // Port 0 takes a free one. Returns the port that is bound. conflict when the port is taken.
  Result<std::uint16_t> listen_tcp(const std::string& address, std::uint16_t port);
  // Replaces a stale socket file; conflict when somebody listens there. The path is at most 107 bytes.
  Result<void> listen_unix(const std::string& path, mode_t mode);
  // A listening socket handed over (systemd's socket activation).
  Result<void> adopt(int listening_fd);

  // Any thread. After it no connection is accepted, idle ones are closed, the others close after their answer.
  void stop_listening();
  // Any thread. Closes everything at once.
  void close_all();
  [[nodiscard]] std::size_t open_connections() const;
  // Exchanges whose handler has not returned.
  [[nodiscard]] std::size_t active() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace govctl::http
