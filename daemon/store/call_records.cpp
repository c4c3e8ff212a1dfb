#include "daemon/store/call_records.h"

#include <algorithm>
#include <cstring>
#include <iterator>
#include <limits>
#include <unordered_set>

#include "daemon/store/columns.h"
#include "daemon/store/idempotency_keys.h"
#include "daemon/store/journal.h"
#include "daemon/store/money.h"

namespace govctl::store {
namespace {

constexpr std::uint8_t encoding_version = 3;
constexpr std::uint8_t oldest_version = 2;  // knows no Extended, and is the same otherwise
enum class Kind : std::uint8_t { reserved, settled, refused, extended };

constexpr const char* settled_sql = "SELECT 1 FROM usage_events WHERE request_id = ?1";
constexpr const char* held_sql = "SELECT 1 FROM reservations WHERE request_id = ?1";

// The fields of a record, once for writing and once for reading.
template <class Archive, class R>
  requires std::same_as<std::remove_const_t<R>, domain::Scope>
void fields(Archive& archive, R& scope) {
  archive(scope.org.bytes, scope.workspace.bytes, scope.group.bytes, scope.agent.bytes, scope.key.bytes);
}
template <class Archive, class R>
  requires std::same_as<std::remove_const_t<R>, domain::Reservation>
void fields(Archive& archive, R& held) {
  archive(held.request_id.bytes);
  fields(archive, held.scope);
  archive(held.dialect, held.provider, held.model, held.price_model, held.price_version, held.credits_per_usd,
          held.stream, held.reserved, held.rules_id, held.created_at.micros);
}
template <class Archive, class R>
  requires std::same_as<std::remove_const_t<R>, domain::UsageEvent>
void fields(Archive& archive, R& event) {
  archive(event.request_id.bytes, event.client_request_id);
  fields(archive, event.scope);
  archive(event.user, event.session, event.tags, event.dialect, event.provider, event.model, event.price_model,
          event.price_version, event.credits_per_usd);
  for (auto& quantity : event.usage.quantity) archive(quantity);
  archive(event.cost_usd, event.reserved, event.credits_charged, event.latency_ms, event.first_byte_ms,
          event.attempts, event.status, event.cause, event.completion, event.flags.bits, event.error_message,
          event.rules_id, event.decision, event.count, event.created_at.micros);
}

class Writing {
 public:
  explicit Writing(std::string& out) : out_(out) {}
  template <class... T>
  void operator()(const T&... values) {
    (one(values), ...);
  }

 private:
  // Small figures are one byte: seven bits at a time, the sign last of all.
  void unsigned_one(std::uint64_t value) {
    for (; value >= 0x80; value >>= 7) out_ += static_cast<char>(value | 0x80);
    out_ += static_cast<char>(value);
  }
  void one(std::int64_t value) {
    const auto bits = static_cast<std::uint64_t>(value);
    unsigned_one(bits << 1 ^ (value < 0 ? ~std::uint64_t{0} : 0));
  }
  void one(const Uuid& uuid) { out_.append(reinterpret_cast<const char*>(uuid.data()), uuid.size()); }
  void one(const domain::Hash& hash) { out_.append(reinterpret_cast<const char*>(hash.data()), hash.size()); }
  void one(const std::string& text) {
    unsigned_one(text.size());
    out_ += text;
  }
  void one(bool value) { out_ += value ? '\1' : '\0'; }
  void one(std::uint32_t bits) { unsigned_one(bits); }
  void one(Credits credits) { one(credits.value()); }
  void one(domain::CallStatus status) { out_ += static_cast<char>(status); }
  void one(const std::optional<std::int64_t>& value) {
    one(value.has_value());
    if (value) one(*value);
  }
  std::string& out_;
};

class Reading {
 public:
  explicit Reading(std::string_view in) : in_(in) {}
  template <class... T>
  void operator()(T&... values) {
    (one(values), ...);
  }
  [[nodiscard]] bool broken() const { return broken_; }
  [[nodiscard]] bool at_end() const { return in_.empty(); }
  std::uint8_t byte() {
    if (in_.empty()) {
      broken_ = true;
      return 0;
    }
    const auto value = static_cast<std::uint8_t>(in_.front());
    in_.remove_prefix(1);
    return value;
  }

