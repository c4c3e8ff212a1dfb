#pragma once
// A change and its audit row: what is recorded, by whom, and whether the caller saw the version that it
// changes.

#include <functional>
#include <string>

#include "daemon/control/context.h"

namespace govctl::control {

// Runs in a file's writer, on its thread, possibly after the request's coroutine is gone: it owns what it uses.
template <class T>
using Work = std::move_only_function<Result<T>(store::Transaction&)>;

struct Subject {
  std::string type;  // "agent"
  std::string id;
  std::string name;  // a path, where there is one
};

// Who makes a change, when and by which request; a copy that travels with the work.
struct Author {
  explicit Author(const Request& request);
  // metadata: a JSON object, or null for none; never a secret.
  [[nodiscard]] domain::AuditRecord record(std::string event, Subject subject, std::string description,
                                           const Json& metadata) const;

  std::string kind, actor, correlation_id, address, user_agent;
  std::string set;  // of an apply: told with each of its changes; by it the set's own things are known
  RequestId request;
  Timestamp now;
};

// {"after":{…}}, {"before":{…}}, or both with the fields that differ; versions, times of change and nulls are
// left out.
Json made(const Json& after);
Json removed(const Json& before);
Json changed(const Json& before, const Json& after);

// stale when If-Match named another version.
Result<void> check_version(const std::optional<std::int64_t>& if_match, std::int64_t version,
                           std::string_view what);

}  // namespace govctl::control
