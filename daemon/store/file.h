#pragma once
// One file as its writer's thread sees it: its only writing connection, a transaction for each batch,
// checkpoints, and what a damaged file or a full or failing disk leads to.

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "daemon/store/ballast.h"
#include "daemon/store/writer.h"

namespace govctl::store {

struct Operation {
  Queue queue = Queue::bounded;
  Work work;
  Done done;
};

class Worker;

class File {
 public:
  static Result<std::shared_ptr<File>> open(const std::string& path, FileKind kind, const OrgId& org,
                                            const WriterOptions& options, const Clock& clock,
                                            std::shared_ptr<Ballast> ballast);
  ~File();
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  // --- the writer's thread
  // --------------------------------------------------------------------------------------- Runs the operations
  // in one transaction and commits it: results[i] is what batch[i]'s caller is told. An Error returned here is
  // fatal: the disk's state is unknown.
  Result<void> commit(std::vector<Operation>& batch, std::vector<Result<void>>& results);
  // Copies the log into the database once it has grown, or (idle) whatever is there. An Error is fatal.
  Result<void> checkpoint(bool idle);
  // Takes the ballast back once there is room.
  void mend_ballast();
  // The connection is gone afterwards. `clean`: with an empty log.
  void close(bool clean);

  // --- any thread
  // --------------------------------------------------------------------------------------------------
  [[nodiscard]] Heads committed() const;
  [[nodiscard]] const std::string& path() const { return path_; }

  // What its Worker keeps of it, under the worker's mutex.
  struct Schedule {
    Worker* worker = nullptr;
    std::vector<Operation> queue;
    std::size_t bounded = 0;  // operations of the queue that count against its limit
    bool ready = false;
    bool closing = false;
    bool closed = false;
  };
  Schedule schedule;

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
  [[nodiscard]] bool room_left();
  // A full disk shows as an I/O error where a quota or the shared memory file met it.
  [[nodiscard]] int refine(int code);

  std::string path_;
  std::unique_ptr<Connection> connection_;
  const WriterOptions& options_;
  const Clock& clock_;
  std::shared_ptr<Ballast> ballast_;  // null in the catalog
  Transaction transaction_;
  std::optional<Error> quarantined_;
  int log_pages_ = 0;       // in the write-ahead log, as of the last commit
  int attended_pages_ = 0;  // of them, copied into the database, or not to be tried again before there are more
  std::int64_t room_checked_ = 0;
  bool room_ = true;
  std::vector<bool> runs_;  // which operations of the batch are not refused already

  mutable std::mutex heads_mutex_;
  Heads committed_;
};

}  // namespace govctl::store
