// Cuts the power of govd's rooms below HTTP at random points: what was written and not synced is dropped, kept
// or torn (sim_disk.h). Then the same files are opened by the same code as at any start, and of every call and
// change that was acknowledged before the cut it is counted whether it is not there (lost) or not once
// (double), how many reservations stay open, and whether the proof finds a fault (unsound).
//   crash_power_loss [--runs N] [--seed S] [--from W] [--fault journal|synchronous]
// A workload is recorded once, with a schedule that the seed alone decides, and cut at many points; --from
// begins with the workload of that number. With --fault a sync is left out on purpose, and it succeeds when
// that loses something.

#include <fmt/format.h>
#include <sys/random.h>

#include <algorithm>
#include <cstring>
#include <latch>
#include <list>
#include <mutex>
#include <optional>
#include <set>

#include "daemon/store/budgets.h"
#include "tests/crash/shop.h"

using namespace govctl;
using namespace govctl::test;

namespace {

std::mutex ids_mutex;
Random ids;

}  // namespace

// Ids are made of these bytes: the same seed makes the same ones.
extern "C" ssize_t getrandom(void* out, std::size_t size, unsigned) {
  const std::scoped_lock lock(ids_mutex);
  for (std::size_t at = 0; at < size; at += sizeof(std::uint64_t)) {
    const std::uint64_t word = ids();
    std::memcpy(static_cast<char*>(out) + at, &word, std::min(sizeof word, size - at));
  }
  return static_cast<ssize_t>(size);
}

