#pragma once
// The hash chain of ledger, usage_events and audit_logs (30-ledger.md "Chain"): hash = SHA-256(previous hash ||
// columns). Each column is length-prefixed binary, integers 8 bytes big-endian, NULL distinct from empty.
// Genesis = SHA-256("govctl" || org id (16 bytes) || table name).
//
// A column's bytes: its type ('i' integer, 't' text, 'b' blob, 'n' NULL), the length of its content (4 bytes,
// big-endian), its content. The columns are those of the list that the row's `enc` names, from `seq` to `enc`
// itself, in order; `hash` is left out. The lists stand in store/chain_rows.cpp, and both the writer and verify
// encode by them. A list is frozen: a later column makes a new list with the next number, so that it breaks no
// old row.

#include <array>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "daemon/domain/records.h"

namespace govctl::domain {

using Hash = std::array<std::uint8_t, 32>;

Hash sha256(std::span<const std::uint8_t> bytes);
Hash sha256(std::string_view bytes);

enum class ChainTable : std::uint8_t { ledger, usage_events, audit_logs };
constexpr std::size_t chain_table_count = 3;
std::string_view chain_table_name(ChainTable table);

// The catalog's audit log chains under the empty org id.
Hash genesis(const OrgId& org, ChainTable table);

// The head of a chain: the last row's seq and hash; seq 0 and the genesis before the first row.
struct ChainHead {
  std::int64_t seq = 0;
  Hash hash{};
  bool operator==(const ChainHead&) const = default;
};

// Appends columns to a row's encoding. Used by the writer (from records) and by verify (from database columns),
// so that both give the same bytes.
class RowEncoder {
 public:
  void integer(std::int64_t value);
  void text(std::string_view value);
  void blob(std::span<const std::uint8_t> value);
  void null();
  void text_or_null(std::string_view value) { value.empty() ? null() : text(value); }
  [[nodiscard]] Hash hash(const Hash& previous) const;
  void clear() { size_ = 0; }

 private:
  // Appends a column's prefix and room for its content: where the content goes.
  std::uint8_t* grow(char type, std::size_t size);
  std::vector<std::uint8_t> bytes_;  // the first size_ of them; it never shrinks
  std::size_t size_ = 0;
};

constexpr std::int64_t current_enc = 1;

}  // namespace govctl::domain
