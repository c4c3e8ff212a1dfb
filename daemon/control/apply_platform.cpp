// The platform's document: providers and the price table, in one transaction of the catalog.

#include "daemon/control/apply.h"
#include "daemon/control/handlers.h"
#include "daemon/control/writes.h"
#include "daemon/store/catalog.h"
#include "daemon/store/sets.h"

namespace govctl::control {
namespace {

// It owns all that its work in the writer needs.
struct Order {
  api::PlatformDocument document;
  ApplyOptions options;
  Author author;
  Principal principal;
};

template <class T>
Result<void> without_value(const Result<T>& result) {
  if (!result) return std::unexpected(result.error());
  return {};
}

Result<void> carry(store::Transaction& tx, const Author& author, const Change& change,
                   const domain::Provider& declared) {
  if (change.before == nullptr) return make(tx, author, declared);
  const auto& before = std::get<domain::Provider>(change.before->row);
  if (before.kind != declared.kind) {
    return fail(Code::conflict,
                fmt::format("provider '{}' is of kind {}, which cannot be changed", before.name, before.kind),
                "govctl provider delete " + before.name);
  }
  domain::Provider row = declared;
  row.proxy = before.proxy;
  row.no_proxy = before.no_proxy;
  row.shipped = before.shipped;
  row.version = before.version;
  return without_value(control::change(tx, author, before, std::move(row)));
}

Result<void> carry(store::Transaction& tx, const Author& author, const Change& change,
                   const domain::ModelPrice& declared) {
  auto provider = store::find_provider(tx.connection(), declared.provider);
  if (!provider) return std::unexpected(provider.error());
  if (!*provider) {
    return fail(Code::unprocessable, fmt::format("there is no provider '{}'", declared.provider),
                "govctl provider list");
  }
  domain::ModelPrice row = declared;
  row.as_of = row.updated_at = author.now;
  std::optional<domain::ModelPrice> before;
  if (change.before != nullptr) before = std::get<domain::ModelPrice>(change.before->row);
  return without_value(put(tx, author, before, std::move(row)));
}

// An org's kinds are in no document of the platform.
template <class T>
Result<void> carry(store::Transaction& /*tx*/, const Author& /*author*/, const Change& /*change*/,
                   const T& /*declared*/) {
  return {};
}

struct Drop {
  store::Transaction& tx;
  const Author& author;
  Result<void> operator()(const domain::Provider& row) const { return remove(tx, author, row); }
  Result<void> operator()(const domain::ModelPrice& row) const { return remove(tx, author, row); }
  template <class T>
  Result<void> operator()(const T& /*row*/) const {
    return {};
  }
};

// Providers come before their models, and go after them.
Result<void> run(store::Transaction& tx, const Order& order, const Comparison& comparison) {
  const auto& changes = comparison.plan.changes;
  if (changes.empty()) return {};
  for (const auto& change : changes) {
    if (change.action == Action::remove) continue;
    auto carried =
        std::visit([&](const auto& row) { return carry(tx, order.author, change, row); }, change.after->row);
    if (!carried) return at_place(carried.error(), change.after->where);
  }
  for (auto change = changes.rbegin(); change != changes.rend(); ++change) {
    if (change->action != Action::remove) continue;
    if (auto gone = std::visit(Drop{tx, order.author}, change->before->row); !gone) return gone;
  }
  return audit_apply(tx, order.author, comparison, {"platform", "", "the platform"});
}

Result<api::Applied> carry_out(store::Transaction& tx, const Order& order) {
  auto platform = store::load_platform(tx.connection());
  if (!platform) return std::unexpected(platform.error());
  auto declared = things_of(order.document);
  if (!declared) return std::unexpected(declared.error());
  Made made;
  if (order.options.prune) {
    auto found = store::made_by_set(tx.connection(), order.options.set);
    if (!found) return std::unexpected(found.error());
    made = std::move(*found);
  }
  auto comparison = compare(
      things_of(*platform), std::move(*declared), order.options, made,
      [](const Thing* /*stored*/, const Thing& /*declared*/) { return false; }, order.principal,
      "the platform");
  if (!comparison) return std::unexpected(comparison.error());
  if (auto done = run(tx, order, **comparison); !done) return std::unexpected(done.error());
  return shown(**comparison);
}

}  // namespace

Answer get_platform_document(Request& request) {
  co_return document_reply(document_of(*request.registry.platform()));
}

Answer apply_platform(Request& request) {
  auto body = request.decoded<api::PlatformApply>();
  if (!body) co_return std::unexpected(body.error());
  auto options = options_of(body->base, body->set, body->prune);
  if (!options) co_return std::unexpected(options.error());
  auto order = std::make_shared<Order>(
      Order{std::move(body->document), std::move(*options), Author(request), request.principal});
  order->author.set = order->options.set;
  Work<api::Applied> work = [order](store::Transaction& tx) { return carry_out(tx, *order); };
  auto applied = co_await request.registry.change(std::move(work), request.dry_run);
  if (!applied) co_return std::unexpected(applied.error());
  co_return reply(*applied);
}

}  // namespace govctl::control
