#include "daemon/control/handlers.h"
#include "daemon/control/pages.h"
#include "daemon/control/present.h"
#include "daemon/control/resolve.h"

namespace govctl::control {
namespace {

constexpr std::string_view call_event = "gateway.request";

// Newest first, two logs are read as one: the audit log, and the calls, whose usage events are their audit
// records. The cursor says how far each was read.
struct Position {
  std::int64_t audit = 0, calls = 0;
};

Result<Position> position_of(const Request& request) {
  auto key = cursor_key(request);
  if (!key) return std::unexpected(key.error());
  Position position;
  if (key->empty()) return position;
  const std::size_t dot = key->find('.');
  const auto number = [&](std::string_view text, std::int64_t& value) {
    auto parsed = Credits::parse(text);
    if (parsed) value = parsed->value();
    return parsed && value >= 0;
  };
  if (dot == std::string::npos || !number(std::string_view(*key).substr(0, dot), position.audit) ||
      !number(std::string_view(*key).substr(dot + 1), position.calls)) {
    return fail(Code::invalid, "'cursor' is not one that a list answered in 'next'");
  }
  return position;
}

Result<store::AuditFilter> filter_of(const Request& request) {
  auto window = window_of(request);
  if (!window) return std::unexpected(window.error());
  store::AuditFilter filter;
  filter.window = *window;
  filter.actor = request.asked("actor").value_or("");
  filter.event = request.asked("event").value_or("");
  filter.resource = request.asked("resource").value_or("");
  return filter;
}

bool event_fits(const std::string& asked) {
  if (asked.empty()) return true;
  if (asked.ends_with('*')) return call_event.starts_with(std::string_view(asked).substr(0, asked.size() - 1));
  return asked == call_event;
}

// The calls that the filter leaves; nothing when it leaves none.
std::optional<store::UsageFilter> calls_of(const store::AuditFilter& filter, const tenant::Snapshot& snapshot) {
  if (!event_fits(filter.event)) return std::nullopt;
  store::UsageFilter calls;
  calls.window = filter.window;
  for (const auto* named : {&filter.actor, &filter.resource}) {
    if (named->empty() || (named == &filter.resource && *named == "agent")) continue;
    const tenant::Node* node = nullptr;
    if (const auto id = parse_uuid(*named)) {
      node = snapshot.find(*id);
    } else if (const auto path = ResourcePath::parse(*named)) {
      node = snapshot.find(*path);
    }
    if (node == nullptr || node->level != Level::agent) return std::nullopt;
    if (calls.agent && *calls.agent != AgentId{node->id}) return std::nullopt;
    calls.agent = AgentId{node->id};
  }
  return calls;
}

api::AuditRow row_of(const store::StoredEvent& stored, const tenant::Snapshot& snapshot) {
  const auto& event = stored.event;
  api::AuditRow row;
  row.seq = stored.seq;
  row.id = uuid_text(event.request_id.bytes);
  row.event_type = std::string(call_event);
  row.resource_type = "agent";
  row.resource_id = event.scope.agent.text();
  row.resource_name = path_or_id(snapshot, event.scope.agent.bytes);
  row.actor_kind = "agent";
  row.actor = *row.resource_name;
  const std::string_view status = domain::call_status_word(event.status);
  // A call that was refused before its route was known has no provider, and with a body that cannot be read no
  // model.
  const std::string model = event.model.empty() ? "no model" : event.model;
  const std::string where = event.provider.empty() ? "" : " at " + event.provider;
  row.description = fmt::format("{}: {}{}, {} credits", status, model, where, event.credits_charged.value());
  row.metadata = Json{{"status", status},           {"model", event.model},
                      {"provider", event.provider}, {"key_id", event.scope.key.text()},
                      {"cost_usd", event.cost_usd}, {"credits_charged", event.credits_charged.value()}};
  if (!event.cause.empty()) row.metadata["cause"] = event.cause;
  if (event.count > 1) row.metadata["count"] = event.count;
  row.request_id = event.request_id.text();
  if (!event.client_request_id.empty()) row.correlation_id = event.client_request_id;
  row.created_at = rfc3339(event.created_at);
  row.hash = hash_text(stored.hash);
  return row;
}

// Both logs from where the page before ended, each newest first.
struct Trail {
  store::Rows<store::StoredAudit> audit;
  store::Rows<store::StoredEvent> calls;
};

Result<Trail> read_trail(store::Connection& db, const store::AuditFilter& filter,
                         const std::optional<store::UsageFilter>& calls, const Position& from,
                         std::int64_t limit) {
  Trail trail;
  auto audit = store::read_audit(db, filter, store::Page{limit, from.audit});
  if (!audit) return std::unexpected(audit.error());
  trail.audit = std::move(*audit);
  if (!calls) return trail;
  auto events = store::read_usage(db, *calls, store::Page{limit, from.calls});
  if (!events) return std::unexpected(events.error());
  trail.calls = std::move(*events);
  return trail;
}

api::List<api::AuditRow> merged(const Trail& trail, const tenant::Snapshot& snapshot, Position position,
                                std::int64_t limit) {
  api::List<api::AuditRow> list;
  list.total = trail.audit.total + trail.calls.total;
  std::size_t a = 0;
  std::size_t c = 0;
  const auto& audit = trail.audit.rows;
  const auto& calls = trail.calls.rows;
  while (static_cast<std::int64_t>(list.items.size()) < limit && (a < audit.size() || c < calls.size())) {
    const bool take_audit =
        c == calls.size() || (a < audit.size() && audit[a].record.created_at >= calls[c].event.created_at);
    if (take_audit) {
      position.audit = audit[a].seq;
      list.items.push_back(shown(audit[a++]));
    } else {
      position.calls = calls[c].seq;
      list.items.push_back(row_of(calls[c++], snapshot));
    }
  }
  const bool more =
      a < audit.size() || c < calls.size() || trail.audit.next_seq != 0 || trail.calls.next_seq != 0;
  if (more) list.next = make_cursor(fmt::format("{}.{}", position.audit, position.calls));
  return list;
}

}  // namespace

Answer list_org_audit(Request& request) {
  auto at = find_org(request, request.parameter(0));
  if (!at) co_return std::unexpected(at.error());
  auto filter = filter_of(request);
  if (!filter) co_return std::unexpected(filter.error());
  auto limit = limit_of(request);
  if (!limit) co_return std::unexpected(limit.error());
  auto from = position_of(request);
  if (!from) co_return std::unexpected(from.error());
  auto calls = calls_of(*filter, *at->snapshot);
  Query<Trail> query = [filter = *filter, calls, from = *from, limit = *limit](store::Connection& db) {
    return read_trail(db, filter, calls, from, limit);
  };
  auto trail = co_await at->tenant->read(std::move(query));
  if (!trail) co_return std::unexpected(trail.error());
  co_return reply(merged(*trail, *at->snapshot, *from, *limit));
}

Answer list_platform_audit(Request& request) {
  auto filter = filter_of(request);
  if (!filter) co_return std::unexpected(filter.error());
  auto page = seq_page(request);
  if (!page) co_return std::unexpected(page.error());
  Query<store::Rows<store::StoredAudit>> query = [filter = *filter, page = *page](store::Connection& db) {
    return store::read_audit(db, filter, page);
  };
  auto rows = co_await request.registry.read(std::move(query));
  if (!rows) co_return std::unexpected(rows.error());
  api::List<api::AuditRow> list;
  for (const auto& row : rows->rows) list.items.push_back(shown(row));
  list.next = seq_cursor(*rows);
  list.total = rows->total;
  co_return reply(list);
}

}  // namespace govctl::control
