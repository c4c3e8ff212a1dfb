// Kills govd with SIGKILL in the middle of many calls, starts it again on its files, and counts: of the calls
// whose end their client saw, how many are not charged (lost) or not exactly once (double); how many
// reservations stay open.
//   crash_kill [--rounds N] [--seed S]

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <charconv>
#include <filesystem>
#include <map>
#include <mutex>
#include <random>
#include <set>
#include <string>
#include <thread>

#include "tests/functional/harness/daemon.h"
#include "tests/functional/harness/database.h"
#include "tests/functional/harness/upstream.h"

using namespace govctl::test;

namespace {

constexpr std::int64_t money = 1'000'000'000;
constexpr std::size_t streams = 64, others = 16;  // clients at once
constexpr Tokens used{.prompt = 30, .completion = 12};
constexpr std::int64_t charge = 42;  // a credit for each token
const std::string reason = "daemon stopped while the call was in flight";

struct Failure : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// What the clients saw the end of.
struct Acknowledged {
  std::mutex mutex;
  std::set<std::string> calls;
  std::atomic<std::int64_t> broken = 0;

  void add(const std::string& request_id) {
    const std::scoped_lock lock(mutex);
    calls.insert(request_id);
  }
};

// Calls until the daemon is gone.
void keep_calling(const std::string& gateway, const std::string& key, bool streamed,
                  Acknowledged& acknowledged) {
  Json body = request("fake/m", 200);
  body["stream"] = streamed;
  const std::string text = body.dump();
  try {
    HttpClient client(gateway);
    while (true) {
      client.send("POST", "/v1/chat/completions", text, {{"Authorization", "Bearer " + key}});
      std::string request_id;
      if (streamed) {
        const Stream stream = read_stream(client);
        if (stream.status != 200) throw Failure("a stream was refused: " + stream.error_body);
        request_id = find_header(stream.headers, "x-request-id").value_or("");
        if (!stream.done) throw WireError("cut");
        acknowledged.add(request_id);
        if (stream.broken) throw WireError("cut");
      } else {
        const Answer answer = client.answer();
        if (answer.status != 200) throw Failure("a call was refused: " + answer.body);
        acknowledged.add(answer.header("x-request-id"));
      }
    }
  } catch (const WireError&) {
    ++acknowledged.broken;
  }
}

// The org's rows in a copy of its files, so that looking changes nothing.
struct Books {
  std::map<std::string, std::vector<std::string>> events;  // request id: status, credits, error message
  std::map<std::string, int> event_count, entry_count;
  std::map<std::string, std::int64_t> amount;
  std::map<std::string, std::int64_t> open;  // reservations: request id, credits
  std::int64_t sum = 0;
};

std::string printed(const std::string& hex) {
  return fmt::format("req_{}-{}-{}-{}-{}", hex.substr(0, 8), hex.substr(8, 4), hex.substr(12, 4),
                     hex.substr(16, 4), hex.substr(20));
}

Books read_books(const std::string& org_file) {
  namespace fs = std::filesystem;
  const Directory directory;
  const std::string copy = directory.path() + "/copy.db";
  fs::copy_file(org_file, copy);
  if (fs::exists(org_file + "-wal")) fs::copy_file(org_file + "-wal", copy + "-wal");
  Database database(copy);
  Books books;
  for (const auto& row :
       database.rows("SELECT request_id, status, credits_charged, error_message FROM usage_events")) {
    const std::string id = printed(row[0]);
    ++books.event_count[id];
    books.events[id] = {row[1], row[2], row[3]};
  }
  for (const auto& row :
       database.rows("SELECT request_id, amount FROM ledger WHERE type = 'USAGE_DEDUCTION'")) {
    const std::string id = printed(row[0]);
    ++books.entry_count[id];
    books.amount[id] += std::stoll(row[1]);
  }
  for (const auto& row : database.rows("SELECT request_id, reserved FROM reservations")) {
    books.open[printed(row[0])] = std::stoll(row[1]);
  }
  books.sum = std::stoll(database.one("SELECT sum(amount) FROM ledger"));
  return books;
}

struct Tally {
  std::int64_t answered = 0, recovered = 0, lost = 0, twice = 0, open = 0;
};

// What must hold after a restart, for every call there ever was.
void check(TestDaemon& daemon, const std::string& org_file, const std::set<std::string>& answered,
           const std::map<std::string, std::int64_t>& were_open, Tally& tally) {
  const Books books = read_books(org_file);
  for (const std::string& id : answered) {
    const auto count = [&](const std::map<std::string, int>& of) {
      const auto found = of.find(id);
      return found == of.end() ? 0 : found->second;
    };
    if (count(books.event_count) == 0 || count(books.entry_count) == 0) {
      ++tally.lost;
      fmt::print(stderr, "lost: {}\n", id);
      continue;
    }
    if (count(books.event_count) > 1 || count(books.entry_count) > 1 || books.amount.at(id) != -charge ||
        books.events.at(id)[0] != "SUCCESS") {
      ++tally.twice;
      fmt::print(stderr, "not once: {} {} {}\n", id, books.events.at(id)[0], books.amount.at(id));
    }
  }
  tally.open += static_cast<std::int64_t>(books.open.size());
  std::int64_t spent = 0;
  for (const auto& [id, event] : books.events) {
    const std::int64_t credits = std::stoll(event[1]);
    spent += credits;
    const auto entry = books.amount.find(id);
    if ((entry == books.amount.end() ? 0 : -entry->second) != credits) {
      throw Failure("event and entry of " + id + " differ");
    }
  }
  if (books.sum != money - spent) throw Failure("the ledger's sum is not what the events say");
  for (const auto& [id, reserved] : were_open) {
    const auto event = books.events.find(id);
    if (event == books.events.end()) throw Failure("an open reservation came to nothing: " + id);
    // Its end may have been promised in the journal already; else it is settled at its hold.
    const bool ended = event->second[0] == "SUCCESS" && std::stoll(event->second[1]) == charge;
    const bool recovered =
        event->second[0] == "ERROR" && std::stoll(event->second[1]) == reserved && event->second[2] == reason;
    if (!ended && !recovered) {
      throw Failure(
          fmt::format("an open reservation of {} was settled neither at its end nor at its hold: {} {} {}",
                      reserved, event->second[0], event->second[1], event->second[2]));
    }
  }
  const Json balance = daemon.get("/orgs/acme/balance");
  if (balance["balance"] != books.sum) throw Failure("memory and ledger differ: " + balance.dump());
  if (balance["reserved"] != 0) throw Failure("something is still held: " + balance.dump());
  const Json budget = daemon.get("/budgets")["items"][0];
  if (budget["spent"] != spent || budget["held"] != 0)
    throw Failure("the budget's figures are off: " + budget.dump());
  if (const Json proof = daemon.verify(); proof["ok"] != true) throw Failure("verify: " + proof.dump());
}

void run_rounds(int rounds, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  FakeUpstream upstream;
  upstream.on("m", [](Reply& reply) {
    if (!reply.wants_stream()) {
      answer(reply, used);
      return;
    }
    reply.begin_stream();
    for (int word = 0; word < 5; ++word) {
      if (!reply.text("word ")) return;
      std::this_thread::sleep_for(3ms);
    }
    reply.chunk(
        Json{{"id", "c"}, {"choices", {{{"index", 0}, {"delta", Json::object()}, {"finish_reason", "stop"}}}}});
    reply.chunk(Json{{"id", "c"}, {"choices", Json::array()}, {"usage", used.json()}});
    reply.event("[DONE]");
    reply.end_stream();
  });
  TestDaemon daemon;
  const Shop shop(daemon, upstream.base_url(), money);
  daemon.price("fake", "m", "0.001", "0.001");
  daemon.budget(Shop::workspace, money);
  const std::string org_file = daemon.org_file("acme");

  Acknowledged acknowledged;
  Tally tally;
  for (int round = 0; round < rounds; ++round) {
    const auto pause = std::chrono::milliseconds(20 + random() % 400);
    const std::string gateway = daemon.gateway();
    std::exception_ptr fault;
    std::mutex fault_mutex;
    std::vector<std::thread> threads;
    threads.reserve(streams + others);
    for (std::size_t i = 0; i < streams + others; ++i) {
      threads.emplace_back([&, streamed = i < streams] {
        try {
          keep_calling(gateway, shop.key.secret, streamed, acknowledged);
        } catch (...) {
          const std::scoped_lock lock(fault_mutex);
          fault = std::current_exception();
        }
      });
    }
    std::this_thread::sleep_for(pause);
    daemon.kill();
    for (std::thread& thread : threads) thread.join();
    if (fault) std::rethrow_exception(fault);
    const Books before = read_books(org_file);
    daemon.start();
    check(daemon, org_file, acknowledged.calls, before.open, tally);
    tally.recovered += static_cast<std::int64_t>(before.open.size());
  }
  tally.answered = static_cast<std::int64_t>(acknowledged.calls.size());
  if (tally.answered == 0 || tally.recovered == 0)
    throw Failure("nothing was in flight: this run shows nothing");
  if (daemon.stop() != 0) throw Failure("the daemon did not end with 0");
  if (daemon.verify_files().exit_code != 0) throw Failure("govd verify finds a fault on the stopped files");
  fmt::print("{} calls answered, {} open reservations settled, seed {}\n", tally.answered, tally.recovered,
             seed);
  fmt::print("{} runs, {} lost, {} double, {} open\n", rounds, tally.lost, tally.twice, tally.open);
  if (tally.lost + tally.twice + tally.open > 0) throw Failure("charges were lost, doubled or left open");
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
    std::uint64_t rounds = 10;
    std::uint64_t seed = std::random_device{}();
    for (int i = 1; i + 1 < argc; i += 2) {
      const std::string_view flag = argv[i];
      if (flag == "--rounds") rounds = number(argv[i + 1]);
      if (flag == "--seed") seed = number(argv[i + 1]);
    }
    run_rounds(static_cast<int>(rounds), seed);
    return 0;
  } catch (const std::exception& failure) {
    fmt::print(stderr, "crash_kill: {}\n", failure.what());
    return 1;
  }
}
