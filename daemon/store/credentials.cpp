#include "daemon/store/credentials.h"

#include "daemon/store/columns.h"

namespace govctl::store {
namespace {

constexpr char insert_data_key_sql[] =
    "INSERT INTO data_keys(id, wrapped, created_at, retired_at) VALUES(:id, :wrapped, :created, :retired)";
constexpr char update_data_key_sql[] =
    "UPDATE data_keys SET wrapped = :wrapped, retired_at = :retired WHERE id = :id";
constexpr char list_data_keys_sql[] = "SELECT id, wrapped, retired_at FROM data_keys ORDER BY id";

constexpr char insert_credential_sql[] =
    "INSERT INTO provider_credentials(id, provider, label, data_key_id, sealed, suffix, active, version, "
    "created_at,"
    " updated_at) VALUES(:id, :provider, :label, :data_key, :sealed, :suffix, :active, :version, :created, "
    ":updated)";
constexpr char update_credential_sql[] =
    "UPDATE provider_credentials SET label = :label, data_key_id = :data_key, sealed = :sealed, suffix = "
    ":suffix,"
    " active = :active, version = :version, updated_at = :updated WHERE id = :id AND deleted_at IS NULL";
constexpr char delete_credential_sql[] =
    "UPDATE provider_credentials SET deleted_at = :now, active = 0, sealed = x'' WHERE id = :id AND deleted_at "
    "IS NULL";
constexpr char credential_columns[] =
    "SELECT id, provider, label, data_key_id, sealed, suffix, active, version, created_at, updated_at"
    " FROM provider_credentials WHERE deleted_at IS NULL";
constexpr auto find_credential_sql = sql(credential_columns, " AND id = :id");
constexpr auto list_credentials_sql = sql(credential_columns, " ORDER BY id");

void set_changeable(SQLite::Statement& statement, const domain::Credential& credential) {
  set(statement, ":id", credential.id);
  set(statement, ":label", credential.label);
  set(statement, ":data_key", credential.data_key_id);
  set(statement, ":sealed", credential.sealed);
  set(statement, ":suffix", credential.suffix);
  set(statement, ":active", credential.active);
  set(statement, ":version", credential.version);
  set(statement, ":updated", credential.updated_at);
}

domain::Credential read_credential(RowReader& row) {
  domain::Credential credential;
  credential.id = row.id<CredentialId>();
  credential.provider = row.text();
  credential.label = row.text();
  credential.data_key_id = row.integer();
  credential.sealed = row.blob();
  credential.suffix = row.text();
  credential.active = row.boolean();
  credential.version = row.integer();
  credential.created_at = row.time();
  credential.updated_at = row.time();
  return credential;
}

domain::DataKey read_data_key(RowReader& row) {
  domain::DataKey key;
  key.id = row.integer();
  key.wrapped = row.blob();
  key.retired_at = row.optional(&RowReader::time);
  return key;
}

}  // namespace

Result<void> insert_data_key(Transaction& tx, const domain::DataKey& key, Timestamp created_at) {
  return guarded([&]() -> Result<void> {
    auto& insert = tx.connection().prepared(insert_data_key_sql);
    set(insert, ":id", key.id);
    set(insert, ":wrapped", key.wrapped);
    set(insert, ":created", created_at);
    set(insert, ":retired", key.retired_at);
    insert.exec();
    return {};
  });
}

Result<void> update_data_key(Transaction& tx, const domain::DataKey& key) {
  return guarded([&]() -> Result<void> {
    auto& update = tx.connection().prepared(update_data_key_sql);
    set(update, ":id", key.id);
    set(update, ":wrapped", key.wrapped);
    set(update, ":retired", key.retired_at);
    return exec_one(update, "data key");
  });
}

Result<std::vector<domain::DataKey>> list_data_keys(Connection& connection) {
  return select_all<domain::DataKey>(connection, list_data_keys_sql, read_data_key);
}

Result<void> insert_credential(Transaction& tx, const domain::Credential& credential) {
  return guarded([&]() -> Result<void> {
    auto& insert = tx.connection().prepared(insert_credential_sql);
    set_changeable(insert, credential);
    set(insert, ":provider", credential.provider);
    set(insert, ":created", credential.created_at);
    insert.exec();
    return {};
  });
}

Result<void> update_credential(Transaction& tx, const domain::Credential& credential) {
  return guarded([&]() -> Result<void> {
    auto& update = tx.connection().prepared(update_credential_sql);
    set_changeable(update, credential);
    return exec_one(update, "credential");
  });
}

Result<void> delete_credential(Transaction& tx, const CredentialId& id, Timestamp now) {
  return guarded([&]() -> Result<void> {
    auto& update = tx.connection().prepared(delete_credential_sql);
    set(update, ":id", id);
    set(update, ":now", now);
    return exec_one(update, "credential");
  });
}

Result<std::optional<domain::Credential>> find_credential(Connection& connection, const CredentialId& id) {
  return select_one<domain::Credential>(connection, find_credential_sql, id, read_credential);
}
Result<std::vector<domain::Credential>> list_credentials(Connection& connection) {
  return select_all<domain::Credential>(connection, list_credentials_sql, read_credential);
}

}  // namespace govctl::store
