// The client against upstreams that count connections, lie, stall and break off.

#include "daemon/http/client.h"

#include <netinet/tcp.h>

#include <atomic>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>
#include <catch2/catch.hpp>
#include <mutex>

#include "daemon/http/address.h"
#include "tests/unit/http/harness.h"

namespace govctl::http::testing {
namespace {

using Sent = std::expected<std::unique_ptr<UpstreamResponse>, SendFault>;

// An upstream that runs a script on each connection it accepts: (connection number, socket).
class Fake {
 public:
  using Script = std::function<void(int, int)>;
  explicit Fake(Script script)
      : script_(std::move(script)), listening_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in where{};
    where.sin_family = AF_INET;
    where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof where;
    if (::bind(listening_, reinterpret_cast<sockaddr*>(&where), sizeof where) != 0 ||
        ::listen(listening_, 64) != 0 ||
        ::getsockname(listening_, reinterpret_cast<sockaddr*>(&where), &size) != 0) {
      throw std::runtime_error("listen");
    }
    port = ntohs(where.sin_port);
    acceptor_ = std::thread([this] {
      for (;;) {
        const int fd = ::accept4(listening_, nullptr, nullptr, SOCK_CLOEXEC);
        if (fd < 0) return;
        const int on = 1;
        ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        const int number = ++connections;
        const std::scoped_lock lock(mutex_);
        sockets_.push_back(fd);
        threads_.emplace_back([this, number, fd] {
          script_(number, fd);
          ::shutdown(fd, SHUT_RDWR);
        });
      }
    });
  }
  ~Fake() {
    ::shutdown(listening_, SHUT_RDWR);
    acceptor_.join();
    for (const int fd : sockets_) ::shutdown(fd, SHUT_RDWR);
    for (auto& thread : threads_) thread.join();
    for (const int fd : sockets_) ::close(fd);
    ::close(listening_);
  }
  Fake(const Fake&) = delete;
  Fake& operator=(const Fake&) = delete;

  std::uint16_t port = 0;
  std::atomic<int> connections{0};

 private:
  Script script_;
  int listening_;
  std::thread acceptor_;
  std::mutex mutex_;
  std::vector<int> sockets_;
  std::vector<std::thread> threads_;
};

void say(int fd, std::string_view bytes) { ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL); }

// One request, its body of Content-Length included; empty when the client has gone.
std::string hear(int fd) {
  std::string request;
  char bytes[4096];
  for (;;) {
    const std::size_t end = request.find("\r\n\r\n");
    if (end != std::string::npos) {
      const std::size_t at = request.find("Content-Length: ");
      const std::size_t length = at < end ? std::stoul(request.substr(at + 16)) : 0;
      if (request.size() >= end + 4 + length) return request;
    }
    const ssize_t count = ::recv(fd, bytes, sizeof bytes, 0);
    if (count <= 0) return {};
    request.append(bytes, static_cast<std::size_t>(count));
  }
}

void until_closed(int fd) {
  while (!hear(fd).empty()) {
  }
}

// Says `answer` to each request of each connection.
Fake::Script always(std::string answer) {
  return [answer = std::move(answer)](int, int fd) {
    while (!hear(fd).empty()) say(fd, answer);
  };
}
// Says `answer` to the first request, and closes.
Fake::Script once(std::string answer) {
  return [answer = std::move(answer)](int, int fd) {
    hear(fd);
    say(fd, answer);
  };
}

Upstream upstream_at(std::uint16_t port) {
  return Upstream::parse("http://127.0.0.1:" + std::to_string(port), false).value();
}

struct Whole {
  int status = 0;
  std::string body;
  Headers headers;
  Code fault = Code::internal;  // where status is 0, or the body is cut
  bool nothing_sent = false;
  bool cut = false;
  std::string message;
};

class Caller {
 public:
  Threads threads;
  std::unique_ptr<Client> client = std::make_unique<Client>(threads.first());

  ~Caller() {
    run([](Caller& self) -> asio::awaitable<Whole> {
      self.client.reset();
      co_return Whole{};
    });
  }
  Whole run(asio::awaitable<Whole> (*what)(Caller&)) {
    return asio::co_spawn(threads.first(), what(*this), asio::use_future).get();
  }
  Whole call(const Upstream& upstream, std::string method = "POST", std::string body = "{}") {
    UpstreamRequest request{std::move(method), upstream.base_path + "/x", {{"X-Mine", "1"}}, std::move(body)};
    return asio::co_spawn(threads.first(), whole(*client, upstream, std::move(request)), asio::use_future)
        .get();
  }

