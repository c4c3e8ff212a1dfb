#include "tests/functional/harness/http.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>

namespace govctl::test {

using Steady = std::chrono::steady_clock;

Socket& Socket::operator=(Socket&& other) noexcept {
  if (this != &other) {
    close();
    fd_ = std::exchange(other.fd_, -1);
  }
  return *this;
}

void Socket::close() {
  if (fd_ >= 0) ::close(std::exchange(fd_, -1));
}

bool Socket::send(std::string_view bytes) const {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

std::string Socket::receive(Steady::time_point deadline) const {
  while (true) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Steady::now()).count();
    if (left <= 0) throw WireError("nothing came until the deadline");
    pollfd wait{fd_, POLLIN, 0};
    const int ready = ::poll(&wait, 1, static_cast<int>(left));
    if (ready < 0 && errno != EINTR) throw WireError(std::string("poll: ") + std::strerror(errno));
    if (ready <= 0) continue;
    std::string bytes(16384, '\0');
    const ssize_t got = ::recv(fd_, bytes.data(), bytes.size(), 0);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw WireError(std::string("recv: ") + std::strerror(errno));
    bytes.resize(static_cast<std::size_t>(got));
    return bytes;
  }
}

bool Socket::peer_closed() const {
  pollfd look{fd_, POLLRDHUP, 0};
  return ::poll(&look, 1, 0) > 0 && (look.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
}

Socket connect_to(const std::string& where) {
  if (where.starts_with("/")) {
    Socket socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (where.size() >= sizeof(address.sun_path)) throw WireError("the socket's path is too long: " + where);
    std::memcpy(address.sun_path, where.data(), where.size());
    if (::connect(socket.fd(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
      throw WireError("connect " + where + ": " + std::strerror(errno));
    }
    return socket;
  }
  const std::string_view prefix = "http://127.0.0.1:";
  if (!where.starts_with(prefix)) throw WireError("not an address that tests call: " + where);
  Socket socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<std::uint16_t>(std::stoi(where.substr(prefix.size()))));
  if (::connect(socket.fd(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    throw WireError("connect " + where + ": " + std::strerror(errno));
  }
  const int on = 1;
  ::setsockopt(socket.fd(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  return socket;
}

std::optional<std::string> find_header(const Headers& headers, std::string_view name) {
  const auto found = std::ranges::find_if(headers, [&](const auto& header) {
    return std::ranges::equal(header.first, name,
                              [](char a, char b) { return std::tolower(a) == std::tolower(b); });
  });
  return found == headers.end() ? std::nullopt : std::optional(found->second);
}

Json Answer::json() const {
  Json parsed = Json::parse(body, nullptr, false);
  if (parsed.is_discarded()) throw WireError("status " + std::to_string(status) + ", no JSON: " + body);
  return parsed;
}

void HttpClient::send(std::string_view method, std::string_view target, std::string_view body,
                      const Headers& headers) {
  std::string request;
  request.append(method).append(" ").append(target).append(" HTTP/1.1\r\n");
  if (!find_header(headers, "Host")) request += "Host: govd\r\n";
  for (const auto& [name, value] : headers) request.append(name).append(": ").append(value).append("\r\n");
  if (!body.empty() && !find_header(headers, "Content-Type")) request += "Content-Type: application/json\r\n";
  if (!body.empty() || method == "POST" || method == "PUT" || method == "PATCH") {
    request += "Content-Length: " + std::to_string(body.size()) + "\r\n";
  }
  request.append("\r\n").append(body);
  send_raw(request);
}

// A peer that answers early and closes may still be read: a failed send is not an error here.
void HttpClient::send_raw(std::string_view bytes) { socket_.send(bytes); }

void HttpClient::fill() {
  const std::string more = socket_.receive(deadline_);
  if (more.empty()) throw WireError("closed in the middle of an answer");
  buffer_ += more;
}

std::string HttpClient::line() {
  std::size_t end = 0;
  while ((end = buffer_.find("\r\n")) == std::string::npos) fill();
  std::string text = buffer_.substr(0, end);
  buffer_.erase(0, end + 2);
  return text;
}

Answer HttpClient::head() {
  deadline_ = Steady::now() + patience;
  Answer answer;
  const std::string status = line();
  if (!status.starts_with("HTTP/1.1 ") || status.size() < 12) throw WireError("not a status line: " + status);
  answer.status = std::stoi(status.substr(9, 3));
  for (std::string text = line(); !text.empty(); text = line()) {
    const std::size_t colon = text.find(':');
    if (colon == std::string::npos) throw WireError("not a header: " + text);
    const std::size_t value = text.find_first_not_of(' ', colon + 1);
    answer.headers.emplace_back(text.substr(0, colon), value == std::string::npos ? "" : text.substr(value));
  }
  const auto length = find_header(answer.headers, "Content-Length");
  const auto encoding = find_header(answer.headers, "Transfer-Encoding");
  if (length && encoding) throw WireError("both Content-Length and Transfer-Encoding");
  if (answer.status == 204 || answer.status == 304) {
    framing_ = Body::none;
  } else if (encoding) {
    framing_ = Body::chunked;
  } else if (length) {
    framing_ = Body::length;
    left_ = std::stoull(*length);
  } else {
    framing_ = Body::until_close;
  }
  return answer;
}

std::string HttpClient::piece() {
  deadline_ = Steady::now() + patience;
  switch (framing_) {
    case Body::none:
      return {};
    case Body::until_close: {
      std::string bytes = buffer_.empty() ? socket_.receive(deadline_) : std::exchange(buffer_, {});
      if (bytes.empty()) framing_ = Body::none;
      return bytes;
    }
    case Body::length: {
      if (left_ == 0) {
        framing_ = Body::none;
        return {};
      }
      if (buffer_.empty()) fill();
      const std::size_t size = std::min<std::uint64_t>(left_, buffer_.size());
      std::string bytes = buffer_.substr(0, size);
      buffer_.erase(0, size);
      left_ -= size;
      return bytes;
    }
    case Body::chunked: {
      const std::string head = line();
      std::size_t size = 0;
      const auto parsed = std::from_chars(head.data(), head.data() + head.size(), size, 16);
      if (parsed.ec != std::errc{} || parsed.ptr == head.data()) throw WireError("not a chunk's size: " + head);
      while (buffer_.size() < size + 2) fill();
      std::string bytes = buffer_.substr(0, size);
      if (buffer_.compare(size, 2, "\r\n") != 0) throw WireError("a chunk without its end");
      buffer_.erase(0, size + 2);
      if (size == 0) framing_ = Body::none;
      return bytes;
    }
  }
  return {};
}

Answer HttpClient::answer() {
  Answer answer = head();
  for (std::string bytes = piece(); !bytes.empty(); bytes = piece()) answer.body += bytes;
  return answer;
}

Answer http(const std::string& where, std::string_view method, std::string_view target, std::string_view body,
            const Headers& headers) {
  HttpClient client(where);
  client.send(method, target, body, headers);
  return client.answer();
}

std::optional<std::string> EventReader::next() {
  while (true) {
    // An event ends with an empty line, or with the stream.
    std::size_t end = buffer_.find("\n\n");
    if (end == std::string::npos && ended_ && !buffer_.empty()) end = buffer_.size();
    if (end != std::string::npos) {
      std::string event = buffer_.substr(0, end);
      buffer_.erase(0, std::min(end + 2, buffer_.size()));
      if (event.starts_with(":") || event.empty()) continue;
      if (!event.starts_with("data: ")) throw WireError("not an event: " + event);
      return event.substr(6);
    }
    if (ended_) return std::nullopt;
    const std::string bytes = client_.piece();
    ended_ = bytes.empty();
    buffer_ += bytes;
  }
}

Json Stream::usage() const {
  for (const Json& chunk : chunks) {
    if (chunk.contains("usage") && !chunk["usage"].is_null()) return chunk["usage"];
  }
  return {};
}

Stream read_stream(HttpClient& client) {
  Stream stream;
  Answer head = client.head();
  stream.status = head.status;
  stream.headers = std::move(head.headers);
  if (stream.status != 200) {
    for (std::string bytes = client.piece(); !bytes.empty(); bytes = client.piece()) stream.error_body += bytes;
    return stream;
  }
  EventReader events(client);
  while (true) {
    std::optional<std::string> data;
    try {
      data = events.next();
    } catch (const WireError&) {
      stream.broken = true;
    }
    if (!data) break;
    if (*data == "[DONE]") {
      stream.done = true;
      continue;
    }
    Json chunk = Json::parse(*data, nullptr, false);
    if (chunk.is_discarded()) throw WireError("a chunk that is not JSON: " + *data);
    if (chunk.contains("choices") && !chunk["choices"].empty()) {
      const Json delta = chunk["choices"][0].value("delta", Json::object());
      if (delta.contains("content") && delta["content"].is_string())
        stream.text += delta["content"].get<std::string>();
    }
    stream.chunks.push_back(std::move(chunk));
  }
  return stream;
}

std::string percent(std::string_view text) {
  static constexpr char hex[] = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    if (std::isalnum(static_cast<unsigned char>(c)) != 0 || std::strchr("-_.~", c) != nullptr) {
      out += c;
    } else {
      const auto byte = static_cast<unsigned char>(c);
      out += '%';
      out += hex[byte >> 4];
      out += hex[byte & 15];
    }
  }
  return out;
}

}  // namespace govctl::test
