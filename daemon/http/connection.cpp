#include "daemon/http/connection.h"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <nlohmann/json.hpp>
#include <typeinfo>

#include "daemon/http/request_parser.h"
#include "daemon/telemetry/log.h"

namespace govctl::http {

namespace {

constexpr auto awaiting = asio::as_tuple(asio::use_awaitable);

constexpr std::size_t first_buffer = std::size_t{4} << 10;
constexpr std::size_t body_step = std::size_t{64} << 10;
// Bytes a second that a body has to bring on the whole once its first body_time has passed: one that drips
// would hold its connection for days.
constexpr std::size_t slowest_body = std::size_t{1} << 10;
// How long bytes are still taken from a client whose request was refused: closing at once would be a reset, and
// the reset would overtake the refusal.
constexpr std::chrono::seconds linger_time{2};
std::string error_body(Code code, std::string_view message) {
  const nlohmann::json body{{"error",
                             {{"message", message},
                              {"type", "invalid_request_error"},
                              {"param", nullptr},
                              {"code", facts(code).word}}}};
  return body.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

asio::generic::stream_protocol protocol_of(int fd) {
  int family = AF_INET;
  socklen_t size = sizeof family;
  ::getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &size);
  return {family, 0};
}

}  // namespace

struct Connection::Incoming {
  beast::flat_buffer buffer;
  std::string head;  // a copy: the buffer moves while the body is read, and the views into the head must not
  std::vector<HeaderView> headers;
  std::optional<RequestParser> parser;
  HeadScan scan;

