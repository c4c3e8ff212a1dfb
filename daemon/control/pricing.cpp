#include <array>

#include "daemon/control/changes.h"
#include "daemon/control/checks.h"
#include "daemon/control/handlers.h"
#include "daemon/control/pages.h"
#include "daemon/control/present.h"
#include "daemon/control/price_rows.h"
#include "daemon/control/writes.h"
#include "daemon/store/catalog.h"

namespace govctl::control {
namespace {

std::unexpected<Error> none(const std::string& provider, const std::string& model) {
  return fail(Code::not_found,
              fmt::format("{} of {} has no price", model.substr(0, 200), provider.substr(0, 100)),
              fmt::format("govctl pricing set {} {} --input USD --output USD", provider.substr(0, 100),
                          model.substr(0, 200)));
}

// USD per 1,000 tokens, per call and per search.
Result<std::vector<domain::KindPrice>> prices_of(const api::PricingPut& body) {
  struct Given {
    std::string_view kind;
    std::optional<std::string> text;
    std::int64_t unit = 1000;
  };
  const std::array given{Given{"input", body.input},
                         Given{"cache_read", body.cache_read},
                         Given{"cache_write_5m", body.cache_write_5m},
                         Given{"cache_write_1h", body.cache_write_1h},
                         Given{"output", body.output},
                         Given{"reasoning", body.reasoning},
                         Given{"audio_in", body.audio_in},
                         Given{"audio_out", body.audio_out},
                         Given{"image", body.image},
                         Given{"request", body.request, 1},
                         Given{"search", body.search, 1}};
  std::vector<api::PriceRow> rows;
  for (const auto& one : given) {
    if (one.text) rows.push_back({std::string(one.kind), *one.text, one.unit, 0});
  }
  if (body.tiers) rows.insert(rows.end(), body.tiers->begin(), body.tiers->end());
  auto prices = price_rows(rows);
  if (!prices) return prices;
  if (auto ok = check_prices(*prices); !ok) return std::unexpected(ok.error());
  return prices;
}

}  // namespace

Result<domain::ModelPrice> put(Transaction& tx, const Author& author,
                               const std::optional<domain::ModelPrice>& before, domain::ModelPrice row) {
  auto version = next_version(tx, row, before);
  if (!version) return std::unexpected(version.error());
  row.version = *version;
  if (auto done = store::put_model(tx, row); !done) return std::unexpected(done.error());
  const Json is = api::encode(shown(row));
  auto audit =
      author.record("pricing.set", subject_of(row),
                    fmt::format("set the price of {} of {}, version {}", row.model, row.provider, row.version),
                    before ? changed(api::encode(shown(*before)), is) : made(is));
  if (auto done = store::append_audit(tx, audit); !done) return std::unexpected(done.error());
  return row;
}

Result<void> remove(Transaction& tx, const Author& author, const domain::ModelPrice& row) {
  if (auto done = store::delete_model(tx, row.provider, row.model); !done) return done;
  if (auto kept = keep_version(tx, row); !kept) return kept;
  return store::append_audit(
      tx, author.record("pricing.delete", subject_of(row),
                        fmt::format("deleted the price of {} of {}", row.model, row.provider),
                        removed(api::encode(shown(row)))));
}

Answer list_pricing(Request& request) {
  const auto provider = request.asked("provider");
  const auto model = request.asked("model");
  std::vector<api::ModelPricing> models;
  for (const auto& row : request.registry.platform()->models) {
    if ((provider && row.provider != *provider) || (model && row.model != *model)) continue;
    models.push_back(shown(row));
  }
  auto page = page_of(request, std::move(models),
                      [](const api::ModelPricing& row) { return row.provider + '\n' + row.model; });
  if (!page) co_return std::unexpected(page.error());
  co_return reply(*page);
}

Answer get_pricing(Request& request) {
  const auto platform = request.registry.platform();
  for (const auto& row : platform->models) {
    if (row.provider == request.parameter(0) && row.model == request.parameter(1)) co_return reply(shown(row));
  }
  co_return none(request.parameter(0), request.parameter(1));
}

Answer put_pricing(Request& request) {
  auto body = request.decoded<api::PricingPut>();
  if (!body) co_return std::unexpected(body.error());
  domain::ModelPrice row;
  row.provider = request.parameter(0);
  row.model = request.parameter(1);
  row.context_window = body->context_window;
  row.max_output_tokens = body->max_output_tokens;
  row.source = body->source.value_or("manual");
  row.as_of = row.updated_at = request.now;
  if (auto ok = check_name("model", row.model); !ok) co_return std::unexpected(ok.error());
  if (auto ok = check_name("source", row.source); !ok) co_return std::unexpected(ok.error());
  if (auto ok = check_positive("context_window", row.context_window); !ok)
    co_return std::unexpected(ok.error());
  if (auto ok = check_positive("max_output_tokens", row.max_output_tokens); !ok)
    co_return std::unexpected(ok.error());
  auto prices = prices_of(*body);
  if (!prices) co_return std::unexpected(prices.error());
  row.prices = std::move(*prices);
  Work<domain::ModelPrice> work = [row, author = Author(request), if_match = request.if_match](
                                      store::Transaction& tx) mutable -> Result<domain::ModelPrice> {
    auto provider = store::find_provider(tx.connection(), row.provider);
    if (!provider) return std::unexpected(provider.error());
    if (!*provider) {
      return fail(Code::not_found, fmt::format("there is no provider '{}'", row.provider.substr(0, 100)),
                  "govctl provider add " + row.provider.substr(0, 100));
    }
    auto before = store::find_model(tx.connection(), row.provider, row.model);
    if (!before) return std::unexpected(before.error());
    if (auto ok = check_version(if_match, *before ? (*before)->version : 0, "price"); !ok) {
      return std::unexpected(ok.error());
    }
    if (*before) {
      // Limits that are not given stay: the price changes, the model does not.
      if (!row.context_window) row.context_window = (*before)->context_window;
      if (!row.max_output_tokens) row.max_output_tokens = (*before)->max_output_tokens;
    }
    return put(tx, author, *before, std::move(row));
  };
  auto model = co_await request.registry.change(std::move(work), request.dry_run);
  if (!model) co_return std::unexpected(model.error());
  co_return reply(shown(*model));
}

Answer delete_pricing(Request& request) {
  Work<domain::ModelPrice> work =
      [provider = request.parameter(0), model = request.parameter(1), author = Author(request),
       if_match = request.if_match](store::Transaction& tx) -> Result<domain::ModelPrice> {
    auto before = store::find_model(tx.connection(), provider, model);
    if (!before) return std::unexpected(before.error());
    if (!*before) return none(provider, model);
    if (auto ok = check_version(if_match, (*before)->version, "price"); !ok) return std::unexpected(ok.error());
    if (auto done = remove(tx, author, **before); !done) return std::unexpected(done.error());
    return std::move(**before);
  };
  auto model = co_await request.registry.change(std::move(work), request.dry_run);
  if (!model) co_return std::unexpected(model.error());
  co_return reply(shown(*model));
}

}  // namespace govctl::control
