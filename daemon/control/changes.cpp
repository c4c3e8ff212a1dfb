#include "daemon/control/changes.h"

#include <algorithm>
#include <array>

namespace govctl::control {
namespace {

// What every object has and what says nothing about a change.
constexpr std::array<std::string_view, 5> not_told{"version", "created_at", "updated_at", "id", "key"};

bool told(const std::string& field, const Json& value) {
  return !value.is_null() && std::ranges::find(not_told, field) == not_told.end();
}

Json only_told(const Json& object) {
  Json kept = Json::object();
  for (const auto& [field, value] : object.items()) {
    if (told(field, value)) kept[field] = value;
  }
  return kept;
}

// A header that goes into the audit log: at most 200 bytes of printable ASCII.
std::string printable(std::string_view text) {
  std::string kept(text.substr(0, 200));
  std::ranges::replace_if(kept, [](char c) { return c < ' ' || c > '~'; }, '?');
  return kept;
}

}  // namespace

Author::Author(const Request& from)
    : kind(from.principal.kind),
      actor(from.principal.actor),
      correlation_id(from.correlation_id),
      address(from.exchange.peer().local ? std::string() : from.exchange.peer().address),
      user_agent(printable(from.exchange.header("user-agent"))),
      request(from.id),
      now(from.now) {}

domain::AuditRecord Author::record(std::string event, Subject subject, std::string description,
                                   const Json& metadata) const {
  domain::AuditRecord audit;
  audit.id = AuditId::mint(now.millis());
  audit.actor_kind = kind;
  audit.actor = actor;
  audit.event_type = std::move(event);
  audit.resource_type = std::move(subject.type);
  audit.resource_id = std::move(subject.id);
  audit.resource_name = std::move(subject.name);
  audit.description = std::move(description);
  Json told = metadata;
  if (!set.empty()) told["set"] = set;
  if (!told.is_null()) audit.metadata = json_text(told);
  audit.request_id = request;
  audit.correlation_id = correlation_id;
  audit.ip = address;
  audit.user_agent = user_agent;
  audit.created_at = now;
  return audit;
}

Json made(const Json& after) {
  Json metadata = Json::object();
  metadata["after"] = only_told(after);
  return metadata;
}

Json removed(const Json& before) {
  Json metadata = Json::object();
  metadata["before"] = only_told(before);
  return metadata;
}

Json changed(const Json& before, const Json& after) {
  Json was = Json::object();
  Json is = Json::object();
  for (const auto& [field, value] : after.items()) {
    const auto old = before.find(field);
    if (old != before.end() && *old == value) continue;
    if (std::ranges::find(not_told, field) != not_told.end()) continue;
    was[field] = old == before.end() ? Json() : *old;
    is[field] = value;
  }
  Json metadata = Json::object();
  metadata["before"] = std::move(was);
  metadata["after"] = std::move(is);
  return metadata;
}

Result<void> check_version(const std::optional<std::int64_t>& if_match, std::int64_t version,
                           std::string_view what) {
  if (!if_match || *if_match == version) return {};
  return fail(
      Code::stale,
      fmt::format("the {} is at version {}, not {}: it was changed in the meantime", what, version, *if_match),
      "", json_text(Json{{"version", version}}));
}

}  // namespace govctl::control
