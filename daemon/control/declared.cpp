#include "daemon/control/declared.h"

#include <algorithm>

#include "daemon/control/present.h"

namespace govctl::control {
namespace {

constexpr std::array<std::string_view, 11> words{"org",        "workspace", "group",  "agent",
                                                 "key",        "policy",    "budget", "alias",
                                                 "credential", "provider",  "model"};
// As the audit log calls them.
constexpr std::array<std::string_view, 11> audit_types{"org",        "workspace", "agent-group", "agent",
                                                       "key",        "policy",    "budget",      "alias",
                                                       "credential", "provider",  "pricing"};

// '/' comes before whatever a slug may hold, so that what is below a path stands right behind it.
bool path_before(std::string_view a, std::string_view b) {
  return std::ranges::lexicographical_compare(
      a, b, [](char x, char y) { return (x == '/' ? '\0' : x) < (y == '/' ? '\0' : y); });
}

Json sorted(const std::optional<domain::Globs>& list) {
  if (!list) return {};
  domain::Globs names = *list;
  std::ranges::sort(names);
  const auto twice = std::ranges::unique(names);
  names.erase(twice.begin(), twice.end());
  return Json(names);
}

template <class T>
Json or_null(const std::optional<T>& value) {
  return value ? Json(*value) : Json();
}

template <class Unit>
Json unit_fields(const Unit& row) {
  return Json{{"name", row.name}, {"description", row.description}, {"active", row.active}};
}

// USD per million with all decimals, so that 0.0025 per 1,000 and 2.5 per 1,000,000 are the same.
Json price_fields(const domain::ModelPrice& row) {
  Json prices = Json::object();
  for (const auto& price : row.prices) {
    std::string name = fmt::format("{} per 1000000", domain::price_kind_word(price.kind));
    if (price.from_tokens != 0) name += fmt::format(" from {}", price.from_tokens);
    Cost per_million;
    static_cast<void>(per_million.add(1'000'000, price.price, price.unit));
    prices[name] = per_million.usd();
  }
  return prices;
}

struct Fields {
  Json operator()(const domain::Org& row) const {
    return Json{{"name", row.name},
                {"description", row.description},
                {"active", row.active},
                {"credits_per_usd", row.credits_per_usd},
                {"overdraft", row.overdraft ? Json(row.overdraft->value()) : Json("unlimited")}};
  }
  Json operator()(const domain::Workspace& row) const { return unit_fields(row); }
  Json operator()(const domain::AgentGroup& row) const { return unit_fields(row); }
  Json operator()(const domain::Agent& row) const {
    return Json{
        {"name", row.name}, {"description", row.description}, {"status", row.active ? "ACTIVE" : "DISABLED"}};
  }
  Json operator()(const domain::ApiKey& row) const {
    return Json{{"limit", row.limit ? Json(row.limit->value()) : Json()},
                {"expires_at", row.expires_at ? Json(rfc3339(*row.expires_at)) : Json()}};
  }
  Json operator()(const domain::Policy& row) const {
    return Json{{"allow_models", sorted(row.allow_models)},
                {"deny_models", sorted(row.deny_models)},
                {"providers", sorted(row.providers)},
                {"costly", sorted(row.costly)},
                {"max_input_tokens", or_null(row.max_input_tokens)},
                {"max_output_tokens", or_null(row.max_output_tokens)},
                {"rpm", or_null(row.rpm)},
                {"tpm", or_null(row.tpm)},
                {"parallel", or_null(row.parallel)},
                {"clamp", or_null(row.clamp)},
                {"reserve", !row.estimate   ? Json()
                            : *row.estimate ? Json("estimate")
                                            : Json("worst-case")}};
  }
  Json operator()(const domain::Budget& row) const {
    return Json{{"limit", row.limit.value()}, {"auto_disable", row.auto_disable}};
  }
  Json operator()(const domain::ModelAlias& row) const {
    Json targets = Json::array();
    for (const auto& target : row.targets) targets.push_back(target.provider + "/" + target.model);
    return Json{{"targets", std::move(targets)}};
  }
  Json operator()(const domain::Credential& row) const { return Json{{"active", row.active}}; }
  Json operator()(const domain::Provider& row) const {
    Json object = api::encode(shown(row));
    for (const auto* other : {"name", "shipped", "circuit", "version"}) object.erase(other);
    return object;
  }
  Json operator()(const domain::ModelPrice& row) const {
    return Json{{"context_window", or_null(row.context_window)},
                {"max_output_tokens", or_null(row.max_output_tokens)},
                {"prices", price_fields(row)}};
  }
};

struct Identity {
  std::string operator()(const domain::ModelAlias& row) const { return row.name; }
  std::string operator()(const domain::Provider& row) const { return row.name; }
  std::string operator()(const domain::ModelPrice& row) const { return row.provider + "/" + row.model; }
  template <class T>
  std::string operator()(const T& row) const {
    return row.id.text();
  }
};

struct Version {
  std::int64_t operator()(const domain::ApiKey& /*row*/) const { return 0; }
  template <class T>
  std::int64_t operator()(const T& row) const {
    return row.version;
  }
};

}  // namespace

std::string_view kind_word(Kind kind) { return words[static_cast<std::size_t>(kind)]; }

std::strong_ordering Address::operator<=>(const Address& other) const {
  if (path != other.path) {
    return path_before(path, other.path) ? std::strong_ordering::less : std::strong_ordering::greater;
  }
  return std::tie(kind, key, name) <=> std::tie(other.kind, other.key, other.name);
}

std::string Address::text() const {
  std::string text(kind_word(kind));
  if (!path.empty()) text += " " + path;
  if (!key.empty()) text += " key " + key;
  if (!name.empty()) text += " " + name;
  return text;
}

Json fields_of(const Thing& thing) { return std::visit(Fields{}, thing.row); }

std::pair<std::string, std::string> identity_of(const Thing& thing) {
  return {std::string(audit_types[static_cast<std::size_t>(thing.at.kind)]), std::visit(Identity{}, thing.row)};
}

std::string base_of(const Things& current) {
  std::string all;
  for (const auto& thing : current) {
    all += json_text(Json{thing.at.text(), identity_of(thing).second, std::visit(Version{}, thing.row),
                          fields_of(thing)}) +
           "\n";
  }
  return hash_text(domain::sha256(all));
}

Things things_of(const tenant::Snapshot& snapshot) {
  const auto& config = snapshot.config();
  Things things;
  for (const auto& node : snapshot.nodes()) {
    Address at;
    at.kind = static_cast<Kind>(node.level);
    at.path = node.path;
    Address hung = at;  // what hangs here
    Row row;
    switch (node.level) {
      case Level::org:
        row = config.org;
        break;
      case Level::workspace:
        row = snapshot.workspace(node);
        break;
      case Level::group:
        row = snapshot.group(node);
        break;
      case Level::agent:
        row = snapshot.agent(node);
        break;
      case Level::key: {
        const domain::ApiKey& key = snapshot.key(node);
        if (key.revoked_at || key.rotated_to) continue;
        row = key;
        at.name = hung.key = key.name;
        break;
      }
    }
    things.push_back({at, std::move(row), {}});
    for (const std::size_t index : node.policies) {
      hung.kind = Kind::policy;
      hung.name = config.policies[index].name;
      things.push_back({hung, config.policies[index], {}});
    }
    for (const std::size_t index : node.budgets) {
      hung.kind = Kind::budget;
      hung.name = domain::period_word(config.budgets[index].period);
      things.push_back({hung, config.budgets[index], {}});
    }
  }
  for (const auto& alias : config.aliases) {
    things.push_back({{Kind::alias, config.org.slug, "", alias.name}, alias, {}});
  }
  CredentialNames names;
  for (const auto& credential : config.credentials) {
    things.push_back(
        {{Kind::credential, config.org.slug, "", names.next(credential.provider, credential.label)},
         credential,
         {}});
  }
  std::ranges::sort(things, {}, &Thing::at);
  return things;
}

Things things_of(const domain::PlatformConfig& platform) {
  Things things;
  for (const auto& row : platform.providers) things.push_back({{Kind::provider, "", "", row.name}, row, {}});
  for (const auto& row : platform.models) {
    things.push_back({{Kind::model, "", "", row.provider + "/" + row.model}, row, {}});
  }
  std::ranges::sort(things, {}, &Thing::at);
  return things;
}

}  // namespace govctl::control
