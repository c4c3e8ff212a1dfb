#pragma once
// One file as its writer's thread sees it: its only writing connection, a transaction for each batch,
// checkpoints, and what a damaged file or a full or failing disk leads to.

#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "daemon/store/ballast.h"
#include "daemon/store/file_system.h"
#include "daemon/store/journal.h"
#include "daemon/store/writer.h"

namespace govctl::store {

struct Operation {
  Queue queue = Queue::bounded;
  Work work;
  Done done;
  bool leads = false;  // first of its batch: when it fails, what stands behind it is not run and fails with it
};

// A record on its way into the journal.
struct PendingCall {
  CallRecord record;
  Done done;
  std::size_t bytes = 0;  // of its encoding
};

class Worker;
class File;
class FileCopy;  // store/file_copy.h

// Runs on the writer's thread outside of a transaction; with null when the file was closed before.
using Aside = std::move_only_function<void(File*)>;

class File {
 public:
  static Result<std::shared_ptr<File>> open(const std::string& path, FileKind kind, const OrgId& org,
                                            const WriterOptions& options, const Clock& clock,
                                            std::shared_ptr<Ballast> ballast);
  ~File();
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  // --- the writer's thread

  // Runs the operations in one transaction and commits it: results[i] is what batch[i]'s caller is told. An
  // Error returned here is fatal: the disk's state is unknown.
  Result<void> commit(std::vector<Operation>& batch, std::vector<Result<void>>& results);
  // Copies the log into the database once it has grown, or (idle) whatever is there. An Error is fatal.
  Result<void> checkpoint(bool idle);
  // Takes the ballast back once there is room.
  void mend_ballast();
  // The connection is gone afterwards. `clean`: with an empty log, and without a journal.
  void close(bool clean);
  // The next slice of the copy that is being made to `to`, or the first of a new one. The heads: the copy is
  // whole, and as of now. After an Error nothing is under way.
  Result<std::optional<Heads>> copy_slice(const std::string& to);
  // What was promised cannot be written: from here on nothing is, until the file is restored.
  void leave_alone();

  // --- the journal's thread

  Journal& journal() { return journal_; }
  bool room_for_calls() { return room_for_calls_.left(); }

  // --- any thread

  [[nodiscard]] Heads committed() const;
  // Why nothing is written to it any more.
  [[nodiscard]] std::optional<Error> damage() const;
  [[nodiscard]] const std::string& path() const { return path_; }

  // What its Worker keeps of it, under the worker's mutex; `stuck` is that thread's own.
  struct Schedule {
    Worker* worker = nullptr;
    std::vector<Operation> queue;
    std::deque<Aside> aside;        // what runs between batches
    std::size_t bounded = 0;        // operations of the queue that count against its limit
    std::vector<CallRecord> calls;  // durable in the journal, to be written before the queue
    std::uint64_t frame = 0;        // the journal's frame that the last of them came in
    bool ready = false;
    bool lingers = false;  // its calls have a time at which they are written
    bool writing = false;
    bool stuck = false;    // its calls could not be written when they were tried last
    bool doubted = false;  // one of them was refused: the next try leaves out what is there already
    bool closing = false;
    bool closed = false;
  };
  Schedule schedule;

  // What the thread of its journal keeps of it, under that thread's mutex.
  struct Calls {
    std::vector<PendingCall> pending;
    std::string bytes;              // of the pending ones, encoded
    std::size_t bounded = 0;        // of them, those that count against the limit
    std::size_t in_last_frame = 0;  // records
    std::uint64_t applied = 0;      // the journal's frames up to this one are in SQLite
    bool stuck = false;             // the next ones cannot be, for now
    bool ready = false;
    bool busy = false;
    bool closing = false;
  };
  Calls calls;

 private:
  File(std::string path, const OrgId& org, std::unique_ptr<Connection> connection, const WriterOptions& options,
       const Clock& clock, std::shared_ptr<Ballast> ballast);
  // One transaction with the operations whose runs_ is set. SQLITE_OK: committed, and results tell which
  // operations failed alone. Else nothing is, and why not.
  int attempt(std::vector<Operation>& batch, std::vector<Result<void>>& results);
  // SQLITE_OK with one_failed set: nothing is committed, because an operation without a savepoint failed.
  int run_all(std::vector<Operation>& batch, std::vector<Result<void>>& results, bool savepoints,
              bool& one_failed);
  int run_one(Operation& operation, Result<void>& result, bool savepoint);
  int execute(const char* sql);
  void roll_back();
  // Writes what the journal held of calls that SQLite lacks, and takes the journal away.
  Result<void> bring_in(std::span<const CallRecord> journal);
  // A full disk shows as an I/O error where a quota or the shared memory file met it.
  [[nodiscard]] int refine(int code);

  std::string path_;
  std::unique_ptr<Connection> connection_;
  const WriterOptions& options_;
  std::unique_ptr<FileCopy> copy_;    // being made; goes before its connection
  std::shared_ptr<Ballast> ballast_;  // null in the catalog
  Transaction transaction_;
  int log_pages_ = 0;       // in the write-ahead log, as of the last commit
  int attended_pages_ = 0;  // of them, copied into the database, or not to be tried again before there are more
  FreeSpace room_;
  std::vector<bool> runs_;  // which operations of the batch are not refused already
  Journal journal_;
  FreeSpace room_for_calls_;

  mutable std::mutex told_mutex_;  // what other threads are told
  Heads committed_;
  std::optional<Error> damage_;
};

}  // namespace govctl::store
