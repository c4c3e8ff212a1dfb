#include "cli/lease.h"

#include <fmt/format.h>
#include <strings.h>

#include <utility>

#include "common/api/keys.h"
#include "common/clock.h"
#include "common/id.h"

namespace govctl::cli {

Result<KeyLease> KeyLease::take(Session& session, const std::string& agent, const LeaseTerms& terms) {
  // Names are unique among an agent's live keys: the end of a UUID tells leases of one purpose apart.
  const std::string unique = uuid_text(mint_uuid7(SystemClock().now().millis())).substr(24);
  api::KeyCreate body;
  body.name = fmt::format("{} {}", terms.purpose.substr(0, 40), unique);
  body.ttl = fmt::format("{}s", terms.seconds);
  body.limit_usd = terms.limit_usd;
  auto made = session.post("/agents/" + segment(agent) + "/keys", without_nulls(api::encode(body)));
  if (!made) return std::unexpected(made.error());
  KeyLease lease(session);
  lease.id_ = made->value("id", std::string());
  lease.agent_ = made->value("agent", agent);
  lease.secret_ = made->value("key", std::string());
  return lease;
}

KeyLease::KeyLease(KeyLease&& other) noexcept
    : session_(std::exchange(other.session_, nullptr)),
      agent_(std::move(other.agent_)),
      id_(std::move(other.id_)),
      secret_(std::move(other.secret_)) {}

KeyLease::~KeyLease() {
  if (session_ != nullptr) {
    const auto ended = end("no longer needed");
    (void)ended;  // it expires by itself
  }
  explicit_bzero(secret_.data(), secret_.size());
}

Result<void> KeyLease::renew(std::int64_t seconds) {
  const Timestamp until{SystemClock().now().micros + seconds * micros_per_second};
  auto changed = session_->patch("/agents/" + segment(agent_) + "/keys/" + segment(id_),
                                 Json{{"expires_at", rfc3339(until)}});
  if (!changed) return std::unexpected(changed.error());
  return {};
}

Result<KeySpend> KeyLease::end(const std::string& reason) {
  auto revoked = session_->remove("/agents/" + segment(agent_) + "/keys/" + segment(id_), {{"reason", reason}});
  if (!revoked && revoked.error().code == Code::conflict) revoked = session_->get("/keys/" + segment(id_));
  if (!revoked) return std::unexpected(revoked.error());
  session_ = nullptr;
  KeySpend spend{revoked->value("spent", std::int64_t{0}), revoked->value("held", std::int64_t{0}), {}};
  if (revoked->contains("limit") && (*revoked)["limit"].is_number_integer()) {
    spend.limit = (*revoked)["limit"].get<std::int64_t>();
  }
  return spend;
}

}  // namespace govctl::cli
