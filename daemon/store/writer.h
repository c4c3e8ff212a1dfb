#pragma once
// The writer threads (30-ledger.md "Writing to disk"). Each file is owned by exactly one of them: its one
// connection writes and checkpoints. A writer drains a file's queue (up to 512 operations) into one
// transaction, each operation in a SAVEPOINT so that a failure fails that one alone, COMMITs with
// synchronous=FULL, and only then tells the callers.
//
// A gateway's calls take a shorter way: their records are durable in the file's journal (store/journal.h),
// which one thread a writer writes, when their callers are told, and rows of SQLite a moment later, always
// before any operation that was submitted after they were told.

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "common/clock.h"
#include "common/error.h"
#include "daemon/domain/chain.h"
#include "daemon/store/block_file.h"
#include "daemon/store/call_records.h"
#include "daemon/store/connection.h"
#include "daemon/store/migrations.h"

namespace govctl::store {

// Where a file's chains stand.
struct Heads {
  std::array<domain::ChainHead, domain::chain_table_count> chain{};
  // What the rows up to the head add up to: the ledger's amounts, the events' credits charged, 0 for the audit
  // log. Never stored but signed in an anchor; for the bounds of a balance and for anchors.
  std::array<std::int64_t, domain::chain_table_count> sum{};
  bool operator==(const Heads&) const = default;
};

// What an operation sees: the file's connection inside the open transaction, and the heads of its chains, which
// the append functions (store/chain_rows.h) move on. A savepoint that is rolled back puts the heads back.
class Transaction {
 public:
  Transaction(Connection& connection, const OrgId& org) : connection_(connection), org_(org) {}
  Connection& connection() { return connection_; }
  [[nodiscard]] const OrgId& org() const { return org_; }  // empty in the catalog
  domain::ChainHead& head(domain::ChainTable table) { return heads_.chain[static_cast<std::size_t>(table)]; }
  std::int64_t& sum(domain::ChainTable table) { return heads_.sum[static_cast<std::size_t>(table)]; }
  Heads& heads() { return heads_; }
  domain::RowEncoder& encoder() { return encoder_; }  // kept for its memory

 private:
  Connection& connection_;
  OrgId org_;
  Heads heads_;
  domain::RowEncoder encoder_;
};

using Work = std::move_only_function<Result<void>(Transaction&)>;
using Done = std::move_only_function<void(Result<void>)>;

// Work in the queue `settle` may be run a second time, after all of its batch was rolled back: it leaves what
// it captured as it is. That saves it a savepoint: where all operations of a batch are of that kind, they run
// in the bare transaction, and once more in savepoints when one of them failed.
enum class Queue {
  bounded,  // administrators' changes: refused with unavailable when the queue is full
  settle,   // never refused: it was promised already
};

class File;  // one open file of a writer

struct WriterOptions {
  unsigned threads = 2;
  std::size_t queue_limit = 10'000;  // bounded operations waiting per file
  std::size_t batch = 512;
  std::int64_t min_free_bytes = std::int64_t{64} << 20;  // below it, bounded operations get unavailable
  std::int64_t ballast_bytes = std::int64_t{16}
                               << 20;  // kept beside the org files, freed for settles on a full disk
  std::uint64_t journal_segment_bytes = std::uint64_t{2} << 20;
  BlockFileMaker make_journal = make_block_file;
};

class Writers {
 public:
  // `fatal` is called once on a failed fsync or I/O error that leaves the disk's state unknown: the daemon must
  // stop.
  Writers(WriterOptions options, const Clock& clock, std::function<void(const Error&)> fatal);
  // Runs what is queued, then stops: settles are not lost.
  ~Writers();
  Writers(const Writers&) = delete;
  Writers& operator=(const Writers&) = delete;

  // Opens or creates the file at `path`, migrates it, brings in what a crash left in its journal, reads the
  // heads of its chains, and gives it to a writer. Blocking. corrupt when it is damaged, conflict when it is
  // newer than this program.
  Result<std::shared_ptr<File>> open(const std::string& path, FileKind kind, const OrgId& org);
  // Waits for what is queued, then closes the file. Blocking.
  void close(const std::shared_ptr<File>& file);

  // Any thread; does not block on the disk. `done` may be empty.
  void submit(File& file, Queue queue, Work work, Done done);
  // The same for a record of a call: `done` is told once it is durable in the journal. Only Settled is never
  // refused for a full queue, and is tried on a disk that is nearly full.
  void submit_call(File& file, CallRecord record, Done done);
  // Records of calls whose callers were told are not rows yet: an operation submitted now runs after they are.
  [[nodiscard]] bool behind(const File& file) const;
  // Waits for the commit; for start-up and tests, never on an io_context's thread.
  Result<void> run(File& file, Work work);
  // A copy of the database in the new file `to` (0600, on disk when this returns), while it is written to: as
  // of the instant at which its last slice is taken, whose heads this returns. Made by SQLite's backup API on
  // the writer's own connection, in slices between batches. Blocking, as run(). conflict when a copy of the
  // file is being made already.
  Result<Heads> copy(File& file, const std::string& to);

  // The heads as of the last COMMIT.
  [[nodiscard]] std::array<domain::ChainHead, domain::chain_table_count> committed_heads(
      const File& file) const;
  [[nodiscard]] Heads committed(const File& file) const;  // with the sums, at one instant
  [[nodiscard]] const std::string& path(const File& file) const;
  [[nodiscard]] std::size_t queued(const File& file) const;
  // What waits in all files: for the journals, and for the writers.
  struct Depth {
    std::size_t journal = 0, writer = 0;
  };
  [[nodiscard]] Depth depth() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace govctl::store
