#include "cli/prices/file.h"

#include <algorithm>

#include "cli/prices/number.h"

namespace govctl::cli::prices {
namespace {

using api::Json;

bool any_has(const Json& table, const char* field) {
  return std::ranges::any_of(table, [&](const Json& row) { return row.is_object() && row.contains(field); });
}

}  // namespace

bool all_free(const std::vector<api::PriceRow>& rows) {
  return std::ranges::all_of(rows, [](const api::PriceRow& row) { return row.price == "0"; });
}

Result<File> read(std::string_view text, Format format, const std::optional<std::string>& provider) {
  auto table = parse_exact(text);
  if (!table) return std::unexpected(table.error());
  if (!table->is_object()) return fail(Code::invalid, "it is no JSON object");
  const bool litellm = any_has(*table, "litellm_provider");
  const bool models_dev = any_has(*table, "models");
  if (format == Format::automatic && litellm != models_dev) {
    format = litellm ? Format::litellm : Format::models_dev;
  }
  if (format == Format::litellm && litellm) return read_litellm(*table, provider);
  if (format == Format::models_dev && models_dev) return read_models_dev(*table, provider);
  return fail(Code::invalid,
              "it is neither LiteLLM's price map nor models.dev's api.json; say which with --from");
}

}  // namespace govctl::cli::prices
