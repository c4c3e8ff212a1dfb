#pragma once
// The journal of keys that were revoked, beside the anchors and outside the databases: a file that is only
// appended to, so that a database restored from before does not bring a revoked key back (30-ledger.md
// "Backup").

#include <string>
#include <vector>

#include "daemon/domain/config.h"
#include "daemon/store/writer.h"

namespace govctl::store {

struct Revocation {
  KeyId key;
  Timestamp at;
  std::string reason;
};

// <anchors_dir>/<org id>.revoked
std::string revocations_path(const std::string& anchors_dir, const OrgId& org);
// An absent file has none; a torn last line is not there.
Result<std::vector<Revocation>> read_revocations(const std::string& path);
// One write, fsynced.
Result<void> append_revocations(const std::string& path, const std::vector<Revocation>& revoked);
// The keys that `before` has unrevoked and `now` has revoked or no more.
std::vector<Revocation> revoked_between(const domain::OrgConfig& before, const domain::OrgConfig& now,
                                        Timestamp at);
// At start: what the database has and the journal lacks, as after a crash between the two, is appended.
Result<void> mend_revocations(const std::string& path, const domain::OrgConfig& config);
// Revokes what the journal has revoked and the restored file has not. How many keys that were.
Result<std::int64_t> apply_revocations(Transaction& tx, const std::vector<Revocation>& revoked);

}  // namespace govctl::store
