#include "daemon/http/upstream_connection.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/connect.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/basic_parser.hpp>
#include <cerrno>
#include <cstring>
#include <optional>

#include "daemon/http/wire.h"

namespace govctl::http {

namespace beast = boost::beast;

namespace {

constexpr auto awaiting = asio::as_tuple(asio::use_awaitable);

constexpr std::size_t head_limit = std::size_t{64} << 10;
constexpr std::size_t first_read = std::size_t{4} << 10;
constexpr std::size_t largest_read = std::size_t{64} << 10;
constexpr std::size_t idle_buffer = std::size_t{16} << 10;  // what an idle connection may hold on to

// Takes a response apart in place: the body's bytes stay in the buffer, several chunks are moved together.
class ResponseParser final : public beast::http::basic_parser<false> {
 public:
  explicit ResponseParser(bool bodyless) {
    body_limit(boost::none);
    header_limit(head_limit);
    skip(bodyless);
  }

  int status_code = 0;
  int version = 11;
  Headers headers;

  // Empty, or why the framing cannot be relied on.
  [[nodiscard]] std::string_view distrust() const {
    if (encodings_ > 1 || (encodings_ == 1 && !chunked())) return "an unknown transfer encoding";
    if (odd_encoding_) return "an unknown transfer encoding";
    if (encodings_ > 0 && version == 10) return "a transfer encoding on HTTP/1.0";
    return {};
  }

  // The body's bytes in `bytes`, of which `used` were taken; the view lies in them.
  std::string_view take_body(char* bytes, std::size_t size, std::size_t& used, beast::error_code& error) {
    body_begin_ = body_end_ = nullptr;
    used = 0;
    // Beast asserts on a last chunk that comes first and in less than its five bytes.
    if (chunked() && !in_chunks_ && size < 5) return {};
    bytes_ = bytes;
    used = put({bytes, size}, error);
    if (error == beast::http::error::need_more) error = {};
    return {body_begin_, body_end_};
  }

 private:
  using Text = beast::string_view;
  using ErrorCode = beast::error_code;

  void on_request_impl(beast::http::verb, Text, Text, int, ErrorCode&) override {}
  void on_response_impl(int code, Text, int number, ErrorCode&) override {
    status_code = code;
    version = number;
  }
  void on_field_impl(beast::http::field field, Text name, Text value, ErrorCode&) override {
    if (is_header_done()) return;  // a trailer
    headers.push_back({std::string(name.data(), name.size()), std::string(value.data(), value.size())});
    if (field == beast::http::field::transfer_encoding) {
      ++encodings_;
      odd_encoding_ = odd_encoding_ || !iequals({value.data(), value.size()}, "chunked");
    }
  }
  void on_header_impl(ErrorCode&) override {}
  void on_body_init_impl(const boost::optional<std::uint64_t>&, ErrorCode&) override {}
  std::size_t on_body_impl(Text body, ErrorCode&) override { return keep(body); }
  void on_chunk_header_impl(std::uint64_t, Text, ErrorCode&) override { in_chunks_ = true; }
  std::size_t on_chunk_body_impl(std::uint64_t, Text body, ErrorCode&) override { return keep(body); }
  void on_finish_impl(ErrorCode&) override {}

  std::size_t keep(Text piece) {
    char* const from = bytes_ + (piece.data() - bytes_);
    if (body_begin_ == nullptr) {
      body_begin_ = from;
      body_end_ = from;
    }
    if (body_end_ != from) std::memmove(body_end_, from, piece.size());
    body_end_ += piece.size();
    return piece.size();
  }

