#pragma once
// The rows of money: reservations, usage events, the ledger, the audit log. Writing functions run inside an
// operation of the file's writer; reading ones on any connection.

#include <optional>
#include <vector>

#include "daemon/domain/records.h"
#include "daemon/store/writer.h"

namespace govctl::store {

// --- a call
Result<void> insert_reservation(Transaction& tx, const domain::Reservation& reservation);
// More is held for the call; never less. internal when it holds no reservation.
Result<void> extend_reservation(Transaction& tx, const RequestId& request, Credits reserved);
// In the caller's savepoint: the usage event; the ledger entry when credits were charged (type USAGE_DEDUCTION,
// amount negative, idempotency key "call:<request id>", actor "gateway"); the reservation deleted. conflict
// when the call has its event already, internal when it holds no reservation: nothing may be charged twice.
// Events and entries of charges follow one another in the same order: verify relies on it.
Result<void> settle_call(Transaction& tx, const domain::UsageEvent& event, const BillingGroupId& group);
// The same of a call whose reservation never became a row.
Result<void> charge_call(Transaction& tx, const domain::UsageEvent& event, const BillingGroupId& group);
// A refused call: the usage event alone.
Result<void> insert_event(Transaction& tx, const domain::UsageEvent& event);
// The rules a decision rested on, once (INSERT OR IGNORE). The id is the first 8 bytes of SHA-256(rules) as an
// integer.
std::int64_t rules_id_of(std::string_view rules);
Result<void> insert_rules(Transaction& tx, std::int64_t id, std::string_view rules);
// Empty when there are none.
Result<std::string> find_rules(Connection& connection, std::int64_t id);

Result<std::vector<domain::Reservation>> open_reservations(Connection& connection);
// Holds of a restored file: their calls ended where it was not seen. How many there were.
Result<std::int64_t> release_reservations(Transaction& tx);

// --- the ledger
struct Appended {
  std::int64_t seq = 0;
  domain::LedgerEntry entry;  // as stored
  domain::Hash hash{};
  bool replayed = false;  // the same idempotency key with the same content was there already
};
// idempotency_mismatch when the key was used with other content (group, amount, type, request, metadata);
// invalid when the amount or the balance leaves its bounds. A REFUND names its call (not_found) and, with the
// call's other refunds, is at most what it was charged (conflict).
Result<Appended> append_entry(Transaction& tx, const domain::LedgerEntry& entry);
Result<Credits> ledger_sum(Connection& connection,
                           const BillingGroupId& group);  // SELECT sum(amount): the balance
// What REFUND entries of this call add up to.
Result<Credits> refunded(Connection& connection, const RequestId& request);

Result<void> append_audit(Transaction& tx, const domain::AuditRecord& record);

// --- what start-up rebuilds memory from
// Settled spend by key: charges since each instant, less refunds of calls charged since that instant.
struct KeySpend {
  domain::Scope scope;
  Credits total, month, day;
};
Result<std::vector<KeySpend>> spend_by_key(Connection& connection, Timestamp day_start, Timestamp month_start);
// The latest time that an event bears, of those before `before`.
Result<std::optional<Timestamp>> latest_event(Connection& connection, Timestamp before);

// --- reading
struct StoredEntry {
  std::int64_t seq = 0;
  domain::LedgerEntry entry;
  Credits balance_after;
  domain::Hash hash{};
};
struct StoredAudit {
  std::int64_t seq = 0;
  domain::AuditRecord record;
  domain::Hash hash{};
};
struct Page {
  std::int64_t limit = 100;
  std::int64_t after_seq = 0;  // the cursor: 0 = from the start (or the newest, where newest come first)
};
// created_at in [since, until).
struct Window {
  std::optional<Timestamp> since, until;
};
template <class T>
struct Rows {
  std::vector<T> rows;
  std::int64_t total = 0;
  std::int64_t next_seq = 0;  // 0: no more
};
Result<Rows<StoredEntry>> read_ledger(Connection& connection, const Window& window, const Page& page);
// The entry of an idempotency key, prefix included; its balance_after is not filled in.
Result<std::optional<StoredEntry>> find_entry(Connection& connection, const std::string& idempotency_key);

struct UsageFilter {
  Window window;
  std::optional<WorkspaceId> workspace;
  std::optional<AgentGroupId> group;
  std::optional<AgentId> agent;
  std::optional<KeyId> key;
  std::string status, model, session;  // empty: all
  std::string tag;                     // a tag's name; empty: all
  std::string tag_value;
};
struct StoredEvent {
  std::int64_t seq = 0;
  domain::UsageEvent event;
  domain::Hash hash{};
};
Result<Rows<StoredEvent>> read_usage(Connection& connection, const UsageFilter& filter,
                                     const Page& page);  // newest first
Result<std::optional<StoredEvent>> find_event(Connection& connection, const RequestId& request);

enum class UsageBy { agent, model, key, user, provider, session, dialect, tag };
struct UsageSum {
  std::string name;  // what calls have in common; empty: they have none, or (agent, key) they have `id`
  Uuid id{};
  std::int64_t calls = 0, input_tokens = 0, output_tokens = 0;
  Credits credits;
  Cost cost;
};
// Sorted by credits, most first. Calls are events with a charge or SUCCESS/ERROR status. `tag` names the tag to
// go by; without it each tag=value has a sum, and a call counts in each of its own.
Result<std::vector<UsageSum>> sum_usage(Connection& connection, UsageBy by, const UsageFilter& filter,
                                        std::int64_t limit, const std::string& tag = {});

struct AuditFilter {
  Window window;
  std::string actor, event, resource;  // event "agent.*" is a prefix; resource matches id, name or type
};
Result<Rows<StoredAudit>> read_audit(Connection& connection, const AuditFilter& filter,
                                     const Page& page);  // newest first

}  // namespace govctl::store
