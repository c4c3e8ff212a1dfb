#pragma once
// A hold by estimate, as its streamed answer grows (30-ledger.md "Worst case"): it begins with the first of the
// output and is extended before more is relayed than it covers. Pure.

#include <optional>

#include "daemon/domain/admission.h"

namespace govctl::domain {

// What such a call holds for each choice at first; most answers are no longer.
constexpr std::int64_t first_output_tokens = 1024;

// Tokens of so many bytes, by estimate: a third, which is what English and code come to, and a quarter of that.
constexpr std::int64_t estimated_tokens(std::int64_t bytes) { return bytes / 3 + bytes / 12; }

// How far a call has come.
struct Progress {
  const ModelPrice* price = nullptr;
  std::int64_t credits_per_usd = 0;
  std::int64_t input_tokens = 0;    // as they were estimated
  std::int64_t most_output = 0;     // tokens that may be produced, of all choices
  std::optional<Usage> usage;       // as far as it is reported
  std::int64_t produced_bytes = 0;  // that are relayed or are about to be
};
// Empty when it is out of range.
std::optional<Credits> cost_so_far(const Progress& progress);

struct Growth {
  enum class Kind { covered, grow, refuse } kind = Kind::covered;
  Credits hold;                      // grow: what is held from now on, all together
  Credits needed;                    // what it must be at least
  const MoneyLine* money = nullptr;  // refuse: what has no room; null: the figure is out of range
};
// A hold of `reserved` credits, which is in the lines' `held`. It grows by as much again as has come out, or by
// what there is room for.
Growth grow(const Progress& progress, Credits reserved, const MoneyLines& money);

}  // namespace govctl::domain
