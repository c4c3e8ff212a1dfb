// An org's document: given, and carried out in one transaction of the org's file.

#include <strings.h>

#include "daemon/control/apply.h"
#include "daemon/control/checks.h"
#include "daemon/control/execution.h"
#include "daemon/control/handlers.h"
#include "daemon/control/present.h"
#include "daemon/control/resolve.h"
#include "daemon/control/writes.h"
#include "daemon/store/org_config.h"
#include "daemon/store/sets.h"

namespace govctl::control {
namespace {

// An apply on its way: it owns all that its work in the writer needs.
struct Order {
  Order(api::OrgDocument given, ApplyOptions how, const Request& request)
      : document(std::move(given)),
        options(std::move(how)),
        author(request),
        principal(request.principal),
        dry_run(request.dry_run),
        platform(request.registry.platform()) {
    author.set = options.set;
  }
  api::OrgDocument document;
  ApplyOptions options;
  Author author;
  Principal principal;
  bool dry_run = false;
  std::shared_ptr<const domain::PlatformConfig> platform;
  std::map<std::string, secrets::Secret> secrets;  // by the credential's place in the document
  Vault vault;

  [[nodiscard]] const secrets::Secret* secret_of(const Thing& declared) const {
    const auto found = secrets.find(declared.where);
    return found == secrets.end() ? nullptr : &found->second;
  }
};

Result<std::shared_ptr<Order>> order_of(Request& request) {
  auto body = request.decoded<api::OrgApply>();
  explicit_bzero(request.body.data(), request.body.size());
  if (!body) return std::unexpected(body.error());
  auto options = options_of(body->base, body->set, body->prune);
  if (!options) return std::unexpected(options.error());
  const std::size_t credentials = body->document.credentials ? body->document.credentials->size() : 0;
  auto order = std::make_shared<Order>(std::move(body->document), std::move(*options), request);
  order->vault.secret_of = [self = order.get()](const Thing& thing) { return self->secret_of(thing); };
  if (!body->secrets) return order;
  for (auto& given : *body->secrets) {
    const std::string where = fmt::format("/credentials/{}", given.credential);
    auto secret = take_secret(given.secret);
    if (!secret) return at_place(secret.error(), where + "/secret");
    if (given.credential < 0 || static_cast<std::size_t>(given.credential) >= credentials) {
      return fail(Code::invalid, "'secrets' names a credential that the document has not");
    }
    order->secrets.insert_or_assign(where, std::move(*secret));
  }
  return order;
}

// A secret that cannot be opened any more is replaced.
bool secret_differs(const Order& order, const Thing* stored, const Thing& declared) {
  const auto* secret = order.secret_of(declared);
  if (secret == nullptr) return false;
  if (stored == nullptr) return true;
  const auto same = order.vault.holds(std::get<domain::Credential>(stored->row), *secret);
  return !same || !*same;
}

// What the rows alone do not tell.
Result<void> check_change(const Order& order, const Change& change) {
  if (change.action == Action::remove) return {};
  const Thing& thing = *change.after;
  if (const auto* key = std::get_if<domain::ApiKey>(&thing.row); key != nullptr && key->expires_at) {
    const auto* before = change.before == nullptr ? nullptr : &std::get<domain::ApiKey>(change.before->row);
    if (before != nullptr && before->expires_at == key->expires_at) return {};
    auto at = parse_future("expires_at", rfc3339(*key->expires_at), order.author.now);
    if (!at) return at_place(at.error(), thing.where + "/expires_at");
  }
  // Who plans need not have the secrets.
  const bool sealed = thing.at.kind != Kind::credential || change.before != nullptr || change.secret;
  if (!sealed && !order.dry_run) {
    return at_place(
        {Code::invalid,
         fmt::format("{} is new, and its secret is not there: 'secret' says where it is", thing.at.text()),
         "govctl explain-field credential.secret", ""},
        thing.where);
  }
  return {};
}

Result<std::shared_ptr<const Comparison>> compare(const Order& order, const tenant::Snapshot* snapshot,
                                                  const Made& made) {
  const auto rate = snapshot == nullptr ? std::nullopt : std::optional(snapshot->config().org.credits_per_usd);
  auto declared = things_of(order.document, *order.platform, rate);
  if (!declared) return std::unexpected(declared.error());
  auto comparison = compare(
      snapshot == nullptr ? Things{} : things_of(*snapshot), std::move(*declared), order.options, made,
      [&](const Thing* stored, const Thing& thing) { return secret_differs(order, stored, thing); },
      order.principal, "org " + order.document.org);
  if (!comparison) return comparison;
  for (const auto& change : (*comparison)->plan.changes) {
    if (auto ok = check_change(order, change); !ok) return std::unexpected(ok.error());
  }
  return comparison;
}

struct Done {
  api::Applied answer;
  std::vector<domain::Hash> keys;
};
Result<Done> carry_out(store::Transaction& tx, const Order& order) {
  auto config = store::load_org_config(tx.connection());
  if (!config) return std::unexpected(config.error());
  auto snapshot = tenant::Snapshot::build(std::move(*config));
  if (!snapshot) return std::unexpected(snapshot.error());
  Made made;
  if (order.options.prune) {
    auto found = store::made_by_set(tx.connection(), order.options.set);
    if (!found) return std::unexpected(found.error());
    made = std::move(*found);
  }
  auto comparison = compare(order, snapshot->get(), made);
  if (!comparison) return std::unexpected(comparison.error());
  Done done;
  done.answer = shown(**comparison);
  auto keys = execute(tx, order.author, **comparison, snapshot->get(), order.vault);
  if (!keys) return std::unexpected(keys.error());
  done.answer.keys = std::move(keys->shown);
  done.keys = std::move(keys->hashes);
  return done;
}

Answer apply_to(Request& request, std::shared_ptr<tenant::Tenant> tenant, std::shared_ptr<Order> order) {
  order->vault.holds = [tenant](const domain::Credential& row, const secrets::Secret& secret) {
    return tenant->holds(row, secret);
  };
  order->vault.seal = [tenant](const secrets::Secret& secret, domain::Credential& row) -> Result<void> {
    auto sealed = tenant->seal(secret, row.provider, row.id);
    if (!sealed) return std::unexpected(sealed.error());
    row.data_key_id = sealed->data_key_id;
    row.sealed = std::move(sealed->bytes);
    row.suffix = suffix_of(secret);
    return {};
  };
  Work<Done> work = [order](store::Transaction& tx) { return carry_out(tx, *order); };
  auto done = co_await tenant->change(std::move(work), request.dry_run);
  if (!done) co_return std::unexpected(done.error());
  if (request.dry_run) done->answer.keys.clear();
  if (!request.dry_run && !done->keys.empty()) {
    auto indexed = co_await request.registry.index_keys(std::move(done->keys), tenant->id());
    if (!indexed) co_return std::unexpected(indexed.error());
  }
  co_return reply(done->answer);
}

domain::Org new_org(const Order& order, const Comparison& comparison) {
  domain::Org org = std::get<domain::Org>(comparison.declared.front().row);
  const std::int64_t ms = order.author.now.millis();
  org.id = OrgId::mint(ms);
  org.billing_group = BillingGroupId::mint(ms);
  org.owner = order.author.actor;
  org.created_at = org.updated_at = order.author.now;
  return org;
}

// The org is not there: it is made with all that the document says, or not at all.
Answer apply_to_none(Request& request, std::shared_ptr<Order> order) {
  auto comparison = compare(*order, nullptr, {});
  if (!comparison) co_return std::unexpected(comparison.error());
  if (request.dry_run) co_return reply(shown(**comparison));
  const domain::Org org = new_org(*order, **comparison);
  auto audit = order->author.record("org.create", {"org", org.id.text(), org.slug}, "made org " + org.slug,
                                    made(api::encode(shown(org))));
  api::Applied answer = shown(**comparison);
  tenant::Registry::Fill fill = [&](store::Transaction& tx, const secrets::DataKey& data_key) -> Result<void> {
    order->vault.seal = [&](const secrets::Secret& secret, domain::Credential& row) -> Result<void> {
      row.data_key_id = 1;
      row.sealed = data_key.seal(secret, {org.id, row.provider, row.id.bytes, row.data_key_id});
      row.suffix = suffix_of(secret);
      return {};
    };
    auto keys = execute(tx, order->author, **comparison, nullptr, order->vault);
    if (!keys) return std::unexpected(keys.error());
    answer.keys = std::move(keys->shown);
    return {};
  };
  auto tenant = co_await request.registry.create_org(org, std::move(audit), false, std::move(fill));
  if (!tenant) co_return std::unexpected(tenant.error());
  co_return reply(answer);
}

}  // namespace

Answer get_org_document(Request& request) {
  auto at = find_org(request, request.parameter(0));
  if (!at) co_return std::unexpected(at.error());
  api::OrgDocument document = document_of(*at->snapshot);
  if (!request.principal.permissions.has(Permission::credentials_write)) document.credentials.reset();
  co_return document_reply(document);
}

Answer apply_org(Request& request) {
  auto order = order_of(request);
  if (!order) co_return std::unexpected(order.error());
  const std::string& named = request.parameter(0);
  auto at = find_org(request, named);
  if (!at && at.error().code != Code::not_found) co_return std::unexpected(at.error());
  const std::string slug = at ? at->org().slug : named;
  if ((*order)->document.org != slug) {
    co_return fail(Code::invalid, fmt::format("the document is of org '{}', not of '{}'",
                                              (*order)->document.org.substr(0, 100), slug.substr(0, 100)));
  }
  if (at) co_return co_await apply_to(request, at->tenant, std::move(*order));
  co_return co_await apply_to_none(request, std::move(*order));
}

}  // namespace govctl::control
