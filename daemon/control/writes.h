#pragma once
// One row made, changed or removed together with its audit row, inside an operation of its file's writer: what
// a route does to one thing and the apply of a document to many. Rows come checked and whole; `path` is the
// thing's, or that of what it hangs on.

#include <string>

#include "common/api/platform.h"
#include "common/api/rules.h"
#include "daemon/control/changes.h"

namespace govctl::control {

using store::Transaction;

// --- made: id and times are the row's own. conflict: the name is taken.
Result<void> make(Transaction& tx, const Author& author, const domain::Workspace& row, const std::string& path);
Result<void> make(Transaction& tx, const Author& author, const domain::AgentGroup& row,
                  const std::string& path);
Result<void> make(Transaction& tx, const Author& author, const domain::Agent& row, const std::string& path);
Result<void> make(Transaction& tx, const Author& author, const domain::ApiKey& row, const std::string& path);
Result<void> make(Transaction& tx, const Author& author, const domain::Policy& row, const std::string& path);
Result<void> make(Transaction& tx, const Author& author, const domain::Budget& row, const std::string& path);
Result<void> make(Transaction& tx, const Author& author, const domain::Credential& row,
                  const std::string& path);
Result<void> make(Transaction& tx, const Author& author, const domain::Provider& row);

// --- changed: the row as it is now stored, its version and time of change moved on; where nothing differs it
// is `before`, and nothing is written.
Result<domain::Org> change(Transaction& tx, const Author& author, const domain::Org& before, domain::Org row);
Result<domain::Workspace> change(Transaction& tx, const Author& author, const domain::Workspace& before,
                                 domain::Workspace row, const std::string& path);
Result<domain::AgentGroup> change(Transaction& tx, const Author& author, const domain::AgentGroup& before,
                                  domain::AgentGroup row, const std::string& path);
Result<domain::Agent> change(Transaction& tx, const Author& author, const domain::Agent& before,
                             domain::Agent row, const std::string& path);
Result<domain::ApiKey> change(Transaction& tx, const Author& author, const domain::ApiKey& before,
                              domain::ApiKey row, const std::string& path);
Result<domain::Policy> change(Transaction& tx, const Author& author, const domain::Policy& before,
                              domain::Policy row, const std::string& path);
Result<domain::Budget> change(Transaction& tx, const Author& author, const domain::Budget& before,
                              domain::Budget row, const std::string& path);
// `resealed`: the row has another secret.
Result<domain::Credential> change(Transaction& tx, const Author& author, const domain::Credential& before,
                                  domain::Credential row, bool resealed, const std::string& path);
Result<domain::Provider> change(Transaction& tx, const Author& author, const domain::Provider& before,
                                domain::Provider row);

// --- set: made, or put in the place of `before`.
Result<domain::ModelAlias> put(Transaction& tx, const Author& author,
                               const std::optional<domain::ModelAlias>& before, domain::ModelAlias row,
                               const std::string& path);
// Always a new version of the price.
Result<domain::ModelPrice> put(Transaction& tx, const Author& author,
                               const std::optional<domain::ModelPrice>& before, domain::ModelPrice row);

// --- removed; of a unit with all that is below it.
Result<void> remove(Transaction& tx, const Author& author, const domain::Workspace& row,
                    const std::string& path);
Result<void> remove(Transaction& tx, const Author& author, const domain::AgentGroup& row,
                    const std::string& path);
Result<void> remove(Transaction& tx, const Author& author, const domain::Agent& row, const std::string& path);
Result<void> remove(Transaction& tx, const Author& author, const domain::Policy& row, const std::string& path);
Result<void> remove(Transaction& tx, const Author& author, const domain::Budget& row, const std::string& path);
Result<void> remove(Transaction& tx, const Author& author, const domain::ModelAlias& row,
                    const std::string& path);
Result<void> remove(Transaction& tx, const Author& author, const domain::Credential& row,
                    const std::string& path);
// conflict: it ships with the program, or has prices.
Result<void> remove(Transaction& tx, const Author& author, const domain::Provider& row);
Result<void> remove(Transaction& tx, const Author& author, const domain::ModelPrice& row);
// A key is revoked: now, for `reason`.
Result<domain::ApiKey> revoke(Transaction& tx, const Author& author, domain::ApiKey row,
                              const std::string& reason, const std::string& path);

// --- checks and parts that both need
Result<void> check_row(const domain::Policy& row);
Result<void> check_row(const domain::Provider& row);
// worst-case or estimate.
Result<std::optional<bool>> parse_reserve(const std::optional<std::string>& word);
// The limit in credits, and in USD where it was given so, at the org's rate.
Result<void> set_limit(const std::optional<std::int64_t>& limit, const std::optional<std::string>& limit_usd,
                       std::int64_t credits_per_usd, domain::Budget& row);
// The targets in order. A target is never an alias, so that a list cannot lead back to itself; whether it has a
// price is seen at each call.
Result<std::vector<domain::ModelTarget>> targets_of(const domain::PlatformConfig& platform,
                                                    std::string_view name, const api::Names& texts);
// "cpk_" and 32 random bytes: shown once, stored nowhere.
std::string mint_key();
domain::ApiKey key_row(const std::string& key, AgentId agent, const std::string& name, Timestamp now);
// Takes the text over and wipes it. invalid: it is no provider's API key.
Result<secrets::Secret> take_secret(std::string& text);
// The last 4 characters, where that tells little of the rest.
std::string suffix_of(const secrets::Secret& secret);
domain::Provider provider_row(const api::ProviderCreate& body);

}  // namespace govctl::control
