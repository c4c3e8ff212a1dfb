#pragma once
// The offline and online proof: every row hashed again, the chain followed, signatures and anchors checked,
// events and entries matched one to one (30-ledger.md "Anchors").

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "daemon/domain/chain.h"
#include "daemon/store/connection.h"
#include "daemon/store/writer.h"

namespace govctl::store {

// Ed25519 over a message; made by secrets/, passed in so that store does not know keys.
struct Signer {
  std::function<std::vector<std::uint8_t>(std::span<const std::uint8_t>)> sign;
  std::function<bool(std::span<const std::uint8_t>, std::span<const std::uint8_t>)>
      verify;  // message, signature
};

struct Anchor {
  OrgId org;
  domain::ChainTable table = domain::ChainTable::ledger;
  std::int64_t seq = 0;
  domain::Hash hash{};
  std::int64_t sum = 0;  // of ledger amounts, of credits charged, 0 for audit
  Timestamp created_at;
  std::vector<std::uint8_t> signature;
};
// What is signed: org || table || seq || hash || sum, binary.
std::vector<std::uint8_t> anchor_message(const Anchor& anchor);

// Signs the committed heads that have moved since their last anchor: the row in `anchors` (an operation of the
// writer), and after COMMIT a line of JSON in `<anchors_dir>/<org id>.log`, the catalog's in `catalog.log`
// (fsynced). Blocking; never on an io_context's thread.
Result<std::size_t> write_anchors(Writers& writers, File& file, const OrgId& org,
                                  const std::string& anchors_dir, const Signer& signer, Timestamp now);
// At start: lines that the database has and the log lacks are appended; a torn last line is no tampering.
Result<void> mend_anchor_log(Connection& connection, const OrgId& org, const std::string& anchors_dir);

struct TableReport {
  domain::ChainTable table = domain::ChainTable::ledger;
  std::int64_t rows = 0;
  domain::ChainHead head;
  std::string fault;  // empty: sound. "row 17: the hash does not match", "the tail was cut: anchor at 1000,
                      // last row 998"
};
struct Report {
  std::vector<TableReport> tables;
  std::int64_t anchors = 0;
  [[nodiscard]] bool ok() const;
};
// Reads in one read transaction, so that a serving daemon does not disturb it. A row that was changed, removed,
// added, reordered or brought from another org is found; so is a cut tail that an anchor (row or log line)
// covers, an anchor with a false signature, an event without its entry and an entry without its event, and an
// index that does not say what its table's rows say. With `expected`, the heads and the ledger sum are compared
// too (memory against disk).
struct Expected {
  std::array<domain::ChainHead, domain::chain_table_count> heads;  // at least these rows must be there
  std::optional<std::int64_t> ledger_sum;                          // of the rows up to the ledger's head
};
// An Error: the proof could not be made. What is wrong with the rows is in the report. The signer's verify is
// called on another thread.
Result<Report> verify_file(Connection& connection, FileKind kind, const OrgId& org,
                           const std::string& anchors_dir, const Signer& signer, const Expected* expected);

}  // namespace govctl::store
