// Kills govd with SIGKILL in the middle of many calls, starts it again on its files, and counts: of the calls
// whose end their client saw, how many are not charged (lost) or not exactly once (double); how many
// reservations stay open.
//   crash_kill [--runs N] [--seed S] [--state-dir DIR]
// One run is one kill. After each, what is new in the file is read and held against what the clients saw, and
// the daemon's figures against the file; every `verified_every` runs the whole file is read and proved again.
// Every `runs_of_a_shop` runs the daemon is stopped, its files are proved at rest, and it begins anew with an
// empty state, so that the last run costs what the first one does.

#include <fmt/format.h>

#include <chrono>
#include <filesystem>
#include <random>
#include <thread>

#include "tests/crash/arguments.h"
#include "tests/crash/books.h"
#include "tests/crash/traffic.h"
#include "tests/functional/harness/daemon.h"

using namespace govctl::test;

namespace {

using Steady = std::chrono::steady_clock;

constexpr std::int64_t money = 1'000'000'000;
// A credit for each token.
constexpr std::int64_t charge = Traffic::prompt_tokens + Traffic::completion_tokens;
constexpr std::uint64_t verified_every = 25, runs_of_a_shop = 250;
constexpr std::uint64_t longest_load_ms = 100;

// What the runs took, of each thing they do.
struct Times {
  std::chrono::duration<double, std::milli> load{}, kill{}, look{}, start{}, check{}, verify{};
};

class Timed {
 public:
  explicit Timed(std::chrono::duration<double, std::milli>& sum) : sum_(sum) {}
  ~Timed() { sum_ += Steady::now() - began_; }
  Timed(const Timed&) = delete;
  Timed& operator=(const Timed&) = delete;

 private:
  std::chrono::duration<double, std::milli>& sum_;
  Steady::time_point began_ = Steady::now();
};

// What must hold when it has started again.
void check_figures(TestDaemon& daemon, const Auditor& auditor) {
  const Json balance = daemon.get("/orgs/acme/balance");
  if (balance["balance"] != auditor.balance()) throw Failure("memory and ledger differ: " + balance.dump());
  if (balance["reserved"] != 0) throw Failure("something is still held: " + balance.dump());
  const Json budget = daemon.get("/budgets")["items"][0];
  if (budget["spent"] != auditor.spent() || budget["held"] != 0) {
    throw Failure("the budget's figures are off: " + budget.dump());
  }
}

void verify(TestDaemon& daemon, Auditor& auditor) {
  auditor.check_again();
  if (const Json proof = daemon.verify(); proof["ok"] != true) throw Failure("verify: " + proof.dump());
}

// One life of an organization: `runs` kills.
void kill_again_and_again(std::uint64_t runs, std::mt19937_64& random, const std::string& state_dir,
                          Tally& tally, Times& times) {
  Traffic traffic(random());
  TestDaemon daemon({.flags = {}, .state_dir = state_dir});
  const Shop shop(daemon, traffic.provider_url(), money);
  daemon.price("fake", "m", "0.001", "0.001");
  daemon.budget(Shop::workspace, money);
  const std::string org_file = daemon.org_file("acme");
  Auditor auditor(org_file, money, charge);
  for (std::uint64_t run = 1; run <= runs; ++run) {
    const auto pause = std::chrono::microseconds(random() % (longest_load_ms * 1'000));
    std::vector<Call> calls;
    {
      const Timed timed(times.load);
      traffic.start(daemon.gateway(), shop.key.secret, "fake/m", {});
      std::this_thread::sleep_for(pause);
    }
    {
      const Timed timed(times.kill);
      daemon.kill();
      calls = traffic.finish();
    }
    for (const Call& call : calls) {
      if (call.status != 0 && call.status != 200) throw Failure(fmt::format("a call gave {}", call.status));
    }
    std::map<std::string, std::int64_t> held;
    {
      const Timed timed(times.look);
      held = open_reservations(org_file);
    }
    {
      const Timed timed(times.start);
      daemon.start();
    }
    {
      const Timed timed(times.check);
      auditor.check(calls, held, tally);
      check_figures(daemon, auditor);
    }
    if (run % verified_every != 0) continue;
    const Timed timed(times.verify);
    verify(daemon, auditor);
  }
  const Timed timed(times.verify);
  verify(daemon, auditor);
  if (daemon.stop() != 0) throw Failure("the daemon did not end with 0");
  if (daemon.verify_files().exit_code != 0) throw Failure("govd verify finds a fault on the stopped files");
  auditor.check_again();
}

void kill_runs(std::uint64_t runs, std::uint64_t seed, const std::string& state_dir) {
  std::mt19937_64 random(seed);
  Tally tally;
  Times times;
  for (std::uint64_t done = 0; done < runs; done += runs_of_a_shop) {
    std::string state;
    if (!state_dir.empty()) state = fmt::format("{}/{}", state_dir, done);
    kill_again_and_again(std::min(runs - done, runs_of_a_shop), random, state, tally, times);
    if (!state.empty()) std::filesystem::remove_all(state);
  }
  if (tally.answered == 0 || tally.recovered == 0) {
    throw Failure("nothing was in flight: this run shows nothing");
  }
  const double each = 1.0 / static_cast<double>(runs);
  fmt::print("ms of a run: load {:.1f}, kill {:.1f}, look {:.1f}, start {:.1f}, check {:.1f}, verify {:.1f}\n",
             times.load.count() * each, times.kill.count() * each, times.look.count() * each,
             times.start.count() * each, times.check.count() * each, times.verify.count() * each);
  fmt::print("{} calls answered, {} open reservations settled, seed {}\n", tally.answered, tally.recovered,
             seed);
  fmt::print("{} runs, {} lost, {} double, {} open\n", runs, tally.lost, tally.twice, tally.open);
  if (!tally.clean()) throw Failure("charges were lost, doubled or left open");
}

}  // namespace

int main(int argc, char** argv) {
  try {
    kill_runs(argument(argc, argv, "--runs", 10), argument(argc, argv, "--seed", std::random_device{}()),
              std::string(argument(argc, argv, "--state-dir", std::string_view{})));
    return 0;
  } catch (const std::exception& failure) {
    fmt::print(stderr, "crash_kill: {}\n", failure.what());
    return 1;
  }
}
