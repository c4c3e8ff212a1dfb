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

// A policy's word against a model there, if it has one.
std::optional<Refusal> denied(const Caller& caller, const domain::Provider& provider, std::string_view model) {
  const auto why = domain::model_refusal(*caller.key->rules, provider.name, model);
  if (why.empty()) return std::nullopt;
  Refusal refusal =
      refuse(Cause::model_denied,
             fmt::format("model '{}' at {} is not allowed: {}", model.substr(0, 100), provider.name, why),
             caller.key->path, fmt::format("govctl policy effective {}", caller.key->path));
  refusal.provider = provider.name;
  refusal.model = model.substr(0, 100);
  return refusal;
}

// The provider joined with its price and the org's credential.
std::expected<Candidate, Refusal> candidate_of(const Caller& caller,
                                               const std::shared_ptr<const domain::PlatformConfig>& platform,
                                               const domain::Provider& provider, std::string_view model) {
  const std::string& path = caller.key->path;
  Candidate candidate;
  candidate.platform = platform;
  candidate.provider = &provider;
  candidate.upstream_model = model;
  candidate.price = domain::find_price(platform->models, provider.name, model);
  if (candidate.price == nullptr) {
    // A policy's denial is told first: a price or a credential would not help.
    if (auto refusal = denied(caller, provider, model)) return std::unexpected(std::move(*refusal));
    return std::unexpected(refuse(
        Cause::no_price,
        fmt::format("model '{}' at {} has no price, and an unknown price is never free", model.substr(0, 100),
                    provider.name),
        path,
        fmt::format("govctl pricing set {} {} --input USD --output USD", provider.name, model.substr(0, 100))));
  }
  if (provider.needs_credential) {
    auto credential = caller.tenant->credential(*caller.snapshot, provider.name);
    if (!credential) {
      if (auto refusal = denied(caller, provider, model)) return std::unexpected(std::move(*refusal));
      const std::string& org = caller.snapshot->root().slug;
      if (credential.error().code == Code::unavailable) {
        return std::unexpected(
            refuse(Cause::no_credential, credential.error().message, path, credential.error().next));
      }
      const std::string why =
          credential.error().code == Code::no_credential
              ? fmt::format("org {} has no credential for provider {}", org, provider.name)
              : fmt::format("the credential of org {} for provider {} cannot be opened", org, provider.name);
      return std::unexpected(refuse(Cause::no_credential, why, path,
                                    fmt::format("govctl credential add {} {} --stdin", org, provider.name)));
    }
    candidate.credential = std::move(*credential);
  }
  return candidate;
}

Refusal not_set_up(const Caller& caller, std::string_view model, std::string_view provider) {
  return refuse(
      Cause::unknown_provider,
      fmt::format("model '{}' is served by provider '{}', which is not set up", model.substr(0, 100), provider),
      caller.key->path, fmt::format("govctl provider add {} --kind openai --base-url URL", provider));
}

// Nobody is left of an alias's list: the first one's cause, and why of each.
Refusal none_left(const domain::ModelAlias& alias, std::vector<Refusal> refusals) {
  std::string why;
  for (const Refusal& refusal : refusals) why += (why.empty() ? "" : "; ") + refusal.message;
  // What an administrator of prices or credentials can mend is told before what a policy forbids.
  const auto mendable = std::ranges::find_if(
      refusals, [](const Refusal& refusal) { return refusal.cause != Cause::model_denied; });
  Refusal refusal = std::move(mendable == refusals.end() ? refusals.front() : *mendable);
  refusal.message = fmt::format("alias '{}' leads to no model that this call may use: {}", alias.name, why);
  return refusal;
}

std::expected<Route, Refusal> route_of(const Caller& caller, const domain::ModelAlias& alias) {
  const auto platform = caller.tenant->platform();
  Route route;
  std::vector<Refusal> refusals;
  for (const domain::ModelTarget& target : alias.targets) {
    if (route.candidates.size() == domain::max_alias_targets) break;
    const domain::Provider* const provider = find_provider(*platform, target.provider);
    if (provider == nullptr) {
      refusals.push_back(not_set_up(caller, target.model, target.provider));
      continue;
    }
    if (auto refusal = denied(caller, *provider, target.model)) {
      refusals.push_back(std::move(*refusal));
      continue;
    }
    auto candidate = candidate_of(caller, platform, *provider, target.model);
    if (candidate) {
      route.candidates.push_back(std::move(*candidate));
    } else {
      refusals.push_back(std::move(candidate.error()));
    }
  }
  if (route.candidates.empty()) return std::unexpected(none_left(alias, std::move(refusals)));
  return route;
}

}  // namespace

std::expected<Route, Refusal> route(const Caller& caller, std::string_view model) {
  if (const auto* const alias = caller.snapshot->find_alias(model)) return route_of(caller, *alias);
  const auto platform = caller.tenant->platform();
  // provider/model names one outright when the prefix is a provider's; else the slash is part of the model's
  // name.
  const domain::Provider* provider = nullptr;
  std::string_view upstream_model = model;
  const std::size_t slash = model.find('/');
  if (slash != std::string_view::npos) {
    provider = find_provider(*platform, model.substr(0, slash));
    if (provider != nullptr) upstream_model = model.substr(slash + 1);
  }
  if (provider == nullptr) {
    const std::string_view name = provider_of(model);
    provider = find_provider(*platform, name);
    if (provider == nullptr) return std::unexpected(not_set_up(caller, model, name));
  }
  auto candidate = candidate_of(caller, platform, *provider, upstream_model);
  if (!candidate) return std::unexpected(std::move(candidate.error()));
  Route route;
  route.candidates.push_back(std::move(*candidate));
  return route;
}

std::vector<UsableModel> usable_models(const Caller& caller) {
  const auto platform = caller.tenant->platform();
  const auto& config = caller.snapshot->config();
  const auto usable_at = [&](const domain::Provider* provider, std::string_view model) {
    if (provider == nullptr) return false;
    const bool paid = std::ranges::any_of(config.credentials, [&](const domain::Credential& credential) {
      return credential.active && credential.provider == provider->name;
    });
    return (paid || !provider->needs_credential) &&
           domain::model_refusal(*caller.key->rules, provider->name, model).empty();
  };
  std::vector<UsableModel> usable;
  for (const domain::ModelAlias& alias : config.aliases) {
    for (const domain::ModelTarget& target : alias.targets) {
      const auto* const price = domain::find_price(platform->models, target.provider, target.model);
      if (price == nullptr || !usable_at(find_provider(*platform, target.provider), target.model)) continue;
      usable.push_back({alias.name, {platform, price}});
      break;  // as the first that it leads to
    }
  }
  for (const domain::ModelPrice& price : platform->models) {
    const domain::Provider* const provider = find_provider(*platform, price.provider);
    if (!usable_at(provider, price.model)) continue;
    // A slash in a model's own name may be read as a provider's.
    const std::string_view prefix = std::string_view(price.model).substr(0, price.model.find('/'));
    const bool plain = provider_of(price.model) == provider->name &&
                       (prefix.size() == price.model.size() || find_provider(*platform, prefix) == nullptr);
    std::string name = plain ? price.model : provider->name + "/" + price.model;
    if (caller.snapshot->find_alias(name) != nullptr) continue;  // it leads elsewhere
    usable.push_back({std::move(name), {platform, &price}});
  }
  return usable;
}

}  // namespace govctl::tenant
