#include "daemon/tenant/idempotency.h"

#include <fmt/format.h>

#include <algorithm>

#include "daemon/tenant/state.h"

namespace govctl::tenant {
namespace {

constexpr std::int64_t swept_at_once = 500;

domain::Refusal refusal_for(const store::IdempotencyKey& had, const store::IdempotencyKey& wanted) {
  domain::Refusal refusal;
  refusal.parameter = "Idempotency-Key";
  const std::string first = had.request_id.text();
  if (had.fingerprint != wanted.fingerprint) {
    refusal.cause = domain::Cause::idempotency_mismatch;
    refusal.message = fmt::format("this Idempotency-Key was used for another request, call {}", first);
  } else if (had.status == 0) {
    refusal.cause = domain::Cause::idempotency_in_progress;
    refusal.message = fmt::format("call {} with this Idempotency-Key is in flight", first);
    refusal.retry_after_s = 1;
  } else {
    refusal.cause = domain::Cause::idempotency_conflict;
    refusal.message =
        fmt::format("this Idempotency-Key was used by call {}, which was answered {}; answers are not stored",
                    first, had.status);
  }
  return refusal;
}

}  // namespace

std::string IdempotencyKeys::name_of(const KeyId& key, const std::string& value) {
  return std::string(reinterpret_cast<const char*>(key.bytes.data()), key.bytes.size()) + value;
}

void IdempotencyKeys::load(std::vector<store::IdempotencyKey> rows, std::optional<Timestamp> oldest) {
  const std::scoped_lock lock(mutex_);
  oldest_ = oldest;
  forgetful_ = rows.size() > recent;
  if (forgetful_) rows.resize(recent);
  std::ranges::reverse(rows);
  for (auto& row : rows) {
    std::string name = name_of(row.key, row.value);
    finished_.emplace_back(name, row.request_id);
    keys_.insert_or_assign(std::move(name), std::move(row));
  }
}

std::optional<store::IdempotencyKey> IdempotencyKeys::claim(const store::IdempotencyKey& wanted) {
  const std::scoped_lock lock(mutex_);
  const auto [at, claimed] = keys_.try_emplace(name_of(wanted.key, wanted.value), wanted);
  if (!claimed) {
    const bool stale =
        at->second.status != 0 && at->second.created_at.micros < wanted.created_at.micros - retention;
    if (!stale) return at->second;
    at->second = wanted;
  }
  if (!oldest_) oldest_ = wanted.created_at;
  return std::nullopt;
}

bool IdempotencyKeys::forgetful() const {
  const std::scoped_lock lock(mutex_);
  return forgetful_;
}

void IdempotencyKeys::release(const store::IdempotencyKey& claimed) {
  const std::scoped_lock lock(mutex_);
  const auto at = keys_.find(name_of(claimed.key, claimed.value));
  if (at != keys_.end() && at->second.status == 0 && at->second.request_id == claimed.request_id) {
    keys_.erase(at);
  }
}

void IdempotencyKeys::correct(const store::IdempotencyKey& stored) {
  const std::scoped_lock lock(mutex_);
  std::string name = name_of(stored.key, stored.value);
  keys_.insert_or_assign(name, stored);
  remember(std::move(name), stored.request_id);
}

void IdempotencyKeys::finish(const KeyId& key, const std::string& value, const RequestId& request,
                             std::int64_t status) {
  const std::scoped_lock lock(mutex_);
  std::string name = name_of(key, value);
  const auto at = keys_.find(name);
  if (at == keys_.end() || at->second.request_id != request) return;
  at->second.status = status;
  remember(std::move(name), request);
}

void IdempotencyKeys::remember(std::string name, const RequestId& request) {
  finished_.emplace_back(std::move(name), request);
  while (finished_.size() > recent) {
    const auto& [oldest, its_request] = finished_.front();
    const auto at = keys_.find(oldest);
    if (at != keys_.end() && at->second.request_id == its_request) {
      keys_.erase(at);
      forgetful_ = true;
    }
    finished_.pop_front();
  }
}

bool IdempotencyKeys::sweep_due(Timestamp now) const {
  const std::scoped_lock lock(mutex_);
  return oldest_ && oldest_->micros < now.micros - retention;
}

void IdempotencyKeys::swept(std::optional<Timestamp> oldest) {
  const std::scoped_lock lock(mutex_);
  oldest_ = oldest;
}

KeyClaim::KeyClaim(std::shared_ptr<Tenant> tenant, store::IdempotencyKey claimed)
    : tenant_(std::move(tenant)), claimed_(std::move(claimed)) {}
KeyClaim::KeyClaim(KeyClaim&&) noexcept = default;

KeyClaim::~KeyClaim() {
  if (tenant_) tenant_->state_->idempotency.release(claimed_);
}

asio::awaitable<std::expected<KeyClaim, domain::Refusal>> Tenant::claim_key(const CallFacts& facts) {
  store::IdempotencyKey wanted;
  wanted.key = KeyId{facts.caller.key->id};
  wanted.value = facts.idempotency_key;
  wanted.fingerprint = facts.fingerprint;
  wanted.request_id = facts.request_id;
  wanted.created_at = services_.clock->now();
  IdempotencyKeys& keys = state_->idempotency;
  if (const auto had = keys.claim(wanted)) co_return std::unexpected(refusal_for(*had, wanted));
  KeyClaim claim(shared_from_this(), wanted);
  if (!keys.forgetful()) co_return claim;

  using Found = std::optional<store::IdempotencyKey>;
  std::move_only_function<Result<Found>(store::Connection&)> look =
      [key = wanted.key, value = wanted.value](store::Connection& db) {
        return store::find_idempotency_key(db, key, value);
      };
  auto found = co_await read<Found>(std::move(look));
  if (!found) {
    domain::Refusal refusal;
    refusal.cause = domain::Cause::unavailable;
    refusal.message = "it cannot be told now whether this Idempotency-Key was used; the call was not made";
    refusal.next = "govctl status";
    co_return std::unexpected(std::move(refusal));
  }
  const bool fresh =
      *found && (*found)->created_at.micros >= wanted.created_at.micros - IdempotencyKeys::retention;
  if (!fresh) co_return claim;
  keys.correct(**found);
  co_return std::unexpected(refusal_for(**found, wanted));
}

void Tenant::sweep_idempotency_keys() {
  const Timestamp now = services_.clock->now();
  if (!state_->idempotency.sweep_due(now) || state_->sweeping.exchange(true)) return;
  auto oldest = std::make_shared<std::optional<Timestamp>>();
  store::Work work = [oldest, before = Timestamp{now.micros - IdempotencyKeys::retention}](
                         store::Transaction& tx) -> Result<void> {
    auto left = store::sweep_idempotency_keys(tx, before, swept_at_once);
    if (!left) return std::unexpected(left.error());
    *oldest = *left;
    return {};
  };
  store::Done done = [self = shared_from_this(), oldest](const Result<void>& result) {
    if (result) self->state_->idempotency.swept(*oldest);
    self->state_->sweeping = false;
  };
  services_.writers->submit(*file_, store::Queue::bounded, std::move(work), std::move(done));
}

}  // namespace govctl::tenant
