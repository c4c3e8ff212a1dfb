#include "daemon/http/client.h"

#include <algorithm>
#include <boost/asio/steady_timer.hpp>
#include <map>
#include <tuple>

#include "daemon/http/address.h"
#include "daemon/http/resolver.h"
#include "daemon/http/upstream_connection.h"
#include "daemon/http/wire.h"

namespace govctl::http {

namespace {

// Below the 60 s after which the usual upstreams close.
constexpr std::chrono::seconds pool_time{55};
constexpr std::size_t pool_size = 256;
// Head and body go into one TLS record up to this size.
constexpr std::size_t one_record = std::size_t{16} << 10;

using Clock = Deadline::Clock;

// Connections are shared by those who would have dialled alike, `allow_private` included.
struct PoolKey {
  std::string host;
  std::string ca_file;
  std::uint16_t port = 0;
  bool tls = true;
  bool allow_private = false;
  Proxy proxy;
};
struct PoolOrder {
  using is_transparent = void;
  template <class A, class B>
  bool operator()(const A& a, const B& b) const {
    return std::tie(a.host, a.port, a.tls, a.allow_private, a.ca_file, a.proxy) <
           std::tie(b.host, b.port, b.tls, b.allow_private, b.ca_file, b.proxy);
  }
};

struct Pool {
  std::vector<std::unique_ptr<UpstreamConnection>> idle;  // the latest used last
  TlsTicket ticket{nullptr, SSL_SESSION_free};

  std::unique_ptr<UpstreamConnection> take() {
    while (!idle.empty()) {
      auto connection = std::move(idle.back());
      idle.pop_back();
      connection->leave_idle();
      if (connection->is_quiet()) return connection;
    }
    return nullptr;
  }
  void give_back(std::unique_ptr<UpstreamConnection> connection) {
    if (const TlsSession* tls = connection->tls()) {
      if (auto fresh = tls->ticket()) ticket = std::move(fresh);
    }
    if (idle.size() >= pool_size) return;
    UpstreamConnection* const raw = connection.get();
    raw->stay_idle(pool_time, [this, raw] {
      std::erase_if(idle, [raw](const auto& entry) { return entry.get() == raw; });
    });
    idle.push_back(std::move(connection));
  }
};

// A send in progress, for the one who abandons it.
struct Sending {
  UpstreamConnection* connection = nullptr;
  asio::steady_timer* resolving = nullptr;
  bool abandoned = false;

  void abandon() {
    abandoned = true;
    if (connection != nullptr) connection->close();
    if (resolving != nullptr) resolving->cancel();
  }
};

bool is_own(std::string_view name) {
  static constexpr std::array own{
      std::string_view{"host"},       std::string_view{"content-length"},
      std::string_view{"connection"}, std::string_view{"accept-encoding"},
      std::string_view{"keep-alive"}, std::string_view{"transfer-encoding"},
      std::string_view{"expect"},     std::string_view{"upgrade"},
      std::string_view{"te"},
  };
  return std::ranges::any_of(own, [name](std::string_view mine) { return iequals(name, mine); });
}

bool is_target(std::string_view target) {
  return target.starts_with('/') && std::ranges::all_of(target, [](char c) { return c > ' ' && c != 0x7f; });
}

void append_host(std::string& head, const Upstream& upstream, bool with_port) {
  const bool bracketed = upstream.host.find(':') != std::string::npos;
  head.append(bracketed ? "[" : "").append(upstream.host).append(bracketed ? "]" : "");
  if (with_port || upstream.port != (upstream.tls ? 443 : 80)) {
    head.append(":").append(std::to_string(upstream.port));
  }
}

void compose(std::string& head, const Upstream& upstream, const UpstreamRequest& request) {
  head.assign(request.method).append(" ");
  if (upstream.proxy.is_set() && !upstream.tls) append_host(head.append("http://"), upstream, false);
  head.append(request.target).append(" HTTP/1.1\r\nHost: ");
  append_host(head, upstream, false);
  head.append("\r\nAccept-Encoding: identity\r\n");
  if (!request.body.empty() ||
      (request.method != "GET" && request.method != "HEAD" && request.method != "DELETE")) {
    head.append("Content-Length: ").append(std::to_string(request.body.size())).append("\r\n");
  }
  for (const Header& header : request.headers) {
    if (!is_own(header.name)) append_header(head, header.name, header.value);
  }
  head.append("\r\n");
}

}  // namespace

struct Client::State {
  explicit State(asio::io_context& io) : context(io), resolver(io) {}
  asio::io_context& context;
  Resolver resolver;
  std::map<PoolKey, Pool, PoolOrder> pools;  // as many as there are upstreams; a Pool stays where it is
  bool closed = false;                       // the Client is gone: nothing is pooled any more

