// Before a call: what it may need at most is held, or why it may not go on (30-ledger.md "One call").

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "daemon/telemetry/log.h"
#include "daemon/telemetry/metrics.h"
#include "daemon/tenant/decision.h"
#include "daemon/tenant/state.h"

namespace govctl::tenant {

using domain::Cause;
using domain::Decision;
using domain::Refusal;

namespace {

Refusal refusal_of(Cause cause, std::string message, std::string path = {}, std::string next = {}) {
  Refusal refusal;
  refusal.cause = cause;
  refusal.message = std::move(message);
  refusal.path = std::move(path);
  refusal.next = std::move(next);
  return refusal;
}

// Why it was not admitted, with all the lines that were compared.
Refusal refusal_of(const Decision& decision, const domain::MoneyLines& money, const domain::RateLines& rates,
                   const std::array<const Node*, level_count>& nodes, Timestamp now) {
  Refusal refusal;
  if (decision.kind == Decision::Kind::refuse_rate) {
    refusal = domain::rate_refusal(*decision.rate, nodes[static_cast<std::size_t>(decision.rate->level)]->path);
  } else {
    refusal = no_room(*decision.money, decision.needed, nodes, now);
  }
  refusal.money.assign(money.begin(), money.end());
  refusal.rates.assign(rates.begin(), rates.end());
  return refusal;
}

// What the candidates that the rules allow need together.
struct Covered {
  domain::Demand demand;
  std::bitset<domain::max_alias_targets> candidates;
  std::size_t dearest = 0;
};

// A refusal when the rules allow none of them: of the first.
std::expected<Covered, Refusal> cover(const CallFacts& facts, const Route& route) {
  const Node& key = *facts.caller.key;
  const std::int64_t rate = facts.caller.snapshot->config().org.credits_per_usd;
  Covered covered;
  std::optional<Refusal> refused;
  Credits most;
  for (std::size_t i = 0; i < route.candidates.size(); ++i) {
    const Candidate& candidate = route.candidates[i];
    auto demand = domain::check_rules(*key.rules, facts.ask, candidate.provider->name, candidate.upstream_model,
                                      *candidate.price, rate);
    if (!demand) {
      if (!refused) refused = std::move(demand.error());
      continue;
    }
    const Credits worst = *demand->hold(demand->output_tokens);  // check_rules has seen that it fits
    if (covered.candidates.none() || worst > most) {
      most = worst;
      covered.dearest = i;
    }
    if (covered.candidates.none()) {
      covered.demand = std::move(*demand);
    } else {
      covered.demand.cover(*demand);
    }
    covered.candidates.set(i);
  }
  if (covered.candidates.any()) return covered;
  refused->path = key.path;
  if (refused->next.empty()) refused->next = fmt::format("govctl policy effective {}", key.path);
  return std::unexpected(std::move(*refused));
}

}  // namespace

Refusal no_room(const domain::MoneyLine& line, Credits needed,
                const std::array<const Node*, level_count>& nodes, Timestamp now) {
  const std::string& path = nodes[static_cast<std::size_t>(line.level)]->path;
  Refusal refusal = domain::money_refusal(line, needed, path, now);
  if (refusal.cause == Cause::budget) refusal.next = fmt::format("govctl budget explain {}", refusal.path);
  if (refusal.cause == Cause::key_limit) refusal.next = fmt::format("govctl key list {}", refusal.path);
  return refusal;
}

// --- reserve

void Tenant::contend(Contender& contender, bool last, const std::vector<std::uint64_t>& older) {
  State& state = *state_;
  const std::int64_t second = services_.clock->steady_micros() / micros_per_second;
  state.meters.roll(services_.clock->now());
  contender.money.size = 0;
  contender.rates.size = 0;
  state.meters.money_lines(*contender.snapshot, contender.nodes, contender.meters, contender.money);
  Meters::rate_lines(*contender.nodes[4]->rules, contender.meters, second, contender.demand->rate_tokens,
                     contender.rates);
  contender.decision = domain::decide(*contender.demand, contender.rates, contender.money, last);
  Decision& decision = contender.decision;

  if (decision.kind == Decision::Kind::admit && !older.empty()) {
    for (const domain::MoneyLine& line : contender.money) {
      if (std::ranges::find(older, line.meter) == older.end()) continue;
      decision.kind = Decision::Kind::wait;
      decision.money = &line;
      break;
    }
  }
  if (decision.kind == Decision::Kind::wait) contender.blocked_on = decision.money->meter;
  if (decision.kind != Decision::Kind::admit) return;

  state.meters.hold(contender.meters, decision.hold);
  contender.rate =
      Meters::enter_rates(*contender.nodes[4]->rules, contender.meters, second, contender.demand->rate_tokens);
}

void Tenant::wake_waiters() {
  State& state = *state_;
  std::vector<std::uint64_t> blocked;  // meters that an older one still waits for
  for (auto at = state.waiters.begin(); at != state.waiters.end();) {
    Waiter& waiter = **at;
    Contender& contender = *waiter.contender;
    // Behind an older one, too, it may have become clear that it can never be met.
    contend(contender, false, blocked);
    if (contender.decision.kind == Decision::Kind::wait) {
      if (std::ranges::find(blocked, contender.blocked_on) == blocked.end())
        blocked.push_back(contender.blocked_on);
      ++at;
      continue;
    }
    waiter.decided = true;
    asio::post(waiter.timer.get_executor(), [keep = *at] { keep->timer.cancel(); });
    at = state.waiters.erase(at);
  }
}

// Afterwards the contender is decided: by others' settling, or because its time is up or the queue is full.
asio::awaitable<void> Tenant::wait_for_room(Contender& contender) {
  const auto executor = co_await asio::this_coro::executor;
  auto waiter = std::make_shared<Waiter>(executor, contender);
  // Leaves the queue however the coroutine ends.
  struct Place {
    Tenant& tenant;
    std::shared_ptr<Waiter> waiter;
    ~Place() {
      const std::scoped_lock lock(tenant.state_->mutex);
      if (waiter->decided) return;
      tenant.state_->waiters.remove(waiter);
      tenant.wake_waiters();
    }
  };
  {
    const std::scoped_lock lock(state_->mutex);
    // Between the decision and here somebody may have settled.
    const bool full = state_->waiters.size() >= max_waiters;
    contend(contender, full, full ? std::vector<std::uint64_t>{} : state_->waited_for());
    if (contender.decision.kind != Decision::Kind::wait) co_return;
    state_->waiters.push_back(waiter);
  }
  const Place place{*this, waiter};
  waiter->timer.expires_after(max_wait);
  boost::system::error_code ignored;
  co_await waiter->timer.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
  const std::scoped_lock lock(state_->mutex);
  if (waiter->decided) co_return;
  // Decided in the step in which it leaves the queue: nobody can admit it a second time.
  waiter->decided = true;
  state_->waiters.remove(waiter);
  contend(contender, true, {});
  wake_waiters();  // those who stood behind it
}

asio::awaitable<std::expected<Hold, Refusal>> Tenant::reserve(const CallFacts& facts, const Route& route) {
  Contender contender;
  contender.snapshot = facts.caller.snapshot;
  const Snapshot& snapshot = *contender.snapshot;
  const Node& key = *facts.caller.key;
  contender.nodes = snapshot.chain(key);
  if (auto refusal = inactive(snapshot, contender.nodes)) co_return std::unexpected(std::move(*refusal));
  auto covered = cover(facts, route);
  if (!covered) co_return std::unexpected(std::move(covered.error()));
  contender.demand = &covered->demand;

  bool waited = false;
  bool write_rules = false;
  {
    const std::scoped_lock lock(state_->mutex);
    contender.meters = state_->meters.chain(snapshot.scope(key));
    contend(contender, false, state_->waited_for());
    write_rules = !state_->rules_written.contains(key.rules_id);
  }
  if (contender.decision.kind == Decision::Kind::wait) {
    waited = true;
    co_await wait_for_room(contender);
  }
  const Decision& decision = contender.decision;
  if (decision.kind != Decision::Kind::admit) {
    co_return std::unexpected(
        refusal_of(decision, contender.money, contender.rates, contender.nodes, services_.clock->now()));
  }

  // The hold in memory is given back whatever ends this coroutine before its row is known to be there; a row
  // without its owner is settled by the next start.
  struct Grant {
    Tenant& tenant;
    const Contender& contender;
    bool kept = false;
    ~Grant() {
      if (kept) return;
      const std::scoped_lock lock(tenant.state_->mutex);
      tenant.state_->meters.release(contender.meters, contender.decision.hold);
      Meters::withdraw_rates(contender.rate, contender.meters);
      tenant.wake_waiters();
    }
  };
  Grant grant{*this, contender};

  auto hold = std::make_unique<HoldFacts>();
  hold->tenant = shared_from_this();
  hold->call = facts;
  hold->route = route;
  hold->covered = covered->candidates;
  hold->asked = covered->dearest;
  hold->meters = contender.meters;
  hold->reserved = decision.hold;
  hold->output_tokens = decision.output_tokens;
  hold->input_tokens = covered->demand.input_tokens;
  hold->by_estimate = covered->demand.first_output.has_value();
  hold->rate = contender.rate;
  hold->clamped = decision.clamped;
  hold->waited = waited;
  hold->decision = decision_json(contender.money);

  domain::Reservation reservation;
  reservation.request_id = facts.request_id;
  reservation.scope = snapshot.scope(key);
  reservation.dialect = facts.dialect;
  // The dearest candidate: a call that a crash leaves is charged the hold, which is its.
  const Candidate& dearest = route.candidates[covered->dearest];
  reservation.provider = dearest.provider->name;
  reservation.model = facts.ask.model;
  reservation.price_model = dearest.price->model;
  reservation.price_version = dearest.price->version;
  reservation.credits_per_usd = snapshot.config().org.credits_per_usd;
  reservation.stream = facts.ask.stream;
  reservation.reserved = decision.hold;
  reservation.rules_id = key.rules_id;
  reservation.created_at = services_.clock->now();

  store::Reserved record{std::move(reservation), write_rules ? key.rules_json : std::string{},
                         facts.idempotency_key, facts.fingerprint};
  metrics::Timer timer(metrics::Stage::reserve);
  auto committed = co_await record_call(services_, *file_, std::move(record));
  if (!committed) {
    log::error("a reservation could not be written",
               {{log::Field::request_id, facts.request_id.text()},
                {log::Field::org, snapshot.root().slug},
                {log::Field::code, govctl::facts(committed.error().code).word}});
    co_return std::unexpected(refusal_of(Cause::unavailable,
                                         "the ledger cannot be written now; the call was not made", key.path,
                                         "govctl status"));
  }
  timer.done();
  grant.kept = true;
  if (write_rules) {
    const std::scoped_lock lock(state_->mutex);
    state_->rules_written.insert(key.rules_id);
  }
  hold->granted_steady = services_.clock->steady_micros();
  co_return Hold(std::move(hold));
}

std::expected<Considered, Refusal> Tenant::consider(const Caller& caller, const domain::Ask& ask,
                                                    const Route& route) const {
  CallFacts facts;
  facts.caller = caller;
  facts.ask = ask;
  const auto nodes = caller.snapshot->chain(*caller.key);
  if (auto refusal = inactive(*caller.snapshot, nodes)) return std::unexpected(std::move(*refusal));
  auto covered = cover(facts, route);
  if (!covered) return std::unexpected(std::move(covered.error()));
  domain::MoneyLines money;
  domain::RateLines rates;
  Decision decision;
  {
    const std::int64_t second = services_.clock->steady_micros() / micros_per_second;
    const std::scoped_lock lock(state_->mutex);
    state_->meters.roll(services_.clock->now());
    MeterChain meters{};
    for (std::size_t i = 0; i < level_count; ++i) {
      if (nodes[i] != nullptr) meters[i] = &state_->meters.at(nodes[i]->id);
    }
    state_->meters.money_lines(*caller.snapshot, nodes, meters, money);
    Meters::rate_lines(*caller.key->rules, meters, second, covered->demand.rate_tokens, rates);
    decision = domain::decide(covered->demand, rates, money, true);
  }
  if (decision.kind != Decision::Kind::admit) {
    return std::unexpected(refusal_of(decision, money, rates, nodes, services_.clock->now()));
  }
  return Considered{&route.candidates[covered->dearest],
                    decision.hold,
                    decision.output_tokens,
                    decision.clamped,
                    {money.begin(), money.end()}};
}

std::vector<RateState> Tenant::rate_states(const Snapshot& snapshot, const Node& key) const {
  std::vector<RateState> states;
  const std::int64_t second = services_.clock->steady_micros() / micros_per_second;
  const std::scoped_lock lock(state_->mutex);
  const MeterChain meters = state_->meters.chain(snapshot.scope(key));
  const auto narrow = [&](Cause cause, std::int64_t limit, std::int64_t used, std::int64_t reset) {
    const RateState state{cause, limit, std::max<std::int64_t>(limit - used, 0), reset};
    const auto same = std::ranges::find(states, cause, &RateState::cause);
    if (same == states.end()) {
      states.push_back(state);
    } else if (state.remaining < same->remaining) {
      *same = state;
    }
  };
  for (const domain::RateRule& rule : key.rules->rates) {
    const Meter& meter = *meters[static_cast<std::size_t>(rule.level)];
    if (!meter.rate) continue;
    meter.rate->roll(second);
    if (rule.rpm) {
      narrow(Cause::rpm, *rule.rpm, meter.rate->calls(),
             meter.rate->seconds_until_free(meter.rate->calls(), 0));
    }
    if (rule.tpm) {
      narrow(Cause::tpm, *rule.tpm, meter.rate->tokens(),
             meter.rate->seconds_until_free(0, meter.rate->tokens()));
    }
  }
  return states;
}

}  // namespace govctl::tenant
