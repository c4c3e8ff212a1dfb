#pragma once
// What is the platform's and not an org's: providers, prices, the daemon's own state.

#include <array>

#include "common/api/fields.h"

namespace govctl::api {

// The wire formats that a provider may speak.
constexpr std::array<std::string_view, 7> provider_kinds{"openai", "azure_openai", "anthropic", "bedrock",
                                                         "gemini", "cohere",       "mock"};

struct Provider {
  std::string name, kind, base_url;
  bool allow_private = false;
  std::optional<std::string> ca_file, proxy, no_proxy, api_version;
  std::string max_tokens_field;
  bool usage_in_stream = true;
  bool responses = false;
  std::int64_t connect_timeout_ms = 5000, first_byte_timeout_ms = 600000, idle_timeout_ms = 300000;
  std::int64_t max_parallel = 0;
  bool needs_credential = true;
  bool shipped = false;
  std::optional<std::string> circuit;
  std::int64_t version = 1;
  static constexpr auto fields() {
    return std::tuple{
        field("name", &Provider::name),
        field("kind", &Provider::kind, "openai, azure_openai, anthropic, bedrock, gemini, cohere or mock"),
        field("base_url", &Provider::base_url),
        field("allow_private", &Provider::allow_private, "private and link-local addresses, and http"),
        field("ca_file", &Provider::ca_file),
        field("proxy", &Provider::proxy, "http://host[:port]"),
        field("no_proxy", &Provider::no_proxy, "hosts that are called without it, separated by commas"),
        field("max_tokens_field", &Provider::max_tokens_field, "max_tokens or max_completion_tokens"),
        field("usage_in_stream", &Provider::usage_in_stream, "knows stream_options.include_usage"),
        field("responses", &Provider::responses, "has /v1/responses"),
        field("api_version", &Provider::api_version, "of azure_openai"),
        field("connect_timeout_ms", &Provider::connect_timeout_ms),
        field("first_byte_timeout_ms", &Provider::first_byte_timeout_ms),
        field("idle_timeout_ms", &Provider::idle_timeout_ms),
        field("max_parallel", &Provider::max_parallel, "calls at once, of all orgs; 0 = no limit"),
        field("needs_credential", &Provider::needs_credential),
        field("shipped", &Provider::shipped),
        field("circuit", &Provider::circuit,
              "closed; open while it is not asked because it keeps failing; half_open when one call may try"),
        field("version", &Provider::version)};
  }
};
struct ProviderCreate {
  std::string name, kind, base_url;
  std::optional<bool> allow_private, usage_in_stream, needs_credential, responses;
  std::optional<std::string> ca_file, proxy, no_proxy, max_tokens_field, api_version;
  std::optional<std::int64_t> connect_timeout_ms, first_byte_timeout_ms, idle_timeout_ms, max_parallel;
  static constexpr auto fields() {
    return std::tuple{field("name", &ProviderCreate::name),
                      field("kind", &ProviderCreate::kind),
                      field("base_url", &ProviderCreate::base_url),
                      field("allow_private", &ProviderCreate::allow_private),
                      field("usage_in_stream", &ProviderCreate::usage_in_stream),
                      field("needs_credential", &ProviderCreate::needs_credential),
                      field("ca_file", &ProviderCreate::ca_file),
                      field("proxy", &ProviderCreate::proxy),
                      field("no_proxy", &ProviderCreate::no_proxy),
                      field("max_tokens_field", &ProviderCreate::max_tokens_field),
                      field("responses", &ProviderCreate::responses),
                      field("api_version", &ProviderCreate::api_version),
                      field("connect_timeout_ms", &ProviderCreate::connect_timeout_ms),
                      field("first_byte_timeout_ms", &ProviderCreate::first_byte_timeout_ms),
                      field("idle_timeout_ms", &ProviderCreate::idle_timeout_ms),
                      field("max_parallel", &ProviderCreate::max_parallel)};
  }
};
struct ProviderPatch {
  std::optional<std::string> base_url, max_tokens_field;
  std::optional<bool> allow_private, usage_in_stream, needs_credential, responses;
  Patch<std::string> ca_file, proxy, no_proxy, api_version;
  std::optional<std::int64_t> connect_timeout_ms, first_byte_timeout_ms, idle_timeout_ms, max_parallel;
  static constexpr auto fields() {
    return std::tuple{field("base_url", &ProviderPatch::base_url),
                      field("max_tokens_field", &ProviderPatch::max_tokens_field),
                      field("allow_private", &ProviderPatch::allow_private),
                      field("usage_in_stream", &ProviderPatch::usage_in_stream),
                      field("needs_credential", &ProviderPatch::needs_credential),
                      field("ca_file", &ProviderPatch::ca_file),
                      field("proxy", &ProviderPatch::proxy),
                      field("no_proxy", &ProviderPatch::no_proxy),
                      field("responses", &ProviderPatch::responses),
                      field("api_version", &ProviderPatch::api_version),
                      field("connect_timeout_ms", &ProviderPatch::connect_timeout_ms),
                      field("first_byte_timeout_ms", &ProviderPatch::first_byte_timeout_ms),
                      field("idle_timeout_ms", &ProviderPatch::idle_timeout_ms),
                      field("max_parallel", &ProviderPatch::max_parallel)};
  }
};

// POST /providers/{name}/test: the smallest real call, which costs nothing, with an org's credential.
struct ProviderTest {
  std::optional<std::string> org, model;
  static constexpr auto fields() {
    return std::tuple{field("org", &ProviderTest::org, "whose credential"),
                      field("model", &ProviderTest::model, "looked for among the provider's models")};
  }
};
struct ProviderTested {
  std::string provider;
  bool ok = false;
  std::string called;
  std::optional<std::int64_t> status;
  std::int64_t latency_ms = 0;
  std::optional<std::string> message;
  std::int64_t models = 0;
  static constexpr auto fields() {
    return std::tuple{field("provider", &ProviderTested::provider),
                      field("ok", &ProviderTested::ok),
                      field("called", &ProviderTested::called, "what was called: it costs nothing"),
                      field("status", &ProviderTested::status, "of the provider's answer"),
                      field("latency_ms", &ProviderTested::latency_ms),
                      field("message", &ProviderTested::message, "what is wrong"),
                      field("models", &ProviderTested::models, "how many it lists")};
  }
};
// GET /providers/{name}/models: as the provider itself lists them.
struct ProviderModel {
  std::string provider, model;
  bool priced = false;
  static constexpr auto fields() {
    return std::tuple{field("provider", &ProviderModel::provider), field("model", &ProviderModel::model),
                      field("priced", &ProviderModel::priced, "it has a price, so agents may call it")};
  }
};

// One price: USD per `unit` of `kind`.
struct PriceRow {
  std::string kind, price;
  std::int64_t unit = 1000;
  std::int64_t from_tokens = 0;
  static constexpr auto fields() {
    return std::tuple{
        field("kind", &PriceRow::kind, "input, cache_read, cache_write_5m, cache_write_1h, output, …"),
        field("price", &PriceRow::price, "USD, decimal text"),
        field("unit", &PriceRow::unit, "1, 1000 or 1000000"),
        field("from_tokens", &PriceRow::from_tokens, "holds for calls with so much input or more")};
  }
  bool operator==(const PriceRow&) const = default;
};
struct ModelPricing {
  std::string provider, model;
  std::optional<std::int64_t> context_window, max_output_tokens;
  std::vector<PriceRow> prices;
  std::int64_t version = 1;
  std::string origin, source, as_of, updated_at;
  static constexpr auto fields() {
    return std::tuple{field("provider", &ModelPricing::provider),
                      field("model", &ModelPricing::model),
                      field("context_window", &ModelPricing::context_window),
                      field("max_output_tokens", &ModelPricing::max_output_tokens),
                      field("prices", &ModelPricing::prices),
                      field("version", &ModelPricing::version),
                      field("origin", &ModelPricing::origin, "set, imported or shipped"),
                      field("source", &ModelPricing::source),
                      field("as_of", &ModelPricing::as_of),
                      field("updated_at", &ModelPricing::updated_at)};
  }
};
// PUT /pricing/{provider}/{model}: USD per 1,000 tokens as decimal text. Replaces the model's prices as a new
// version.
struct PricingPut {
  std::string input, output;
  std::optional<std::string> cache_read, cache_write_5m, cache_write_1h, reasoning, audio_in, audio_out, image;
  std::optional<std::string> request, search, source;
  std::optional<std::vector<PriceRow>> tiers;
  std::optional<std::int64_t> context_window, max_output_tokens;
  static constexpr auto fields() {
    return std::tuple{field("input", &PricingPut::input),
                      field("output", &PricingPut::output),
                      field("cache_read", &PricingPut::cache_read),
                      field("cache_write_5m", &PricingPut::cache_write_5m),
                      field("cache_write_1h", &PricingPut::cache_write_1h),
                      field("reasoning", &PricingPut::reasoning),
                      field("audio_in", &PricingPut::audio_in),
                      field("audio_out", &PricingPut::audio_out),
                      field("image", &PricingPut::image),
                      field("request", &PricingPut::request, "USD per call"),
                      field("search", &PricingPut::search, "USD per search"),
                      field("tiers", &PricingPut::tiers, "prices above from_tokens of input"),
                      field("source", &PricingPut::source),
                      field("context_window", &PricingPut::context_window),
                      field("max_output_tokens", &PricingPut::max_output_tokens)};
  }
};

// POST /pricing/import: the prices of many models, from one source. A model's prices replace what it had, as a
// new version; one whose price was set by hand is left alone unless `replace` says otherwise.
struct PricingImportModel {
  std::string provider, model;
  std::optional<std::int64_t> context_window, max_output_tokens;
  std::vector<PriceRow> prices;
  static constexpr auto fields() {
    return std::tuple{field("provider", &PricingImportModel::provider),
                      field("model", &PricingImportModel::model),
                      field("context_window", &PricingImportModel::context_window),
                      field("max_output_tokens", &PricingImportModel::max_output_tokens),
                      field("prices", &PricingImportModel::prices)};
  }
};
struct PricingImport {
  std::string source;
  std::optional<std::string> as_of;
  std::optional<bool> replace;
  std::vector<PricingImportModel> models;
  static constexpr auto fields() {
    return std::tuple{field("source", &PricingImport::source),
                      field("as_of", &PricingImport::as_of, "RFC 3339; now when absent"),
                      field("replace", &PricingImport::replace, "prices that were set by hand too"),
                      field("models", &PricingImport::models)};
  }
};
// What became of one model; those that stay the same are counted only.
struct PricingOutcome {
  std::string provider, model, outcome;
  std::optional<std::string> reason;
  std::vector<PriceRow> before, after;
  static constexpr auto fields() {
    return std::tuple{field("provider", &PricingOutcome::provider),
                      field("model", &PricingOutcome::model),
                      field("outcome", &PricingOutcome::outcome, "added, changed or skipped"),
                      field("reason", &PricingOutcome::reason, "why it was skipped"),
                      field("before", &PricingOutcome::before),
                      field("after", &PricingOutcome::after)};
  }
};
struct PricingImported {
  std::int64_t added = 0, changed = 0, same = 0, skipped = 0;
  std::vector<PricingOutcome> models;
  static constexpr auto fields() {
    return std::tuple{field("added", &PricingImported::added), field("changed", &PricingImported::changed),
                      field("same", &PricingImported::same), field("skipped", &PricingImported::skipped),
                      field("models", &PricingImported::models)};
  }
};

struct GatewayStatus {
  std::string url;
  static constexpr auto fields() { return std::tuple{field("url", &GatewayStatus::url)}; }
};
struct Status {
  std::string version;
  std::int64_t api_major = 1, pid = 0, uptime_s = 0;
  GatewayStatus gateway;
  std::int64_t orgs = 0, inflight = 0;
  std::vector<std::string> quarantined, open_circuits;
  std::string state_dir, keys_dir;
  bool sealed = false;
  static constexpr auto fields() {
    return std::tuple{field("version", &Status::version),
                      field("api_major", &Status::api_major),
                      field("pid", &Status::pid),
                      field("uptime_s", &Status::uptime_s),
                      field("gateway", &Status::gateway),
                      field("orgs", &Status::orgs),
                      field("inflight", &Status::inflight),
                      field("quarantined", &Status::quarantined),
                      field("open_circuits", &Status::open_circuits, "providers that are not asked for now"),
                      field("state_dir", &Status::state_dir),
                      field("keys_dir", &Status::keys_dir),
                      field("sealed", &Status::sealed, "no credential can be used until `secrets unseal`")};
  }
};

}  // namespace govctl::api
