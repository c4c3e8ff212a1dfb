#pragma once
// API keys of agents, and providers' credentials.

#include "common/api/fields.h"

namespace govctl::api {

struct Key {
  std::string id, agent, name, suffix;
  std::string status;  // ACTIVE, EXPIRED, REVOKED
  std::optional<std::int64_t> limit;
  std::int64_t spent = 0, held = 0;
  std::optional<std::string> expires_at, revoked_at, revoke_reason, rotated_to;
  std::string created_at;
  std::optional<std::string> key;
  static constexpr auto fields() {
    return std::tuple{field("id", &Key::id),
                      field("agent", &Key::agent, "the agent's path"),
                      field("name", &Key::name),
                      field("suffix", &Key::suffix, "the last 8 characters"),
                      field("status", &Key::status, "ACTIVE, EXPIRED or REVOKED"),
                      field("limit", &Key::limit, "credits this key may spend in total, or null"),
                      field("spent", &Key::spent, "credits, in all"),
                      field("held", &Key::held, "credits, for its calls in flight"),
                      field("expires_at", &Key::expires_at),
                      field("revoked_at", &Key::revoked_at),
                      field("revoke_reason", &Key::revoke_reason),
                      field("rotated_to", &Key::rotated_to),
                      field("created_at", &Key::created_at),
                      field("key", &Key::key, "the secret: only in the answer that creates it")};
  }
};
struct KeyCreate {
  std::string name;
  std::optional<std::string> ttl, expires_at;
  std::optional<std::int64_t> limit;
  std::optional<std::string> limit_usd;
  static constexpr auto fields() {
    return std::tuple{field("name", &KeyCreate::name),
                      field("ttl", &KeyCreate::ttl, "a duration such as 90s, 24h, 30d"),
                      field("expires_at", &KeyCreate::expires_at, "RFC 3339; not together with ttl"),
                      field("limit", &KeyCreate::limit, "credits"),
                      field("limit_usd", &KeyCreate::limit_usd, "dollars; not together with limit")};
  }
};
struct KeyPatch {
  std::optional<std::string> name;
  Patch<std::int64_t> limit;
  Patch<std::string> expires_at;
  static constexpr auto fields() {
    return std::tuple{field("name", &KeyPatch::name), field("limit", &KeyPatch::limit),
                      field("expires_at", &KeyPatch::expires_at)};
  }
};
// POST /agents/{id}/keys/{key_id}/rotate. The old key works until the grace is over (default: at once).
struct KeyRotate {
  std::optional<std::string> grace;
  static constexpr auto fields() {
    return std::tuple{field("grace", &KeyRotate::grace, "a duration such as 1h")};
  }
};

struct Credential {
  std::string id, org, provider, label, suffix;
  bool active = true;
  bool managed = false;
  std::int64_t version = 1;
  std::string created_at, updated_at;
  static constexpr auto fields() {
    return std::tuple{field("id", &Credential::id),
                      field("org", &Credential::org, "the org's slug"),
                      field("provider", &Credential::provider),
                      field("label", &Credential::label),
                      field("suffix", &Credential::suffix, "the last 4 characters"),
                      field("active", &Credential::active),
                      field("managed", &Credential::managed),
                      field("version", &Credential::version),
                      field("created_at", &Credential::created_at),
                      field("updated_at", &Credential::updated_at)};
  }
};
struct CredentialCreate {
  std::string provider, secret;
  std::optional<std::string> label;
  static constexpr auto fields() {
    return std::tuple{
        field("provider", &CredentialCreate::provider),
        field("secret", &CredentialCreate::secret, "the provider's API key; never readable again"),
        field("label", &CredentialCreate::label)};
  }
};
struct CredentialPatch {
  std::optional<std::string> label, secret;
  std::optional<bool> active;
  static constexpr auto fields() {
    return std::tuple{field("label", &CredentialPatch::label), field("secret", &CredentialPatch::secret),
                      field("active", &CredentialPatch::active)};
  }
};

}  // namespace govctl::api
