#include <algorithm>
#include <array>
#include <charconv>
#include <set>

#include "cli/prices/file.h"
#include "cli/prices/number.h"

namespace govctl::cli::prices {
namespace {

using api::Json;
using api::PriceRow;

// prefix: what stands before a model's own name in the table's keys.
struct Provider {
  std::string_view theirs, ours, prefix;
};
constexpr std::array providers{Provider{"openai", "openai", "openai/"},
                               Provider{"text-completion-openai", "openai", "openai/"},
                               Provider{"anthropic", "anthropic", "anthropic/"},
                               Provider{"gemini", "google", "gemini/"},
                               Provider{"azure", "azure", "azure/"},
                               Provider{"bedrock", "bedrock", "bedrock/"},
                               Provider{"bedrock_converse", "bedrock", "bedrock/"},
                               Provider{"cohere", "cohere", "cohere/"},
                               Provider{"cohere_chat", "cohere", "cohere_chat/"},
                               Provider{"groq", "groq", "groq/"},
                               Provider{"mistral", "mistral", "mistral/"},
                               Provider{"perplexity", "perplexity", "perplexity/"},
                               Provider{"openrouter", "openrouter", "openrouter/"},
                               Provider{"together_ai", "together", "together_ai/"},
                               Provider{"deepseek", "deepseek", "deepseek/"},
                               Provider{"xai", "xai", "xai/"}};

struct Kind {
  std::string_view field, kind;
  std::int64_t unit = 1'000'000;
};
constexpr std::array kinds{Kind{"input_cost_per_token", "input"},
                           Kind{"output_cost_per_token", "output"},
                           Kind{"cache_read_input_token_cost", "cache_read"},
                           Kind{"cache_creation_input_token_cost", "cache_write_5m"},
                           Kind{"cache_creation_input_token_cost_above_1hr", "cache_write_1h"},
                           Kind{"output_cost_per_reasoning_token", "reasoning"},
                           Kind{"input_cost_per_audio_token", "audio_in"},
                           Kind{"output_cost_per_audio_token", "audio_out"},
                           Kind{"input_cost_per_image_token", "image"},
                           Kind{"input_cost_per_request", "request", 1}};
constexpr std::array<std::string_view, 4> modes{"chat", "completion", "responses", "embedding"};
// Prices of what a call of ours can cost and no kind stands for.
constexpr std::array<std::string_view, 4> not_carried{"citation_cost_per_token", "input_cost_per_character",
                                                      "output_cost_per_character",
                                                      "output_cost_per_image_token"};

// "input_cost_per_token_above_200k_tokens": the field, and 200001; the field itself, and 0.
std::pair<std::string_view, std::int64_t> tier_of(std::string_view field) {
  constexpr std::string_view end = "k_tokens";
  constexpr std::string_view above = "_above_";
  const std::size_t at = field.rfind(above);
  if (at == std::string_view::npos || !field.ends_with(end)) return {field, 0};
  const std::string_view number =
      field.substr(at + above.size(), field.size() - end.size() - at - above.size());
  std::int64_t thousands = 0;
  const auto [stop, fault] = std::from_chars(number.data(), number.data() + number.size(), thousands);
  if (fault != std::errc{} || stop != number.data() + number.size() || thousands < 1 || thousands > 1'000'000) {
    return {field, 0};
  }
  return {field.substr(0, at), thousands * 1000 + 1};
}

// One fee whatever the size of the search's context, or one for each size. Perplexity takes it for every
// request, of the smallest size unless the request says otherwise; the others take it for a search, which a
// policy allows, and the dearest size is safe.
Result<void> add_search(const Json& sizes, bool perplexity, std::vector<PriceRow>& rows) {
  if (!sizes.is_object()) return {};
  std::optional<Price> fee;
  for (const auto& [size, value] : sizes.items()) {
    auto price = price_of_value(value, 0);
    if (!price)
      return fail(Code::invalid, fmt::format("search_context_cost_per_query: {}", price.error().message));
    if (!fee || (perplexity ? *price < *fee : *price > *fee)) fee = *price;
  }
  if (fee) rows.push_back({perplexity ? "request" : "search", fee->text(), 1, 0});
  return {};
}

Result<std::vector<PriceRow>> rows_of(const Json& row, bool perplexity) {
  std::vector<PriceRow> rows;
  for (const auto& [field, value] : row.items()) {
    if (value.is_null()) continue;
    if (std::ranges::find(not_carried, field) != not_carried.end()) {
      return fail(Code::invalid, fmt::format("it has a price '{}', which is not carried", field));
    }
    if (field == "search_context_cost_per_query") {
      if (auto ok = add_search(value, perplexity, rows); !ok) return std::unexpected(ok.error());
      continue;
    }
    const auto [name, from_tokens] = tier_of(field);
    const auto* const kind = std::ranges::find(kinds, name, &Kind::field);
    if (kind == kinds.end()) continue;
    auto price = price_of_value(value, kind->unit == 1 ? 0 : 6);
    if (!price) return fail(Code::invalid, fmt::format("{}: {}", field, price.error().message));
    rows.push_back({std::string(kind->kind), price->text(), kind->unit, from_tokens});
  }
  return rows;
}

bool has(const std::vector<PriceRow>& rows, std::string_view kind) {
  return std::ranges::any_of(rows,
                             [&](const PriceRow& row) { return row.kind == kind && row.from_tokens == 0; });
}

std::string text_of(const Json& row, const char* field) {
  const auto found = row.find(field);
  return found != row.end() && found->is_string() ? found->get<std::string>() : std::string();
}

// Why a model is not taken, or nothing.
std::string reason_against(const std::string& provider, const std::string& model, const std::string& mode,
                           const std::vector<PriceRow>& rows) {
  if ((provider == "azure" || provider == "bedrock") && model.find('/') != std::string::npos) {
    return "it is the price of one region";
  }
  if (std::ranges::find(modes, mode) == modes.end())
    return fmt::format("calls of mode '{}' are not made", mode);
  if (!has(rows, "input") || !has(rows, "output")) return "it has no price of input and output tokens";
  if (all_free(rows)) return std::string(free_reason);
  return {};
}

void add_model(const Provider& provider, const std::string& key, const Json& row, File& file) {
  api::PricingImportModel made;
  made.provider = provider.ours;
  made.model = key.starts_with(provider.prefix) ? key.substr(provider.prefix.size()) : key;
  const std::string mode = text_of(row, "mode");
  auto rows = rows_of(row, made.provider == "perplexity");
  if (rows && mode == "embedding" && !has(*rows, "output")) rows->push_back({"output", "0", 1'000'000, 0});
  const std::string reason =
      rows ? reason_against(made.provider, made.model, mode, *rows) : rows.error().message;
  if (!reason.empty()) {
    file.skipped.push_back({made.provider, made.model, reason});
    return;
  }
  made.prices = std::move(*rows);
  made.context_window = count_of(row, "max_input_tokens");
  if (mode != "embedding") made.max_output_tokens = count_of(row, "max_output_tokens");
  file.models.push_back(std::move(made));
}

// "deepseek-chat" and "deepseek/deepseek-chat" are one model.
void drop_doubles(File& file) {
  std::set<std::pair<std::string, std::string>> seen;
  std::vector<api::PricingImportModel> kept;
  for (auto at = file.models.rbegin(); at != file.models.rend(); ++at) {
    if (seen.emplace(at->provider, at->model).second) {
      kept.push_back(std::move(*at));
    } else {
      file.skipped.push_back({at->provider, at->model, "its name stands twice; the last is taken"});
    }
  }
  std::ranges::reverse(kept);
  file.models = std::move(kept);
}

}  // namespace

File read_litellm(const Json& table, const std::optional<std::string>& provider) {
  File file{"LiteLLM", {}, {}};
  for (const auto& [key, row] : table.items()) {
    if (!row.is_object() || key == "sample_spec") continue;
    const auto* const known = std::ranges::find(providers, text_of(row, "litellm_provider"), &Provider::theirs);
    if (known == providers.end() || (provider && *provider != known->ours)) continue;
    add_model(*known, key, row, file);
  }
  drop_doubles(file);
  return file;
}

}  // namespace govctl::cli::prices
