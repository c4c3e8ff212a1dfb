#pragma once
// A plain HTTP/1.1 client over TCP and Unix sockets that blocks, has deadlines, and shows a stream's bytes as
// they come. Written over sockets so that a test sees what is on the wire, and can leave in the middle of it.

#include <chrono>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace govctl::test {

using Json = nlohmann::ordered_json;
using namespace std::chrono_literals;

// A deadline that no sound run comes near.
constexpr auto patience = 60s;

// The other side broke the protocol, closed too early, or was silent for too long.
struct WireError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// An open socket. Moves, closes itself.
class Socket {
 public:
  Socket() = default;
  explicit Socket(int fd) : fd_(fd) {}
  Socket(Socket&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Socket& operator=(Socket&& other) noexcept;
  ~Socket() { close(); }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;

  [[nodiscard]] int fd() const { return fd_; }
  void close();
  // False when the peer is gone.
  bool send(std::string_view bytes) const;
  // Empty at the end of the stream; throws WireError when nothing comes until the deadline.
  [[nodiscard]] std::string receive(std::chrono::steady_clock::time_point deadline) const;
  // The peer has closed or reset, seen without reading.
  [[nodiscard]] bool peer_closed() const;

 private:
  int fd_ = -1;
};

// "http://127.0.0.1:1234" or the path of a Unix socket.
Socket connect_to(const std::string& where);

using Headers = std::vector<std::pair<std::string, std::string>>;
// The first header of that name in any case.
std::optional<std::string> find_header(const Headers& headers, std::string_view name);

struct Answer {
  int status = 0;
  Headers headers;
  std::string body;

  [[nodiscard]] std::string header(std::string_view name) const {
    return find_header(headers, name).value_or("");
  }
  [[nodiscard]] bool has(std::string_view name) const { return find_header(headers, name).has_value(); }
  [[nodiscard]] Json json() const;  // throws with the body in its text when it is not JSON
};

// One connection, one answer at a time.
class HttpClient {
 public:
  explicit HttpClient(const std::string& where) : socket_(connect_to(where)) {}

  // Sends a request with Host, Content-Length and what `headers` say.
  void send(std::string_view method, std::string_view target, std::string_view body, const Headers& headers);
  void send_raw(std::string_view bytes);
  // Status and headers; the body stays unread.
  Answer head();
  // The next piece of the body, empty at its end.
  std::string piece();
  // A whole answer.
  Answer answer();
  void leave() { socket_.close(); }
  [[nodiscard]] const Socket& socket() const { return socket_; }

 private:
  void fill();
  std::string line();

  Socket socket_;
  std::string buffer_;
  enum class Body { none, length, chunked, until_close } framing_ = Body::none;
  std::uint64_t left_ = 0;
  std::chrono::steady_clock::time_point deadline_;
};

Answer http(const std::string& where, std::string_view method, std::string_view target,
            std::string_view body = {}, const Headers& headers = {});

// Reads the events of a stream, one `data:` at a time.
class EventReader {
 public:
  explicit EventReader(HttpClient& client) : client_(client) {}
  // The next event's data, comments left out; empty at the end of the body.
  std::optional<std::string> next();

 private:
  HttpClient& client_;
  std::string buffer_;
  bool ended_ = false;
};

// A streamed chat answer read to its end.
struct Stream {
  int status = 0;
  Headers headers;
  std::vector<Json> chunks;          // without [DONE]
  bool done = false;                 // [DONE] came
  bool broken = false;               // the connection ended before the answer did
  std::string text;                  // the deltas' content, joined
  std::string error_body;            // when the status is not 200
  [[nodiscard]] Json usage() const;  // of the chunk that has it, or null
};
Stream read_stream(HttpClient& client);

std::string percent(std::string_view text);

}  // namespace govctl::test
