#include <set>

#include "daemon/control/changes.h"
#include "daemon/control/checks.h"
#include "daemon/control/handlers.h"
#include "daemon/control/present.h"
#include "daemon/control/price_rows.h"
#include "daemon/store/catalog.h"

namespace govctl::control {
namespace {

struct Import {
  std::string source;
  bool replace = false;
  std::vector<domain::ModelPrice> models;
};

Result<domain::ModelPrice> row_of(const api::PricingImportModel& given) {
  domain::ModelPrice row;
  row.provider = given.provider;
  row.model = given.model;
  row.context_window = given.context_window;
  row.max_output_tokens = given.max_output_tokens;
  row.origin = domain::PriceOrigin::imported;
  if (auto ok = all_of({check_name("provider", row.provider), check_name("model", row.model),
                        check_positive("context_window", row.context_window),
                        check_positive("max_output_tokens", row.max_output_tokens)});
      !ok) {
    return std::unexpected(ok.error());
  }
  auto prices = price_rows(given.prices);
  if (!prices) return std::unexpected(prices.error());
  if (auto ok = check_prices(*prices); !ok) return std::unexpected(ok.error());
  row.prices = std::move(*prices);
  return row;
}

Result<Import> read(const api::PricingImport& body, Timestamp now) {
  Import import{body.source, body.replace.value_or(false), {}};
  if (auto ok = check_name("source", body.source); !ok) return std::unexpected(ok.error());
  Timestamp as_of = now;
  if (body.as_of) {
    const auto at = parse_rfc3339(*body.as_of);
    if (!at) return fail(Code::invalid, "'as_of' must be a time such as 2026-11-21T09:30:00Z");
    as_of = *at;
  }
  std::set<std::pair<std::string, std::string>> seen;
  for (const auto& given : body.models) {
    auto row = row_of(given);
    if (!row) {
      return fail(row.error().code, fmt::format("{}/{}: {}", given.provider.substr(0, 100),
                                                given.model.substr(0, 200), row.error().message));
    }
    if (!seen.emplace(row->provider, row->model).second) {
      return fail(Code::invalid, fmt::format("{}/{} is given twice", row->provider, row->model));
    }
    row->source = body.source;
    row->as_of = as_of;
    row->updated_at = now;
    import.models.push_back(std::move(*row));
  }
  return import;
}

// Whether nothing that a call is charged or limited by differs.
bool same(const domain::ModelPrice& before, const domain::ModelPrice& after) {
  return before.prices == after.prices && before.context_window == after.context_window &&
         before.max_output_tokens == after.max_output_tokens;
}

// What becomes of one model, done.
Result<api::PricingOutcome> store_one(store::Transaction& tx, domain::ModelPrice row, bool replace) {
  api::PricingOutcome outcome;
  outcome.provider = row.provider;
  outcome.model = row.model;
  outcome.after = shown(row).prices;
  auto provider = store::find_provider(tx.connection(), row.provider);
  if (!provider) return std::unexpected(provider.error());
  if (!*provider) {
    outcome.outcome = "skipped";
    outcome.reason = "there is no such provider";
    return outcome;
  }
  auto before = store::find_model(tx.connection(), row.provider, row.model);
  if (!before) return std::unexpected(before.error());
  outcome.outcome = *before ? "changed" : "added";
  if (*before) {
    outcome.before = shown(**before).prices;
    if (!row.context_window) row.context_window = (*before)->context_window;
    if (!row.max_output_tokens) row.max_output_tokens = (*before)->max_output_tokens;
    if (same(**before, row)) {
      outcome.outcome = "same";
      return outcome;
    }
    if ((*before)->origin == domain::PriceOrigin::set && !replace) {
      outcome.outcome = "skipped";
      outcome.reason = "its price was set by hand";
      return outcome;
    }
  }
  auto version = next_version(tx, row, *before);
  if (!version) return std::unexpected(version.error());
  row.version = *version;
  if (auto done = store::put_model(tx, row); !done) return std::unexpected(done.error());
  return outcome;
}

void count(api::PricingImported& report, api::PricingOutcome outcome) {
  if (outcome.outcome == "same") {
    ++report.same;
    return;
  }
  ++(outcome.outcome == "added"     ? report.added
     : outcome.outcome == "changed" ? report.changed
                                    : report.skipped);
  report.models.push_back(std::move(outcome));
}

// The names of what changed; the prices themselves are versions of the models.
Json told(const api::PricingImported& report) {
  Json metadata{{"added", report.added},
                {"changed", report.changed},
                {"same", report.same},
                {"skipped", report.skipped},
                {"models", Json::array()}};
  for (const auto& outcome : report.models) {
    if (outcome.outcome != "skipped") metadata["models"].push_back(outcome.provider + "/" + outcome.model);
  }
  return metadata;
}

Result<api::PricingImported> run(store::Transaction& tx, Import import, const Author& author) {
  api::PricingImported report;
  for (auto& row : import.models) {
    auto outcome = store_one(tx, std::move(row), import.replace);
    if (!outcome) return std::unexpected(outcome.error());
    count(report, std::move(*outcome));
  }
  if (report.added + report.changed == 0) return report;
  auto audit =
      author.record("pricing.import", {"pricing", import.source, import.source},
                    fmt::format("imported prices from {}: {} added, {} changed, {} the same, {} skipped",
                                import.source, report.added, report.changed, report.same, report.skipped),
                    made(told(report)));
  if (auto done = store::append_audit(tx, audit); !done) return std::unexpected(done.error());
  return report;
}

}  // namespace

Answer import_pricing(Request& request) {
  auto body = request.decoded<api::PricingImport>();
  if (!body) co_return std::unexpected(body.error());
  auto import = read(*body, request.now);
  if (!import) co_return std::unexpected(import.error());
  Work<api::PricingImported> work = [import = std::move(*import),
                                     author = Author(request)](store::Transaction& tx) mutable {
    return run(tx, std::move(import), author);
  };
  auto report = co_await request.registry.change(std::move(work), request.dry_run);
  if (!report) co_return std::unexpected(report.error());
  co_return reply(*report);
}

}  // namespace govctl::control
