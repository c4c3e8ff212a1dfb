#include "daemon/http/server.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cerrno>
#include <cstring>
#include <mutex>
#include <system_error>
#include <typeinfo>

#include "common/descriptor.h"
#include "daemon/http/connection.h"
#include "daemon/telemetry/log.h"

namespace govctl::http {

namespace {

constexpr auto awaiting = asio::as_tuple(asio::use_awaitable);

// Connections over the limit that are still told so; beyond them a connection is closed without a word.
constexpr std::size_t refusals_at_once = 256;
constexpr int accepts_at_once = 64;
// When descriptors run out, accepting again at once would only spin.
constexpr std::chrono::milliseconds accept_pause{100};

std::string why(int number) { return std::generic_category().message(number); }

union SocketAddress {
  sockaddr any;
  sockaddr_in v4;
  sockaddr_in6 v6;
  sockaddr_un local;
};

Peer peer_of(int fd, const SocketAddress& address) {
  Peer peer;
  if (address.any.sa_family == AF_INET) {
    peer.address = asio::ip::address_v4(ntohl(address.v4.sin_addr.s_addr)).to_string();
  } else if (address.any.sa_family == AF_INET6) {
    asio::ip::address_v6::bytes_type bytes{};
    std::memcpy(bytes.data(), &address.v6.sin6_addr, bytes.size());
    peer.address = asio::ip::address_v6(bytes).to_string();
  } else {
    peer.local = true;
    peer.address = "unix";
    ucred credentials{};
    socklen_t size = sizeof credentials;
    if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &size) == 0) {
      peer.uid = credentials.uid;
      peer.gid = credentials.gid;
      peer.pid = credentials.pid;
    }
  }
  return peer;
}

// A socket file that is ours to remove: only while it is the one that was made here.
struct SocketFile {
  std::string path;
  dev_t device = 0;
  ino_t inode = 0;

  explicit SocketFile(std::string file) : path(std::move(file)) {
    struct stat facts{};
    if (!path.empty() && ::stat(path.c_str(), &facts) == 0) {
      device = facts.st_dev;
      inode = facts.st_ino;
    }
  }
  void remove() {
    struct stat facts{};
    if (!path.empty() && ::stat(path.c_str(), &facts) == 0 && facts.st_dev == device && facts.st_ino == inode) {
      ::unlink(path.c_str());
    }
    path.clear();
  }
};

// A listening socket; owned by the coroutine that accepts, and so by the io_context.
struct Listener {
  asio::posix::stream_descriptor socket;
  SocketFile file;

  Listener(asio::io_context& context, Descriptor fd, std::string path)
      : socket(context, fd.release()), file(std::move(path)) {}
  ~Listener() { close(); }
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;
  void close() {
    boost::system::error_code error;
    socket.close(error);
    file.remove();
  }
};

void log_end(const std::exception_ptr& thrown) {
  if (!thrown) return;
  try {
    std::rethrow_exception(thrown);
  } catch (const std::exception& e) {
    log::error("a connection ended with an exception", {{log::Field::cause, typeid(e).name()}});
  }
}

void open_connection(Accepted accepted, const std::shared_ptr<Loop>& loop, bool refused) {
  auto connection = std::make_shared<Connection>(std::move(accepted), loop, refused);
  asio::co_spawn(loop->context, Connection::serve(std::move(connection)), log_end);
}

}  // namespace

struct Server::State : std::enable_shared_from_this<State> {
  std::shared_ptr<ServerShared> shared = std::make_shared<ServerShared>();
  std::vector<std::shared_ptr<Loop>> loops;
  std::atomic<std::size_t> turn{0};
  std::mutex mutex;
  std::vector<std::weak_ptr<Listener>> listeners;  // guarded by mutex

  // Runs `act` on each loop whose io_context is still there.
  template <class Act>
  void on_each_loop(Act act) {
    for (const auto& loop : loops) {
      if (const auto alive = loop->alive.lock()) asio::post(loop->context, [loop, act] { act(*loop); });
    }
  }
  void stop_listening();
  void close_all();
  Result<void> listen_on(Descriptor fd, std::string path);
  static asio::awaitable<void> accept(std::shared_ptr<State> state, std::shared_ptr<Listener> listener);
  // False when accepting must pause.
  bool accept_some(int listening);
};

