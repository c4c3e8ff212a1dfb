#include "daemon/store/chain_rows.h"

#include <sqlite3.h>

#include <array>
#include <cassert>
#include <cstring>

namespace govctl::store {
namespace {

using domain::ChainTable;

// Frozen: what rows with enc = 1 hash. A new column goes into a list of its own, with the next number.
#define LEDGER_1 \
  "seq, id, group_id, amount, type, idempotency_key, request_id, metadata, actor, created_at, enc"
#define USAGE_EVENTS_1                                                                                     \
  "seq, request_id, client_request_id, org_id, workspace_id, agent_group_id, agent_id, key_id, user, "     \
  "session, "                                                                                              \
  "tags, dialect, provider, model, price_model, price_version, credits_per_usd, input_tokens, "            \
  "cache_read_tokens, "                                                                                    \
  "cache_write_5m_tokens, cache_write_1h_tokens, output_tokens, reasoning_tokens, other_usage, cost_usd, " \
  "reserved, credits_charged, latency_ms, first_byte_ms, attempts, status, cause, completion, flags, "     \
  "error_message, rules_id, decision, count, created_at, enc"
#define AUDIT_LOGS_1                                                                                    \
  "seq, id, actor_kind, actor, actor_user_id, actor_agent_id, event_type, resource_type, resource_id, " \
  "resource_name, description, metadata, request_id, correlation_id, ip, user_agent, created_at, enc"

constexpr std::array lists{
    ColumnList{ChainTable::ledger, 11, 6, 3,
               "INSERT INTO ledger(" LEDGER_1 ", hash) VALUES (?,?,?,?,?,?,?,?,?,?,?,?)",
               "SELECT " LEDGER_1 ", hash FROM ledger ORDER BY seq",
               "SELECT seq, hash FROM ledger ORDER BY seq DESC LIMIT 1",
               "SELECT coalesce(sum(amount), 0) FROM ledger WHERE seq > ?1 AND seq <= ?2"},
    ColumnList{
        ChainTable::usage_events, 40, 1, 26,
        "INSERT INTO usage_events(" USAGE_EVENTS_1
        ", hash) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
        "SELECT " USAGE_EVENTS_1 ", hash FROM usage_events ORDER BY seq",
        "SELECT seq, hash FROM usage_events ORDER BY seq DESC LIMIT 1",
        "SELECT coalesce(sum(credits_charged), 0) FROM usage_events WHERE seq > ?1 AND seq <= ?2"},
    ColumnList{ChainTable::audit_logs, 18, 12, -1,
               "INSERT INTO audit_logs(" AUDIT_LOGS_1 ", hash) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
               "SELECT " AUDIT_LOGS_1 ", hash FROM audit_logs ORDER BY seq",
               "SELECT seq, hash FROM audit_logs ORDER BY seq DESC LIMIT 1", "SELECT 0 WHERE ?1 <= ?2"},
};

constexpr int occurrences(std::string_view text, char wanted) {
  int found = 0;
  for (const char c : text) found += c == wanted ? 1 : 0;
  return found;
}
constexpr bool is_column(std::string_view select, int index, std::string_view name) {
  select.remove_prefix(std::string_view("SELECT ").size());
  for (; index > 0; --index) select.remove_prefix(select.find(", ") + 2);
  return select.starts_with(name);
}
constexpr bool lists_agree() {
  for (std::size_t i = 0; i < lists.size(); ++i) {
    const ColumnList& list = lists[i];
    if (static_cast<std::size_t>(list.table) != i) return false;
    if (occurrences(list.insert, '?') != list.columns + 1) return false;
    if (occurrences(list.select, ',') != list.columns) return false;
    if (!is_column(list.select, list.request, "request_id")) return false;
    if (list.amount >= 0 && !is_column(list.select, list.amount, i == 0 ? "amount" : "credits_charged"))
      return false;
  }
  return true;
}
static_assert(lists_agree(), "a list's columns, its placeholders and its figures differ");

constexpr std::array org_tables{ChainTable::ledger, ChainTable::usage_events, ChainTable::audit_logs};
constexpr std::array catalog_tables{ChainTable::audit_logs};

constexpr const char* newest_anchor_sql =
    "SELECT seq, sum FROM anchors WHERE table_name = ?1 AND seq <= ?2 ORDER BY seq DESC LIMIT 1";

std::int64_t sum_up_to(Connection& connection, const ColumnList& list, std::int64_t last) {
  std::int64_t from = 0;
  std::int64_t sum = 0;
  SQLite::Statement& anchor = connection.prepared(newest_anchor_sql);
  const std::string name(domain::chain_table_name(list.table));
  anchor.bindNoCopy(1, name);
  anchor.bind(2, last);
  if (anchor.executeStep()) {
    from = anchor.getColumn(0).getInt64();
    sum = anchor.getColumn(1).getInt64();
  }
  anchor.reset();
  SQLite::Statement& rest = connection.prepared(list.sum);
  rest.bind(1, from);
  rest.bind(2, last);
  if (rest.executeStep()) sum += rest.getColumn(0).getInt64();
  rest.reset();
  return sum;
}

}  // namespace

const ColumnList& column_list(ChainTable table) { return lists[static_cast<std::size_t>(table)]; }

std::span<const ChainTable> chain_tables(FileKind kind) {
  if (kind == FileKind::org) return org_tables;
  return catalog_tables;
}

Result<Heads> read_heads(Connection& connection, FileKind kind, const OrgId& org) {
  return guarded([&]() -> Result<Heads> {
    Heads heads;
    for (const ChainTable table : chain_tables(kind)) {
      const ColumnList& list = column_list(table);
      domain::ChainHead& head = heads.chain[static_cast<std::size_t>(table)];
      head.hash = domain::genesis(org, table);
      SQLite::Statement& last = connection.prepared(list.head);
      if (last.executeStep()) {
        head.seq = last.getColumn(0).getInt64();
        const SQLite::Column hash = last.getColumn(1);
        if (hash.getBytes() != static_cast<int>(head.hash.size())) {
          return fail(Code::corrupt, "the last row of a chain has no hash");
        }
        std::memcpy(head.hash.data(), hash.getBlob(), head.hash.size());
      }
      last.reset();
      heads.sum[static_cast<std::size_t>(table)] = sum_up_to(connection, list, head.seq);
    }
    return heads;
  });
}

ChainedInsert::ChainedInsert(Transaction& tx, ChainTable table)
    : tx_(tx),
      list_(column_list(table)),
      statement_(tx.connection().prepared(list_.insert)),
      encoder_(tx.encoder()) {
  encoder_.clear();
  integer(tx.head(table).seq + 1);
}

void ChainedInsert::integer(std::int64_t value) {
  statement_.bind(++bound_, value);
  encoder_.integer(value);
}

void ChainedInsert::integer_or_null(const std::optional<std::int64_t>& value) {
  value ? integer(*value) : null();
}

void ChainedInsert::text(const std::string& value) {
  statement_.bindNoCopy(++bound_, value);
  encoder_.text(value);
}

void ChainedInsert::text_or_null(const std::string& value) { value.empty() ? null() : text(value); }

void ChainedInsert::word(std::string_view literal) {
  // NOLINTNEXTLINE(bugprone-suspicious-stringview-data-usage): a literal ends with a NUL, as the header asks
  statement_.bindNoCopy(++bound_, literal.data());
  encoder_.text(literal);
}

void ChainedInsert::blob(std::span<const std::uint8_t> value) {
  statement_.bindNoCopy(++bound_, value.data(), static_cast<int>(value.size()));
  encoder_.blob(value);
}

void ChainedInsert::null() {  // cleared bindings are NULL
  ++bound_;
  encoder_.null();
}

domain::ChainHead ChainedInsert::append(std::int64_t amount) {
  integer(domain::current_enc);
  assert(bound_ == list_.columns);
  domain::ChainHead& head = tx_.head(list_.table);
  const domain::Hash hash = encoder_.hash(head.hash);
  statement_.bindNoCopy(++bound_, hash.data(), static_cast<int>(hash.size()));
  statement_.exec();
  statement_.reset();
  head = {head.seq + 1, hash};
  tx_.sum(list_.table) += amount;
  return head;
}

}  // namespace govctl::store
