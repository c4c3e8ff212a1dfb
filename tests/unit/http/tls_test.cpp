// The client over TLS, against an upstream with a certificate made here.

#include <netinet/in.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>

#include <array>
#include <atomic>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>
#include <catch2/catch.hpp>
#include <csignal>

#include "daemon/http/client.h"
#include "tests/unit/http/harness.h"

namespace govctl::http::testing {
namespace {

using Key = std::unique_ptr<EVP_PKEY, void (*)(EVP_PKEY*)>;
using Certificate = std::unique_ptr<X509, void (*)(X509*)>;

Key make_key() { return {EVP_EC_gen("P-256"), EVP_PKEY_free}; }

void extend(X509* certificate, int nid, const char* value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, certificate, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value);
  X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
}

// Signed by `issuer`, or by itself where that is null. `names` is a subjectAltName, empty for an authority.
Certificate make_certificate(EVP_PKEY* key, X509* issuer, EVP_PKEY* issuer_key, const std::string& names,
                             long ends_in) {
  static long serial = 1;
  Certificate certificate(X509_new(), X509_free);
  X509_set_version(certificate.get(), 2);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), serial++);
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), -86400);
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), ends_in);
  X509_set_pubkey(certificate.get(), key);
  X509_NAME* subject = X509_get_subject_name(certificate.get());
  const std::string name = names.empty() ? "test authority" : "test server";
  X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>(name.c_str()),
                             -1, -1, 0);
  X509_set_issuer_name(certificate.get(), issuer != nullptr ? X509_get_subject_name(issuer) : subject);
  if (names.empty()) {
    extend(certificate.get(), NID_basic_constraints, "critical,CA:TRUE");
  } else {
    extend(certificate.get(), NID_subject_alt_name, names.c_str());
  }
  X509_sign(certificate.get(), issuer_key != nullptr ? issuer_key : key, EVP_sha256());
  return certificate;
}

struct Authority {
  Key key = make_key();
  Certificate certificate = make_certificate(key.get(), nullptr, nullptr, "", 86400);
  std::string file;

  Authority() {
    char path[] = "/tmp/govctl-ca-XXXXXX";
    const int fd = ::mkstemp(path);
    file = path;
    FILE* out = ::fdopen(fd, "w");
    PEM_write_X509(out, certificate.get());
    std::fclose(out);
  }
  ~Authority() { ::unlink(file.c_str()); }
  Authority(const Authority&) = delete;
  Authority& operator=(const Authority&) = delete;
};

