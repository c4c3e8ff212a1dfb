#include "daemon/control/present.h"

#include <algorithm>

#include "daemon/control/resolve.h"

namespace govctl::control {
namespace {

std::optional<std::string> time_or_null(const std::optional<Timestamp>& at) {
  if (!at) return std::nullopt;
  return rfc3339(*at);
}

std::optional<std::string> text_or_null(const std::string& text) {
  if (text.empty()) return std::nullopt;
  return text;
}

// A column that holds a JSON object as text.
Json object_of(const std::string& text) {
  if (text.empty()) return {};
  Json json = Json::parse(text, nullptr, false);
  return json.is_discarded() ? Json() : json;
}

std::vector<std::string> words_of(const std::string& comma_separated) {
  std::vector<std::string> words;
  std::size_t at = 0;
  while (at < comma_separated.size()) {
    const std::size_t comma = std::min(comma_separated.find(',', at), comma_separated.size());
    words.push_back(comma_separated.substr(at, comma - at));
    at = comma + 1;
  }
  return words;
}

template <class Row, class Shown>
void common(const Row& row, Shown& shown) {
  shown.id = row.id.text();
  shown.slug = row.slug;
  shown.name = row.name;
  shown.description = row.description;
  if (row.frozen) {
    shown.frozen_at = rfc3339(row.frozen->at);
    shown.frozen_reason = row.frozen->reason;
  }
  shown.version = row.version;
  shown.created_at = rfc3339(row.created_at);
  shown.updated_at = rfc3339(row.updated_at);
}

template <class Row>
api::Unit unit_of(const Row& row, const std::string& path) {
  api::Unit unit;
  common(row, unit);
  unit.path = path;
  unit.active = row.active;
  return unit;
}

}  // namespace

std::string hash_text(const domain::Hash& hash) { return fmt::format("{:02x}", fmt::join(hash, "")); }

api::Org shown(const domain::Org& org) {
  api::Org made;
  common(org, made);
  made.path = org.slug;
  made.active = org.active;
  made.credits_per_usd = org.credits_per_usd;
  made.overdraft = org.overdraft ? Json(org.overdraft->value()) : Json("unlimited");
  made.owner = org.owner;
  made.billing_group_id = org.billing_group.text();
  return made;
}

api::BillingGroup shown_group(const domain::Org& org, Credits balance) {
  api::BillingGroup group;
  group.id = org.billing_group.text();
  group.name = org.name;
  group.org = org.slug;
  group.balance = balance.value();
  group.created_at = rfc3339(org.created_at);
  return group;
}

api::Unit shown(const domain::Workspace& workspace, const std::string& path) {
  return unit_of(workspace, path);
}
api::Unit shown(const domain::AgentGroup& group, const std::string& path) { return unit_of(group, path); }

api::Agent shown(const domain::Agent& agent, const std::string& path, bool exhausted) {
  api::Agent made;
  common(agent, made);
  made.path = path;
  made.status = !agent.active ? "DISABLED" : exhausted ? "BUDGET_EXHAUSTED" : "ACTIVE";
  return made;
}

api::Key shown(const domain::ApiKey& key, const std::string& agent_path, Timestamp now) {
  api::Key made;
  made.id = key.id.text();
  made.agent = agent_path;
  made.name = key.name;
  made.suffix = key.suffix;
  const bool expired = key.expires_at && *key.expires_at <= now;
  made.status = key.revoked_at ? "REVOKED" : expired ? "EXPIRED" : "ACTIVE";
  if (key.limit) made.limit = key.limit->value();
  made.expires_at = time_or_null(key.expires_at);
  made.revoked_at = time_or_null(key.revoked_at);
  made.revoke_reason = text_or_null(key.revoke_reason);
  if (key.rotated_to) made.rotated_to = key.rotated_to->text();
  made.created_at = rfc3339(key.created_at);
  return made;
}

api::Credential shown(const domain::Credential& credential, const std::string& org_slug) {
  api::Credential made;
  made.id = credential.id.text();
  made.org = org_slug;
  made.provider = credential.provider;
  made.label = credential.label;
  made.suffix = credential.suffix;
  made.active = credential.active;
  made.version = credential.version;
  made.created_at = rfc3339(credential.created_at);
  made.updated_at = rfc3339(credential.updated_at);
  return made;
}

api::Policy shown(const domain::Policy& policy, const std::string& path) {
  api::Policy made;
  made.id = policy.id.text();
  made.path = path;
  if (policy.level == Level::key) made.key_id = uuid_text(policy.target);
  made.name = policy.name;
  made.allow_models = policy.allow_models;
  made.deny_models = policy.deny_models;
  made.providers = policy.providers;
  made.costly = policy.costly;
  made.max_input_tokens = policy.max_input_tokens;
  made.max_output_tokens = policy.max_output_tokens;
  made.rpm = policy.rpm;
  made.tpm = policy.tpm;
  made.parallel = policy.parallel;
  made.clamp = policy.clamp;
  if (policy.estimate) made.reserve = *policy.estimate ? "estimate" : "worst-case";
  made.version = policy.version;
  made.created_at = rfc3339(policy.created_at);
  made.updated_at = rfc3339(policy.updated_at);
  return made;
}

api::Budget shown(const domain::Budget& budget, const std::string& path, const tenant::Spend& spend,
                  Timestamp now) {
  api::Budget made;
  made.id = budget.id.text();
  made.path = path;
  if (budget.level == Level::key) made.key_id = uuid_text(budget.target);
  made.period = std::string(domain::period_word(budget.period));
  made.limit = budget.limit.value();
  made.limit_usd = text_or_null(budget.limit_usd);
  made.auto_disable = budget.auto_disable;
  made.spent = spend.of(budget.period).value();
  made.held = spend.held.value();
  made.left = std::max<std::int64_t>(0, made.limit - made.spent - made.held);
  made.resets_at = time_or_null(domain::period_end(budget.period, now));
  made.version = budget.version;
  made.created_at = rfc3339(budget.created_at);
  made.updated_at = rfc3339(budget.updated_at);
  return made;
}

api::Alias shown(const domain::ModelAlias& alias, const std::string& org_slug) {
  api::Alias made;
  made.org = org_slug;
  made.name = alias.name;
  for (const auto& target : alias.targets) made.targets.push_back(target.provider + "/" + target.model);
  made.version = alias.version;
  made.created_at = rfc3339(alias.created_at);
  made.updated_at = rfc3339(alias.updated_at);
  return made;
}

api::Provider shown(const domain::Provider& provider) {
  api::Provider made;
  made.name = provider.name;
  made.kind = provider.kind;
  made.base_url = provider.base_url;
  made.allow_private = provider.allow_private;
  made.ca_file = text_or_null(provider.ca_file);
  made.proxy = text_or_null(provider.proxy);
  made.no_proxy = text_or_null(provider.no_proxy);
  made.max_tokens_field = provider.max_tokens_field;
  made.usage_in_stream = provider.usage_in_stream;
  made.responses = provider.responses;
  made.api_version = text_or_null(provider.api_version);
  made.connect_timeout_ms = provider.connect_timeout_ms;
  made.first_byte_timeout_ms = provider.first_byte_timeout_ms;
  made.idle_timeout_ms = provider.idle_timeout_ms;
  made.max_parallel = provider.max_parallel;
  made.needs_credential = provider.needs_credential;
  made.shipped = provider.shipped;
  made.version = provider.version;
  return made;
}

api::ModelPricing shown(const domain::ModelPrice& model) {
  api::ModelPricing made;
  made.provider = model.provider;
  made.model = model.model;
  made.context_window = model.context_window;
  made.max_output_tokens = model.max_output_tokens;
  for (const auto& price : model.prices) {
    made.prices.push_back(
        {std::string(domain::price_kind_word(price.kind)), price.price.text(), price.unit, price.from_tokens});
  }
  made.version = model.version;
  made.origin = std::string(domain::price_origin_word(model.origin));
  made.source = model.source;
  made.as_of = rfc3339(model.as_of);
  made.updated_at = rfc3339(model.updated_at);
  return made;
}

api::Entry shown(const store::StoredEntry& stored) {
  const auto& entry = stored.entry;
  api::Entry made;
  made.seq = stored.seq;
  made.id = entry.id.text();
  made.type = std::string(domain::entry_type_word(entry.type));
  made.amount = entry.amount.value();
  made.balance_after = stored.balance_after.value();
  made.idempotency_key = entry.idempotency_key;
  if (entry.request_id) made.request_id = entry.request_id->text();
  made.metadata = object_of(entry.metadata);
  made.actor = entry.actor;
  made.created_at = rfc3339(entry.created_at);
  made.hash = hash_text(stored.hash);
  return made;
}

api::UsageEvent shown(const store::StoredEvent& stored, const tenant::Snapshot& snapshot) {
  using domain::PriceKind;
  const auto& event = stored.event;
  api::UsageEvent made;
  made.request_id = event.request_id.text();
  made.client_request_id = text_or_null(event.client_request_id);
  made.agent = path_or_id(snapshot, event.scope.agent.bytes);
  made.key_id = event.scope.key.text();
  made.dialect = event.dialect;
  made.provider = event.provider;
  made.model = event.model;
  made.status = std::string(domain::call_status_word(event.status));
  made.cause = text_or_null(event.cause);
  made.completion = text_or_null(event.completion);
  made.input_tokens = event.usage.input_tokens();
  made.output_tokens = event.usage.output_tokens();
  made.cached_tokens = event.usage[PriceKind::cache_read];
  made.cache_write_tokens = event.usage[PriceKind::cache_write_5m] + event.usage[PriceKind::cache_write_1h];
  made.reasoning_tokens = event.usage[PriceKind::reasoning];
  made.cost_usd = event.cost_usd;
  made.reserved = event.reserved.value();
  made.credits_charged = event.credits_charged.value();
  made.latency_ms = event.latency_ms;
  made.first_byte_ms = event.first_byte_ms;
  made.attempts = event.attempts;
  made.count = event.count;
  made.price_version = event.price_version;
  made.flags = words_of(event.flags.text());
  made.error_message = text_or_null(event.error_message);
  made.session = text_or_null(event.session);
  made.user = text_or_null(event.user);
  made.tags = object_of(event.tags);
  made.decision = object_of(event.decision);
  made.created_at = rfc3339(event.created_at);
  return made;
}

api::AuditRow shown(const store::StoredAudit& stored) {
  const auto& record = stored.record;
  api::AuditRow made;
  made.seq = stored.seq;
  made.id = record.id.text();
  made.event_type = record.event_type;
  made.resource_type = record.resource_type;
  made.resource_id = text_or_null(record.resource_id);
  made.resource_name = text_or_null(record.resource_name);
  made.actor_kind = record.actor_kind;
  made.actor = record.actor;
  made.description = record.description;
  made.metadata = object_of(record.metadata);
  if (record.request_id) made.request_id = record.request_id->text();
  made.correlation_id = text_or_null(record.correlation_id);
  made.ip = text_or_null(record.ip);
  made.created_at = rfc3339(record.created_at);
  made.hash = hash_text(stored.hash);
  return made;
}

}  // namespace govctl::control
