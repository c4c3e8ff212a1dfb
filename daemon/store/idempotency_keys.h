#pragma once
// The Idempotency-Keys of clients' calls (30-ledger.md "One call"), by API key: which call used one, and how it
// was answered. A row comes with the call's reservation, so that a refused call uses none up.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "daemon/domain/chain.h"
#include "daemon/domain/records.h"
#include "daemon/store/writer.h"

namespace govctl::store {

struct IdempotencyKey {
  KeyId key;
  std::string value;
  domain::Hash fingerprint{};
  RequestId request_id;
  std::int64_t status = 0;  // the HTTP status of the answer; 0: the call is in flight
  Timestamp created_at;
};

// A row of the same key and value that is there already was too old to count: it is replaced.
Result<void> use_idempotency_key(Transaction& tx, const domain::Reservation& call, const std::string& value,
                                 const domain::Hash& fingerprint);
// Nothing when the call used none, or is finished.
Result<void> finish_idempotency_key(Transaction& tx, const RequestId& request, std::int64_t status);
// Deletes rows made before `before`, the oldest first, `limit` at most; the time of the oldest that is left.
Result<std::optional<Timestamp>> sweep_idempotency_keys(Transaction& tx, Timestamp before, std::int64_t limit);

Result<std::optional<IdempotencyKey>> find_idempotency_key(Connection& connection, const KeyId& key,
                                                           const std::string& value);
// Newest first.
Result<std::vector<IdempotencyKey>> list_idempotency_keys(Connection& connection, Timestamp since,
                                                          std::int64_t limit);
Result<std::optional<Timestamp>> oldest_idempotency_key(Connection& connection);

}  // namespace govctl::store
