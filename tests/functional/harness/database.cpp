#include "tests/functional/harness/database.h"

#include <stdexcept>

namespace govctl::test {

Database::Database(const std::string& path) {
  if (sqlite3_open_v2(path.c_str(), &db_, SQLITE_OPEN_READWRITE, nullptr) != SQLITE_OK) {
    throw std::runtime_error("cannot open " + path);
  }
  sqlite3_busy_timeout(db_, 20'000);
}

std::string Database::attempt(const std::string& sql) {
  char* text = nullptr;
  const int result = sqlite3_exec(db_, sql.c_str(), nullptr, nullptr, &text);
  std::string error = text != nullptr ? text : "";
  sqlite3_free(text);
  if (result != SQLITE_OK && error.empty()) error = sqlite3_errstr(result);
  return error;
}

void Database::execute(const std::string& sql) {
  if (const std::string error = attempt(sql); !error.empty()) throw std::runtime_error(sql + ": " + error);
}

std::vector<std::vector<std::string>> Database::rows(const std::string& sql) {
  sqlite3_stmt* statement = nullptr;
  if (sqlite3_prepare_v2(db_, sql.c_str(), -1, &statement, nullptr) != SQLITE_OK) {
    throw std::runtime_error(sql + ": " + sqlite3_errmsg(db_));
  }
  std::vector<std::vector<std::string>> rows;
  int result = 0;
  while ((result = sqlite3_step(statement)) == SQLITE_ROW) {
    auto& row = rows.emplace_back();
    for (int i = 0; i < sqlite3_column_count(statement); ++i) {
      if (sqlite3_column_type(statement, i) == SQLITE_BLOB) {
        static constexpr char hex[] = "0123456789abcdef";
        const auto* bytes = static_cast<const unsigned char*>(sqlite3_column_blob(statement, i));
        auto& text = row.emplace_back();
        for (int at = 0; at < sqlite3_column_bytes(statement, i); ++at) {
          text += hex[bytes[at] >> 4];
          text += hex[bytes[at] & 15];
        }
      } else {
        const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement, i));
        row.emplace_back(text != nullptr ? text : "NULL");
      }
    }
  }
  const std::string error = result == SQLITE_DONE ? "" : sqlite3_errmsg(db_);
  sqlite3_finalize(statement);
  if (!error.empty()) throw std::runtime_error(sql + ": " + error);
  return rows;
}

void drop_guards(Database& database) {
  for (const auto& row : database.rows("SELECT name FROM sqlite_master WHERE type = 'trigger'")) {
    database.execute("DROP TRIGGER \"" + row[0] + "\"");
  }
}

}  // namespace govctl::test
