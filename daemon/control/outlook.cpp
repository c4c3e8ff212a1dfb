// What limits a path's spending, how fast that is used up, and when it will be gone.

#include <algorithm>

#include "common/api/explain.h"
#include "daemon/control/handlers.h"
#include "daemon/control/pages.h"
#include "daemon/control/resolve.h"
#include "daemon/store/money.h"

namespace govctl::control {
namespace {

constexpr std::int64_t day_s = 86'400;

store::UsageFilter filter_of(const tenant::Node& node) {
  store::UsageFilter filter;
  switch (node.level) {
    case Level::org:
      break;
    case Level::workspace:
      filter.workspace = WorkspaceId{node.id};
      break;
    case Level::group:
      filter.group = AgentGroupId{node.id};
      break;
    case Level::agent:
      filter.agent = AgentId{node.id};
      break;
    case Level::key:
      filter.key = KeyId{node.id};
      break;
  }
  return filter;
}

// Nodes on the way to `node`, and those below it.
std::vector<const tenant::Node*> concerned(const tenant::Snapshot& snapshot, const tenant::Node& node) {
  std::vector<const tenant::Node*> nodes;
  for (const auto* at : snapshot.chain(node)) {
    if (at != nullptr && at != &node) nodes.push_back(at);
  }
  for (const auto& each : snapshot.nodes()) {
    if (each.level >= node.level && below(snapshot, each, node)) nodes.push_back(&each);
  }
  return nodes;
}

// When it will be used up at the rate of the last day: not at all, or not before it starts anew.
void foresee(api::BudgetOutlook& line, Timestamp now, const std::optional<Timestamp>& resets_at) {
  line.left = std::max<std::int64_t>(line.limit - line.spent - line.held, 0);
  if (resets_at) line.resets_at = rfc3339(*resets_at);
  if (line.last_24h <= 0) return;
  const Int128 seconds = Int128{line.left} * day_s / line.last_24h;
  if (seconds > Int128{max_amount} / micros_per_second) return;
  const auto until = static_cast<std::int64_t>(seconds);
  const Timestamp at{now.micros + until * micros_per_second};
  if (resets_at && at >= *resets_at) return;
  line.seconds_to_limit = until;
  line.limit_reached_at = rfc3339(at);
}

Result<std::vector<std::int64_t>> burnt(store::Connection& db, const std::vector<store::UsageFilter>& filters) {
  std::vector<std::int64_t> sums;
  for (const auto& filter : filters) {
    auto rows = store::sum_usage(db, store::UsageBy::provider, filter, 1'000'000);
    if (!rows) return std::unexpected(rows.error());
    std::int64_t credits = 0;
    for (const auto& row : *rows) credits += row.credits.value();
    sums.push_back(credits);
  }
  return sums;
}

api::BudgetOutlook balance_line(const NodeAt& at, std::int64_t last_24h, Timestamp now) {
  const auto balance = at.tenant->balance();
  api::BudgetOutlook line;
  line.path = at.snapshot->root().path;
  line.what = "BALANCE";
  line.limit = balance.balance.value() + at.org().overdraft->value();
  line.held = balance.reserved.value();
  line.last_24h = last_24h;
  foresee(line, now, std::nullopt);
  return line;
}

}  // namespace

Answer explain_budgets(Request& request) {
  const auto path = request.asked("path");
  if (!path) co_return fail(Code::invalid, "'path' is missing: whose budgets?", "govctl budget explain PATH");
  auto at = find_node(request, *path);
  if (!at) co_return std::unexpected(at.error());
  const auto nodes = concerned(*at->snapshot, *at->node);
  std::vector<const tenant::Node*> limited{&at->snapshot->root()};  // the balance is the org's
  for (const auto* node : nodes) {
    if (!node->budgets.empty() && node != limited.front()) limited.push_back(node);
  }
  std::vector<store::UsageFilter> filters;
  for (const auto* node : limited) {
    filters.push_back(filter_of(*node));
    filters.back().window.since = Timestamp{request.now.micros - day_s * micros_per_second};
  }
  Query<std::vector<std::int64_t>> query = [filters](store::Connection& db) { return burnt(db, filters); };
  auto rates = co_await at->tenant->read(std::move(query));
  if (!rates) co_return std::unexpected(rates.error());

  std::vector<api::BudgetOutlook> lines;
  if (at->org().overdraft) lines.push_back(balance_line(*at, rates->front(), request.now));
  for (std::size_t i = 0; i < limited.size(); ++i) {
    const auto spend = at->tenant->spend(limited[i]->id);
    for (const std::size_t row : limited[i]->budgets) {
      const auto& budget = at->snapshot->config().budgets[row];
      api::BudgetOutlook line;
      line.path = limited[i]->path;
      if (limited[i]->level == Level::key) line.key_id = uuid_text(limited[i]->id);
      line.what = std::string(domain::period_word(budget.period));
      line.limit = budget.limit.value();
      line.spent = spend.of(budget.period).value();
      line.held = spend.held.value();
      line.last_24h = (*rates)[i];
      foresee(line, request.now, domain::period_end(budget.period, request.now));
      lines.push_back(std::move(line));
    }
  }
  auto page = page_of(request, std::move(lines), [](const api::BudgetOutlook& line) {
    return line.path + '\n' + line.key_id.value_or("") + '\n' + line.what;
  });
  if (!page) co_return std::unexpected(page.error());
  co_return reply(*page);
}

}  // namespace govctl::control
