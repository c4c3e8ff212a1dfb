// Random sequences of what moves money, done by the real tenant and store on a disk in memory and by a plain
// model (money_model.h), which must agree on every answer and, after every step, on every figure. A sequence
// that shows a difference is made as small as it can be and printed.
//   crash_model [--runs N] [--seed S] [--from K]
// One run is one sequence: up to 40 steps on a fresh organization with two agents: reserve, settle, leave
// unsettled, purchase, adjust, refund, set and delete budgets, set and delete a policy, let time pass (to the
// next minute, day, month) or step back, be killed, stop and start. It ends with a proof of the file. The
// organization's file is opened and closed as by a start and a stop; the catalog, which moves no money, is
// read once. Sequences are drawn in thousands; --from begins with the thousand of that number.

#include <fmt/format.h>
#include <rapidcheck.h>
#include <stdlib.h>

#include <algorithm>
#include <list>

#include "daemon/store/budgets.h"
#include "daemon/store/policies.h"
#include "tests/crash/money_model.h"
#include "tests/crash/shop.h"

using namespace govctl;
using namespace govctl::test;

namespace {

constexpr std::array names{"reserve",   "settle",     "drop",          "purchase", "adjust",
                           "refund",    "set_budget", "delete_budget", "policy",   "no_policy",
                           "pass_time", "step_back",  "crash",         "restart"};

// What every sequence begins with.
struct Prepared {
  Image image;  // the org's file
  OrgId org = OrgId::mint(1);
  std::vector<Agent> agents;
  std::shared_ptr<const domain::PlatformConfig> platform;
};

Prepared prepare(Home& home) {
  Prepared prepared;
  home.disk.put({});
  {
    Run run(home);
    // Without the prices that ship, which every start would read.
    std::move_only_function<Result<bool>(store::Transaction&)> forget =
        [](store::Transaction& tx) -> Result<bool> {
      tx.connection().database().exec("DELETE FROM prices; DELETE FROM models");
      return true;
    };
    must(home.loop.run(run.registry->change<bool>(std::move(forget), false)), "no prices");
    must(run.price("mock-unit"), "a price");
    const auto tenant = run.make_org(prepared.org, "acme", Credits::of(0));
    for (const char* const name : {"one", "two"}) prepared.agents.push_back(run.add_agent(*tenant, name));
    prepared.platform = run.registry->platform();
  }
  const std::string path = home.org_path(prepared.org);
  prepared.image[path] = home.disk.take().at(path);
  return prepared;
}

void agree(std::int64_t real, std::int64_t model, std::string_view what) {
  if (real != model) throw Failure(fmt::format("{}: govd has {}, the model {}", what, real, model));
}

// The real thing beside the model.
class Pair {
 public:
  Pair(Serving& serving, const Prepared& prepared)
      : home_(serving.home), serving_(serving), prepared_(prepared) {
    home_.clock.set(TestClock::beginning);
    home_.disk.put(prepared.image);
    model_.now = home_.clock.now().micros;
    model_.steady = home_.clock.steady_micros();
    start();
    model_.start();
    entry(100'000, "purchase:first", false);
  }
  ~Pair() {
    holds_.clear();
    if (tenant_) stop();
  }
  Pair(const Pair&) = delete;
  Pair& operator=(const Pair&) = delete;

  void take(const Step& step) {
    switch (step.kind) {
      case Step::Kind::reserve:
        reserve_one(step.which % model_agents, step.amount % 1'500);
        break;
      case Step::Kind::settle:
        if (!holds_.empty()) settle_one(step.which % holds_.size(), step.amount % 2'000);
        break;
      case Step::Kind::drop:
        if (!holds_.empty()) drop(step.which % holds_.size());
        break;
      case Step::Kind::purchase:
        entry(amount_of(step), fmt::format("purchase:{}", step.key % 4), false);
        break;
      case Step::Kind::adjust:
        entry(-amount_of(step), fmt::format("adjust:{}", step.key % 4), step.flag);
        break;
      case Step::Kind::refund:
        if (!requests_.empty()) refund(step);
        break;
      case Step::Kind::set_budget:
        set_budget(step);
        break;
      case Step::Kind::delete_budget:
        if (!budgets_.empty()) delete_budget(step.which % budgets_.size());
        break;
      case Step::Kind::policy:
        set_policy(step);
        break;
      case Step::Kind::no_policy:
        remove_policy();
        break;
      case Step::Kind::pass_time:
        pass_time(step);
        break;
      case Step::Kind::step_back:
        step_back(step.amount % 22 + 1);
        break;
      case Step::Kind::crash:
        crash();
        break;
      case Step::Kind::restart:
        while (!holds_.empty()) drop(0);
        stop();
        start();
        model_.start();
        break;
    }
    compare();
  }

  void prove() {
    serving_.catch_up(*tenant_);
    if (const std::string fault = serving_.fault(*tenant_); !fault.empty()) throw Failure("verify: " + fault);
  }

 private:
  struct Open {
    RequestId request;
    std::size_t agent;
    tenant::Hold hold;
  };

  void start() { tenant_ = serving_.open(prepared_.org); }
  void stop() { serving_.close(std::exchange(tenant_, nullptr)); }
  void crash() {
    const Image left = home_.disk.take();
    for (const Open& open : holds_) requests_.push_back(open.request);
    model_.crash();
    holds_.clear();
    stop();
    home_.disk.put(left);
    start();
  }
  static std::int64_t amount_of(const Step& step) {
    constexpr std::int64_t most = 9'007'199'254'740'991;
    return step.amount == 99'999 ? most : static_cast<std::int64_t>(step.amount % 5'000) + 1;
  }

  [[nodiscard]] tenant::Caller caller(std::size_t agent) const {
    tenant::Caller caller{tenant_, tenant_->snapshot(), nullptr};
    caller.key = caller.snapshot->find_key(prepared_.agents[agent].hash);
    must_be(caller.key != nullptr, "a key is gone");
    return caller;
  }
  void reserve_one(std::size_t agent, std::int64_t output) {
    MoneyModel after = model_;
    const auto expected = after.reserve(agent, output);
    if (expected.answer == MoneyModel::Answer::waits) return;  // five seconds of real time
    model_ = after;
    auto facts = serving_.facts(caller(agent), model_input, output);
    auto hold = home_.loop.run(reserve(facts));
    if (!hold) {
      const bool money =
          expected.answer == MoneyModel::Answer::no_money &&
          (hold.error().cause == domain::Cause::credits || hold.error().cause == domain::Cause::budget);
      const bool rate =
          expected.answer == MoneyModel::Answer::too_many &&
          (hold.error().cause == domain::Cause::rpm || hold.error().cause == domain::Cause::parallel);
      if (!money && !rate) throw Failure("a call is refused that the model admits: " + hold.error().message);
      return;
    }
    if (expected.answer != MoneyModel::Answer::admitted && expected.answer != MoneyModel::Answer::clamped) {
      throw Failure("a call is admitted that the model refuses");
    }
    agree(hold->output_tokens(), expected.output, "what the upstream may produce");
    agree(hold->clamped() ? 1 : 0, expected.answer == MoneyModel::Answer::clamped ? 1 : 0, "clamped");
    holds_.push_back({facts.request_id, agent, std::move(*hold)});
  }
  Open take_hold(std::size_t index) {
    const auto at = std::next(holds_.begin(), static_cast<std::ptrdiff_t>(index));
    Open open = std::move(*at);
    holds_.erase(at);
    requests_.push_back(open.request);
    return open;
  }
  void settle_one(std::size_t index, std::int64_t output) {
    Open open = take_hold(index);
    const auto charge = must(home_.loop.run(settle(std::move(open.hold), model_input, output)), "settle");
    agree(charge.credits.value(), price_of(model_input, output), "the charge");
    model_.settle(index, price_of(model_input, output));
  }
  // Whoever owned it went away before anything was sent.
  void drop(std::size_t index) {
    const std::size_t left = holds_.size() - 1;
    static_cast<void>(take_hold(index));
    // It settles itself, and tells nobody when it has.
    for (int i = 0; i < 20'000 && tenant_->inflight() > left; ++i) {
      std::this_thread::sleep_for(std::chrono::microseconds(100));
    }
    model_.settle(index, 0);
  }

  static MoneyModel::Booked booked(const Result<store::Appended>& appended) {
    using Booked = MoneyModel::Booked;
    if (appended) return appended->replayed ? Booked::replayed : Booked::entered;
    switch (appended.error().code) {
      case Code::idempotency_mismatch:
        return Booked::mismatch;
      case Code::insufficient_credits:
        return Booked::insufficient;
      case Code::conflict:
        return Booked::conflict;
      default:
        throw Failure("an entry is refused: " + appended.error().message);
    }
  }
  void entry(std::int64_t amount, const std::string& key, bool allow_negative) {
    const auto answer = booked(serving_.append(*tenant_, amount, key, allow_negative));
    agree(static_cast<int>(answer), static_cast<int>(model_.enter(key, amount, allow_negative)),
          "an entry of " + key);
  }
  void refund(const Step& step) {
    const std::size_t call = step.which % requests_.size();
    std::optional<std::int64_t> amount;
    if (step.flag) amount = step.amount % 300;
    const std::string key = fmt::format("{}", step.key % 4);
    std::optional<Credits> credits;
    if (amount) credits = Credits::of(*amount);
    const auto answer = booked(home_.loop.run(
        tenant_->refund(requests_[call], credits, key, "", serving_.audit("ledger.refund"), false)));
    agree(static_cast<int>(answer), static_cast<int>(model_.refund("refund:" + key, call, amount)), "a refund");
  }

  // A budget of that place and period is there once: its limit changes.
  void set_budget(const Step& step) {
    MoneyModel::Budget budget{step.which % level_count, step.key % model_agents,
                              static_cast<int>(step.key / 2 % 3),
                              static_cast<std::int64_t>(step.amount % 20'000), step.flag};
    if (budget.level == 0) budget.agent = 0;
    const auto same = std::ranges::find_if(model_.budgets, [&](const MoneyModel::Budget& other) {
      return other.level == budget.level && other.agent == budget.agent && other.period == budget.period;
    });
    domain::Budget row;
    row.level = static_cast<Level>(budget.level);
    row.target = prepared_.agents[budget.agent].at(row.level, prepared_.org);
    row.period = static_cast<domain::Period>(budget.period);
    row.limit = Credits::of(budget.limit);
    row.auto_disable = budget.auto_disable;
    if (same == model_.budgets.end()) {
      row.id = BudgetId::mint(1);
      budgets_.push_back(row.id);
      model_.budgets.push_back(budget);
      change([&](store::Transaction& tx) { return store::insert_budget(tx, row); });
    } else {
      row.id = budgets_[static_cast<std::size_t>(same - model_.budgets.begin())];
      *same = budget;
      change([&](store::Transaction& tx) { return store::update_budget(tx, row); });
    }
  }
  void delete_budget(std::size_t index) {
    const BudgetId id = budgets_[index];
    budgets_.erase(budgets_.begin() + static_cast<std::ptrdiff_t>(index));
    model_.budgets.erase(model_.budgets.begin() + static_cast<std::ptrdiff_t>(index));
    change([&](store::Transaction& tx) { return store::delete_budget(tx, id, home_.clock.now()); });
  }
  void set_policy(const Step& step) {
    remove_policy();
    domain::Policy policy;
    policy.id = policy_ = PolicyId::mint(1);
    policy.level = Level::org;
    policy.target = prepared_.org.bytes;
    policy.name = "default";
    const auto limit = static_cast<std::int64_t>(step.amount % 4 + 1);
    (step.flag ? policy.rpm : policy.parallel) = limit;
    (step.flag ? model_.rpm : model_.parallel) = limit;
    change([&](store::Transaction& tx) { return store::insert_policy(tx, policy); });
  }
  void remove_policy() {
    if (policy_.empty()) return;
    change([&](store::Transaction& tx) { return store::delete_policy(tx, policy_, home_.clock.now()); });
    policy_ = {};
    model_.rpm.reset();
    model_.parallel.reset();
  }
  void change(std::move_only_function<Result<void>(store::Transaction&)> work) {
    must(serving_.change(*tenant_, std::move(work)), "a change");
  }
  // Some seconds, hours, days; to the next month.
  void pass_time(const Step& step) {
    constexpr std::array<std::int64_t, 4> units{1, 3'600, 86'400, std::int64_t{31} * 86'400};
    const std::int64_t seconds = units[step.which % units.size()] * (step.which % 4 < 3 ? step.amount % 30 : 1);
    home_.clock.advance_seconds(seconds);
    model_.pass(seconds * MoneyModel::second);
  }

  void step_back(std::int64_t hours) {
    if (model_.step_back(MoneyModel::hour * hours)) home_.clock.advance_seconds(-3'600 * hours);
  }

  void compare() const {
    agree(tenant_->balance().balance.value(), model_.balance(), "the balance");
    agree(tenant_->balance().reserved.value(), model_.held(), "what is held");
    agree(static_cast<std::int64_t>(tenant_->inflight()), static_cast<std::int64_t>(model_.holds.size()),
          "calls in flight");
    const auto snapshot = tenant_->snapshot();
    for (std::size_t agent = 0; agent < model_agents; ++agent) {
      for (std::size_t level = 0; level < level_count; ++level) {
        const auto spend = tenant_->spend(prepared_.agents[agent].at(static_cast<Level>(level), prepared_.org));
        const std::string where =
            fmt::format(" of the {} of agent {}", level_word(static_cast<Level>(level)), agent);
        agree(spend.day.value(), model_.spent(level, agent, 0), "the day's spend" + where);
        agree(spend.month.value(), model_.spent(level, agent, 1), "the month's spend" + where);
        agree(spend.total.value(), model_.spent(level, agent, 2), "the spend" + where);
        agree(spend.held.value(), model_.held(level, agent), "what is held" + where);
      }
      const auto* const node = snapshot->find(prepared_.agents[agent].agent.bytes);
      agree(tenant_->exhausted(*snapshot, *node) ? 1 : 0, model_.exhausted(agent) ? 1 : 0, "exhausted");
    }
  }

  Home& home_;
  Serving& serving_;
  const Prepared& prepared_;
  MoneyModel model_;
  std::shared_ptr<tenant::Tenant> tenant_;
  std::list<Open> holds_;            // as the model's
  std::vector<RequestId> requests_;  // of the model's calls
  std::vector<BudgetId> budgets_;    // of the model's
  PolicyId policy_;
};

}  // namespace

namespace govctl::test {

void showValue(const Step& step, std::ostream& out) {
  out << fmt::format("\n  {{{}, which {}, amount {}, key {}, flag {}}}",
                     names[static_cast<std::size_t>(step.kind)], step.which, step.amount, step.key, step.flag);
}

}  // namespace govctl::test

namespace {

rc::Gen<Step> any_step() {
  using Kind = Step::Kind;
  const auto kind = rc::gen::weightedElement<Kind>({{8, Kind::reserve},
                                                    {7, Kind::settle},
                                                    {1, Kind::drop},
                                                    {2, Kind::purchase},
                                                    {2, Kind::adjust},
                                                    {3, Kind::refund},
                                                    {3, Kind::set_budget},
                                                    {1, Kind::delete_budget},
                                                    {1, Kind::policy},
                                                    {1, Kind::no_policy},
                                                    {3, Kind::pass_time},
                                                    {1, Kind::step_back},
                                                    {1, Kind::crash},
                                                    {1, Kind::restart}});
  return rc::gen::construct<Step>(kind, rc::gen::inRange(0U, 60U), rc::gen::inRange(0U, 100'000U),
                                  rc::gen::inRange(0U, 12U), rc::gen::arbitrary<bool>());
}

constexpr std::uint64_t sequences_at_once = 1'000;

class Checker {
 public:
  Checker() : prepared_(prepare(home_)), serving_(home_) {
    home_.put_anchors({});
    serving_.platform.set(prepared_.platform);
  }

  // Draws `runs` sequences of the seed. False: one of them shows a difference, which is printed.
  bool check(std::uint64_t runs, std::uint64_t seed) {
    // What rapidcheck is told by its environment alone; `max_size` bounds a sequence's length.
    ::setenv("RC_PARAMS",
             fmt::format("seed={} max_success={} max_size=40 verbose_progress=0", seed, runs).c_str(), 1);
    const auto sequences = rc::gen::container<std::vector<Step>>(any_step());
    std::string difference;
    const bool held = rc::check([&] {
      const std::vector<Step> sequence = *sequences;
      try {
        Pair pair(serving_, prepared_);
        for (const Step& step : sequence) pair.take(step);
        pair.prove();
        steps_ += sequence.size();
      } catch (const Failure& failure) {
        difference = failure.what();  // of the smallest sequence, in the end
        RC_FAIL(difference);
      }
    });
    if (!held) fmt::print("{}\n", difference);
    return held;
  }
  [[nodiscard]] std::uint64_t steps() const { return steps_; }

 private:
  Home home_;
  Prepared prepared_;
  Serving serving_;
  std::uint64_t steps_ = 0;
};

bool check_model(std::uint64_t runs, std::uint64_t seed, std::uint64_t from) {
  Checker checker;
  bool held = true;
  for (std::uint64_t done = from * sequences_at_once; held && done < runs; done += sequences_at_once) {
    std::seed_seq seeds{seed, done};
    held = checker.check(std::min(sequences_at_once, runs - done), Random(seeds)());
    if (!held) fmt::print("found with --seed {} --from {}\n", seed, done / sequences_at_once);
  }
  fmt::print("{} steps, seed {}\n", checker.steps(), seed);
  return held;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    const std::uint64_t runs = argument(argc, argv, "--runs", 500);
    const std::uint64_t seed = argument(argc, argv, "--seed", std::random_device{}());
    const bool held = check_model(runs, seed, argument(argc, argv, "--from", 0));
    if (held) fmt::print("{} runs, 0 divergences\n", runs);
    return held ? 0 : 1;
  } catch (const std::exception& failure) {
    fmt::print(stderr, "crash_model: {}\n", failure.what());
    return 1;
  }
}
