#pragma once
// Providers' API keys, sealed, and the wrapped data keys that open them, in the org's file.

#include <optional>
#include <vector>

#include "daemon/domain/config.h"
#include "daemon/store/writer.h"

namespace govctl::store {

// conflict: the id is taken.
Result<void> insert_data_key(Transaction& tx, const domain::DataKey& key, Timestamp created_at);
Result<std::vector<domain::DataKey>> list_data_keys(Connection& connection);
// Its wrapped form and when it was retired. not_found: none.
Result<void> update_data_key(Transaction& tx, const domain::DataKey& key);

Result<void> insert_credential(Transaction& tx, const domain::Credential& credential);
// label, data key, sealed bytes, suffix, active, version, updated_at. not_found: none, or deleted.
Result<void> update_credential(Transaction& tx, const domain::Credential& credential);
// The row is marked and its sealed bytes are overwritten. not_found: none, or deleted.
Result<void> delete_credential(Transaction& tx, const CredentialId& id, Timestamp now);
Result<std::optional<domain::Credential>> find_credential(Connection& connection, const CredentialId& id);
Result<std::vector<domain::Credential>> list_credentials(Connection& connection);

}  // namespace govctl::store
