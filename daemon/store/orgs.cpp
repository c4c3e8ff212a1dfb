#include "daemon/store/orgs.h"

#include "daemon/store/columns.h"

namespace govctl::store {
namespace {

constexpr char insert_group_sql[] =
    "INSERT INTO billing_groups(id, org_id, name, created_at) VALUES(:id, :org, :name, :created)";
constexpr char insert_org_sql[] =
    "INSERT INTO organizations(id, slug, name, description, active, credits_per_usd, overdraft, owner, "
    "billing_group_id,"
    " frozen_at, frozen_reason, version, created_at, updated_at, deleted_at)"
    " VALUES(:id, :slug, :name, :description, :active, :rate, :overdraft, :owner, :group, :frozen, :reason, "
    ":version,"
    " :created, :updated, :deleted)";
constexpr char update_org_sql[] =
    "UPDATE organizations SET name = :name, description = :description, active = :active, credits_per_usd = "
    ":rate,"
    " overdraft = :overdraft, frozen_at = :frozen, frozen_reason = :reason, version = :version, updated_at = "
    ":updated"
    " WHERE id = :id";
constexpr char rename_group_sql[] = "UPDATE billing_groups SET name = :name WHERE org_id = :id";
constexpr char delete_org_sql[] = "UPDATE organizations SET deleted_at = :deleted WHERE id = :id";
constexpr char find_org_sql[] =
    "SELECT id, billing_group_id, slug, name, description, owner, active, credits_per_usd, overdraft, "
    "frozen_at,"
    " frozen_reason, version, created_at, updated_at, deleted_at FROM organizations ORDER BY id LIMIT 1";

void set_changeable(SQLite::Statement& statement, const domain::Org& org) {
  set(statement, ":id", org.id);
  set(statement, ":name", org.name);
  set(statement, ":description", org.description);
  set(statement, ":active", org.active);
  set(statement, ":rate", org.credits_per_usd);
  set(statement, ":overdraft", org.overdraft);
  set_freeze(statement, org.frozen);
  set(statement, ":version", org.version);
  set(statement, ":updated", org.updated_at);
}

}  // namespace

Result<void> insert_org(Transaction& tx, const domain::Org& org) {
  return guarded([&]() -> Result<void> {
    auto& insert = tx.connection().prepared(insert_org_sql);
    set_changeable(insert, org);
    set(insert, ":slug", org.slug);
    set(insert, ":owner", org.owner);
    set(insert, ":group", org.billing_group);
    set(insert, ":created", org.created_at);
    set(insert, ":deleted", org.deleted_at);
    insert.exec();
    auto& group = tx.connection().prepared(insert_group_sql);
    set(group, ":id", org.billing_group);
    set(group, ":org", org.id);
    set(group, ":name", org.name);
    set(group, ":created", org.created_at);
    group.exec();
    return {};
  });
}

Result<void> update_org(Transaction& tx, const domain::Org& org) {
  return guarded([&]() -> Result<void> {
    auto& update = tx.connection().prepared(update_org_sql);
    set_changeable(update, org);
    if (auto done = exec_one(update, "org"); !done) return done;
    auto& rename = tx.connection().prepared(rename_group_sql);
    set(rename, ":id", org.id);
    set(rename, ":name", org.name);
    rename.exec();
    return {};
  });
}

Result<void> set_org_deleted(Transaction& tx, const OrgId& id, std::optional<Timestamp> deleted_at) {
  return guarded([&]() -> Result<void> {
    auto& update = tx.connection().prepared(delete_org_sql);
    set(update, ":id", id);
    set(update, ":deleted", deleted_at);
    return exec_one(update, "org");
  });
}

Result<std::optional<domain::Org>> find_org(Connection& connection) {
  return guarded([&]() -> Result<std::optional<domain::Org>> {
    auto& select = connection.prepared(find_org_sql);
    std::optional<domain::Org> found;
    if (select.executeStep()) {
      RowReader row(select);
      domain::Org& org = found.emplace();
      org.id = row.id<OrgId>();
      org.billing_group = row.id<BillingGroupId>();
      org.slug = row.text();
      org.name = row.text();
      org.description = row.text();
      org.owner = row.text();
      org.active = row.boolean();
      org.credits_per_usd = row.integer();
      org.overdraft = row.optional(&RowReader::credits);
      org.frozen = read_freeze(row);
      org.version = row.integer();
      org.created_at = row.time();
      org.updated_at = row.time();
      org.deleted_at = row.optional(&RowReader::time);
    }
    select.reset();
    return found;
  });
}

}  // namespace govctl::store
