// Providers that go wrong in every way we know, in all dialects, and clients that leave at any point.
// Afterwards: each call has one usage event, nothing is held, no descriptor is left, memory is where it was,
// the books are sound; a dead provider was never a clean end, and a client's leaving stopped its provider
// within 250 ms.
//   crash_faults [--runs N] [--disconnects N] [--seed S]

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <charconv>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <mutex>
#include <random>
#include <set>
#include <string>
#include <thread>

#include "tests/crash/fault_kinds.h"
#include "tests/functional/harness/daemon.h"
#include "tests/functional/harness/database.h"

using namespace govctl::test;
using Clock = std::chrono::steady_clock;

namespace {

constexpr std::int64_t money = 1'000'000'000'000;
constexpr std::size_t callers = 8;
constexpr auto soon = 250ms;
constexpr std::array dialects{Spoken::chat, Spoken::messages, Spoken::responses};

// What a client speaks, and its provider: the same, or translated.
struct Passage {
  Spoken client, wire;
};
constexpr std::array passages{
    Passage{Spoken::chat, Spoken::chat},           Passage{Spoken::messages, Spoken::messages},
    Passage{Spoken::responses, Spoken::responses}, Passage{Spoken::chat, Spoken::messages},
    Passage{Spoken::messages, Spoken::chat},       Passage{Spoken::responses, Spoken::chat},
    Passage{Spoken::responses, Spoken::messages}};

struct Failure : std::runtime_error {
  using std::runtime_error::runtime_error;
};

struct DialectWords {
  std::string_view name, path, provider, dead_provider;
  std::string_view last, error;  // what a clean end and a broken stream end with
};
const DialectWords& words_of(Spoken dialect) {
  static constexpr std::array words{
      DialectWords{"chat", "/v1/chat/completions", "fake", "fake-dead", "data: [DONE]", R"(data: {"error")"},
      DialectWords{"messages", "/v1/messages", "anthropic-like", "anthropic-dead", "event: message_stop",
                   "event: error"},
      DialectWords{"responses", "/v1/responses", "responses-like", "responses-dead",
                   "event: response.completed", "event: response.failed"}};
  return words.at(static_cast<std::size_t>(dialect));
}

std::string body_of(Spoken dialect, bool streamed, const std::string& provider, const std::string& words) {
  Json body{{"model", provider + "/m"}, {"stream", streamed}};
  if (dialect == Spoken::responses) {
    body["input"] = words;
    body["max_output_tokens"] = 200;
  } else {
    body["messages"] = {{{"role", "user"}, {"content", words}}};
    body["max_tokens"] = 200;
  }
  return body.dump();
}

// What went wrong with the daemon; each is printed as it is seen.
class Tally {
 public:
  void fault(const std::string& what) {
    const std::scoped_lock lock(mutex_);
    if (++faults_ <= 50) fmt::print(stderr, "{}\n", what);
  }
  [[nodiscard]] std::int64_t faults() const { return faults_; }

 private:
  std::mutex mutex_;
  std::atomic<std::int64_t> faults_ = 0;
};

// What the clients know of their calls.
struct Expected {
  std::mutex mutex;
  std::map<std::string, const FaultKind*> calls;  // by request id; null: the client did not see the end
  std::map<std::string, Shown> shown;
};

class Shopfront {
 public:
  explicit Shopfront(std::uint64_t seed)
      : random_(seed), shop_(daemon_, upstream_.base_url(), money), key_(shop_.key.secret) {
    const Json quick{{"first_byte_timeout_ms", 300}, {"idle_timeout_ms", 300}, {"connect_timeout_ms", 1000}};
    daemon_.expect(200, "PATCH", "/providers/fake", quick);
    const auto add = [&](const char* name, const char* kind, bool responses, bool dead) {
      Json fields = quick;
      fields["kind"] = kind;
      fields["responses"] = responses;
      daemon_.provider(name, dead ? "http://127.0.0.1:9/v1" : upstream_.base_url(), fields);
    };
    add("anthropic-like", "anthropic", false, false);
    add("responses-like", "openai", true, false);
    add("fake-dead", "openai", false, true);
    add("anthropic-dead", "anthropic", false, true);
    add("responses-dead", "openai", true, true);
    for (const Spoken dialect : dialects) {
      daemon_.price(std::string(words_of(dialect).provider), "m", "0.001", "0.001");
      daemon_.price(std::string(words_of(dialect).dead_provider), "m", "0.001", "0.001");
    }
    upstream_.on("m", [this](Reply& reply) {
      const std::size_t at = reply.seen.body.find("leave:");
      if (at == std::string::npos) {
        go_wrong(reply);
      } else {
        until_left(reply, std::stoull(reply.seen.body.substr(at + 6, 12)));
      }
    });
  }

