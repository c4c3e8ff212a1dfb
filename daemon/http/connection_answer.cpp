// The half of a Connection that answers and watches the peer; it knows nothing of Beast.

#include <sys/socket.h>

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cerrno>
#include <charconv>

#include "daemon/http/connection.h"
#include "daemon/http/wire.h"

namespace govctl::http {

namespace {

constexpr auto awaiting = asio::as_tuple(asio::use_awaitable);

// A call that ends sooner never asks the kernel whether its client is still there.
constexpr std::chrono::milliseconds watch_delay{100};

// The server's own; what a handler sets of them is left out.
bool is_framing(std::string_view name) {
  switch (name.size()) {
    case 4:
      return iequals(name, "date");
    case 10:
      return iequals(name, "connection") || iequals(name, "keep-alive");
    case 14:
      return iequals(name, "content-length");
    case 17:
      return iequals(name, "transfer-encoding");
    default:
      return false;
  }
}

}  // namespace

void Connection::Parts::add(std::string_view bytes) {
  if (!bytes.empty()) pieces[count++] = {const_cast<char*>(bytes.data()), bytes.size()};
}

void Connection::Parts::drop(std::size_t bytes) {
  while (at < count && bytes >= pieces[at].iov_len) bytes -= pieces[at++].iov_len;
  if (at < count) {
    pieces[at].iov_base = static_cast<char*>(pieces[at].iov_base) + bytes;
    pieces[at].iov_len -= bytes;
  }
}

// -- The answer --

// The head goes to out_. Without a length the answer is chunked, or on HTTP/1.0 ended by the close.
void Connection::compose_head(int status, const Headers& headers, std::optional<std::size_t> length) {
  const bool old = http10_;
  const bool unread = body_ == Body::unread;
  const bool drainable = !continue_due_ && (body_length_ <= small_body || chunked_request_);
  bodyless_answer_ = bodyless_answer_ || status == 204 || status == 304 || status < 200;
  chunked_answer_ = !length && !old && !bodyless_answer_;
  const bool until_close = !length && old && !bodyless_answer_;
  keep_alive_ =
      keep_alive_ && !until_close && body_ != Body::lost && (!unread || drainable) && !shared_.stopping.load();

  std::array<char, 24> number{};
  const auto decimal = [&number](std::size_t value) {
    return std::string_view(number.data(),
                            std::to_chars(number.data(), number.data() + number.size(), value).ptr);
  };
  out_.assign("HTTP/1.1 ").append(decimal(static_cast<std::size_t>(status))).append(" ");
  out_.append(reason_phrase(status)).append("\r\nDate: ").append(http_date()).append("\r\n");
  if (length && status >= 200 && status != 204 && status != 304)
    out_.append("Content-Length: ").append(decimal(*length)).append("\r\n");
  if (chunked_answer_) out_.append("Transfer-Encoding: chunked\r\n");
  if (!keep_alive_) {
    out_.append("Connection: close\r\n");
  } else if (old) {
    out_.append("Connection: keep-alive\r\n");
  }
  for (const Header& header : headers) {
    if (!is_framing(header.name)) append_header(out_, header.name, header.value);
  }
  out_.append("\r\n");
}

asio::awaitable<Result<void>> Connection::respond(Response response) {
  if (broken_) co_return sent();
  if (answer_ != Answer::none) co_return fail(Code::internal, "the request was answered before");
  compose_head(response.status, response.headers, response.body.size());
  answer_ = Answer::whole;
  Parts parts;
  parts.add(out_);
  if (!bodyless_answer_) parts.add(response.body);
  if (push(parts)) co_return sent();
  co_return co_await send(parts);
}

asio::awaitable<Result<void>> Connection::start(int status, Headers headers) {
  if (broken_) co_return sent();
  if (answer_ != Answer::none) co_return fail(Code::internal, "the request was answered before");
  compose_head(status, headers, std::nullopt);
  answer_ = Answer::streaming;
  head_pending_ = true;
  // The first bytes mostly follow at once, and the head goes out with them; else it goes now.
  asio::post(loop_->context, [self = shared_from_this(), exchange = exchanges_] {
    if (self->head_pending_ && self->exchanges_ == exchange) self->flush_head();
  });
  co_return sent();
}

void Connection::flush_head() {
  Parts parts;
  parts.add(out_);
  head_pending_ = !push(parts);
  if (head_pending_) out_.erase(0, out_.size() - parts.pieces[0].iov_len);
}

asio::awaitable<Result<void>> Connection::write(std::string_view bytes) { return send_piece(bytes, false); }
asio::awaitable<Result<void>> Connection::finish() { return send_piece({}, true); }
asio::awaitable<Result<void>> Connection::finish(std::string_view bytes) { return send_piece(bytes, true); }

asio::awaitable<Result<void>> Connection::send_piece(std::string_view bytes, bool last) {
  if (broken_) co_return sent();
  if (answer_ != Answer::streaming) co_return fail(Code::internal, "no stream was started");
  Parts parts;
  if (std::exchange(head_pending_, false)) parts.add(out_);
  if (chunked_answer_) {
    if (!bytes.empty()) {
      char* end =
          std::to_chars(chunk_size_.data(), chunk_size_.data() + chunk_size_.size() - 2, bytes.size(), 16).ptr;
      *end++ = '\r';
      *end++ = '\n';
      parts.add({chunk_size_.data(), end});
      parts.add(bytes);
    }
    const std::string_view frame_end = "\r\n0\r\n\r\n";
    if (last) {
      parts.add(bytes.empty() ? frame_end.substr(2) : frame_end);
    } else if (!bytes.empty()) {
      parts.add(frame_end.substr(0, 2));
    }
  } else if (!bodyless_answer_) {
    parts.add(bytes);
  }
  if (push(parts)) {
    if (last && !broken_) answer_ = Answer::whole;
    co_return sent();
  }
  auto result = co_await send(parts);
  if (last && result) answer_ = Answer::whole;
  co_return result;
}

// Hands the kernel what it takes; false when it takes no more for now. An error is left in broken_.
bool Connection::push(Parts& parts) {
  while (!parts.empty() && !broken_) {
    msghdr message{};
    message.msg_iov = &parts.pieces[parts.at];
    message.msg_iovlen = parts.count - parts.at;
    const ssize_t count = ::sendmsg(socket_.native_handle(), &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (count >= 0) {
      parts.drop(static_cast<std::size_t>(count));
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      return false;
    } else if (errno != EINTR) {
      broken_ = true;
    }
  }
  return true;
}

asio::awaitable<Result<void>> Connection::send(Parts parts) {
  while (!push(parts)) {
    timed_out_ = false;
    waiting_ = true;
    deadline_.set(shared_.limits.write_time);
    const auto [error] = co_await socket_.async_wait(Socket::wait_write, awaiting);
    waiting_ = false;
    deadline_.clear();
    if (error) broken_ = true;
  }
  if (gone_) watch_soon();
  co_return sent();
}

Result<void> Connection::sent() {
  if (!broken_) return {};
  if (timed_out_) return fail(Code::timeout, "the client takes nothing");
  return fail(Code::unavailable, "the client has gone");
}

void Connection::abort() {
  if (answer_ == Answer::aborted) return;
  if (head_pending_) flush_head();
  if (!chunked_answer_) {
    // Without chunks a proper close would be a proper end.
    boost::system::error_code error;
    socket_.set_option(asio::socket_base::linger(true, 0), error);
  }
  answer_ = Answer::aborted;
  keep_alive_ = false;
  head_pending_ = false;
  broken_ = true;
  gone_ = nullptr;
  shut();
}

// -- The peer --

void Connection::on_disconnect(std::function<void()> gone) {
  gone_ = std::move(gone);
  watch_due_ = false;
  if (!gone_) return;
  if (broken_) {
    asio::post(loop_->context, [self = shared_from_this(), exchange = exchanges_] {
      if (self->exchanges_ == exchange) self->peer_is_gone();
    });
  } else {
    watch_soon();
  }
}

void Connection::watch_soon() {
  if (watching_ || waiting_) return;
  watch_due_ = true;
  deadline_.set(watch_delay);
}

void Connection::expire() {
  if (waiting_) {
    timed_out_ = true;
    boost::system::error_code error;
    socket_.cancel(error);
  } else if (std::exchange(watch_due_, false)) {
    arm_watch();
  }
}

void Connection::arm_watch() {
  watching_ = true;
  socket_.async_wait(Socket::wait_read, [self = shared_from_this()](const boost::system::error_code& error) {
    self->watching_ = false;
    if (!error && self->gone_) self->check_peer();
  });
}

void Connection::check_peer() {
  char byte = 0;
  const ssize_t count = ::recv(socket_.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  if (count > 0) return;  // the next request
  if (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)) {
    arm_watch();
  } else {
    peer_is_gone();
  }
}

void Connection::peer_is_gone() {
  broken_ = true;
  if (const auto gone = std::exchange(gone_, nullptr)) gone();
}

void Connection::shut() {
  boost::system::error_code error;
  socket_.close(error);
}

void Connection::close() {
  shut();
  peer_is_gone();
}

void Connection::close_if_idle() {
  if (idle_) shut();
}

}  // namespace govctl::http
