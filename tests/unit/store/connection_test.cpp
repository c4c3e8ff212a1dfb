#include <sys/stat.h>

#include "daemon/store/file_system.h"
#include "fixture.h"

using namespace govctl;
using namespace govctl::store;
using namespace govctl::store::test;

TEST_CASE("a new file is this user's alone, also its log and shared memory") {
  const Scratch scratch;
  const std::string path = scratch.file("a.db");
  const mode_t before = ::umask(0);
  auto connection = Connection::open(path, Access::write);
  ::umask(before);
  REQUIRE(connection);
  (*connection)->database().exec("CREATE TABLE t(a)");
  for (const char* suffix : {"", "-wal", "-shm"}) {
    struct stat facts{};
    REQUIRE(::stat((path + suffix).c_str(), &facts) == 0);
    CHECK((facts.st_mode & 0777) == 0600);
  }
}

TEST_CASE("the writing connection commits to disk, checks references, and leaves checkpoints to the writer") {
  const Scratch scratch;
  auto connection = Connection::open(scratch.file("a.db"), Access::write);
  REQUIRE(connection);
  const auto pragma = [&](const std::string& name) {
    auto statement = (*connection)->prepare("PRAGMA " + name);
    REQUIRE(statement.executeStep());
    return statement.getColumn(0).getString();
  };
  CHECK(pragma("journal_mode") == "wal");
  CHECK(pragma("synchronous") == "2");
  CHECK(pragma("foreign_keys") == "1");
  CHECK(pragma("wal_autocheckpoint") == "0");
}

TEST_CASE("a reading connection writes nothing and makes no file") {
  const Scratch scratch;
  const std::string path = scratch.file("a.db");
  const auto absent = Connection::open(path, Access::read);
  REQUIRE_FALSE(absent);
  CHECK(absent.error().code == Code::not_found);
  CHECK_FALSE(std::filesystem::exists(path));
  auto writer = Connection::open(path, Access::write);
  REQUIRE(writer);
  (*writer)->database().exec("CREATE TABLE t(a)");
  auto reader = Connection::open(path, Access::read);
  REQUIRE(reader);
  const auto refused = guarded([&]() -> Result<void> {
    (*reader)->database().exec("INSERT INTO t VALUES (1)");
    return {};
  });
  CHECK_FALSE(refused);
}

TEST_CASE("what is no database is corrupt") {
  const Scratch scratch;
  const std::string path = scratch.file("a.db");
  std::ofstream(path) << std::string(10'000, 'x');
  const auto opened = Connection::open(path, Access::write);
  REQUIRE_FALSE(opened);
  CHECK(opened.error().code == Code::corrupt);
}

TEST_CASE("a library's exception is an Error that holds no value") {
  const Scratch scratch;
  auto connection = Connection::open(scratch.file("a.db"), Access::write);
  REQUIRE(connection);
  auto& database = (*connection)->database();
  database.exec("CREATE TABLE t(a TEXT UNIQUE, n INTEGER) STRICT; INSERT INTO t VALUES ('canary', 1)");
  const auto error_of = [&](const std::string& sql) {
    const auto result = guarded([&]() -> Result<void> {
      database.exec(sql);
      return {};
    });
    REQUIRE_FALSE(result);
    CHECK(result.error().message.find("canary") == std::string::npos);
    return result.error().code;
  };
  CHECK(error_of("INSERT INTO t VALUES ('canary', 2)") == Code::conflict);
  CHECK(error_of("INSERT INTO t VALUES ('x', 'canary')") == Code::conflict);
  CHECK(error_of("SELECT canary FROM t WHERE 'canary' = FROM") == Code::internal);
  const auto thrown = [](int code) {
    return guarded([&]() -> Result<void> { throw SQLite::Exception("canary", code); }).error().code;
  };
  CHECK(thrown(11) == Code::corrupt);      // SQLITE_CORRUPT
  CHECK(thrown(26) == Code::corrupt);      // SQLITE_NOTADB
  CHECK(thrown(5) == Code::unavailable);   // SQLITE_BUSY
  CHECK(thrown(13) == Code::unavailable);  // SQLITE_FULL
  CHECK(thrown(10) == Code::unavailable);  // SQLITE_IOERR
  CHECK(thrown(1) == Code::internal);      // SQLITE_ERROR
}

TEST_CASE("a prepared statement comes back empty-handed") {
  const Scratch scratch;
  auto connection = Connection::open(scratch.file("a.db"), Access::write);
  REQUIRE(connection);
  static constexpr const char* sql = "SELECT ?1 IS NULL";
  auto& first = (*connection)->prepared(sql);
  first.bind(1, 5);
  REQUIRE(first.executeStep());
  CHECK(first.getColumn(0).getInt() == 0);
  auto& second = (*connection)->prepared(sql);
  CHECK(&first == &second);
  REQUIRE(second.executeStep());
  CHECK(second.getColumn(0).getInt() == 1);
}

TEST_CASE("network file systems are known by their magic, local FUSE by its type") {
  CHECK(network_file_system(0x6969, "nfs4") == "nfs");
  CHECK(network_file_system(0xff534d42, "cifs") == "cifs");
  CHECK(network_file_system(0xfe534d42, "smb3") == "smb2");
  CHECK(network_file_system(0x01021997, "9p") == "9p");
  CHECK(network_file_system(0x65735546, "fuse.sshfs") == "fuse");
  CHECK(network_file_system(0x65735546, "") == "fuse");
  CHECK(network_file_system(0x65735546, "fuseblk").empty());
  CHECK(network_file_system(0xef53, "ext4").empty());
  CHECK(network_file_system(0x01021994, "tmpfs").empty());
  const Scratch scratch;
  CHECK(refuse_network_file_system(scratch.file("a.db")));
}
