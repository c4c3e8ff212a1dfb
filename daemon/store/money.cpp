#include "daemon/store/money.h"

#include "daemon/store/columns.h"
#include "daemon/store/ledger_rows.h"
#include "daemon/store/usage_rows.h"

namespace govctl::store {
namespace {

using domain::Reservation;

#define RESERVATION_COLUMNS                                                                        \
  "request_id, org_id, workspace_id, agent_group_id, agent_id, key_id, dialect, provider, model, " \
  "price_model, "                                                                                  \
  "price_version, credits_per_usd, stream, reserved, rules_id, created_at"

constexpr const char* reserve_sql =
    "INSERT INTO reservations(" RESERVATION_COLUMNS ") VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)";
constexpr const char* release_all_sql = "DELETE FROM reservations";
constexpr const char* open_sql = "SELECT " RESERVATION_COLUMNS " FROM reservations ORDER BY request_id";
constexpr const char* extend_sql = "UPDATE reservations SET reserved = max(reserved, ?) WHERE request_id = ?";
constexpr const char* release_sql = "DELETE FROM reservations WHERE request_id = ?";
constexpr const char* rules_sql = "INSERT OR IGNORE INTO rule_snapshots(id, rules) VALUES (:id, :rules)";
constexpr const char* find_rules_sql = "SELECT rules FROM rule_snapshots WHERE id = :id";

// By index and without copies: this runs once for each call. What is bound outlives the statement's run.
class Binder {
 public:
  explicit Binder(SQLite::Statement& statement) : statement_(statement) {}
  void uuid(const Uuid& value) { statement_.bindNoCopy(++at_, value.data(), static_cast<int>(value.size())); }
  void text(const std::string& value) { statement_.bindNoCopy(++at_, value); }
  void integer(std::int64_t value) { statement_.bind(++at_, value); }

 private:
  SQLite::Statement& statement_;
  int at_ = 0;
};

Reservation read_reservation(RowReader& row) {
  Reservation reservation;
  reservation.request_id = row.id<RequestId>();
  reservation.scope.org = row.id<OrgId>();
  reservation.scope.workspace = row.id<WorkspaceId>();
  reservation.scope.group = row.id<AgentGroupId>();
  reservation.scope.agent = row.id<AgentId>();
  reservation.scope.key = row.id<KeyId>();
  reservation.dialect = row.text();
  reservation.provider = row.text();
  reservation.model = row.text();
  reservation.price_model = row.text();
  reservation.price_version = row.integer();
  reservation.credits_per_usd = row.integer();
  reservation.stream = row.boolean();
  reservation.reserved = row.credits();
  reservation.rules_id = row.integer();
  reservation.created_at = row.time();
  return reservation;
}

domain::LedgerEntry charge_entry(const domain::UsageEvent& event, const BillingGroupId& group) {
  domain::LedgerEntry entry;
  entry.id = EntryId::mint(event.created_at.millis());
  entry.group_id = group;
  entry.amount = Credits::of(-event.credits_charged.value());
  entry.type = domain::EntryType::usage_deduction;
  entry.idempotency_key = "call:" + event.request_id.text();
  entry.request_id = event.request_id;
  entry.actor = "gateway";
  entry.created_at = event.created_at;
  return entry;
}

}  // namespace

Result<void> insert_reservation(Transaction& tx, const Reservation& reservation) {
  return guarded([&]() -> Result<void> {
    SQLite::Statement& insert = tx.connection().prepared(reserve_sql);
    Binder bind(insert);
    bind.uuid(reservation.request_id.bytes);
    bind.uuid(reservation.scope.org.bytes);
    bind.uuid(reservation.scope.workspace.bytes);
    bind.uuid(reservation.scope.group.bytes);
    bind.uuid(reservation.scope.agent.bytes);
    bind.uuid(reservation.scope.key.bytes);
    bind.text(reservation.dialect);
    bind.text(reservation.provider);
    bind.text(reservation.model);
    bind.text(reservation.price_model);
    bind.integer(reservation.price_version);
    bind.integer(reservation.credits_per_usd);
    bind.integer(reservation.stream ? 1 : 0);
    bind.integer(reservation.reserved.value());
    bind.integer(reservation.rules_id);
    bind.integer(reservation.created_at.micros);
    insert.exec();
    insert.reset();
    return {};
  });
}

Result<void> extend_reservation(Transaction& tx, const RequestId& request, Credits reserved) {
  return guarded([&]() -> Result<void> {
    SQLite::Statement& extend = tx.connection().prepared(extend_sql);
    Binder bind(extend);
    bind.integer(reserved.value());
    bind.uuid(request.bytes);
    const int extended = extend.exec();
    extend.reset();
    if (extended != 1) return fail(Code::internal, "more was to be held for a call that holds no reservation");
    return {};
  });
}

Result<void> charge_call(Transaction& tx, const domain::UsageEvent& event, const BillingGroupId& group) {
  return guarded([&]() -> Result<void> {
    append_event(tx, event);
    if (event.credits_charged == Credits::of(0)) return {};
    auto written = write_entry(tx, charge_entry(event, group));
    return written ? Result<void>{} : std::unexpected(written.error());
  });
}

Result<void> settle_call(Transaction& tx, const domain::UsageEvent& event, const BillingGroupId& group) {
  return guarded([&]() -> Result<void> {
    if (auto charged = charge_call(tx, event, group); !charged) return charged;
    SQLite::Statement& release = tx.connection().prepared(release_sql);
    Binder(release).uuid(event.request_id.bytes);
    const int released = release.exec();
    release.reset();
    if (released != 1) return fail(Code::internal, "a call was to be settled that holds no reservation");
    return {};
  });
}

std::int64_t rules_id_of(std::string_view rules) {
  const domain::Hash hash = domain::sha256(rules);
  std::uint64_t id = 0;
  for (std::size_t i = 0; i < 8; ++i) id = id << 8 | hash[i];
  return static_cast<std::int64_t>(id);
}

Result<void> insert_rules(Transaction& tx, std::int64_t id, std::string_view rules) {
  return guarded([&]() -> Result<void> {
    SQLite::Statement& insert = tx.connection().prepared(rules_sql);
    set(insert, ":id", id);
    set(insert, ":rules", std::string(rules));
    insert.exec();
    insert.reset();
    return {};
  });
}

Result<std::string> find_rules(Connection& connection, std::int64_t id) {
  return guarded([&]() -> Result<std::string> {
    std::string rules;
    SQLite::Statement& select = connection.prepared(find_rules_sql);
    set(select, ":id", id);
    if (select.executeStep()) rules = select.getColumn(0).getString();
    select.reset();
    return rules;
  });
}

Result<std::vector<Reservation>> open_reservations(Connection& connection) {
  return select_all<Reservation>(connection, open_sql, read_reservation);
}

Result<std::int64_t> release_reservations(Transaction& tx) {
  return guarded([&]() -> Result<std::int64_t> { return tx.connection().prepared(release_all_sql).exec(); });
}

}  // namespace govctl::store