  // Every kind in every passage, `times` times; or the large ones alone.
  void faults(std::uint64_t times, bool only_large = false) {
    struct Job {
      const FaultKind* kind;
      Passage passage;
    };
    std::vector<Job> jobs;
    for (std::uint64_t i = 0; i < times; ++i) {
      for (const FaultKind& kind : fault_kinds()) {
        if (only_large && !kind.large) continue;
        for (const Passage& passage : passages) jobs.push_back({&kind, passage});
      }
    }
    std::ranges::shuffle(jobs, random_);
    at_once(jobs.size(), [&](std::size_t i, std::uint64_t) { fault(*jobs[i].kind, jobs[i].passage); });
  }

  // Clients that leave streams at any point.
  void disconnects(std::uint64_t count) {
    at_once(count, [&](std::size_t i, std::uint64_t random) {
      leave(dialects.at(i % dialects.size()), random % 4, random / 4 % 40);
    });
  }

  // The daemon at rest: no call in flight, and no connection of a pool that has died since.
  void rest() {
    const auto until = Clock::now() + patience;
    while (daemon_.reserved("acme") != 0 || daemon_.get("/status")["inflight"] != 0) {
      if (Clock::now() > until) throw Failure("calls stay in flight");
      std::this_thread::sleep_for(5ms);
    }
    for (unsigned i = 0; i < 2 * std::thread::hardware_concurrency(); ++i) {
      for (const Spoken dialect : dialects) sound_call(dialect);
    }
  }
  [[nodiscard]] std::int64_t descriptors() const {
    std::int64_t lowest = 1'000'000;
    // A client's leaving is seen a moment later.
    for (int i = 0; i < 100; ++i) {
      const std::filesystem::directory_iterator all("/proc/" + std::to_string(daemon_.pid()) + "/fd");
      lowest = std::min<std::int64_t>(lowest, std::distance(begin(all), end(all)));
      std::this_thread::sleep_for(5ms);
    }
    return lowest;
  }
  // At rest. What was freed goes back to the system a little later, while there is something to do.
  std::int64_t resident_bytes() {
    std::int64_t lowest = resident_now();
    for (int i = 0; i < 20; ++i) {
      for (const Spoken dialect : dialects) sound_call(dialect);
      std::this_thread::sleep_for(50ms);
      lowest = std::min(lowest, resident_now());
    }
    return lowest;
  }

  // One event a call, nothing held, sound books.
  void check_books() {
    daemon_.get("/usage/history/acme?limit=1");  // what the calls recorded is rows now
    if (daemon_.reserved("acme") != 0) tally.fault("something is still held");
    if (const Json proof = daemon_.verify(); proof["ok"] != true) tally.fault("verify: " + proof.dump());
    Database database(daemon_.org_file("acme"));
    std::map<std::string, int> seen;
    for (const auto& row :
         database.rows("SELECT request_id, status, flags, credits_charged FROM usage_events")) {
      const std::string& hex = row[0];
      const std::string id = fmt::format("req_{}-{}-{}-{}-{}", hex.substr(0, 8), hex.substr(8, 4),
                                         hex.substr(12, 4), hex.substr(16, 4), hex.substr(20));
      ++seen[id];
      check_event(id, row[1], row[2], row[3]);
    }
    if (seen.size() != static_cast<std::size_t>(calls)) {
      tally.fault(fmt::format("{} calls have {} events", calls.load(), seen.size()));
    }
    for (const auto& [id, kind] : expected_.calls) {
      if (!seen.contains(id)) tally.fault("no event of " + id);
    }
    const auto open = database.one("SELECT count(*) FROM reservations");
    if (open != "0") tally.fault(open + " reservations are open");
  }
  void stop() {
    if (daemon_.stop() != 0) throw Failure("the daemon did not end with 0");
    if (daemon_.verify_files().exit_code != 0) throw Failure("govd verify finds a fault on the stopped files");
  }

  Tally tally;
  std::atomic<std::int64_t> calls = 0;
  std::atomic<std::int64_t> latest_us = 0;  // the longest that a provider was left running, of those measured
  std::atomic<std::int64_t> measured = 0;

