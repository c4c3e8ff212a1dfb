#pragma once
// The rows that are never changed, and the one that is gone when its call is settled (30-ledger.md "Tables").

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/clock.h"
#include "common/id.h"
#include "common/money.h"
#include "daemon/domain/usage.h"

namespace govctl::domain {

// Whose call: the five levels, as they were when it was made.
struct Scope {
  OrgId org;
  WorkspaceId workspace;
  AgentGroupId group;
  AgentId agent;
  KeyId key;
  bool operator==(const Scope&) const = default;
};

// Money held for a call in flight, with what is needed to settle it after a crash.
struct Reservation {
  RequestId request_id;
  Scope scope;
  std::string dialect;
  std::string provider;
  std::string model;
  std::string price_model;  // the price row that matched
  std::int64_t price_version = 0;
  std::int64_t credits_per_usd = 0;
  bool stream = false;
  Credits reserved;
  std::int64_t rules_id = 0;
  Timestamp created_at;
};

enum class CallStatus : std::uint8_t { success, error, policy_blocked, budget_exceeded };
std::string_view call_status_word(CallStatus status);  // "SUCCESS", …
std::optional<CallStatus> parse_call_status(std::string_view word);

// Facts about a charge that its reader must know; stored as comma-separated words in this order.
enum class CallFlag : std::uint8_t { estimated, over_hold, clamped, recovered, absurd_usage, waited };
constexpr std::size_t call_flag_count = 6;
std::string_view call_flag_word(CallFlag flag);
struct CallFlags {
  std::uint32_t bits = 0;
  void set(CallFlag flag) { bits |= 1U << static_cast<unsigned>(flag); }
  [[nodiscard]] bool has(CallFlag flag) const { return (bits >> static_cast<unsigned>(flag) & 1U) != 0; }
  [[nodiscard]] std::string text() const;
  static std::optional<CallFlags> parse(std::string_view text);  // what text() gives
};

// One authenticated call, however it ended. Text that is empty is NULL in the database, but for the NOT NULL
// columns.
struct UsageEvent {
  RequestId request_id;
  std::string client_request_id;
  Scope scope;
  std::string user;
  std::string session;
  std::string tags;  // JSON object as text
  std::string dialect;
  std::string provider;
  std::string model;
  std::string price_model;
  std::int64_t price_version = 0;
  std::int64_t credits_per_usd = 0;
  Usage usage;
  std::string cost_usd = "0";
  Credits reserved;
  Credits credits_charged;
  std::int64_t latency_ms = 0;
  std::optional<std::int64_t> first_byte_ms;
  std::int64_t attempts = 0;
  CallStatus status = CallStatus::success;
  std::string cause;
  std::string completion;  // of a streamed call: complete, partial, error
  CallFlags flags;
  std::string error_message;
  std::int64_t rules_id = 0;
  std::string decision;  // JSON object as text: the figures a refusal rests on
  std::int64_t count = 1;
  Timestamp created_at;
};

enum class EntryType : std::uint8_t { credit_purchase, usage_deduction, adjustment, refund };
std::string_view entry_type_word(EntryType type);  // "CREDIT_PURCHASE", …
std::optional<EntryType> parse_entry_type(std::string_view word);

struct LedgerEntry {
  EntryId id;
  BillingGroupId group_id;
  Credits amount;  // negative takes from the balance
  EntryType type = EntryType::adjustment;
  std::string idempotency_key;  // "call:…", "purchase:…", "adjust:…", "refund:…"
  std::optional<RequestId> request_id;
  std::string metadata;  // JSON object as text, or empty
  std::string actor;
  Timestamp created_at;
};

// A change that somebody made. The gateway's calls are not here: a call's usage event is its audit record.
struct AuditRecord {
  AuditId id;
  std::string actor_kind;  // local, user, token, system
  std::string actor;
  std::string event_type;  // "agent.create"
  std::string resource_type;
  std::string resource_id;
  std::string resource_name;  // a path, where there is one
  std::string description;    // one sentence
  std::string metadata;       // JSON object as text, or empty; never a secret
  std::optional<RequestId> request_id;
  std::string correlation_id;
  std::string ip;
  std::string user_agent;
  Timestamp created_at;
};

}  // namespace govctl::domain