// Answers every request of every connection over TLS with `answer`.
class TlsUpstream {
 public:
  TlsUpstream(const Authority& authority, const std::string& names, std::string answer, long ends_in = 86400,
              bool proper_end = true, int max_version = 0)
      : answer_(std::move(answer)),
        proper_end_(proper_end),
        context_(SSL_CTX_new(TLS_server_method()), SSL_CTX_free),
        listening_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    const Key key = make_key();
    const Certificate certificate =
        make_certificate(key.get(), authority.certificate.get(), authority.key.get(), names, ends_in);
    SSL_CTX_use_certificate(context_.get(), certificate.get());
    SSL_CTX_use_PrivateKey(context_.get(), key.get());
    SSL_CTX_set_max_proto_version(context_.get(), max_version);
    if (max_version != 0) {
      SSL_CTX_set_min_proto_version(context_.get(), max_version);
      SSL_CTX_set_cipher_list(context_.get(), "DEFAULT:@SECLEVEL=0");
    }
    sockaddr_in where{};
    where.sin_family = AF_INET;
    where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof where;
    REQUIRE(::bind(listening_, reinterpret_cast<sockaddr*>(&where), sizeof where) == 0);
    REQUIRE(::listen(listening_, 8) == 0);
    ::getsockname(listening_, reinterpret_cast<sockaddr*>(&where), &size);
    port = ntohs(where.sin_port);
    thread_ = std::thread([this] {
      for (;;) {
        const int fd = ::accept4(listening_, nullptr, nullptr, SOCK_CLOEXEC);
        if (fd < 0) return;
        serve(fd);
        ::close(fd);
      }
    });
  }
  ~TlsUpstream() {
    ::shutdown(listening_, SHUT_RDWR);
    if (const int fd = serving_.load(); fd >= 0) ::shutdown(fd, SHUT_RDWR);
    thread_.join();
    ::close(listening_);
  }
  TlsUpstream(const TlsUpstream&) = delete;
  TlsUpstream& operator=(const TlsUpstream&) = delete;

  std::uint16_t port = 0;
  std::atomic<int> connections{0};
  std::atomic<int> resumed{0};
  std::atomic<int> requests{0};
  std::atomic<bool> saw_name{false};
  std::atomic<bool> close_after_one{false};

 private:
  void serve(int fd) {
    serving_ = fd;
    const std::unique_ptr<SSL, void (*)(SSL*)> ssl(SSL_new(context_.get()), SSL_free);
    SSL_set_fd(ssl.get(), fd);
    if (SSL_accept(ssl.get()) == 1) {
      ++connections;
      if (SSL_session_reused(ssl.get()) == 1) ++resumed;
      if (SSL_get_servername(ssl.get(), TLSEXT_NAMETYPE_host_name) != nullptr) saw_name = true;
      while (one(ssl.get()) && !close_after_one) {
      }
      if (proper_end_) SSL_shutdown(ssl.get());
    }
    serving_ = -1;
  }
  bool one(SSL* ssl) {
    std::string request;
    char bytes[65536];
    for (;;) {
      const std::size_t end = request.find("\r\n\r\n");
      if (end != std::string::npos) {
        const std::size_t at = request.find("Content-Length: ");
        const std::size_t length = at < end ? std::stoul(request.substr(at + 16)) : 0;
        if (request.size() >= end + 4 + length) break;
      }
      const int count = SSL_read(ssl, bytes, sizeof bytes);
      if (count <= 0) return false;
      request.append(bytes, static_cast<std::size_t>(count));
    }
    ++requests;
    SSL_write(ssl, answer_.data(), static_cast<int>(answer_.size()));
    return answer_.find("Content-Length") != std::string::npos;
  }
  std::string answer_;
  bool proper_end_;
  std::unique_ptr<SSL_CTX, void (*)(SSL_CTX*)> context_;
  int listening_;
  std::atomic<int> serving_{-1};
  std::thread thread_;
};

// A proxy that opens tunnels, or says `answer` in their place.
class Tunnels {
 public:
  explicit Tunnels(std::string answer = "HTTP/1.1 200 Connection established\r\n\r\n")
      : answer_(std::move(answer)), listening_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in where = loopback(0);
    socklen_t size = sizeof where;
    REQUIRE(::bind(listening_, reinterpret_cast<sockaddr*>(&where), sizeof where) == 0);
    REQUIRE(::listen(listening_, 8) == 0);
    ::getsockname(listening_, reinterpret_cast<sockaddr*>(&where), &size);
    port = ntohs(where.sin_port);
    thread_ = std::thread([this] {
      for (;;) {
        const int fd = ::accept4(listening_, nullptr, nullptr, SOCK_CLOEXEC);
        if (fd < 0) return;
        serve(fd);
        ::close(fd);
      }
    });
  }
  ~Tunnels() {
    ::shutdown(listening_, SHUT_RDWR);
    thread_.join();
    ::close(listening_);
  }
  Tunnels(const Tunnels&) = delete;
  Tunnels& operator=(const Tunnels&) = delete;

  std::uint16_t port = 0;
  std::atomic<int> opened{0};
  std::string asked;  // the last request; read once a call is over

 private:
  static sockaddr_in loopback(std::uint16_t at) {
    sockaddr_in where{};
    where.sin_family = AF_INET;
    where.sin_port = htons(at);
    where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return where;
  }
  static bool pass(int from, int to) {
    char bytes[65536];
    const ssize_t count = ::recv(from, bytes, sizeof bytes, 0);
    return count > 0 && ::send(to, bytes, static_cast<std::size_t>(count), MSG_NOSIGNAL) == count;
  }
  void serve(int fd) {
    std::string head;
    char byte = 0;
    while (!head.ends_with("\r\n\r\n") && ::recv(fd, &byte, 1, 0) == 1) head += byte;
    asked = head;
    const int out = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const sockaddr_in where = loopback(static_cast<std::uint16_t>(std::stoul(head.substr(head.find(':') + 1))));
    const bool there = ::connect(out, reinterpret_cast<const sockaddr*>(&where), sizeof where) == 0;
    ::send(fd, answer_.data(), answer_.size(), MSG_NOSIGNAL);
    opened += there ? 1 : 0;
    std::array<pollfd, 2> both{pollfd{fd, POLLIN, 0}, pollfd{out, POLLIN, 0}};
    while (there && ::poll(both.data(), both.size(), 10'000) > 0) {
      if (both[0].revents != 0 && !pass(fd, out)) break;
      if (both[1].revents != 0 && !pass(out, fd)) break;
    }
    ::close(out);
  }
  std::string answer_;
  int listening_;
  std::thread thread_;
};

