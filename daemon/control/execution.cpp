#include "daemon/control/execution.h"

#include <algorithm>

#include "daemon/control/present.h"
#include "daemon/control/writes.h"
#include "daemon/store/budgets.h"

namespace govctl::control {
namespace {

// Carries a plan out, in the order of the things: parents first, and what is removed from below.
class Execution {
 public:
  Execution(Transaction& tx, const Author& author, const Vault& vault, const tenant::Snapshot* snapshot)
      : tx_(tx), author_(author), vault_(vault) {
    if (snapshot == nullptr) return;
    for (const auto& node : snapshot->nodes()) {
      if (node.level != Level::key) {
        ids_[{node.path, ""}] = node.id;
        continue;
      }
      const domain::ApiKey& key = snapshot->key(node);
      if (!key.revoked_at && !key.rotated_to) ids_[{node.path, key.name}] = node.id;
    }
  }

  Result<MadeKeys> run(const Comparison& comparison) {
    const std::string& org = comparison.declared.front().at.path;
    ids_[{org, ""}] = tx_.org().bytes;
    const auto& changes = comparison.plan.changes;
    for (const auto& change : changes) {
      if (change.action == Action::remove) continue;
      auto carried = std::visit([&](const auto& row) { return carry(change, row); }, change.after->row);
      if (!carried) return at_place(carried.error(), change.after->where);
    }
    for (auto change = changes.rbegin(); change != changes.rend(); ++change) {
      if (change->action != Action::remove || change->along) continue;
      auto gone = std::visit([&](const auto& row) { return drop(*change, row); }, change->before->row);
      if (!gone) return std::unexpected(gone.error());
    }
    if (!changes.empty()) {
      auto audited = audit_apply(tx_, author_, comparison, {"org", tx_.org().text(), org});
      if (!audited) return std::unexpected(audited.error());
    }
    return std::move(made_);
  }

 private:
  using Void = Result<void>;
  template <class T>
  static Void without_value(const Result<T>& result) {
    if (!result) return std::unexpected(result.error());
    return {};
  }
  template <class T>
  static const T& before_of(const Change& change) {
    return std::get<T>(change.before->row);
  }
  [[nodiscard]] const Uuid& id_of(const std::string& path, const std::string& key = {}) const {
    return ids_.at({path, key});
  }
  [[nodiscard]] const Uuid& parent_of(const std::string& path) const {
    return id_of(path.substr(0, path.rfind('/')));
  }

  template <class T>
  T fresh(const T& declared) const {
    T row = declared;
    row.id = decltype(row.id)::mint(author_.now.millis());
    row.created_at = row.updated_at = author_.now;
    return row;
  }

  Void carry(const Change& change, const domain::Org& declared) {
    if (change.before == nullptr) return {};  // the file was made with it
    domain::Org row = before_of<domain::Org>(change);
    row.name = declared.name;
    row.description = declared.description;
    row.active = declared.active;
    row.credits_per_usd = declared.credits_per_usd;
    row.overdraft = declared.overdraft;
    return without_value(control::change(tx_, author_, before_of<domain::Org>(change), std::move(row)));
  }

  // A workspace, group or agent, hung on its parent by `hang` where it is new.
  template <class Unit, class Hang>
  Void carry_unit(const Change& change, const Unit& declared, Hang hang) {
    const std::string& path = change.after->at.path;
    if (change.before != nullptr) {
      Unit row = before_of<Unit>(change);
      row.name = declared.name;
      row.description = declared.description;
      row.active = declared.active;
      return without_value(control::change(tx_, author_, before_of<Unit>(change), std::move(row), path));
    }
    Unit row = fresh(declared);
    hang(row);
    ids_[{path, ""}] = row.id.bytes;
    return make(tx_, author_, row, path);
  }
  Void carry(const Change& change, const domain::Workspace& declared) {
    return carry_unit(change, declared, [](domain::Workspace& /*row*/) {});
  }
  Void carry(const Change& change, const domain::AgentGroup& declared) {
    return carry_unit(change, declared, [&](domain::AgentGroup& row) {
      row.workspace = WorkspaceId{parent_of(change.after->at.path)};
    });
  }
  Void carry(const Change& change, const domain::Agent& declared) {
    return carry_unit(change, declared,
                      [&](domain::Agent& row) { row.group = AgentGroupId{parent_of(change.after->at.path)}; });
  }

