// GET /live: the picture that `govctl top` shows. Figures of money are in memory; of each org's file only the
// newest calls are read, so that its cost does not grow with the history.

#include "common/api/live.h"

#include <algorithm>
#include <unordered_map>

#include "common/version.h"
#include "daemon/control/handlers.h"
#include "daemon/control/present.h"
#include "daemon/control/resolve.h"
#include "daemon/store/recent_calls.h"

namespace govctl::control {
namespace {

constexpr std::int64_t newest_calls = 2000;
constexpr std::int64_t longest_window = 60 * micros_per_second;
constexpr std::size_t most_refusals = 20;

// Where the picture is of: an org, or a part of one.
struct Place {
  std::shared_ptr<tenant::Tenant> tenant;
  std::shared_ptr<const tenant::Snapshot> snapshot;
  const tenant::Node* top = nullptr;
  [[nodiscard]] bool holds(const tenant::Node& node) const { return below(*snapshot, node, *top); }
};

Result<std::vector<Place>> places_of(const Request& request) {
  std::vector<Place> places;
  if (const auto path = request.asked("path")) {
    auto at = find_node(request, *path);
    if (!at) return std::unexpected(at.error());
    places.push_back({at->tenant, at->snapshot, at->node});
    return places;
  }
  for (const auto& tenant : visible_tenants(request)) {
    auto snapshot = tenant->snapshot();
    const auto* root = &snapshot->root();
    places.push_back({tenant, std::move(snapshot), root});
  }
  return places;
}

struct Pace {
  std::int64_t calls = 0, tokens = 0;
};
struct Recent {
  std::unordered_map<Uuid, Pace, tenant::UuidHash> paces;  // by agent
  std::int64_t window_s = 0;
};

// The calls of the last minute; of a shorter time where the newest calls do not reach back that far.
Recent recent_of(const std::vector<store::RecentCall>& calls, Timestamp now) {
  Recent recent;
  std::int64_t window = longest_window;
  if (static_cast<std::int64_t>(calls.size()) == newest_calls) {
    window = std::clamp<std::int64_t>(now.micros - calls.back().created_at.micros, micros_per_second, window);
  }
  recent.window_s = window / micros_per_second;
  for (const auto& call : calls) {
    if (call.created_at.micros < now.micros - recent.window_s * micros_per_second) continue;
    Pace& pace = recent.paces[call.agent.bytes];
    pace.calls += call.count;
    pace.tokens += call.tokens;
  }
  return recent;
}

void add_agents(const Place& place, const Recent& recent, api::Live& live) {
  for (const auto& node : place.snapshot->nodes()) {
    if (node.level != Level::agent || !place.holds(node)) continue;
    const tenant::Spend spend = place.tenant->spend(node.id);
    const auto pace = recent.paces.find(node.id);
    api::LiveAgent agent;
    agent.path = node.path;
    agent.status =
        shown(place.snapshot->agent(node), node.path, place.tenant->exhausted(*place.snapshot, node)).status;
    if (pace != recent.paces.end()) {
      agent.last_calls = pace->second.calls;
      agent.last_tokens = pace->second.tokens;
    }
    agent.spent_day = spend.day.value();
    agent.spent_month = spend.month.value();
    agent.spent_total = spend.total.value();
    agent.held = spend.held.value();
    live.agents.push_back(std::move(agent));
  }
}

void add_budgets(const Place& place, Timestamp now, api::Live& live) {
  for (const auto& row : place.snapshot->config().budgets) {
    const auto* node = place.snapshot->find(row.target);
    if (node == nullptr || !place.holds(*node)) continue;
    const api::Budget whole = shown(row, node->path, place.tenant->spend(row.target), now);
    live.budgets.push_back(
        {whole.path, whole.key_id, whole.period, whole.limit, whole.spent, whole.held, whole.resets_at});
  }
}

void add_refusals(const Place& place, std::vector<store::RecentCall>& calls, api::Live& live) {
  std::size_t added = 0;
  for (auto& call : calls) {
    if (call.status != "POLICY_BLOCKED" && call.status != "BUDGET_EXCEEDED") continue;
    const auto* agent = place.snapshot->find(call.agent.bytes);
    if (place.top->level != Level::org && (agent == nullptr || !place.holds(*agent))) continue;
    if (++added > most_refusals) return;
    live.refusals.push_back({rfc3339(call.created_at), call.request.text(),
                             path_or_id(*place.snapshot, call.agent.bytes), std::move(call.model),
                             std::move(call.status), std::move(call.cause), std::move(call.error_message),
                             call.count});
  }
}

api::LiveOrg org_of(const Place& place, const Recent& recent) {
  const tenant::Balance balance = place.tenant->balance();
  const domain::Org& org = place.snapshot->config().org;
  return {org.slug,
          balance.balance.value(),
          balance.reserved.value(),
          static_cast<std::int64_t>(place.tenant->inflight()),
          org.credits_per_usd,
          recent.window_s};
}

// How full, in thousandths; what is held counts.
Int128 fullness(const api::LiveBudget& budget) {
  const Int128 used = Int128{budget.spent} + budget.held;
  return budget.limit > 0 ? used * 1000 / budget.limit : 1000;
}

void sort_and_cut(api::Live& live, std::size_t limit) {
  std::ranges::sort(live.agents, [](const auto& a, const auto& b) {
    return std::tie(b.last_calls, b.held, b.spent_day, b.spent_total, a.path) <
           std::tie(a.last_calls, a.held, a.spent_day, a.spent_total, b.path);
  });
  std::ranges::sort(live.budgets, [](const auto& a, const auto& b) {
    const Int128 full_a = fullness(a);
    const Int128 full_b = fullness(b);
    return full_a != full_b ? full_a > full_b : std::tie(a.path, a.period) < std::tie(b.path, b.period);
  });
  std::ranges::sort(live.refusals, std::ranges::greater{}, &api::LiveRefusal::at);
  live.agents_total = static_cast<std::int64_t>(live.agents.size());
  live.agents.resize(std::min(live.agents.size(), limit));
  live.budgets.resize(std::min(live.budgets.size(), limit));
  live.refusals.resize(std::min(live.refusals.size(), most_refusals));
}

}  // namespace

Answer get_live(Request& request) {
  auto limit = limit_of(request);
  if (!limit) co_return std::unexpected(limit.error());
  auto places = places_of(request);
  if (!places) co_return std::unexpected(places.error());
  api::Live live;
  live.at = rfc3339(request.now);
  live.version = std::string(version);
  live.uptime_s = (request.clock().steady_micros() - request.options.started_steady) / micros_per_second;
  live.inflight = static_cast<std::int64_t>(request.registry.inflight());
  for (const Place& place : *places) {
    Query<std::vector<store::RecentCall>> query = [](store::Connection& db) {
      return store::recent_calls(db, newest_calls);
    };
    auto calls = co_await place.tenant->read(std::move(query));
    if (!calls) co_return std::unexpected(calls.error());
    const Recent recent = recent_of(*calls, request.now);
    live.orgs.push_back(org_of(place, recent));
    add_agents(place, recent, live);
    add_budgets(place, request.now, live);
    add_refusals(place, *calls, live);
  }
  sort_and_cut(live, static_cast<std::size_t>(*limit));
  co_return reply(live);
}

}  // namespace govctl::control
