#include "tests/crash/traffic.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <boost/asio.hpp>
#include <charconv>
#include <deque>
#include <future>
#include <random>
#include <thread>

#include "tests/crash/arguments.h"

namespace govctl::test {

namespace asio = boost::asio;
using asio::ip::tcp;

namespace {

constexpr auto no_throw = asio::as_tuple(asio::use_awaitable);
constexpr int words = 4;
constexpr auto patience = std::chrono::seconds(60);

std::string event(std::string_view json) {
  const std::string bytes = fmt::format("data: {}\n\n", json);
  return fmt::format("{:x}\r\n{}\r\n", bytes.size(), bytes);
}

std::string used() {
  return fmt::format(R"("usage":{{"prompt_tokens":{},"completion_tokens":{},"total_tokens":{}}})",
                     Traffic::prompt_tokens, Traffic::completion_tokens,
                     Traffic::prompt_tokens + Traffic::completion_tokens);
}

// What the provider says, made once.
struct Script {
  std::string stream_head =
      "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
  std::string word =
      event(R"({"id":"c","choices":[{"index":0,"delta":{"content":"word "},"finish_reason":null}]})");
  std::string end = event(R"({"id":"c","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]})") +
                    event(fmt::format(R"({{"id":"c","choices":[],{}}})", used())) + event("[DONE]") +
                    "0\r\n\r\n";
  std::string whole = [] {
    const std::string body = fmt::format(
        R"({{"id":"c","choices":[{{"index":0,"message":{{"role":"assistant","content":"words"}},"finish_reason":"stop"}}],{}}})",
        used());
    return fmt::format("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{}",
                       body.size(), body);
  }();
};

// The value of a header in the head of a message; empty when it is not there.
std::string_view header(std::string_view head, std::string_view name) {
  const auto same = [](char a, char b) { return std::tolower(a) == std::tolower(b); };
  const std::string start = fmt::format("\r\n{}:", name);
  const auto found = std::search(head.begin(), head.end(), start.begin(), start.end(), same);
  if (found == head.end()) return {};
  const std::size_t at = static_cast<std::size_t>(found - head.begin()) + start.size();
  const std::string_view value = head.substr(at, head.find("\r\n", at) - at);
  return value.substr(std::min(value.find_first_not_of(' '), value.size()));
}

std::size_t whole_number(std::string_view text, int base) {
  std::size_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value, base);
  return value;
}

// One side of a connection: bytes that came and are not used yet.
struct Wire {
  tcp::socket socket;
  std::string buffer;

  // A message's head with its empty line, or empty when the peer is gone.
  asio::awaitable<std::string> head() {
    const auto [error, size] =
        co_await asio::async_read_until(socket, asio::dynamic_buffer(buffer), "\r\n\r\n", no_throw);
    co_return error ? std::string{} : take(size);
  }
  asio::awaitable<bool> have(std::size_t bytes) {
    if (buffer.size() >= bytes) co_return true;
    const auto [error, size] = co_await asio::async_read(
        socket, asio::dynamic_buffer(buffer), asio::transfer_at_least(bytes - buffer.size()), no_throw);
    co_return !error;
  }
  asio::awaitable<bool> say(const std::string& bytes) {
    const auto [error, size] = co_await asio::async_write(socket, asio::buffer(bytes), no_throw);
    co_return !error;
  }
  std::string take(std::size_t bytes) {
    std::string taken = buffer.substr(0, bytes);
    buffer.erase(0, bytes);
    return taken;
  }
};

// The body of an answer with such a head; what came of it when the connection ends.
asio::awaitable<bool> read_body(Wire& wire, std::string_view head, std::string& body) {
  if (const std::string_view length = header(head, "Content-Length"); !length.empty()) {
    const std::size_t size = whole_number(length, 10);
    if (!co_await wire.have(size)) co_return false;
    body = wire.take(size);
    co_return true;
  }
  while (true) {
    const auto [error, line] =
        co_await asio::async_read_until(wire.socket, asio::dynamic_buffer(wire.buffer), "\r\n", no_throw);
    if (error) co_return false;
    const std::size_t size = whole_number(wire.take(line), 16);
    if (!co_await wire.have(size + 2)) co_return false;
    body += wire.take(size);
    wire.take(2);
    if (size == 0) co_return true;
  }
}

}  // namespace