 private:
  [[nodiscard]] std::int64_t resident_now() const {
    std::ifstream file("/proc/" + std::to_string(daemon_.pid()) + "/statm");
    std::int64_t size = 0;
    std::int64_t resident = 0;
    file >> size >> resident;
    return resident * ::sysconf(_SC_PAGESIZE);
  }

  template <class Work>
  void at_once(std::size_t count, Work work) {
    std::atomic<std::size_t> next = 0;
    std::vector<std::thread> threads;
    for (std::size_t t = 0; t < callers; ++t) {
      threads.emplace_back([&, random = std::mt19937_64(random_())]() mutable {
        for (std::size_t i = next++; i < count; i = next++) {
          try {
            work(i, random());
          } catch (const std::exception& broken) {
            tally.fault(broken.what());
          }
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
  }

  HttpClient send(Spoken dialect, const std::string& body) {
    HttpClient client(daemon_.gateway());
    client.send("POST", words_of(dialect).path, body, {{"x-api-key", key_}});
    ++calls;
    return client;
  }
  void sound_call(Spoken dialect) {
    const DialectWords& words = words_of(dialect);
    HttpClient client = send(dialect, body_of(dialect, false, std::string(words.provider), "hello"));
    if (const Answer answer = client.answer(); answer.status != 200) {
      throw Failure("a sound call got " + answer.body);
    }
  }

  void fault(const FaultKind& kind, const Passage& passage) {
    const DialectWords& words = words_of(passage.client);
    const DialectWords& wire = words_of(passage.wire);
    const std::string where = fmt::format("{}, {} at {}", kind.name, words.name, wire.provider);
    const std::string provider(kind.act == nullptr ? wire.dead_provider : wire.provider);
    HttpClient client = send(
        passage.client, body_of(passage.client, kind.streamed, provider, "fault:" + std::string(kind.name)));
    Answer answer;
    try {
      answer = client.answer();
    } catch (const WireError& broken) {
      throw Failure(fmt::format("{}: the client was left without an end: {}", where, broken.what()));
    }
    const bool stream = answer.header("content-type").contains("event-stream");
    const bool whole = answer.status == 200 && (!stream || answer.body.contains(words.last));
    const bool told = answer.status >= 400 || answer.body.contains(words.error);
    const bool expected_whole = kind.shown(passage.wire) == Shown::whole;
    if (whole != expected_whole || told == whole) {
      tally.fault(
          fmt::format("{}: a client was told {}: {}", where, answer.status, answer.body.substr(0, 2000)));
    }
    const std::scoped_lock lock(expected_.mutex);
    expected_.calls[answer.header("x-request-id")] = &kind;
    expected_.shown[answer.header("x-request-id")] = kind.shown(passage.wire);
  }

  void check_event(const std::string& id, const std::string& status, const std::string& flags,
                   const std::string& credits) {
    const auto found = expected_.calls.find(id);
    if (found == expected_.calls.end()) return;
    const FaultKind& kind = *found->second;
    if ((status == "SUCCESS") != (expected_.shown.at(id) == Shown::whole)) {
      tally.fault(fmt::format("{}: its event says {}", kind.name, status));
    }
    // 30 tokens in, 12 out, a credit for each, however they were said.
    if (status == "SUCCESS" && !kind.absurd && credits != "42") {
      tally.fault(fmt::format("{}: {} credits were charged", kind.name, credits));
    }
    if (kind.absurd && flags.find("absurd_usage") == std::string::npos) {
      tally.fault(fmt::format("{}: its event is flagged {}", kind.name, flags));
    }
  }

  // Words until the client has left.
  void until_left(Reply& reply, std::uint64_t call) {
    reply.close = true;
    bool begun = false;
    const auto pause = std::chrono::milliseconds(call % 3 == 0 ? 2000 : 1);  // some say little
    const auto until = Clock::now() + patience;
    auto next = Clock::now() + std::chrono::milliseconds(call % 7 * 5);
    while (Clock::now() < until && !reply.client_gone()) {
      if (Clock::now() >= next) {
        if (!std::exchange(begun, true)) {
          reply.raw("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n");
        }
        if (!reply.raw("8\r\n: word\n\n\r\n")) break;
        next = Clock::now() + pause;
      }
      std::this_thread::sleep_for(1ms);
    }
    const std::scoped_lock lock(expected_.mutex);
    stopped_[call] = Clock::now();
  }

  void leave(Spoken dialect, std::uint64_t point, std::uint64_t more) {
    const std::uint64_t call = next_call_++;
    const DialectWords& words = words_of(dialect);
    HttpClient client =
        send(dialect, body_of(dialect, true, std::string(words.provider), fmt::format("leave:{:012}", call)));
    // Before anything came, at once or after a while; after the head; after some words.
    if (point == 1) std::this_thread::sleep_for(std::chrono::milliseconds(more));
    if (point >= 2) client.head();
    for (std::uint64_t i = 0; point == 3 && i < more / 4; ++i) client.piece();
    const auto left = Clock::now();
    client.leave();
    // A client that leaves at once may have done so before its provider was asked.
    const auto until = left + (point == 0 ? 1s : std::chrono::duration_cast<std::chrono::seconds>(patience));
    while (Clock::now() < until) {
      {
        const std::scoped_lock lock(expected_.mutex);
        if (const auto found = stopped_.find(call); found != stopped_.end()) {
          const auto took = std::chrono::duration_cast<std::chrono::microseconds>(found->second - left).count();
          std::int64_t before = latest_us;
          while (before < took && !latest_us.compare_exchange_weak(before, took)) continue;
          ++measured;
          if (found->second - left > soon) tally.fault(fmt::format("a provider was stopped after {} us", took));
          return;
        }
      }
      std::this_thread::sleep_for(1ms);
    }
    if (point != 0) tally.fault("a provider was never stopped");
  }

  std::mt19937_64 random_;
  std::atomic<std::uint64_t> next_call_ = 1;
  Expected expected_;
  std::map<std::uint64_t, Clock::time_point> stopped_;
  FakeUpstream upstream_;
  // Most of its calls fail: with circuits most would not be made.
  TestDaemon daemon_{Options{.flags = {"--circuit-failures", "0"}}};
  Shop shop_;
  std::string key_;
};

void run_all(std::uint64_t runs, std::uint64_t disconnects, std::uint64_t seed) {
  Shopfront shop(seed);
  // Until memory has seen the worst of everything, it may grow: how much was large at once is chance.
  shop.faults(1);
  shop.disconnects(16);
  // A long run fills SQLite's page cache (16 MiB a file) in its first half.
  const std::uint64_t before = runs / 2;
  shop.faults(before);
  std::int64_t resident = 0;
  for (int round = 0; round < 2; ++round) {
    shop.faults(1, true);
    shop.rest();
    resident = std::max(resident, shop.resident_bytes());
  }
  const std::int64_t descriptors = shop.descriptors();
  shop.faults(runs - before);
  shop.disconnects(disconnects);
  shop.rest();
  const std::int64_t left_open = shop.descriptors() - descriptors;
  const std::int64_t grown = shop.resident_bytes() - resident;
  if (left_open > 0) shop.tally.fault(fmt::format("{} descriptors are left", left_open));
  if (grown > std::max<std::int64_t>(resident / 20, 2'000'000)) {
    shop.tally.fault(fmt::format("memory grew from {} by {} bytes", resident, grown));
  }
  shop.check_books();
  shop.stop();
  fmt::print(
      "{} kinds of fault, {} calls, {} clients left, providers stopped after {} ms at most; memory {} + {} "
      "bytes; seed {}\n",
      fault_kinds().size(), shop.calls.load(), shop.measured.load(), shop.latest_us / 1000, resident, grown,
      seed);
  fmt::print("{} runs, {} faults\n", runs, shop.tally.faults());
  if (shop.tally.faults() > 0) throw Failure("the daemon did not take it well");
}

std::uint64_t number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) throw Failure("not a number");
  return value;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    // What is measured is what the daemon keeps, not what its allocator has not given back yet.
    ::setenv("MIMALLOC_DECOMMIT_DELAY", "0", 1);
    std::uint64_t runs = 1;
    std::uint64_t disconnects = 50;
    std::uint64_t seed = std::random_device{}();
    for (int i = 1; i + 1 < argc; i += 2) {
      const std::string_view flag = argv[i];
      if (flag == "--runs") runs = number(argv[i + 1]);
      if (flag == "--disconnects") disconnects = number(argv[i + 1]);
      if (flag == "--seed") seed = number(argv[i + 1]);
    }
    run_all(runs, disconnects, seed);
    return 0;
  } catch (const std::exception& failure) {
    fmt::print(stderr, "crash_faults: {}\n", failure.what());
    return 1;
  }
}
