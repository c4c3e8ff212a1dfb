#pragma once
// The money rules of 30-ledger.md, told as plainly as they can be: lists of what happened, and every figure
// added up anew each time it is asked for. Knows nothing of the daemon's code.

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace govctl::test {

constexpr std::int64_t model_input = 100;  // bytes of each request
constexpr std::size_t model_agents = 2;

struct Step {
  enum class Kind {
    reserve,
    settle,
    drop,
    purchase,
    adjust,
    refund,
    set_budget,
    delete_budget,
    policy,
    no_policy,
    pass_time,
    step_back,
    crash,
    restart
  };
  Kind kind = Kind::reserve;
  unsigned which = 0;   // an agent, a hold, a call, a budget: as many as there are, and round again
  unsigned amount = 0;  // of tokens, credits, seconds, calls
  unsigned key = 0;     // an idempotency key, of a few
  bool flag = false;
};

class MoneyModel {
 public:
  static constexpr std::int64_t second = 1'000'000, hour = 3'600 * second, day = 24 * hour;

  struct Hold {
    std::size_t agent;
    std::int64_t reserved;
  };
  struct Charge {
    std::size_t agent;
    std::int64_t at, credits;
    std::int64_t refunded = 0;
  };
  struct Entry {
    std::int64_t amount;
    std::optional<std::size_t> call;  // of a refund
    bool operator==(const Entry&) const = default;
  };
  struct Budget {
    std::size_t level, agent;  // the agent's node of that level; level 0 is the org, whatever the agent
    int period;                // 0 a day, 1 a month, 2 all
    std::int64_t limit;
    bool auto_disable;
    [[nodiscard]] bool covers(std::size_t who) const { return level == 0 || agent == who; }
  };
  enum class Answer { admitted, clamped, waits, no_money, too_many };
  enum class Booked { entered, replayed, mismatch, insufficient, conflict };

  std::int64_t now = 0, steady = 0;
  std::vector<Hold> holds;
  std::vector<Charge> calls;
  std::vector<Budget> budgets;
  std::optional<std::int64_t> rpm, parallel;  // of a policy on the org

  void start() {
    day_start_ = month_start_ = 0;
    admitted_.clear();
    window_ = false;
    roll();
    for (const Charge& call : calls) open_periods_of(call.at);
  }

  // --- calls
  struct Reserved {
    Answer answer;
    std::int64_t output = 0;  // what the upstream may produce
  };
  Reserved reserve(std::size_t agent, std::int64_t output) {
    roll();
    if (rpm) window_ = true;
    if (rpm && recent() + 1 > *rpm) return {Answer::too_many};
    if (parallel && static_cast<std::int64_t>(holds.size()) + 1 > *parallel) return {Answer::too_many};
    std::int64_t room = balance() - held();
    std::int64_t later = balance();
    for (const Budget& budget : budgets) {
      if (!budget.covers(agent)) continue;
      const std::int64_t left = budget.limit - spent(budget.level, agent, budget.period);
      room = std::min(room, left - held(budget.level, agent));
      later = std::min(later, left);
    }
    const std::int64_t need = model_input + 2 * output;
    if (need > room) {
      if (need <= later) return {Answer::waits};
      // Less output may fit, down to 256 tokens.
      const auto fits = [&](std::int64_t credits) {
        return output > 256 && model_input + std::int64_t{512} <= credits;
      };
      if (!fits(room)) return {fits(later) ? Answer::waits : Answer::no_money};
      output = (room - model_input) / 2;
      admit(agent, output);
      return {Answer::clamped, output};
    }
    admit(agent, output);
    return {Answer::admitted, output};
  }
  void settle(std::size_t hold, std::int64_t credits) {
    charge(holds[hold].agent, charge_time(), credits);
    holds.erase(holds.begin() + static_cast<std::ptrdiff_t>(hold));
  }
  // All that is held is charged, once.
  void crash() {
    start();
    for (const Hold& hold : holds) charge(hold.agent, charge_time(), hold.reserved);
    holds.clear();
  }

  // --- the ledger
  Booked enter(const std::string& key, std::int64_t amount, bool allow_negative) {
    const Entry entry{amount, std::nullopt};
    if (const auto found = entries.find(key); found != entries.end()) {
      return found->second == entry ? Booked::replayed : Booked::mismatch;
    }
    if (amount < 0 && balance() + amount < 0 && !allow_negative) return Booked::insufficient;
    entries.emplace(key, entry);
    return Booked::entered;
  }
  Booked refund(const std::string& key, std::size_t call, std::optional<std::int64_t> amount) {
    Charge& charge = calls[call];
    const auto found = entries.find(key);
    if (found != entries.end()) {
      const Entry wanted{amount.value_or(found->second.amount), call};
      return found->second == wanted ? Booked::replayed : Booked::mismatch;
    }
    const std::int64_t left = charge.credits - charge.refunded;
    const std::int64_t wanted = amount.value_or(left);
    if (wanted <= 0 || wanted > left) return Booked::conflict;
    charge.refunded += wanted;
    entries.emplace(key, Entry{wanted, call});
    return Booked::entered;
  }
  std::map<std::string, Entry> entries;  // but for charges

  // --- the clock
  void pass(std::int64_t micros) {
    now += micros;
    steady += micros;
    roll();
  }
  // A clock that steps back by less than a day; more is another matter, and not asked for here.
  bool step_back(std::int64_t micros) {
    if (now - micros < day_start_ - 23 * hour) return false;
    now -= micros;
    roll();
    return true;
  }

  // --- figures
  [[nodiscard]] std::int64_t balance() const {
    std::int64_t sum = 0;
    for (const auto& [key, entry] : entries) sum += entry.amount;
    for (const Charge& call : calls) sum -= call.credits;
    return sum;
  }
  [[nodiscard]] std::int64_t held() const { return held(0, 0); }
  [[nodiscard]] std::int64_t held(std::size_t level, std::size_t agent) const {
    std::int64_t sum = 0;
    for (const Hold& hold : holds) sum += level == 0 || hold.agent == agent ? hold.reserved : 0;
    return sum;
  }
  [[nodiscard]] std::int64_t spent(std::size_t level, std::size_t agent, int period) const {
    const std::int64_t since = period == 0 ? day_start_ : period == 1 ? month_start_ : 0;
    std::int64_t sum = 0;
    for (const Charge& call : calls) {
      if ((level == 0 || call.agent == agent) && call.at >= since) sum += call.credits - call.refunded;
    }
    return sum;
  }
  // An agent below a budget that is spent and says so.
  [[nodiscard]] bool exhausted(std::size_t agent) const {
    for (const Budget& budget : budgets) {
      if (budget.auto_disable && budget.level < 4 && budget.covers(agent) &&
          spent(budget.level, agent, budget.period) >= budget.limit) {
        return true;
      }
    }
    return false;
  }

 private:
  void admit(std::size_t agent, std::int64_t output) {
    holds.push_back({agent, model_input + 2 * output});
    if (window_ && (rpm || parallel)) admitted_.push_back(steady / second);
  }
  void charge(std::size_t agent, std::int64_t at, std::int64_t credits) {
    calls.push_back({agent, at, credits});
  }
  // What is charged while the clock is behind belongs to the day that is open.
  [[nodiscard]] std::int64_t charge_time() const { return std::max(now, day_start_); }
  [[nodiscard]] std::int64_t recent() const {
    std::int64_t calls_of_a_minute = 0;
    for (const std::int64_t at : admitted_) calls_of_a_minute += at > steady / second - 60 ? 1 : 0;
    return calls_of_a_minute;
  }
  // A period that has begun does not end because the clock steps back.
  void roll() { open_periods_of(now); }
  void open_periods_of(std::int64_t at) {
    day_start_ = std::max(day_start_, at - at % day);
    month_start_ = std::max(month_start_, month_of(at));
  }
  // 00:00 UTC of the first (Howard Hinnant's days_from_civil, the other way round).
  static std::int64_t month_of(std::int64_t micros) {
    const std::int64_t days = micros / day + 719'468;
    const std::int64_t of_era = days % 146'097;
    const std::int64_t year = (of_era - of_era / 1'460 + of_era / 36'524 - of_era / 146'096) / 365;
    const std::int64_t of_year = of_era - (365 * year + year / 4 - year / 100);
    const std::int64_t month = (5 * of_year + 2) / 153;
    const std::int64_t of_month = of_year - (153 * month + 2) / 5;
    return (micros / day - of_month) * day;
  }

  std::int64_t day_start_ = 0, month_start_ = 0;
  bool window_ = false;                 // calls are counted since a rule asked for it
  std::vector<std::int64_t> admitted_;  // the steady second
};

}  // namespace govctl::test
