#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <memory>

#include "cli/commands/nouns.h"
#include "cli/commands/pricing_import.h"
#include "cli/session.h"
#include "common/api/platform.h"
#include "common/money.h"

namespace govctl::cli {
namespace {

using Show = Column::Show;
constexpr std::array columns{Column{"PROVIDER", "provider"},
                             Column{"MODEL", "model"},
                             Column{"USD PER TOKENS", "prices"},
                             Column{"CONTEXT", "context_window", Show::number, true},
                             Column{"MAX OUT", "max_output_tokens", Show::number, true},
                             Column{"VERSION", "version", Show::number},
                             Column{"SOURCE", "source"},
                             Column{"AS OF", "as_of", Show::time, true},
                             Column{"UPDATED", "updated_at", Show::time, true}};
constexpr View view{"model", columns, "govctl pricing set PROVIDER MODEL --input USD --output USD"};

std::string url(const std::string& provider, const std::string& model) {
  return "/pricing/" + segment(provider) + "/" + segment(model);
}

Action list(Arguments& a) {
  struct Input {
    std::optional<std::string> provider, model;
    Paging paging;
  };
  auto in = std::make_shared<Input>();
  a.option("--provider", "NAME", in->provider, "Only this provider's", Names::provider);
  a.option("--model", "NAME", in->model, "Only this model's", Names::model);
  in->paging.declare(a);
  return [in](Session& s) -> Result<Answer> {
    Query query;
    add(query, "provider", in->provider);
    add(query, "model", in->model);
    return answer(s.list("/pricing", query, in->paging), &view);
  };
}

struct Model {
  std::string provider, model;
  void declare(Arguments& a) {
    a.positional("PROVIDER", provider, "The provider's name");
    a.positional("MODEL", model, "The model's name, as the provider says it");
  }
};

Action get(Arguments& a) {
  auto in = std::make_shared<Model>();
  in->declare(a);
  return [in](Session& s) -> Result<Answer> { return answer(s.get(url(in->provider, in->model)), &view); };
}

// "200001:input=0.006"
Result<api::PriceRow> tier_of(std::string_view text) {
  const std::size_t colon = text.find(':');
  const std::size_t equals = text.find('=', std::min(colon, text.size()));
  if (equals == std::string_view::npos) {
    return fail(Code::invalid, fmt::format("--tier: '{}' is not TOKENS:KIND=USD, such as 200001:input=0.006",
                                           text.substr(0, 100)));
  }
  auto from = whole_number("--tier", text.substr(0, colon));
  if (!from) return std::unexpected(from.error());
  auto price = Price::parse(text.substr(equals + 1));
  if (!price) return std::unexpected(price.error());
  return api::PriceRow{std::string(text.substr(colon + 1, equals - colon - 1)), price->text(), 1000, *from};
}

Action set(Arguments& a) {
  struct Input : Model {
    std::string input, output;
    std::optional<std::string> cache_read, cache_write_5m, cache_write_1h, reasoning, audio_in, audio_out,
        image;
    std::optional<std::string> request, search, source, context_window, max_output;
    std::vector<std::string> tiers;
  };
  auto in = std::make_shared<Input>();
  in->declare(a);
  a.required("--input", "USD", in->input, "Per 1,000 input tokens");
  a.required("--output", "USD", in->output, "Per 1,000 output tokens");
  a.option("--cache-read", "USD", in->cache_read, "Per 1,000 input tokens read from the provider's cache");
  a.option("--cache-write-5m", "USD", in->cache_write_5m,
           "Per 1,000 tokens written to its cache for 5 minutes");
  a.option("--cache-write-1h", "USD", in->cache_write_1h, "Per 1,000 tokens written to its cache for an hour");
  a.option("--reasoning", "USD", in->reasoning,
           "Per 1,000 reasoning tokens, where they cost otherwise than output");
  a.option("--audio-in", "USD", in->audio_in,
           "Per 1,000 tokens of audio in, where they cost otherwise than input");
  a.option("--audio-out", "USD", in->audio_out,
           "Per 1,000 tokens of audio out, where they cost otherwise than output");
  a.option("--image", "USD", in->image, "Per 1,000 tokens of images, where they cost otherwise than input");
  a.option("--request", "USD", in->request, "Per call");
  a.option("--search", "USD", in->search, "Per search that the provider makes");
  a.options("--tier", "TOKENS:KIND=USD", in->tiers,
            "Per 1,000 tokens of a kind in calls with so much input or more; repeats");
  a.option("--context-window", "N", in->context_window, "Tokens that the model takes in");
  a.option("--max-output", "N", in->max_output, "Tokens that it gives at most");
  a.option("--source", "TEXT", in->source, "Where the prices are from");
  return [in](Session& s) -> Result<Answer> {
    Json body{{"input", in->input}, {"output", in->output}};
    const std::array<std::pair<const char*, const std::optional<std::string>*>, 9> others{
        {{"cache_read", &in->cache_read},
         {"cache_write_5m", &in->cache_write_5m},
         {"cache_write_1h", &in->cache_write_1h},
         {"reasoning", &in->reasoning},
         {"audio_in", &in->audio_in},
         {"audio_out", &in->audio_out},
         {"image", &in->image},
         {"request", &in->request},
         {"search", &in->search}}};
    for (const auto& [name, value] : others) {
      if (*value) body[name] = **value;
    }
    for (const auto& [name, value] : body.items()) {
      if (auto price = Price::parse(value.get_ref<const std::string&>()); !price)
        return std::unexpected(price.error());
    }
    for (const auto& text : in->tiers) {
      auto tier = tier_of(text);
      if (!tier) return std::unexpected(tier.error());
      body["tiers"].push_back(api::encode(*tier));
    }
    if (in->source) body["source"] = *in->source;
    if (in->context_window) {
      auto number = whole_number("--context-window", *in->context_window);
      if (!number) return std::unexpected(number.error());
      body["context_window"] = *number;
    }
    if (in->max_output) {
      auto number = whole_number("--max-output", *in->max_output);
      if (!number) return std::unexpected(number.error());
      body["max_output_tokens"] = *number;
    }
    return answer(s.put(url(in->provider, in->model), std::move(body)), &view);
  };
}

Action remove(Arguments& a) {
  auto in = std::make_shared<Model>();
  in->declare(a);
  return [in](Session& s) -> Result<Answer> {
    if (auto sure = s.confirm(
            fmt::format("delete the price of {}/{}, so that its calls are refused", in->provider, in->model));
        !sure) {
      return std::unexpected(sure.error());
    }
    return answer(s.remove(url(in->provider, in->model)), &view);
  };
}

constexpr std::array commands{
    Command{"list", "Show what models cost", "govctl pricing list\ngovctl pricing list --provider openai",
            list},
    Command{"get", "Show what one model costs", "govctl pricing get openai gpt-4o", get},
    Command{"set", "Set what a model costs, as a new version",
            "govctl pricing set openai gpt-4o --input 0.0025 --output 0.01 --cache-read 0.00125\n"
            "govctl pricing set ollama llama3 --input 0 --output 0 --max-output 8192\n"
            "govctl pricing set google gemini-2.5-pro --input 0.00125 --output 0.01 --tier 200001:input=0.0025 "
            "--tier 200001:output=0.015",
            set},
    Command{"import", "Take prices from LiteLLM's price map or models.dev's api.json",
            "govctl pricing import model_prices_and_context_window.json --dry-run\n"
            "govctl pricing import api.json --from models.dev --provider anthropic",
            import_prices},
    Command{"diff", "Show what an import would change; exit 2 when it would",
            "govctl pricing diff model_prices_and_context_window.json\n"
            "govctl pricing diff api.json --from models.dev --provider openai",
            diff_prices},
    Command{"delete", "Delete a model's price; its calls are refused then",
            "govctl pricing delete openai gpt-4-turbo", remove}};

}  // namespace

std::span<const Command> pricing_commands() { return commands; }

}  // namespace govctl::cli
