#include "daemon/store/policies.h"

#include "daemon/control/changes.h"
#include "daemon/control/checks.h"
#include "daemon/control/explained.h"
#include "daemon/control/handlers.h"
#include "daemon/control/pages.h"
#include "daemon/control/present.h"
#include "daemon/control/resolve.h"
#include "daemon/control/writes.h"

namespace govctl::control {
namespace {

Subject subject_of(const domain::Policy& policy, const std::string& path) {
  return {"policy", policy.id.text(), path};
}

Result<void> check_list(std::string_view field, const std::optional<domain::Globs>& list, bool globs) {
  if (!list) return {};
  if (list->size() > 1000) return fail(Code::invalid, fmt::format("'{}' holds more than 1000 entries", field));
  for (const auto& entry : *list) {
    if (auto ok = check_name(field, entry); !ok) return ok;
    if (!globs) continue;
    if (auto ok = domain::check_glob(entry); !ok) {
      return fail(Code::invalid, fmt::format("'{}': {}", field, ok.error().message));
    }
  }
  return {};
}

template <class T>
void apply(const api::Patch<T>& patch, std::optional<T>& value) {
  if (patch.present) value = patch.value;
}

// The policy with its node's path, found under the tenant's snapshot.
struct PolicyFound {
  OrgAt at;
  const domain::Policy* row = nullptr;
  std::string path;
};
Result<PolicyFound> find_policy(const Request& request) {
  const std::string& named = request.parameter(0);
  auto at = find_owner(request, named, "policy", "govctl policy list");
  if (!at) return std::unexpected(at.error());
  const auto id = PolicyId::parse(named);
  for (const auto& row : at->snapshot->config().policies) {
    if (id && row.id == *id) return PolicyFound{*at, &row, path_or_id(*at->snapshot, row.target)};
  }
  return fail(Code::not_found, fmt::format("there is no policy '{}'", named.substr(0, 200)),
              "govctl policy list");
}

// A policy of that name that hangs there already: the 409 says which one to change.
std::unexpected<Error> taken(store::Transaction& tx, const domain::Policy& row, const std::string& path) {
  std::string details;
  if (auto rows = store::list_policies(tx.connection())) {
    for (const auto& other : *rows) {
      if (other.target == row.target && other.name == row.name)
        details = json_text(Json{{"id", other.id.text()}});
    }
  }
  return fail(Code::conflict, fmt::format("{} has a policy named '{}' already", path, row.name),
              "govctl policy list " + path, details);
}

Result<domain::Policy> current(store::Transaction& tx, const PolicyId& id,
                               const std::optional<std::int64_t>& if_match) {
  auto found = store::find_policy(tx.connection(), id);
  if (!found) return std::unexpected(found.error());
  if (!*found) return fail(Code::not_found, "the policy was deleted in the meantime");
  if (auto ok = check_version(if_match, (*found)->version, "policy"); !ok) return std::unexpected(ok.error());
  return std::move(**found);
}

// What every one of several lists holds.
std::optional<api::Names> common_of(const std::vector<domain::SourcedGlobs>& lists) {
  if (lists.empty()) return std::nullopt;
  api::Names names = lists.front().globs;
  for (const auto& list : lists) {
    std::erase_if(names, [&](const std::string& name) {
      return std::ranges::none_of(list.globs,
                                  [&](const std::string& glob) { return domain::glob_match(glob, name); });
    });
  }
  return names;
}

api::EffectivePolicy effective_of(const NodeAt& at) {
  const domain::Rules& rules = *at.node->rules;
  api::EffectivePolicy effective;
  effective.path = at.node->path;
  for (const auto& list : rules.allow_models) effective.allow_models.push_back(list.globs);
  for (const auto& list : rules.deny_models) {
    effective.deny_models.insert(effective.deny_models.end(), list.globs.begin(), list.globs.end());
  }
  effective.providers = common_of(rules.providers);
  effective.costly = common_of(rules.costly).value_or(api::Names{});
  if (rules.max_input_tokens) effective.max_input_tokens = rules.max_input_tokens->value;
  if (rules.max_output_tokens) effective.max_output_tokens = rules.max_output_tokens->value;
  const auto chain = at.snapshot->chain(*at.node);
  for (const auto& rate : rules.rates) {
    const auto* node = chain.at(static_cast<std::size_t>(rate.level));
    effective.rates.push_back(
        {node == nullptr ? std::string() : node->path, rate.rpm, rate.tpm, rate.parallel});
  }
  effective.clamp = rules.clamp;
  effective.reserve = rules.estimate ? "estimate" : "worst-case";
  effective.sources = rules.sources;
  effective.rules = shown(rules);
  return effective;
}

}  // namespace

Result<void> check_row(const domain::Policy& row) {
  return all_of({check_name("name", row.name), check_list("allow_models", row.allow_models, true),
                 check_list("deny_models", row.deny_models, true), check_list("providers", row.providers, true),
                 check_list("costly", row.costly, false),
                 check_positive("max_input_tokens", row.max_input_tokens),
                 check_positive("max_output_tokens", row.max_output_tokens), check_positive("rpm", row.rpm),
                 check_positive("tpm", row.tpm), check_positive("parallel", row.parallel)});
}

Result<std::optional<bool>> parse_reserve(const std::optional<std::string>& word) {
  if (!word) return std::nullopt;
  if (*word == "worst-case") return false;
  if (*word == "estimate") return true;
  return fail(Code::invalid, "'reserve' must be worst-case or estimate");
}
Result<void> make(Transaction& tx, const Author& author, const domain::Policy& row, const std::string& path) {
  if (auto done = store::insert_policy(tx, row); !done) {
    if (done.error().code == Code::conflict) return taken(tx, row, path);
    return done;
  }
  return store::append_audit(tx, author.record("policy.create", subject_of(row, path),
                                               fmt::format("made policy '{}' on {}", row.name, path),
                                               made(api::encode(shown(row, path)))));
}

Result<domain::Policy> change(Transaction& tx, const Author& author, const domain::Policy& before,
                              domain::Policy row, const std::string& path) {
  const Json was = api::encode(shown(before, path));
  const Json is = api::encode(shown(row, path));
  if (was == is) return before;
  row.version += 1;
  row.updated_at = author.now;
  if (auto done = store::update_policy(tx, row); !done) {
    if (done.error().code == Code::conflict) return taken(tx, row, path);
    return std::unexpected(done.error());
  }
  auto audit = author.record("policy.update", subject_of(row, path),
                             fmt::format("changed policy '{}' on {}", row.name, path), changed(was, is));
  if (auto done = store::append_audit(tx, audit); !done) return std::unexpected(done.error());
  return row;
}

Result<void> remove(Transaction& tx, const Author& author, const domain::Policy& row, const std::string& path) {
  if (auto done = store::delete_policy(tx, row.id, author.now); !done) return done;
  return store::append_audit(tx, author.record("policy.delete", subject_of(row, path),
                                               fmt::format("deleted policy '{}' on {}", row.name, path),
                                               removed(api::encode(shown(row, path)))));
}

Answer create_policy(Request& request) {
  auto body = request.decoded<api::PolicyCreate>();
  if (!body) co_return std::unexpected(body.error());
  auto at = find_target(request, body->path, body->key_id);
  if (!at) co_return std::unexpected(at.error());
  auto estimate = parse_reserve(body->reserve);
  if (!estimate) co_return std::unexpected(estimate.error());
  domain::Policy row;
  row.id = PolicyId::mint(request.now.millis());
  row.level = at->node->level;
  row.target = at->node->id;
  row.name = body->name.value_or("default");
  row.allow_models = body->allow_models;
  row.deny_models = body->deny_models;
  row.providers = body->providers;
  row.costly = body->costly;
  row.max_input_tokens = body->max_input_tokens;
  row.max_output_tokens = body->max_output_tokens;
  row.rpm = body->rpm;
  row.tpm = body->tpm;
  row.parallel = body->parallel;
  row.clamp = body->clamp;
  row.estimate = *estimate;
  row.created_at = row.updated_at = request.now;
  if (auto ok = check_row(row); !ok) co_return std::unexpected(ok.error());
  const std::string path = at->node->path;
  Work<bool> work = [row, path, author = Author(request)](store::Transaction& tx) -> Result<bool> {
    if (auto done = make(tx, author, row, path); !done) return std::unexpected(done.error());
    return true;
  };
  auto done = co_await at->tenant->change(std::move(work), request.dry_run);
  if (!done) co_return std::unexpected(done.error());
  co_return created(shown(row, path));
}

Answer list_policies(Request& request) {
  std::vector<api::Policy> policies;
  const auto add = [&](const tenant::Snapshot& snapshot, const tenant::Node* top) {
    for (const auto& row : snapshot.config().policies) {
      const auto* node = snapshot.find(row.target);
      if (node == nullptr || (top != nullptr && !below(snapshot, *node, *top))) continue;
      policies.push_back(shown(row, node->path));
    }
  };
  if (const auto path = request.asked("path")) {
    auto at = find_node(request, *path);
    if (!at) co_return std::unexpected(at.error());
    add(*at->snapshot, at->node);
  } else {
    for (const auto& tenant : visible_tenants(request)) add(*tenant->snapshot(), nullptr);
  }
  auto page = page_of(request, std::move(policies), [](const api::Policy& policy) {
    return policy.path + '\n' + policy.name + '\n' + policy.id;
  });
  if (!page) co_return std::unexpected(page.error());
  co_return reply(*page);
}

Answer get_policy(Request& request) {
  auto found = find_policy(request);
  if (!found) co_return std::unexpected(found.error());
  co_return reply(shown(*found->row, found->path));
}

Answer change_policy(Request& request) {
  auto found = find_policy(request);
  if (!found) co_return std::unexpected(found.error());
  auto patch = request.decoded<api::PolicyPatch>();
  if (!patch) co_return std::unexpected(patch.error());
  auto estimate = parse_reserve(patch->reserve.value);
  if (!estimate) co_return std::unexpected(estimate.error());
  Work<domain::Policy> work = [patch = *patch, estimate = *estimate, id = found->row->id, path = found->path,
                               author = Author(request),
                               if_match = request.if_match](store::Transaction& tx) -> Result<domain::Policy> {
    auto before = current(tx, id, if_match);
    if (!before) return before;
    domain::Policy row = *before;
    if (patch.name) row.name = *patch.name;
    apply(patch.allow_models, row.allow_models);
    apply(patch.deny_models, row.deny_models);
    apply(patch.providers, row.providers);
    apply(patch.costly, row.costly);
    apply(patch.max_input_tokens, row.max_input_tokens);
    apply(patch.max_output_tokens, row.max_output_tokens);
    apply(patch.rpm, row.rpm);
    apply(patch.tpm, row.tpm);
    apply(patch.parallel, row.parallel);
    apply(patch.clamp, row.clamp);
    if (patch.reserve.present) row.estimate = estimate;
    if (auto ok = check_row(row); !ok) return std::unexpected(ok.error());
    return change(tx, author, *before, std::move(row), path);
  };
  auto row = co_await found->at.tenant->change(std::move(work), request.dry_run);
  if (!row) co_return std::unexpected(row.error());
  co_return reply(shown(*row, found->path));
}

Answer delete_policy(Request& request) {
  auto found = find_policy(request);
  if (!found) co_return std::unexpected(found.error());
  Work<domain::Policy> work = [id = found->row->id, path = found->path, author = Author(request),
                               if_match = request.if_match](store::Transaction& tx) -> Result<domain::Policy> {
    auto row = current(tx, id, if_match);
    if (!row) return row;
    if (auto done = remove(tx, author, *row, path); !done) return std::unexpected(done.error());
    return row;
  };
  auto row = co_await found->at.tenant->change(std::move(work), request.dry_run);
  if (!row) co_return std::unexpected(row.error());
  co_return reply(shown(*row, found->path));
}

Answer get_effective_policy(Request& request) {
  const auto path = request.asked("path");
  if (!path) co_return fail(Code::invalid, "'path' is missing: whose policy?", "govctl policy effective PATH");
  auto at = find_target(request, *path, request.asked("key_id"));
  if (!at) co_return std::unexpected(at.error());
  co_return reply(effective_of(*at));
}

}  // namespace govctl::control
