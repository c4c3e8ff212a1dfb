#include "daemon/store/budgets.h"

#include "daemon/control/changes.h"
#include "daemon/control/checks.h"
#include "daemon/control/handlers.h"
#include "daemon/control/pages.h"
#include "daemon/control/present.h"
#include "daemon/control/resolve.h"
#include "daemon/control/writes.h"
#include "daemon/store/orgs.h"

namespace govctl::control {
namespace {

Subject subject_of(const domain::Budget& budget, const std::string& path) {
  return {"budget", budget.id.text(), path};
}

api::Budget shown_now(const domain::Budget& row, const std::string& path, const tenant::Tenant& tenant,
                      Timestamp now) {
  return shown(row, path, tenant.spend(row.target), now);
}

// What is recorded: what was set, without the figures that move by themselves.
Json recorded(const domain::Budget& row, const std::string& path) {
  Json object = api::encode(shown(row, path, tenant::Spend{}, Timestamp{}));
  for (const auto* derived : {"spent", "held", "left", "resets_at"}) object.erase(derived);
  return object;
}

// Exactly one of the two where `required`, at most one elsewhere.
Result<void> check_limits(const std::optional<std::int64_t>& limit, const std::optional<std::string>& limit_usd,
                          bool required) {
  if (limit && limit_usd) return fail(Code::invalid, "give 'limit' (credits) or 'limit_usd', not both");
  if (required && !limit && !limit_usd)
    return fail(Code::invalid, "'limit' (credits) or 'limit_usd' is missing");
  return check_positive("limit", limit);
}

// At the org's rate as it is now.
Result<void> set_limit_now(store::Transaction& tx, const std::optional<std::int64_t>& limit,
                           const std::optional<std::string>& limit_usd, domain::Budget& row) {
  auto org = store::find_org(tx.connection());
  if (!org) return std::unexpected(org.error());
  if (!*org) return fail(Code::not_found, "the org is gone");
  return set_limit(limit, limit_usd, (*org)->credits_per_usd, row);
}

struct BudgetFound {
  OrgAt at;
  const domain::Budget* row = nullptr;
  std::string path;
};
Result<BudgetFound> find_budget(const Request& request) {
  const std::string& named = request.parameter(0);
  auto at = find_owner(request, named, "budget", "govctl budget list");
  if (!at) return std::unexpected(at.error());
  const auto id = BudgetId::parse(named);
  for (const auto& row : at->snapshot->config().budgets) {
    if (id && row.id == *id) return BudgetFound{*at, &row, path_or_id(*at->snapshot, row.target)};
  }
  return fail(Code::not_found, fmt::format("there is no budget '{}'", named.substr(0, 200)),
              "govctl budget list");
}

// A budget of that period that hangs there already: the 409 says which one to change.
std::unexpected<Error> taken(store::Transaction& tx, const domain::Budget& row, const std::string& path) {
  std::string details;
  if (auto rows = store::list_budgets(tx.connection())) {
    for (const auto& other : *rows) {
      if (other.target == row.target && other.period == row.period)
        details = json_text(Json{{"id", other.id.text()}});
    }
  }
  return fail(Code::conflict, fmt::format("{} has a {} budget already", path, domain::period_word(row.period)),
              "govctl budget list " + path, details);
}

Result<domain::Budget> current(store::Transaction& tx, const BudgetId& id,
                               const std::optional<std::int64_t>& if_match) {
  auto found = store::find_budget(tx.connection(), id);
  if (!found) return std::unexpected(found.error());
  if (!*found) return fail(Code::not_found, "the budget was deleted in the meantime");
  if (auto ok = check_version(if_match, (*found)->version, "budget"); !ok) return std::unexpected(ok.error());
  return std::move(**found);
}

}  // namespace

Result<void> set_limit(const std::optional<std::int64_t>& limit, const std::optional<std::string>& limit_usd,
                       std::int64_t credits_per_usd, domain::Budget& row) {
  if (limit) {
    row.limit = Credits::of(*limit);
    row.limit_usd.clear();
  }
  if (!limit_usd) return {};
  auto converted = limit_in_credits(*limit_usd, credits_per_usd);
  if (!converted) return fail(Code::invalid, fmt::format("'limit_usd': {}", converted.error().message));
  if (*converted < Credits::of(1)) {
    return fail(Code::invalid,
                fmt::format("'limit_usd' is less than one credit at {} credits per USD", credits_per_usd));
  }
  row.limit = *converted;
  row.limit_usd = *limit_usd;
  return {};
}

Result<void> make(Transaction& tx, const Author& author, const domain::Budget& row, const std::string& path) {
  if (auto done = store::insert_budget(tx, row); !done) {
    if (done.error().code == Code::conflict) return taken(tx, row, path);
    return done;
  }
  return store::append_audit(
      tx, author.record("budget.create", subject_of(row, path),
                        fmt::format("made a {} budget on {}", domain::period_word(row.period), path),
                        made(recorded(row, path))));
}

Result<domain::Budget> change(Transaction& tx, const Author& author, const domain::Budget& before,
                              domain::Budget row, const std::string& path) {
  const Json was = recorded(before, path);
  const Json is = recorded(row, path);
  if (was == is) return before;
  row.version += 1;
  row.updated_at = author.now;
  if (auto done = store::update_budget(tx, row); !done) return std::unexpected(done.error());
  auto audit = author.record("budget.update", subject_of(row, path),
                             fmt::format("changed the {} budget on {}", domain::period_word(row.period), path),
                             changed(was, is));
  if (auto done = store::append_audit(tx, audit); !done) return std::unexpected(done.error());
  return row;
}

Result<void> remove(Transaction& tx, const Author& author, const domain::Budget& row, const std::string& path) {
  if (auto done = store::delete_budget(tx, row.id, author.now); !done) return done;
  return store::append_audit(
      tx, author.record("budget.delete", subject_of(row, path),
                        fmt::format("deleted the {} budget on {}", domain::period_word(row.period), path),
                        removed(recorded(row, path))));
}

Answer create_budget(Request& request) {
  auto body = request.decoded<api::BudgetCreate>();
  if (!body) co_return std::unexpected(body.error());
  const auto period = domain::parse_period(body->period);
  if (!period) co_return fail(Code::invalid, "'period' must be DAILY, MONTHLY or TOTAL");
  if (auto ok = check_limits(body->limit, body->limit_usd, true); !ok) co_return std::unexpected(ok.error());
  auto at = find_target(request, body->path, body->key_id);
  if (!at) co_return std::unexpected(at.error());
  domain::Budget row;
  row.id = BudgetId::mint(request.now.millis());
  row.level = at->node->level;
  row.target = at->node->id;
  row.period = *period;
  row.auto_disable = body->auto_disable.value_or(false);
  row.created_at = row.updated_at = request.now;
  const std::string path = at->node->path;
  Work<domain::Budget> work = [row, path, limit = body->limit, limit_usd = body->limit_usd,
                               author =
                                   Author(request)](store::Transaction& tx) mutable -> Result<domain::Budget> {
    if (auto done = set_limit_now(tx, limit, limit_usd, row); !done) return std::unexpected(done.error());
    if (auto done = make(tx, author, row, path); !done) return std::unexpected(done.error());
    return row;
  };
  auto made_row = co_await at->tenant->change(std::move(work), request.dry_run);
  if (!made_row) co_return std::unexpected(made_row.error());
  co_return created(shown_now(*made_row, path, *at->tenant, request.now));
}

Answer list_budgets(Request& request) {
  std::vector<api::Budget> budgets;
  const auto add = [&](const tenant::Tenant& tenant, const tenant::Snapshot& snapshot,
                       const tenant::Node* top) {
    for (const auto& row : snapshot.config().budgets) {
      const auto* node = snapshot.find(row.target);
      if (node == nullptr || (top != nullptr && !below(snapshot, *node, *top))) continue;
      budgets.push_back(shown_now(row, node->path, tenant, request.now));
    }
  };
  if (const auto path = request.asked("path")) {
    auto at = find_node(request, *path);
    if (!at) co_return std::unexpected(at.error());
    add(*at->tenant, *at->snapshot, at->node);
  } else {
    for (const auto& tenant : visible_tenants(request)) add(*tenant, *tenant->snapshot(), nullptr);
  }
  auto page = page_of(request, std::move(budgets), [](const api::Budget& budget) {
    return budget.path + '\n' + budget.period + '\n' + budget.id;
  });
  if (!page) co_return std::unexpected(page.error());
  co_return reply(*page);
}

Answer get_budget(Request& request) {
  auto found = find_budget(request);
  if (!found) co_return std::unexpected(found.error());
  co_return reply(shown_now(*found->row, found->path, *found->at.tenant, request.now));
}

Answer change_budget(Request& request) {
  auto found = find_budget(request);
  if (!found) co_return std::unexpected(found.error());
  auto patch = request.decoded<api::BudgetPatch>();
  if (!patch) co_return std::unexpected(patch.error());
  if (auto ok = check_limits(patch->limit, patch->limit_usd, false); !ok) co_return std::unexpected(ok.error());
  Work<domain::Budget> work = [patch = *patch, id = found->row->id, path = found->path,
                               author = Author(request),
                               if_match = request.if_match](store::Transaction& tx) -> Result<domain::Budget> {
    auto before = current(tx, id, if_match);
    if (!before) return before;
    domain::Budget row = *before;
    if (auto done = set_limit_now(tx, patch.limit, patch.limit_usd, row); !done)
      return std::unexpected(done.error());
    if (patch.auto_disable) row.auto_disable = *patch.auto_disable;
    return change(tx, author, *before, std::move(row), path);
  };
  auto row = co_await found->at.tenant->change(std::move(work), request.dry_run);
  if (!row) co_return std::unexpected(row.error());
  co_return reply(shown_now(*row, found->path, *found->at.tenant, request.now));
}

Answer delete_budget(Request& request) {
  auto found = find_budget(request);
  if (!found) co_return std::unexpected(found.error());
  Work<domain::Budget> work = [id = found->row->id, path = found->path, author = Author(request),
                               if_match = request.if_match](store::Transaction& tx) -> Result<domain::Budget> {
    auto row = current(tx, id, if_match);
    if (!row) return row;
    if (auto done = remove(tx, author, *row, path); !done) return std::unexpected(done.error());
    return row;
  };
  auto row = co_await found->at.tenant->change(std::move(work), request.dry_run);
  if (!row) co_return std::unexpected(row.error());
  co_return reply(shown_now(*row, found->path, *found->at.tenant, request.now));
}

}  // namespace govctl::control