  static asio::awaitable<Whole> whole(Client& client, Upstream upstream, UpstreamRequest request) {
    Whole result;
    Sent sent = co_await client.send(upstream, std::move(request));
    if (!sent) {
      result.fault = sent.error().error.code;
      result.message = sent.error().error.message;
      result.nothing_sent = sent.error().nothing_sent;
      co_return result;
    }
    UpstreamResponse& response = **sent;
    result.status = response.status();
    result.headers = response.headers();
    for (;;) {
      const auto piece = co_await response.read();
      if (!piece) {
        result.cut = true;
        result.fault = piece.error().code;
        result.message = piece.error().message;
        break;
      }
      if (piece->empty()) break;
      result.body.append(*piece);
    }
    co_return result;
  }
};

constexpr std::string_view ok =
    "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Type: application/json\r\n\r\n{}";

TEST_CASE("A request goes out with the client's own framing, and the answer's headers come as they were") {
  std::string heard;
  Fake fake([&heard](int, int fd) {
    heard = hear(fd);
    say(fd, "HTTP/1.1 429 Slow Down\r\nretry-after: 7\r\nX-A: one\r\nX-A: two\r\nContent-Length: 2\r\n\r\nno");
  });
  Caller caller;
  auto upstream = upstream_at(fake.port);
  upstream.base_path = "/v1";
  UpstreamRequest request{"POST",
                          "/v1/chat",
                          {{"Authorization", "Bearer k"},
                           {"Host", "evil"},
                           {"content-length", "99"},
                           {"Connection", "close"},
                           {"Accept-Encoding", "gzip"},
                           {"X-Bad", "a\r\nInjected: 1"}},
                          "hello"};
  const Whole whole =
      asio::co_spawn(caller.threads.first(), Caller::whole(*caller.client, upstream, request), asio::use_future)
          .get();
  CHECK(whole.status == 429);
  CHECK(whole.body == "no");
  REQUIRE(whole.headers.size() == 4);
  CHECK(whole.headers[0].name == "retry-after");
  CHECK(whole.headers[0].value == "7");
  CHECK(whole.headers[2].value == "two");
  CHECK(heard == "POST /v1/chat HTTP/1.1\r\nHost: 127.0.0.1:" + std::to_string(fake.port) +
                     "\r\nAccept-Encoding: identity\r\nContent-Length: 5\r\nAuthorization: Bearer k\r\n"
                     "X-Bad: a  Injected: 1\r\n\r\nhello");
}

TEST_CASE("Connections are kept and used again") {
  Fake fake(always(std::string(ok)));
  Caller caller;
  const auto upstream = upstream_at(fake.port);
  for (int i = 0; i < 5; ++i) CHECK(caller.call(upstream).body == "{}");
  CHECK(fake.connections == 1);
  // Two at a time need two.
  auto one = asio::co_spawn(caller.threads.first(),
                            Caller::whole(*caller.client, upstream, {"GET", "/", {}, {}}), asio::use_future);
  auto two = asio::co_spawn(caller.threads.first(),
                            Caller::whole(*caller.client, upstream, {"GET", "/", {}, {}}), asio::use_future);
  CHECK(one.get().status == 200);
  CHECK(two.get().status == 200);
  CHECK(fake.connections <= 2);
}

TEST_CASE("Connections are not shared between those who may call private addresses and those who may not") {
  Fake fake(always(std::string(ok)));
  Caller caller;
  auto upstream = upstream_at(fake.port);
  CHECK(caller.call(upstream).status == 200);
  upstream.allow_private = true;
  CHECK(caller.call(upstream).status == 200);
  CHECK(fake.connections == 2);
}

TEST_CASE("A pooled connection that died is replaced") {
  Fake fake([](int number, int fd) {
    if (number == 1) {
      hear(fd);
      say(fd, ok);
    } else {
      while (!hear(fd).empty()) say(fd, ok);
    }
  });
  Caller caller;
  const auto upstream = upstream_at(fake.port);
  CHECK(caller.call(upstream).status == 200);
  std::this_thread::sleep_for(50ms);
  CHECK(caller.call(upstream).status == 200);
  CHECK(fake.connections == 2);
}

