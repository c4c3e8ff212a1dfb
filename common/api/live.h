#pragma once
// GET /live: who calls and spends now, in one answer.

#include "common/api/fields.h"

namespace govctl::api {

struct LiveOrg {
  std::string org;
  std::int64_t balance = 0, reserved = 0, inflight = 0, credits_per_usd = 0;
  std::int64_t window_s = 0;
  static constexpr auto fields() {
    return std::tuple{
        field("org", &LiveOrg::org),
        field("balance", &LiveOrg::balance),
        field("reserved", &LiveOrg::reserved),
        field("inflight", &LiveOrg::inflight),
        field("credits_per_usd", &LiveOrg::credits_per_usd),
        field("window_s", &LiveOrg::window_s, "what its agents' last_calls and last_tokens are counted over")};
  }
};
struct LiveAgent {
  std::string path, status;
  std::int64_t last_calls = 0, last_tokens = 0;
  std::int64_t spent_day = 0, spent_month = 0, spent_total = 0, held = 0;
  static constexpr auto fields() {
    return std::tuple{field("path", &LiveAgent::path),
                      field("status", &LiveAgent::status),
                      field("last_calls", &LiveAgent::last_calls, "calls that ended within window_s"),
                      field("last_tokens", &LiveAgent::last_tokens),
                      field("spent_day", &LiveAgent::spent_day, "credits, since the day began (UTC)"),
                      field("spent_month", &LiveAgent::spent_month),
                      field("spent_total", &LiveAgent::spent_total),
                      field("held", &LiveAgent::held, "credits, for its calls in flight")};
  }
};
struct LiveBudget {
  std::string path;
  std::optional<std::string> key_id;
  std::string period;
  std::int64_t limit = 0, spent = 0, held = 0;
  std::optional<std::string> resets_at;
  static constexpr auto fields() {
    return std::tuple{field("path", &LiveBudget::path),          field("key_id", &LiveBudget::key_id),
                      field("period", &LiveBudget::period),      field("limit", &LiveBudget::limit),
                      field("spent", &LiveBudget::spent),        field("held", &LiveBudget::held),
                      field("resets_at", &LiveBudget::resets_at)};
  }
};
struct LiveRefusal {
  std::string at, request_id, agent, model, status, cause, message;
  std::int64_t count = 1;
  static constexpr auto fields() {
    return std::tuple{field("at", &LiveRefusal::at),
                      field("request_id", &LiveRefusal::request_id),
                      field("agent", &LiveRefusal::agent),
                      field("model", &LiveRefusal::model),
                      field("status", &LiveRefusal::status),
                      field("cause", &LiveRefusal::cause),
                      field("message", &LiveRefusal::message),
                      field("count", &LiveRefusal::count, "refusals folded into this one")};
  }
};
struct Live {
  std::string at, version;
  std::int64_t uptime_s = 0, inflight = 0, agents_total = 0;
  std::vector<LiveOrg> orgs;
  std::vector<LiveAgent> agents;
  std::vector<LiveBudget> budgets;
  std::vector<LiveRefusal> refusals;
  static constexpr auto fields() {
    return std::tuple{
        field("at", &Live::at),
        field("version", &Live::version, "of the daemon"),
        field("uptime_s", &Live::uptime_s),
        field("inflight", &Live::inflight, "calls, of all orgs"),
        field("orgs", &Live::orgs),
        field("agents", &Live::agents, "the busiest first, then who spent most today; at most `limit`"),
        field("agents_total", &Live::agents_total),
        field("budgets", &Live::budgets, "the fullest first; at most `limit`"),
        field("refusals", &Live::refusals,
              "among the newest 2,000 calls of each org; newest first, at most 20")};
  }
};

}  // namespace govctl::api
