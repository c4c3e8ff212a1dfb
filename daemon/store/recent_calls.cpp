#include "daemon/store/recent_calls.h"

#include "daemon/store/columns.h"

namespace govctl::store {
namespace {

constexpr const char* recent_sql =
    "SELECT request_id, agent_id, model, status, cause, error_message, input_tokens + cache_read_tokens + "
    "cache_write_5m_tokens + cache_write_1h_tokens + output_tokens + reasoning_tokens, count, created_at "
    "FROM usage_events ORDER BY seq DESC LIMIT :limit";

}  // namespace

Result<std::vector<RecentCall>> recent_calls(Connection& connection, std::int64_t limit) {
  return guarded([&]() -> Result<std::vector<RecentCall>> {
    std::vector<RecentCall> calls;
    SQLite::Statement& select = connection.prepared(recent_sql);
    set(select, ":limit", limit);
    while (select.executeStep()) {
      RowReader row(select);
      RecentCall& call = calls.emplace_back();
      call.request = row.id<RequestId>();
      call.agent = row.id<AgentId>();
      call.model = row.text();
      call.status = row.text();
      call.cause = row.text();
      call.error_message = row.text();
      call.tokens = row.integer();
      call.count = row.integer();
      call.created_at = row.time();
    }
    select.reset();
    return calls;
  });
}

}  // namespace govctl::store
