#pragma once
// A backup brought back onto a stopped daemon's state, or only proven (30-ledger.md "Backup"). What is restored
// is unpacked, verified and made ready beside what is there, and changes places with it at the end, in steps
// that a crash cannot leave half done: the next start goes on with them. What was there is kept.

#include <string>
#include <string_view>
#include <vector>

#include "common/api/ledger.h"
#include "common/error.h"
#include "daemon/daemon.h"

namespace govctl {

struct RestoreWish {
  std::string archive;
  std::string org;           // one org's slug; empty: all that the backup holds
  bool verify_only = false;  // nothing is changed
  bool replace = false;      // what is there already makes room
  bool allow_older = false;  // anchors know of rows that the backup lacks
};

struct RestoreReport {
  std::string created_at, version, scope;  // "platform", or an org's slug
  bool ok = true;                          // the proof
  std::vector<api::VerifyTable> tables;
  std::int64_t anchors = 0;
  std::vector<std::string> left_out, notes;
  bool restored = false;
  std::string replaced;  // the directory that has what was there before, or empty
  std::int64_t epoch = 0, revoked = 0, released = 0;
  static constexpr auto fields() {
    return std::tuple{
        api::field("created_at", &RestoreReport::created_at, "when the backup was made"),
        api::field("version", &RestoreReport::version, "the govd that made it"),
        api::field("scope", &RestoreReport::scope),
        api::field("ok", &RestoreReport::ok),
        api::field("tables", &RestoreReport::tables),
        api::field("anchors", &RestoreReport::anchors),
        api::field("left_out", &RestoreReport::left_out, "orgs that could not be read when it was made"),
        api::field("notes", &RestoreReport::notes),
        api::field("restored", &RestoreReport::restored),
        api::field("replaced", &RestoreReport::replaced),
        api::field("epoch", &RestoreReport::epoch, "how often this state was restored"),
        api::field("revoked", &RestoreReport::revoked, "keys that were revoked after the backup was made"),
        api::field("released", &RestoreReport::released, "holds of calls that were in flight")};
  }
};

// conflict: a daemon serves this state, or something is there and `replace` is not set, or it is older than the
// anchors. invalid: it is no backup. A backup that is not sound is not restored: `ok` is false.
Result<RestoreReport> restore(const DaemonOptions& options, const RestoreWish& wish);

// Goes on with a restore that a crash has cut. Holding the state's lock; before anything is opened.
Result<void> finish_restore(const std::string& state_dir);

}  // namespace govctl