TEST_CASE("A pooled connection with bytes nobody asked for is not used") {
  Fake fake([](int, int fd) {
    hear(fd);
    say(fd, ok);
    std::this_thread::sleep_for(10ms);
    say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nother");
    until_closed(fd);
  });
  Caller caller;
  const auto upstream = upstream_at(fake.port);
  CHECK(caller.call(upstream).body == "{}");
  std::this_thread::sleep_for(50ms);
  CHECK(caller.call(upstream).body == "{}");
  CHECK(fake.connections == 2);
}

TEST_CASE("An answer that forbids it, or has more than it should, is not kept") {
  for (const std::string_view answer : {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}",
                                        "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n{}",
                                        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}HTTP/1.1 200 OK"}) {
    Fake fake(always(std::string(answer)));
    Caller caller;
    CHECK(caller.call(upstream_at(fake.port)).body == "{}");
    CHECK(caller.call(upstream_at(fake.port)).body == "{}");
    CHECK(fake.connections == 2);
  }
}

TEST_CASE("Bodies of every framing, cut anywhere") {
  const std::vector<std::pair<std::string, std::string>> answers{
      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n1;x=y\r\n \r\n5\r\nworld\r\n0\r\nT: "
       "1\r\n\r\n",
       "hello world"},
      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", ""},
      {"HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\nhello world", "hello world"},
      {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", ""},
      {"HTTP/1.1 204 No Content\r\n\r\n", ""},
      {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 "
       "OK\r\nContent-Length: 2\r\n\r\nhi",
       "hi"},
  };
  Caller caller;
  for (const auto& [answer, body] : answers) {
    CAPTURE(answer);
    std::atomic<std::size_t> cut{0};
    Fake fake([&text = answer, &cut](int, int fd) {
      while (!hear(fd).empty()) {
        say(fd, std::string_view(text).substr(0, cut));
        std::this_thread::sleep_for(1ms);
        say(fd, std::string_view(text).substr(cut));
      }
    });
    for (cut = 0; cut < answer.size(); ++cut) {
      const Whole whole = caller.call(upstream_at(fake.port));
      REQUIRE_FALSE(whole.cut);
      REQUIRE(whole.body == body);
    }
    CHECK(fake.connections == 1);
  }
}

TEST_CASE("An empty chunked body may come in the smallest pieces") {
  Fake fake([](int, int fd) {
    hear(fd);
    for (const std::string_view piece :
         {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "0", "\r\n", "\r", "\n"}) {
      say(fd, piece);
      std::this_thread::sleep_for(10ms);
    }
    until_closed(fd);
  });
  Caller caller;
  const Whole whole = caller.call(upstream_at(fake.port));
  CHECK(whole.status == 200);
  CHECK(whole.body.empty());
  CHECK_FALSE(whole.cut);
}

TEST_CASE("A large answer arrives whole, chunked or not") {
  std::string body(5'000'000, ' ');
  for (std::size_t i = 0; i < body.size(); ++i) body[i] = static_cast<char>('a' + i * 7 % 26);
  std::string chunks;
  for (std::size_t at = 0; at < body.size(); at += 1000) chunks += "3e8\r\n" + body.substr(at, 1000) + "\r\n";
  const std::string chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks + "0\r\n\r\n";
  const std::string plain = "HTTP/1.1 200 OK\r\nContent-Length: 5000000\r\n\r\n" + body;
  const std::string until_end = "HTTP/1.1 200 OK\r\n\r\n" + body;
  Caller caller;
  for (const std::string* answer : {&chunked, &plain, &until_end}) {
    Fake fake([answer](int, int fd) {
      hear(fd);
      std::string_view left = *answer;
      while (!left.empty()) {
        const ssize_t count = ::send(fd, left.data(), left.size(), MSG_NOSIGNAL);
        if (count <= 0) return;
        left.remove_prefix(static_cast<std::size_t>(count));
      }
    });
    const Whole whole = caller.call(upstream_at(fake.port));
    CHECK_FALSE(whole.cut);
    CHECK(whole.body.size() == body.size());
    CHECK((whole.body == body));
  }
}