  Pool& pool_of(const Upstream& upstream);
  asio::awaitable<Result<std::unique_ptr<UpstreamConnection>>> dial(const Upstream& upstream, Sending& sending,
                                                                    Pool& pool);
  static asio::awaitable<Result<void>> open_tunnel(UpstreamConnection& connection, const Upstream& upstream,
                                                   Clock::time_point end);
  asio::awaitable<Result<std::vector<asio::ip::address>>> addresses(const Upstream& upstream, Sending& sending,
                                                                    Clock::time_point end);
};

namespace {

class Answer final : public UpstreamResponse {
 public:
  Answer(std::shared_ptr<void> state, const bool& client_closed, Pool& pool,
         std::unique_ptr<UpstreamConnection> connection, std::chrono::milliseconds patience)
      : state_(std::move(state)),
        client_closed_(client_closed),
        pool_(pool),
        connection_(std::move(connection)),
        patience_(patience) {}
  ~Answer() override {
    if (connection_->reusable() && !client_closed_) pool_.give_back(std::move(connection_));
  }
  Answer(const Answer&) = delete;
  Answer& operator=(const Answer&) = delete;

  [[nodiscard]] int status() const override { return connection_->status(); }
  [[nodiscard]] std::string_view header(std::string_view name) const override {
    return find_header(connection_->headers(), name);
  }
  [[nodiscard]] const Headers& headers() const override { return connection_->headers(); }

  asio::awaitable<Result<std::string_view>> read() override { return connection_->read_body(patience_); }

  asio::awaitable<Result<std::string>> read_all(std::size_t limit) override {
    std::string whole;
    for (;;) {
      const auto piece = co_await connection_->read_body(patience_);
      if (!piece) co_return std::unexpected(piece.error());
      if (piece->empty()) co_return whole;
      if (piece->size() > limit - whole.size()) {
        co_return fail(Code::upstream_failed, "the upstream's answer is larger than the limit");
      }
      whole.append(*piece);
    }
  }

  void cancel() override { connection_->close(); }