  [[nodiscard]] std::string_view bytes() const {
    return {static_cast<const char*>(buffer.cdata().data()), buffer.size()};
  }
};

Accepted::~Accepted() {
  if (fd_ >= 0) ::close(fd_);
  if (shared_) shared_->open.fetch_sub(1);
}

Connection::Connection(Accepted accepted, std::shared_ptr<Loop> loop, bool refused)
    : place_(std::move(accepted)),
      shared_(*place_.shared()),
      loop_(std::move(loop)),
      socket_(loop_->context),
      deadline_(loop_->context, [this] { expire(); }),
      in_(std::make_unique<Incoming>()),
      refused_(refused) {
  const int fd = place_.release();
  boost::system::error_code error;
  socket_.assign(protocol_of(fd), fd, error);
  if (error) {
    ::close(fd);
    broken_ = true;
  }
  loop_->connections.insert(this);
}

Connection::~Connection() { loop_->connections.erase(this); }

std::string_view Connection::method() const { return in_->parser->method; }
std::string_view Connection::target() const { return in_->parser->target; }

std::string_view Connection::header(std::string_view name) const {
  for (const HeaderView& header : in_->headers) {
    if (iequals(header.name, name)) return header.value;
  }
  return {};
}

Headers Connection::headers_with(std::string_view lower_prefix) const {
  Headers found;
  for (const HeaderView& header : in_->headers) {
    if (!iequals(std::string_view(header.name).substr(0, lower_prefix.size()), lower_prefix)) continue;
    found.push_back({std::string(header.name), std::string(header.value)});
  }
  return found;
}

asio::awaitable<void> Connection::serve(std::shared_ptr<Connection> self) {
  if (self->refused_) {
    co_await self->refuse({Code::unavailable, 503, "too many connections are open"});
  } else {
    self->keep_alive_ = !self->broken_;
    while (self->keep_alive_) {
      const bool whole = co_await self->read_request();
      if (!whole) break;
      co_await self->exchange();
    }
  }
  self->shut();
}

// -- Requests --

// False when there will be none; a refusal was answered then.
asio::awaitable<bool> Connection::read_request() {
  in_->scan = {};
  std::optional<Deadline::Clock::time_point> head_end;
  for (;;) {
    const auto next = next_request();
    if (!next) {
      co_await refuse(next.error());
      co_return false;
    }
    if (*next) co_return true;
    idle_ = in_->buffer.size() == 0;
    if (idle_ && shared_.stopping.load()) co_return false;
    const auto now = Deadline::Clock::now();
    if (!idle_ && !head_end) head_end = now + shared_.limits.header_time;
    const Deadline::Clock::duration patience = idle_ ? shared_.limits.idle : *head_end - now;
    const bool filled = co_await fill(patience);
    if (!filled && timed_out_ && !idle_) {
      co_await refuse({Code::timeout, 408, "the request's head did not arrive in time"});
    }
    if (!filled) co_return false;
    idle_ = false;
  }
}

std::expected<bool, Connection::Refusal> Connection::next_request() {
  Incoming& in = *in_;
  // RFC 9112 §2.2: empty lines before a request are forgiven.
  while (in.scan.length() == 0 && in.bytes().starts_with("\r\n")) in.buffer.consume(2);
  const std::string_view start = in.bytes().substr(0, 1);
  if (!start.empty() && start != "\r" && !is_token(start)) {  // TLS on a plain port, for one
    return std::unexpected(Refusal{Code::invalid, 400, "this is no HTTP request"});
  }
  const HeadScan::Found found = in.scan.scan(in.bytes());
  if (found == HeadScan::Found::bad_line) {
    return std::unexpected(
        Refusal{Code::invalid, 400, "a line of the request's head is not ended or folded properly"});
  }
  const bool whole = found == HeadScan::Found::head;
  if ((whole ? in.scan.length() : in.buffer.size()) > shared_.limits.header_bytes) {
    return std::unexpected(Refusal{Code::header_too_large, 431, "the request's head is larger than the limit"});
  }
  if (!whole) return false;
  in.head.assign(in.bytes().substr(0, in.scan.length()));
  in.buffer.consume(in.scan.length());
  if (const auto begun = begin_request(); !begun) return std::unexpected(begun.error());
  return true;
}

std::expected<void, Connection::Refusal> Connection::begin_request() {
  RequestParser& parser = in_->parser.emplace(in_->headers);
  if (const std::string_view why = parser.parse_head(in_->head); !why.empty()) {
    return std::unexpected(Refusal{Code::invalid, 400, why});
  }
  path_ = parser.target;
  if (is_absolute(path_)) {
    const std::size_t slash = path_.find_first_of("/?", path_.find("//") + 2);
    path_ = slash == std::string_view::npos ? std::string_view("/") : path_.substr(slash);
  } else if (!path_.starts_with('/') && path_ != "*" && parser.method != "CONNECT") {
    return std::unexpected(Refusal{Code::invalid, 400, "the request's target is not valid"});
  }
  if (path_.find('#') != std::string_view::npos) {
    return std::unexpected(Refusal{Code::invalid, 400, "the request's target is not valid"});
  }
  const std::size_t question = path_.find('?');
  query_ = question == std::string_view::npos ? std::string_view{} : path_.substr(question + 1);
  path_ = path_.substr(0, question);

  http10_ = parser.version == 10;
  chunked_request_ = parser.chunked();
  body_length_ = parser.content_length().value_or(0);
  body_ = parser.is_done() ? Body::none : Body::unread;
  continue_due_ = body_ == Body::unread && parser.expects_continue;
  keep_alive_ = parser.keep_alive();
  bodyless_answer_ = parser.method == "HEAD";
  answer_ = Answer::none;
  return {};
}

asio::awaitable<bool> Connection::fill(Deadline::Clock::duration patience) {
  beast::flat_buffer& buffer = in_->buffer;
  timed_out_ = false;
  waiting_ = true;
  deadline_.set(patience);
  if (buffer.size() == 0) {
    // Most connections are idle most of the time: those that wait for a request hold no memory for it.
    buffer.shrink_to_fit();
    const auto [error] = co_await socket_.async_wait(Socket::wait_read, awaiting);
    if (error) {
      waiting_ = false;
      deadline_.clear();
      co_return false;
    }
  }
  if (buffer.capacity() == 0) buffer.reserve(first_buffer);
  std::size_t room = buffer.capacity() - buffer.size();
  if (room < first_buffer / 8) room = std::max(buffer.size(), first_buffer);
  const auto [error, count] = co_await socket_.async_read_some(buffer.prepare(room), awaiting);
  waiting_ = false;
  deadline_.clear();
  buffer.commit(count);
  co_return !error && count > 0;
}

asio::awaitable<void> Connection::refuse(Refusal refusal) {
  keep_alive_ = false;
  bodyless_answer_ = false;
  body_ = Body::lost;
  answer_ = Answer::none;
  Response response{
      refusal.status, {{"Content-Type", "application/json"}}, error_body(refusal.code, refusal.message)};
  const auto answered = co_await respond(std::move(response));
  if (answered) co_await linger();
}

asio::awaitable<void> Connection::linger() {
  boost::system::error_code error;
  socket_.shutdown(Socket::shutdown_send, error);
  const auto end = Deadline::Clock::now() + linger_time;
  for (;;) {
    in_->buffer.clear();
    const auto left = end - Deadline::Clock::now();
    if (left <= Deadline::Clock::duration::zero()) co_return;
    const bool filled = co_await fill(left);
    if (!filled) co_return;
  }
}

// -- One exchange --

asio::awaitable<void> Connection::exchange() {
  struct Active {
    std::atomic<std::size_t>& count;
    explicit Active(std::atomic<std::size_t>& counter) : count(counter) { count.fetch_add(1); }
    ~Active() { count.fetch_sub(1); }
    Active(const Active&) = delete;
    Active& operator=(const Active&) = delete;
  };
  {
    const Active active(shared_.active);
    try {
      co_await shared_.handler(*this);
    } catch (const std::exception& e) {
      log::error("a request's handler threw an exception", {{log::Field::cause, typeid(e).name()}});
    }
    gone_ = nullptr;
    watch_due_ = false;
    if (answer_ == Answer::streaming) abort();
    if (answer_ == Answer::none && !broken_) {
      keep_alive_ = false;
      Response response{
          500, {{"Content-Type", "application/json"}}, error_body(Code::internal, "a fault inside the daemon")};
      co_await respond(std::move(response));
    }
    deadline_.clear();
    ++exchanges_;
  }
  if (broken_ || answer_ == Answer::aborted) {
    keep_alive_ = false;
  } else if (!keep_alive_ && (body_ == Body::unread || body_ == Body::lost || in_->buffer.size() > 0)) {
    co_await linger();
  } else if (keep_alive_ && body_ == Body::unread) {
    keep_alive_ = co_await drain_body();
  }
}

asio::awaitable<Result<std::string>> Connection::body() {
  if (body_ == Body::none) co_return std::string{};
  if (body_ != Body::unread) co_return fail(Code::internal, "the request's body was read before");
  if (!chunked_request_ && body_length_ > shared_.limits.body_bytes) {
    co_return fail(Code::too_large, "the request's body is larger than the limit");
  }
  if (continue_due_) co_await send_continue();
  auto read = chunked_request_ ? body_of_chunks(shared_.limits.body_bytes) : body_of_length();
  auto body = co_await std::move(read);
  body_ = body ? Body::read : Body::lost;
  // The answer may be long in coming and a long stream: only what came behind the request is kept meanwhile.
  if (in_->buffer.size() == 0) in_->buffer.shrink_to_fit();
  if (gone_) watch_soon();
  co_return body;
}

asio::awaitable<void> Connection::send_continue() {
  continue_due_ = false;
  if (in_->buffer.size() > 0) co_return;  // it did not wait
  Parts parts;
  parts.add("HTTP/1.1 100 Continue\r\n\r\n");
  co_await send(parts);
}

// How long the next bytes of a body may take, of which `have` came since `begun`.
Deadline::Clock::duration Connection::body_patience(Deadline::Clock::time_point begun, std::size_t have) const {
  const auto end = begun + shared_.limits.body_time + std::chrono::seconds(have / slowest_body);
  return std::min<Deadline::Clock::duration>(shared_.limits.body_time, end - Deadline::Clock::now());
}

Error Connection::body_fault() {
  if (timed_out_) return {Code::timeout, "the request's body did not arrive in time", {}, {}};
  return {Code::invalid, "the request's body was cut short", {}, {}};
}

asio::awaitable<Result<std::string>> Connection::body_of_length() {
  const std::size_t length = body_length_;
  const auto begun = Deadline::Clock::now();
  std::string body(in_->bytes().substr(0, length));
  in_->buffer.consume(body.size());
  std::size_t have = body.size();
  while (have < length) {
    // Grows with what came, not with what was announced.
    if (have == body.size()) {
      const std::size_t room = std::min(length, std::max(2 * have, body_step));
      body.resize_and_overwrite(room, [room](char*, std::size_t) { return room; });
    }
    timed_out_ = false;
    waiting_ = true;
    deadline_.set(body_patience(begun, have));
    const auto [error, count] =
        co_await socket_.async_read_some(asio::buffer(body.data() + have, body.size() - have), awaiting);
    waiting_ = false;
    deadline_.clear();
    if (error || count == 0) co_return std::unexpected(body_fault());
    have += count;
  }
  co_return body;
}

asio::awaitable<Result<std::string>> Connection::body_of_chunks(std::size_t limit) {
  std::string body;
  const auto begun = Deadline::Clock::now();
  for (;;) {
    std::size_t used = 0;
    const auto state = in_->parser->parse_chunked(in_->bytes(), body, limit, used);
    in_->buffer.consume(used);
    switch (state) {
      case RequestParser::BodyState::whole:
        co_return body;
      case RequestParser::BodyState::too_large:
        co_return fail(Code::too_large, "the request's body is larger than the limit");
      case RequestParser::BodyState::broken:
        co_return fail(Code::invalid, "the request's chunks are not framed properly");
      case RequestParser::BodyState::more:
        break;
    }
    // What is left is a chunk's first line, or the trailer.
    if (in_->buffer.size() > shared_.limits.header_bytes) {
      co_return fail(Code::invalid, "the request's chunks are not framed properly");
    }
    const bool filled = co_await fill(body_patience(begun, body.size()));
    if (!filled) co_return std::unexpected(body_fault());
  }
}

asio::awaitable<bool> Connection::drain_body() {
  if (chunked_request_) {
    const auto body = co_await body_of_chunks(small_body);
    co_return body.has_value();
  }
  const auto body = co_await body_of_length();
  co_return body.has_value();
}

}  // namespace govctl::http
