// What events add up to: counters at start, and reports.

#include <algorithm>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <unordered_map>

#include "daemon/store/columns.h"
#include "daemon/store/money.h"

namespace govctl::store {
namespace {

// One pass over the index usage_events_spend; the scope is that of the key's last charge.
constexpr const char* spent_sql = R"(
SELECT u.org_id, u.workspace_id, u.agent_group_id, u.agent_id, spent.key_id, spent.total, spent.month, spent.day
FROM (SELECT key_id, sum(credits_charged) AS total,
             sum(CASE WHEN created_at >= :month THEN credits_charged ELSE 0 END) AS month,
             sum(CASE WHEN created_at >= :day THEN credits_charged ELSE 0 END) AS day, max(seq) AS last
      FROM usage_events INDEXED BY usage_events_spend WHERE credits_charged > 0 GROUP BY key_id) AS spent
CROSS JOIN usage_events AS u ON u.seq = spent.last)";
// A refund belongs to the period in which its call was charged.
constexpr const char* refunded_sql = R"(
SELECT u.key_id, sum(l.amount), sum(CASE WHEN u.created_at >= :month THEN l.amount ELSE 0 END),
       sum(CASE WHEN u.created_at >= :day THEN l.amount ELSE 0 END)
FROM ledger AS l INDEXED BY ledger_refunds CROSS JOIN usage_events AS u ON u.request_id = l.request_id
WHERE l.type = 'REFUND' GROUP BY u.key_id)";

constexpr const char* latest_sql = "SELECT max(created_at) FROM usage_events WHERE created_at < :id";
constexpr const char* report_sql = R"(
SELECT agent_id, key_id, model, user, provider, count,
       input_tokens + cache_read_tokens + cache_write_5m_tokens + cache_write_1h_tokens
         + coalesce(json_extract(other_usage, '$.audio_in'), 0),
       output_tokens + reasoning_tokens + coalesce(json_extract(other_usage, '$.audio_out'), 0),
       credits_charged, cost_usd, session, dialect,
       CASE WHEN :by_tag IS NULL THEN tags
            ELSE (SELECT json_each.value FROM json_each(tags) WHERE json_each.key = :by_tag) END
FROM usage_events
WHERE created_at >= :since AND created_at < :until AND (credits_charged > 0 OR status IN ('SUCCESS', 'ERROR'))
  AND (:workspace IS NULL OR workspace_id = :workspace) AND (:group IS NULL OR agent_group_id = :group)
  AND (:agent IS NULL OR agent_id = :agent) AND (:key IS NULL OR key_id = :key)
  AND (:status IS NULL OR status = :status) AND (:model IS NULL OR model = :model)
  AND (:session IS NULL OR session = :session)
  AND (:tag IS NULL OR EXISTS (
    SELECT 1 FROM json_each(tags) WHERE json_each.key = :tag AND json_each.value = :tag_value)))";

Error out_of_range() { return Error{Code::internal, "a sum of usage leaves 64 bits", {}, {}}; }

// The column of report_sql that tells the groups apart.
struct Grouping {
  UsageBy by;
  int column;
  bool is_id;
};
constexpr std::array groupings{Grouping{UsageBy::agent, 0, true},     Grouping{UsageBy::model, 2, false},
                               Grouping{UsageBy::key, 1, true},       Grouping{UsageBy::user, 3, false},
                               Grouping{UsageBy::provider, 4, false}, Grouping{UsageBy::session, 10, false},
                               Grouping{UsageBy::dialect, 11, false}, Grouping{UsageBy::tag, 12, false}};

// "team=search" for each tag of a call; one empty name for a call without.
std::vector<std::string> pairs_of(const std::string& tags) {
  std::vector<std::string> pairs;
  const auto json = nlohmann::json::parse(tags, nullptr, false);
  if (json.is_object()) {
    for (const auto& [name, value] : json.items()) {
      pairs.push_back(name + "=" + (value.is_string() ? value.get<std::string>() : value.dump()));
    }
  }
  if (pairs.empty()) pairs.emplace_back();
  return pairs;
}

bool add(UsageSum& sum, SQLite::Statement& row) {
  const auto credits = sum.credits.plus(Credits::of(row.getColumn(8).getInt64()));
  const auto cost = Cost::parse_usd(row.getColumn(9).getString());
  if (!credits || !cost || !sum.cost.add(*cost)) return false;
  sum.credits = *credits;
  return !__builtin_add_overflow(sum.calls, row.getColumn(5).getInt64(), &sum.calls) &&
         !__builtin_add_overflow(sum.input_tokens, row.getColumn(6).getInt64(), &sum.input_tokens) &&
         !__builtin_add_overflow(sum.output_tokens, row.getColumn(7).getInt64(), &sum.output_tokens);
}

}  // namespace

