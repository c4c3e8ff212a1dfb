#pragma once
// A real server on loopback with threads of its own, and a raw client that sees every byte.

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstring>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "daemon/http/server.h"

namespace govctl::http::testing {

using namespace std::chrono_literals;

// Io_contexts that run, each on its own thread, until this is destroyed.
class Threads {
 public:
  explicit Threads(std::size_t count = 1) {
    for (std::size_t i = 0; i < count; ++i) {
      contexts_.push_back(std::make_unique<asio::io_context>(1));
      guards_.push_back(asio::make_work_guard(*contexts_.back()));
      threads_.emplace_back([context = contexts_.back().get()] { context->run(); });
    }
  }
  ~Threads() { stop(); }
  Threads(const Threads&) = delete;
  Threads& operator=(const Threads&) = delete;

  void stop() {
    for (auto& context : contexts_) context->stop();
    for (auto& thread : threads_) {
      if (thread.joinable()) thread.join();
    }
  }
  std::vector<asio::io_context*> all() {
    std::vector<asio::io_context*> pointers;
    pointers.reserve(contexts_.size());
    for (auto& context : contexts_) pointers.push_back(context.get());
    return pointers;
  }
  asio::io_context& first() { return *contexts_.front(); }

 private:
  std::vector<std::unique_ptr<asio::io_context>> contexts_;
  std::vector<asio::executor_work_guard<asio::io_context::executor_type>> guards_;
  std::vector<std::thread> threads_;
};

class Raw {
 public:
  explicit Raw(std::uint16_t port) : Raw(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), port) {}
  Raw(int socket, std::uint16_t port) : fd_(socket) {
    const int on = 1;
    ::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);  // what is sent in pieces arrives in pieces
    sockaddr_in where{};
    where.sin_family = AF_INET;
    where.sin_port = htons(port);
    where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::connect(fd_, reinterpret_cast<sockaddr*>(&where), sizeof where) != 0)
      throw std::runtime_error("connect");
  }
  explicit Raw(const std::string& path) : fd_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un where{};
    where.sun_family = AF_UNIX;
    std::memcpy(where.sun_path, path.data(), path.size());
    if (::connect(fd_, reinterpret_cast<sockaddr*>(&where), sizeof where) != 0)
      throw std::runtime_error("connect");
  }
  ~Raw() { close(); }
  Raw(Raw&& other) noexcept : fd_(std::exchange(other.fd_, -1)), seen_(std::move(other.seen_)) {}
  Raw(const Raw&) = delete;
  Raw& operator=(const Raw&) = delete;
  Raw& operator=(Raw&&) = delete;

  void close() {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  }
  // False when the peer has closed.
  bool send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t count = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (count <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(count));
    }
    return true;
  }
  // What came up to and including `end`; all that came when the connection closes first. Taken off what was
  // seen.
  std::string until(std::string_view end, std::chrono::milliseconds patience = 10s) {
    const auto deadline = std::chrono::steady_clock::now() + patience;
    for (;;) {
      const std::size_t at = seen_.find(end);
      if (at != std::string::npos) {
        std::string found = seen_.substr(0, at + end.size());
        seen_.erase(0, found.size());
        return found;
      }
      if (!more(deadline)) return std::exchange(seen_, {});
    }
  }
  std::string exactly(std::size_t size) {
    const auto deadline = std::chrono::steady_clock::now() + 10s;
    while (seen_.size() < size && more(deadline)) {
    }
    std::string found = seen_.substr(0, size);
    seen_.erase(0, found.size());
    return found;
  }
  std::string to_end(std::chrono::milliseconds patience = 10s) {
    const auto deadline = std::chrono::steady_clock::now() + patience;
    while (more(deadline)) {
    }
    return std::exchange(seen_, {});
  }
  // The head and, by its Content-Length, the body of one response.
  struct Answer {
    int status = 0;
    std::string head;
    std::string body;
  };
  Answer answer() {
    Answer answer;
    answer.head = until("\r\n\r\n");
    if (answer.head.size() > 12) answer.status = std::stoi(answer.head.substr(9, 3));
    const std::size_t at = answer.head.find("Content-Length: ");
    if (at != std::string::npos) answer.body = exactly(std::stoul(answer.head.substr(at + 16)));
    return answer;
  }
  // The peer has closed, properly or not.
  bool closed(std::chrono::milliseconds patience = 10s) {
    const auto deadline = std::chrono::steady_clock::now() + patience;
    while (more(deadline)) {
    }
    return ended_;
  }
  // Closed with a reset, not with a proper end.
  [[nodiscard]] bool was_reset() const { return reset_; }
  [[nodiscard]] int fd() const { return fd_; }

 private:
  bool more(std::chrono::steady_clock::time_point deadline) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    pollfd wait{fd_, POLLIN, 0};
    if (left.count() <= 0 || ::poll(&wait, 1, static_cast<int>(left.count())) <= 0) return false;
    char bytes[16384];
    const ssize_t count = ::recv(fd_, bytes, sizeof bytes, 0);
    if (count <= 0) {
      ended_ = true;
      reset_ = count < 0;
      return false;
    }
    seen_.append(bytes, static_cast<std::size_t>(count));
    return true;
  }
  int fd_;
  std::string seen_;
  bool ended_ = false;
  bool reset_ = false;
};

// Waits until `holds` does.
template <class Condition>
bool eventually(Condition holds, std::chrono::milliseconds patience = 10s) {
  const auto deadline = std::chrono::steady_clock::now() + patience;
  while (!holds()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(2ms);
  }
  return true;
}

struct Running {
  Threads threads;
  Server server;
  std::uint16_t port;
  explicit Running(Handler handler, Limits limits = {}, std::size_t count = 1)
      : threads(count),
        server(threads.all(), limits, std::move(handler)),
        port(server.listen_tcp("127.0.0.1", 0).value()) {}
};

}  // namespace govctl::http::testing
