#pragma once
// The upstream client: HTTP/1.1 over TCP and TLS, keep-alive connections pooled per (host, port, TLS, CA file,
// allow_private, proxy). upstream_connection.cpp is the only unit that sees Beast's client side, tls.cpp the
// only one that sees OpenSSL. A Client belongs to one io_context, which outlives it and the responses, and is
// used from its thread alone. While connections are pooled the context's run() does not return by itself: see
// close_idle().

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/error.h"
#include "daemon/http/proxy.h"
#include "daemon/http/server.h"

namespace govctl::http {

// Where to send. Parsed once from a provider row's base URL.
struct Upstream {
  bool tls = true;
  std::string host;
  std::uint16_t port = 443;
  std::string base_path;       // "/v1", or empty; no slash at the end
  bool allow_private = false;  // private and link-local addresses, and plain http beyond loopback
  std::string ca_file;         // empty: the system's store
  Proxy proxy;
  std::chrono::milliseconds connect_timeout{5'000};
  std::chrono::milliseconds first_byte_timeout{600'000};
  std::chrono::milliseconds idle_timeout{300'000};

  // https://host[:port][/path], or http:// to a loopback address or with allow_private. No userinfo, query,
  // fragment.
  static Result<Upstream> parse(std::string_view base_url, bool allow_private);
};

struct UpstreamRequest {
  std::string method = "POST";
  std::string target;  // base path included
  Headers headers;     // Host, Content-Length, Connection and Accept-Encoding: identity are the client's
  std::string body;
};

// Why sending failed, for the one who must decide about sending again.
struct SendFault {
  Error error;                // upstream_failed or timeout; names the host, never a credential
  bool nothing_sent = false;  // not one byte of the request left: sending again is safe
};

class UpstreamResponse {
 public:
  virtual ~UpstreamResponse() = default;
  [[nodiscard]] virtual int status() const = 0;
  [[nodiscard]] virtual std::string_view header(std::string_view name) const = 0;
  [[nodiscard]] virtual const Headers& headers() const = 0;
  // The next bytes of the body, unchunked, as they come (at most 64 KiB); valid until the next read. An empty
  // view is the proper end. An error is a body cut short, broken framing, or the idle timeout.
  virtual asio::awaitable<Result<std::string_view>> read() = 0;
  // The whole body, at most `limit` bytes (upstream_failed over it).
  virtual asio::awaitable<Result<std::string>> read_all(std::size_t limit) = 0;
  // Closes the connection; a read in flight ends with an error. Same thread.
  virtual void cancel() = 0;
  // Destroyed after the proper end, the connection goes back to the pool; before it, it is closed.
};

class Client {
 public:
  explicit Client(asio::io_context& context);
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // Resolves, checks the address (private ranges, see Upstream::allow_private), dials the address that was
  // checked, verifies the certificate against the host, sends, and returns once the response's head is there.
  // Redirects are answers like any other. Pooled connections are tested before reuse; one that proves dead
  // before a byte was answered is replaced when nothing was sent. A proxy resolves the host in our place, so
  // that only addresses that the base URL names are checked. `cancel_slot`, when given, receives a function
  // that abandons the send.
  asio::awaitable<std::expected<std::unique_ptr<UpstreamResponse>, SendFault>> send(
      const Upstream& upstream, UpstreamRequest request, std::function<void()>* cancel_slot = nullptr);

  // Closes the idle connections.
  void close_idle();

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace govctl::http
