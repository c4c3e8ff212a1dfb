#include "daemon/control/calls_by_id.h"
#include "daemon/control/checks.h"
#include "daemon/control/handlers.h"
#include "daemon/control/pages.h"
#include "daemon/control/present.h"
#include "daemon/control/resolve.h"

namespace govctl::control {
namespace {

constexpr std::int64_t day = std::int64_t{86'400} * micros_per_second;

// Whose usage: the account, and with ?path= the node of its tree that the figures are narrowed to.
struct Account {
  OrgAt at;
  const tenant::Node* node = nullptr;
  store::UsageFilter filter;
};

Result<Account> account_of(const Request& request) {
  auto at = find_account(request, request.parameter(0));
  if (!at) return std::unexpected(at.error());
  Account account{*at, &at->snapshot->root(), {}};
  const auto path = request.asked("path");
  if (!path) return account;
  auto narrowed = find_node(request, *path);
  if (!narrowed) return std::unexpected(narrowed.error());
  if (narrowed->tenant != at->tenant) {
    return fail(Code::invalid, fmt::format("'path' must lie in org {}", at->org().slug));
  }
  account.at.snapshot = narrowed->snapshot;
  account.node = narrowed->node;
  const Uuid& id = narrowed->node->id;
  switch (narrowed->node->level) {
    case Level::org:
      break;
    case Level::workspace:
      account.filter.workspace = WorkspaceId{id};
      break;
    case Level::group:
      account.filter.group = AgentGroupId{id};
      break;
    case Level::agent:
      account.filter.agent = AgentId{id};
      break;
    case Level::key:
      account.filter.key = KeyId{id};
      break;
  }
  return account;
}

struct Burnt {
  std::int64_t credits = 0, calls = 0;
};
Result<Burnt> burnt_since(store::Connection& db, store::UsageFilter filter, Timestamp since) {
  filter.window.since = since;
  auto sums = store::sum_usage(db, store::UsageBy::provider, filter, 1'000'000);
  if (!sums) return std::unexpected(sums.error());
  Burnt burnt;
  for (const auto& sum : *sums) {
    burnt.credits += sum.credits.value();
    burnt.calls += sum.calls;
  }
  return burnt;
}

// What calls are summed by; for tags, the name of one.
struct By {
  store::UsageBy what = store::UsageBy::agent;
  std::string tag;
};
std::optional<By> parse_by(std::string_view word) {
  using enum store::UsageBy;
  constexpr std::array<std::pair<std::string_view, store::UsageBy>, 7> words{{{"agent", agent},
                                                                              {"model", model},
                                                                              {"key", key},
                                                                              {"user", user},
                                                                              {"provider", provider},
                                                                              {"session", session},
                                                                              {"dialect", dialect}}};
  constexpr std::string_view tag_prefix = "tag:";
  if (word.size() > tag_prefix.size() && word.starts_with(tag_prefix)) {
    return By{tag, std::string(word.substr(tag_prefix.size()))};
  }
  if (word == "tag") return By{tag, {}};
  for (const auto& [name, what] : words) {
    if (name == word) return By{what, {}};
  }
  return std::nullopt;
}

// ?session= and ?tag=NAME=VALUE.
Result<void> narrow_by_origin(const Request& request, store::UsageFilter& filter) {
  filter.session = request.asked("session").value_or("");
  const auto tag = request.asked("tag");
  if (!tag) return {};
  const std::size_t equals = tag->find('=');
  if (equals == 0 || equals == std::string::npos) return fail(Code::invalid, "'tag' must be NAME=VALUE");
  filter.tag = tag->substr(0, equals);
  filter.tag_value = tag->substr(equals + 1);
  return {};
}

// A key as people know it: its agent's path and its name.
std::string name_of(const tenant::Snapshot& snapshot, store::UsageBy by, const store::UsageSum& sum) {
  if (by == store::UsageBy::agent) return path_or_id(snapshot, sum.id);
  if (by != store::UsageBy::key) return sum.name;
  const auto* node = snapshot.find(sum.id);
  return node == nullptr ? uuid_text(sum.id) : fmt::format("{} {}", node->path, snapshot.key(*node).name);
}

Answer top_by(Request& request, By by) {
  auto account = account_of(request);
  if (!account) co_return std::unexpected(account.error());
  if (auto ok = narrow_by_origin(request, account->filter); !ok) co_return std::unexpected(ok.error());
  auto limit = limit_of(request);
  if (!limit) co_return std::unexpected(limit.error());
  auto window = parse_span("window", request.asked("window").value_or("24h"));
  if (!window) co_return std::unexpected(window.error());
  auto filter = account->filter;
  filter.window.since = Timestamp{request.now.micros - *window};
  Query<std::vector<store::UsageSum>> query = [filter, by](store::Connection& db) {
    return store::sum_usage(db, by.what, filter, 1'000'000, by.tag);
  };
  auto sums = co_await account->at.tenant->read(std::move(query));
  if (!sums) co_return std::unexpected(sums.error());
  api::List<api::UsageTop> list;
  list.total = static_cast<std::int64_t>(sums->size());
  for (const auto& sum : *sums) {
    if (static_cast<std::int64_t>(list.items.size()) == *limit) break;
    api::UsageTop top;
    top.name = name_of(*account->at.snapshot, by.what, sum);
    top.calls = sum.calls;
    top.input_tokens = sum.input_tokens;
    top.output_tokens = sum.output_tokens;
    top.credits = sum.credits.value();
    top.cost_usd = sum.cost.usd();
    list.items.push_back(std::move(top));
  }
  co_return reply(list);
}

}  // namespace

asio::awaitable<Result<CallAt>> find_call(Request& request, std::string id) {
  const auto parsed = RequestId::parse(id);
  if (parsed) {
    for (const auto& tenant : visible_tenants(request)) {
      Query<std::optional<store::StoredEvent>> query = [wanted = *parsed](store::Connection& db) {
        return store::find_event(db, wanted);
      };
      auto event = co_await tenant->read(std::move(query));
      if (!event) co_return std::unexpected(event.error());
      if (!*event) continue;
      CallAt call{{tenant, tenant->snapshot()}, std::move(**event)};
      co_return call;
    }
  }
  co_return fail(Code::not_found, fmt::format("there is no call '{}'", id.substr(0, 200)),
                 "govctl usage history ORG");
}

Answer list_usage(Request& request) {
  auto account = account_of(request);
  if (!account) co_return std::unexpected(account.error());
  auto window = window_of(request);
  if (!window) co_return std::unexpected(window.error());
  auto page = seq_page(request);
  if (!page) co_return std::unexpected(page.error());
  auto filter = account->filter;
  filter.window = *window;
  if (auto ok = narrow_by_origin(request, filter); !ok) co_return std::unexpected(ok.error());
  filter.model = request.asked("model").value_or("");
  filter.status = request.asked("status").value_or("");
  if (!filter.status.empty() && !domain::parse_call_status(filter.status)) {
    co_return fail(Code::invalid, "'status' must be SUCCESS, ERROR, POLICY_BLOCKED or BUDGET_EXCEEDED");
  }
  Query<store::Rows<store::StoredEvent>> query = [filter, page = *page](store::Connection& db) {
    return store::read_usage(db, filter, page);
  };
  auto rows = co_await account->at.tenant->read(std::move(query));
  if (!rows) co_return std::unexpected(rows.error());
  api::List<api::UsageEvent> list;
  for (const auto& row : rows->rows) list.items.push_back(shown(row, *account->at.snapshot));
  list.next = seq_cursor(*rows);
  list.total = rows->total;
  co_return reply(list);
}

Answer get_usage(Request& request) {
  auto call = co_await find_call(request, request.parameter(0));
  if (!call) co_return std::unexpected(call.error());
  co_return reply(shown(call->stored, *call->at.snapshot));
}

Answer get_burn_rate(Request& request) {
  auto account = account_of(request);
  if (!account) co_return std::unexpected(account.error());
  using Both = std::pair<Burnt, Burnt>;
  Query<Both> query = [filter = account->filter, now = request.now](store::Connection& db) -> Result<Both> {
    auto last_day = burnt_since(db, filter, Timestamp{now.micros - day});
    if (!last_day) return std::unexpected(last_day.error());
    auto last_week = burnt_since(db, filter, Timestamp{now.micros - 7 * day});
    if (!last_week) return std::unexpected(last_week.error());
    return Both{*last_day, *last_week};
  };
  auto burnt = co_await account->at.tenant->read(std::move(query));
  if (!burnt) co_return std::unexpected(burnt.error());
  api::BurnRate rate;
  rate.path = account->node->path;
  rate.last_24h = burnt->first.credits;
  rate.calls_24h = burnt->first.calls;
  rate.last_7d = burnt->second.credits;
  rate.calls_7d = burnt->second.calls;
  if (account->node->level == Level::org) {
    // The balance is the org's; how long it lasts follows from all of its calls.
    const std::int64_t balance = account->at.tenant->balance().balance.value();
    rate.balance = balance;
    if (rate.last_24h > 0 && balance >= 0) {
      const Int128 seconds = Int128{balance} * 86'400 / rate.last_24h;
      rate.seconds_left = static_cast<std::int64_t>(std::min<Int128>(seconds, max_amount));
    }
  }
  co_return reply(rate);
}

Answer list_top_users(Request& request) { return top_by(request, {store::UsageBy::user, {}}); }

Answer list_top(Request& request) {
  const auto by = parse_by(request.asked("by").value_or("agent"));
  if (!by)
    co_return fail(Code::invalid,
                   "'by' must be agent, model, key, user, provider, session, dialect, tag or tag:NAME");
  co_return co_await top_by(request, *by);
}

}  // namespace govctl::control