Result<std::optional<Timestamp>> latest_event(Connection& connection, Timestamp before) {
  auto latest = select_one<std::optional<Timestamp>>(
      connection, latest_sql, before, [](RowReader& row) { return row.optional(&RowReader::time); });
  if (!latest) return std::unexpected(latest.error());
  return latest->value_or(std::nullopt);
}

Result<std::vector<KeySpend>> spend_by_key(Connection& connection, Timestamp day_start, Timestamp month_start) {
  return guarded([&]() -> Result<std::vector<KeySpend>> {
    std::vector<KeySpend> spends;
    std::unordered_map<KeyId, std::size_t> row_of;
    SQLite::Statement& spent = connection.prepared(spent_sql);
    set(spent, ":month", month_start);
    set(spent, ":day", day_start);
    while (spent.executeStep()) {
      RowReader row(spent);
      KeySpend& spend = spends.emplace_back();
      spend.scope.org = row.id<OrgId>();
      spend.scope.workspace = row.id<WorkspaceId>();
      spend.scope.group = row.id<AgentGroupId>();
      spend.scope.agent = row.id<AgentId>();
      spend.scope.key = row.id<KeyId>();
      spend.total = row.credits();
      spend.month = row.credits();
      spend.day = row.credits();
      row_of.emplace(spend.scope.key, spends.size() - 1);
    }
    spent.reset();

    SQLite::Statement& refunds = connection.prepared(refunded_sql);
    set(refunds, ":month", month_start);
    set(refunds, ":day", day_start);
    while (refunds.executeStep()) {
      RowReader row(refunds);
      const auto found = row_of.find(row.id<KeyId>());
      if (found == row_of.end()) return fail(Code::corrupt, "a refund names a call that was not charged");
      KeySpend& spend = spends[found->second];
      for (Credits KeySpend::* period : {&KeySpend::total, &KeySpend::month, &KeySpend::day}) {
        const auto rest = (spend.*period).minus(row.credits());
        if (!rest) return std::unexpected(out_of_range());
        spend.*period = *rest;
      }
    }
    refunds.reset();
    return spends;
  });
}

Result<std::vector<UsageSum>> sum_usage(Connection& connection, UsageBy by, const UsageFilter& filter,
                                        std::int64_t limit, const std::string& tag) {
  return guarded([&]() -> Result<std::vector<UsageSum>> {
    const Grouping& grouping = *std::ranges::find(groupings, by, &Grouping::by);
    SQLite::Statement& select = connection.prepared(report_sql);
    set(select, ":since", filter.window.since.value_or(Timestamp{std::numeric_limits<std::int64_t>::min()}));
    set(select, ":until", filter.window.until.value_or(Timestamp{std::numeric_limits<std::int64_t>::max()}));
    set(select, ":workspace", filter.workspace);
    set(select, ":group", filter.group);
    set(select, ":agent", filter.agent);
    set(select, ":key", filter.key);
    set_or_null(select, ":status", filter.status);
    set_or_null(select, ":model", filter.model);
    set_or_null(select, ":session", filter.session);
    set_or_null(select, ":tag", filter.tag);
    set(select, ":tag_value", filter.tag_value);
    set_or_null(select, ":by_tag", tag);
    std::unordered_map<std::string, UsageSum> groups;
    const bool all_tags = by == UsageBy::tag && tag.empty();
    while (select.executeStep()) {
      const std::string value = select.getColumn(grouping.column).getString();
      for (const std::string& name : all_tags ? pairs_of(value) : std::vector{value}) {
        if (!add(groups[name], select)) return std::unexpected(out_of_range());
      }
    }
    select.reset();

    std::vector<UsageSum> sums;
    sums.reserve(groups.size());
    for (auto& [name, sum] : groups) {
      if (!grouping.is_id) {
        sum.name = name;
      } else if (name.size() == sum.id.size()) {
        std::memcpy(sum.id.data(), name.data(), name.size());
      }
      sums.push_back(std::move(sum));
    }
    std::ranges::sort(sums, [](const UsageSum& a, const UsageSum& b) {
      if (a.credits != b.credits) return a.credits > b.credits;
      return std::tie(a.name, a.id) < std::tie(b.name, b.id);
    });
    if (static_cast<std::int64_t>(sums.size()) > limit)
      sums.resize(static_cast<std::size_t>(std::max<std::int64_t>(limit, 0)));
    return sums;
  });
}

}  // namespace govctl::store
