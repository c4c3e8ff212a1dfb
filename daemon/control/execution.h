#pragma once
// An org's plan carried out, inside one operation of the writer of its file.

#include "daemon/control/apply.h"

namespace govctl::control {

// Where the org's secrets are compared and sealed.
struct Vault {
  std::function<Result<bool>(const domain::Credential&, const secrets::Secret&)> holds;
  std::function<Result<void>(const secrets::Secret&, domain::Credential&)> seal;
  std::function<const secrets::Secret*(const Thing& declared)> secret_of;  // null: none was given
};

// Keys that were made, with their secrets; their hashes are to be indexed after COMMIT.
struct MadeKeys {
  std::vector<api::Key> shown;
  std::vector<domain::Hash> hashes;
};

// Each change with its audit row, and one for the whole. `snapshot`: of the org as it is; null in a file that
// was made with the org's own row alone.
Result<MadeKeys> execute(store::Transaction& tx, const Author& author, const Comparison& comparison,
                         const tenant::Snapshot* snapshot, const Vault& vault);

}  // namespace govctl::control