TEST_CASE("The answer to HEAD has no body, whatever it announces") {
  Fake fake(always("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n"));
  Caller caller;
  CHECK(caller.call(upstream_at(fake.port), "HEAD", "").body.empty());
  CHECK(caller.call(upstream_at(fake.port), "HEAD", "").status == 200);
  CHECK(fake.connections == 1);
}

TEST_CASE("A body cut short, or framed wrongly, is an error") {
  Caller caller;
  for (const std::string_view answer :
       {"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhello\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhelloworld\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\nhello\r\n0\r\n\r\n"}) {
    CAPTURE(answer);
    Fake fake(once(std::string(answer)));
    const Whole whole = caller.call(upstream_at(fake.port));
    CHECK(whole.status == 200);
    CHECK(whole.cut);
    CHECK(whole.fault == Code::upstream_failed);
  }
}

TEST_CASE("An answer whose framing cannot be relied on is no answer") {
  Caller caller;
  for (const std::string_view answer :
       {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nabc",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nabc",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n", "SSH-2.0-OpenSSH_9.2\r\n",
        "HTTP/1.1 200\r\n\r\n", "HTTP/1.1 200 OK\r\nBad Name: x\r\n\r\n", ""}) {
    CAPTURE(answer);
    Fake fake(once(std::string(answer)));
    const Whole whole = caller.call(upstream_at(fake.port));
    CHECK(whole.status == 0);
    CHECK(whole.fault == Code::upstream_failed);
    CHECK_FALSE(whole.nothing_sent);
  }
  Fake huge([](int, int fd) {
    hear(fd);
    say(fd, "HTTP/1.1 200 OK\r\n");
    for (int i = 0; i < 200; ++i) say(fd, "X-Long: " + std::string(1000, 'a') + "\r\n");
    until_closed(fd);
  });
  CHECK(caller.call(upstream_at(huge.port)).message.find("64 KiB") != std::string::npos);
}

TEST_CASE("Time runs out before the answer and within it") {
  Caller caller;
  {
    Fake silent([](int, int fd) { until_closed(fd); });
    auto upstream = upstream_at(silent.port);
    upstream.first_byte_timeout = 200ms;
    const Whole whole = caller.call(upstream);
    CHECK(whole.fault == Code::timeout);
    CHECK_FALSE(whole.nothing_sent);
  }
  {
    Fake stalling([](int, int fd) {
      hear(fd);
      say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello");
      until_closed(fd);
    });
    auto upstream = upstream_at(stalling.port);
    upstream.idle_timeout = 200ms;
    const Whole whole = caller.call(upstream);
    CHECK(whole.body == "hello");
    CHECK(whole.cut);
    CHECK(whole.fault == Code::timeout);
  }
  {
    Fake dripping([](int, int fd) {
      hear(fd);
      for (const char c : std::string_view("HTTP/1.1 200 OK and so on")) {
        say(fd, {&c, 1});
        std::this_thread::sleep_for(50ms);
      }
      until_closed(fd);
    });
    auto upstream = upstream_at(dripping.port);
    upstream.first_byte_timeout = 300ms;
    CHECK(caller.call(upstream).fault == Code::timeout);
  }
}

TEST_CASE("Nothing was sent to one who cannot be reached") {
  Caller caller;
  std::uint16_t port = 0;
  {
    Fake fake(once(""));
    port = fake.port;
  }
  const Whole whole = caller.call(upstream_at(port));
  CHECK(whole.status == 0);
  CHECK(whole.fault == Code::upstream_failed);
  CHECK(whole.nothing_sent);
  auto unknown = upstream_at(port);
  unknown.host = "no-such-host.invalid";
  unknown.allow_private = true;
  const Whole unresolved = caller.call(unknown);
  CHECK(unresolved.status == 0);
  CHECK(unresolved.nothing_sent);
}

TEST_CASE("An upstream that answers before it took the whole body is heard") {
  Fake fake([](int, int fd) {
    char bytes[1000];
    (void)::recv(fd, bytes, sizeof bytes, 0);
    say(fd, "HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno");
    ::shutdown(fd, SHUT_WR);
    while (::recv(fd, bytes, sizeof bytes, 0) > 0) {
    }
  });
  Caller caller;
  CHECK(caller.call(upstream_at(fake.port), "POST", std::string(8'000'000, 'x')).status == 413);
}

