// Stopping and letting go a whole org or a part of it, for incidents: nothing below calls, and what is in
// flight ends.

#include "common/api/orgs.h"
#include "daemon/control/changes.h"
#include "daemon/control/checks.h"
#include "daemon/control/handlers.h"
#include "daemon/control/resolve.h"
#include "daemon/store/orgs.h"
#include "daemon/store/units.h"

namespace govctl::control {
namespace {

// What is frozen or let go, by whom and why; empty: let go.
struct Wish {
  Level level = Level::org;
  Uuid id{};
  std::string path;
  std::optional<domain::Freeze> frozen;
  Author author;
};

api::Frozen told(const Wish& wish, const std::optional<domain::Freeze>& frozen, std::int64_t version) {
  api::Frozen shown;
  shown.level = level_word(wish.level);
  shown.path = wish.path;
  shown.version = version;
  if (frozen) {
    shown.frozen_at = rfc3339(frozen->at);
    shown.frozen_reason = frozen->reason;
  }
  return shown;
}

// Writes what differs, with its audit row. What is frozen already keeps its time unless the reason is another.
template <class Row, class Update>
Result<api::Frozen> write(store::Transaction& tx, const Wish& wish, const Result<std::optional<Row>>& found,
                          Update update) {
  if (!found) return std::unexpected(found.error());
  if (!*found) return fail(Code::not_found, fmt::format("{} was deleted in the meantime", wish.path));
  Row row = **found;
  const bool same = row.frozen.has_value() == wish.frozen.has_value() &&
                    (!wish.frozen || row.frozen->reason == wish.frozen->reason);
  if (same) return told(wish, row.frozen, row.version);
  row.frozen = wish.frozen;
  row.version += 1;
  row.updated_at = wish.author.now;
  if (auto done = update(tx, row); !done) return std::unexpected(done.error());
  const std::string noun(level_noun(wish.level));
  const std::string type = wish.level == Level::group ? "agent-group" : std::string(level_word(wish.level));
  Json metadata;
  if (wish.frozen) metadata = Json{{"reason", wish.frozen->reason}};
  auto audit =
      wish.author.record(type + (wish.frozen ? ".freeze" : ".unfreeze"), {type, row.id.text(), wish.path},
                         fmt::format("{} {} {}", wish.frozen ? "froze" : "let go", noun, wish.path), metadata);
  if (auto done = store::append_audit(tx, audit); !done) return std::unexpected(done.error());
  return told(wish, row.frozen, row.version);
}

Result<api::Frozen> apply(store::Transaction& tx, const Wish& wish) {
  store::Connection& connection = tx.connection();
  switch (wish.level) {
    case Level::org:
      return write(tx, wish, store::find_org(connection), store::update_org);
    case Level::workspace:
      return write(tx, wish, store::find_workspace(connection, WorkspaceId{wish.id}), store::update_workspace);
    case Level::group:
      return write(tx, wish, store::find_group(connection, AgentGroupId{wish.id}), store::update_group);
    case Level::agent:
      return write(tx, wish, store::find_agent(connection, AgentId{wish.id}), store::update_agent);
    case Level::key:
      break;
  }
  return fail(Code::invalid, "a key is revoked, not frozen", "govctl key revoke ID --reason TEXT");
}

Answer set_freeze(Request& request, bool freeze) {
  auto body = request.decoded<api::Freeze>();
  if (!body) co_return std::unexpected(body.error());
  auto at = find_node(request, body->path);
  if (!at) co_return std::unexpected(at.error());
  const std::string reason = body->reason.value_or("");
  if (auto ok = check_text("reason", reason, 500); !ok) co_return std::unexpected(ok.error());
  Wish wish{at->node->level, at->node->id, at->node->path, {}, Author(request)};
  if (freeze) wish.frozen = domain::Freeze{request.now, reason};
  Work<api::Frozen> work = [wish = std::move(wish)](store::Transaction& tx) { return apply(tx, wish); };
  auto done = co_await at->tenant->change(std::move(work), request.dry_run);
  if (!done) co_return std::unexpected(done.error());
  co_return reply(*done);
}

}  // namespace

Answer freeze(Request& request) { return set_freeze(request, true); }
Answer unfreeze(Request& request) { return set_freeze(request, false); }

}  // namespace govctl::control
