#pragma once
// The newest calls of an org, few and in few columns: what a live view shows.

#include <string>
#include <vector>

#include "common/clock.h"
#include "common/id.h"
#include "daemon/store/connection.h"

namespace govctl::store {

struct RecentCall {
  RequestId request;
  AgentId agent;
  std::string model, status, cause, error_message;
  std::int64_t tokens = 0, count = 1;
  Timestamp created_at;
};
// The last `limit` events, newest first: the cost does not grow with the history.
Result<std::vector<RecentCall>> recent_calls(Connection& connection, std::int64_t limit);

}  // namespace govctl::store
