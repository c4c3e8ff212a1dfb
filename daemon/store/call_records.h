#pragma once
// What the gateway records of its calls: first in the journal, durable there, then in SQLite.

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "common/error.h"
#include "daemon/domain/chain.h"
#include "daemon/domain/records.h"

namespace govctl::store {

class Transaction;  // store/writer.h

// Money held for a call that is about to be sent.
struct Reserved {
  domain::Reservation reservation;
  std::string rules;              // the JSON of its rules_id where the file may lack it, or empty
  std::string idempotency_key{};  // the client's, or empty
  domain::Hash fingerprint{};     // of the request that came with it
};
// A call that is over and held money: its event, its charge, the end of its reservation.
struct Settled {
  std::shared_ptr<const domain::UsageEvent> event;
  BillingGroupId group;
  std::int64_t answered = 0;  // the HTTP status, of a call that came with an Idempotency-Key; 0: it did not
};
// A call that was refused: its event alone.
struct Refused {
  std::shared_ptr<const domain::UsageEvent> event;
  std::string rules;
};
// More is held for a call in flight.
struct Extended {
  RequestId request_id;
  Credits reserved;  // from now on, all together
};
using CallRecord = std::variant<Reserved, Settled, Refused, Extended>;

// Appends the record's bytes to `out`. The encoding is the journal's alone: it does not outlive a version of
// govd but through a crash, and names its version.
void encode(const CallRecord& record, std::string& out);
// The records of a frame. corrupt when it is none.
Result<std::vector<CallRecord>> decode_calls(std::string_view frame);

// What the journal beside `database` holds, oldest first: records that are durable and may not be rows yet.
Result<std::vector<CallRecord>> read_journal(const std::string& database, const OrgId& org);

// Writes the records in their order. The reservation of a call that is settled in the same batch never becomes
// a row. An error is of the file as a whole: each record was checked before it was promised. May run again
// after a rollback. `replay`: some of them may be in the file already, and are left as they are.
Result<void> apply_calls(Transaction& tx, std::span<const CallRecord> records, bool replay);

}  // namespace govctl::store
