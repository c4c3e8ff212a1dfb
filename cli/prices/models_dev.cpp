#include <algorithm>
#include <array>

#include "cli/prices/file.h"
#include "cli/prices/number.h"

namespace govctl::cli::prices {
namespace {

using api::Json;
using api::PriceRow;

struct Name {
  std::string_view theirs, ours;
};
constexpr std::array providers{Name{"openai", "openai"},
                               Name{"anthropic", "anthropic"},
                               Name{"google", "google"},
                               Name{"azure", "azure"},
                               Name{"amazon-bedrock", "bedrock"},
                               Name{"cohere", "cohere"},
                               Name{"groq", "groq"},
                               Name{"mistral", "mistral"},
                               Name{"perplexity", "perplexity"},
                               Name{"openrouter", "openrouter"},
                               Name{"togetherai", "together"},
                               Name{"deepseek", "deepseek"},
                               Name{"xai", "xai"}};
constexpr std::array kinds{Name{"input", "input"},           Name{"output", "output"},
                           Name{"cache_read", "cache_read"}, Name{"cache_write", "cache_write_5m"},
                           Name{"reasoning", "reasoning"},   Name{"input_audio", "audio_in"},
                           Name{"output_audio", "audio_out"}};
constexpr std::int64_t legacy_tier = 200'001;

// What is in `cost`, from so many input tokens on.
Result<void> add(const Json& cost, std::int64_t from_tokens, std::vector<PriceRow>& rows) {
  for (const auto& [field, value] : cost.items()) {
    if (field == "tiers" || field == "tier" || field == "context_over_200k") continue;
    const auto* const kind = std::ranges::find(kinds, field, &Name::theirs);
    if (kind == kinds.end()) {
      return fail(Code::invalid,
                  fmt::format("it has a price for '{}', which is not carried", field.substr(0, 60)));
    }
    auto price = price_of_value(value, 0);
    if (!price) return fail(Code::invalid, fmt::format("{}: {}", field, price.error().message));
    rows.push_back({std::string(kind->ours), price->text(), 1'000'000, from_tokens});
  }
  return {};
}

Result<std::vector<PriceRow>> rows_of(const Json& cost) {
  std::vector<PriceRow> rows;
  if (auto ok = add(cost, 0, rows); !ok) return std::unexpected(ok.error());
  const auto tiers = cost.find("tiers");
  if (tiers != cost.end() && tiers->is_array()) {
    for (const Json& tier : *tiers) {
      const auto limit = tier.is_object() ? tier.find("tier") : tier.end();
      const auto size = tier.is_object() && limit != tier.end() && limit->is_object() ? count_of(*limit, "size")
                                                                                      : std::nullopt;
      if (!size || limit->value("type", "context") != "context") {
        return fail(Code::invalid, "it has a tier that is not one of context sizes");
      }
      if (auto ok = add(tier, *size + 1, rows); !ok) return std::unexpected(ok.error());
    }
  } else if (const auto over = cost.find("context_over_200k"); over != cost.end() && over->is_object()) {
    if (auto ok = add(*over, legacy_tier, rows); !ok) return std::unexpected(ok.error());
  }
  return rows;
}

std::string reason_against(const Json& model) {
  const auto cost = model.find("cost");
  if (cost == model.end() || !cost->is_object()) return "it has no price";
  if (!cost->contains("input") || !cost->contains("output")) return "it has no price of input and output";
  return {};
}

void add_model(const std::string& provider, const std::string& name, const Json& model, File& file) {
  if (!model.is_object()) return;
  std::string reason = reason_against(model);
  if (!reason.empty()) {
    file.skipped.push_back({provider, name, reason});
    return;
  }
  auto rows = rows_of(model["cost"]);
  if (!rows) {
    file.skipped.push_back({provider, name, rows.error().message});
    return;
  }
  if (all_free(*rows)) {
    file.skipped.push_back({provider, name, std::string(free_reason)});
    return;
  }
  api::PricingImportModel made;
  made.provider = provider;
  made.model = name;
  made.prices = std::move(*rows);
  if (const auto limit = model.find("limit"); limit != model.end() && limit->is_object()) {
    made.context_window = count_of(*limit, "context");
    made.max_output_tokens = count_of(*limit, "output");
  }
  file.models.push_back(std::move(made));
}

}  // namespace

File read_models_dev(const Json& table, const std::optional<std::string>& provider) {
  File file{"models.dev", {}, {}};
  for (const auto& [name, row] : table.items()) {
    const auto* const known = std::ranges::find(providers, name, &Name::theirs);
    if (known == providers.end() || (provider && *provider != known->ours) || !row.is_object()) continue;
    const auto models = row.find("models");
    if (models == row.end() || !models->is_object()) continue;
    for (const auto& [model, value] : models->items()) add_model(std::string(known->ours), model, value, file);
  }
  return file;
}

}  // namespace govctl::cli::prices