  char* bytes_ = nullptr;
  char* body_begin_ = nullptr;
  char* body_end_ = nullptr;
  int encodings_ = 0;
  bool odd_encoding_ = false;
  bool in_chunks_ = false;
};

asio::generic::stream_protocol::endpoint endpoint_of(const asio::ip::address& address, std::uint16_t port) {
  return asio::ip::tcp::endpoint(address, port);
}

}  // namespace

struct UpstreamConnection::Incoming {
  beast::flat_buffer buffer{largest_read + head_limit};
  std::optional<ResponseParser> parser;
  std::size_t next_read = first_read;
};

UpstreamConnection::UpstreamConnection(asio::io_context& context, std::string host)
    : host_(std::move(host)),
      socket_(context),
      deadline_(context, [this] { expire(); }),
      in_(std::make_unique<Incoming>()) {}

UpstreamConnection::~UpstreamConnection() {
  if (tls_ && !closed_) tls_->close();
}

void UpstreamConnection::expire() {
  if (waiting_) {
    timed_out_ = true;
    boost::system::error_code error;
    socket_.cancel(error);
  } else if (const auto over = std::exchange(idle_over_, nullptr)) {
    over();
  }
}

void UpstreamConnection::close() {
  closed_ = true;
  boost::system::error_code error;
  socket_.close(error);
}

Error UpstreamConnection::fault(std::string_view what) const {
  if (closed_) return {Code::upstream_failed, "the call to " + host_ + " was abandoned", {}, {}};
  if (timed_out_) return {Code::timeout, host_ + " did not answer in time", {}, {}};
  return {Code::upstream_failed, host_ + ": " + std::string(what), {}, {}};
}

asio::awaitable<bool> UpstreamConnection::ready(bool to_write, Duration patience) {
  timed_out_ = false;
  waiting_ = true;
  deadline_.set(patience);
  const auto [error] = co_await socket_.async_wait(to_write ? Socket::wait_write : Socket::wait_read, awaiting);
  waiting_ = false;
  deadline_.clear();
  co_return !error && !closed_;
}

// -- Dialling --

asio::awaitable<Result<void>> UpstreamConnection::connect(asio::ip::address address, std::uint16_t port,
                                                          Duration patience) {
  if (closed_) co_return std::unexpected(fault({}));
  const int fd = ::socket(address.is_v4() ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) co_return std::unexpected(fault("no socket is left to call with"));
  const int on = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  boost::system::error_code refused;
  const auto endpoint = endpoint_of(address, port);
  socket_.close(refused);  // an address that was tried before
  socket_.assign(endpoint.protocol(), fd, refused);
  if (refused) {
    ::close(fd);
    co_return std::unexpected(fault("the socket cannot be waited for"));
  }
  timed_out_ = false;
  waiting_ = true;
  deadline_.set(patience);
  const auto [error] = co_await socket_.async_connect(endpoint, awaiting);
  waiting_ = false;
  deadline_.clear();
  if (closed_ || timed_out_) co_return std::unexpected(fault({}));
  if (error) co_return std::unexpected(fault("cannot connect: " + error.message()));
  co_return Result<void>{};
}

asio::awaitable<Result<void>> UpstreamConnection::handshake(const std::string& ca_file, SSL_SESSION* ticket,
                                                            Duration patience) {
  auto session = TlsSession::make(socket_.native_handle(), host_, ca_file, ticket);
  if (!session) co_return std::unexpected(session.error());
  tls_ = std::move(*session);
  const auto end = Deadline::Clock::now() + patience;
  for (;;) {
    const TlsSession::Io io = tls_->handshake();
    if (io == TlsSession::Io::done) co_return Result<void>{};
    if (io == TlsSession::Io::closed || io == TlsSession::Io::failed)
      co_return std::unexpected(fault(tls_->fault()));
    const bool ok = co_await ready(io == TlsSession::Io::want_write, end - Deadline::Clock::now());
    if (!ok) co_return std::unexpected(fault("the connection broke during the TLS handshake"));
  }
}

// -- The request --

asio::awaitable<Result<void>> UpstreamConnection::write(std::string_view head, std::string_view body,
                                                        Duration patience) {
  anything_sent_ = false;
  whole_request_sent_ = false;
  for (;;) {
    const Push state = push(head, body);
    if (state == Push::done) break;
    if (state == Push::failed)
      co_return std::unexpected(fault("the connection broke while the request was sent"));
    const bool ok = co_await ready(state == Push::wait_to_write, patience);
    if (!ok) co_return std::unexpected(fault("the connection broke while the request was sent"));
  }
  whole_request_sent_ = true;
  co_return Result<void>{};
}

UpstreamConnection::Push UpstreamConnection::push(std::string_view& head, std::string_view& body) {
  if (!tls_) return push_plain(head, body);
  const Push state = push_tls(head);
  return state == Push::done ? push_tls(body) : state;
}

UpstreamConnection::Push UpstreamConnection::push_plain(std::string_view& head, std::string_view& body) {
  while (!head.empty() || !body.empty()) {
    std::array<iovec, 2> pieces{iovec{const_cast<char*>(head.data()), head.size()},
                                iovec{const_cast<char*>(body.data()), body.size()}};
    msghdr message{};
    message.msg_iov = pieces.data();
    message.msg_iovlen = pieces.size();
    const ssize_t count = ::sendmsg(socket_.native_handle(), &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (count < 0) {
      if (errno == EINTR) continue;
      return errno == EAGAIN || errno == EWOULDBLOCK ? Push::wait_to_write : Push::failed;
    }
    anything_sent_ = anything_sent_ || count > 0;
    const std::size_t of_head = std::min(head.size(), static_cast<std::size_t>(count));
    head.remove_prefix(of_head);
    body.remove_prefix(static_cast<std::size_t>(count) - of_head);
  }
  return Push::done;
}

UpstreamConnection::Push UpstreamConnection::push_tls(std::string_view& bytes) {
  while (!bytes.empty()) {
    std::size_t count = 0;
    const TlsSession::Io io = tls_->write(bytes.data(), bytes.size(), count);
    if (io == TlsSession::Io::closed || io == TlsSession::Io::failed) return Push::failed;
    anything_sent_ = true;  // also when it has to wait: a part of a record may be out
    if (io == TlsSession::Io::want_read) return Push::wait_to_read;
    if (io == TlsSession::Io::want_write) return Push::wait_to_write;
    bytes.remove_prefix(count);
  }
  return Push::done;
}

// -- The response --

// Models think before they speak, and streams are silent most of the time; there may be thousands of them.
void UpstreamConnection::hold_less() {
  in_->buffer.shrink_to_fit();
  head_text = {};
}

asio::awaitable<UpstreamConnection::Filled> UpstreamConnection::fill(Duration patience) {
  beast::flat_buffer& buffer = in_->buffer;
  if (tls_) {
    const Filled filled = co_await fill_from_tls(patience);
    co_return filled;
  }
  if (buffer.size() == 0) {
    hold_less();
    const bool ok = co_await ready(false, patience);
    if (!ok) co_return Filled::failed;
  }
  const std::size_t room = in_->next_read;
  timed_out_ = false;
  waiting_ = true;
  deadline_.set(patience);
  const auto [error, count] = co_await socket_.async_read_some(buffer.prepare(room), awaiting);
  waiting_ = false;
  deadline_.clear();
  buffer.commit(count);
  if (count == room) in_->next_read = std::min(2 * room, largest_read);
  if (closed_ || timed_out_) co_return Filled::failed;
  if (error == asio::error::eof) co_return Filled::end;
  co_return error ? Filled::failed : Filled::bytes;
}

asio::awaitable<UpstreamConnection::Filled> UpstreamConnection::fill_from_tls(Duration patience) {
  beast::flat_buffer& buffer = in_->buffer;
  const auto end = Deadline::Clock::now() + patience;
  timed_out_ = false;
  for (;;) {
    if (closed_) co_return Filled::failed;
    const auto room = buffer.prepare(in_->next_read);
    std::size_t count = 0;
    const TlsSession::Io io = tls_->read(static_cast<char*>(room.data()), room.size(), count);
    if (io == TlsSession::Io::done) {
      buffer.commit(count);
      if (count == room.size()) in_->next_read = std::min(2 * room.size(), largest_read);
      co_return Filled::bytes;
    }
    if (io == TlsSession::Io::closed) co_return Filled::end;
    if (io == TlsSession::Io::failed) co_return Filled::failed;
    if (buffer.size() == 0) hold_less();
    const bool ok = co_await ready(io == TlsSession::Io::want_write, end - Deadline::Clock::now());
    if (!ok) co_return Filled::failed;
  }
}

asio::awaitable<Result<void>> UpstreamConnection::read_head(bool bodyless, Duration patience) {
  const auto end = Deadline::Clock::now() + patience;
  std::size_t head_bytes = 0;
  in_->parser.emplace(bodyless);
  for (;;) {
    ResponseParser& parser = *in_->parser;
    if (in_->buffer.size() > 0) {
      beast::error_code error;
      const std::size_t used = parser.put(in_->buffer.cdata(), error);
      in_->buffer.consume(used);
      head_bytes += used;
      if (error == beast::http::error::header_limit) head_bytes = head_limit + 1;
      if (error && error != beast::http::error::need_more && head_bytes <= head_limit) {
        co_return std::unexpected(fault("its answer is not valid HTTP"));
      }
    }
    // Beast's own limit is for what is in the buffer; what was taken before counts here.
    if (head_bytes + (parser.is_header_done() ? 0 : in_->buffer.size()) > head_limit) {
      co_return std::unexpected(fault("its answer's head is larger than 64 KiB"));
    }
    if (parser.is_header_done()) {
      if (parser.status_code == 101) co_return std::unexpected(fault("it changed the protocol unasked"));
      if (parser.status_code >= 200) break;
      in_->parser.emplace(bodyless);
      continue;
    }
    const Filled filled = co_await fill(end - Deadline::Clock::now());
    if (filled == Filled::failed) co_return std::unexpected(fault("the connection broke before the answer"));
    if (filled == Filled::end) co_return std::unexpected(fault("it closed the connection without an answer"));
  }
  if (const std::string_view why = in_->parser->distrust(); !why.empty()) {
    co_return std::unexpected(fault("its answer has " + std::string(why)));
  }
  in_->parser->eager(true);
  co_return Result<void>{};
}

bool UpstreamConnection::has_unread() const { return in_->buffer.size() > 0; }
int UpstreamConnection::status() const { return in_->parser->status_code; }
const Headers& UpstreamConnection::headers() const { return in_->parser->headers; }

asio::awaitable<Result<std::string_view>> UpstreamConnection::read_body(Duration patience) {
  ResponseParser& parser = *in_->parser;
  for (;;) {
    if (parser.is_done()) co_return std::string_view{};
    if (closed_) co_return std::unexpected(fault({}));
    if (in_->buffer.size() > 0) {
      beast::error_code error;
      std::size_t used = 0;
      const auto bytes = in_->buffer.data();
      const std::string_view body =
          parser.take_body(static_cast<char*>(bytes.data()), bytes.size(), used, error);
      in_->buffer.consume(used);
      if (error) co_return std::unexpected(fault("its answer's chunks are not framed properly"));
      if (!body.empty()) co_return body;
      if (parser.is_done()) continue;
    }
    if (in_->buffer.size() >= largest_read) {
      co_return std::unexpected(fault("its answer's chunks are not framed properly"));
    }
    const Filled filled = co_await fill(patience);
    if (filled == Filled::failed) co_return std::unexpected(fault("its answer was cut short"));
    if (filled == Filled::end) {
      if (!parser.need_eof()) co_return std::unexpected(fault("its answer was cut short"));
      beast::error_code error;
      parser.put_eof(error);
    }
  }
}

// -- Between requests --

bool UpstreamConnection::reusable() const {
  return !closed_ && whole_request_sent_ && in_->parser && in_->parser->is_done() &&
         in_->parser->keep_alive() && in_->buffer.size() == 0;
}

bool UpstreamConnection::is_quiet() {
  if (closed_) return false;
  if (tls_) return tls_->is_quiet();
  char byte = 0;
  const ssize_t count = ::recv(socket_.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  return count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
}

void UpstreamConnection::stay_idle(Duration patience, std::function<void()> over) {
  if (in_->buffer.capacity() > idle_buffer) {
    in_->buffer.shrink_to_fit();
    in_->next_read = first_read;
  }
  idle_over_ = std::move(over);
  deadline_.set(patience);
}

void UpstreamConnection::leave_idle() {
  idle_over_ = nullptr;
  deadline_.clear();
}

}  // namespace govctl::http
