#include "daemon/store/keys.h"

#include "daemon/control/changes.h"
#include "daemon/control/checks.h"
#include "daemon/control/handlers.h"
#include "daemon/control/pages.h"
#include "daemon/control/present.h"
#include "daemon/control/resolve.h"
#include "daemon/control/writes.h"
#include "daemon/store/budgets.h"
#include "daemon/store/policies.h"
#include "daemon/store/units.h"

namespace govctl::control {
namespace {

constexpr std::size_t suffix_size = 8;

Subject subject_of(const domain::ApiKey& key, const std::string& agent) {
  return {"key", key.id.text(), agent};
}

api::Key shown_now(const domain::ApiKey& key, const std::string& agent, const tenant::Tenant& tenant,
                   Timestamp now) {
  api::Key made = shown(key, agent, now);
  const tenant::Spend spend = tenant.spend(key.id.bytes);
  made.spent = spend.total.value();
  made.held = spend.held.value();
  return made;
}

// What is recorded: what was set, without the figures that move by themselves.
Json recorded(const domain::ApiKey& key, const std::string& agent, Timestamp now) {
  Json object = api::encode(shown(key, agent, now));
  for (const auto* derived : {"spent", "held"}) object.erase(derived);
  return object;
}

Result<std::optional<Timestamp>> expiry_of(const api::KeyCreate& body, Timestamp now) {
  if (body.ttl && body.expires_at) return fail(Code::invalid, "give 'ttl' or 'expires_at', not both");
  if (body.ttl) {
    auto span = parse_span("ttl", *body.ttl);
    if (!span) return std::unexpected(span.error());
    return Timestamp{now.micros + *span};
  }
  if (body.expires_at) {
    auto at = parse_future("expires_at", *body.expires_at, now);
    if (!at) return std::unexpected(at.error());
    return *at;
  }
  return std::nullopt;
}

// What the key may spend in all, in credits at the org's rate as it is now.
Result<std::optional<Credits>> key_limit(const api::KeyCreate& body, std::int64_t credits_per_usd) {
  if (body.limit && body.limit_usd) {
    return fail(Code::invalid, "give 'limit' (credits) or 'limit_usd', not both");
  }
  if (auto ok = check_positive("limit", body.limit); !ok) return std::unexpected(ok.error());
  if (body.limit) return Credits::of(*body.limit);
  if (!body.limit_usd) return std::nullopt;
  auto limit = limit_in_credits(*body.limit_usd, credits_per_usd);
  if (!limit) return fail(Code::invalid, fmt::format("'limit_usd': {}", limit.error().message));
  if (limit->value() < 1) {
    return fail(Code::invalid,
                fmt::format("'limit_usd' is less than one credit at {} credits per USD", credits_per_usd));
  }
  return *limit;
}

// The row as it is in the file now; not_found when its agent was deleted in the meantime.
Result<domain::ApiKey> current(store::Transaction& tx, const KeyId& id) {
  auto found = store::find_key(tx.connection(), id);
  if (!found) return std::unexpected(found.error());
  if (!*found) return fail(Code::not_found, "the key's agent was deleted in the meantime");
  return std::move(**found);
}

// What hangs on the old key binds the new one too.
Result<void> copy_rules(store::Transaction& tx, const KeyId& from, const KeyId& to, Timestamp now) {
  auto policies = store::list_policies(tx.connection());
  if (!policies) return std::unexpected(policies.error());
  for (auto& policy : *policies) {
    if (policy.target != from.bytes) continue;
    policy.id = PolicyId::mint(now.millis());
    policy.target = to.bytes;
    if (auto done = store::insert_policy(tx, policy); !done) return done;
  }
  auto budgets = store::list_budgets(tx.connection());
  if (!budgets) return std::unexpected(budgets.error());
  for (auto& budget : *budgets) {
    if (budget.target != from.bytes) continue;
    budget.id = BudgetId::mint(now.millis());
    budget.target = to.bytes;
    if (auto done = store::insert_budget(tx, budget); !done) return done;
  }
  return {};
}

std::unexpected<Error> name_taken(const std::string& name, const std::string& agent) {
  return fail(Code::conflict, fmt::format("agent {} has a key named '{}' already", agent, name),
              "govctl key list " + agent);
}

}  // namespace

std::string mint_key() {
  secrets::Secret random(32);
  secrets::random_bytes(random.bytes());
  return "cpk_" + base64url(random.bytes());
}

domain::ApiKey key_row(const std::string& key, AgentId agent, const std::string& name, Timestamp now) {
  domain::ApiKey row;
  row.id = KeyId::mint(now.millis());
  row.agent = agent;
  row.name = name;
  row.hash = domain::sha256(key);
  row.suffix = key.substr(key.size() - suffix_size);
  row.created_at = now;
  return row;
}

Result<void> make(Transaction& tx, const Author& author, const domain::ApiKey& row, const std::string& path) {
  if (auto done = store::insert_key(tx, row); !done) {
    if (done.error().code == Code::conflict) return name_taken(row.name, path);
    return done;
  }
  return store::append_audit(tx, author.record("key.create", subject_of(row, path),
                                               fmt::format("made key '{}' of agent {}", row.name, path),
                                               made(recorded(row, path, author.now))));
}

Result<domain::ApiKey> change(Transaction& tx, const Author& author, const domain::ApiKey& before,
                              domain::ApiKey row, const std::string& path) {
  const Json was = recorded(before, path, author.now);
  const Json is = recorded(row, path, author.now);
  if (was == is) return before;
  if (auto done = store::update_key(tx, row); !done) {
    if (done.error().code == Code::conflict) return name_taken(row.name, path);
    return std::unexpected(done.error());
  }
  auto audit = author.record("key.update", subject_of(row, path),
                             fmt::format("changed key '{}' of agent {}", row.name, path), changed(was, is));
  if (auto done = store::append_audit(tx, audit); !done) return std::unexpected(done.error());
  return row;
}

Result<domain::ApiKey> revoke(Transaction& tx, const Author& author, domain::ApiKey row,
                              const std::string& reason, const std::string& path) {
  row.revoked_at = author.now;
  row.revoke_reason = reason;
  if (auto done = store::update_key(tx, row); !done) return std::unexpected(done.error());
  Json metadata = Json::object();
  if (!reason.empty()) metadata["reason"] = reason;
  auto audit = author.record("key.revoke", subject_of(row, path),
                             fmt::format("revoked key '{}' of agent {}", row.name, path), metadata);
  if (auto done = store::append_audit(tx, audit); !done) return std::unexpected(done.error());
  return row;
}

Answer create_key(Request& request) {
  auto agent = find_node(request, request.parameter(0), Level::agent);
  if (!agent) co_return std::unexpected(agent.error());
  auto body = request.decoded<api::KeyCreate>();
  if (!body) co_return std::unexpected(body.error());
  if (auto ok = check_name("name", body->name); !ok) co_return std::unexpected(ok.error());
  auto limit = key_limit(*body, agent->snapshot->config().org.credits_per_usd);
  if (!limit) co_return std::unexpected(limit.error());
  auto expires_at = expiry_of(*body, request.now);
  if (!expires_at) co_return std::unexpected(expires_at.error());

  const std::string key = mint_key();
  domain::ApiKey row = key_row(key, AgentId{agent->node->id}, body->name, request.now);
  row.limit = *limit;
  row.expires_at = *expires_at;
  const std::string path = agent->node->path;
  Work<bool> work = [row, path, author = Author(request)](store::Transaction& tx) -> Result<bool> {
    auto owner = store::find_agent(tx.connection(), row.agent);
    if (!owner) return std::unexpected(owner.error());
    if (!*owner) return fail(Code::not_found, fmt::format("{} was deleted in the meantime", path));
    if (auto done = make(tx, author, row, path); !done) return std::unexpected(done.error());
    return true;
  };
  auto done = co_await agent->tenant->change(std::move(work), request.dry_run);
  if (!done) co_return std::unexpected(done.error());
  if (!request.dry_run) {
    auto indexed = co_await request.registry.index_key(row.hash, agent->tenant->id());
    if (!indexed) co_return std::unexpected(indexed.error());
  }
  api::Key answer = shown(row, path, request.now);
  answer.key = key;
  co_return created(answer);
}

Answer list_keys(Request& request) {
  auto agent = find_node(request, request.parameter(0), Level::agent);
  if (!agent) co_return std::unexpected(agent.error());
  std::vector<api::Key> keys;
  for (const std::size_t child : agent->node->children) {
    const auto& node = agent->snapshot->nodes()[child];
    keys.push_back(shown_now(agent->snapshot->key(node), agent->node->path, *agent->tenant, request.now));
  }
  auto page = page_of(request, std::move(keys), [](const api::Key& key) { return key.id; });
  if (!page) co_return std::unexpected(page.error());
  co_return reply(*page);
}

Answer list_all_keys(Request& request) {
  std::vector<api::Key> keys;
  const auto add = [&](const tenant::Snapshot& snapshot, const tenant::Node* top) {
    for (const auto& node : snapshot.nodes()) {
      if (node.level != Level::key || (top != nullptr && !below(snapshot, node, *top))) continue;
      keys.push_back(shown(snapshot.key(node), node.path, request.now));
    }
  };
  if (const auto path = request.asked("path")) {
    auto at = find_node(request, *path);
    if (!at) co_return std::unexpected(at.error());
    add(*at->snapshot, at->node);
  } else {
    for (const auto& tenant : visible_tenants(request)) add(*tenant->snapshot(), nullptr);
  }
  auto page = page_of(request, std::move(keys), [](const api::Key& key) { return key.id; });
  if (!page) co_return std::unexpected(page.error());
  co_return reply(*page);
}

Answer get_key(Request& request) {
  auto at = find_key(request, request.parameter(0));
  if (!at) co_return std::unexpected(at.error());
  co_return reply(shown_now(at->snapshot->key(*at->node), at->node->path, *at->tenant, request.now));
}

Answer get_agent_key(Request& request) {
  auto agent = find_node(request, request.parameter(0), Level::agent);
  if (!agent) co_return std::unexpected(agent.error());
  auto at = find_key(request, request.parameter(1), agent->node);
  if (!at) co_return std::unexpected(at.error());
  co_return reply(shown_now(at->snapshot->key(*at->node), at->node->path, *at->tenant, request.now));
}

Answer change_key(Request& request) {
  auto agent = find_node(request, request.parameter(0), Level::agent);
  if (!agent) co_return std::unexpected(agent.error());
  auto at = find_key(request, request.parameter(1), agent->node);
  if (!at) co_return std::unexpected(at.error());
  auto patch = request.decoded<api::KeyPatch>();
  if (!patch) co_return std::unexpected(patch.error());
  if (patch->name) {
    if (auto ok = check_name("name", *patch->name); !ok) co_return std::unexpected(ok.error());
  }
  if (auto ok = check_positive("limit", patch->limit.value); !ok) co_return std::unexpected(ok.error());
  std::optional<Timestamp> expires_at;
  if (patch->expires_at.value) {
    auto parsed = parse_future("expires_at", *patch->expires_at.value, request.now);
    if (!parsed) co_return std::unexpected(parsed.error());
    expires_at = *parsed;
  }
  const std::string path = agent->node->path;
  Work<domain::ApiKey> work = [patch = *patch, expires_at, id = KeyId{at->node->id}, path,
                               author = Author(request)](store::Transaction& tx) -> Result<domain::ApiKey> {
    auto before = current(tx, id);
    if (!before) return before;
    if (before->revoked_at)
      return fail(Code::conflict, "a revoked key cannot be changed", "govctl key list " + path);
    domain::ApiKey key = *before;
    if (patch.name) key.name = *patch.name;
    if (patch.limit.present) {
      key.limit.reset();
      if (patch.limit.value) key.limit = Credits::of(*patch.limit.value);
    }
    if (patch.expires_at.present) key.expires_at = expires_at;
    return change(tx, author, *before, std::move(key), path);
  };
  auto key = co_await at->tenant->change(std::move(work), request.dry_run);
  if (!key) co_return std::unexpected(key.error());
  co_return reply(shown_now(*key, path, *at->tenant, request.now));
}

Answer revoke_key(Request& request) {
  auto agent = find_node(request, request.parameter(0), Level::agent);
  if (!agent) co_return std::unexpected(agent.error());
  auto at = find_key(request, request.parameter(1), agent->node);
  if (!at) co_return std::unexpected(at.error());
  const std::string reason = request.asked("reason").value_or("");
  if (auto ok = check_text("reason", reason, 200); !ok) co_return std::unexpected(ok.error());
  const std::string path = agent->node->path;
  Work<domain::ApiKey> work = [reason, id = KeyId{at->node->id}, path,
                               author = Author(request)](store::Transaction& tx) -> Result<domain::ApiKey> {
    auto key = current(tx, id);
    if (!key) return key;
    if (key->revoked_at) {
      return fail(Code::conflict, fmt::format("the key was revoked at {}", rfc3339(*key->revoked_at)),
                  "govctl key list " + path);
    }
    return revoke(tx, author, std::move(*key), reason, path);
  };
  auto key = co_await at->tenant->change(std::move(work), request.dry_run);
  if (!key) co_return std::unexpected(key.error());
  co_return reply(shown_now(*key, path, *at->tenant, request.now));
}

Answer rotate_key(Request& request) {
  auto agent = find_node(request, request.parameter(0), Level::agent);
  if (!agent) co_return std::unexpected(agent.error());
  auto at = find_key(request, request.parameter(1), agent->node);
  if (!at) co_return std::unexpected(at.error());
  auto body = request.decoded<api::KeyRotate>();
  if (!body) co_return std::unexpected(body.error());
  std::optional<std::int64_t> grace;
  if (body->grace) {
    auto span = parse_span("grace", *body->grace);
    if (!span) co_return std::unexpected(span.error());
    grace = *span;
  }
  const std::string path = agent->node->path;
  const std::string secret = mint_key();
  domain::ApiKey fresh = key_row(secret, AgentId{agent->node->id}, "", request.now);
  Work<domain::ApiKey> work = [grace, fresh, id = KeyId{at->node->id}, path, author = Author(request)](
                                  store::Transaction& tx) mutable -> Result<domain::ApiKey> {
    auto old = current(tx, id);
    if (!old) return old;
    if (old->revoked_at || old->rotated_to || (old->expires_at && *old->expires_at <= author.now)) {
      return fail(Code::conflict, "only a working key that was not rotated before can be rotated",
                  "govctl key create " + path);
    }
    fresh.name = old->name;
    fresh.limit = old->limit;
    fresh.expires_at = old->expires_at;
    old->rotated_to = fresh.id;
    if (grace) {
      const Timestamp over{author.now.micros + *grace};
      old->expires_at = old->expires_at ? std::min(*old->expires_at, over) : over;
    } else {
      old->revoked_at = author.now;
      old->revoke_reason = "rotated";
    }
    if (auto done = store::insert_rotated_key(tx, *old, fresh); !done) return std::unexpected(done.error());
    if (auto done = copy_rules(tx, old->id, fresh.id, author.now); !done) return std::unexpected(done.error());
    Json metadata = Json::object();
    metadata["rotated_to"] = fresh.id.text();
    metadata["suffix"] = fresh.suffix;
    if (grace) metadata["old_expires_at"] = rfc3339(*old->expires_at);
    auto audit = author.record("key.rotate", subject_of(*old, path),
                               fmt::format("rotated key '{}' of agent {}", old->name, path), metadata);
    if (auto done = store::append_audit(tx, audit); !done) return std::unexpected(done.error());
    return fresh;
  };
  auto key = co_await at->tenant->change(std::move(work), request.dry_run);
  if (!key) co_return std::unexpected(key.error());
  if (!request.dry_run) {
    auto indexed = co_await request.registry.index_key(key->hash, at->tenant->id());
    if (!indexed) co_return std::unexpected(indexed.error());
  }
  api::Key answer = shown(*key, path, request.now);
  answer.key = secret;
  co_return created(answer);
}

}  // namespace govctl::control
