#include "daemon/tenant/in_flight.h"

#include <fmt/format.h>

#include <boost/asio/post.hpp>

namespace govctl::tenant {

using domain::Cause;
using domain::Refusal;

std::optional<Refusal> inactive(const Snapshot& snapshot, const std::array<const Node*, level_count>& nodes) {
  const auto refusal_of = [](Cause cause, std::string message, const std::string& path, std::string next) {
    Refusal refusal;
    refusal.cause = cause;
    refusal.message = std::move(message);
    refusal.path = path;
    refusal.next = std::move(next);
    return refusal;
  };
  const auto check = [&](const Node& node, bool active, const std::optional<domain::Freeze>& frozen,
                         std::string_view command) -> std::optional<Refusal> {
    if (!active) {
      return refusal_of(Cause::inactive, fmt::format("{} {} is not active", level_word(node.level), node.path),
                        node.path, fmt::format("govctl {} {}", command, node.path));
    }
    if (frozen) {
      const std::string why = frozen->reason.empty() ? "" : ": " + frozen->reason;
      return refusal_of(Cause::frozen, fmt::format("{} {} is frozen{}", level_word(node.level), node.path, why),
                        node.path, fmt::format("govctl unfreeze {}", node.path));
    }
    return std::nullopt;
  };
  const domain::Org& org = snapshot.config().org;
  if (auto refusal = check(*nodes[0], org.active && !org.deleted_at, org.frozen, "org set --active on")) {
    return refusal;
  }
  const auto& workspace = snapshot.workspace(*nodes[1]);
  if (auto refusal = check(*nodes[1], workspace.active, workspace.frozen, "workspace set --active on")) {
    return refusal;
  }
  const auto& group = snapshot.group(*nodes[2]);
  if (auto refusal = check(*nodes[2], group.active, group.frozen, "group set --active on")) return refusal;
  const auto& agent = snapshot.agent(*nodes[3]);
  return check(*nodes[3], agent.active, agent.frozen, "agent enable");
}

std::optional<Stopped> stopped(const Snapshot& snapshot, const Uuid& key) {
  const Node* const node = snapshot.find(key);
  if (node == nullptr) return Stopped{"revoked", "the API key was revoked with its agent"};
  const domain::ApiKey& row = snapshot.key(*node);
  if (row.revoked_at) return Stopped{"revoked", fmt::format("the API key …{} was revoked", row.suffix)};
  auto refusal = inactive(snapshot, snapshot.chain(*node));
  if (!refusal) return std::nullopt;
  return Stopped{std::string(domain::cause_word(refusal->cause)), std::move(refusal->message)};
}

struct InFlight::Watch::Entry {
  Uuid key;
  asio::any_io_executor executor;
  Stop stop;          // touched on the executor's thread alone; empty once the call is over
  bool told = false;  // guarded by the mutex
};

InFlight::Watch InFlight::enter(const Uuid& key, asio::any_io_executor executor, Stop stop) {
  auto entry = std::make_shared<Watch::Entry>(key, std::move(executor), std::move(stop));
  const std::scoped_lock lock(mutex_);
  return {*this, entries_.insert(entries_.end(), std::move(entry))};
}

InFlight::Watch::~Watch() {
  if (all_ == nullptr) return;
  (*place_)->stop = nullptr;
  const std::scoped_lock lock(all_->mutex_);
  all_->entries_.erase(place_);
}

void InFlight::judge(const Snapshot& snapshot) {
  const std::scoped_lock lock(mutex_);
  for (const auto& entry : entries_) {
    if (entry->told) continue;
    auto why = stopped(snapshot, entry->key);
    if (!why) continue;
    entry->told = true;
    asio::post(entry->executor, [entry, why = std::move(*why)]() mutable {
      if (entry->stop) entry->stop(std::move(why));
    });
  }
}

}  // namespace govctl::tenant
