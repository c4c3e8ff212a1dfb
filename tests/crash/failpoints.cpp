// Lets the disk fail at each point between a call's reservation and its settlement, in each way, and looks at
// what was acknowledged: kill (the process is gone there), EIO (the store must ask for the daemon's end, and
// the next start finds all that was told), ENOSPC (calls are refused until there is room, and what was told
// stays).
//   crash_failpoints [--seeds N] [--seed S]
// One run is one point, one way to fail, and one seed, which says the how-manieth time it fails.

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <list>
#include <set>

#include "tests/crash/shop.h"

using namespace govctl;
using namespace govctl::test;

namespace {

struct Point {
  const char* name;
  DiskPoint point;
  std::uint64_t most;  // times that a run passes it, about
  bool eio, enospc;
};
// A sync that finds no room is an I/O error; a journal that cannot be made is no fault of the disk.
constexpr std::array points{
    Point{"journal.make", DiskPoint::journal_make, 1, false, true},
    Point{"journal.write", DiskPoint::journal_write, 25, true, true},
    Point{"journal.sync", DiskPoint::journal_sync, 25, true, false},
    Point{"log.write", DiskPoint::log_write, 60, true, true},
    Point{"log.sync", DiskPoint::log_sync, 4, true, false},
    Point{"database.write", DiskPoint::database_write, 6, true, true},
    Point{"database.sync", DiskPoint::database_sync, 1, true, false},
};
constexpr std::array ways{DiskFault::kill, DiskFault::eio, DiskFault::enospc};
constexpr std::array way_names{"kill", "EIO", "ENOSPC"};

struct Prepared {
  Image image;
  OrgId org = OrgId::mint(1);
  Agent agent;
};
Prepared prepare(Home& home) {
  Prepared prepared;
  home.disk.put({});
  {
    Run run(home);
    must(run.price("mock-unit"), "a price");
    const auto tenant = run.make_org(prepared.org, "acme", std::nullopt);
    prepared.agent = run.add_agent(*tenant, "one");
    must(run.append(*tenant, 1'000'000, "purchase:first", false), "a purchase");
  }
  prepared.image = home.disk.take();
  return prepared;
}

struct Tally {
  std::uint64_t runs = 0, hit = 0, lost = 0, twice = 0, open = 0, unsound = 0;
};

// A call or an entry that somebody was told of, once the event of that number was logged.
struct Told {
  RequestId request;
  std::string entry;
  std::int64_t credits = 0;
  bool settled = false;
};

class Trial {
 public:
  Trial(Home& home, const Prepared& prepared, Tally& tally) : home_(home), prepared_(prepared), tally_(tally) {}

