#pragma once
// Organizations, workspaces, agent groups, agents: 40-control-api.md "Routes".

#include "common/api/fields.h"

namespace govctl::api {

struct Org {
  std::string id, path, slug, name, description;
  bool active = true;
  std::int64_t credits_per_usd = 100;
  Json overdraft;  // a number of credits, or "unlimited"
  std::string owner;
  std::string billing_group_id;
  std::optional<std::string> frozen_at, frozen_reason;
  std::int64_t version = 1;
  std::string created_at, updated_at;
  static constexpr auto fields() {
    return std::tuple{
        field("id", &Org::id),
        field("path", &Org::path),
        field("slug", &Org::slug),
        field("name", &Org::name),
        field("description", &Org::description),
        field("active", &Org::active),
        field("credits_per_usd", &Org::credits_per_usd, "fixed once the ledger has an entry"),
        field("overdraft", &Org::overdraft, "credits below zero that calls may use, or \"unlimited\""),
        field("owner", &Org::owner),
        field("billing_group_id", &Org::billing_group_id),
        field("frozen_at", &Org::frozen_at),
        field("frozen_reason", &Org::frozen_reason),
        field("version", &Org::version),
        field("created_at", &Org::created_at),
        field("updated_at", &Org::updated_at)};
  }
};

struct OrgCreate {
  std::string name;
  std::optional<std::string> slug, description;
  std::optional<std::int64_t> credits_per_usd;
  std::optional<Json> overdraft;
  static constexpr auto fields() {
    return std::tuple{
        field("name", &OrgCreate::name), field("slug", &OrgCreate::slug, "default: made from the name"),
        field("description", &OrgCreate::description),
        field("credits_per_usd", &OrgCreate::credits_per_usd, "1 to 1,000,000,000; default 100"),
        field("overdraft", &OrgCreate::overdraft, "a number of credits or \"unlimited\"; default 0")};
  }
};

struct OrgPatch {
  std::optional<std::string> name, description;
  std::optional<bool> active;
  std::optional<std::int64_t> credits_per_usd;
  std::optional<Json> overdraft;
  static constexpr auto fields() {
    return std::tuple{field("name", &OrgPatch::name), field("description", &OrgPatch::description),
                      field("active", &OrgPatch::active), field("credits_per_usd", &OrgPatch::credits_per_usd),
                      field("overdraft", &OrgPatch::overdraft)};
  }
};

// GET /groups/{id}, POST /groups: a billing group, the ledger account of an org.
struct BillingGroup {
  std::string id, name, org;
  std::int64_t balance = 0;
  std::string created_at;
  static constexpr auto fields() {
    return std::tuple{field("id", &BillingGroup::id), field("name", &BillingGroup::name),
                      field("org", &BillingGroup::org), field("balance", &BillingGroup::balance),
                      field("created_at", &BillingGroup::created_at)};
  }
};
struct BillingGroupCreate {
  std::string name;
  std::optional<std::string> org;
  static constexpr auto fields() {
    return std::tuple{field("name", &BillingGroupCreate::name),
                      field("org", &BillingGroupCreate::org, "absent: an org is made around it")};
  }
};

// Workspaces and agent groups have the same shape.
struct Unit {
  std::string id, path, slug, name, description;
  bool active = true;
  std::optional<std::string> frozen_at, frozen_reason;
  std::int64_t version = 1;
  std::string created_at, updated_at;
  static constexpr auto fields() {
    return std::tuple{field("id", &Unit::id),
                      field("path", &Unit::path),
                      field("slug", &Unit::slug),
                      field("name", &Unit::name),
                      field("description", &Unit::description),
                      field("active", &Unit::active),
                      field("frozen_at", &Unit::frozen_at),
                      field("frozen_reason", &Unit::frozen_reason),
                      field("version", &Unit::version),
                      field("created_at", &Unit::created_at),
                      field("updated_at", &Unit::updated_at)};
  }
};
// Also creates agents.
struct UnitCreate {
  std::string name;
  std::optional<std::string> slug, description;
  static constexpr auto fields() {
    return std::tuple{field("name", &UnitCreate::name),
                      field("slug", &UnitCreate::slug, "default: made from the name"),
                      field("description", &UnitCreate::description)};
  }
};
struct UnitPatch {
  std::optional<std::string> name, description;
  std::optional<bool> active;
  static constexpr auto fields() {
    return std::tuple{field("name", &UnitPatch::name), field("description", &UnitPatch::description),
                      field("active", &UnitPatch::active)};
  }
};

struct Agent {
  std::string id, path, slug, name, description;
  std::string status;  // ACTIVE, DISABLED, BUDGET_EXHAUSTED (derived)
  std::optional<std::string> frozen_at, frozen_reason;
  std::int64_t version = 1;
  std::string created_at, updated_at;
  static constexpr auto fields() {
    return std::tuple{field("id", &Agent::id),
                      field("path", &Agent::path),
                      field("slug", &Agent::slug),
                      field("name", &Agent::name),
                      field("description", &Agent::description),
                      field("status", &Agent::status, "ACTIVE, DISABLED or BUDGET_EXHAUSTED"),
                      field("frozen_at", &Agent::frozen_at),
                      field("frozen_reason", &Agent::frozen_reason),
                      field("version", &Agent::version),
                      field("created_at", &Agent::created_at),
                      field("updated_at", &Agent::updated_at)};
  }
};
struct AgentPatch {
  std::optional<std::string> name, description, status;
  static constexpr auto fields() {
    return std::tuple{field("name", &AgentPatch::name), field("description", &AgentPatch::description),
                      field("status", &AgentPatch::status, "ACTIVE or DISABLED")};
  }
};

// POST /freeze and /unfreeze.
struct Freeze {
  std::string path;
  std::optional<std::string> reason;
  static constexpr auto fields() {
    return std::tuple{field("path", &Freeze::path, "or an id: an org, workspace, agent group or agent"),
                      field("reason", &Freeze::reason, "said to whoever is refused")};
  }
};
// Their answer: how it stands now.
struct Frozen {
  std::string level, path;
  std::optional<std::string> frozen_at, frozen_reason;
  std::int64_t version = 1;
  static constexpr auto fields() {
    return std::tuple{field("level", &Frozen::level), field("path", &Frozen::path),
                      field("frozen_at", &Frozen::frozen_at, "null: it is not frozen"),
                      field("frozen_reason", &Frozen::frozen_reason), field("version", &Frozen::version)};
  }
};

// POST /orgs/{org}/purge
struct OrgPurged {
  std::string id, slug;
  static constexpr auto fields() {
    return std::tuple{field("id", &OrgPurged::id), field("slug", &OrgPurged::slug)};
  }
};

}  // namespace govctl::api
