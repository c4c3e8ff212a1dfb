#pragma once
// A key that is made for one purpose and revoked when that is over: a call, a child process.

#include <cstdint>
#include <optional>
#include <string>

#include "cli/session.h"

namespace govctl::cli {

struct LeaseTerms {
  std::string purpose;  // begins the key's name: "call", "run claude"
  std::int64_t seconds = 0;
  std::optional<std::string> limit_usd{};  // all that it may spend
};

// What a key has spent when it was revoked, in credits.
struct KeySpend {
  std::int64_t spent = 0, held = 0;
  std::optional<std::int64_t> limit;
};

// Owns the key: revoked when this goes, at the latest by its expiry when it cannot be. The Session outlives it.
class KeyLease {
 public:
  static Result<KeyLease> take(Session& session, const std::string& agent, const LeaseTerms& terms);
  ~KeyLease();
  KeyLease(KeyLease&& other) noexcept;
  KeyLease& operator=(KeyLease&&) = delete;

  [[nodiscard]] const std::string& secret() const { return secret_; }
  [[nodiscard]] const std::string& id() const { return id_; }
  // From now on it expires after `seconds`.
  Result<void> renew(std::int64_t seconds);
  // Revokes it now, with the reason that the audit log keeps. Once.
  Result<KeySpend> end(const std::string& reason);

 private:
  explicit KeyLease(Session& session) : session_(&session) {}
  Session* session_;  // null once the key is revoked
  std::string agent_, id_, secret_;
};

}  // namespace govctl::cli