  void run(const Point& point, DiskFault way, Random& random) {
    label_ = fmt::format("{} {}", point.name, way_names[static_cast<std::size_t>(way)]);
    home_.put_anchors({});
    home_.disk.put(prepared_.image);
    home_.disk.start_log();
    start();
    home_.disk.fail(point.point, way, random() % point.most + 1);
    bool refused = false;
    for (int i = 0; i < 40 && !run_->fatal && !(refused && way == DiskFault::enospc); ++i) {
      refused = !act(random, i) || refused;
      if (i % 10 == 9) run_->catch_up_if_it_can(*tenant_);
    }
    const bool of_database =
        point.point == DiskPoint::database_write || point.point == DiskPoint::database_sync;
    // The log is copied into the database once nothing was written for a while.
    for (int i = 0; of_database && i < 200 && !home_.disk.failed(); ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    const bool hit = home_.disk.failed();
    ++tally_.runs;
    tally_.hit += hit ? 1 : 0;
    if (hit && way == DiskFault::kill) {
      const auto [image, events] = home_.disk.killed();
      stop();
      home_.disk.mend();
      const DiskLog log = home_.disk.end_log();
      forget_after(log, events);
      home_.disk.put(image);
    } else {
      if (way == DiskFault::enospc) after_mending(random);
      const bool ended = run_->fatal;
      if (hit && way == DiskFault::eio && !ended && refused) unsound("an I/O error does not end the daemon");
      const Image image = home_.disk.take();
      if (ended) home_.disk.mend();
      stop();
      home_.disk.mend();
      static_cast<void>(home_.disk.end_log());
      if (ended) home_.disk.put(image);
    }
    start();
    look();
    stop();
    told_.clear();
  }

 private:
  void start() {
    run_ = std::make_unique<Run>(home_);
    tenant_ = run_->registry->find(prepared_.org);
    must_be(tenant_ != nullptr, "the org cannot be opened");
  }
  void stop() {
    holds_.clear();
    tenant_.reset();
    run_.reset();
  }
  void tell(Told told) {
    told_.push_back(std::move(told));
    home_.disk.mark(static_cast<std::int64_t>(told_.size()));
  }
  // Who was told after the process was gone was told by nobody.
  void forget_after(const DiskLog& log, std::size_t events) {
    std::size_t count = 0;
    for (std::size_t i = 0; i < events; ++i) {
      if (log.events[i].kind == DiskEvent::Kind::mark) count = static_cast<std::size_t>(log.events[i].note);
    }
    told_.resize(count);
  }

  // False: it was refused.
  bool act(Random& random, int number) {
    if (one_in(random, 6)) {
      const std::string key = fmt::format("purchase:{}", number);
      if (!run_->append(*tenant_, 5, key, false)) return false;
      tell({{}, key, 5, true});
      return true;
    }
    if (holds_.size() > 3 || (!holds_.empty() && one_in(random, 2))) {
      auto [request, hold] = std::move(holds_.front());
      holds_.pop_front();
      const auto output = static_cast<std::int64_t>(random() % 20);
      if (!home_.loop.run(settle(std::move(hold), 100, output))) return false;
      tell({request, {}, price_of(100, output), true});
      return true;
    }
    const auto facts = run_->facts(prepared_.agent, 100, 20);
    auto hold = home_.loop.run(reserve(facts));
    if (!hold) return false;
    holds_.emplace_back(facts.request_id, std::move(*hold));
    tell({facts.request_id, {}, 0, false});
    return true;
  }
  // There is room again: calls are taken again, and what could not be settled is.
  void after_mending(Random& random) {
    home_.disk.mend();
    tenant_->flush_refusals(true);
    for (int i = 0; i < 300 && !run_->catch_up_if_it_can(*tenant_); ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    for (int i = 100; i < 106; ++i) {
      if (!act(random, i)) unsound("with room again, a call is refused");
    }
  }

  void lost(const std::string& what) {
    ++tally_.lost;
    fmt::print(stderr, "{}: lost: {}\n", label_, what);
  }
  void unsound(const std::string& why) {
    ++tally_.unsound;
    fmt::print(stderr, "{}: {}\n", label_, why);
  }

  void look() {
    auto reader = must(store::Connection::open(tenant_->path(), store::Access::read), "a reader");
    // What calls were charged, by their ids, and other entries, by their keys.
    std::map<std::string, std::vector<std::int64_t>> written;
    auto events = reader->prepare("SELECT request_id, credits_charged FROM usage_events");
    while (events.executeStep()) {
      RequestId request;
      std::memcpy(request.bytes.data(), events.getColumn(0).getBlob(), request.bytes.size());
      written[request.text()].push_back(events.getColumn(1).getInt64());
    }
    auto entries =
        reader->prepare("SELECT idempotency_key, amount FROM ledger WHERE type <> 'USAGE_DEDUCTION'");
    while (entries.executeStep()) {
      written[entries.getColumn(0).getString()].push_back(entries.getColumn(1).getInt64());
    }
    std::set<RequestId> settled;
    for (const Told& told : told_) {
      if (told.settled) settled.insert(told.request);
    }
    for (const Told& told : told_) {
      if (!told.settled && settled.contains(told.request)) continue;
      const std::string key = told.entry.empty() ? told.request.text() : told.entry;
      const auto found = written.find(key);
      if (found == written.end()) {
        lost(key);
      } else if (found->second.size() != 1 || (told.settled && found->second.front() != told.credits)) {
        ++tally_.twice;
        fmt::print(stderr, "{}: not as it was told: {}\n", label_, key);
      }
    }
    if (tenant_->balance().reserved.value() != 0 || tenant_->inflight() != 0) ++tally_.open;
    if (const std::string fault = run_->fault(*tenant_); !fault.empty()) unsound(fault);
  }

  Home& home_;
  const Prepared& prepared_;
  Tally& tally_;
  std::string label_;
  std::unique_ptr<Run> run_;
  std::shared_ptr<tenant::Tenant> tenant_;
  std::list<std::pair<RequestId, tenant::Hold>> holds_;
  std::vector<Told> told_;
};

}  // namespace

int main(int argc, char** argv) {
  try {
    const std::uint64_t count = argument(argc, argv, "--seeds", 3);
    const std::uint64_t seed = argument(argc, argv, "--seed", std::random_device{}());
    Home home;
    const Prepared prepared = prepare(home);
    Tally tally;
    for (const Point& point : points) {
      for (const DiskFault way : ways) {
        if ((way == DiskFault::eio && !point.eio) || (way == DiskFault::enospc && !point.enospc)) continue;
        for (std::uint64_t i = 0; i < count; ++i) {
          std::seed_seq seeds{seed, i};
          Random random(seeds);
          Trial(home, prepared, tally).run(point, way, random);
        }
      }
    }
    fmt::print("{} points, {} of the runs came to their point, seed {}\n", points.size(), tally.hit, seed);
    fmt::print("{} runs, {} lost, {} double, {} open, {} unsound\n", tally.runs, tally.lost, tally.twice,
               tally.open, tally.unsound);
    return tally.lost + tally.twice + tally.open + tally.unsound == 0 && tally.hit > tally.runs / 2 ? 0 : 1;
  } catch (const std::exception& failure) {
    fmt::print(stderr, "crash_failpoints: {}\n", failure.what());
    return 1;
  }
}
