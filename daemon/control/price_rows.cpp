#include "daemon/control/price_rows.h"

#include <algorithm>
#include <charconv>

namespace govctl::control {
namespace {

using domain::KindPrice;
using domain::PriceKind;

std::pair<PriceKind, std::int64_t> place(const KindPrice& price) { return {price.kind, price.from_tokens}; }

Result<KindPrice> price_row(const api::PriceRow& row) {
  const auto kind = domain::parse_price_kind(row.kind);
  if (!kind) {
    std::string known;
    for (std::size_t i = 0; i < domain::price_kind_count; ++i) {
      known += (i == 0 ? "" : ", ") + std::string(domain::price_kind_word(static_cast<PriceKind>(i)));
    }
    return fail(Code::invalid, fmt::format("'kind' must be one of {}", known));
  }
  auto price = Price::parse(row.price);
  if (!price) return fail(Code::invalid, fmt::format("'{}': {}", row.kind, price.error().message));
  if (row.unit != 1 && row.unit != 1'000 && row.unit != 1'000'000) {
    return fail(Code::invalid, "'unit' must be 1, 1000 or 1000000");
  }
  if (row.from_tokens < 0 || row.from_tokens > max_quantity) {
    return fail(Code::invalid, "'from_tokens' must be a number of tokens, 0 or more");
  }
  return KindPrice{*kind, *price, row.unit, row.from_tokens};
}

std::string version_setting(const domain::ModelPrice& model) {
  return "price-version:" + model.provider + "/" + model.model;
}

}  // namespace

Subject subject_of(const domain::ModelPrice& model) {
  return {"pricing", model.provider + "/" + model.model, model.provider + "/" + model.model};
}

Result<std::vector<KindPrice>> price_rows(std::span<const api::PriceRow> rows) {
  std::vector<KindPrice> prices;
  for (const auto& row : rows) {
    auto price = price_row(row);
    if (!price) return std::unexpected(price.error());
    prices.push_back(*price);
  }
  std::ranges::sort(prices, {}, place);
  return prices;
}

Result<void> check_prices(const std::vector<KindPrice>& prices) {
  for (const PriceKind kind : {PriceKind::input, PriceKind::output}) {
    if (std::ranges::find(prices, std::pair{kind, std::int64_t{0}}, place) == prices.end()) {
      return fail(Code::invalid, fmt::format("the price of '{}' is missing", domain::price_kind_word(kind)));
    }
  }
  const auto twice = std::ranges::adjacent_find(prices, {}, place);
  if (twice == prices.end()) return {};
  return fail(Code::invalid, fmt::format("'{}' has two prices from {} tokens",
                                         domain::price_kind_word(twice->kind), twice->from_tokens));
}

Result<std::int64_t> next_version(store::Transaction& tx, const domain::ModelPrice& model,
                                  const std::optional<domain::ModelPrice>& before) {
  if (before) return before->version + 1;
  auto last = store::get_setting(tx.connection(), version_setting(model));
  if (!last) return std::unexpected(last.error());
  std::int64_t version = 0;
  if (*last) std::from_chars((*last)->data(), (*last)->data() + (*last)->size(), version);
  return version + 1;
}

Result<void> keep_version(store::Transaction& tx, const domain::ModelPrice& model) {
  return store::put_setting(tx, version_setting(model), std::to_string(model.version));
}

}  // namespace govctl::control
