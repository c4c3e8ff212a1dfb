#pragma once
// One connection to an upstream: dialling, TLS, one request and its response at a time. The Beast client unit
// is its .cpp. On its io_context's thread; closed by its destruction, when nothing waits in it.

#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/ip/address.hpp>
#include <memory>
#include <string>

#include "daemon/http/client.h"
#include "daemon/http/deadlines.h"
#include "daemon/http/tls.h"

namespace govctl::http {

class UpstreamConnection {
 public:
  using Duration = Deadline::Clock::duration;

  // `host` is for the messages of errors.
  UpstreamConnection(asio::io_context& context, std::string host);
  ~UpstreamConnection();
  UpstreamConnection(const UpstreamConnection&) = delete;
  UpstreamConnection& operator=(const UpstreamConnection&) = delete;

  asio::awaitable<Result<void>> connect(asio::ip::address address, std::uint16_t port, Duration patience);
  asio::awaitable<Result<void>> handshake(const std::string& ca_file, SSL_SESSION* ticket, Duration patience);

  // Sends both; `patience` is for a peer that takes nothing. The bytes outlive the await.
  asio::awaitable<Result<void>> write(std::string_view head, std::string_view body, Duration patience);
  // Whether a byte of the request may have left.
  [[nodiscard]] bool anything_sent() const { return anything_sent_; }
  // Reads to the end of the head; informational responses are passed over. `bodyless`: the answer to HEAD.
  asio::awaitable<Result<void>> read_head(bool bodyless, Duration patience);
  // Bytes have come that belong to nothing read so far.
  [[nodiscard]] bool has_unread() const;
  [[nodiscard]] int status() const;
  [[nodiscard]] const Headers& headers() const;
  // See UpstreamResponse::read().
  asio::awaitable<Result<std::string_view>> read_body(Duration patience);

  // The response was read to its end, and another request may follow.
  [[nodiscard]] bool reusable() const;
  // Between requests: the peer has neither closed nor sent anything.
  bool is_quiet();
  // Calls `over` when `patience` has passed; `over` may destroy this. leave_idle() before the next use.
  void stay_idle(Duration patience, std::function<void()> over);
  void leave_idle();
  // Ends what waits, with an error.
  void close();

  [[nodiscard]] TlsSession* tls() const { return tls_.get(); }
  // Room for the text of a request's head, kept from one to the next.
  std::string head_text;

 private:
  enum class Filled { bytes, end, failed };
  // Gives memory back before a wait for more of the answer.
  void hold_less();
  asio::awaitable<Filled> fill(Duration patience);
  asio::awaitable<Filled> fill_from_tls(Duration patience);
  asio::awaitable<bool> ready(bool to_write, Duration patience);
  enum class Push { done, wait_to_write, wait_to_read, failed };
  Push push(std::string_view& head, std::string_view& body);
  Push push_plain(std::string_view& head, std::string_view& body);
  Push push_tls(std::string_view& bytes);
  [[nodiscard]] Error fault(std::string_view what) const;
  void expire();

  using Socket = asio::basic_stream_socket<asio::generic::stream_protocol, asio::io_context::executor_type>;
  std::string host_;
  Socket socket_;
  std::unique_ptr<TlsSession> tls_;
  Deadline deadline_;
  struct Incoming;  // buffer and parser, which are Beast's
  std::unique_ptr<Incoming> in_;
  std::function<void()> idle_over_;
  bool waiting_ = false;
  bool timed_out_ = false;
  bool closed_ = false;
  bool anything_sent_ = false;
  bool whole_request_sent_ = false;
};

}  // namespace govctl::http
