#pragma once
// The usage event's row as money.cpp writes it.

#include "daemon/domain/records.h"
#include "daemon/store/writer.h"

namespace govctl::store {

// Throws SQLite::Exception (a second event of one request breaks UNIQUE): within guarded().
void append_event(Transaction& tx, const domain::UsageEvent& event);

}  // namespace govctl::store
