#include "daemon/store/keys.h"

#include "daemon/store/columns.h"

namespace govctl::store {
namespace {

constexpr char insert_key_sql[] =
    "INSERT INTO api_keys(id, agent_id, name, hash, suffix, credit_limit, expires_at, revoked_at, "
    "revoke_reason,"
    " rotated_to, created_at) VALUES(:id, :agent, :name, :hash, :suffix, :limit, :expires, :revoked, :reason, "
    ":rotated,"
    " :created)";
constexpr char update_key_sql[] =
    "UPDATE api_keys SET name = :name, credit_limit = :limit, expires_at = :expires, revoked_at = :revoked,"
    " revoke_reason = :reason, rotated_to = :rotated WHERE id = :id";
// A name is unique among keys that are neither revoked nor rotated: the old key must step aside before the new
// one, which its rotated_to names, can be there.
constexpr char step_aside_sql[] = "UPDATE api_keys SET revoked_at = created_at WHERE id = :id";
constexpr char key_columns[] =
    "SELECT k.id, k.agent_id, k.name, k.hash, k.suffix, k.credit_limit, k.expires_at, k.revoked_at, "
    "k.revoke_reason,"
    " k.rotated_to, k.created_at FROM api_keys k JOIN agents a ON a.id = k.agent_id WHERE a.deleted_at IS NULL";
constexpr auto find_key_sql = sql(key_columns, " AND k.id = :id");
constexpr auto list_keys_sql = sql(key_columns, " ORDER BY k.id");

void set_changeable(SQLite::Statement& statement, const domain::ApiKey& key) {
  set(statement, ":id", key.id);
  set(statement, ":name", key.name);
  set(statement, ":limit", key.limit);
  set(statement, ":expires", key.expires_at);
  set(statement, ":revoked", key.revoked_at);
  set_or_null(statement, ":reason", key.revoke_reason);
  set(statement, ":rotated", key.rotated_to);
}

domain::ApiKey read_key(RowReader& row) {
  domain::ApiKey key;
  key.id = row.id<KeyId>();
  key.agent = row.id<AgentId>();
  key.name = row.text();
  key.hash = row.hash();
  key.suffix = row.text();
  key.limit = row.optional(&RowReader::credits);
  key.expires_at = row.optional(&RowReader::time);
  key.revoked_at = row.optional(&RowReader::time);
  key.revoke_reason = row.text();
  key.rotated_to = row.optional(&RowReader::id<KeyId>);
  key.created_at = row.time();
  return key;
}

}  // namespace

Result<void> insert_key(Transaction& tx, const domain::ApiKey& key) {
  return guarded([&]() -> Result<void> {
    auto& insert = tx.connection().prepared(insert_key_sql);
    set_changeable(insert, key);
    set(insert, ":agent", key.agent);
    set(insert, ":hash", key.hash);
    set(insert, ":suffix", key.suffix);
    set(insert, ":created", key.created_at);
    insert.exec();
    return {};
  });
}

Result<void> update_key(Transaction& tx, const domain::ApiKey& key) {
  return guarded([&]() -> Result<void> {
    auto& update = tx.connection().prepared(update_key_sql);
    set_changeable(update, key);
    return exec_one(update, "key");
  });
}

Result<void> insert_rotated_key(Transaction& tx, const domain::ApiKey& old, const domain::ApiKey& fresh) {
  return guarded([&]() -> Result<void> {
    auto& aside = tx.connection().prepared(step_aside_sql);
    set(aside, ":id", old.id);
    if (auto done = exec_one(aside, "key"); !done) return done;
    if (auto done = insert_key(tx, fresh); !done) return done;
    return update_key(tx, old);
  });
}

Result<std::optional<domain::ApiKey>> find_key(Connection& connection, const KeyId& id) {
  return select_one<domain::ApiKey>(connection, find_key_sql, id, read_key);
}
Result<std::vector<domain::ApiKey>> list_keys(Connection& connection) {
  return select_all<domain::ApiKey>(connection, list_keys_sql, read_key);
}

}  // namespace govctl::store