TEST_CASE("A name is resolved, and the one answer serves all who wait for it") {
  Fake fake(always(std::string(ok)));
  Caller caller;
  const auto upstream = Upstream::parse("http://localhost:" + std::to_string(fake.port), false).value();
  std::vector<std::future<Whole>> calls;
  calls.reserve(8);
  for (int i = 0; i < 8; ++i) {
    calls.push_back(asio::co_spawn(caller.threads.first(),
                                   Caller::whole(*caller.client, upstream, {"GET", "/", {}, {}}),
                                   asio::use_future));
  }
  for (auto& call : calls) CHECK(call.get().status == 200);
}

TEST_CASE("A send that is abandoned ends with a fault") {
  Fake silent([](int, int fd) { until_closed(fd); });
  Caller caller;
  const auto abandon = [](Client& client, Upstream upstream,
                          asio::io_context& context) -> asio::awaitable<Whole> {
    std::function<void()> cancel;
    asio::steady_timer timer(context, 30ms);
    timer.async_wait([&cancel](const boost::system::error_code&) { cancel(); });
    Whole whole;
    Sent sent = co_await client.send(upstream, {"GET", "/", {}, {}}, &cancel);
    if (!sent) whole.fault = sent.error().error.code;
    whole.status = sent ? 200 : 0;
    cancel();  // again, when there is nothing left to abandon
    co_return whole;
  };
  const Whole whole = asio::co_spawn(caller.threads.first(),
                                     abandon(*caller.client, upstream_at(silent.port), caller.threads.first()),
                                     asio::use_future)
                          .get();
  CHECK(whole.status == 0);
  CHECK(whole.fault == Code::upstream_failed);
}

