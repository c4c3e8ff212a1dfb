#include <algorithm>

#include "daemon/store/catalog.h"
#include "daemon/store/columns.h"

namespace govctl::store {
namespace {

constexpr char insert_provider_sql[] =
    "INSERT INTO providers(name, kind, base_url, allow_private, ca_file, proxy, no_proxy, max_tokens_field,"
    " usage_in_stream, connect_timeout_ms, first_byte_timeout_ms, idle_timeout_ms, needs_credential, shipped, "
    "version, responses, api_version, max_parallel,"
    " created_at, updated_at) VALUES(:name, :kind, :base_url, :allow_private, :ca_file, :proxy, :no_proxy, "
    ":field,"
    " :usage, :connect, :first_byte, :idle, :credential, :shipped, :version, :responses, "
    ":api_version, :max_parallel, :now, :now)";
constexpr char update_provider_sql[] =
    "UPDATE providers SET base_url = :base_url, allow_private = :allow_private, ca_file = :ca_file, proxy = "
    ":proxy,"
    " no_proxy = :no_proxy, max_tokens_field = :field, usage_in_stream = :usage, connect_timeout_ms = :connect,"
    " first_byte_timeout_ms = :first_byte, idle_timeout_ms = :idle, needs_credential = :credential, version = "
    ":version, responses = :responses, api_version = :api_version, max_parallel = :max_parallel,"
    " updated_at = :now WHERE name = :name";
constexpr char delete_provider_sql[] = "DELETE FROM providers WHERE name = :name";
constexpr char provider_columns[] =
    "SELECT name, kind, base_url, allow_private, ca_file, proxy, no_proxy, max_tokens_field, usage_in_stream,"
    " connect_timeout_ms, first_byte_timeout_ms, idle_timeout_ms, needs_credential, shipped, version, "
    "responses, "
    "api_version, max_parallel FROM "
    "providers";
constexpr auto find_provider_sql = sql(provider_columns, " WHERE name = :id");
constexpr auto list_providers_sql = sql(provider_columns, " ORDER BY name");

constexpr char put_model_sql[] =
    "INSERT INTO models(provider, model, context_window, max_output_tokens, version, origin, source, as_of,"
    " updated_at) VALUES(:provider, :model, :context, :max_output, :version, :origin, :source, :as_of, "
    ":updated)"
    " ON CONFLICT(provider, model) DO UPDATE SET context_window = excluded.context_window,"
    " max_output_tokens = excluded.max_output_tokens, version = excluded.version, source = excluded.source,"
    " as_of = excluded.as_of, updated_at = excluded.updated_at, origin = excluded.origin";
constexpr char clear_prices_sql[] = "DELETE FROM prices WHERE provider = :provider AND model = :model";
constexpr char insert_price_sql[] =
    "INSERT INTO prices(provider, model, kind, from_tokens, unit, price)"
    " VALUES(:provider, :model, :kind, :from, :unit, :price)";
constexpr char delete_model_sql[] = "DELETE FROM models WHERE provider = :provider AND model = :model";
// One row a price; a model without prices has one row of NULLs.
constexpr char model_columns[] =
    "SELECT m.provider, m.model, m.context_window, m.max_output_tokens, m.version, m.origin, m.source, "
    "m.as_of, "
    "m.updated_at,"
    " p.kind, p.from_tokens, p.unit, p.price FROM models m LEFT JOIN prices p ON p.provider = m.provider AND"
    " p.model = m.model AND p.tier = ''";
constexpr auto find_model_sql = sql(model_columns, " WHERE m.provider = :provider AND m.model = :model");
constexpr auto list_models_sql = sql(model_columns, " ORDER BY m.provider, m.model");

void set_changeable(SQLite::Statement& statement, const domain::Provider& provider, Timestamp now) {
  set(statement, ":name", provider.name);
  set(statement, ":base_url", provider.base_url);
  set(statement, ":allow_private", provider.allow_private);
  set_or_null(statement, ":ca_file", provider.ca_file);
  set_or_null(statement, ":proxy", provider.proxy);
  set_or_null(statement, ":no_proxy", provider.no_proxy);
  set(statement, ":field", provider.max_tokens_field);
  set(statement, ":usage", provider.usage_in_stream);
  set(statement, ":connect", provider.connect_timeout_ms);
  set(statement, ":first_byte", provider.first_byte_timeout_ms);
  set(statement, ":idle", provider.idle_timeout_ms);
  set(statement, ":credential", provider.needs_credential);
  set(statement, ":version", provider.version);
  set(statement, ":responses", provider.responses);
  set_or_null(statement, ":api_version", provider.api_version);
  set(statement, ":max_parallel", provider.max_parallel);
  set(statement, ":now", now);
}

domain::Provider read_provider(RowReader& row) {
  domain::Provider provider;
  provider.name = row.text();
  provider.kind = row.text();
  provider.base_url = row.text();
  provider.allow_private = row.boolean();
  provider.ca_file = row.text();
  provider.proxy = row.text();
  provider.no_proxy = row.text();
  provider.max_tokens_field = row.text();
  provider.usage_in_stream = row.boolean();
  provider.connect_timeout_ms = row.integer();
  provider.first_byte_timeout_ms = row.integer();
  provider.idle_timeout_ms = row.integer();
  provider.needs_credential = row.boolean();
  provider.shipped = row.boolean();
  provider.version = row.integer();
  provider.responses = row.boolean();
  provider.api_version = row.text();
  provider.max_parallel = row.integer();
  return provider;
}

// Steps through rows of model_columns and gathers each model's prices.
Result<std::vector<domain::ModelPrice>> read_models(SQLite::Statement& select) {
  std::vector<domain::ModelPrice> models;
  while (select.executeStep()) {
    RowReader row(select);
    domain::ModelPrice model;
    model.provider = row.text();
    model.model = row.text();
    model.context_window = row.optional(&RowReader::integer);
    model.max_output_tokens = row.optional(&RowReader::integer);
    model.version = row.integer();
    const auto origin = domain::parse_price_origin(row.text());
    if (!origin) return fail(Code::corrupt, "the catalog holds a price of unknown origin");
    model.origin = *origin;
    model.source = row.text();
    model.as_of = row.time();
    model.updated_at = row.time();
    if (models.empty() || models.back().provider != model.provider || models.back().model != model.model) {
      models.push_back(std::move(model));
    }
    const auto kind_word = row.optional(&RowReader::text);
    if (!kind_word) continue;
    const std::int64_t from_tokens = row.integer();
    const std::int64_t unit = row.integer();
    const auto kind = domain::parse_price_kind(*kind_word);
    const auto price = Price::parse(row.text());
    if (!kind || !price) return fail(Code::corrupt, "the catalog holds a price that cannot be read");
    models.back().prices.push_back({*kind, *price, unit, from_tokens});
  }
  for (auto& model : models) {
    std::ranges::sort(model.prices, {},
                      [](const domain::KindPrice& price) { return std::pair(price.kind, price.from_tokens); });
  }
  return models;
}

}  // namespace

Result<domain::PlatformConfig> load_platform(Connection& connection) {
  auto providers = select_all<domain::Provider>(connection, list_providers_sql, read_provider);
  if (!providers) return std::unexpected(providers.error());
  auto models = guarded([&]() -> Result<std::vector<domain::ModelPrice>> {
    auto& select = connection.prepared(list_models_sql);
    auto rows = read_models(select);
    select.reset();
    return rows;
  });
  if (!models) return std::unexpected(models.error());
  return domain::PlatformConfig{std::move(*providers), std::move(*models)};
}

Result<void> insert_provider(Transaction& tx, const domain::Provider& provider, Timestamp now) {
  return guarded([&]() -> Result<void> {
    auto& insert = tx.connection().prepared(insert_provider_sql);
    set_changeable(insert, provider, now);
    set(insert, ":kind", provider.kind);
    set(insert, ":shipped", provider.shipped);
    insert.exec();
    return {};
  });
}

Result<void> update_provider(Transaction& tx, const domain::Provider& provider, Timestamp now) {
  return guarded([&]() -> Result<void> {
    auto& update = tx.connection().prepared(update_provider_sql);
    set_changeable(update, provider, now);
    return exec_one(update, "provider");
  });
}

Result<void> delete_provider(Transaction& tx, const std::string& name) {
  return guarded([&]() -> Result<void> {
    auto& erase = tx.connection().prepared(delete_provider_sql);
    set(erase, ":name", name);
    return exec_one(erase, "provider");
  });
}

Result<std::optional<domain::Provider>> find_provider(Connection& connection, const std::string& name) {
  return select_one<domain::Provider>(connection, find_provider_sql, name, read_provider);
}

Result<void> put_model(Transaction& tx, const domain::ModelPrice& model) {
  return guarded([&]() -> Result<void> {
    auto& put = tx.connection().prepared(put_model_sql);
    set(put, ":provider", model.provider);
    set(put, ":model", model.model);
    set(put, ":context", model.context_window);
    set(put, ":max_output", model.max_output_tokens);
    set(put, ":version", model.version);
    set(put, ":origin", std::string(domain::price_origin_word(model.origin)));
    set(put, ":source", model.source);
    set(put, ":as_of", model.as_of);
    set(put, ":updated", model.updated_at);
    put.exec();
    auto& clear = tx.connection().prepared(clear_prices_sql);
    set(clear, ":provider", model.provider);
    set(clear, ":model", model.model);
    clear.exec();
    for (const auto& price : model.prices) {
      auto& insert = tx.connection().prepared(insert_price_sql);
      set(insert, ":provider", model.provider);
      set(insert, ":model", model.model);
      set(insert, ":kind", std::string(domain::price_kind_word(price.kind)));
      set(insert, ":from", price.from_tokens);
      set(insert, ":unit", price.unit);
      set(insert, ":price", price.price.text());
      insert.exec();
    }
    return {};
  });
}

Result<void> delete_model(Transaction& tx, const std::string& provider, const std::string& model) {
  return guarded([&]() -> Result<void> {
    auto& erase = tx.connection().prepared(delete_model_sql);
    set(erase, ":provider", provider);
    set(erase, ":model", model);
    return exec_one(erase, "model");
  });
}

Result<std::optional<domain::ModelPrice>> find_model(Connection& connection, const std::string& provider,
                                                     const std::string& model) {
  return guarded([&]() -> Result<std::optional<domain::ModelPrice>> {
    auto& select = connection.prepared(find_model_sql);
    set(select, ":provider", provider);
    set(select, ":model", model);
    auto rows = read_models(select);
    select.reset();
    if (!rows) return std::unexpected(rows.error());
    if (rows->empty()) return std::nullopt;
    return std::move(rows->front());
  });
}

}  // namespace govctl::store
