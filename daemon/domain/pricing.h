#pragma once
// From usage to money, exact (30-ledger.md "Figures").

#include <string_view>

#include "daemon/domain/config.h"

namespace govctl::domain {

// The row whose model is `model`, else `model` without its date suffix (-2024-08-06, -20240806, -0613); null:
// no price.
const ModelPrice* find_price(const std::vector<ModelPrice>& rows, std::string_view provider,
                             std::string_view model);
// `model` without its date suffix, or `model` itself.
std::string_view without_date(std::string_view model);

// The price a kind is charged at in a call whose whole input (cached or not) is `input_tokens`: of the kind's
// rows the one with the highest from_tokens that the call reaches. Kinds that have no such row are charged as
// the kind they are part of (cache kinds, audio_in and image as input, reasoning and audio_out as output);
// request and search as nothing.
KindPrice price_of(const ModelPrice& row, PriceKind kind, std::int64_t input_tokens = 0);

// What `usage` costs: every token of the call at the tier that its whole input reaches. Empty when a figure is
// out of range: an upstream fault.
std::optional<Cost> cost_of(const ModelPrice& row, const Usage& usage);

// The dearest a call can be: every input token at the dearest input kind, every output token at the dearest
// output kind, `choices` times the output, and the fee per request, each in the dearest tier that so much input
// can reach.
std::optional<Cost> worst_case(const ModelPrice& row, std::int64_t input_tokens, std::int64_t output_tokens,
                               std::int64_t choices);

}  // namespace govctl::domain
