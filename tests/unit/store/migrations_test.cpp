#include "fixture.h"

using namespace govctl;
using namespace govctl::store;
using namespace govctl::store::test;

namespace {

constexpr Migration first{FileKind::org, 1, "CREATE TABLE things(name TEXT) STRICT"};
constexpr Migration second{FileKind::org, 2,
                           "ALTER TABLE things ADD COLUMN size INTEGER; "
                           "UPDATE things SET size = 7"};
constexpr Migration broken{FileKind::org, 2,
                           "ALTER TABLE things ADD COLUMN size INTEGER; "
                           "INSERT INTO no_such_table VALUES (1)"};
constexpr Migration catalogs{FileKind::catalog, 1, "CREATE TABLE others(name TEXT) STRICT"};

Result<void> bring_up(const std::string& path, FileKind kind, std::span<const Migration> known) {
  auto connection = Connection::open(path, Access::write);
  REQUIRE(connection);
  return migrate(**connection, path, kind, known);
}

}  // namespace

TEST_CASE("what is compiled in is numbered from 1 without gaps, for both kinds of file") {
  int org = 0;
  int catalog = 0;
  for (const Migration& migration : migrations()) {
    CHECK(migration.number == ++(migration.kind == FileKind::org ? org : catalog));
  }
  CHECK(org >= 1);
  CHECK(catalog >= 1);
}

TEST_CASE("a new file gets every migration of its kind and their stamps, and no copy") {
  const Scratch scratch;
  const std::string path = scratch.file("org.db");
  const std::array known{catalogs, first, second};
  REQUIRE(bring_up(path, FileKind::org, known));
  CHECK(number(path, "PRAGMA user_version") == 2);
  CHECK(number(path, "PRAGMA application_id") == 0x676f766f);
  CHECK(number(path, "SELECT count(*) FROM sqlite_schema WHERE name = 'others'") == 0);
  CHECK_FALSE(std::filesystem::exists(path + ".v0"));
  REQUIRE(bring_up(path, FileKind::org, known));
  CHECK_FALSE(std::filesystem::exists(path + ".v2"));
}

TEST_CASE("an older file is copied, then brought up to date with its rows") {
  const Scratch scratch;
  const std::string path = scratch.file("org.db");
  REQUIRE(bring_up(path, FileKind::org, std::array{first}));
  {
    SQLite::Database database(path, SQLite::OPEN_READWRITE);
    database.exec("INSERT INTO things VALUES ('a')");
  }
  REQUIRE(bring_up(path, FileKind::org, std::array{first, second}));
  CHECK(number(path, "SELECT size FROM things") == 7);
  CHECK(number(path, "PRAGMA user_version") == 2);
  CHECK(number(path + ".v1", "PRAGMA user_version") == 1);
  CHECK(number(path + ".v1", "SELECT count(*) FROM things") == 1);
  CHECK(std::filesystem::status(path + ".v1").permissions() ==
        (std::filesystem::perms::owner_read | std::filesystem::perms::owner_write));
}

TEST_CASE("a migration that fails leaves the file as it was") {
  const Scratch scratch;
  const std::string path = scratch.file("org.db");
  REQUIRE(bring_up(path, FileKind::org, std::array{first}));
  CHECK_FALSE(bring_up(path, FileKind::org, std::array{first, broken}));
  CHECK(number(path, "PRAGMA user_version") == 1);
  CHECK(number(path, "SELECT count(*) FROM pragma_table_info('things')") == 1);
  CHECK(bring_up(path, FileKind::org, std::array{first, second}));
}

TEST_CASE("a file of a newer program is refused and not touched") {
  OrgFile org;
  org.close();
  SQLite::Database(org.path, SQLite::OPEN_READWRITE).exec("PRAGMA user_version = 999");
  const auto opened = org.writers->open(org.path, FileKind::org, org.org);
  REQUIRE_FALSE(opened);
  CHECK(opened.error().code == Code::conflict);
  CHECK(opened.error().message.find("newer govd") != std::string::npos);
  CHECK(number(org.path, "PRAGMA user_version") == 999);
}

TEST_CASE("a file of another kind or another program is refused") {
  const Scratch scratch;
  const std::string path = scratch.file("a.db");
  SECTION("the catalog as an organization") {
    REQUIRE(bring_up(path, FileKind::catalog, std::array{catalogs}));
  }
  SECTION("a database of something else") {
    SQLite::Database(path, SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE).exec("CREATE TABLE t(a)");
  }
  const auto refused = bring_up(path, FileKind::org, std::array{first});
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == Code::corrupt);
}
