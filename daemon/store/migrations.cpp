#include "daemon/store/migrations.h"

#include <SQLiteCpp/Backup.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "daemon/store/file_system.h"
#include "daemon/telemetry/log.h"

namespace govctl::store {
namespace {

std::string_view kind_word(FileKind kind) {
  return kind == FileKind::catalog ? "catalog" : "organization's file";
}

int pragma(Connection& connection, const char* sql) {
  SQLite::Statement statement = connection.prepare(sql);
  return statement.executeStep() ? statement.getColumn(0).getInt() : 0;
}

// A copy as of now, complete or not there.
Result<void> keep_copy(Connection& connection, const std::string& path, int version) {
  const std::string copy = fmt::format("{}.v{}", path, version);
  const std::string unfinished = copy + ".part";
  ::unlink(unfinished.c_str());
  const int fd = ::open(unfinished.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) return fail(Code::unavailable, fmt::format("{} cannot be made: {}", copy, describe_errno(errno)));
  {
    SQLite::Database target(unfinished, SQLite::OPEN_READWRITE);
    SQLite::Backup(target, connection.database()).executeStep(-1);
  }
  const bool kept = ::fsync(fd) == 0 && ::rename(unfinished.c_str(), copy.c_str()) == 0;
  const int code = errno;
  ::close(fd);
  if (!kept) return fail(Code::unavailable, fmt::format("{} cannot be made: {}", copy, describe_errno(code)));
  return sync_directory_of(copy);
}

void apply(Connection& connection, const Migration& migration) {
  SQLite::Database& database = connection.database();
  SQLite::Transaction transaction(database, SQLite::TransactionBehavior::IMMEDIATE);
  database.exec(migration.sql);
  database.exec(fmt::format("PRAGMA application_id = {}; PRAGMA user_version = {}",
                            application_id(migration.kind), migration.number));
  transaction.commit();
}

}  // namespace

Result<void> migrate(Connection& connection, const std::string& path, FileKind kind,
                     std::span<const Migration> known) {
  return guarded([&]() -> Result<void> {
    const int stamp = pragma(connection, "PRAGMA application_id");
    const int version = pragma(connection, "PRAGMA user_version");
    const bool empty = pragma(connection, "SELECT count(*) FROM sqlite_schema") == 0;
    if (empty ? (stamp != 0 && stamp != application_id(kind)) : stamp != application_id(kind)) {
      return fail(Code::corrupt, fmt::format("{} is not a {} of govd", path, kind_word(kind)));
    }
    int newest = 0;
    for (const Migration& migration : known) {
      if (migration.kind == kind) newest = std::max(newest, migration.number);
    }
    if (version > newest) {
      return fail(Code::conflict,
                  fmt::format("{} was written by a newer govd (schema {}; this one knows up to {})", path,
                              version, newest));
    }
    if (!empty && version < newest) {
      if (auto kept = keep_copy(connection, path, version); !kept) return kept;
      log::info("a database is brought up to date", {{log::Field::file, path}, {log::Field::version, newest}});
    }
    for (const Migration& migration : known) {
      if (migration.kind == kind && migration.number > version) apply(connection, migration);
    }
    return {};
  });
}

}  // namespace govctl::store
