#include "daemon/http/tls.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <array>
#include <boost/asio/ip/address.hpp>
#include <cerrno>
#include <cstdint>
#include <map>
#include <mutex>

namespace govctl::http {

namespace {

// OpenSSL's own socket BIO writes with write(), which raises SIGPIPE; this one does not.
int socket_fd(BIO* bio) { return *static_cast<const int*>(BIO_get_data(bio)); }

int socket_write(BIO* bio, const char* bytes, int size) {
  BIO_clear_retry_flags(bio);
  const ssize_t count =
      ::send(socket_fd(bio), bytes, static_cast<std::size_t>(size), MSG_NOSIGNAL | MSG_DONTWAIT);
  if (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)) BIO_set_retry_write(bio);
  return static_cast<int>(count);
}

int socket_read(BIO* bio, char* into, int size) {
  BIO_clear_retry_flags(bio);
  const ssize_t count = ::recv(socket_fd(bio), into, static_cast<std::size_t>(size), MSG_DONTWAIT);
  if (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)) BIO_set_retry_read(bio);
  return static_cast<int>(count);
}

long socket_control(BIO*, int command, long, void*) { return command == BIO_CTRL_FLUSH ? 1 : 0; }

// `fd` outlives the BIO.
BIO* make_socket_bio(int& fd) {
  static BIO_METHOD* const socket_method = [] {
    BIO_METHOD* made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "socket without SIGPIPE");
    BIO_meth_set_write(made, socket_write);
    BIO_meth_set_read(made, socket_read);
    BIO_meth_set_ctrl(made, socket_control);
    return made;
  }();
  BIO* const bio = BIO_new(socket_method);
  BIO_set_data(bio, &fd);
  BIO_set_init(bio, 1);
  return bio;
}

using Context = std::shared_ptr<SSL_CTX>;

Result<Context> make_context(const std::string& ca_file) {
  Context context(SSL_CTX_new(TLS_client_method()), SSL_CTX_free);
  SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
  SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
  SSL_CTX_set_mode(context.get(), SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                      SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  static constexpr std::array<unsigned char, 9> http11{8, 'h', 't', 't', 'p', '/', '1', '.', '1'};
  SSL_CTX_set_alpn_protos(context.get(), http11.data(), http11.size());
  ERR_clear_error();
  const int loaded = ca_file.empty() ? SSL_CTX_set_default_verify_paths(context.get())
                                     : SSL_CTX_load_verify_file(context.get(), ca_file.c_str());
  ERR_clear_error();
  if (loaded != 1)
    return fail(Code::upstream_failed, "no certificates can be read from the CA file " + ca_file);
  return context;
}

// One context per store of authorities for the whole program: reading the system's takes milliseconds and
// megabytes. A file that was replaced is read anew.
Result<Context> context_for(const std::string& ca_file) {
  struct Entry {
    std::int64_t seconds;
    std::int64_t nanoseconds;
    std::int64_t size;
    Context context;
  };
  static std::mutex mutex;
  static std::map<std::string, Entry> entries;
  struct stat facts{};
  if (!ca_file.empty() && ::stat(ca_file.c_str(), &facts) != 0) {
    return fail(Code::upstream_failed, "the CA file " + ca_file + " cannot be read");
  }
  const std::scoped_lock lock(mutex);
  const auto found = entries.find(ca_file);
  if (found != entries.end() && found->second.seconds == facts.st_mtim.tv_sec &&
      found->second.nanoseconds == facts.st_mtim.tv_nsec && found->second.size == facts.st_size) {
    return found->second.context;
  }
  auto made = make_context(ca_file);
  if (!made) return made;
  entries.insert_or_assign(ca_file, Entry{facts.st_mtim.tv_sec, facts.st_mtim.tv_nsec, facts.st_size, *made});
  return made;
}

}  // namespace

Result<std::unique_ptr<TlsSession>> TlsSession::make(int fd, const std::string& host,
                                                     const std::string& ca_file, SSL_SESSION* ticket) {
  const auto context = context_for(ca_file);
  if (!context) return std::unexpected(context.error());
  SSL* const ssl = SSL_new(context->get());
  std::unique_ptr<TlsSession> session(new TlsSession(fd, ssl));
  BIO* const bio = make_socket_bio(session->fd_);
  SSL_set_bio(ssl, bio, bio);
  SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  boost::system::error_code not_literal;
  boost::asio::ip::make_address(host, not_literal);
  bool named = true;
  if (not_literal) {
    named = SSL_set1_host(ssl, host.c_str()) == 1 && SSL_set_tlsext_host_name(ssl, host.c_str()) == 1;
  } else {
    named = X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host.c_str()) == 1;
  }
  if (!named) return fail(Code::upstream_failed, "the host's name cannot be checked against a certificate");
  if (ticket != nullptr) SSL_set_session(ssl, ticket);
  SSL_set_connect_state(ssl);
  return session;
}

TlsSession::Io TlsSession::outcome(int result) {
  switch (SSL_get_error(ssl_.get(), result)) {
    case SSL_ERROR_NONE:
      return Io::done;
    case SSL_ERROR_WANT_READ:
      return Io::want_read;
    case SSL_ERROR_WANT_WRITE:
      return Io::want_write;
    case SSL_ERROR_ZERO_RETURN:
      return Io::closed;
    default:
      return Io::failed;
  }
}

TlsSession::Io TlsSession::handshake() {
  ERR_clear_error();
  return outcome(SSL_do_handshake(ssl_.get()));
}

TlsSession::Io TlsSession::read(char* into, std::size_t size, std::size_t& count) {
  ERR_clear_error();
  count = 0;
  return outcome(SSL_read_ex(ssl_.get(), into, size, &count));
}

TlsSession::Io TlsSession::write(const char* bytes, std::size_t size, std::size_t& count) {
  ERR_clear_error();
  count = 0;
  return outcome(SSL_write_ex(ssl_.get(), bytes, size, &count));
}

bool TlsSession::is_quiet() {
  char byte = 0;
  std::size_t count = 0;
  return read(&byte, 1, count) == Io::want_read;
}

void TlsSession::close() {
  ERR_clear_error();
  SSL_shutdown(ssl_.get());
  ERR_clear_error();
}

TlsTicket TlsSession::ticket() const {
  TlsTicket ticket(SSL_get1_session(ssl_.get()), SSL_SESSION_free);
  if (ticket && SSL_SESSION_is_resumable(ticket.get()) != 1) ticket.reset();
  return ticket;
}

std::string TlsSession::fault() const {
  const long verdict = SSL_get_verify_result(ssl_.get());
  if (verdict != X509_V_OK) {
    return std::string("its certificate is not valid: ") + X509_verify_cert_error_string(verdict);
  }
  const char* const reason = ERR_reason_error_string(ERR_peek_error());
  return std::string("TLS failed: ") + (reason != nullptr ? reason : "the connection was closed");
}

}  // namespace govctl::http
