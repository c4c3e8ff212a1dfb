#include "tests/functional/harness/upstream.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>

namespace govctl::test {

Json Tokens::json() const {
  return {{"prompt_tokens", prompt},
          {"completion_tokens", completion},
          {"total_tokens", prompt + completion},
          {"prompt_tokens_details", {{"cached_tokens", cached}}},
          {"completion_tokens_details", {{"reasoning_tokens", reasoning}}}};
}

bool Reply::wants_usage() const {
  return request.contains("stream_options") && request["stream_options"].value("include_usage", false);
}

bool Reply::raw(std::string_view bytes) { return socket_.send(bytes); }

void Reply::json(int status, const Json& body, const Headers& headers) {
  const std::string text = body.dump();
  std::string head = fmt::format("HTTP/1.1 {} Said\r\nContent-Type: application/json\r\nContent-Length: {}\r\n",
                                 status, text.size());
  for (const auto& [name, value] : headers) head += fmt::format("{}: {}\r\n", name, value);
  raw(head + "\r\n" + text);
}

void Reply::begin_stream() {
  raw("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n"
      "x-request-id: upstream-1\r\n\r\n");
}

bool Reply::event(std::string_view data) {
  const std::string bytes = fmt::format("data: {}\n\n", data);
  return raw(fmt::format("{:x}\r\n{}\r\n", bytes.size(), bytes));
}

bool Reply::event(std::string_view name, const Json& data) {
  const std::string bytes = fmt::format("event: {}\ndata: {}\n\n", name, data.dump());
  return raw(fmt::format("{:x}\r\n{}\r\n", bytes.size(), bytes));
}

bool Reply::text(std::string_view delta) {
  return chunk(
      Json{{"id", "chatcmpl-fake"},
           {"object", "chat.completion.chunk"},
           {"created", 1763000000},
           {"model", model()},
           {"choices", {{{"index", 0}, {"delta", {{"content", delta}}}, {"finish_reason", nullptr}}}}});
}

bool Reply::wait_until_gone() const {
  const auto until = std::chrono::steady_clock::now() + patience;
  while (std::chrono::steady_clock::now() < until) {
    if (client_gone()) return true;
    std::this_thread::sleep_for(5ms);
  }
  return false;
}

void Reply::end_stream() { raw("0\r\n\r\n"); }

void Reply::half_close() const { ::shutdown(socket_.fd(), SHUT_WR); }

void Reply::reset() {
  const linger at_once{1, 0};
  ::setsockopt(socket_.fd(), SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
  close = true;
}

void answer(Reply& reply, const Tokens& tokens) {
  if (!reply.wants_stream()) {
    Json body{{"id", "chatcmpl-fake"},
              {"object", "chat.completion"},
              {"created", 1763000000},
              {"model", reply.model()},
              {"choices",
               {{{"index", 0},
                 {"message", {{"role", "assistant"}, {"content", answer_text}}},
                 {"finish_reason", "stop"}}}}};
    if (tokens.reported) body["usage"] = tokens.json();
    reply.json(200, body);
    return;
  }
  reply.begin_stream();
  for (std::size_t at = 0; at < answer_text.size(); at += 11) reply.text(answer_text.substr(at, 11));
  const Json chunk{{"id", "chatcmpl-fake"},
                   {"object", "chat.completion.chunk"},
                   {"created", 1763000000},
                   {"model", reply.model()}};
  Json stop = chunk;
  stop["choices"] = {{{"index", 0}, {"delta", Json::object()}, {"finish_reason", "stop"}}};
  reply.chunk(stop);
  if (tokens.reported && reply.wants_usage()) {
    Json usage = chunk;
    usage["choices"] = Json::array();
    usage["usage"] = tokens.json();
    reply.chunk(usage);
  }
  reply.event("[DONE]");
  reply.end_stream();
}

FakeUpstream::FakeUpstream() : listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  if (::bind(listener_.fd(), reinterpret_cast<const sockaddr*>(&address), size) != 0 ||
      ::listen(listener_.fd(), 1024) != 0 ||
      ::getsockname(listener_.fd(), reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    throw WireError("the fake upstream cannot listen");
  }
  port_ = ntohs(address.sin_port);
  acceptor_ = std::thread([this] { accept(); });
}

FakeUpstream::~FakeUpstream() {
  ending_ = true;
  ::shutdown(listener_.fd(), SHUT_RDWR);
  acceptor_.join();
  {
    const std::scoped_lock lock(mutex_);
    for (Connection& connection : connections_) ::shutdown(connection.socket.fd(), SHUT_RDWR);
  }
  for (Connection& connection : connections_) connection.thread.join();
}

std::string FakeUpstream::base_url() const { return fmt::format("http://127.0.0.1:{}/v1", port_); }

void FakeUpstream::on(const std::string& model, Behaviour behaviour) {
  const std::scoped_lock lock(mutex_);
  behaviours_[model] = std::move(behaviour);
}

void FakeUpstream::uses(const std::string& model, Tokens tokens) {
  on(model, [tokens](Reply& reply) { answer(reply, tokens); });
}

std::size_t FakeUpstream::calls() const {
  const std::scoped_lock lock(mutex_);
  return seen_.size();
}

std::size_t FakeUpstream::calls(std::string_view model) const {
  const std::scoped_lock lock(mutex_);
  const auto found = calls_.find(model);
  return found == calls_.end() ? 0 : found->second;
}

std::vector<Seen> FakeUpstream::seen() const {
  const std::scoped_lock lock(mutex_);
  return seen_;
}

Seen FakeUpstream::last() const {
  const std::scoped_lock lock(mutex_);
  if (seen_.empty()) throw WireError("the upstream was not called");
  return seen_.back();
}

bool FakeUpstream::reached(std::string_view model, std::size_t count) const {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, patience, [&] {
    const auto found = calls_.find(model);
    return found != calls_.end() && found->second >= count;
  });
}

void FakeUpstream::accept() {
  while (!ending_) {
    const int fd = ::accept4(listener_.fd(), nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) continue;
    const int on = 1;
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    reap();
    const std::scoped_lock lock(mutex_);
    Connection& connection = connections_.emplace_back(Connection{Socket(fd), {}});
    connection.thread = std::thread([this, &connection] {
      serve(connection.socket);
      const std::scoped_lock closing(mutex_);
      connection.socket.close();
      connection.over = true;
    });
  }
}

void FakeUpstream::reap() {
  std::list<Connection> ended;
  {
    const std::scoped_lock lock(mutex_);
    for (auto at = connections_.begin(); at != connections_.end();) {
      const auto next = std::next(at);
      if (at->over) ended.splice(ended.end(), connections_, at);
      at = next;
    }
  }
  for (Connection& connection : ended) connection.thread.join();
}

void FakeUpstream::serve(Socket& socket) {
  std::string buffer;
  const auto until = std::chrono::steady_clock::now() + 600s;
  try {
    while (!ending_) {
      std::size_t head_end = 0;
      while ((head_end = buffer.find("\r\n\r\n")) == std::string::npos) {
        const std::string more = socket.receive(until);
        if (more.empty()) return;
        buffer += more;
      }
      Seen seen;
      std::string head = buffer.substr(0, head_end + 2);
      buffer.erase(0, head_end + 4);
      const std::size_t first = head.find("\r\n");
      const std::size_t space = head.find(' ');
      seen.target = head.substr(space + 1, head.find(' ', space + 1) - space - 1);
      for (std::size_t at = first + 2; at < head.size();) {
        const std::size_t end = head.find("\r\n", at);
        const std::size_t colon = head.find(':', at);
        seen.headers.emplace_back(head.substr(at, colon - at), head.substr(colon + 2, end - colon - 2));
        at = end + 2;
      }
      const std::size_t length = std::stoull(find_header(seen.headers, "Content-Length").value_or("0"));
      while (buffer.size() < length) {
        const std::string more = socket.receive(until);
        if (more.empty()) return;
        buffer += more;
      }
      seen.body = buffer.substr(0, length);
      buffer.erase(0, length);
      bool close = false;
      answer_one(seen, socket, close);
      if (close) return;
    }
  } catch (const std::exception&) {
    return;  // a peer that breaks off in the middle of a request is what some tests make
  }
}

void FakeUpstream::answer_one(const Seen& seen, Socket& socket, bool& close) {
  Reply reply(seen, socket);
  Behaviour behaviour = [](Reply& sound) { answer(sound, Tokens{}); };
  {
    const std::scoped_lock lock(mutex_);
    seen_.push_back(seen);
    ++calls_[reply.model()];
    if (const auto found = behaviours_.find(reply.model()); found != behaviours_.end())
      behaviour = found->second;
  }
  changed_.notify_all();
  behaviour(reply);
  close = reply.close;
}

void Gate::open() {
  {
    const std::scoped_lock lock(mutex_);
    open_ = true;
  }
  changed_.notify_all();
}

void Gate::wait() {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, patience, [this] { return open_; });
}

}  // namespace govctl::test
