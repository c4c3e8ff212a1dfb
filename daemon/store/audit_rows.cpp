#include <limits>

#include "daemon/store/chain_rows.h"
#include "daemon/store/columns.h"
#include "daemon/store/money.h"

namespace govctl::store {
namespace {

using domain::AuditRecord;

#define AUDIT_FILTER                                                                         \
  "created_at >= :since AND created_at < :until AND (:actor IS NULL OR actor = :actor) AND " \
  "(:event IS NULL OR event_type = :event) AND "                                             \
  "(:prefix IS NULL OR substr(event_type, 1, length(:prefix)) = :prefix) AND "               \
  "(:resource IS NULL OR resource_id = :resource OR resource_name = :resource OR resource_type = :resource)"

constexpr const char* page_sql =
    "SELECT seq, id, actor_kind, actor, event_type, resource_type, resource_id, resource_name, description, "
    "metadata, request_id, correlation_id, ip, user_agent, created_at, hash FROM audit_logs "
    "WHERE seq < :before AND " AUDIT_FILTER " ORDER BY seq DESC LIMIT :limit";
constexpr const char* count_sql = "SELECT count(*) FROM audit_logs WHERE " AUDIT_FILTER;

StoredAudit read_record(RowReader& row) {
  StoredAudit stored;
  AuditRecord& record = stored.record;
  stored.seq = row.integer();
  record.id = row.id<AuditId>();
  record.actor_kind = row.text();
  record.actor = row.text();
  record.event_type = row.text();
  record.resource_type = row.text();
  record.resource_id = row.text();
  record.resource_name = row.text();
  record.description = row.text();
  record.metadata = row.text();
  record.request_id = row.optional(&RowReader::id<RequestId>);
  record.correlation_id = row.text();
  record.ip = row.text();
  record.user_agent = row.text();
  record.created_at = row.time();
  stored.hash = row.hash();
  return stored;
}

void set_filter(SQLite::Statement& statement, const AuditFilter& filter) {
  const Window& window = filter.window;
  set(statement, ":since", window.since.value_or(Timestamp{std::numeric_limits<std::int64_t>::min()}));
  set(statement, ":until", window.until.value_or(Timestamp{std::numeric_limits<std::int64_t>::max()}));
  const bool prefix = filter.event.ends_with('*');
  set_or_null(statement, ":actor", filter.actor);
  set_or_null(statement, ":event", prefix ? std::string() : filter.event);
  set_or_null(statement, ":prefix", prefix ? filter.event.substr(0, filter.event.size() - 1) : std::string());
  set_or_null(statement, ":resource", filter.resource);
}

}  // namespace

Result<void> append_audit(Transaction& tx, const AuditRecord& record) {
  return guarded([&]() -> Result<void> {
    ChainedInsert row(tx, domain::ChainTable::audit_logs);
    row.blob(record.id.bytes);
    row.text(record.actor_kind);
    row.text(record.actor);
    row.null();  // actor_user_id and actor_agent_id: no users yet
    row.null();
    row.text(record.event_type);
    row.text(record.resource_type);
    row.text_or_null(record.resource_id);
    row.text_or_null(record.resource_name);
    row.text(record.description);
    row.text_or_null(record.metadata);
    if (record.request_id) {
      row.blob(record.request_id->bytes);
    } else {
      row.null();
    }
    row.text_or_null(record.correlation_id);
    row.text_or_null(record.ip);
    row.text_or_null(record.user_agent);
    row.integer(record.created_at.micros);
    row.append(0);
    return {};
  });
}

Result<Rows<StoredAudit>> read_audit(Connection& connection, const AuditFilter& filter, const Page& page) {
  return guarded([&]() -> Result<Rows<StoredAudit>> {
    Rows<StoredAudit> found;
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
      found.rows.push_back(read_record(row));
    }
    select.reset();
    SQLite::Statement& count = connection.prepared(count_sql);
    set_filter(count, filter);
    count.executeStep();
    found.total = count.getColumn(0).getInt64();
    count.reset();
    return found;
  });
}

}  // namespace govctl::store
