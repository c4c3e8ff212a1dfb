#pragma once
// An org at run time: its file, its snapshot of rules, its meters. reserve and settle are the only ways in
// which a call moves money.

#include <boost/asio/awaitable.hpp>
#include <boost/asio/thread_pool.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/clock.h"
#include "daemon/domain/settlement.h"
#include "daemon/secrets/secrets.h"
#include "daemon/store/idempotency_keys.h"
#include "daemon/store/money.h"
#include "daemon/store/verify.h"
#include "daemon/store/writer.h"
#include "daemon/tenant/file_work.h"
#include "daemon/tenant/in_flight.h"
#include "daemon/tenant/snapshot.h"

namespace govctl::tenant {

class Tenant;
class Hold;

// Who is calling: found in memory, under one snapshot.
struct Caller {
  std::shared_ptr<Tenant> tenant;
  std::shared_ptr<const Snapshot> snapshot;
  const Node* key = nullptr;
};

// Settled and held, of one node of the tree.
struct Spend {
  Credits total, month, day, held;
  [[nodiscard]] Credits of(domain::Period period) const;
};

struct Balance {
  Credits balance, reserved;
};

// The facts of one call that its hold and its usage event need.
struct CallFacts {
  Caller caller;
  RequestId request_id;
  std::string client_request_id;
  std::string dialect;
  domain::Ask ask;
  std::string user, session, tags;
  std::string idempotency_key;  // the client's, or empty
  domain::Hash fingerprint{};   // of a request that came with one
  Timestamp began;
  std::int64_t began_steady = 0;
};

// One provider that a call may go to: provider, price and credential joined.
struct Candidate {
  std::shared_ptr<const domain::PlatformConfig> platform;  // owns what the pointers name
  const domain::Provider* provider = nullptr;
  const domain::ModelPrice* price = nullptr;
  std::string upstream_model;
  std::shared_ptr<const secrets::Secret> credential;  // null where the provider needs none
};
// Where a call may go, the one to try first first; at least one.
struct Route {
  std::vector<Candidate> candidates;
  [[nodiscard]] const Candidate& first() const { return candidates.front(); }
};
// An org's own alias leads to its list of models, less those that a policy denies or that lack a price or a
// credential; else the model's name tells its one provider. The refusal, when nobody is left, says why of each
// and names the govctl command.
std::expected<Route, domain::Refusal> route(const Caller& caller, std::string_view model);

// A model that a key may call: it has a price, policies allow it, and its provider has a credential or needs
// none.
struct UsableModel {
  std::string name;  // by which route() finds it
  std::shared_ptr<const domain::ModelPrice> price;
};
std::vector<UsableModel> usable_models(const Caller& caller);

// A call's Idempotency-Key, taken for it; given back when this goes before the call holds money.
class KeyClaim {
 public:
  KeyClaim(std::shared_ptr<Tenant> tenant, store::IdempotencyKey claimed);
  KeyClaim(KeyClaim&&) noexcept;
  KeyClaim& operator=(KeyClaim&&) = delete;
  ~KeyClaim();
  // The call's hold has it now.
  void keep() { tenant_.reset(); }

 private:
  std::shared_ptr<Tenant> tenant_;
  store::IdempotencyKey claimed_;
};

struct RateState {
  domain::Cause cause = domain::Cause::rpm;  // rpm, tpm
  std::int64_t limit = 0, remaining = 0, reset_s = 0;
};

// A call that would pass.
struct Considered {
  const Candidate* candidate = nullptr;  // the dearest that it may go to, of the route
  Credits hold;
  std::int64_t output_tokens = 0;
  bool clamped = false;
  std::vector<domain::MoneyLine> money;
};

struct HoldFacts;

// Money held for one call. Whoever owns it must settle it; destroyed unsettled, it settles itself from what was
// noted.
class Hold {
 public:
  explicit Hold(std::unique_ptr<HoldFacts> facts);
  Hold(Hold&&) noexcept;
  Hold& operator=(Hold&&) = delete;
  ~Hold();