  Void carry(const Change& change, const domain::ApiKey& declared) {
    const std::string& agent = change.after->at.path;
    if (change.before != nullptr) {
      domain::ApiKey row = before_of<domain::ApiKey>(change);
      row.limit = declared.limit;
      row.expires_at = declared.expires_at;
      return without_value(
          control::change(tx_, author_, before_of<domain::ApiKey>(change), std::move(row), agent));
    }
    const std::string secret = mint_key();
    domain::ApiKey row = key_row(secret, AgentId{id_of(agent)}, declared.name, author_.now);
    row.limit = declared.limit;
    row.expires_at = declared.expires_at;
    ids_[{agent, row.name}] = row.id.bytes;
    made_.hashes.push_back(row.hash);
    made_.shown.push_back(shown(row, agent, author_.now));
    made_.shown.back().key = secret;
    return make(tx_, author_, row, agent);
  }

  // What a policy or budget hangs on.
  template <class T>
  void hang(const Address& at, T& row) const {
    row.target = id_of(at.path, at.key);
    row.level = at.key.empty() ? static_cast<Level>(std::ranges::count(at.path, '/')) : Level::key;
  }
  // A declared rule in the place of one that is there.
  template <class T>
  static T in_place_of(const T& before, T row) {
    row.id = before.id;
    row.level = before.level;
    row.target = before.target;
    row.version = before.version;
    row.created_at = before.created_at;
    row.updated_at = before.updated_at;
    return row;
  }
  Void carry(const Change& change, const domain::Policy& declared) {
    const Address& at = change.after->at;
    if (change.before != nullptr) {
      const auto& before = before_of<domain::Policy>(change);
      return without_value(control::change(tx_, author_, before, in_place_of(before, declared), at.path));
    }
    domain::Policy row = fresh(declared);
    hang(at, row);
    return make(tx_, author_, row, at.path);
  }
  Void carry(const Change& change, const domain::Budget& declared) {
    const Address& at = change.after->at;
    if (change.before == nullptr) {
      domain::Budget row = fresh(declared);
      hang(at, row);
      return make(tx_, author_, row, at.path);
    }
    // As it is now: another rate of the org has moved limits in USD.
    auto now = store::find_budget(tx_.connection(), before_of<domain::Budget>(change).id);
    if (!now) return std::unexpected(now.error());
    const domain::Budget before = *now ? **now : before_of<domain::Budget>(change);
    return without_value(control::change(tx_, author_, before, in_place_of(before, declared), at.path));
  }

  Void carry(const Change& change, const domain::ModelAlias& declared) {
    domain::ModelAlias row = declared;
    row.created_at = row.updated_at = author_.now;
    std::optional<domain::ModelAlias> before;
    if (change.before != nullptr) before = before_of<domain::ModelAlias>(change);
    return without_value(put(tx_, author_, before, std::move(row), change.after->at.path));
  }

  Void carry(const Change& change, const domain::Credential& declared) {
    domain::Credential row = change.before == nullptr ? fresh(declared) : before_of<domain::Credential>(change);
    row.active = declared.active;
    if (change.before == nullptr && !change.secret) return {};  // in a dry run alone
    if (change.secret) {
      if (auto done = vault_.seal(*vault_.secret_of(*change.after), row); !done) return done;
    }
    const std::string& org = change.after->at.path;
    if (change.before == nullptr) return make(tx_, author_, row, org);
    return without_value(control::change(tx_, author_, before_of<domain::Credential>(change), std::move(row),
                                         change.secret, org));
  }

  // The platform's kinds are in no org's document.
  Void carry(const Change& /*change*/, const domain::Provider& /*declared*/) { return {}; }
  Void carry(const Change& /*change*/, const domain::ModelPrice& /*declared*/) { return {}; }

  Void drop(const Change& change, const domain::ApiKey& row) {
    return without_value(revoke(tx_, author_, row, "set " + author_.set + " lacks it", change.before->at.path));
  }
  Void drop(const Change& /*change*/, const domain::Org& /*row*/) { return {}; }  // declared by each document
  Void drop(const Change& /*change*/, const domain::Provider& /*row*/) { return {}; }
  Void drop(const Change& /*change*/, const domain::ModelPrice& /*row*/) { return {}; }
  template <class T>
  Void drop(const Change& change, const T& row) {
    return remove(tx_, author_, row, change.before->at.path);
  }

  Transaction& tx_;
  const Author& author_;
  const Vault& vault_;
  std::map<std::pair<std::string, std::string>, Uuid> ids_;  // by path and key's name
  MadeKeys made_;
};

}  // namespace

Result<MadeKeys> execute(Transaction& tx, const Author& author, const Comparison& comparison,
                         const tenant::Snapshot* snapshot, const Vault& vault) {
  return Execution(tx, author, vault, snapshot).run(comparison);
}

}  // namespace govctl::control