 private:
  std::string_view take(std::uint64_t bytes) {
    if (bytes > in_.size()) {
      broken_ = true;
      return {};
    }
    const std::string_view taken = in_.substr(0, static_cast<std::size_t>(bytes));
    in_.remove_prefix(taken.size());
    return taken;
  }
  std::uint64_t unsigned_one() {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      const std::uint8_t part = byte();
      value |= static_cast<std::uint64_t>(part & 0x7fU) << shift;
      if ((part & 0x80U) == 0) return value;
    }
    broken_ = true;
    return 0;
  }
  void one(std::int64_t& value) {
    const std::uint64_t bits = unsigned_one();
    value = static_cast<std::int64_t>(bits >> 1 ^ ((bits & 1U) != 0 ? ~std::uint64_t{0} : 0));
  }
  void one(Uuid& uuid) {
    const std::string_view bytes = take(uuid.size());
    if (!broken_) std::memcpy(uuid.data(), bytes.data(), uuid.size());
  }
  void one(domain::Hash& hash) {
    const std::string_view bytes = take(hash.size());
    if (!broken_) std::memcpy(hash.data(), bytes.data(), hash.size());
  }
  void one(std::string& text) { text = take(unsigned_one()); }
  void one(bool& value) { value = byte() != 0; }
  void one(std::uint32_t& bits) {
    const std::uint64_t value = unsigned_one();
    broken_ = broken_ || value > std::numeric_limits<std::uint32_t>::max();
    bits = static_cast<std::uint32_t>(value);
  }
  void one(Credits& credits) {
    std::int64_t value = 0;
    one(value);
    credits = Credits::of(value);
  }
  void one(domain::CallStatus& status) {
    const std::uint8_t value = byte();
    broken_ = broken_ || value > static_cast<std::uint8_t>(domain::CallStatus::budget_exceeded);
    status = static_cast<domain::CallStatus>(value);
  }
  void one(std::optional<std::int64_t>& value) {
    bool there = false;
    one(there);
    if (there) one(value.emplace());
  }
  std::string_view in_;
  bool broken_ = false;
};

std::shared_ptr<const domain::UsageEvent> read_event(Reading& in) {
  auto event = std::make_shared<domain::UsageEvent>();
  fields(in, *event);
  return event;
}

CallRecord read_record(Kind kind, Reading& in) {
  switch (kind) {
    case Kind::reserved: {
      Reserved record;
      fields(in, record.reservation);
      in(record.rules, record.idempotency_key);
      if (!record.idempotency_key.empty()) in(record.fingerprint);
      return record;
    }
    case Kind::settled: {
      Settled record;
      record.event = read_event(in);
      in(record.group.bytes, record.answered);
      return record;
    }
    case Kind::extended: {
      Extended record;
      in(record.request_id.bytes, record.reserved);
      return record;
    }
    case Kind::refused:
      break;
  }
  Refused record;
  record.event = read_event(in);
  in(record.rules);
  return record;
}

bool is_there(Transaction& tx, const char* sql, const RequestId& request) {
  SQLite::Statement& select = tx.connection().prepared(sql);
  select.bindNoCopy(1, request.bytes.data(), static_cast<int>(request.bytes.size()));
  const bool found = select.executeStep();
  select.reset();
  return found;
}

// Writes one record; `settled_too` says of a call whether the batch holds its end, `held_here` whether it holds
// its beginning.
struct Applier {
  Transaction& tx;
  const std::unordered_set<RequestId>& settled_too;
  std::unordered_set<RequestId> held_here;
  bool replay;

