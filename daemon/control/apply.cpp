#include "daemon/control/apply.h"

#include "daemon/control/checks.h"

namespace govctl::control {
namespace {

using enum identity::Permission;

// What a change of each kind needs, as its own route does.
struct KindPermission {
  Permission write, remove;
};
constexpr std::array<KindPermission, 11> permissions{
    KindPermission{orgs_write, orgs_delete},
    KindPermission{agents_write, agents_delete},
    KindPermission{agents_write, agents_delete},
    KindPermission{agents_write, agents_delete},
    KindPermission{keys_write, keys_write},
    KindPermission{policies_write, policies_write},
    KindPermission{budgets_write, budgets_write},
    KindPermission{settings_write, settings_write},
    KindPermission{credentials_write, credentials_write},
    KindPermission{providers_write, providers_delete},
    KindPermission{pricing_write, pricing_write},
};

Result<void> check_permitted(const Principal& principal, const Plan& plan) {
  for (const auto& change : plan.changes) {
    const auto& needed = permissions[static_cast<std::size_t>(change.thing().at.kind)];
    const Permission permission = change.action == Action::remove ? needed.remove : needed.write;
    if (principal.permissions.has(permission)) continue;
    const std::string_view word = identity::word_of(permission);
    return fail(Code::forbidden, fmt::format("{} needs the permission {}", change.thing().at.text(), word), "",
                json_text(Json{{"permission", word}}));
  }
  return {};
}

std::string_view action_word(Action action) {
  switch (action) {
    case Action::add:
      return "add";
    case Action::change:
      return "change";
    case Action::remove:
      break;
  }
  return "delete";
}

std::optional<std::string> text_or_null(const std::string& text) {
  return text.empty() ? std::nullopt : std::optional(text);
}

api::Change told(const Thing& thing, std::string_view action) {
  api::Change change;
  change.action = action;
  change.kind = kind_word(thing.at.kind);
  change.path = thing.at.path;
  change.key = text_or_null(thing.at.key);
  change.name = text_or_null(thing.at.name);
  return change;
}

}  // namespace

Result<ApplyOptions> options_of(const std::optional<std::string>& base, const std::optional<std::string>& set,
                                const std::optional<bool>& prune) {
  ApplyOptions options{base, set.value_or(""), prune.value_or(false)};
  if (set) {
    if (auto ok = check_name("set", *set); !ok) return std::unexpected(ok.error());
  }
  if (options.prune && !set) {
    return fail(Code::invalid, "'prune' needs 'set': only what an apply of that set made is deleted");
  }
  return options;
}

Result<std::shared_ptr<const Comparison>> compare(Things current, Things declared, const ApplyOptions& options,
                                                  const Made& made, const SecretDiffers& secret_differs,
                                                  const Principal& principal, std::string_view what) {
  auto comparison = std::make_shared<Comparison>();
  comparison->current = std::move(current);
  comparison->declared = std::move(declared);
  comparison->base = base_of(comparison->current);
  if (options.base && *options.base != comparison->base) {
    return fail(Code::stale, fmt::format("{} was changed since this plan was made; nothing was done", what));
  }
  comparison->plan = diff(comparison->current, comparison->declared, made, secret_differs);
  if (auto ok = check_permitted(principal, comparison->plan); !ok) return std::unexpected(ok.error());
  return comparison;
}

api::Applied shown(const Comparison& comparison) {
  const Plan& plan = comparison.plan;
  api::Applied applied;
  applied.base = comparison.base;
  applied.added = plan.count(Action::add);
  applied.changed = plan.count(Action::change);
  applied.deleted = plan.count(Action::remove);
  applied.kept = static_cast<std::int64_t>(plan.rest.size());
  for (const auto& change : plan.changes) {
    auto& shown = applied.changes.emplace_back(told(change.thing(), action_word(change.action)));
    shown.changed = change.fields;
  }
  for (const auto* thing : plan.rest) applied.rest.push_back(told(*thing, "keep"));
  return applied;
}

Result<void> audit_apply(store::Transaction& tx, const Author& author, const Comparison& comparison,
                         Subject subject) {
  const Plan& plan = comparison.plan;
  const Json counts{{"added", plan.count(Action::add)},
                    {"changed", plan.count(Action::change)},
                    {"deleted", plan.count(Action::remove)}};
  const std::string event = subject.type + ".apply";
  const std::string description =
      fmt::format("applied a document to {}: {} added, {} changed, {} deleted", subject.name,
                  plan.count(Action::add), plan.count(Action::change), plan.count(Action::remove));
  return store::append_audit(tx, author.record(event, std::move(subject), description, counts));
}

void strip_nulls(Json& json) {
  if (json.is_array()) {
    for (auto& item : json) strip_nulls(item);
  }
  if (!json.is_object()) return;
  for (auto at = json.begin(); at != json.end();) {
    if (at->is_null()) {
      at = json.erase(at);
    } else {
      strip_nulls(*at);
      ++at;
    }
  }
}

}  // namespace govctl::control