Server::Server(const std::vector<asio::io_context*>& contexts, Limits limits, Handler handler)
    : state_(std::make_shared<State>()) {
  state_->shared->limits = limits;
  state_->shared->handler = std::move(handler);
  for (asio::io_context* context : contexts) {
    state_->loops.push_back(std::make_shared<Loop>(*context, Deadlines::of(*context).alive()));
  }
}

Server::~Server() {
  state_->stop_listening();
  state_->close_all();
}

// -- Listening --

Result<std::uint16_t> Server::listen_tcp(const std::string& address, std::uint16_t port) {
  boost::system::error_code parse_error;
  const auto ip = asio::ip::make_address(address, parse_error);
  if (parse_error) return fail(Code::invalid, "'" + address + "' is not an IP address");
  SocketAddress where{};
  socklen_t size = 0;
  if (ip.is_v4()) {
    where.v4.sin_family = AF_INET;
    where.v4.sin_port = htons(port);
    where.v4.sin_addr.s_addr = htonl(ip.to_v4().to_uint());
    size = sizeof where.v4;
  } else {
    where.v6.sin6_family = AF_INET6;
    where.v6.sin6_port = htons(port);
    const auto bytes = ip.to_v6().to_bytes();
    std::memcpy(&where.v6.sin6_addr, bytes.data(), bytes.size());
    where.v6.sin6_scope_id = static_cast<std::uint32_t>(ip.to_v6().scope_id());
    size = sizeof where.v6;
  }
  Descriptor fd(::socket(where.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (fd.get() < 0) return fail(Code::unavailable, "no socket for " + address + ": " + why(errno));
  const int on = 1;
  ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (ip.is_v6()) ::setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
  const std::string place = address + " port " + std::to_string(port);
  if (::bind(fd.get(), &where.any, size) != 0 || ::listen(fd.get(), SOMAXCONN) != 0) {
    const int number = errno;
    return fail(number == EADDRINUSE ? Code::conflict : Code::unavailable,
                "cannot listen on " + place + ": " + why(number));
  }
  size = sizeof where;
  if (::getsockname(fd.get(), &where.any, &size) != 0) {
    return fail(Code::internal, "cannot listen on " + place + ": " + why(errno));
  }
  const std::uint16_t bound = ntohs(ip.is_v4() ? where.v4.sin_port : where.v6.sin6_port);
  if (auto listening = state_->listen_on(std::move(fd), {}); !listening)
    return std::unexpected(listening.error());
  return bound;
}

Result<void> Server::listen_unix(const std::string& path, mode_t mode) {
  SocketAddress where{};
  if (path.empty() || path.size() >= sizeof where.local.sun_path) {
    return fail(Code::invalid, "a socket's path has 1 to 107 bytes: " + path);
  }
  where.local.sun_family = AF_UNIX;
  std::memcpy(where.local.sun_path, path.data(), path.size());

  struct stat facts{};
  if (::lstat(path.c_str(), &facts) == 0) {
    if (!S_ISSOCK(facts.st_mode)) return fail(Code::conflict, path + " exists and is not a socket");
    const Descriptor probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (::connect(probe.get(), &where.any, sizeof where.local) == 0 || errno != ECONNREFUSED) {
      return fail(Code::conflict, "somebody listens on " + path + " already");
    }
    if (::unlink(path.c_str()) != 0)
      return fail(Code::unavailable, "cannot replace " + path + ": " + why(errno));
  }
  Descriptor fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  // The mode is set before anybody can connect, which is from listen() on.
  if (fd.get() < 0 || ::bind(fd.get(), &where.any, sizeof where.local) != 0 ||
      ::chmod(path.c_str(), mode) != 0 || ::listen(fd.get(), SOMAXCONN) != 0) {
    const int number = errno;
    return fail(number == EADDRINUSE ? Code::conflict : Code::unavailable,
                "cannot listen on " + path + ": " + why(number));
  }
  return state_->listen_on(std::move(fd), path);
}

Result<void> Server::adopt(int listening_fd) {
  Descriptor fd(listening_fd);
  int listening = 0;
  socklen_t size = sizeof listening;
  if (::getsockopt(fd.get(), SOL_SOCKET, SO_ACCEPTCONN, &listening, &size) != 0 || listening == 0) {
    return fail(Code::invalid, "the socket handed over does not listen");
  }
  ::fcntl(fd.get(), F_SETFL, ::fcntl(fd.get(), F_GETFL) | O_NONBLOCK);
  ::fcntl(fd.get(), F_SETFD, FD_CLOEXEC);
  return state_->listen_on(std::move(fd), {});
}

Result<void> Server::State::listen_on(Descriptor fd, std::string path) {
  const int on = 1;
  ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);  // accepted sockets inherit it
  asio::io_context& context = loops.front()->context;
  std::shared_ptr<Listener> listener;
  try {
    listener = std::make_shared<Listener>(context, std::move(fd), std::move(path));
  } catch (const boost::system::system_error& error) {
    return fail(Code::unavailable, "cannot wait for connections: " + error.code().message());
  }
  {
    const std::scoped_lock lock(mutex);
    listeners.push_back(listener);
  }
  asio::co_spawn(context, accept(shared_from_this(), std::move(listener)), log_end);
  return {};
}

// -- Accepting --

asio::awaitable<void> Server::State::accept(std::shared_ptr<State> state, std::shared_ptr<Listener> listener) {
  asio::steady_timer pause(state->loops.front()->context);
  while (listener->socket.is_open()) {
    const auto [error] =
        co_await listener->socket.async_wait(asio::posix::descriptor_base::wait_read, awaiting);
    if (error || !listener->socket.is_open()) co_return;
    if (state->accept_some(listener->socket.native_handle())) continue;
    pause.expires_after(accept_pause);
    co_await pause.async_wait(awaiting);
  }
}

bool Server::State::accept_some(int listening) {
  for (int i = 0; i < accepts_at_once; ++i) {
    SocketAddress address{};
    socklen_t size = sizeof address;
    Descriptor fd(::accept4(listening, &address.any, &size, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (fd.get() < 0) {
      const int number = errno;
      if (number == EAGAIN || number == EWOULDBLOCK) return true;
      if (number == EMFILE || number == ENFILE || number == ENOBUFS || number == ENOMEM) {
        log::warn("no connection can be accepted for now", {{log::Field::cause, why(number)}});
        return false;
      }
      continue;  // that one connection failed before it was taken
    }
    const std::size_t open = shared->open.load();
    if (open >= shared->limits.connections + refusals_at_once) continue;
    const bool refused = open >= shared->limits.connections;
    const auto& loop = loops[turn.fetch_add(1) % loops.size()];
    Peer peer = peer_of(fd.get(), address);
    asio::post(loop->context,
               [loop, refused, accepted = Accepted(fd.release(), std::move(peer), shared)]() mutable {
                 open_connection(std::move(accepted), loop, refused);
               });
  }
  return true;
}

// -- Ending --

void Server::State::stop_listening() {
  shared->stopping.store(true);
  std::vector<std::weak_ptr<Listener>> to_close;
  {
    const std::scoped_lock lock(mutex);
    to_close.swap(listeners);
  }
  if (const auto alive = loops.front()->alive.lock()) {
    asio::post(loops.front()->context, [to_close = std::move(to_close)] {
      for (const auto& weak : to_close) {
        if (const auto listener = weak.lock()) listener->close();
      }
    });
  }
  on_each_loop([](Loop& loop) {
    for (Connection* connection : loop.connections) connection->close_if_idle();
  });
}

void Server::State::close_all() {
  on_each_loop([](Loop& loop) {
    // A callback of close() may end other connections.
    std::vector<std::shared_ptr<Connection>> open;
    open.reserve(loop.connections.size());
    for (Connection* connection : loop.connections) open.push_back(connection->shared_from_this());
    for (const auto& connection : open) connection->close();
  });
}

void Server::stop_listening() { state_->stop_listening(); }
void Server::close_all() { state_->close_all(); }
std::size_t Server::open_connections() const { return state_->shared->open.load(); }
std::size_t Server::active() const { return state_->shared->active.load(); }

}  // namespace govctl::http
