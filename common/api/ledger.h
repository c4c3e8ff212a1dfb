#pragma once
// The ledger, usage and the audit log as they are read over the control API.

#include "common/api/fields.h"

namespace govctl::api {

struct Balance {
  std::string org;
  std::int64_t balance = 0, reserved = 0, available = 0, credits_per_usd = 0;
  static constexpr auto fields() {
    return std::tuple{field("org", &Balance::org), field("balance", &Balance::balance),
                      field("reserved", &Balance::reserved),
                      field("available", &Balance::available, "balance - reserved"),
                      field("credits_per_usd", &Balance::credits_per_usd)};
  }
};

struct Entry {
  std::int64_t seq = 0;
  std::string id, type;
  std::int64_t amount = 0, balance_after = 0;
  std::string idempotency_key;
  std::optional<std::string> request_id;
  Json metadata;
  std::string actor, created_at, hash;
  static constexpr auto fields() {
    return std::tuple{field("seq", &Entry::seq),
                      field("id", &Entry::id),
                      field("type", &Entry::type, "CREDIT_PURCHASE, USAGE_DEDUCTION, ADJUSTMENT or REFUND"),
                      field("amount", &Entry::amount, "credits; negative takes from the balance"),
                      field("balance_after", &Entry::balance_after, "summed while reading; not stored"),
                      field("idempotency_key", &Entry::idempotency_key),
                      field("request_id", &Entry::request_id),
                      field("metadata", &Entry::metadata),
                      field("actor", &Entry::actor),
                      field("created_at", &Entry::created_at),
                      field("hash", &Entry::hash)};
  }
};

// POST /credits/purchase
struct Purchase {
  std::string org;
  std::int64_t amount = 0;
  std::optional<std::string> reference, idempotency_key;
  static constexpr auto fields() {
    return std::tuple{
        field("org", &Purchase::org, "slug or id"), field("amount", &Purchase::amount, "credits, > 0"),
        field("reference", &Purchase::reference), field("idempotency_key", &Purchase::idempotency_key)};
  }
};
// POST /orgs/{org}/ledger/adjust
struct Adjustment {
  std::int64_t amount = 0;
  std::string reason;
  std::optional<bool> allow_negative;
  std::optional<std::string> idempotency_key;
  static constexpr auto fields() {
    return std::tuple{field("amount", &Adjustment::amount), field("reason", &Adjustment::reason),
                      field("allow_negative", &Adjustment::allow_negative),
                      field("idempotency_key", &Adjustment::idempotency_key)};
  }
};
// POST /usage/{request_id}/refund
struct Refund {
  std::optional<std::int64_t> amount;
  std::optional<std::string> reason, idempotency_key;
  static constexpr auto fields() {
    return std::tuple{field("amount", &Refund::amount, "default: what is left of the charge"),
                      field("reason", &Refund::reason), field("idempotency_key", &Refund::idempotency_key)};
  }
};

struct VerifyTable {
  std::string org, table;
  std::int64_t rows = 0;
  std::string head;
  bool ok = true;
  std::optional<std::string> fault;
  static constexpr auto fields() {
    return std::tuple{
        field("org", &VerifyTable::org),   field("table", &VerifyTable::table),
        field("rows", &VerifyTable::rows), field("head", &VerifyTable::head),
        field("ok", &VerifyTable::ok),     field("fault", &VerifyTable::fault, "what was found, and where")};
  }
};
struct VerifyReport {
  bool ok = true;
  std::vector<VerifyTable> tables;
  std::int64_t anchors = 0;
  static constexpr auto fields() {
    return std::tuple{field("ok", &VerifyReport::ok), field("tables", &VerifyReport::tables),
                      field("anchors", &VerifyReport::anchors, "signed anchors checked")};
  }
};

struct UsageEvent {
  std::string request_id;
  std::optional<std::string> client_request_id;
  std::string agent, key_id, dialect, provider, model, status;
  std::optional<std::string> cause, completion;
  std::int64_t input_tokens = 0, output_tokens = 0, cached_tokens = 0, cache_write_tokens = 0,
               reasoning_tokens = 0;
  std::string cost_usd;
  std::int64_t reserved = 0, credits_charged = 0, latency_ms = 0;
  std::optional<std::int64_t> first_byte_ms;
  std::int64_t attempts = 0, count = 1, price_version = 0;
  std::vector<std::string> flags;
  std::optional<std::string> error_message;
  std::optional<std::string> session, user;
  Json tags, decision;
  std::string created_at;
  static constexpr auto fields() {
    using U = UsageEvent;
    return std::tuple{field("request_id", &U::request_id),
                      field("client_request_id", &U::client_request_id),
                      field("agent", &U::agent),
                      field("key_id", &U::key_id),
                      field("dialect", &U::dialect),
                      field("provider", &U::provider),
                      field("model", &U::model),
                      field("status", &U::status, "SUCCESS, ERROR, POLICY_BLOCKED or BUDGET_EXCEEDED"),
                      field("cause", &U::cause),
                      field("completion", &U::completion, "complete, partial or error"),
                      field("input_tokens", &U::input_tokens),
                      field("output_tokens", &U::output_tokens),
                      field("cached_tokens", &U::cached_tokens),
                      field("cache_write_tokens", &U::cache_write_tokens),
                      field("reasoning_tokens", &U::reasoning_tokens),
                      field("cost_usd", &U::cost_usd),
                      field("reserved", &U::reserved),
                      field("credits_charged", &U::credits_charged),
                      field("latency_ms", &U::latency_ms),
                      field("first_byte_ms", &U::first_byte_ms),
                      field("attempts", &U::attempts),
                      field("count", &U::count, "refusals folded into this event"),
                      field("price_version", &U::price_version),
                      field("flags", &U::flags),
                      field("error_message", &U::error_message),
                      field("session", &U::session),
                      field("user", &U::user),
                      field("tags", &U::tags),
                      field("decision", &U::decision),
                      field("created_at", &U::created_at)};
  }
};

// GET /usage/burn-rate/{group_id}
struct BurnRate {
  std::string path;
  std::int64_t last_24h = 0, last_7d = 0;
  std::int64_t calls_24h = 0, calls_7d = 0;
  std::optional<std::int64_t> balance;
  std::optional<std::int64_t> seconds_left;  // at the rate of the last 24 h
  static constexpr auto fields() {
    return std::tuple{
        field("path", &BurnRate::path),
        field("last_24h", &BurnRate::last_24h, "credits"),
        field("last_7d", &BurnRate::last_7d, "credits"),
        field("calls_24h", &BurnRate::calls_24h),
        field("calls_7d", &BurnRate::calls_7d),
        field("balance", &BurnRate::balance),
        field("seconds_left", &BurnRate::seconds_left, "until the balance is gone at the 24 h rate")};
  }
};
struct UsageTop {
  std::string name;
  std::int64_t calls = 0, input_tokens = 0, output_tokens = 0, credits = 0;
  std::string cost_usd;
  static constexpr auto fields() {
    return std::tuple{field("name", &UsageTop::name),
                      field("calls", &UsageTop::calls),
                      field("input_tokens", &UsageTop::input_tokens),
                      field("output_tokens", &UsageTop::output_tokens),
                      field("credits", &UsageTop::credits),
                      field("cost_usd", &UsageTop::cost_usd)};
  }
};

struct AuditRow {
  std::int64_t seq = 0;
  std::string id, event_type, resource_type;
  std::optional<std::string> resource_id, resource_name;
  std::string actor_kind, actor, description;
  Json metadata;
  std::optional<std::string> request_id, correlation_id, ip;
  std::string created_at, hash;
  static constexpr auto fields() {
    using A = AuditRow;
    return std::tuple{field("seq", &A::seq),
                      field("id", &A::id),
                      field("event_type", &A::event_type),
                      field("resource_type", &A::resource_type),
                      field("resource_id", &A::resource_id),
                      field("resource_name", &A::resource_name),
                      field("actor_kind", &A::actor_kind),
                      field("actor", &A::actor),
                      field("description", &A::description),
                      field("metadata", &A::metadata),
                      field("request_id", &A::request_id),
                      field("correlation_id", &A::correlation_id),
                      field("ip", &A::ip),
                      field("created_at", &A::created_at),
                      field("hash", &A::hash)};
  }
};

// An Ed25519 signature over the head of a chain: what was there then cannot be denied or rewritten later.
struct Anchor {
  std::string org, table;
  std::int64_t seq = 0;
  std::string hash;
  std::int64_t sum = 0;
  std::string created_at, signature;
  static constexpr auto fields() {
    return std::tuple{field("org", &Anchor::org, "its id; of the platform's own log all zeros"),
                      field("table", &Anchor::table),
                      field("seq", &Anchor::seq),
                      field("hash", &Anchor::hash),
                      field("sum", &Anchor::sum, "of ledger amounts, of credits charged, 0 for audit_logs"),
                      field("created_at", &Anchor::created_at),
                      field("signature", &Anchor::signature, "hexadecimal")};
  }
};

}  // namespace govctl::api
