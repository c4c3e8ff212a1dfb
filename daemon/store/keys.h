#pragma once
// API keys of agents, in the org's file: the SHA-256 of a key and its last 8 characters, never the key.

#include <optional>
#include <vector>

#include "daemon/domain/config.h"
#include "daemon/store/writer.h"

namespace govctl::store {

// conflict: the agent has a working key of that name.
Result<void> insert_key(Transaction& tx, const domain::ApiKey& key);
// name, limit, expires_at, revoked_at, revoke_reason, rotated_to. not_found: none.
Result<void> update_key(Transaction& tx, const domain::ApiKey& key);
// `fresh` takes over from `old`: the new row is written, and the old one as given (its rotated_to names the new
// one).
Result<void> insert_rotated_key(Transaction& tx, const domain::ApiKey& old, const domain::ApiKey& fresh);
// Of agents that are not deleted; revoked keys are there too.
Result<std::optional<domain::ApiKey>> find_key(Connection& connection, const KeyId& id);
Result<std::vector<domain::ApiKey>> list_keys(Connection& connection);

}  // namespace govctl::store