struct Got {
  int status = 0;
  std::string body;
  bool cut = false;
  bool nothing_sent = false;
  std::string message;
};

class TlsCaller {
 public:
  TlsCaller() { std::signal(SIGPIPE, SIG_IGN); }  // for the upstream of the test; the client raises none
  ~TlsCaller() { asio::co_spawn(threads_.first(), drop(*this), asio::use_future).get(); }
  TlsCaller(const TlsCaller&) = delete;
  TlsCaller& operator=(const TlsCaller&) = delete;

  Got call(const TlsUpstream& server, const std::string& host, const std::string& ca_file,
           std::string body = "{}", std::uint16_t proxy_port = 0) {
    auto upstream = Upstream::parse("https://" + host + ":" + std::to_string(server.port), false).value();
    upstream.ca_file = ca_file;
    upstream.connect_timeout = 10s;
    if (proxy_port != 0) upstream.proxy = {"127.0.0.1", proxy_port};
    return asio::co_spawn(threads_.first(), get(*client_, upstream, std::move(body)), asio::use_future).get();
  }

 private:
  static asio::awaitable<void> drop(TlsCaller& self) {
    self.client_.reset();
    co_return;
  }
  static asio::awaitable<Got> get(Client& client, Upstream upstream, std::string body) {
    Got got;
    UpstreamRequest request{"POST", "/", {}, std::move(body)};
    auto sent = co_await client.send(upstream, std::move(request));
    if (!sent) {
      got.message = sent.error().error.message;
      got.nothing_sent = sent.error().nothing_sent;
      co_return got;
    }
    got.status = (*sent)->status();
    auto read = co_await (*sent)->read_all(100'000'000);
    got.cut = !read;
    if (read) got.body = std::move(*read);
    co_return got;
  }
  Threads threads_;
  std::unique_ptr<Client> client_ = std::make_unique<Client>(threads_.first());
};

const std::string ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}";

TEST_CASE("A certificate of the given authority is accepted, and its connection kept") {
  const Authority authority;
  TlsUpstream server(authority, "DNS:localhost,IP:127.0.0.1", ok);
  TlsCaller caller;
  for (int i = 0; i < 3; ++i) CHECK(caller.call(server, "localhost", authority.file).body == "{}");
  CHECK(server.connections == 1);
  CHECK(server.saw_name);
}

TEST_CASE("Through a proxy TLS is with the upstream, and its connection kept") {
  const Authority authority;
  TlsUpstream server(authority, "DNS:localhost", ok);
  Tunnels proxy;
  {
    TlsCaller caller;
    for (int i = 0; i < 3; ++i)
      CHECK(caller.call(server, "localhost", authority.file, "{}", proxy.port).body == "{}");
    const std::string host = "localhost:" + std::to_string(server.port);
    CHECK(proxy.asked == "CONNECT " + host + " HTTP/1.1\r\nHost: " + host + "\r\n\r\n");
  }
  CHECK(proxy.opened == 1);
  CHECK(server.connections == 1);
  CHECK(server.saw_name);
}

TEST_CASE("A proxy that does not open the tunnel, or speaks in the upstream's place, is sent nothing") {
  const Authority authority;
  TlsUpstream server(authority, "DNS:localhost", ok);
  const std::string answer = GENERATE("HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n",
                                      "HTTP/1.1 502 Bad Gateway\r\n\r\n",
                                      "HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}");
  Tunnels proxy(answer);
  TlsCaller caller;
  const Got got = caller.call(server, "localhost", authority.file, "{}", proxy.port);
  CHECK(got.status == 0);
  CHECK(got.nothing_sent);
  CHECK(got.message.find("through the proxy 127.0.0.1") != std::string::npos);
  CHECK(server.requests == 0);
}

TEST_CASE("A host that is an address is checked against the certificate's addresses") {
  const Authority authority;
  TlsUpstream server(authority, "IP:127.0.0.1", ok);
  TlsCaller caller;
  CHECK(caller.call(server, "127.0.0.1", authority.file).status == 200);
  CHECK_FALSE(server.saw_name);
}