  // What the upstream may produce for each choice; set in the request when it differs from what was asked.
  [[nodiscard]] std::int64_t output_tokens() const;
  [[nodiscard]] bool clamped() const;
  [[nodiscard]] Credits reserved() const;
  // Whether the rules let the call go to that candidate of its route: the hold covers the dearest of these.
  [[nodiscard]] bool covers(std::size_t candidate) const;
  // The candidate that is asked now: the charge is at its price, and the event names its provider.
  void ask(std::size_t candidate);
  // It was made by estimate, and grows with what comes out (domain/growth.h).
  [[nodiscard]] bool by_estimate() const;
  // Whether it covers the call once so many bytes are produced, and what is noted on the outcome. True unless
  // it is by estimate.
  [[nodiscard]] bool covers_output(std::int64_t produced_bytes) const;
  // Holds what that takes; durable when it returns, so that a crash charges what was relayed. A refusal, and
  // nothing has changed: what has no room (credits, budget, key_limit), or unavailable; its figures are noted
  // on the outcome. Nobody is waited for: an answer that stands still is one that its client leaves.
  asio::awaitable<std::expected<void, domain::Refusal>> extend(std::int64_t produced_bytes);
  // Noted in passing.
  [[nodiscard]] domain::Outcome& outcome();
  // Writes usage event, ledger entry and the end of the reservation; durable when it returns. Once. An error
  // leaves the reservation, which the next start settles.
  asio::awaitable<Result<domain::Charge>> settle();

 private:
  std::unique_ptr<HoldFacts> facts_;
};

class Tenant : public std::enable_shared_from_this<Tenant> {
 public:
  // Opens the file, rebuilds memory, settles what a crash left open. Blocking.
  static Result<std::shared_ptr<Tenant>> open(const OrgId& id, const std::string& path,
                                              const Services& services);
  ~Tenant();
  Tenant(const Tenant&) = delete;
  Tenant& operator=(const Tenant&) = delete;

  [[nodiscard]] const OrgId& id() const { return id_; }
  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] std::shared_ptr<const Snapshot> snapshot() const;
  [[nodiscard]] store::File& file() const { return *file_; }
  [[nodiscard]] std::shared_ptr<const domain::PlatformConfig> platform() const {
    return services_.platform->get();
  }
  [[nodiscard]] const Clock& clock() const { return *services_.clock; }

  // --- what administrators do
  // ------------------------------------------------------------------------------------- Runs `work` in the
  // org file's writer, in a savepoint: the change and its audit row (store::append_audit) together. The new
  // snapshot is built in the same operation and is in force when this returns. dry_run: all is done, then
  // rolled back; the value is returned all the same.
  template <class T>
  asio::awaitable<Result<T>> change(std::move_only_function<Result<T>(store::Transaction&)> work,
                                    bool dry_run) {
    return change_file<T>(std::move(work), dry_run, [this](store::Work wrapped, bool dry) {
      return commit_change(std::move(wrapped), dry);
    });
  }
  // Runs `work` on a query_only connection in the pool of blocking threads.
  template <class T>
  asio::awaitable<Result<T>> read(std::move_only_function<Result<T>(store::Connection&)> work) {
    // What is wrong with the writer does not keep anybody from reading.
    static_cast<void>(co_await catch_up(services_, *file_));
    co_return co_await read_file<T>(services_, path_, std::move(work));
  }
  // Purchase, adjustment, refund: the entry and its audit row in one transaction; the balance in memory follows
  // after COMMIT. insufficient_credits when the balance would fall below zero and allow_negative is not set;
  // invalid when it would leave ±2^62. A replay of the same idempotency key returns the stored entry and
  // changes nothing.
  asio::awaitable<Result<store::Appended>> append(domain::LedgerEntry entry, domain::AuditRecord audit,
                                                  bool allow_negative, bool dry_run);
  // Returns the money of one call, `amount` of it or what is left. conflict when that is more than is left,
  // not_found for an unknown call. Restores budgets of the period in which the call was charged, while it
  // lasts.
  asio::awaitable<Result<store::Appended>> refund(RequestId request, std::optional<Credits> amount,
                                                  std::string idempotency_key, std::string reason,
                                                  domain::AuditRecord audit, bool dry_run);

  [[nodiscard]] Balance balance() const;
  [[nodiscard]] Spend spend(const Uuid& node) const;  // zeros for what has spent nothing
  // Settled spend has reached an auto_disable budget that covers this agent.
  [[nodiscard]] bool exhausted(const Snapshot& snapshot, const Node& agent) const;

