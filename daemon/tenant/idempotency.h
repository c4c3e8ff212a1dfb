#pragma once
// The Idempotency-Keys of an org's clients in memory: every one whose call is in flight, and the recent ones.
// Bounded; what it has forgotten is in the org's file. Any thread.

#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "daemon/store/idempotency_keys.h"

namespace govctl::tenant {

class IdempotencyKeys {
 public:
  static constexpr std::int64_t retention = std::int64_t{24} * 3600 * micros_per_second;
  // Finished ones that are remembered.
  static constexpr std::size_t recent = 4096;

  // What the file holds, at most recent + 1 rows, newest first; and the oldest of all.
  void load(std::vector<store::IdempotencyKey> rows, std::optional<Timestamp> oldest);

  // Takes the key for `wanted` if nobody has it, as far as memory knows: nothing. Else who has it. A key that
  // is older than the retention is nobody's.
  std::optional<store::IdempotencyKey> claim(const store::IdempotencyKey& wanted);
  // A key that claim() gave may still be another call's: the file tells.
  [[nodiscard]] bool forgetful() const;
  // The claim of a call that was refused.
  void release(const store::IdempotencyKey& claimed);
  // The file knows better than the claim.
  void correct(const store::IdempotencyKey& stored);
  void finish(const KeyId& key, const std::string& value, const RequestId& request, std::int64_t status);

  // Whether the file holds keys that are older than the retention.
  [[nodiscard]] bool sweep_due(Timestamp now) const;
  void swept(std::optional<Timestamp> oldest);

 private:
  static std::string name_of(const KeyId& key, const std::string& value);
  void remember(std::string name, const RequestId& request);

  mutable std::mutex mutex_;
  std::unordered_map<std::string, store::IdempotencyKey> keys_;
  std::deque<std::pair<std::string, RequestId>> finished_;  // oldest first
  bool forgetful_ = false;
  std::optional<Timestamp> oldest_;  // in the file, or before
};

}  // namespace govctl::tenant
