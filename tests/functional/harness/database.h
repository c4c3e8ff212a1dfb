#pragma once
// The daemon's files as somebody else sees them: opened with SQLite, beside the daemon.

#include <sqlite3.h>

#include <string>
#include <vector>

namespace govctl::test {

class Database {
 public:
  explicit Database(const std::string& path);
  ~Database() { sqlite3_close(db_); }
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  // SQLite's error text, empty when all of it was done.
  std::string attempt(const std::string& sql);
  // Throws with SQLite's text.
  void execute(const std::string& sql);
  // Rows of columns as text; NULL is "NULL", a blob its hex digits.
  std::vector<std::vector<std::string>> rows(const std::string& sql);
  std::string one(const std::string& sql) { return rows(sql).at(0).at(0); }

 private:
  sqlite3* db_ = nullptr;
};

// The triggers that keep it append-only, out of the way: what an attacker with the file does first.
void drop_guards(Database& database);

}  // namespace govctl::test