  // --- credentials
  // --------------------------------------------------------------------------------------------------- Seals
  // under the org's data key; call before change(). `row` is the credential's id.
  struct Sealed {
    std::int64_t data_key_id = 0;
    std::vector<std::uint8_t> bytes;
  };
  [[nodiscard]] Result<Sealed> seal(const secrets::Secret& plain, const std::string& provider,
                                    const CredentialId& row) const;
  // Whether the stored credential is this secret; corrupt when it cannot be opened.
  [[nodiscard]] Result<bool> holds(const domain::Credential& row, const secrets::Secret& plain) const;
  // The org's active credential for the provider, opened; no_credential when there is none.
  [[nodiscard]] Result<std::shared_ptr<const secrets::Secret>> credential(const Snapshot& snapshot,
                                                                          std::string_view provider) const;

  // After the keyring was unsealed. corrupt: the data keys are under a master key that is not open.
  Result<void> open_keys();
  // A new data key; every credential is encrypted anew under it, and the old ones decrypt only: one
  // transaction, with the audit row. unavailable: sealed.
  struct Reencrypted {
    std::int64_t data_key_id = 0, credentials = 0;
  };
  asio::awaitable<Result<Reencrypted>> rotate_data_key(domain::AuditRecord audit, bool dry_run);

  // --- one call
  // ------------------------------------------------------------------------------------------------------
  // Takes the call's Idempotency-Key for it (30-ledger.md "One call"). A refusal: another call has it. Looks
  // into the file only for what memory has forgotten.
  asio::awaitable<std::expected<KeyClaim, domain::Refusal>> claim_key(const CallFacts& facts);
  // Deletes a few of the keys that are too old to count; called once a second.
  void sweep_idempotency_keys();
  // Checks the rules, then money and rates in one step, waits up to 5 s for calls in flight where that can
  // help, and makes the hold durable. On the caller's io_context.
  asio::awaitable<std::expected<Hold, domain::Refusal>> reserve(const CallFacts& facts, const Route& route);
  // What reserve() would decide of such a call now, waiting for nobody; nothing is held and nothing recorded.
  // Its caller's `key` may be an agent: without the rules and the limit of a key.
  [[nodiscard]] std::expected<Considered, domain::Refusal> consider(const Caller& caller,
                                                                    const domain::Ask& ask,
                                                                    const Route& route) const;
  // Until the watch is gone, `stop` is called on `executor` when the call may not go on, also by a change that
  // came after its caller was authenticated. The tenant outlives the watch.
  [[nodiscard]] InFlight::Watch watch(const Caller& caller, asio::any_io_executor executor,
                                      InFlight::Stop stop);
  // The usage event of a call that was refused. Durable when this returns true; else it is in the log only.
  asio::awaitable<bool> record_refusal(const CallFacts& facts, const domain::Refusal& refusal,
                                       const Route* route);
  // Writes the refusals that were folded and tries again what could not be settled; called once a second.
  // `all`: the refusals of the second that runs, too.
  void flush_refusals(bool all = false);

  [[nodiscard]] std::size_t inflight() const;
  // The lines that a key's next call would meet, for x-ratelimit headers and budgets' figures.
  [[nodiscard]] std::vector<RateState> rate_states(const Snapshot& snapshot, const Node& key) const;

 private:
  friend class Hold;
  friend class KeyClaim;
  friend class Registry;
  struct State;
  struct Contender;
  struct Waiter;
  struct Settlement;
  Tenant(OrgId id, std::string path, const Services& services);
  asio::awaitable<Result<void>> commit_change(store::Work work, bool dry_run);
  Result<Reencrypted> reencrypt(store::Transaction& tx, const domain::AuditRecord& audit);
  // On the writer's thread, after COMMIT, before the snapshot is in force.
  void journal_revocations(const Snapshot& fresh) const;
  // Under the mutex: decides those who wait, oldest first, after money has come free.
  void wake_waiters();
  // Under the mutex: decides, and applies an admission in the same step. Who needs money that an older one
  // waits for
  // (`older`: its meters) waits behind it.
  void contend(Contender& contender, bool last, const std::vector<std::uint64_t>& older);
  asio::awaitable<void> wait_for_room(Contender& contender);
  asio::awaitable<std::expected<void, domain::Refusal>> extend(HoldFacts& hold, std::int64_t produced_bytes);
  domain::Charge settle(HoldFacts& hold, store::Done done);
  // Queues the settlement; `done` once it is durable, on the journal's thread.
  void submit(Settlement settlement, store::Done done);
  void settled(const Settlement& settlement);

  OrgId id_;
  std::string path_;
  Services services_;
  std::shared_ptr<store::File> file_;
  std::unique_ptr<State> state_;
};

}  // namespace govctl::tenant
