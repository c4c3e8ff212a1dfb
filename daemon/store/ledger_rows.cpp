#include "daemon/store/ledger_rows.h"

#include <limits>

#include "daemon/store/chain_rows.h"
#include "daemon/store/columns.h"
#include "daemon/store/money.h"

namespace govctl::store {
namespace {

using domain::EntryType;
using domain::LedgerEntry;

#define ENTRY_COLUMNS \
  "seq, id, group_id, amount, type, idempotency_key, request_id, metadata, actor, created_at, hash"

constexpr const char* by_key_sql = "SELECT " ENTRY_COLUMNS " FROM ledger WHERE idempotency_key = :id";
constexpr const char* page_sql =
    "SELECT " ENTRY_COLUMNS
    " FROM ledger WHERE seq > :after AND created_at >= :since AND created_at < :until "
    "ORDER BY seq LIMIT :limit";
constexpr const char* count_sql =
    "SELECT count(*) FROM ledger WHERE created_at >= :since AND created_at < :until";
constexpr const char* balance_sql = "SELECT coalesce(sum(amount), 0) FROM ledger WHERE group_id = :group";
constexpr const char* between_sql =
    "SELECT coalesce(sum(amount), 0) FROM ledger WHERE seq > :after AND seq <= :last";
constexpr const char* refunded_sql =
    "SELECT coalesce(sum(amount), 0) FROM ledger WHERE request_id = :request AND type = 'REFUND'";
constexpr const char* charged_sql = "SELECT credits_charged FROM usage_events WHERE request_id = :request";

StoredEntry read_entry(RowReader& row) {
  StoredEntry stored;
  LedgerEntry& entry = stored.entry;
  stored.seq = row.integer();
  entry.id = row.id<EntryId>();
  entry.group_id = row.id<BillingGroupId>();
  entry.amount = row.credits();
  entry.type = domain::parse_entry_type(row.text()).value_or(EntryType::adjustment);
  entry.idempotency_key = row.text();
  entry.request_id = row.optional(&RowReader::id<RequestId>);
  entry.metadata = row.text();
  entry.actor = row.text();
  entry.created_at = row.time();
  stored.hash = row.hash();
  return stored;
}

bool same_content(const LedgerEntry& a, const LedgerEntry& b) {
  return a.group_id == b.group_id && a.amount == b.amount && a.type == b.type && a.request_id == b.request_id &&
         a.metadata == b.metadata;
}

// The first integer of a statement that gives one row, or none.
std::optional<std::int64_t> scalar(SQLite::Statement& select) {
  std::optional<std::int64_t> value;
  if (select.executeStep()) value = select.getColumn(0).getInt64();
  select.reset();
  return value;
}

std::int64_t refunded_amount(Connection& connection, const RequestId& request) {
  SQLite::Statement& select = connection.prepared(refunded_sql);
  set(select, ":request", request);
  return scalar(select).value_or(0);
}

// Refunds of a call together never exceed its charge.
Result<void> check_refund(Connection& connection, const LedgerEntry& entry) {
  if (!entry.request_id || entry.amount <= Credits::of(0)) {
    return fail(Code::invalid, "a refund names a call and is more than nothing");
  }
  SQLite::Statement& select = connection.prepared(charged_sql);
  set(select, ":request", *entry.request_id);
  const auto charged = scalar(select);
  if (!charged) return fail(Code::not_found, "there is no such call", "govctl usage list");
  const auto together = entry.amount.plus(Credits::of(refunded_amount(connection, *entry.request_id)));
  if (!together || *together > Credits::of(*charged)) {
    return fail(Code::conflict, "the refunds of the call would be more than it was charged");
  }
  return {};
}

}  // namespace

Result<domain::ChainHead> write_entry(Transaction& tx, const LedgerEntry& entry) {
  const std::int64_t amount = entry.amount.value();
  std::int64_t balance = 0;
  if (amount > max_amount || amount < -max_amount) {
    return fail(Code::invalid, "an amount is at most 9007199254740991 credits");
  }
  if (__builtin_add_overflow(tx.sum(domain::ChainTable::ledger), amount, &balance) || balance > max_balance ||
      balance < -max_balance) {
    return fail(Code::invalid, "the balance would leave its bounds");
  }
  ChainedInsert row(tx, domain::ChainTable::ledger);
  row.blob(entry.id.bytes);
  row.blob(entry.group_id.bytes);
  row.integer(amount);
  row.word(domain::entry_type_word(entry.type));
  row.text(entry.idempotency_key);
  if (entry.request_id) {
    row.blob(entry.request_id->bytes);
  } else {
    row.null();
  }
  row.text_or_null(entry.metadata);
  row.text(entry.actor);
  row.integer(entry.created_at.micros);
  return row.append(amount);
}

Result<Appended> append_entry(Transaction& tx, const LedgerEntry& entry) {
  return guarded([&]() -> Result<Appended> {
    auto there = select_one<StoredEntry>(tx.connection(), by_key_sql, entry.idempotency_key, read_entry);
    if (!there) return std::unexpected(there.error());
    if (*there) {
      StoredEntry& stored = **there;
      if (!same_content(stored.entry, entry)) {
        return fail(Code::idempotency_mismatch, "the idempotency key was used before with other content");
      }
      return Appended{stored.seq, std::move(stored.entry), stored.hash, true};
    }
    if (entry.type == EntryType::refund) {
      if (auto allowed = check_refund(tx.connection(), entry); !allowed)
        return std::unexpected(allowed.error());
    }
    auto head = write_entry(tx, entry);
    if (!head) return std::unexpected(head.error());
    return Appended{head->seq, entry, head->hash, false};
  });
}

Result<std::optional<StoredEntry>> find_entry(Connection& connection, const std::string& idempotency_key) {
  return select_one<StoredEntry>(connection, by_key_sql, idempotency_key, read_entry);
}

Result<Credits> ledger_sum(Connection& connection, const BillingGroupId& group) {
  return guarded([&]() -> Result<Credits> {
    SQLite::Statement& select = connection.prepared(balance_sql);
    set(select, ":group", group);
    return Credits::of(scalar(select).value_or(0));
  });
}

Result<Credits> refunded(Connection& connection, const RequestId& request) {
  return guarded([&]() -> Result<Credits> { return Credits::of(refunded_amount(connection, request)); });
}

Result<Rows<StoredEntry>> read_ledger(Connection& connection, const Window& window, const Page& page) {
  return guarded([&]() -> Result<Rows<StoredEntry>> {
    const Timestamp since = window.since.value_or(Timestamp{std::numeric_limits<std::int64_t>::min()});
    const Timestamp until = window.until.value_or(Timestamp{std::numeric_limits<std::int64_t>::max()});
    Rows<StoredEntry> found;
    SQLite::Statement& select = connection.prepared(page_sql);
    set(select, ":after", page.after_seq);
    set(select, ":since", since);
    set(select, ":until", until);
    set(select, ":limit", page.limit + 1);
    while (select.executeStep()) {
      if (static_cast<std::int64_t>(found.rows.size()) == page.limit) {
        found.next_seq = found.rows.empty() ? 0 : found.rows.back().seq;
        break;
      }
      RowReader row(select);
      found.rows.push_back(read_entry(row));
    }
    select.reset();

    // The balance after a row counts the rows that the window leaves out, too.
    std::int64_t balance = 0;
    std::int64_t counted = 0;
    for (StoredEntry& stored : found.rows) {
      if (stored.seq == counted + 1) {
        balance += stored.entry.amount.value();
      } else {
        SQLite::Statement& between = connection.prepared(between_sql);
        set(between, ":after", counted);
        set(between, ":last", stored.seq);
        balance += scalar(between).value_or(0);
      }
      counted = stored.seq;
      stored.balance_after = Credits::of(balance);
    }

    SQLite::Statement& count = connection.prepared(count_sql);
    set(count, ":since", since);
    set(count, ":until", until);
    found.total = scalar(count).value_or(0);
    return found;
  });
}

}  // namespace govctl::store
