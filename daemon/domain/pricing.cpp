#include "daemon/domain/pricing.h"

#include <algorithm>

namespace govctl::domain {
namespace {

constexpr bool digit(char c) { return c >= '0' && c <= '9'; }

bool all_digits(std::string_view text) { return !text.empty() && std::ranges::all_of(text, digit); }

const ModelPrice* exact(const std::vector<ModelPrice>& rows, std::string_view provider,
                        std::string_view model) {
  const auto found = std::ranges::find_if(
      rows, [&](const ModelPrice& row) { return row.model == model && row.provider == provider; });
  return found == rows.end() ? nullptr : &*found;
}

// The kind's row with the highest from_tokens that the call reaches.
const KindPrice* row_of(const ModelPrice& row, PriceKind kind, std::int64_t input_tokens) {
  const KindPrice* best = nullptr;
  for (const KindPrice& price : row.prices) {
    if (price.kind != kind || price.from_tokens > input_tokens) continue;
    if (best == nullptr || price.from_tokens > best->from_tokens) best = &price;
  }
  return best;
}

// The kind that `kind` is part of, for models without a row of its own.
PriceKind wider(PriceKind kind) {
  switch (kind) {
    case PriceKind::cache_read:
    case PriceKind::cache_write_5m:
    case PriceKind::audio_in:
    case PriceKind::image:
      return PriceKind::input;
    case PriceKind::cache_write_1h:
      return PriceKind::cache_write_5m;
    case PriceKind::reasoning:
    case PriceKind::audio_out:
      return PriceKind::output;
    case PriceKind::input:
    case PriceKind::output:
    case PriceKind::request:
    case PriceKind::search:
      break;
  }
  return kind;
}

// The dearest of `kinds` for one token in any tier that a call of up to `input_tokens` can end in; units
// differ, so they are compared as price x 10^6 / unit.
KindPrice dearest(const ModelPrice& row, std::initializer_list<PriceKind> kinds, std::int64_t input_tokens) {
  KindPrice best;
  const auto per_token = [](const KindPrice& price) {
    return Int128{price.price.e8()} * (1'000'000 / price.unit);
  };
  const auto consider = [&](std::int64_t tier) {
    for (const PriceKind kind : kinds) {
      const KindPrice price = price_of(row, kind, tier);
      if (per_token(price) > per_token(best)) best = price;
    }
  };
  consider(0);
  for (const KindPrice& price : row.prices) {
    if (price.from_tokens > 0 && price.from_tokens <= input_tokens) consider(price.from_tokens);
  }
  return best;
}

}  // namespace

std::string_view without_date(std::string_view model) {
  // -2024-08-06
  if (model.size() > 11) {
    const std::string_view tail = model.substr(model.size() - 11);
    if (tail[0] == '-' && all_digits(tail.substr(1, 4)) && tail[5] == '-' && all_digits(tail.substr(6, 2)) &&
        tail[8] == '-' && all_digits(tail.substr(9, 2))) {
      return model.substr(0, model.size() - 11);
    }
  }
  // -20240806, -0613
  for (const std::size_t digits : {std::size_t{8}, std::size_t{4}}) {
    if (model.size() > digits + 1 && model[model.size() - digits - 1] == '-' &&
        all_digits(model.substr(model.size() - digits))) {
      return model.substr(0, model.size() - digits - 1);
    }
  }
  return model;
}

const ModelPrice* find_price(const std::vector<ModelPrice>& rows, std::string_view provider,
                             std::string_view model) {
  if (const auto* row = exact(rows, provider, model)) return row;
  const std::string_view base = without_date(model);
  return base == model ? nullptr : exact(rows, provider, base);
}

KindPrice price_of(const ModelPrice& row, PriceKind kind, std::int64_t input_tokens) {
  for (PriceKind at = kind;;) {
    if (const auto* found = row_of(row, at, input_tokens)) return *found;
    const PriceKind next = wider(at);
    if (next == at) return KindPrice{kind, Price{}, 1};
    at = next;
  }
}

std::optional<Cost> cost_of(const ModelPrice& row, const Usage& usage) {
  Cost cost;
  const std::int64_t input_tokens = usage.input_tokens();
  for (std::size_t i = 0; i < price_kind_count; ++i) {
    if (usage.quantity[i] == 0) continue;
    const KindPrice price = price_of(row, static_cast<PriceKind>(i), input_tokens);
    if (!cost.add(usage.quantity[i], price.price, price.unit)) return std::nullopt;
  }
  return cost;
}

std::optional<Cost> worst_case(const ModelPrice& row, std::int64_t input_tokens, std::int64_t output_tokens,
                               std::int64_t choices) {
  using enum PriceKind;
  const KindPrice in =
      dearest(row, {input, cache_read, cache_write_5m, cache_write_1h, audio_in, image}, input_tokens);
  const KindPrice out = dearest(row, {output, reasoning, audio_out}, input_tokens);
  const KindPrice fee = dearest(row, {request}, input_tokens);
  std::int64_t produced = 0;
  Cost cost;
  if (__builtin_mul_overflow(output_tokens, choices, &produced) || !cost.add(input_tokens, in.price, in.unit) ||
      !cost.add(produced, out.price, out.unit) || !cost.add(1, fee.price, fee.unit)) {
    return std::nullopt;
  }
  return cost;
}

}  // namespace govctl::domain
