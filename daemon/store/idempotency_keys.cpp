#include "daemon/store/idempotency_keys.h"

#include "daemon/store/columns.h"

namespace govctl::store {
namespace {

constexpr const char* use_sql = R"(
INSERT OR REPLACE INTO idempotency_keys(api_key_id, value, fingerprint, request_id, status, created_at)
VALUES(:key, :value, :fingerprint, :request, NULL, :created))";
constexpr const char* finish_sql =
    "UPDATE idempotency_keys SET status = :status WHERE request_id = :request AND status IS NULL";
constexpr const char* sweep_sql = R"(
DELETE FROM idempotency_keys WHERE (api_key_id, value) IN (
  SELECT api_key_id, value FROM idempotency_keys WHERE created_at < :before ORDER BY created_at LIMIT :limit))";
constexpr const char* find_sql = R"(
SELECT api_key_id, value, fingerprint, request_id, coalesce(status, 0), created_at FROM idempotency_keys
WHERE api_key_id = :key AND value = :value)";
constexpr const char* list_sql = R"(
SELECT api_key_id, value, fingerprint, request_id, coalesce(status, 0), created_at FROM idempotency_keys
WHERE created_at >= :since ORDER BY created_at DESC LIMIT :limit)";
constexpr const char* oldest_sql = "SELECT min(created_at) FROM idempotency_keys";

IdempotencyKey read(SQLite::Statement& select) {
  RowReader row(select);
  IdempotencyKey found;
  found.key = row.id<KeyId>();
  found.value = row.text();
  found.fingerprint = row.hash();
  found.request_id = row.id<RequestId>();
  found.status = row.integer();
  found.created_at = row.time();
  return found;
}

}  // namespace

Result<void> use_idempotency_key(Transaction& tx, const domain::Reservation& call, const std::string& value,
                                 const domain::Hash& fingerprint) {
  return guarded([&]() -> Result<void> {
    SQLite::Statement& use = tx.connection().prepared(use_sql);
    set(use, ":key", call.scope.key);
    set(use, ":value", value);
    set(use, ":fingerprint", fingerprint);
    set(use, ":request", call.request_id);
    set(use, ":created", call.created_at);
    use.exec();
    return {};
  });
}

Result<void> finish_idempotency_key(Transaction& tx, const RequestId& request, std::int64_t status) {
  return guarded([&]() -> Result<void> {
    SQLite::Statement& finish = tx.connection().prepared(finish_sql);
    set(finish, ":request", request);
    set(finish, ":status", status);
    finish.exec();
    return {};
  });
}

Result<std::optional<Timestamp>> sweep_idempotency_keys(Transaction& tx, Timestamp before, std::int64_t limit) {
  auto swept = guarded([&]() -> Result<void> {
    SQLite::Statement& sweep = tx.connection().prepared(sweep_sql);
    set(sweep, ":before", before);
    set(sweep, ":limit", limit);
    sweep.exec();
    return {};
  });
  if (!swept) return std::unexpected(swept.error());
  return oldest_idempotency_key(tx.connection());
}

Result<std::optional<IdempotencyKey>> find_idempotency_key(Connection& connection, const KeyId& key,
                                                           const std::string& value) {
  return guarded([&]() -> Result<std::optional<IdempotencyKey>> {
    SQLite::Statement& select = connection.prepared(find_sql);
    set(select, ":key", key);
    set(select, ":value", value);
    std::optional<IdempotencyKey> found;
    if (select.executeStep()) found = read(select);
    select.reset();
    return found;
  });
}

Result<std::vector<IdempotencyKey>> list_idempotency_keys(Connection& connection, Timestamp since,
                                                          std::int64_t limit) {
  return guarded([&]() -> Result<std::vector<IdempotencyKey>> {
    SQLite::Statement& select = connection.prepared(list_sql);
    set(select, ":since", since);
    set(select, ":limit", limit);
    std::vector<IdempotencyKey> rows;
    while (select.executeStep()) rows.push_back(read(select));
    select.reset();
    return rows;
  });
}

Result<std::optional<Timestamp>> oldest_idempotency_key(Connection& connection) {
  return guarded([&]() -> Result<std::optional<Timestamp>> {
    SQLite::Statement& select = connection.prepared(oldest_sql);
    std::optional<Timestamp> oldest;
    if (select.executeStep()) {
      RowReader row(select);
      oldest = row.optional(&RowReader::time);
    }
    select.reset();
    return oldest;
  });
}

}  // namespace govctl::store
