#include "daemon/store/file.h"

#include <fmt/format.h>
#include <sqlite3.h>

#include <cerrno>

#include "daemon/store/chain_rows.h"
#include "daemon/store/file_copy.h"
#include "daemon/store/file_system.h"
#include "daemon/telemetry/log.h"
#include "daemon/telemetry/metrics.h"

namespace govctl::store {
namespace {

constexpr const char* begin_sql = "BEGIN IMMEDIATE";
constexpr const char* commit_sql = "COMMIT";
constexpr const char* rollback_sql = "ROLLBACK";
constexpr const char* savepoint_sql = "SAVEPOINT operation";
constexpr const char* rollback_to_sql = "ROLLBACK TO operation";
constexpr const char* release_sql = "RELEASE operation";

constexpr int checkpoint_pages = 4'096;  // 16 MiB of 4 KiB pages

Error damaged(const std::string& path) {
  return Error{
      Code::corrupt, fmt::format("{} is damaged: it is left alone until it is restored", path), {}, {}};
}
Error disk_full() { return Error{Code::unavailable, "the disk is full", {}, {}}; }
Error disk_failed() { return Error{Code::unavailable, "writing to the disk failed", {}, {}}; }

bool breaks_the_batch(int code) {
  return code == SQLITE_FULL || code == SQLITE_IOERR || code == SQLITE_CORRUPT || code == SQLITE_NOTADB ||
         code == SQLITE_NOMEM;
}

}  // namespace

Result<std::shared_ptr<File>> File::open(const std::string& path, FileKind kind, const OrgId& org,
                                         const WriterOptions& options, const Clock& clock,
                                         std::shared_ptr<Ballast> ballast) {
  // Before anything is changed: a journal of another version of govd must be brought in by that version.
  Result<std::vector<CallRecord>> journal;
  if (kind == FileKind::org) journal = read_journal(path, org);
  if (!journal) return std::unexpected(journal.error());
  auto connection = Connection::open(path, Access::write);
  if (!connection) return std::unexpected(connection.error());
  if (auto migrated = migrate(**connection, path, kind); !migrated) return std::unexpected(migrated.error());
  auto heads = read_heads(**connection, kind, org);
  if (!heads) return std::unexpected(heads.error());
  std::shared_ptr<File> file(new File(path, org, std::move(*connection), options, clock, std::move(ballast)));
  file->transaction_.heads() = *heads;
  file->committed_ = *heads;
  file->mend_ballast();
  if (kind == FileKind::org) {
    if (auto replayed = file->bring_in(*journal); !replayed) return std::unexpected(replayed.error());
  }
  return file;
}

File::File(std::string path, const OrgId& org, std::unique_ptr<Connection> connection,
           const WriterOptions& options, const Clock& clock, std::shared_ptr<Ballast> ballast)
    : path_(std::move(path)),
      connection_(std::move(connection)),
      options_(options),
      ballast_(std::move(ballast)),
      transaction_(*connection_, org),
      room_(path_, options.min_free_bytes, clock),
      journal_(Journal::path_beside(path_), org, options.journal_segment_bytes, options.make_journal),
      room_for_calls_(path_, options.min_free_bytes, clock) {
  const auto note_log = [](void* pages, sqlite3*, const char*, int in_log) {
    *static_cast<int*>(pages) = in_log;
    return SQLITE_OK;
  };
  sqlite3_wal_hook(connection_->database().getHandle(), note_log, &log_pages_);
}

File::~File() = default;

Heads File::committed() const {
  const std::scoped_lock lock(told_mutex_);
  return committed_;
}

std::optional<Error> File::damage() const {
  const std::scoped_lock lock(told_mutex_);
  return damage_;
}

void File::leave_alone() {
  log::error("a database file is damaged and is left alone", {{log::Field::file, path_}});
  const std::scoped_lock lock(told_mutex_);
  damage_ = damaged(path_);
}

Result<void> File::bring_in(std::span<const CallRecord> journal) {
  if (!journal.empty()) {
    std::vector<Operation> batch;
    batch.push_back({Queue::settle, [&](Transaction& tx) { return apply_calls(tx, journal, true); }, {}});
    std::vector<Result<void>> results;
    if (auto committed = commit(batch, results); !committed) return committed;
    if (!results.front()) return results.front();
  }
  return journal_.remove();
}

Result<void> File::commit(std::vector<Operation>& batch, std::vector<Result<void>>& results) {
  results.assign(batch.size(), {});
  if (const auto why = damage()) {
    results.assign(batch.size(), std::unexpected(*why));
    return {};
  }
  runs_.assign(batch.size(), true);
  bool settles = false;
  const bool room = room_.left();
  for (std::size_t i = 0; i < batch.size(); ++i) {
    settles = settles || batch[i].queue == Queue::settle;
    if (room || batch[i].queue == Queue::settle) continue;
    runs_[i] = false;
    results[i] = std::unexpected(disk_full());
  }

  metrics::Timer timer(metrics::Stage::commit);
  int code = attempt(batch, results);
  if (code == SQLITE_FULL && settles && ballast_ && ballast_->release()) {
    for (std::size_t i = 0; i < batch.size(); ++i) {
      if (!runs_[i] || batch[i].queue == Queue::settle) continue;
      runs_[i] = false;
      results[i] = std::unexpected(disk_full());
    }
    code = attempt(batch, results);
  }
  if (code == SQLITE_OK) {
    timer.done();
    const std::scoped_lock lock(told_mutex_);
    committed_ = transaction_.heads();
    return {};
  }

  Error error{Code::unavailable, "the database cannot be used now", {}, {}};
  if (code == SQLITE_FULL) error = disk_full();
  if (code == SQLITE_IOERR) error = disk_failed();
  if (code == SQLITE_CORRUPT || code == SQLITE_NOTADB) {
    error = damaged(path_);
    leave_alone();
  }
  for (std::size_t i = 0; i < batch.size(); ++i) {
    if (runs_[i]) results[i] = std::unexpected(error);
  }
  if (code == SQLITE_IOERR) return std::unexpected(error);
  return {};
}

int File::attempt(std::vector<Operation>& batch, std::vector<Result<void>>& results) {
  bool calls_alone = true;
  for (std::size_t i = 0; i < batch.size(); ++i) {
    calls_alone = calls_alone && (!runs_[i] || batch[i].queue != Queue::bounded);
  }
  bool one_failed = false;
  const int code = run_all(batch, results, !calls_alone, one_failed);
  return one_failed ? run_all(batch, results, true, one_failed) : code;
}

int File::run_all(std::vector<Operation>& batch, std::vector<Result<void>>& results, bool savepoints,
                  bool& one_failed) {
  one_failed = false;
  int code = execute(begin_sql);
  for (std::size_t i = 0; i < batch.size() && code == SQLITE_OK && !one_failed; ++i) {
    if (!runs_[i]) continue;
    code = run_one(batch[i], results[i], savepoints && !batch[i].leads);
    if (batch[i].leads && !results[i]) {
      roll_back();
      for (std::size_t behind = i + 1; behind < batch.size(); ++behind) results[behind] = results[i];
      return code;
    }
    one_failed = !savepoints && !results[i];
  }
  connection_->release();
  if (code == SQLITE_OK && !one_failed) code = execute(commit_sql);
  if (code != SQLITE_OK || one_failed) roll_back();
  return code;
}

int File::run_one(Operation& operation, Result<void>& result, bool savepoint) {
  sqlite3* handle = connection_->database().getHandle();
  const Heads before = transaction_.heads();
  if (savepoint) {
    if (const int code = execute(savepoint_sql); code != SQLITE_OK) return code;
  }
  last_sqlite_code() = SQLITE_OK;
  result = guarded([&] { return operation.work(transaction_); });
  const int code = refine(last_sqlite_code());
  if (breaks_the_batch(code)) return code;
  if (sqlite3_get_autocommit(handle) != 0) return SQLITE_FULL;  // SQLite gave the transaction up

  int open_references = 0;
  int unused = 0;
  sqlite3_db_status(handle, SQLITE_DBSTATUS_DEFERRED_FKS, &open_references, &unused, 0);
  if (result && open_references != 0) {
    // Left to COMMIT, it would fail every operation of the batch.
    result = fail(Code::conflict, "a row refers to another that is not there");
  }
  if (!savepoint) return SQLITE_OK;
  if (!result) {
    if (const int undone = execute(rollback_to_sql); undone != SQLITE_OK) return undone;
    transaction_.heads() = before;
  }
  return execute(release_sql);
}

int File::execute(const char* sql) {
  SQLite::Statement& statement = connection_->prepared(sql);
  return refine(statement.tryExecuteStep() == SQLITE_DONE ? SQLITE_OK : statement.getErrorCode());
}

int File::refine(int code) {
  code &= 0xff;
  if (code != SQLITE_IOERR) return code;
  const int os = sqlite3_system_errno(connection_->database().getHandle());
  return os == ENOSPC || os == EDQUOT ? SQLITE_FULL : code;
}

void File::roll_back() {
  connection_->release();
  if (sqlite3_get_autocommit(connection_->database().getHandle()) == 0) execute(rollback_sql);
  transaction_.heads() = committed_;
}

Result<void> File::checkpoint(bool idle) {
  if (log_pages_ < attended_pages_) attended_pages_ = 0;  // copied whole before, the log began anew
  const int pages = log_pages_ - attended_pages_;
  if (damage() || pages == 0 || (!idle && pages < checkpoint_pages)) return {};
  // A reader or a full disk in the way stops it early: tried again once there are more pages.
  const int code = refine(sqlite3_wal_checkpoint_v2(connection_->database().getHandle(), nullptr,
                                                    SQLITE_CHECKPOINT_PASSIVE, nullptr, nullptr));
  if (code == SQLITE_IOERR) return std::unexpected(disk_failed());
  attended_pages_ = log_pages_;
  return {};
}

void File::mend_ballast() {
  if (ballast_) ballast_->take(options_.min_free_bytes);
}

Result<std::optional<Heads>> File::copy_slice(const std::string& to) {
  if (const auto why = damage()) return std::unexpected(*why);
  if (copy_ && copy_->to() != to) {
    return fail(Code::conflict, fmt::format("a copy of {} is being made already", path_));
  }
  if (!copy_) {
    auto begun = FileCopy::begin(*connection_, to);
    if (!begun) return std::unexpected(begun.error());
    copy_ = std::move(*begun);
  }
  auto whole = copy_->step();
  if (whole && !*whole) return std::optional<Heads>();
  copy_.reset();
  if (!whole) return std::unexpected(whole.error());
  return committed();
}

void File::close(bool clean) {
  copy_.reset();
  connection_->release();
  clean = clean && !damage();
  if (clean) {
    sqlite3_wal_checkpoint_v2(connection_->database().getHandle(), nullptr, SQLITE_CHECKPOINT_TRUNCATE, nullptr,
                              nullptr);
  }
  connection_.reset();
  if (!clean) return;
  if (auto removed = journal_.remove(); !removed) {
    log::warn("a journal whose calls are all written could not be removed", {{log::Field::file, path_}});
  }
}

}  // namespace govctl::store
