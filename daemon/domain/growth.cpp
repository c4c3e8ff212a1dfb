#include "daemon/domain/growth.h"

#include <algorithm>

namespace govctl::domain {
namespace {

std::int64_t tokens_so_far(const Progress& progress) {
  const std::int64_t estimate = std::min(estimated_tokens(progress.produced_bytes), progress.most_output);
  return progress.usage ? std::max(estimate, progress.usage->output_tokens()) : estimate;
}

// What the call costs when so much comes out: what the upstream has counted in its own kinds, the rest
// reckoned.
std::optional<Credits> cost_at(const Progress& progress, std::int64_t output) {
  std::optional<Cost> cost;
  if (progress.usage) {
    Usage used = *progress.usage;
    used[PriceKind::output] += std::max<std::int64_t>(output - used.output_tokens(), 0);
    used[PriceKind::request] = 1;
    cost = cost_of(*progress.price, used);
  } else {
    cost = worst_case(*progress.price, progress.input_tokens, output, 1);
  }
  return cost ? cost->credits(progress.credits_per_usd) : std::nullopt;
}

}  // namespace

std::optional<Credits> cost_so_far(const Progress& progress) {
  return cost_at(progress, tokens_so_far(progress));
}

Growth grow(const Progress& progress, Credits reserved, const MoneyLines& money) {
  Growth growth;
  const std::int64_t output = tokens_so_far(progress);
  const auto need = cost_at(progress, output);
  if (!need) {
    growth.kind = Growth::Kind::refuse;
    return growth;
  }
  growth.needed = *need;
  growth.hold = reserved;
  if (*need <= reserved) return growth;

  const std::int64_t twice = std::min(std::max(output, first_output_tokens) + output, progress.most_output);
  const Credits wanted = std::max(*need, cost_at(progress, std::max(twice, output)).value_or(*need));
  std::int64_t room = wanted.value() - reserved.value();
  for (const MoneyLine& line : money) {
    if (line.room() < need->value() - reserved.value()) {
      growth.kind = Growth::Kind::refuse;
      growth.money = &line;
      return growth;
    }
    room = std::min(room, line.room());
  }
  growth.kind = Growth::Kind::grow;
  growth.hold = Credits::of(reserved.value() + room);
  return growth;
}

}  // namespace govctl::domain
