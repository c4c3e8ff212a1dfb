#pragma once
// A model's price as callers write it, checked; shared by what sets one price and what imports many.

#include <optional>
#include <span>
#include <vector>

#include "common/api/platform.h"
#include "daemon/control/changes.h"
#include "daemon/store/catalog.h"

namespace govctl::control {

Subject subject_of(const domain::ModelPrice& model);

// The rows as prices, by kind and from_tokens. invalid: a kind, price, unit or from_tokens that is none.
Result<std::vector<domain::KindPrice>> price_rows(std::span<const api::PriceRow> rows);
// invalid: a kind twice from the same from_tokens, or no input or output for calls of any size.
Result<void> check_prices(const std::vector<domain::KindPrice>& prices);

// The version of `model` when it is stored over `before`, or (none) after one that was deleted: a version names
// one price for ever.
Result<std::int64_t> next_version(store::Transaction& tx, const domain::ModelPrice& model,
                                  const std::optional<domain::ModelPrice>& before);
// Keeps the version of a price that is deleted.
Result<void> keep_version(store::Transaction& tx, const domain::ModelPrice& model);

}  // namespace govctl::control
