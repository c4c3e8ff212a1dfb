#pragma once
// One SQLite connection with its prepared statements. Only store/ sees SQLite. A connection is used by one
// thread at a time. Exceptions of SQLiteCpp end here: guarded() turns them into Errors (constraint -> conflict,
// CORRUPT and NOTADB -> corrupt, BUSY, FULL, IOERR -> unavailable, the rest -> internal); no SQL value gets
// into a message.

#include <SQLiteCpp/SQLiteCpp.h>

#include <memory>
#include <string>
#include <unordered_map>

#include "common/error.h"

namespace govctl::store {

enum class Access { write, read };

class Connection {
 public:
  // write: created when absent (0600), WAL, synchronous=FULL, foreign_keys, wal_autocheckpoint=0, no checkpoint
  // on close; refused on a network file system. read: the file opened for reading, query_only; not_found when
  // absent.
  static Result<std::unique_ptr<Connection>> open(const std::string& path, Access access);

  // The statement of `sql`, prepared once per connection, reset and with its bindings cleared. `sql` must be a
  // literal (it is found by its address). Left before its last row, a SELECT keeps its snapshot until it is
  // reset.
  SQLite::Statement& prepared(const char* sql);
  // For SQL that is built from fixed parts (filters); not cached.
  SQLite::Statement prepare(const std::string& sql);
  SQLite::Database& database() { return database_; }
  // Resets every statement that is in the middle of its rows, so that no snapshot and no lock is kept.
  void release();

 private:
  explicit Connection(SQLite::Database database);
  SQLite::Database database_;
  std::unordered_map<const void*, std::unique_ptr<SQLite::Statement>> statements_;
};

// The Error of the exception being handled; call inside catch.
Error current_error();

// SQLite's primary result code of the last failure of SQLite's that current_error() translated on this thread.
// The writer sets it to 0 before an operation, and learns by it what an Error's code does not tell: a full disk
// from a busy file.
int& last_sqlite_code();

// guarded([&]() -> Result<T> { … }) with the library's exceptions as Errors.
template <class F>
auto guarded(F&& work) -> decltype(work()) {
  try {
    return work();
  } catch (...) {
    return std::unexpected(current_error());
  }
}

}  // namespace govctl::store
