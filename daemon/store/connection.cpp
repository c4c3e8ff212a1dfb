#include "daemon/store/connection.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sqlite3.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <string_view>

#include "daemon/store/file_system.h"

namespace govctl::store {
namespace {

constexpr int busy_timeout_ms = 5'000;

constexpr const char* writer_setup = R"(
PRAGMA journal_mode = WAL;
PRAGMA synchronous = FULL;
PRAGMA foreign_keys = ON;
PRAGMA wal_autocheckpoint = 0;
PRAGMA temp_store = MEMORY;
PRAGMA cache_size = -16384;
PRAGMA cell_size_check = ON;
PRAGMA trusted_schema = OFF;
)";

constexpr const char* reader_setup = R"(
PRAGMA query_only = ON;
PRAGMA temp_store = MEMORY;
PRAGMA cell_size_check = ON;
PRAGMA trusted_schema = OFF;
)";

// SQLite would create the file with the umask's mode. An existing file is left alone: closing a second
// descriptor of a file that this process has open in SQLite would drop SQLite's locks on it.
Result<void> create_private(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) {
    if (errno == EEXIST) return {};
    return fail(Code::unavailable, fmt::format("{} cannot be created: {}", path, describe_errno(errno)));
  }
  ::close(fd);
  return sync_directory_of(path);
}

// SQLite's own statistics of memory take a global lock in every allocation. Before SQLite's first use in the
// process; later it has no effect.
void without_memory_statistics() {
  static const int told = sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
  static_cast<void>(told);
}

constexpr std::array<std::string_view, 3> append_only{"ledger", "usage_events", "audit_logs"};

// Statements that would change a row of those tables are refused when they are prepared.
int authorize(void* /*unused*/, int action, const char* table, const char* /*column*/, const char* /*database*/,
              const char* /*trigger*/) {
  const bool changes = action == SQLITE_UPDATE || action == SQLITE_DELETE;
  return changes && std::ranges::find(append_only, std::string_view(table)) != append_only.end() ? SQLITE_DENY
                                                                                                 : SQLITE_OK;
}

// The files' own triggers keep everybody else from changing those rows. They run at every row that is appended
// and are a third of its cost, so this connection goes without: the authorizer says the same of its statements,
// once, and none of them is a REPLACE.
void guard_by_authorizer(sqlite3* handle) {
  sqlite3_set_authorizer(handle, authorize, nullptr);
  sqlite3_db_config(handle, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, nullptr);
}

}  // namespace

Connection::Connection(SQLite::Database database) : database_(std::move(database)) {}

Result<std::unique_ptr<Connection>> Connection::open(const std::string& path, Access access) {
  without_memory_statistics();
  const bool write = access == Access::write;
  if (write) {
    if (auto local = refuse_network_file_system(path); !local) return std::unexpected(local.error());
    if (auto made = create_private(path); !made) return std::unexpected(made.error());
  } else if (std::error_code code; !std::filesystem::exists(path, code)) {
    return fail(Code::not_found, fmt::format("there is no file {}", path));
  }
  return guarded([&]() -> Result<std::unique_ptr<Connection>> {
    const int flags = write ? SQLite::OPEN_READWRITE : SQLite::OPEN_READONLY;
    std::unique_ptr<Connection> connection(
        new Connection(SQLite::Database(path, flags | SQLite::OPEN_NOMUTEX, busy_timeout_ms)));
    sqlite3* handle = connection->database_.getHandle();
    sqlite3_extended_result_codes(handle, 0);
    sqlite3_db_config(handle, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
    sqlite3_db_config(handle, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
    connection->database_.exec(write ? writer_setup : reader_setup);
    if (write) guard_by_authorizer(handle);
    return connection;
  });
}

SQLite::Statement& Connection::prepared(const char* sql) {
  auto& statement = statements_[sql];
  if (statement) {
    statement->tryReset();
    statement->clearBindings();
  } else {
    statement = std::make_unique<SQLite::Statement>(database_, sql);
  }
  return *statement;
}

SQLite::Statement Connection::prepare(const std::string& sql) { return SQLite::Statement(database_, sql); }

void Connection::release() {
  sqlite3* handle = database_.getHandle();
  for (sqlite3_stmt* at = sqlite3_next_stmt(handle, nullptr); at != nullptr;
       at = sqlite3_next_stmt(handle, at)) {
    if (sqlite3_stmt_busy(at) != 0) sqlite3_reset(at);
  }
}

int& last_sqlite_code() {
  thread_local int code = SQLITE_OK;
  return code;
}

Error current_error() {
  try {
    throw;
  } catch (const SQLite::Exception& error) {
    const int code = error.getErrorCode() & 0xff;
    last_sqlite_code() = code;
    switch (code) {
      case SQLITE_CONSTRAINT:  // names a table and columns, or is a trigger's own sentence
        return Error{Code::conflict, error.what(), {}, {}};
      case SQLITE_CORRUPT:
      case SQLITE_NOTADB:
        return Error{
            Code::corrupt, fmt::format("the database file is damaged ({})", sqlite3_errstr(code)), {}, {}};
      case SQLITE_BUSY:
      case SQLITE_LOCKED:
      case SQLITE_FULL:
      case SQLITE_IOERR:
      case SQLITE_CANTOPEN:
      case SQLITE_READONLY:
      case SQLITE_NOMEM:
        return Error{Code::unavailable,
                     fmt::format("the database cannot be used now ({})", sqlite3_errstr(code)),
                     {},
                     {}};
      default:
        return Error{
            Code::internal, fmt::format("the database refused a statement ({})", sqlite3_errstr(code)), {}, {}};
    }
  } catch (const std::bad_alloc&) {
    return Error{Code::unavailable, "out of memory", {}, {}};
  } catch (const std::exception&) {
    return Error{Code::internal, "a fault in the store", {}, {}};
  } catch (...) {
    return Error{Code::internal, "a fault in the store", {}, {}};
  }
}

}  // namespace govctl::store
