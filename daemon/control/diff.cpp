#include "daemon/control/diff.h"

#include <algorithm>

namespace govctl::control {
namespace {

bool is_unit(const Thing& thing) { return thing.at.kind <= Kind::agent; }

// A thing of this address that nobody has said anything about.
Json defaults_of(const Thing& thing) {
  Thing plain{thing.at, thing.row, {}};
  const auto unit = []<class Unit>(const Unit& row) {
    Unit fresh;
    fresh.slug = fresh.name = row.slug;
    return Row(fresh);
  };
  switch (thing.at.kind) {
    case Kind::org: {
      auto row = std::get<domain::Org>(unit(std::get<domain::Org>(thing.row)));
      row.credits_per_usd = 0;  // always told
      plain.row = row;
      break;
    }
    case Kind::workspace:
      plain.row = unit(std::get<domain::Workspace>(thing.row));
      break;
    case Kind::group:
      plain.row = unit(std::get<domain::AgentGroup>(thing.row));
      break;
    case Kind::agent:
      plain.row = unit(std::get<domain::Agent>(thing.row));
      break;
    case Kind::key:
      plain.row = domain::ApiKey{};
      break;
    case Kind::policy:
      plain.row = domain::Policy{};
      break;
    case Kind::budget:
      plain.row = domain::Budget{};
      break;
    case Kind::alias:
      plain.row = domain::ModelAlias{};
      break;
    case Kind::credential:
      plain.row = domain::Credential{};
      break;
    case Kind::provider:
      plain.row = domain::Provider{};
      break;
    case Kind::model:
      plain.row = domain::ModelPrice{};
      break;
  }
  return fields_of(plain);
}

// A budget's limit as it was written in USD; null where it was not.
Json usd_of(const Thing* thing) {
  const auto* const budget = thing == nullptr ? nullptr : std::get_if<domain::Budget>(&thing->row);
  return budget == nullptr || budget->limit_usd.empty() ? Json() : Json(budget->limit_usd);
}

std::vector<api::FieldChange> differences(const Json& was, const Json& is) {
  std::vector<api::FieldChange> fields;
  for (const auto& [name, value] : is.items()) {
    const Json& before = was.at(name);
    if (before == value) continue;
    if (value.is_object() && before.is_object()) {  // a model's prices, one by one
      for (const auto& [part, price] : value.items()) {
        if (!before.contains(part) || before[part] != price) {
          fields.push_back({part, before.value(part, Json()), price});
        }
      }
      for (const auto& [part, price] : before.items()) {
        if (!value.contains(part)) fields.push_back({part, price, Json()});
      }
      continue;
    }
    fields.push_back({name, before, value});
  }
  return fields;
}

void add_usd(std::vector<api::FieldChange>& fields, const Thing* before, const Thing* after) {
  const auto limit = std::ranges::find(fields, "limit", &api::FieldChange::field);
  const Json was = usd_of(before);
  const Json is = usd_of(after);
  if (limit != fields.end() && was != is) fields.push_back({"limit_usd", was, is});
}

class Differ {
 public:
  Differ(const Things& current, const Things& declared, const Made& made) : current_(current), made_(made) {
    for (const auto& thing : declared) declared_.emplace(thing.at, &thing);
    for (const auto& thing : current) {
      current_by_.emplace(thing.at, &thing);
      // What stays keeps all units above it.
      if (is_unit(thing) && !goes_by_itself(thing)) keep_above(thing.at.path);
    }
  }

  Plan run(const SecretDiffers& secret_differs) {
    Plan plan;
    for (const auto& [at, thing] : declared_) {
      const auto found = current_by_.find(at);
      const Thing* before = found == current_by_.end() ? nullptr : found->second;
      compare(plan, before, *thing, secret_differs);
    }
    for (const auto& thing : current_) {
      if (!declared_.contains(thing.at)) leave_or_remove(plan, thing);
    }
    std::ranges::sort(plan.changes, {}, [](const Change& change) { return change.thing().at; });
    return plan;
  }

 private:
  static void compare(Plan& plan, const Thing* before, const Thing& after,
                      const SecretDiffers& secret_differs) {
    Change change;
    change.action = before == nullptr ? Action::add : Action::change;
    change.before = before;
    change.after = &after;
    change.fields = differences(before == nullptr ? defaults_of(after) : fields_of(*before), fields_of(after));
    if (after.at.kind == Kind::budget) add_usd(change.fields, before, &after);
    if (after.at.kind == Kind::credential && secret_differs(before, after)) {
      change.secret = true;
      if (before != nullptr) change.fields.push_back({"secret", Json(), "replaced"});
    }
    if (before == nullptr || !change.fields.empty()) plan.changes.push_back(std::move(change));
  }

  [[nodiscard]] bool goes_by_itself(const Thing& thing) const {
    return !declared_.contains(thing.at) && made_.contains(identity_of(thing));
  }

  void keep_above(std::string_view path) {
    for (std::size_t end = path.size(); end != std::string_view::npos; end = path.rfind('/', end - 1)) {
      kept_units_.emplace(path.substr(0, end));
    }
  }

  // The workspace, group or agent at `path`, or one above it, is removed.
  [[nodiscard]] bool unit_goes(const std::string& path) const {
    return !path.empty() && !kept_units_.contains(path);
  }

  void leave_or_remove(Plan& plan, const Thing& thing) const {
    const bool unit = is_unit(thing);
    const std::size_t slash = thing.at.path.rfind('/');
    const std::string above = slash == std::string::npos ? std::string() : thing.at.path.substr(0, slash);
    const bool with_owner = unit_goes(unit ? above : thing.at.path) || key_goes(thing.at);
    const bool goes = with_owner || (unit ? unit_goes(thing.at.path) : goes_by_itself(thing));
    if (!goes) {
      plan.rest.push_back(&thing);
      return;
    }
    Change change;
    change.action = Action::remove;
    change.before = &thing;
    change.along = with_owner;
    plan.changes.push_back(std::move(change));
  }

  // What hangs on a key goes when that is revoked.
  [[nodiscard]] bool key_goes(const Address& at) const {
    if (at.key.empty()) return false;
    const auto key = current_by_.find(Address{Kind::key, at.path, "", at.key});
    return key != current_by_.end() && goes_by_itself(*key->second);
  }

  const Things& current_;
  const Made& made_;
  std::map<Address, const Thing*> declared_, current_by_;
  std::set<std::string, std::less<>> kept_units_;
};

}  // namespace

std::int64_t Plan::count(Action action) const { return std::ranges::count(changes, action, &Change::action); }

Plan diff(const Things& current, const Things& declared, const Made& made,
          const SecretDiffers& secret_differs) {
  return Differ(current, declared, made).run(secret_differs);
}

}  // namespace govctl::control