 private:
  std::shared_ptr<void> state_;  // keeps the pool
  const bool& client_closed_;
  Pool& pool_;
  std::unique_ptr<UpstreamConnection> connection_;
  std::chrono::milliseconds patience_;
};

}  // namespace

Client::Client(asio::io_context& context) : state_(std::make_shared<State>(context)) {}

Client::~Client() {
  state_->closed = true;
  close_idle();
}

void Client::close_idle() {
  for (auto& [key, pool] : state_->pools) pool.idle.clear();
}

Pool& Client::State::pool_of(const Upstream& upstream) {
  const auto found = pools.find(upstream);
  if (found != pools.end()) return found->second;
  const PoolKey key{upstream.host, upstream.ca_file,       upstream.port,
                    upstream.tls,  upstream.allow_private, upstream.proxy};
  return pools.try_emplace(key).first->second;
}

// -- Dialling --

asio::awaitable<Result<std::vector<asio::ip::address>>> Client::State::addresses(const Upstream& upstream,
                                                                                 Sending& sending,
                                                                                 Clock::time_point end) {
  std::vector<asio::ip::address> found;
  boost::system::error_code not_literal;
  const bool proxied = upstream.proxy.is_set();
  const std::string& host = proxied ? upstream.proxy.host : upstream.host;
  const auto literal = asio::ip::make_address(host, not_literal);
  if (!not_literal) {
    found.push_back(literal);
  } else {
    asio::steady_timer patience(context, end);
    sending.resolving = &patience;
    auto resolved = co_await resolver.resolve(host, patience);
    sending.resolving = nullptr;
    if (!resolved) co_return std::unexpected(resolved.error());
    found = std::move(*resolved);
  }
  if (proxied) co_return found;
  std::erase_if(found, [&upstream](const asio::ip::address& address) {
    return !may_dial(address, upstream.tls, upstream.allow_private);
  });
  if (found.empty()) {
    co_return fail(Code::upstream_failed,
                   upstream.host +
                       " has no address that may be called: private addresses, and plain "
                       "http beyond this machine, need allow_private");
  }
  co_return found;
}

// Afterwards what is said on the connection is between us and the upstream.
asio::awaitable<Result<void>> Client::State::open_tunnel(UpstreamConnection& connection,
                                                         const Upstream& upstream, Clock::time_point end) {
  std::string head = "CONNECT ";
  append_host(head, upstream, true);
  append_host(head.append(" HTTP/1.1\r\nHost: "), upstream, true);
  head.append("\r\n\r\n");
  auto done = co_await connection.write(head, {}, end - Clock::now());
  if (done) done = co_await connection.read_head(true, end - Clock::now());
  if (!done) co_return done;
  if (connection.status() < 200 || connection.status() > 299) {
    co_return fail(Code::upstream_failed, upstream.host + ": the tunnel was refused with status " +
                                              std::to_string(connection.status()));
  }
  if (connection.has_unread()) {
    co_return fail(Code::upstream_failed, upstream.host + ": something was said in its place");
  }
  co_return Result<void>{};
}

asio::awaitable<Result<std::unique_ptr<UpstreamConnection>>> Client::State::dial(const Upstream& upstream,
                                                                                 Sending& sending, Pool& pool) {
  const auto end = Clock::now() + upstream.connect_timeout;
  const auto found = co_await addresses(upstream, sending, end);
  if (!found) co_return std::unexpected(found.error());
  auto connection = std::make_unique<UpstreamConnection>(context, upstream.host);
  sending.connection = connection.get();
  if (sending.abandoned) connection->close();
  // The addresses share the time, so that one that swallows packets leaves some for the next.
  Result<void> connected;
  for (std::size_t at = 0; at < found->size(); ++at) {
    const auto share = (end - Clock::now()) / static_cast<Clock::rep>(found->size() - at);
    const std::uint16_t port = upstream.proxy.is_set() ? upstream.proxy.port : upstream.port;
    connected = co_await connection->connect((*found)[at], port, share);
    if (connected || sending.abandoned) break;
  }
  if (upstream.proxy.is_set()) {
    if (connected && upstream.tls) connected = co_await open_tunnel(*connection, upstream, end);
    if (!connected) connected.error().message += " (through the proxy " + upstream.proxy.host + ")";
  }
  if (connected && upstream.tls) {
    connected = co_await connection->handshake(upstream.ca_file, pool.ticket.get(), end - Clock::now());
  }
  if (!connected) {
    sending.connection = nullptr;
    co_return std::unexpected(connected.error());
  }
  co_return connection;
}

// -- Sending --

asio::awaitable<std::expected<std::unique_ptr<UpstreamResponse>, SendFault>> Client::send(
    const Upstream& upstream, UpstreamRequest request, std::function<void()>* cancel_slot) {
  const auto state = state_;
  if (!is_token(request.method) || !is_target(request.target)) {
    co_return std::unexpected(
        SendFault{{Code::internal, "the upstream request's method or target is not valid", {}, {}}, true});
  }
  std::shared_ptr<Sending> shared;
  Sending own;
  if (cancel_slot != nullptr) {
    shared = std::make_shared<Sending>();
    *cancel_slot = [weak = std::weak_ptr(shared)] {
      if (const auto sending = weak.lock()) sending->abandon();
    };
  }
  Sending& sending = shared ? *shared : own;
  Pool& pool = state->pool_of(upstream);

  std::unique_ptr<UpstreamConnection> connection;
  for (;;) {
    connection = pool.take();
    const bool pooled = connection != nullptr;
    if (!pooled) {
      auto dialled = co_await state->dial(upstream, sending, pool);
      if (!dialled) co_return std::unexpected(SendFault{dialled.error(), true});
      connection = std::move(*dialled);
    }
    sending.connection = connection.get();

    std::string& head = connection->head_text;
    compose(head, upstream, request);
    std::string_view body = request.body;
    if (upstream.tls && head.size() + body.size() <= one_record) {
      head.append(body);
      body = {};
    }
    const auto written = co_await connection->write(head, body, upstream.idle_timeout);
    if (!written && !connection->anything_sent() && pooled && !sending.abandoned) continue;
    if (!written &&
        (!connection->anything_sent() || written.error().code == Code::timeout || sending.abandoned)) {
      const bool nothing = !connection->anything_sent();
      sending.connection = nullptr;
      co_return std::unexpected(SendFault{written.error(), nothing});
    }
    // An upstream may answer and close before it has taken the whole body: its answer says more than the broken
    // pipe.
    const auto answered = co_await connection->read_head(request.method == "HEAD", upstream.first_byte_timeout);
    sending.connection = nullptr;
    if (!answered) {
      co_return std::unexpected(SendFault{written ? answered.error() : written.error(), false});
    }
    break;
  }
  const bool& closed = state->closed;
  co_return std::make_unique<Answer>(state, closed, pool, std::move(connection), upstream.idle_timeout);
}

}  // namespace govctl::http