  Result<void> rules(std::int64_t id, const std::string& text) const {
    return text.empty() ? Result<void>{} : insert_rules(tx, id, text);
  }
  Result<void> operator()(const Reserved& record) {
    const RequestId& id = record.reservation.request_id;
    if (auto ok = rules(record.reservation.rules_id, record.rules); !ok) return ok;
    if (replay && (is_there(tx, settled_sql, id) || is_there(tx, held_sql, id))) return {};
    if (!record.idempotency_key.empty()) {
      auto kept = use_idempotency_key(tx, record.reservation, record.idempotency_key, record.fingerprint);
      if (!kept) return kept;
    }
    if (settled_too.contains(id)) {
      held_here.insert(id);
      return {};
    }
    return insert_reservation(tx, record.reservation);
  }
  Result<void> operator()(const Settled& record) {
    const RequestId& id = record.event->request_id;
    if (replay && is_there(tx, settled_sql, id)) return {};
    if (record.answered != 0) {
      if (auto ok = finish_idempotency_key(tx, id, record.answered); !ok) return ok;
    }
    return held_here.contains(id) ? charge_call(tx, *record.event, record.group)
                                  : settle_call(tx, *record.event, record.group);
  }
  Result<void> operator()(const Refused& record) const {
    if (replay && is_there(tx, settled_sql, record.event->request_id)) return {};
    if (auto ok = rules(record.event->rules_id, record.rules); !ok) return ok;
    return insert_event(tx, *record.event);
  }
  Result<void> operator()(const Extended& record) const {
    if (settled_too.contains(record.request_id)) return {};
    if (replay && is_there(tx, settled_sql, record.request_id)) return {};
    return extend_reservation(tx, record.request_id, record.reserved);
  }
};

}  // namespace

void encode(const CallRecord& record, std::string& out) {
  Writing archive(out);
  out += static_cast<char>(encoding_version);
  out += static_cast<char>(record.index());
  if (const auto* reserved = std::get_if<Reserved>(&record)) {
    fields(archive, reserved->reservation);
    archive(reserved->rules, reserved->idempotency_key);
    if (!reserved->idempotency_key.empty()) archive(reserved->fingerprint);
  } else if (const auto* settled = std::get_if<Settled>(&record)) {
    fields(archive, *settled->event);
    archive(settled->group.bytes, settled->answered);
  } else if (const auto* refused = std::get_if<Refused>(&record)) {
    fields(archive, *refused->event);
    archive(refused->rules);
  } else if (const auto* extended = std::get_if<Extended>(&record)) {
    archive(extended->request_id.bytes, extended->reserved);
  }
}

Result<std::vector<CallRecord>> decode_calls(std::string_view frame) {
  const auto no_record = [] { return fail(Code::corrupt, "the journal holds what is no record of a call"); };
  std::vector<CallRecord> records;
  Reading in(frame);
  while (!in.at_end()) {
    const std::uint8_t version = in.byte();
    const std::uint8_t kind = in.byte();
    if (version < oldest_version || version > encoding_version) {
      return fail(Code::conflict,
                  "the journal was written by another version of govd, which must bring it in first");
    }
    if (kind > static_cast<std::uint8_t>(Kind::extended)) return no_record();
    records.push_back(read_record(static_cast<Kind>(kind), in));
    if (in.broken()) return no_record();
  }
  return records;
}

Result<std::vector<CallRecord>> read_journal(const std::string& database, const OrgId& org) {
  auto frames = Journal::read(Journal::path_beside(database), org);
  if (!frames) return std::unexpected(frames.error());
  std::vector<CallRecord> records;
  for (const std::string& frame : *frames) {
    auto decoded = decode_calls(frame);
    if (!decoded) return std::unexpected(decoded.error());
    std::ranges::move(*decoded, std::back_inserter(records));
  }
  return records;
}

Result<void> apply_calls(Transaction& tx, std::span<const CallRecord> records, bool replay) {
  std::unordered_set<RequestId> settled_too;
  settled_too.reserve(records.size());
  for (const CallRecord& record : records) {
    if (const auto* settled = std::get_if<Settled>(&record)) settled_too.insert(settled->event->request_id);
  }
  return guarded([&]() -> Result<void> {
    Applier apply{tx, settled_too, {}, replay};
    for (const CallRecord& record : records) {
      if (auto ok = std::visit(apply, record); !ok) return ok;
    }
    return {};
  });
}

}  // namespace govctl::store
