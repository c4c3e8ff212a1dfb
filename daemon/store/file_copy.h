#pragma once
// A copy of a database that is being written to, in slices (30-ledger.md "Writing to disk"). What the source's
// own connection writes meanwhile, SQLite writes into the copy as well: it is as of its last slice. All of it
// on the thread of the source's connection.

#include <SQLiteCpp/Backup.h>

#include <memory>
#include <string>

#include "daemon/store/connection.h"

namespace govctl::store {

class FileCopy {
 public:
  // Makes the file `to` (0600). conflict when there is one already.
  static Result<std::unique_ptr<FileCopy>> begin(Connection& source, const std::string& to);
  ~FileCopy() = default;
  FileCopy(const FileCopy&) = delete;
  FileCopy& operator=(const FileCopy&) = delete;

  // The next slice. True: the copy is whole; it is on disk once its file is synced.
  Result<bool> step();
  [[nodiscard]] const std::string& to() const { return to_; }

 private:
  FileCopy(Connection& source, std::string to);
  std::string to_;
  SQLite::Database target_;
  SQLite::Backup backup_;
};

}  // namespace govctl::store
