#pragma once
// The ledger entry's row as money.cpp writes it.

#include "daemon/domain/records.h"
#include "daemon/store/writer.h"

namespace govctl::store {

// invalid when the amount or the balance leaves its bounds (common/money.h). Throws SQLite::Exception (a second
// entry of one idempotency key breaks UNIQUE): within guarded().
Result<domain::ChainHead> write_entry(Transaction& tx, const domain::LedgerEntry& entry);

}  // namespace govctl::store
