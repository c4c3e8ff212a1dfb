#pragma once
// The catalog: the list of orgs, which org a key is of, settings, and the platform's providers and prices.
// Writing functions run inside an operation of the catalog's writer; reading ones on any connection.

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "daemon/domain/config.h"
#include "daemon/store/writer.h"

namespace govctl::store {

// --- orgs
// ---------------------------------------------------------------------------------------------------------
struct CatalogOrg {
  OrgId id;
  std::string slug;
  BillingGroupId billing_group;
  std::optional<Timestamp> deleted_at;
};
Result<std::vector<CatalogOrg>> list_orgs(Connection& connection);  // by slug, deleted ones too
// conflict: an org that is not deleted has the slug.
Result<void> insert_catalog_org(Transaction& tx, const CatalogOrg& org, Timestamp created_at);
// Empty: undeleted; a conflict when the slug was taken meanwhile.
Result<void> set_catalog_org_deleted(Transaction& tx, const OrgId& id, std::optional<Timestamp> deleted_at);

// --- which org a key is of
// ------------------------------------------------------------------------------------------
struct IndexedKey {
  domain::Hash hash{};
  OrgId org;
};
// Again for the same key: nothing happens.
Result<void> index_key(Transaction& tx, const domain::Hash& hash, const OrgId& org);
Result<std::optional<OrgId>> find_key_org(Connection& connection, const domain::Hash& hash);
Result<std::vector<IndexedKey>> list_key_index(Connection& connection);

// --- settings
// -------------------------------------------------------------------------------------------------------
Result<std::optional<std::string>> get_setting(Connection& connection, const std::string& name);
Result<void> put_setting(Transaction& tx, const std::string& name, const std::string& value);

// --- providers and prices
// -------------------------------------------------------------------------------------------
Result<domain::PlatformConfig> load_platform(
    Connection& connection);  // by name; prices in the order of their kinds

// conflict: the name is taken.
Result<void> insert_provider(Transaction& tx, const domain::Provider& provider, Timestamp now);
// All but name, kind and shipped. not_found: none.
Result<void> update_provider(Transaction& tx, const domain::Provider& provider, Timestamp now);
Result<void> delete_provider(Transaction& tx, const std::string& name);
Result<std::optional<domain::Provider>> find_provider(Connection& connection, const std::string& name);

// The model's row and its prices, whole: what was there before is replaced.
Result<void> put_model(Transaction& tx, const domain::ModelPrice& model);
// With its prices. not_found: none.
Result<void> delete_model(Transaction& tx, const std::string& provider, const std::string& model);
Result<std::optional<domain::ModelPrice>> find_model(Connection& connection, const std::string& provider,
                                                     const std::string& model);

}  // namespace govctl::store