TEST_CASE("A response that is cancelled or dropped closes its connection") {
  std::atomic<int> closed{0};
  Fake endless([&closed](int, int fd) {
    hear(fd);
    say(fd, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n");
    until_closed(fd);
    ++closed;
  });
  Caller caller;
  const auto cancelled = [](Client& client, Upstream upstream,
                            asio::io_context& context) -> asio::awaitable<Whole> {
    Whole whole;
    Sent sent = co_await client.send(upstream, {"GET", "/", {}, {}});
    UpstreamResponse& response = **sent;
    const auto first = co_await response.read();
    if (first) whole.body = *first;
    asio::steady_timer timer(context, 20ms);
    timer.async_wait([&response](const boost::system::error_code&) { response.cancel(); });
    const auto second = co_await response.read();
    whole.cut = !second;
    co_return whole;
  };
  const auto dropped = [](Client& client, Upstream upstream) -> asio::awaitable<Whole> {
    Sent sent = co_await client.send(upstream, {"GET", "/", {}, {}});
    co_return Whole{};
  };
  const Whole whole =
      asio::co_spawn(caller.threads.first(),
                     cancelled(*caller.client, upstream_at(endless.port), caller.threads.first()),
                     asio::use_future)
          .get();
  CHECK(whole.body == "hello");
  CHECK(whole.cut);
  CHECK(eventually([&] { return closed == 1; }));
  asio::co_spawn(caller.threads.first(), dropped(*caller.client, upstream_at(endless.port)), asio::use_future)
      .get();
  CHECK(eventually([&] { return closed == 2; }));
}

TEST_CASE("read_all stops at its limit") {
  Fake fake(always("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n0123456789"));
  Caller caller;
  const auto limited = [](Client& client, Upstream upstream, std::size_t limit) -> asio::awaitable<Whole> {
    Whole whole;
    Sent sent = co_await client.send(upstream, {"GET", "/", {}, {}});
    auto body = co_await (*sent)->read_all(limit);
    whole.cut = !body;
    if (body) whole.body = *body;
    co_return whole;
  };
  const auto with = [&](std::size_t limit) {
    return asio::co_spawn(caller.threads.first(), limited(*caller.client, upstream_at(fake.port), limit),
                          asio::use_future)
        .get();
  };
  CHECK(with(10).body == "0123456789");
  CHECK(with(9).cut);
}

TEST_CASE("Redirects are answers like any other") {
  Fake fake(always("HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"));
  Caller caller;
  CHECK(caller.call(upstream_at(fake.port)).status == 302);
}

TEST_CASE("Where a call may lead") {
  const auto reach = [](const char* text) { return reach_of(asio::ip::make_address(text)); };
  for (const char* text : {"127.0.0.1", "127.9.9.9", "::1"}) CHECK(reach(text) == Reach::loopback);
  for (const char* text : {"8.8.8.8", "100.63.255.255", "100.128.0.1", "172.15.0.1", "172.32.0.1",
                           "192.169.0.1", "169.253.1.1", "11.0.0.1", "223.255.255.255", "2606:4700::1111"}) {
    CAPTURE(text);
    CHECK(reach(text) == Reach::internet);
  }
  for (const char* text :
       {"10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "169.254.169.254", "100.64.0.1",
        "100.127.255.255", "198.18.0.1", "fe80::1", "fc00::1", "fdff::1", "fec0::1", "::ffff:8.8.8.8",
        "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::8.8.8.8", "2002:a00:1::1", "2001::1", "::8.8.8.8"}) {
    CAPTURE(text);
    CHECK(reach(text) == Reach::inside);
  }
  for (const char* text : {"0.0.0.0", "0.1.2.3", "224.0.0.1", "239.1.1.1", "240.0.0.1", "255.255.255.255",
                           "::", "ff02::1", "::ffff:0.0.0.0", "::ffff:224.0.0.1"}) {
    CAPTURE(text);
    CHECK(reach(text) == Reach::nowhere);
  }
  const auto inside = asio::ip::make_address("10.0.0.1");
  CHECK_FALSE(may_dial(inside, true, false));
  CHECK(may_dial(inside, false, true));
  CHECK_FALSE(may_dial(asio::ip::make_address("8.8.8.8"), false, false));
  CHECK(may_dial(asio::ip::make_address("::1"), false, false));
  CHECK_FALSE(may_dial(asio::ip::make_address("0.0.0.0"), true, true));
}

TEST_CASE("Private addresses are refused before a packet leaves") {
  Caller caller;
  for (const char* host : {"10.255.255.1", "169.254.169.254", "::ffff:127.0.0.1", "0.0.0.0", "fe80::1"}) {
    CAPTURE(host);
    Upstream upstream;
    upstream.host = host;
    upstream.connect_timeout = 60s;
    const Whole whole = caller.call(upstream);
    CHECK(whole.fault == Code::upstream_failed);
    CHECK(whole.nothing_sent);
    CHECK(whole.message.find("allow_private") != std::string::npos);
  }
  Upstream plain;
  plain.tls = false;
  plain.host = "8.8.8.8";
  plain.port = 80;
  CHECK(caller.call(plain).message.find("allow_private") != std::string::npos);
}

TEST_CASE("A base URL is taken apart strictly") {
  const auto openai = Upstream::parse("https://API.openai.com/v1/", false).value();
  CHECK(openai.tls);
  CHECK(openai.host == "api.openai.com");
  CHECK(openai.port == 443);
  CHECK(openai.base_path == "/v1");
  const auto six = Upstream::parse("http://[::1]:8080", false).value();
  CHECK(six.host == "::1");
  CHECK(six.port == 8080);
  CHECK(six.base_path.empty());
  CHECK(Upstream::parse("http://localhost:11434/v1", false));
  CHECK(Upstream::parse("http://ollama.lan:11434/v1", true));
  CHECK(Upstream::parse("https://10.0.0.1", true));
  for (const char* url : {"",
                          "api.openai.com",
                          "ftp://a",
                          "https://",
                          "https:///v1",
                          "https://user:pass@host",
                          "https://host?x=1",
                          "https://host#x",
                          "https://host:0",
                          "https://host:70000",
                          "https://host:",
                          "https://host:80x",
                          "https://ho st",
                          "https://[::1",
                          "https://[::g]",
                          "http://api.openai.com",
                          "http://8.8.8.8",
                          "https://10.0.0.1",
                          "https://169.254.169.254",
                          "https://[::ffff:127.0.0.1]",
                          "https://host\\x",
                          "https://[::1]x",
                          "https://h\r\nost",
                          "https://0.0.0.0"}) {
    CAPTURE(url);
    const auto parsed = Upstream::parse(url, false);
    REQUIRE_FALSE(parsed);
    CHECK(parsed.error().code == Code::invalid);
    CHECK(parsed.error().message.find("pass@") == std::string::npos);
  }
}

}  // namespace
}  // namespace govctl::http::testing
