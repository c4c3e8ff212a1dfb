// Which provider serves a model, at what price, with whose credential (20-gateway.md "Routes").

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "daemon/tenant/tenant.h"

namespace govctl::tenant {

using domain::Cause;
using domain::Refusal;

namespace {

struct ModelPattern {
  std::string_view glob, provider;
};
constexpr std::array patterns{
    ModelPattern{"gpt-*", "openai"},       ModelPattern{"o1*", "openai"},
    ModelPattern{"o3*", "openai"},         ModelPattern{"o4*", "openai"},
    ModelPattern{"chatgpt-*", "openai"},   ModelPattern{"text-embedding-*", "openai"},
    ModelPattern{"claude-*", "anthropic"}, ModelPattern{"gemini-*", "google"},
    ModelPattern{"mock*", "mock"},
};
constexpr std::string_view default_provider = "openai";

const domain::Provider* find_provider(const domain::PlatformConfig& platform, std::string_view name) {
  const auto found = std::ranges::find(platform.providers, name, &domain::Provider::name);
  return found == platform.providers.end() ? nullptr : &*found;
}

// The provider of a model that is named without one.
std::string_view provider_of(std::string_view model) {
  const auto* const pattern = std::ranges::find_if(
      patterns, [&](const ModelPattern& row) { return domain::glob_match(row.glob, model); });
  return pattern == patterns.end() ? default_provider : pattern->provider;
}

Refusal refuse(Cause cause, std::string message, std::string path, std::string next) {
  Refusal refusal;
  refusal.cause = cause;
  refusal.message = std::move(message);
  refusal.path = std::move(path);
  refusal.next = std::move(next);
  refusal.parameter = "model";
  return refusal;
}

}  // namespace

std::expected<Route, Refusal> route(const Caller& caller, std::string_view model) {
  Route route;
  route.platform = caller.tenant->platform();
  const domain::PlatformConfig& platform = *route.platform;
  const std::string& path = caller.key->path;

  // provider/model names one outright when the prefix is a provider's; else the slash is part of the model's
  // name.
  std::string_view upstream_model = model;
  const std::size_t slash = model.find('/');
  if (slash != std::string_view::npos) {
    route.provider = find_provider(platform, model.substr(0, slash));
    if (route.provider != nullptr) upstream_model = model.substr(slash + 1);
  }
  if (route.provider == nullptr) {
    const std::string_view name = provider_of(model);
    route.provider = find_provider(platform, name);
    if (route.provider == nullptr) {
      return std::unexpected(refuse(
          Cause::unknown_provider,
          fmt::format("model '{}' is served by provider '{}', which is not set up", model.substr(0, 100), name),
          path, fmt::format("govctl provider add {} --kind openai --base-url URL", name)));
    }
  }
  route.upstream_model = upstream_model;
  route.price = domain::find_price(platform.models, route.provider->name, upstream_model);
  // A policy's denial is told first: a price or a credential would not help.
  const auto denied = [&]() -> std::optional<Refusal> {
    const auto why = domain::model_refusal(*caller.key->rules, route.provider->name, upstream_model);
    if (why.empty()) return std::nullopt;
    return refuse(Cause::model_denied,
                  fmt::format("model '{}' at {} is not allowed: {}", upstream_model.substr(0, 100),
                              route.provider->name, why),
                  path, fmt::format("govctl policy effective {}", path));
  };
  if (route.price == nullptr) {
    if (auto refusal = denied()) return std::unexpected(std::move(*refusal));
    return std::unexpected(
        refuse(Cause::no_price,
               fmt::format("model '{}' at {} has no price, and an unknown price is never free",
                           upstream_model.substr(0, 100), route.provider->name),
               path,
               fmt::format("govctl pricing set {} {} --input USD --output USD", route.provider->name,
                           upstream_model.substr(0, 100))));
  }
  if (route.provider->needs_credential) {
    auto credential = caller.tenant->credential(*caller.snapshot, route.provider->name);
    if (!credential) {
      if (auto refusal = denied()) return std::unexpected(std::move(*refusal));
      const std::string& org = caller.snapshot->root().slug;
      const std::string why =
          credential.error().code == Code::no_credential
              ? fmt::format("org {} has no credential for provider {}", org, route.provider->name)
              : fmt::format("the credential of org {} for provider {} cannot be opened", org,
                            route.provider->name);
      return std::unexpected(
          refuse(Cause::no_credential, why, path,
                 fmt::format("govctl credential add {} {} --stdin", org, route.provider->name)));
    }
    route.credential = std::move(*credential);
  }
  return route;
}

std::vector<UsableModel> usable_models(const Caller& caller) {
  const auto platform = caller.tenant->platform();
  const auto& credentials = caller.snapshot->config().credentials;
  std::vector<UsableModel> usable;
  for (const domain::ModelPrice& price : platform->models) {
    const domain::Provider* const provider = find_provider(*platform, price.provider);
    if (provider == nullptr) continue;
    const bool paid = std::ranges::any_of(credentials, [&](const domain::Credential& credential) {
      return credential.active && credential.provider == provider->name;
    });
    if (provider->needs_credential && !paid) continue;
    if (!domain::model_refusal(*caller.key->rules, provider->name, price.model).empty()) continue;
    // A slash in a model's own name may be read as a provider's.
    const std::string_view prefix = std::string_view(price.model).substr(0, price.model.find('/'));
    const bool plain = provider_of(price.model) == provider->name &&
                       (prefix.size() == price.model.size() || find_provider(*platform, prefix) == nullptr);
    usable.push_back({plain ? price.model : provider->name + "/" + price.model, {platform, &price}});
  }
  return usable;
}

}  // namespace govctl::tenant
