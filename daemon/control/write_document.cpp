// What is there as a document, without what is the default: read again it is the same things.

#include "daemon/control/declared.h"
#include "daemon/control/present.h"

namespace govctl::control {
namespace {

template <class T, class List>
void push(std::optional<std::vector<T>>& list, List&& item) {
  if (!list) list.emplace();
  list->push_back(std::forward<List>(item));
}

api::PolicyDocument document_of(const domain::Policy& row) {
  api::PolicyDocument made;
  made.name = row.name;
  made.allow_models = row.allow_models;
  made.deny_models = row.deny_models;
  made.providers = row.providers;
  made.costly = row.costly;
  made.max_input_tokens = row.max_input_tokens;
  made.max_output_tokens = row.max_output_tokens;
  made.rpm = row.rpm;
  made.tpm = row.tpm;
  made.parallel = row.parallel;
  made.clamp = row.clamp;
  if (row.estimate) made.reserve = *row.estimate ? "estimate" : "worst-case";
  return made;
}

api::BudgetDocument document_of(const domain::Budget& row) {
  api::BudgetDocument made;
  made.period = domain::period_word(row.period);
  if (row.limit_usd.empty()) {
    made.limit = row.limit.value();
  } else {
    made.limit_usd = row.limit_usd;
  }
  if (row.auto_disable) made.auto_disable = true;
  return made;
}

class Writer {
 public:
  explicit Writer(const tenant::Snapshot& snapshot) : snapshot_(snapshot) {}

  [[nodiscard]] api::OrgDocument org() const {
    const auto& config = snapshot_.config();
    api::OrgDocument made;
    made.org = config.org.slug;
    common(made, config.org);
    if (!config.org.active) made.active = false;
    made.credits_per_usd = config.org.credits_per_usd;
    made.overdraft = config.org.overdraft ? Json(config.org.overdraft->value()) : Json("unlimited");
    hanging(made, snapshot_.root());
    for (const auto& alias : config.aliases) {
      push(made.aliases, api::AliasDocument{alias.name, shown(alias, config.org.slug).targets});
    }
    for (const auto& credential : config.credentials) {
      api::CredentialDocument shown;
      shown.provider = credential.provider;
      if (!credential.label.empty()) shown.label = credential.label;
      if (!credential.active) shown.active = false;
      push(made.credentials, std::move(shown));
    }
    each(snapshot_.root(), [&](const tenant::Node& node) { push(made.workspaces, workspace(node)); });
    return made;
  }

 private:
  template <class Visit>
  void each(const tenant::Node& node, Visit visit) const {
    for (const std::size_t child : node.children) visit(snapshot_.nodes()[child]);
  }

  template <class Document, class Unit>
  static void common(Document& made, const Unit& row) {
    if (row.name != row.slug) made.name = row.name;
    if (!row.description.empty()) made.description = row.description;
  }

  template <class Document>
  void hanging(Document& made, const tenant::Node& node) const {
    for (const std::size_t row : node.policies)
      push(made.policies, document_of(snapshot_.config().policies[row]));
    for (const std::size_t row : node.budgets) push(made.budgets, document_of(snapshot_.config().budgets[row]));
  }

  template <class Document, class Unit>
  Document unit(const Unit& row, const tenant::Node& node) const {
    Document made;
    made.slug = row.slug;
    common(made, row);
    if constexpr (requires { made.active; }) {
      if (!row.active) made.active = false;
    } else {
      if (!row.active) made.status = "DISABLED";
    }
    hanging(made, node);
    return made;
  }

  [[nodiscard]] api::WorkspaceDocument workspace(const tenant::Node& node) const {
    auto made = unit<api::WorkspaceDocument>(snapshot_.workspace(node), node);
    each(node, [&](const tenant::Node& below) { push(made.groups, group(below)); });
    return made;
  }
  [[nodiscard]] api::GroupDocument group(const tenant::Node& node) const {
    auto made = unit<api::GroupDocument>(snapshot_.group(node), node);
    each(node, [&](const tenant::Node& below) { push(made.agents, agent(below)); });
    return made;
  }
  [[nodiscard]] api::AgentDocument agent(const tenant::Node& node) const {
    auto made = unit<api::AgentDocument>(snapshot_.agent(node), node);
    each(node, [&](const tenant::Node& below) {
      const domain::ApiKey& row = snapshot_.key(below);
      if (row.revoked_at || row.rotated_to) return;
      api::KeyDocument key;
      key.name = row.name;
      if (row.limit) key.limit = row.limit->value();
      if (row.expires_at) key.expires_at = rfc3339(*row.expires_at);
      hanging(key, below);
      push(made.keys, std::move(key));
    });
    return made;
  }

  const tenant::Snapshot& snapshot_;
};

}  // namespace

api::OrgDocument document_of(const tenant::Snapshot& snapshot) { return Writer(snapshot).org(); }

api::PlatformDocument document_of(const domain::PlatformConfig& platform) {
  api::PlatformDocument made;
  for (const auto& row : platform.providers) {
    domain::Provider plain;
    plain.needs_credential = row.kind != "mock";
    api::ProviderDocument provider;
    provider.name = row.name;
    provider.kind = row.kind;
    provider.base_url = row.base_url;
    const auto differs = [](auto& into, const auto& value, const auto& usual) {
      if (value != usual) into = value;
    };
    differs(provider.allow_private, row.allow_private, plain.allow_private);
    differs(provider.usage_in_stream, row.usage_in_stream, plain.usage_in_stream);
    differs(provider.needs_credential, row.needs_credential, plain.needs_credential);
    differs(provider.responses, row.responses, plain.responses);
    differs(provider.ca_file, row.ca_file, plain.ca_file);
    differs(provider.proxy, row.proxy, plain.proxy);
    differs(provider.no_proxy, row.no_proxy, plain.no_proxy);
    differs(provider.max_tokens_field, row.max_tokens_field, plain.max_tokens_field);
    differs(provider.api_version, row.api_version, plain.api_version);
    differs(provider.connect_timeout_ms, row.connect_timeout_ms, plain.connect_timeout_ms);
    differs(provider.first_byte_timeout_ms, row.first_byte_timeout_ms, plain.first_byte_timeout_ms);
    differs(provider.idle_timeout_ms, row.idle_timeout_ms, plain.idle_timeout_ms);
    differs(provider.max_parallel, row.max_parallel, plain.max_parallel);
    push(made.providers, std::move(provider));
  }
  for (const auto& row : platform.models) {
    api::ModelDocument model;
    model.provider = row.provider;
    model.model = row.model;
    model.context_window = row.context_window;
    model.max_output_tokens = row.max_output_tokens;
    for (const auto& price : row.prices) {
      api::PriceDocument shown;
      shown.kind = domain::price_kind_word(price.kind);
      shown.price = price.price.text();
      shown.unit = price.unit;
      if (price.from_tokens != 0) shown.from_tokens = price.from_tokens;
      model.prices.push_back(std::move(shown));
    }
    push(made.models, std::move(model));
  }
  return made;
}

}  // namespace govctl::control
