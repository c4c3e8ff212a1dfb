#pragma once
// The tables of a file, brought up to date. Migrations are numbered, forward only and never edited after a
// release; they lie in migrations/<kind>-<number>.sql and are compiled in. A file is stamped: application_id
// says which kind it is, user_version the last migration that it has had.

#include <cstdint>
#include <span>
#include <string>

#include "daemon/store/connection.h"

namespace govctl::store {

enum class FileKind { catalog, org };

// sqlite3.h's application_id: "govc" and "govo".
constexpr std::int32_t application_id(FileKind kind) {
  return kind == FileKind::catalog ? 0x676f7663 : 0x676f766f;
}

struct Migration {
  FileKind kind;
  int number;  // from 1, without gaps
  const char* sql;
};
// All that this program knows, by kind and number.
std::span<const Migration> migrations();

// Brings the file of `connection` (access write) up to the last migration of its kind, each in a transaction
// with its stamp. Before an existing file is changed, a copy of it is kept at `<path>.v<its version>`. conflict
// when the file is newer than this program; corrupt when it is not a file of this kind.
Result<void> migrate(Connection& connection, const std::string& path, FileKind kind,
                     std::span<const Migration> known = migrations());

}  // namespace govctl::store
