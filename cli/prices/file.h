#pragma once
// Public price tables as files: one reader for each format, into the rows that POST /pricing/import takes.
// Prices become USD per million tokens, exactly as written: a number with more decimals than a price carries
// refuses its model, by name.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/api/platform.h"
#include "common/error.h"

namespace govctl::cli::prices {

struct Skipped {
  std::string provider, model, reason;
};

struct File {
  std::string source;  // what the format is called
  std::vector<api::PricingImportModel> models;
  std::vector<Skipped> skipped;
};

enum class Format { automatic, litellm, models_dev };

// Of the providers that ship, or of `provider` (our name) alone. invalid: the text is no table of that format.
Result<File> read(std::string_view text, Format format, const std::optional<std::string>& provider);

// Whether every row is nothing: tables say so of what they have no price for, too, and a price is never free by
// accident.
bool all_free(const std::vector<api::PriceRow>& rows);
constexpr std::string_view free_reason = "it costs nothing there; set it by hand if that is so";

// litellm.cpp: model_prices_and_context_window.json, USD per token
// (https://docs.litellm.ai/docs/provider_registration/add_model_pricing).
File read_litellm(const api::Json& table, const std::optional<std::string>& provider);
// models_dev.cpp: https://models.dev/api.json, USD per million tokens
// (https://github.com/anomalyco/models.dev).
File read_models_dev(const api::Json& table, const std::optional<std::string>& provider);

}  // namespace govctl::cli::prices