struct Traffic::State {
  explicit State(std::uint64_t seed) : random(seed), listener(context, {asio::ip::address_v4::loopback(), 0}) {
    asio::co_spawn(context, accept(), asio::detached);
    thread = std::thread([this] { context.run(); });
  }
  ~State() {
    context.stop();
    thread.join();
  }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  // --- the provider
  asio::awaitable<void> accept() {
    while (true) {
      auto [error, socket] = co_await listener.async_accept(no_throw);
      if (error) co_return;
      socket.set_option(tcp::no_delay(true));
      asio::co_spawn(context, serve(Wire{std::move(socket), {}}), asio::detached);
    }
  }
  asio::awaitable<void> serve(Wire wire) {
    while (true) {
      const std::string head = co_await wire.head();
      const std::size_t size = whole_number(header(head, "Content-Length"), 10);
      if (head.empty() || !co_await wire.have(size)) co_return;
      const std::string body = wire.take(size);
      ++seen;
      if (seen == wanted) gate.cancel();
      if (seen < wanted) co_await gate.async_wait(no_throw);
      const bool streamed = body.contains(R"("stream":true)");
      if (!co_await (streamed ? stream(wire) : wire.say(script.whole))) co_return;
    }
  }
  asio::awaitable<bool> stream(Wire& wire) {
    if (!co_await wire.say(script.stream_head)) co_return false;
    asio::steady_timer pause(context);
    for (int word = 0; word < words; ++word) {
      if (!co_await wire.say(script.word)) co_return false;
      pause.expires_after(std::chrono::microseconds(1'000 + random() % 11'000));
      co_await pause.async_wait(no_throw);
    }
    co_return co_await wire.say(script.end);
  }

  // --- the clients
  asio::awaitable<void> keep_calling(tcp::endpoint gateway, std::shared_ptr<const std::string> request,
                                     std::size_t most) {
    Wire wire{tcp::socket(context), {}};
    const auto [refused] = co_await wire.socket.async_connect(gateway, no_throw);
    if (refused) co_return;
    wire.socket.set_option(tcp::no_delay(true));
    for (std::size_t i = 0; most == 0 || i < most; ++i) {
      Call& call = calls.emplace_back();
      if (!co_await wire.say(*request) || !co_await hear(wire, call)) co_return;
    }
  }
  // False: the connection has ended.
  static asio::awaitable<bool> hear(Wire& wire, Call& call) {
    const std::string head = co_await wire.head();
    if (head.empty()) co_return false;
    call.status = static_cast<int>(whole_number(std::string_view(head).substr(9, 3), 10));
    call.request = header(head, "x-request-id");
    std::string body;
    const bool whole = co_await read_body(wire, head, body);
    const bool streamed = header(head, "Content-Type").starts_with("text/event-stream");
    call.ended = streamed ? body.contains("data: [DONE]") : whole;
    co_return whole&& header(head, "Connection") != "close";
  }
  void client_left(const std::exception_ptr& fault) {
    if (fault) std::rethrow_exception(fault);
    if (--calling == 0) all_left.set_value();
  }

  asio::io_context context{1};
  std::mt19937_64 random;
  Script script;
  tcp::acceptor listener;
  asio::steady_timer gate{context, asio::steady_timer::time_point::max()};
  std::atomic<std::size_t> wanted = 0, seen = 0;
  std::deque<Call> calls;  // its elements stay where they are
  std::size_t calling = 0;
  std::promise<void> all_left;
  std::thread thread;
};

Traffic::Traffic(std::uint64_t seed) : state_(std::make_unique<State>(seed)) {}
Traffic::~Traffic() = default;

std::string Traffic::provider_url() const {
  return fmt::format("http://127.0.0.1:{}/v1", state_->listener.local_endpoint().port());
}

void Traffic::gather(std::size_t requests) {
  state_->wanted = requests;
  state_->seen = 0;
}

std::size_t Traffic::seen() const { return state_->seen; }

void Traffic::start(const std::string& gateway, const std::string& key, const std::string& model,
                    const Load& load) {
  const auto port =
      static_cast<std::uint16_t>(whole_number(std::string_view(gateway).substr(gateway.rfind(':') + 1), 10));
  const tcp::endpoint endpoint(asio::ip::address_v4::loopback(), port);
  const auto request = [&](bool stream) {
    const std::string body = fmt::format(
        R"({{"model":"{}","max_tokens":200,"messages":[{{"role":"user","content":"Say something."}}],"stream":{}}})",
        model, stream);
    return std::make_shared<const std::string>(
        fmt::format("POST /v1/chat/completions HTTP/1.1\r\nHost: govd\r\nContent-Type: application/json\r\n"
                    "Authorization: Bearer {}\r\nContent-Length: {}\r\n\r\n{}",
                    key, body.size(), body));
  };
  state_->all_left = {};
  asio::post(state_->context, [this, endpoint, load, streamed = request(true), whole = request(false)] {
    state_->calling = load.streams + load.others;
    for (std::size_t i = 0; i < load.streams + load.others; ++i) {
      asio::co_spawn(state_->context,
                     state_->keep_calling(endpoint, i < load.streams ? streamed : whole, load.calls),
                     [this](const std::exception_ptr& fault) { state_->client_left(fault); });
    }
  });
}

std::vector<Call> Traffic::finish() {
  if (state_->all_left.get_future().wait_for(patience) != std::future_status::ready) {
    throw Failure("a client still calls");
  }
  std::vector<Call> calls(std::move_iterator(state_->calls.begin()), std::move_iterator(state_->calls.end()));
  state_->calls.clear();
  return calls;
}

}  // namespace govctl::test
