// Providers behind a proxy: a small one that forwards http and opens tunnels, as a company's would.

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <catch2/catch.hpp>
#include <mutex>
#include <thread>

#include "tests/functional/harness/daemon.h"
#include "tests/functional/harness/upstream.h"

using namespace govctl::test;

namespace {

class Proxy {
 public:
  Proxy() : listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in where{};
    where.sin_family = AF_INET;
    where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof where;
    if (::bind(listener_.fd(), reinterpret_cast<sockaddr*>(&where), sizeof where) != 0 ||
        ::listen(listener_.fd(), 8) != 0 ||
        ::getsockname(listener_.fd(), reinterpret_cast<sockaddr*>(&where), &size) != 0) {
      throw WireError("the proxy cannot listen");
    }
    port_ = ntohs(where.sin_port);
    thread_ = std::thread([this] {
      for (;;) {
        const Socket client(::accept4(listener_.fd(), nullptr, nullptr, SOCK_CLOEXEC));
        if (client.fd() < 0) return;
        serve(client);
      }
    });
  }
  ~Proxy() {
    ::shutdown(listener_.fd(), SHUT_RDWR);
    thread_.join();
  }
  Proxy(const Proxy&) = delete;
  Proxy& operator=(const Proxy&) = delete;

  [[nodiscard]] std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }
  // The request lines that came, oldest first.
  std::vector<std::string> asked() {
    const std::scoped_lock lock(mutex_);
    return asked_;
  }

 private:
  static bool pass(int from, int to) {
    char bytes[65536];
    const ssize_t count = ::recv(from, bytes, sizeof bytes, 0);
    return count > 0 && ::send(to, bytes, static_cast<std::size_t>(count), MSG_NOSIGNAL) == count;
  }
  // One connection, and one upstream behind it.
  void serve(const Socket& client) {
    std::string head;
    while (head.find("\r\n\r\n") == std::string::npos) {
      const std::string more = client.receive(std::chrono::steady_clock::now() + patience);
      if (more.empty()) return;
      head += more;
    }
    const std::string line = head.substr(0, head.find("\r\n"));
    {
      const std::scoped_lock lock(mutex_);
      asked_.push_back(line);
    }
    const bool tunnel = line.starts_with("CONNECT ");
    const std::size_t from = tunnel ? 8 : line.find("http://") + 7;
    const std::string host = line.substr(from, line.find_first_of(tunnel ? " " : "/", from) - from);
    const Socket upstream = connect_to("http://" + host);
    if (tunnel) {
      client.send("HTTP/1.1 200 Connection established\r\n\r\n");
    } else {
      // Only the first request of the connection is rewritten: its path in place of the URL.
      upstream.send("POST " + head.substr(line.find('/', from)));
    }
    std::array<pollfd, 2> both{pollfd{client.fd(), POLLIN, 0}, pollfd{upstream.fd(), POLLIN, 0}};
    while (::poll(both.data(), both.size(), 60'000) > 0) {
      if (both[0].revents != 0 && !pass(client.fd(), upstream.fd())) return;
      if (both[1].revents != 0 && !pass(upstream.fd(), client.fd())) return;
    }
  }

  std::mutex mutex_;
  std::vector<std::string> asked_;
  Socket listener_;
  std::uint16_t port_ = 0;
  std::thread thread_;
};

struct Behind {
  FakeUpstream upstream;
  Proxy proxy;
  TestDaemon daemon;
  Shop shop{daemon, upstream.base_url()};
  Behind() { daemon.price("fake", "m", "0.001", "0.001"); }
  void set(const Json& fields, int status = 200) { daemon.expect(status, "PATCH", "/providers/fake", fields); }
  Answer call() { return daemon.chat(shop.key.secret, request("fake/m")); }
};

}  // namespace

TEST_CASE("calls go through the provider's proxy, or past it", "[proxy]") {
  Behind b;
  SECTION("through") {
    b.set({{"proxy", b.proxy.url()}});
    CHECK(b.call().status == 200);
    REQUIRE(b.proxy.asked().size() == 1);
    CHECK(b.proxy.asked()[0] == "POST " + b.upstream.base_url() + "/chat/completions HTTP/1.1");
    CHECK(b.upstream.last().target == "/v1/chat/completions");
    CHECK(find_header(b.upstream.last().headers, "host") ==
          b.upstream.base_url().substr(7, b.upstream.base_url().rfind('/') - 7));
  }
  SECTION("past it, where no_proxy says so") {
    b.set({{"proxy", b.proxy.url()}, {"no_proxy", "example.com,127.0.0.1"}});
    CHECK(b.call().status == 200);
    CHECK(b.proxy.asked().empty());
  }
  SECTION("not any more") {
    b.set({{"proxy", b.proxy.url()}, {"no_proxy", "example.com"}});
    CHECK(b.call().status == 200);
    b.set({{"proxy", nullptr}});
    CHECK(b.daemon.get("/providers/fake")["no_proxy"] == nullptr);
    CHECK(b.call().status == 200);
    CHECK(b.proxy.asked().size() == 1);
    CHECK(b.upstream.calls("m") == 2);
  }
}

TEST_CASE("an https provider is called through a tunnel", "[proxy]") {
  Behind b;
  std::string base = b.upstream.base_url();
  base.replace(0, 4, "https");
  b.set({{"base_url", base}, {"proxy", b.proxy.url()}});
  // The upstream speaks no TLS: what matters here is who was asked for it.
  const Answer answer = b.call();
  CHECK((answer.status == 502 || answer.status == 504));
  REQUIRE_FALSE(b.proxy.asked().empty());
  const std::string host = base.substr(8, base.rfind('/') - 8);
  CHECK(b.proxy.asked()[0] == "CONNECT " + host + " HTTP/1.1");
  CHECK(b.daemon.balance("acme") == 1'000'000);
}

TEST_CASE("a proxy that is not there is named, and nothing is charged", "[proxy]") {
  Behind b;
  b.set({{"proxy", "http://127.0.0.1:9"}});
  const Answer answer = b.call();
  CHECK(answer.status == 502);
  CHECK(answer.body.find("through the proxy 127.0.0.1") != std::string::npos);
  CHECK(b.daemon.balance("acme") == 1'000'000);
}

TEST_CASE("a proxy's password is refused, and is nowhere to be read", "[proxy]") {
  Behind b;
  const Answer refused =
      b.daemon.control("PATCH", "/providers/fake", {{"proxy", "http://agent:hunter2@127.0.0.1:3128"}});
  CHECK(refused.status == 400);
  CHECK(refused.body.find("user or password") != std::string::npos);
  CHECK(refused.body.find("hunter2") == std::string::npos);
  CHECK(b.daemon.get("/providers/fake").dump().find("hunter2") == std::string::npos);
  CHECK(b.daemon.log().find("hunter2") == std::string::npos);
  b.set({{"proxy", "socks5://127.0.0.1:1080"}}, 400);
  b.set({{"no_proxy", "example.com"}}, 400);
}
