#include "daemon/tenant/tenant.h"

#include <fmt/format.h>

#include <algorithm>
#include <future>
#include <nlohmann/json.hpp>

#include "daemon/store/anchor_rows.h"
#include "daemon/store/org_config.h"
#include "daemon/store/revocations.h"
#include "daemon/telemetry/log.h"
#include "daemon/tenant/data_keys.h"
#include "daemon/tenant/state.h"

namespace govctl::tenant {
namespace {

std::unexpected<Error> is_sealed() {
  return fail(Code::unavailable, "govd is sealed: its master key lies under a passphrase that nobody has given",
              "govctl secrets unseal");
}

// What a client whose connection died with the daemon is told of its call when it asks again.
constexpr std::int64_t unanswered = 500;

// What a crash left open: settled once, at the hold (30-ledger.md "Crash").
Result<void> settle_leftovers(store::Writers& writers, store::File& file, store::Connection& reader,
                              const BillingGroupId& group, Timestamp now) {
  auto open = store::open_reservations(reader);
  if (!open) return std::unexpected(open.error());
  // All at once: they share a commit, and, being settlements, are written on a disk that is nearly full, too.
  std::vector<std::future<Result<void>>> written;
  for (const auto& reservation : *open) {
    domain::UsageEvent event;
    event.request_id = reservation.request_id;
    event.scope = reservation.scope;
    event.dialect = reservation.dialect;
    event.provider = reservation.provider;
    event.model = reservation.model;
    event.price_model = reservation.price_model;
    event.price_version = reservation.price_version;
    event.credits_per_usd = reservation.credits_per_usd;
    event.cost_usd = Cost::of_credits(reservation.reserved, reservation.credits_per_usd).usd();
    event.reserved = reservation.reserved;
    event.credits_charged = reservation.reserved;
    event.latency_ms = std::max<std::int64_t>((now.micros - reservation.created_at.micros) / 1000, 0);
    event.attempts = 1;
    event.status = domain::CallStatus::error;
    event.cause = "daemon_stopped";
    event.completion = reservation.stream ? "error" : "";
    event.flags.set(domain::CallFlag::estimated);
    event.flags.set(domain::CallFlag::recovered);
    event.error_message = "daemon stopped while the call was in flight";
    event.rules_id = reservation.rules_id;
    event.created_at = now;
    auto promise = std::make_shared<std::promise<Result<void>>>();
    written.push_back(promise->get_future());
    writers.submit(
        file, store::Queue::settle,
        [event = std::move(event), group](store::Transaction& tx) {
          auto finished = store::finish_idempotency_key(tx, event.request_id, unanswered);
          return finished ? store::settle_call(tx, event, group) : finished;
        },
        [promise](Result<void> result) { promise->set_value(std::move(result)); });
  }
  Result<void> all;
  for (std::size_t i = 0; i < written.size(); ++i) {
    auto settled = written[i].get();
    if (!settled) {
      all = std::move(settled);
      continue;
    }
    log::warn("settled a call that the last stop left open",
              {{log::Field::request_id, (*open)[i].request_id.text()},
               {log::Field::credits, (*open)[i].reserved.value()}});
  }
  return all;
}

}  // namespace

Credits Spend::of(domain::Period period) const {
  switch (period) {
    case domain::Period::daily:
      return day;
    case domain::Period::monthly:
      return month;
    case domain::Period::total:
      break;
  }
  return total;
}

Tenant::Tenant(OrgId id, std::string path, const Services& services)
    : id_(id), path_(std::move(path)), services_(services), state_(std::make_unique<State>()) {}

Tenant::~Tenant() = default;

Result<std::shared_ptr<Tenant>> Tenant::open(const OrgId& id, const std::string& path,
                                             const Services& services) {
  auto file = services.writers->open(path, store::FileKind::org, id);
  if (!file) return std::unexpected(file.error());
  std::shared_ptr<Tenant> tenant(new Tenant(id, path, services));
  tenant->file_ = *file;
  const auto give_up = [&](const Error& error) {
    services.writers->close(*file);
    return std::unexpected(error);
  };

  auto reader = store::Connection::open(path, store::Access::read);
  if (!reader) return give_up(reader.error());
  auto config = store::load_org_config(**reader);
  if (!config) return give_up(config.error());
  if (config->org.id != id) return give_up({Code::corrupt, "the file is another org's", "", ""});
  auto data_keys = open_data_keys(*services.keyring, *config);
  if (!data_keys) return give_up(data_keys.error());
  auto snapshot = Snapshot::build(std::move(*config));
  if (!snapshot) return give_up(snapshot.error());
  const BillingGroupId group = (*snapshot)->config().org.billing_group;

  const std::string revocations = store::revocations_path(services.anchors_dir, id);
  if (auto ok = store::mend_revocations(revocations, (*snapshot)->config()); !ok) {
    log::warn("the journal of revoked keys could not be mended", {{log::Field::file, revocations}});
  }
  if (auto ok = store::mend_anchor_log(**reader, id, services.anchors_dir); !ok) {
    log::warn("the anchors' log could not be mended", {{log::Field::org, (*snapshot)->root().slug}});
  }

  State& state = *tenant->state_;
  const Timestamp now = services.clock->now();
  // A day that a charge was made in is open, though the clock has stepped back out of it since.
  constexpr std::int64_t two_days = std::int64_t{2} * 86'400 * micros_per_second;
  auto latest = store::latest_event(**reader, Timestamp{now.micros + two_days});
  if (!latest) return give_up(latest.error());
  state.meters.open(now, latest->value_or(now));
  const Timestamp at = state.meters.charge_time(now).at;
  if (auto ok = settle_leftovers(*services.writers, **file, **reader, group, at); !ok)
    return give_up(ok.error());

  state.data_keys = std::move(*data_keys);
  for (const auto& row : (*snapshot)->config().data_keys) {
    if (!row.retired_at) state.active_data_key = row.id;
  }
  auto balance = store::ledger_sum(**reader, group);
  if (!balance) return give_up(balance.error());
  state.meters.balance = balance->value();
  auto spend = store::spend_by_key(**reader, state.meters.day_start(), state.meters.month_start());
  if (!spend) return give_up(spend.error());
  for (const auto& row : *spend) {
    Meters::spend(state.meters.chain(row.scope), row.total.value(), row.month.value(), row.day.value());
  }
  auto keys = store::list_idempotency_keys(**reader, Timestamp{now.micros - IdempotencyKeys::retention},
                                           static_cast<std::int64_t>(IdempotencyKeys::recent) + 1);
  if (!keys) return give_up(keys.error());
  auto oldest = store::oldest_idempotency_key(**reader);
  if (!oldest) return give_up(oldest.error());
  state.idempotency.load(std::move(*keys), *oldest);
  state.snapshot = std::move(*snapshot);
  return tenant;
}

std::shared_ptr<const Snapshot> Tenant::snapshot() const {
  const std::scoped_lock lock(state_->mutex);
  return state_->snapshot;
}

void Tenant::journal_revocations(const Snapshot& fresh) const {
  const auto revoked = store::revoked_between(snapshot()->config(), fresh.config(), services_.clock->now());
  const std::string path = store::revocations_path(services_.anchors_dir, id_);
  if (auto kept = store::append_revocations(path, revoked); !kept) {
    // The next start appends what is missing.
    log::warn("the journal of revoked keys could not be written", {{log::Field::file, path}});
  }
}

asio::awaitable<Result<void>> Tenant::commit_change(store::Work work, bool dry_run) {
  auto next = std::make_shared<std::shared_ptr<const Snapshot>>();
  auto self = shared_from_this();
  store::Work wrapped = [work = std::move(work), next,
                         dry_run](store::Transaction& tx) mutable -> Result<void> {
    if (auto ok = work(tx); !ok) return ok;
    auto config = store::load_org_config(tx.connection());
    if (!config) return std::unexpected(config.error());
    auto snapshot = Snapshot::build(std::move(*config));
    if (!snapshot) return std::unexpected(snapshot.error());
    if (dry_run) return std::unexpected(dry_run_rollback());
    *next = std::move(*snapshot);
    return {};
  };
  // The swap happens in the writer's order of commits, whatever thread the callers resume on.
  auto swap = [self, next](Result<void>& result) {
    if (!result) return;
    const Snapshot& fresh = **next;
    self->journal_revocations(fresh);
    {
      const std::scoped_lock lock(self->state_->mutex);
      self->state_->snapshot = *next;
      self->wake_waiters();
    }
    self->state_->in_flight.judge(fresh);
  };
  co_return co_await commit_then(services_, *file_, store::Queue::bounded, std::move(wrapped), std::move(swap));
}

asio::awaitable<Result<store::Appended>> Tenant::append(domain::LedgerEntry entry, domain::AuditRecord audit,
                                                        bool allow_negative, bool dry_run) {
  auto self = shared_from_this();
  auto appended = std::make_shared<store::Appended>();
  store::Work work = [=](store::Transaction& tx) -> Result<void> {
    auto stored = store::append_entry(tx, entry);
    if (!stored) return std::unexpected(stored.error());
    *appended = std::move(*stored);
    if (appended->replayed) return {};
    auto sum = store::ledger_sum(tx.connection(), entry.group_id);
    if (!sum) return std::unexpected(sum.error());
    if (sum->value() < 0 && entry.amount.value() < 0 && !allow_negative) {
      return fail(Code::insufficient_credits, fmt::format("the balance would fall to {} credits", sum->value()),
                  fmt::format("govctl ledger adjust {} {} --reason REASON --allow-negative",
                              self->snapshot()->root().slug, entry.amount.value()));
    }
    if (sum->value() > max_balance || sum->value() < -max_balance) {
      return fail(Code::invalid, "the balance would leave ±2^62 credits");
    }
    if (auto ok = store::append_audit(tx, audit); !ok) return ok;
    return dry_run ? std::unexpected(dry_run_rollback()) : Result<void>{};
  };
  auto apply = [self, appended, amount = entry.amount](Result<void>& result) {
    if (!result || appended->replayed) return;
    const std::scoped_lock lock(self->state_->mutex);
    self->state_->meters.balance += amount.value();
    self->wake_waiters();
  };
  auto done = co_await commit_then(services_, *file_, store::Queue::bounded, std::move(work), std::move(apply));
  if (!done && !(dry_run && is_dry_run_rollback(done.error()))) co_return std::unexpected(done.error());
  co_return *appended;
}

asio::awaitable<Result<store::Appended>> Tenant::refund(RequestId request, std::optional<Credits> amount,
                                                        std::string idempotency_key, std::string reason,
                                                        domain::AuditRecord audit, bool dry_run) {
  struct Found {
    store::Appended appended;
    domain::UsageEvent event;
  };
  auto self = shared_from_this();
  auto found = std::make_shared<Found>();
  store::Work work = [=](store::Transaction& tx) -> Result<void> {
    auto event = store::find_event(tx.connection(), request);
    if (!event) return std::unexpected(event.error());
    if (!*event) return fail(Code::not_found, fmt::format("no call {} in this org", request.text()));
    found->event = (*event)->event;
    domain::LedgerEntry entry;
    entry.idempotency_key = "refund:" + idempotency_key;
    // A retry that names no amount means what it took the first time, not what is left by now.
    auto stored = store::find_entry(tx.connection(), entry.idempotency_key);
    if (!stored) return std::unexpected(stored.error());
    auto before = store::refunded(tx.connection(), request);
    if (!before) return std::unexpected(before.error());
    const std::int64_t left = found->event.credits_charged.value() - before->value();
    const std::int64_t wanted = amount ? amount->value() : *stored ? (*stored)->entry.amount.value() : left;
    if (!*stored && (wanted <= 0 || wanted > left)) {
      return fail(Code::conflict,
                  fmt::format("call {} was charged {} credits, {} of them are refunded; {} cannot be refunded",
                              request.text(), found->event.credits_charged.value(), before->value(), wanted),
                  fmt::format("govctl explain {}", request.text()));
    }

    entry.id = EntryId::mint(self->services_.clock->now().millis());
    entry.group_id = self->snapshot()->config().org.billing_group;
    entry.amount = Credits::of(wanted);
    entry.type = domain::EntryType::refund;
    entry.request_id = request;
    if (!reason.empty()) entry.metadata = nlohmann::json{{"reason", reason}}.dump();
    entry.actor = audit.actor;
    entry.created_at = self->services_.clock->now();
    auto appended = store::append_entry(tx, entry);
    if (!appended) return std::unexpected(appended.error());
    found->appended = std::move(*appended);
    if (found->appended.replayed) return {};
    if (auto ok = store::append_audit(tx, audit); !ok) return ok;
    return dry_run ? std::unexpected(dry_run_rollback()) : Result<void>{};
  };
  auto apply = [self, found](Result<void>& result) {
    if (!result || found->appended.replayed) return;
    const std::scoped_lock lock(self->state_->mutex);
    Meters& meters = self->state_->meters;
    meters.roll(self->services_.clock->now());
    const std::int64_t credits = found->appended.entry.amount.value();
    const Timestamp charged = found->event.created_at;
    meters.balance += credits;
    Meters::spend(meters.chain(found->event.scope), -credits, charged >= meters.month_start() ? -credits : 0,
                  charged >= meters.day_start() ? -credits : 0);
    self->wake_waiters();
  };
  auto done = co_await commit_then(services_, *file_, store::Queue::bounded, std::move(work), std::move(apply));
  if (!done && !(dry_run && is_dry_run_rollback(done.error()))) co_return std::unexpected(done.error());
  co_return found->appended;
}

Balance Tenant::balance() const {
  const std::scoped_lock lock(state_->mutex);
  return {Credits::of(state_->meters.balance), Credits::of(state_->meters.held)};
}

Spend Tenant::spend(const Uuid& node) const {
  const std::scoped_lock lock(state_->mutex);
  state_->meters.roll(services_.clock->now());
  const Meter* meter = state_->meters.find(node);
  if (meter == nullptr) return {};
  return {Credits::of(meter->total), Credits::of(meter->month), Credits::of(meter->day),
          Credits::of(meter->held)};
}

bool Tenant::exhausted(const Snapshot& snapshot, const Node& agent) const {
  const auto nodes = snapshot.chain(agent);
  return std::ranges::any_of(nodes, [&](const Node* node) {
    return node != nullptr && std::ranges::any_of(node->budgets, [&](std::size_t row) {
             const domain::Budget& budget = snapshot.config().budgets[row];
             return budget.auto_disable && spend(node->id).of(budget.period) >= budget.limit;
           });
  });
}

Result<Tenant::Sealed> Tenant::seal(const secrets::Secret& plain, const std::string& provider,
                                    const CredentialId& row) const {
  const std::scoped_lock lock(state_->secrets_mutex);
  const auto key = state_->data_keys.find(state_->active_data_key);
  if (key == state_->data_keys.end() && services_.keyring->sealed()) return is_sealed();
  if (key == state_->data_keys.end()) return fail(Code::internal, "the org has no active data key");
  const secrets::Binding binding{id_, provider, row.bytes, key->first};
  return Sealed{key->first, key->second.seal(plain, binding)};
}

Result<bool> Tenant::holds(const domain::Credential& row, const secrets::Secret& plain) const {
  const std::scoped_lock lock(state_->secrets_mutex);
  const auto key = state_->data_keys.find(row.data_key_id);
  if (key == state_->data_keys.end()) return fail(Code::corrupt, "the credential's data key is not there");
  auto stored = key->second.open(row.sealed, {id_, row.provider, row.id.bytes, row.data_key_id});
  if (!stored) return std::unexpected(stored.error());
  return stored->reveal() == plain.reveal();
}

Result<std::shared_ptr<const secrets::Secret>> Tenant::credential(const Snapshot& snapshot,
                                                                  std::string_view provider) const {
  const auto& rows = snapshot.config().credentials;
  // The newest active one: a rotation adds before it removes.
  const domain::Credential* best = nullptr;
  for (const auto& row : rows) {
    if (row.active && row.provider == provider && (best == nullptr || row.created_at >= best->created_at))
      best = &row;
  }
  if (best == nullptr) return fail(Code::no_credential, "no credential");
  const std::scoped_lock lock(state_->secrets_mutex);
  auto& open = state_->credentials[best->id];
  if (open.secret && open.version == best->version) return open.secret;
  const auto key = state_->data_keys.find(best->data_key_id);
  if (key == state_->data_keys.end() && services_.keyring->sealed()) return is_sealed();
  if (key == state_->data_keys.end()) return fail(Code::corrupt, "the credential's data key is not there");
  auto secret = key->second.open(best->sealed, {id_, best->provider, best->id.bytes, best->data_key_id});
  if (!secret) return std::unexpected(secret.error());
  open = {best->version, std::make_shared<const secrets::Secret>(std::move(*secret))};
  return open.secret;
}

InFlight::Watch Tenant::watch(const Caller& caller, asio::any_io_executor executor, InFlight::Stop stop) {
  auto watch = state_->in_flight.enter(caller.key->id, std::move(executor), std::move(stop));
  // Entered first, then looked: a change is seen here, or its judging sees the entry.
  if (const auto now = snapshot(); now != caller.snapshot) state_->in_flight.judge(*now);
  return watch;
}

std::size_t Tenant::inflight() const {
  const std::scoped_lock lock(state_->mutex);
  return state_->meters.inflight;
}

}  // namespace govctl::tenant