TEST_CASE("Whoever cannot prove the name is sent nothing") {
  const Authority authority;
  const Authority other;
  TlsCaller caller;
  const auto refused = [&](const TlsUpstream& server, const std::string& host, const std::string& ca_file) {
    const Got got = caller.call(server, host, ca_file);
    CHECK(got.status == 0);
    CHECK(got.nothing_sent);
    CHECK(got.message.find("certificate") != std::string::npos);
    CHECK(server.requests == 0);
  };
  SECTION("an authority that the system does not know") {
    TlsUpstream server(authority, "DNS:localhost", ok);
    refused(server, "localhost", "");
  }
  SECTION("another authority") {
    TlsUpstream server(authority, "DNS:localhost", ok);
    refused(server, "localhost", other.file);
  }
  SECTION("another name") {
    TlsUpstream server(authority, "DNS:example.com", ok);
    refused(server, "localhost", authority.file);
  }
  SECTION("a name where an address was dialled") {
    TlsUpstream server(authority, "DNS:127.0.0.1", ok);
    refused(server, "127.0.0.1", authority.file);
  }
  SECTION("a certificate that has run out") {
    TlsUpstream server(authority, "DNS:localhost", ok, -3600);
    refused(server, "localhost", authority.file);
  }
  SECTION("a CA file that is not there") {
    TlsUpstream server(authority, "DNS:localhost", ok);
    const Got got = caller.call(server, "localhost", "/nonexistent/ca.pem");
    CHECK(got.status == 0);
    CHECK(got.nothing_sent);
    CHECK(got.message.find("/nonexistent/ca.pem") != std::string::npos);
  }
}

TEST_CASE("TLS 1.1 is too old, TLS 1.2 is not") {
  const Authority authority;
  TlsCaller caller;
  TlsUpstream old(authority, "DNS:localhost", ok, 86400, true, TLS1_1_VERSION);
  CHECK(caller.call(old, "localhost", authority.file).status == 0);
  TlsUpstream fair(authority, "DNS:localhost", ok, 86400, true, TLS1_2_VERSION);
  CHECK(caller.call(fair, "localhost", authority.file).status == 200);
}

TEST_CASE("A server without TLS, or that closes at once, fails cleanly") {
  TlsCaller caller;
  const Authority authority;
  Running plain([](Exchange& exchange) -> asio::awaitable<void> { co_await exchange.respond({}); });
  TlsUpstream unused(authority, "DNS:localhost", ok);
  unused.port = plain.port;
  const Got got = caller.call(unused, "localhost", authority.file);
  CHECK(got.status == 0);
  CHECK(got.nothing_sent);
}

TEST_CASE("A new connection resumes the session of the last") {
  const Authority authority;
  TlsUpstream server(authority, "DNS:localhost", ok);
  server.close_after_one = true;
  TlsCaller caller;
  CHECK(caller.call(server, "localhost", authority.file).status == 200);
  CHECK(caller.call(server, "localhost", authority.file).status == 200);
  CHECK(caller.call(server, "localhost", authority.file).status == 200);
  CHECK(server.connections == 3);
  CHECK(server.resumed >= 1);
}

TEST_CASE("An answer until the close is whole only with a proper end of TLS") {
  const Authority authority;
  const std::string answer = "HTTP/1.1 200 OK\r\n\r\nhello";
  TlsCaller caller;
  TlsUpstream proper(authority, "DNS:localhost", answer);
  const Got whole = caller.call(proper, "localhost", authority.file);
  CHECK(whole.body == "hello");
  CHECK_FALSE(whole.cut);
  TlsUpstream cut_off(authority, "DNS:localhost", answer, 86400, false);
  CHECK(caller.call(cut_off, "localhost", authority.file).cut);
}

TEST_CASE("Large bodies go both ways over TLS") {
  const Authority authority;
  const std::string body(3'000'000, 'b');
  TlsUpstream server(authority, "DNS:localhost", "HTTP/1.1 200 OK\r\nContent-Length: 3000000\r\n\r\n" + body);
  TlsCaller caller;
  const Got got = caller.call(server, "localhost", authority.file, std::string(2'000'000, 'r'));
  CHECK(got.body.size() == body.size());
  CHECK((got.body == body));
  CHECK(server.requests == 1);
}

}  // namespace
}  // namespace govctl::http::testing
