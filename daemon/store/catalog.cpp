#include "daemon/store/catalog.h"

#include "daemon/store/columns.h"

namespace govctl::store {
namespace {

constexpr char list_orgs_sql[] =
    "SELECT id, slug, billing_group_id, deleted_at FROM orgs ORDER BY slug, created_at, id";
constexpr char insert_org_sql[] =
    "INSERT INTO orgs(id, slug, billing_group_id, created_at, deleted_at)"
    " VALUES(:id, :slug, :group, :created, :deleted)";
constexpr char delete_org_sql[] = "UPDATE orgs SET deleted_at = :deleted WHERE id = :id";

constexpr char index_key_sql[] = "INSERT OR IGNORE INTO key_index(hash, org_id) VALUES(:hash, :org)";
constexpr char find_key_org_sql[] = "SELECT org_id FROM key_index WHERE hash = :id";
constexpr char list_key_index_sql[] = "SELECT hash, org_id FROM key_index ORDER BY hash";

constexpr char get_setting_sql[] = "SELECT value FROM settings WHERE name = :id";
constexpr char put_setting_sql[] =
    "INSERT INTO settings(name, value) VALUES(:name, :value) ON CONFLICT(name) DO UPDATE SET value = "
    "excluded.value";

}  // namespace

Result<std::vector<CatalogOrg>> list_orgs(Connection& connection) {
  return select_all<CatalogOrg>(connection, list_orgs_sql, [](RowReader& row) {
    CatalogOrg org;
    org.id = row.id<OrgId>();
    org.slug = row.text();
    org.billing_group = row.id<BillingGroupId>();
    org.deleted_at = row.optional(&RowReader::time);
    return org;
  });
}

Result<void> insert_catalog_org(Transaction& tx, const CatalogOrg& org, Timestamp created_at) {
  return guarded([&]() -> Result<void> {
    auto& insert = tx.connection().prepared(insert_org_sql);
    set(insert, ":id", org.id);
    set(insert, ":slug", org.slug);
    set(insert, ":group", org.billing_group);
    set(insert, ":created", created_at);
    set(insert, ":deleted", org.deleted_at);
    insert.exec();
    return {};
  });
}

Result<void> set_catalog_org_deleted(Transaction& tx, const OrgId& id, std::optional<Timestamp> deleted_at) {
  return guarded([&]() -> Result<void> {
    auto& update = tx.connection().prepared(delete_org_sql);
    set(update, ":id", id);
    set(update, ":deleted", deleted_at);
    return exec_one(update, "org");
  });
}

Result<void> index_key(Transaction& tx, const domain::Hash& hash, const OrgId& org) {
  return guarded([&]() -> Result<void> {
    auto& insert = tx.connection().prepared(index_key_sql);
    set(insert, ":hash", hash);
    set(insert, ":org", org);
    insert.exec();
    return {};
  });
}

Result<std::optional<OrgId>> find_key_org(Connection& connection, const domain::Hash& hash) {
  return select_one<OrgId>(connection, find_key_org_sql, hash, [](RowReader& row) { return row.id<OrgId>(); });
}

Result<std::vector<IndexedKey>> list_key_index(Connection& connection) {
  return select_all<IndexedKey>(connection, list_key_index_sql, [](RowReader& row) {
    IndexedKey key;
    key.hash = row.hash();
    key.org = row.id<OrgId>();
    return key;
  });
}

Result<std::optional<std::string>> get_setting(Connection& connection, const std::string& name) {
  return select_one<std::string>(connection, get_setting_sql, name, [](RowReader& row) { return row.text(); });
}

Result<void> put_setting(Transaction& tx, const std::string& name, const std::string& value) {
  return guarded([&]() -> Result<void> {
    auto& put = tx.connection().prepared(put_setting_sql);
    set(put, ":name", name);
    set(put, ":value", value);
    put.exec();
    return {};
  });
}

}  // namespace govctl::store