namespace {

constexpr std::int64_t money = 1'000'000'000;
constexpr std::int64_t input = 100;
constexpr std::size_t cuts_of_one_workload = 200;

// What somebody was told, or was about to be.
struct Fact {
  enum class Kind { org, price, budget, entry, refusal, held, settled };
  Kind kind;
  std::string name;      // of an entry its idempotency key, of a price its model, of a budget its id
  RequestId request;     // of a call
  std::int64_t credits;  // of an entry, a hold, a charge
};
std::int64_t begun(std::size_t fact) { return static_cast<std::int64_t>(2 * fact); }
std::int64_t acknowledged(std::size_t fact) { return begun(fact) + 1; }

struct Recorded {
  DiskLog log;
  OrgId org;
  std::vector<Fact> facts;
  std::vector<Image> anchors;  // the logs after each writing of anchors; marked -1, -2, …
};

// One life of a daemon with a schedule that only the seed decides: whoever could be faster than another waits
// until that one has been let go.
class Workload {
 public:
  Workload(Home& home, Random& random) : home_(home), random_(random) { recorded_.facts.reserve(4'096); }

  Recorded record(const Image& prepared, const OrgId& org, const std::vector<Agent>& agents) {
    home_.put_anchors({});
    home_.disk.put(prepared);
    agents_ = agents;
    recorded_.org = org;
    if (prepared.empty()) recorded_.org = OrgId::mint(1);
    home_.disk.start_log();
    run_ = std::make_unique<Run>(home_);
    if (prepared.empty()) {
      begin_org();
    } else {
      tenant_ = run_->registry->find(recorded_.org);
    }
    for (int step = 0; step < 12; ++step) take_step();
    while (!holds_.empty()) settle_one();
    tenant_.reset();
    run_.reset();
    recorded_.log = home_.disk.end_log();
    return std::move(recorded_);
  }

 private:
  std::size_t fact(Fact::Kind kind, std::string name, const RequestId& request, std::int64_t credits) {
    recorded_.facts.push_back({kind, std::move(name), request, credits});
    return recorded_.facts.size() - 1;
  }
  template <class F>
  void told(std::size_t number, F work) {
    home_.disk.mark(begun(number));
    must_be(work(), "a change was refused");
    home_.disk.mark(acknowledged(number));
  }

  void begin_org() {
    told(fact(Fact::Kind::price, "mock-unit", {}, 0), [&] { return run_->price("mock-unit").has_value(); });
    told(fact(Fact::Kind::org, {}, {}, 0), [&] {
      tenant_ = run_->make_org(recorded_.org, "acme", std::nullopt);
      return true;
    });
    agents_ = {run_->add_agent(*tenant_, "one"), run_->add_agent(*tenant_, "two")};
    entry(money);
  }

  void take_step() {
    home_.clock.advance_seconds(1);
    switch (random_() % 12) {
      case 0:
        entry(static_cast<std::int64_t>(random_() % 1'000 + 1));
        entry(-static_cast<std::int64_t>(random_() % 1'000 + 1));
        break;
      case 1:
        told(fact(Fact::Kind::price, fmt::format("model-{}", recorded_.facts.size()), {}, 0),
             [&] { return run_->price(recorded_.facts.back().name).has_value(); });
        break;
      case 2:
        budget();
        break;
      case 3:
        refund();
        break;
      case 4:
        run_->registry->write_anchors();
        recorded_.anchors.push_back(home_.anchors());
        home_.disk.mark(-static_cast<std::int64_t>(recorded_.anchors.size()));
        break;
      case 5:
        reopen();
        break;
      case 6:
        if (one_in(random_, 4)) wait_for_checkpoint();
        break;
      default:
        burst();
    }
  }

  void entry(std::int64_t amount) {
    const std::string key = fmt::format("purchase:{}", recorded_.facts.size());
    told(fact(Fact::Kind::entry, key, {}, amount),
         [&] { return run_->append(*tenant_, amount, key, false).has_value(); });
  }
  void budget() {
    domain::Budget row;
    row.id = BudgetId::mint(1);
    row.level = static_cast<Level>(random_() % level_count);
    row.target = one_agent().at(row.level, recorded_.org);
    row.period = static_cast<domain::Period>(random_() % 3);
    row.limit = Credits::of(money);
    const std::size_t number = fact(Fact::Kind::budget, row.id.text(), {}, 0);
    home_.disk.mark(begun(number));
    const auto made =
        run_->change(*tenant_, [&](store::Transaction& tx) { return store::insert_budget(tx, row); });
    if (made) home_.disk.mark(acknowledged(number));  // else one hangs there already
  }
  void refund() {
    if (charged_.empty()) return;
    const RequestId request = charged_.back();
    charged_.pop_back();
    const std::string key = fmt::format("{}", recorded_.facts.size());
    told(fact(Fact::Kind::entry, "refund:" + key, {}, 1), [&] {
      return home_.loop
          .run(tenant_->refund(request, Credits::of(1), key, "", run_->audit("ledger.refund"), false))
          .has_value();
    });
  }
  // As at a stop, and a start.
  void reopen() {
    while (!holds_.empty()) settle_one();
    tenant_.reset();
    run_.reset();
    run_ = std::make_unique<Run>(home_);
    tenant_ = run_->registry->find(recorded_.org);
    must_be(tenant_ != nullptr, "the org is gone after a stop");
  }
  // The writer copies its log into the database once nothing was asked of it for a while.
  void wait_for_checkpoint() {
    run_->catch_up(*tenant_);
    const std::size_t before = home_.disk.logged();
    for (int i = 0; i < 400; ++i) {
      const std::size_t now = home_.disk.logged();
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
      if (now > before && home_.disk.logged() == now) return;
    }
  }

  // --- calls
  const Agent& one_agent() { return agents_[random_() % agents_.size()]; }
  asio::awaitable<bool> reserve_one(std::size_t number, tenant::CallFacts facts) {
    home_.disk.mark(begun(number));
    std::optional<tenant::KeyClaim> claim;
    if (!facts.idempotency_key.empty()) {
      auto claimed = co_await tenant_->claim_key(facts);
      if (!claimed) co_return false;
      claim.emplace(std::move(*claimed));
    }
    auto hold = co_await reserve(facts);
    if (!hold) co_return false;
    if (claim) claim->keep();
    home_.disk.mark(acknowledged(number));
    holds_.emplace_back(facts.request_id, std::move(*hold));
    co_return true;
  }
  asio::awaitable<bool> settle_it(std::size_t number, tenant::Hold hold, std::int64_t output) {
    home_.disk.mark(begun(number));
    auto charge = co_await settle(std::move(hold), input, output);
    if (!charge) co_return false;
    home_.disk.mark(acknowledged(number));
    charged_.push_back(recorded_.facts[number].request);
    co_return true;
  }
  asio::awaitable<bool> refuse_one(std::size_t number, tenant::CallFacts facts) {
    home_.disk.mark(begun(number));
    domain::Refusal refusal;
    refusal.cause = domain::Cause::model_denied;
    refusal.message = "no";
    const bool written = co_await tenant_->record_refusal(facts, refusal, nullptr);
    if (written) home_.disk.mark(acknowledged(number));
    co_return written;
  }
  // Some step of some call is under way. On the loop's thread nothing else runs meanwhile.
  void start_one() {
    const std::uint64_t what = random_() % 8;
    if (what == 0) {
      auto facts = run_->facts(one_agent(), input, 10);
      const std::size_t number = fact(Fact::Kind::refusal, {}, facts.request_id, 0);
      under_way_.push_back(home_.loop.start(refuse_one(number, std::move(facts))));
    } else if (what < 5 || holds_.empty()) {
      const auto output = static_cast<std::int64_t>(random_() % 50 + 1);
      auto facts = run_->facts(one_agent(), input, output);
      if (one_in(random_, 4)) facts.idempotency_key = fmt::format("key-{}", recorded_.facts.size());
      const std::size_t number = fact(Fact::Kind::held, {}, facts.request_id, price_of(input, output));
      under_way_.push_back(home_.loop.start(reserve_one(number, std::move(facts))));
    } else {
      start_settling();
    }
    home_.loop.turn();
  }
  void start_settling() {
    const auto at = std::next(holds_.begin(), static_cast<std::ptrdiff_t>(random_() % holds_.size()));
    const auto output = static_cast<std::int64_t>(random_() % 10);
    const std::size_t number = fact(Fact::Kind::settled, {}, at->first, price_of(input, output));
    tenant::Hold hold = std::move(at->second);
    holds_.erase(at);
    under_way_.push_back(home_.loop.start(settle_it(number, std::move(hold), output)));
  }
  // And written, before the writer's own time for it comes.
  void settle_one() {
    start_settling();
    home_.loop.turn();
    finish();
    drain();
  }
  void finish() {
    for (auto& one : under_way_) must_be(one.get(), "a call was refused");
    under_way_.clear();
  }
  // The first alone is in its frame, whoever comes meanwhile is in the next, which waits until that one was
  // told.
  void frames() {
    home_.disk.hold_frames();
    start_one();
    home_.disk.wait_for_gate();
    const std::uint64_t more = random_() % 5;
    for (std::uint64_t i = 0; i < more; ++i) start_one();
    home_.disk.let_frame_go();
    must_be(under_way_.front().get(), "a call was refused");
    under_way_.erase(under_way_.begin());
    if (more > 0) home_.disk.wait_for_gate();
    home_.disk.let_go();
    finish();
  }
  // Frames gather in the journal while the writer is kept busy; then it writes all they hold. Sometimes more
  // are promised while SQLite waits for its own sync.
  void burst() {
    auto entered = std::make_shared<std::latch>(1);
    auto go = std::make_shared<std::latch>(1);
    run_->writers->submit(tenant_->file(), store::Queue::settle,
                          [entered, go](store::Transaction&) -> Result<void> {
                            entered->count_down();
                            go->wait();
                            return {};
                          },
                          {});
    entered->wait();
    for (std::uint64_t count = random_() % 4 + 1; count > 0; --count) frames();
    const bool overlap = one_in(random_, 3);
    if (overlap) home_.disk.hold_syncs("-wal");
    std::promise<void> written;
    run_->writers->submit(
        tenant_->file(), store::Queue::settle, [](store::Transaction&) { return Result<void>{}; },
        [&](const Result<void>&) { written.set_value(); });
    go->count_down();
    if (overlap) {
      home_.disk.wait_for_gate();
      for (std::uint64_t count = random_() % 3 + 1; count > 0; --count) {
        start_one();
        finish();
      }
      home_.disk.let_go();
    }
    written.get_future().get();
    drain();
  }
  void drain() { run_->catch_up(*tenant_); }

  Home& home_;
  Random& random_;
  Recorded recorded_;
  std::unique_ptr<Run> run_;
  std::shared_ptr<tenant::Tenant> tenant_;
  std::vector<Agent> agents_;
  std::list<std::pair<RequestId, tenant::Hold>> holds_;
  std::vector<RequestId> charged_;
  std::vector<std::future<bool>> under_way_;
};

struct Tally {
  std::uint64_t cuts = 0, acknowledged = 0, recovered = 0, lost = 0, twice = 0, open = 0, unsound = 0;
  [[nodiscard]] bool clean() const { return lost + twice + open + unsound == 0; }
};

// What people were told before the cut.
struct Told {
  std::set<std::size_t> begun, acknowledged;
};

// The org's rows.
struct Books {
  struct Event {
    std::string status, cause;
    std::int64_t credits = 0;
  };
  std::map<Uuid, std::vector<Event>> events;
  std::map<std::string, std::vector<std::int64_t>> entries;
  std::set<std::string> budgets;
  std::int64_t open = 0;
};

Uuid uuid_of(const SQLite::Column& column) {
  Uuid uuid{};
  must_be(column.getBytes() == static_cast<int>(uuid.size()), "an id has not 16 bytes");
  std::memcpy(uuid.data(), column.getBlob(), uuid.size());
  return uuid;
}

Books read_books(const std::string& path) {
  auto reader = must(store::Connection::open(path, store::Access::read), "a reader");
  Books books;
  auto events = reader->prepare("SELECT request_id, status, cause, credits_charged FROM usage_events");
  while (events.executeStep()) {
    books.events[uuid_of(events.getColumn(0))].push_back(
        {events.getColumn(1).getString(), events.getColumn(2).getString(), events.getColumn(3).getInt64()});
  }
  auto entries = reader->prepare("SELECT idempotency_key, amount FROM ledger");
  while (entries.executeStep()) {
    books.entries[entries.getColumn(0).getString()].push_back(entries.getColumn(1).getInt64());
  }
  auto budgets = reader->prepare("SELECT id FROM budgets WHERE deleted_at IS NULL");
  while (budgets.executeStep()) books.budgets.insert(BudgetId{uuid_of(budgets.getColumn(0))}.text());
  auto open = reader->prepare("SELECT count(*) FROM reservations");
  must_be(open.executeStep(), "a count");
  books.open = open.getColumn(0).getInt64();
  return books;
}

bool priced(const domain::PlatformConfig& platform, std::string_view model) {
  return std::ranges::find(platform.models, model, &domain::ModelPrice::model) != platform.models.end();
}

class Judge {
 public:
  Judge(Home& home, const Recorded& recorded, Tally& tally) : home_(home), recorded_(recorded), tally_(tally) {}

  // Starts on what the cut left, and looks. `again`: the log of this start.
  void judge(const Image& image, const Image& anchors, const Told& told, bool goes_on, DiskLog* again) {
    home_.disk.put(image);
    home_.put_anchors(anchors);
    ++tally_.cuts;
    if (again != nullptr) home_.disk.start_log();
    std::optional<Run> run;
    try {
      run.emplace(home_);
    } catch (const Failure& failure) {
      unsound(failure.what());
    }
    if (again != nullptr) *again = home_.disk.end_log();
    if (!run) return;
    if (!run->registry->quarantined().empty()) {
      unsound("the org cannot be opened");
      return;
    }
    if (const std::string fault = run->catalog_fault(); !fault.empty()) unsound("catalog: " + fault);
    const auto tenant = run->registry->find(recorded_.org);
    if (!tenant) {
      for (const std::size_t fact : told.acknowledged) {
        if (recorded_.facts[fact].kind != Fact::Kind::price) lost("all of the org");
      }
      return;
    }
    look(*run, *tenant, told);
    if (goes_on) go_on(*run, *tenant);
  }

 private:
  void lost(const std::string& what) {
    ++tally_.lost;
    if (loud) fmt::print(stderr, "lost: {}\n", what);
  }
  void twice(const std::string& what) {
    ++tally_.twice;
    if (loud) fmt::print(stderr, "not as it was told: {}\n", what);
  }
  void unsound(const std::string& why) {
    ++tally_.unsound;
    if (loud) fmt::print(stderr, "unsound: {}\n", why);
  }

  void look(const Run& run, const tenant::Tenant& tenant, const Told& told) {
    const Books books = read_books(tenant.path());
    tally_.open += static_cast<std::uint64_t>(books.open);
    if (tenant.balance().reserved.value() != 0 || tenant.inflight() != 0) ++tally_.open;
    const auto platform = run.registry->platform();
    std::map<RequestId, const Fact*> ends, beginnings;
    for (const std::size_t number : told.begun) {
      const Fact& fact = recorded_.facts[number];
      const bool sure = told.acknowledged.contains(number);
      tally_.acknowledged += sure ? 1 : 0;
      switch (fact.kind) {
        case Fact::Kind::org:
          break;
        case Fact::Kind::price:
          if (sure && !priced(*platform, fact.name)) lost("the price of " + fact.name);
          break;
        case Fact::Kind::budget:
          if (sure && !books.budgets.contains(fact.name)) lost("budget " + fact.name);
          break;
        case Fact::Kind::entry:
          check_entry(books, fact.name, fact.credits, sure);
          break;
        case Fact::Kind::refusal:
          check_event(books, fact, sure, "POLICY_BLOCKED", 0);
          break;
        case Fact::Kind::held:
          beginnings[fact.request] = &fact;
          break;
        case Fact::Kind::settled:
          ends[fact.request] = sure ? &fact : nullptr;
          break;
      }
    }
    for (const std::size_t number : told.begun) {
      const Fact& fact = recorded_.facts[number];
      if (fact.kind == Fact::Kind::held) check_call(books, fact, told.acknowledged.contains(number), ends);
      if (fact.kind == Fact::Kind::settled && told.acknowledged.contains(number)) {
        check_entry(books, "call:" + fact.request.text(), -fact.credits, true);
      }
    }
    if (const std::string fault = run.fault(tenant); !fault.empty()) unsound(fault);
  }

  void check_entry(const Books& books, const std::string& key, std::int64_t credits, bool sure) {
    const auto found = books.entries.find(key);
    if (found == books.entries.end()) {
      if (sure) lost("entry " + key);
    } else if (found->second != std::vector{credits}) {
      twice("entry " + key);
    }
  }
  void check_event(const Books& books, const Fact& fact, bool sure, std::string_view status,
                   std::int64_t credits) {
    const auto found = books.events.find(fact.request.bytes);
    if (found == books.events.end()) {
      if (sure) lost("the event of " + fact.request.text());
    } else if (found->second.size() != 1 || found->second.front().status != status ||
               found->second.front().credits != credits) {
      twice("the event of " + fact.request.text());
    }
  }
  // A call that was told it holds money has ended: as it was told, or at its hold.
  void check_call(const Books& books, const Fact& fact, bool sure,
                  const std::map<RequestId, const Fact*>& ends) {
    const auto end = ends.find(fact.request);
    if (end != ends.end() && end->second != nullptr) {
      check_event(books, *end->second, true, "SUCCESS", end->second->credits);
      return;
    }
    const auto found = books.events.find(fact.request.bytes);
    const bool settled = found != books.events.end() && found->second.front().status == "SUCCESS";
    if (settled && end != ends.end()) return;  // promised, though nobody was told
    check_event(books, fact, sure, "ERROR", fact.credits);
    if (found != books.events.end() && found->second.front().cause == "daemon_stopped") ++tally_.recovered;
  }

  // What was recovered takes further calls.
  void go_on(Run& run, tenant::Tenant& tenant) {
    const auto snapshot = tenant.snapshot();
    if (snapshot->config().keys.empty() || tenant.balance().balance.value() < money / 2) return;
    Agent who;
    who.hash = snapshot->config().keys.front().hash;
    if (!run.registry->authenticate(who.hash)) return;  // the catalog's index was not told of it
    auto hold = home_.loop.run(reserve(run.facts(who, input, 10)));
    if (!hold) {
      unsound("a call after the start is refused: " + hold.error().message);
      return;
    }
    auto charge = home_.loop.run(settle(std::move(*hold), input, 5));
    if (!charge) unsound("a call after the start cannot be settled: " + charge.error().message);
    run.catch_up(tenant);
    if (const std::string fault = run.fault(tenant); !fault.empty()) unsound("after a call: " + fault);
  }

 public:
  static inline bool loud = true;

 private:
  Home& home_;
  const Recorded& recorded_;
  Tally& tally_;
};

// The anchors' logs at a point of the log; a writing of them that SQLite had finished may have begun there.
Image anchors_at(const Recorded& recorded, std::size_t events, Random& random) {
  const auto& log = recorded.log.events;
  std::size_t written = 0;
  for (std::size_t i = 0; i < events; ++i) {
    if (log[i].kind == DiskEvent::Kind::mark && log[i].note < 0) {
      written = static_cast<std::size_t>(-log[i].note);
    }
  }
  Image logs = written == 0 ? Image{} : recorded.anchors[written - 1];
  const bool next_begun =
      events < log.size() && log[events].kind == DiskEvent::Kind::mark && log[events].note < 0;
  if (!next_begun) return logs;
  for (const auto& [name, text] : recorded.anchors[written]) {
    const std::size_t had = logs[name].size();
    logs[name] = text.substr(0, had + random() % (text.size() - had + 1));
  }
  return logs;
}

void cut_workload(Home& home, const Recorded& recorded, Random& random, std::uint64_t runs, Tally& tally) {
  const std::uint64_t enough = tally.cuts + runs;
  const std::size_t size = recorded.log.events.size();
  std::vector<std::size_t> points;
  for (std::size_t i = 0; i < cuts_of_one_workload; ++i) points.push_back(random() % (size + 1));
  std::ranges::sort(points);
  Cutter cutter(recorded.log);
  Judge judge(home, recorded, tally);
  Told told;
  std::size_t at = 0;
  for (const std::size_t point : points) {
    if (tally.cuts >= enough) return;
    for (; at < point; ++at) {
      const DiskEvent& event = recorded.log.events[at];
      if (event.kind != DiskEvent::Kind::mark || event.note < 0) continue;
      const auto number = static_cast<std::size_t>(event.note / 2);
      (event.note % 2 == 0 ? told.begun : told.acknowledged).insert(number);
    }
    Random dice(random());  // of this cut alone: what one draws does not change the next
    const Image anchors = anchors_at(recorded, point, dice);
    DiskLog start;
    const bool cut_the_start = one_in(dice, 4);
    judge.judge(cutter.cut(point, dice), anchors, told, !cut_the_start && one_in(dice, 4),
                cut_the_start ? &start : nullptr);
    // The power fails once more while the files are brought in order.
    if (!cut_the_start || start.events.empty()) continue;
    Cutter once_more(start);
    judge.judge(once_more.cut(dice() % (start.events.size() + 1), dice), anchors, told, false, nullptr);
  }
}

// A shop that workloads begin with.
struct Prepared {
  Image image;
  OrgId org = OrgId::mint(1);
  std::vector<Agent> agents;
};
Prepared prepare(Home& home) {
  Prepared prepared;
  home.disk.put({});
  {
    Run run(home);
    must(run.price("mock-unit"), "a price");
    const auto tenant = run.make_org(prepared.org, "acme", std::nullopt);
    prepared.agents = {run.add_agent(*tenant, "one"), run.add_agent(*tenant, "two")};
    must(run.append(*tenant, money, "purchase:first", false), "a purchase");
  }
  prepared.image = home.disk.take();
  return prepared;
}

Tally cut_power(std::uint64_t runs, std::uint64_t seed, std::uint64_t from, std::string_view fault) {
  Home home;
  const Prepared prepared = prepare(home);
  Tally tally;
  for (std::uint64_t number = from; tally.cuts < runs; ++number) {
    std::seed_seq seeds{seed, number};
    Random random(seeds);
    ids.seed(random());
    home.clock.set(TestClock::beginning);
    home.disk.journal_skips_sync = fault == "journal";
    home.disk.normal_synchronous = fault == "synchronous";
    const bool from_nothing = number % 16 == 0;
    Recorded recorded =
        Workload(home, random).record(from_nothing ? Image{} : prepared.image, prepared.org, prepared.agents);
    home.disk.journal_skips_sync = home.disk.normal_synchronous = false;
    cut_workload(home, recorded, random, runs - tally.cuts, tally);
    if (!tally.clean()) {
      fmt::print(stderr, "found in workload {} of seed {}\n", number, seed);
      break;
    }
  }
  return tally;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    const std::uint64_t runs = argument(argc, argv, "--runs", 500);
    const std::uint64_t seed = argument(argc, argv, "--seed", std::random_device{}());
    const std::uint64_t from = argument(argc, argv, "--from", 0);
    std::string_view fault;
    for (int i = 1; i + 1 < argc; ++i) {
      if (std::string_view(argv[i]) == "--fault") fault = argv[i + 1];
    }
    Judge::loud = fault.empty();
    const Tally tally = cut_power(runs, seed, from, fault);
    fmt::print("{} acknowledgements looked for, {} open reservations settled, seed {}\n", tally.acknowledged,
               tally.recovered, seed);
    fmt::print("{} runs, {} lost, {} double, {} open, {} unsound\n", tally.cuts, tally.lost, tally.twice,
               tally.open, tally.unsound);
    if (!fault.empty()) return tally.lost > 0 ? 0 : 1;
    return tally.clean() ? 0 : 1;
  } catch (const std::exception& failure) {
    fmt::print(stderr, "crash_power_loss: {}\n", failure.what());
    return 1;
  }
}
