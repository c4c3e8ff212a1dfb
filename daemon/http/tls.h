#pragma once
// A TLS client's session on a socket that does not block (OpenSSL 3, TLS 1.2 and later). The peer's certificate
// is always checked, against the host and a store of authorities. One thread at a time.

#include <openssl/ssl.h>

#include <memory>
#include <string>

#include "common/error.h"

namespace govctl::http {

// What makes resuming cheap; of one host and store. Empty when there is none.
using TlsTicket = std::unique_ptr<SSL_SESSION, void (*)(SSL_SESSION*)>;

class TlsSession {
 public:
  enum class Io {
    done,
    want_read,   // again when the socket is readable
    want_write,  // again when it is writable
    closed,      // the peer's proper end (close_notify)
    failed,      // broken, cut off, or not to be trusted: see fault()
  };

  // `fd` stays the caller's and outlives this. `ca_file` empty: the system's store. `ticket` may be null.
  static Result<std::unique_ptr<TlsSession>> make(int fd, const std::string& host, const std::string& ca_file,
                                                  SSL_SESSION* ticket);

  Io handshake();
  Io read(char* into, std::size_t size, std::size_t& count);
  Io write(const char* bytes, std::size_t size, std::size_t& count);
  // Whether a connection that should be silent is: takes in what TLS itself sends, and no data.
  bool is_quiet();
  // Tells the peer of the end; does not wait.
  void close();
  [[nodiscard]] TlsTicket ticket() const;
  // Why the handshake failed, in words: the certificate's fault when it is that.
  [[nodiscard]] std::string fault() const;

 private:
  TlsSession(int fd, SSL* ssl) : fd_(fd), ssl_(ssl, SSL_free) {}
  Io outcome(int result);
  int fd_;
  std::unique_ptr<SSL, void (*)(SSL*)> ssl_;
};

}  // namespace govctl::http
