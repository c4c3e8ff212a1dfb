#include "daemon/store/usage_rows.h"

#include <limits>
#include <nlohmann/json.hpp>

#include "daemon/store/chain_rows.h"
#include "daemon/store/columns.h"
#include "daemon/store/money.h"

namespace govctl::store {
namespace {

using domain::PriceKind;
using domain::UsageEvent;

#define EVENT_COLUMNS                                                                                      \
  "seq, request_id, client_request_id, org_id, workspace_id, agent_group_id, agent_id, key_id, user, "     \
  "session, "                                                                                              \
  "tags, dialect, provider, model, price_model, price_version, credits_per_usd, input_tokens, "            \
  "cache_read_tokens, "                                                                                    \
  "cache_write_5m_tokens, cache_write_1h_tokens, output_tokens, reasoning_tokens, other_usage, cost_usd, " \
  "reserved, credits_charged, latency_ms, first_byte_ms, attempts, status, cause, completion, flags, "     \
  "error_message, rules_id, decision, count, created_at, hash"

// A filter that is NULL lets everything pass.
#define EVENT_FILTER                                                                                       \
  "(:workspace IS NULL OR workspace_id = :workspace) AND (:group IS NULL OR agent_group_id = :group) AND " \
  "(:agent IS NULL OR agent_id = :agent) AND (:key IS NULL OR key_id = :key) AND "                         \
  "(:status IS NULL OR status = :status) AND (:model IS NULL OR model = :model) AND "                      \
  "(:session IS NULL OR session = :session) AND (:tag IS NULL OR EXISTS (SELECT 1 FROM json_each(tags) "   \
  "WHERE json_each.key = :tag AND json_each.value = :tag_value))"

constexpr const char* find_sql = "SELECT " EVENT_COLUMNS " FROM usage_events WHERE request_id = :id";
// The unary plus keeps the planner on the order of seq: a page is found without sorting.
constexpr const char* page_sql = "SELECT " EVENT_COLUMNS
                                 " FROM usage_events WHERE seq < :before AND +created_at >= :since AND "
                                 "+created_at < :until AND " EVENT_FILTER " ORDER BY seq DESC LIMIT :limit";
constexpr const char* count_sql =
    "SELECT count(*) FROM usage_events WHERE created_at >= :since AND created_at < :until AND " EVENT_FILTER;
// What the index of created_at alone can tell.
constexpr const char* count_window_sql =
    "SELECT count(*) FROM usage_events WHERE created_at >= :since AND created_at < :until";

// The kinds that have a column; the others are in other_usage.
constexpr std::array column_kinds{PriceKind::input,          PriceKind::cache_read, PriceKind::cache_write_5m,
                                  PriceKind::cache_write_1h, PriceKind::output,     PriceKind::reasoning};
constexpr std::array other_kinds{PriceKind::audio_in, PriceKind::audio_out, PriceKind::image,
                                 PriceKind::request, PriceKind::search};
static_assert(column_kinds.size() + other_kinds.size() == domain::price_kind_count);

std::string other_usage_text(const domain::Usage& usage) {
  std::string text;
  for (const PriceKind kind : other_kinds) {
    if (usage[kind] == 0) continue;
    text += text.empty() ? '{' : ',';
    text += fmt::format("\"{}\":{}", domain::price_kind_word(kind), usage[kind]);
  }
  if (!text.empty()) text += '}';
  return text;
}

void read_other_usage(const std::string& text, domain::Usage& usage) {
  if (text.empty()) return;
  const auto json = nlohmann::json::parse(text, nullptr, false);
  if (!json.is_object()) return;
  for (const auto& [word, quantity] : json.items()) {
    const auto kind = domain::parse_price_kind(word);
    if (kind && quantity.is_number_integer()) usage[*kind] = quantity.get<std::int64_t>();
  }
}

StoredEvent read_event(RowReader& row) {
  StoredEvent stored;
  UsageEvent& event = stored.event;
  stored.seq = row.integer();
  event.request_id = row.id<RequestId>();
  event.client_request_id = row.text();
  event.scope.org = row.id<OrgId>();
  event.scope.workspace = row.id<WorkspaceId>();
  event.scope.group = row.id<AgentGroupId>();
  event.scope.agent = row.id<AgentId>();
  event.scope.key = row.id<KeyId>();
  event.user = row.text();
  event.session = row.text();
  event.tags = row.text();
  event.dialect = row.text();
  event.provider = row.text();
  event.model = row.text();
  event.price_model = row.text();
  event.price_version = row.integer();
  event.credits_per_usd = row.integer();
  for (const PriceKind kind : column_kinds) event.usage[kind] = row.integer();
  read_other_usage(row.text(), event.usage);
  event.cost_usd = row.text();
  event.reserved = row.credits();
  event.credits_charged = row.credits();
  event.latency_ms = row.integer();
  event.first_byte_ms = row.optional(&RowReader::integer);
  event.attempts = row.integer();
  event.status = domain::parse_call_status(row.text()).value_or(domain::CallStatus::error);
  event.cause = row.text();
  event.completion = row.text();
  event.flags = domain::CallFlags::parse(row.text()).value_or(domain::CallFlags{});
  event.error_message = row.text();
  event.rules_id = row.integer();
  event.decision = row.text();
  event.count = row.integer();
  event.created_at = row.time();
  stored.hash = row.hash();
  return stored;
}

void set_window(SQLite::Statement& statement, const Window& window) {
  set(statement, ":since", window.since.value_or(Timestamp{std::numeric_limits<std::int64_t>::min()}));
  set(statement, ":until", window.until.value_or(Timestamp{std::numeric_limits<std::int64_t>::max()}));
}

void set_filter(SQLite::Statement& statement, const UsageFilter& filter) {
  set_window(statement, filter.window);
  set(statement, ":workspace", filter.workspace);
  set(statement, ":group", filter.group);
  set(statement, ":agent", filter.agent);
  set(statement, ":key", filter.key);
  set_or_null(statement, ":status", filter.status);
  set_or_null(statement, ":model", filter.model);
  set_or_null(statement, ":session", filter.session);
  set_or_null(statement, ":tag", filter.tag);
  set(statement, ":tag_value", filter.tag_value);
}

std::int64_t count_events(Connection& connection, const UsageFilter& filter) {
  const bool window_alone = !filter.workspace && !filter.group && !filter.agent && !filter.key &&
                            filter.status.empty() && filter.model.empty() && filter.session.empty() &&
                            filter.tag.empty();
  SQLite::Statement& count = connection.prepared(window_alone ? count_window_sql : count_sql);
  if (window_alone) {
    set_window(count, filter.window);
  } else {
    set_filter(count, filter);
  }
  count.executeStep();
  const std::int64_t total = count.getColumn(0).getInt64();
  count.reset();
  return total;
}

}  // namespace

void append_event(Transaction& tx, const UsageEvent& event) {
  const std::string other = other_usage_text(event.usage);
  const std::string flags = event.flags.text();
  ChainedInsert row(tx, domain::ChainTable::usage_events);
  row.blob(event.request_id.bytes);
  row.text_or_null(event.client_request_id);
  row.blob(event.scope.org.bytes);
  row.blob(event.scope.workspace.bytes);
  row.blob(event.scope.group.bytes);
  row.blob(event.scope.agent.bytes);
  row.blob(event.scope.key.bytes);
  row.text_or_null(event.user);
  row.text_or_null(event.session);
  row.text_or_null(event.tags);
  row.text(event.dialect);
  row.text(event.provider);
  row.text(event.model);
  row.text(event.price_model);
  row.integer(event.price_version);
  row.integer(event.credits_per_usd);
  for (const PriceKind kind : column_kinds) row.integer(event.usage[kind]);
  row.text_or_null(other);
  row.text(event.cost_usd);
  row.integer(event.reserved.value());
  row.integer(event.credits_charged.value());
  row.integer(event.latency_ms);
  row.integer_or_null(event.first_byte_ms);
  row.integer(event.attempts);
  row.word(domain::call_status_word(event.status));
  row.text_or_null(event.cause);
  row.text_or_null(event.completion);
  row.text_or_null(flags);
  row.text_or_null(event.error_message);
  row.integer(event.rules_id);
  row.text_or_null(event.decision);
  row.integer(event.count);
  row.integer(event.created_at.micros);
  row.append(event.credits_charged.value());
}

Result<void> insert_event(Transaction& tx, const UsageEvent& event) {
  return guarded([&]() -> Result<void> {
    append_event(tx, event);
    return {};
  });
}

Result<std::optional<StoredEvent>> find_event(Connection& connection, const RequestId& request) {
  return select_one<StoredEvent>(connection, find_sql, request, read_event);
}

Result<Rows<StoredEvent>> read_usage(Connection& connection, const UsageFilter& filter, const Page& page) {
  return guarded([&]() -> Result<Rows<StoredEvent>> {
    Rows<StoredEvent> found;
    SQLite::Statement& select = connection.prepared(page_sql);
    set_filter(select, filter);
    set(select, ":before", page.after_seq > 0 ? page.after_seq : std::numeric_limits<std::int64_t>::max());
    set(select, ":limit", page.limit + 1);
    while (select.executeStep()) {
      if (static_cast<std::int64_t>(found.rows.size()) == page.limit) {
        found.next_seq = found.rows.empty() ? 0 : found.rows.back().seq;
        break;
      }
      RowReader row(select);
      found.rows.push_back(read_event(row));
    }
    select.reset();
    found.total = count_events(connection, filter);
    return found;
  });
}

}  // namespace govctl::store
