#pragma once
// What administrators declare: the rows of an org's hierarchy and rules, and the platform's providers and
// prices.

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/clock.h"
#include "common/id.h"
#include "common/money.h"
#include "common/resource_path.h"
#include "daemon/domain/chain.h"
#include "daemon/domain/usage.h"

namespace govctl::domain {

struct Freeze {
  Timestamp at;
  std::string reason;
};

struct Org {
  OrgId id;
  BillingGroupId billing_group;
  std::string slug, name, description, owner;
  bool active = true;
  std::int64_t credits_per_usd = 100;
  std::optional<Credits> overdraft = Credits::of(0);  // empty: unlimited
  std::optional<Freeze> frozen;
  std::int64_t version = 1;
  Timestamp created_at, updated_at;
  std::optional<Timestamp> deleted_at;
};

struct Workspace {
  WorkspaceId id;
  std::string slug, name, description;
  bool active = true;
  std::optional<Freeze> frozen;
  std::int64_t version = 1;
  Timestamp created_at, updated_at;
};

struct AgentGroup {
  AgentGroupId id;
  WorkspaceId workspace;
  std::string slug, name, description;
  bool active = true;
  std::optional<Freeze> frozen;
  std::int64_t version = 1;
  Timestamp created_at, updated_at;
};

struct Agent {
  AgentId id;
  AgentGroupId group;
  std::string slug, name, description;
  bool active = true;  // ACTIVE or DISABLED; BUDGET_EXHAUSTED is derived
  std::optional<Freeze> frozen;
  std::int64_t version = 1;
  Timestamp created_at, updated_at;
};

struct ApiKey {
  KeyId id;
  AgentId agent;
  std::string name, suffix;
  Hash hash{};
  std::optional<Credits> limit;
  std::optional<Timestamp> expires_at, revoked_at;
  std::string revoke_reason;
  std::optional<KeyId> rotated_to;
  Timestamp created_at;
};

// A provider's API key as it is stored: sealed.
struct Credential {
  CredentialId id;
  std::string provider, label, suffix;
  std::int64_t data_key_id = 0;
  std::vector<std::uint8_t> sealed;
  bool active = true;
  std::int64_t version = 1;
  Timestamp created_at, updated_at;
};

// The org's data key, wrapped.
struct DataKey {
  std::int64_t id = 0;
  std::vector<std::uint8_t> wrapped;
  std::optional<Timestamp> retired_at;
};

using Globs = std::vector<std::string>;

// A rule set that hangs on one thing. What is empty says nothing.
struct Policy {
  PolicyId id;
  Level level = Level::org;
  Uuid target{};
  std::string name;
  std::optional<Globs> allow_models, deny_models, providers, costly;
  std::optional<std::int64_t> max_input_tokens, max_output_tokens, rpm, tpm, parallel;
  std::optional<bool> clamp;
  std::optional<bool> estimate;  // reserve: estimate
  std::int64_t version = 1;
  Timestamp created_at, updated_at;
};

enum class Period : std::uint8_t { daily, monthly, total };
std::string_view period_word(Period period);  // "DAILY", "MONTHLY", "TOTAL"
std::optional<Period> parse_period(std::string_view word);
// 00:00 UTC of the day, the first of the month, or the beginning of time.
Timestamp period_start(Period period, Timestamp at);
// When the next one starts; none for TOTAL.
std::optional<Timestamp> period_end(Period period, Timestamp at);

struct Budget {
  BudgetId id;
  Level level = Level::org;
  Uuid target{};
  Period period = Period::total;
  Credits limit;
  std::string limit_usd;  // as set, or empty
  bool auto_disable = false;
  std::int64_t version = 1;
  Timestamp created_at, updated_at;
};

// Where a model's name of an org's own leads: models at providers, the one to try first first.
struct ModelTarget {
  std::string provider, model;
  bool operator==(const ModelTarget&) const = default;
};
constexpr std::size_t max_alias_targets = 8;
struct ModelAlias {
  std::string name;
  std::vector<ModelTarget> targets;
  std::int64_t version = 1;
  Timestamp created_at, updated_at;
};

// An org at rest: what its snapshot of rules is built from. Deleted rows are not here; revoked keys are.
struct OrgConfig {
  Org org;
  std::vector<Workspace> workspaces;
  std::vector<AgentGroup> groups;
  std::vector<Agent> agents;
  std::vector<ApiKey> keys;
  std::vector<Credential> credentials;
  std::vector<DataKey> data_keys;
  std::vector<Policy> policies;
  std::vector<Budget> budgets;
  std::vector<ModelAlias> aliases;
};

struct Provider {
  std::string name, kind, base_url;
  bool allow_private = false;
  std::string ca_file, proxy, no_proxy;
  std::string max_tokens_field = "max_tokens";
  bool usage_in_stream = true;
  bool responses = false;   // has POST /v1/responses
  std::string api_version;  // azure_openai; empty: the kind's own choice
  std::int64_t connect_timeout_ms = 5'000, first_byte_timeout_ms = 600'000, idle_timeout_ms = 300'000;
  std::int64_t max_parallel = 0;  // calls at once, of all orgs; 0: no limit
  bool needs_credential = true;
  bool shipped = false;
  std::int64_t version = 1;
};

struct KindPrice {
  PriceKind kind = PriceKind::input;
  Price price;
  std::int64_t unit = 1000;
  std::int64_t from_tokens = 0;  // holds for calls whose input, all of it, is so many tokens or more
  bool operator==(const KindPrice&) const = default;
};

// Who a price is from. What was set by hand is replaced by hand, or where an import is told to; what ships is
// replaced by a later version of this program.
enum class PriceOrigin : std::uint8_t { set, imported, shipped };
std::string_view price_origin_word(PriceOrigin origin);  // "set", "imported", "shipped"
std::optional<PriceOrigin> parse_price_origin(std::string_view word);

struct ModelPrice {
  std::string provider, model;
  std::optional<std::int64_t> context_window, max_output_tokens;
  std::vector<KindPrice> prices;  // by kind, then from_tokens
  std::int64_t version = 1;
  PriceOrigin origin = PriceOrigin::set;
  std::string source;
  Timestamp as_of, updated_at;
};

struct PlatformConfig {
  std::vector<Provider> providers;
  std::vector<ModelPrice> models;
};

}  // namespace govctl::domain
