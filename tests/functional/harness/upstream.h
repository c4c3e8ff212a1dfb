#pragma once
// A provider for tests: a server of its own on a free port that speaks OpenAI chat and does what a test tells
// it, down to the bytes. Every connection has a thread; all end with the FakeUpstream.

#include <atomic>
#include <condition_variable>
#include <functional>
#include <list>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "tests/functional/harness/http.h"

namespace govctl::test {

// What the upstream says it used. `reported` false: it says nothing.
struct Tokens {
  std::int64_t prompt = 100, completion = 20, cached = 0, reasoning = 0;
  bool reported = true;
  [[nodiscard]] Json json() const;
};

// One request as it came in.
struct Seen {
  std::string target;
  Headers headers;
  std::string body;
};

// A request being answered.
class Reply {
 public:
  Reply(const Seen& seen, const Socket& socket)
      : seen(seen), request(seen.body.empty() ? Json::object() : Json::parse(seen.body)), socket_(socket) {}
  const Seen& seen;
  const Json request;

  bool raw(std::string_view bytes);  // false: the client is gone
  void json(int status, const Json& body, const Headers& headers = {});
  void begin_stream();
  bool event(std::string_view data);
  bool event(std::string_view name, const Json& data);  // with its name, as Anthropic and the responses API do
  bool chunk(const Json& json) { return event(json.dump()); }
  bool text(std::string_view delta);
  void end_stream();        // the chunked body's end
  void half_close() const;  // nothing more is said, and what comes is still read
  void reset();             // the connection ends with an RST instead of a proper close
  [[nodiscard]] bool client_gone() const { return socket_.peer_closed(); }
  // Says nothing more; true when the client left before the deadline.
  bool wait_until_gone() const;
  [[nodiscard]] bool wants_stream() const { return request.value("stream", false); }
  [[nodiscard]] bool wants_usage() const;
  [[nodiscard]] std::string model() const { return request.value("model", ""); }
  // The connection is closed after this answer.
  bool close = false;

 private:
  const Socket& socket_;
};

class FakeUpstream {
 public:
  using Behaviour = std::function<void(Reply&)>;

  FakeUpstream();
  ~FakeUpstream();
  FakeUpstream(const FakeUpstream&) = delete;
  FakeUpstream& operator=(const FakeUpstream&) = delete;

  [[nodiscard]] std::string base_url() const;
  // What is done for a model; without one, answer() with Tokens{}.
  void on(const std::string& model, Behaviour behaviour);
  void uses(const std::string& model, Tokens tokens);
  [[nodiscard]] std::size_t calls() const;
  [[nodiscard]] std::size_t calls(std::string_view model) const;
  [[nodiscard]] std::vector<Seen> seen() const;
  [[nodiscard]] Seen last() const;
  // True when `model` was called `count` times before the deadline.
  [[nodiscard]] bool reached(std::string_view model, std::size_t count) const;

 private:
  void accept();
  void reap();
  void serve(Socket& socket);
  void answer_one(const Seen& seen, Socket& socket, bool& close);

  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  std::map<std::string, Behaviour> behaviours_;
  std::vector<Seen> seen_;
  std::map<std::string, std::size_t, std::less<>> calls_;
  Socket listener_;
  std::uint16_t port_ = 0;
  std::atomic<bool> ending_ = false;
  struct Connection {
    Socket socket;  // closed under the mutex
    std::thread thread;
    bool over = false;
  };
  std::list<Connection> connections_;
  std::thread acceptor_;
};

constexpr std::string_view answer_text = "The quick brown fox jumps over the lazy dog.";

// A sound answer, streamed or not as it was asked for.
void answer(Reply& reply, const Tokens& tokens);

// Holds back whoever waits until a test opens it.
class Gate {
 public:
  void open();
  void wait();  // until opened; at most `patience`

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool open_ = false;
};

}  // namespace govctl::test
