// What was written cannot be changed, and what was changed from outside is found: while the daemon serves, and
// on a stopped daemon's files.

#include <catch2/catch.hpp>
#include <filesystem>
#include <map>

#include "tests/functional/harness/daemon.h"
#include "tests/functional/harness/database.h"
#include "tests/functional/harness/upstream.h"

using namespace govctl::test;

namespace {

const std::vector<std::string> chained{"ledger", "usage_events", "audit_logs"};

// Two orgs with entries, calls, refusals and changes.
void keep_books(TestDaemon& daemon) {
  for (const std::string org : {"acme", "other"}) {
    daemon.make_org(org);
    daemon.make_agent(org + "/w/g/a");
    const Key key = daemon.make_key(org + "/w/g/a");
    daemon.buy(org, org == "acme" ? 100'000 : 200'000);
    for (int i = 0; i < 4; ++i) REQUIRE(daemon.chat(key.secret, request("mock-model", 20 + i)).status == 200);
    REQUIRE(daemon.chat(key.secret, request("unpriced")).status == 400);
    daemon.expect(201, "POST", "/orgs/" + org + "/ledger/adjust", {{"amount", 5}, {"reason", "goodwill"}});
  }
}

struct Column {
  std::string name, type;
};
std::vector<Column> columns_of(Database& database, const std::string& table) {
  std::vector<Column> columns;
  for (const auto& row : database.rows("PRAGMA table_info(" + table + ")")) columns.push_back({row[1], row[2]});
  return columns;
}

// Another value of the same type, in SQL.
std::string changed(const Column& column, const std::string& value) {
  if (column.type == "BLOB") return value == "NULL" ? "zeroblob(16)" : "NULL";
  if (column.type == "INTEGER") return "coalesce(" + column.name + ", 0) + 1";
  return "coalesce(" + column.name + ", '') || 'x'";
}

std::string fault_of(const Json& report, const std::string& table) {
  for (const Json& checked : report["tables"]) {
    if (checked["table"] == table && checked["ok"] == false) return checked["fault"];
  }
  return "";
}

}  // namespace

TEST_CASE("UPDATE and DELETE fail on ledger, usage_events and audit_logs", "[tamper]") {
  TestDaemon daemon;
  keep_books(daemon);
  const std::string org_file = daemon.org_file("acme");
  REQUIRE(daemon.stop() == 0);
  for (const std::string& file : {org_file, daemon.state() + "/catalog.db"}) {
    Database database(file);
    for (const std::string& table : chained) {
      if (file.ends_with("catalog.db") && table != "audit_logs") continue;
      INFO(file << " " << table);
      const std::string rows = database.one("SELECT count(*) FROM " + table);
      CHECK(rows != "0");
      CHECK(database.attempt("UPDATE " + table + " SET created_at = 0") == table + " is append-only");
      CHECK(database.attempt("DELETE FROM " + table) == table + " is append-only");
      CHECK(database.attempt("DELETE FROM " + table + " WHERE seq = 1") == table + " is append-only");
      CHECK_FALSE(database.attempt("INSERT OR REPLACE INTO " + table + " SELECT * FROM " + table).empty());
      CHECK(database.one("SELECT count(*) FROM " + table) == rows);
    }
  }
  CHECK(daemon.verify_files().exit_code == 0);
  daemon.start();
  CHECK(daemon.verify()["ok"] == true);
}

TEST_CASE("a changed value in any column of any row's table is found while the daemon serves", "[tamper]") {
  TestDaemon daemon;
  keep_books(daemon);
  const Json sound = daemon.verify();
  REQUIRE(sound["ok"] == true);
  CHECK(sound["tables"].size() >= 7);

  Database database(daemon.org_file("acme"));
  drop_guards(database);
  database.execute("PRAGMA ignore_check_constraints = ON");
  int tried = 0;
  for (const std::string& table : chained) {
    for (const Column& column : columns_of(database, table)) {
      if (column.name == "seq") continue;
      const std::string where = " WHERE seq = 2";
      const std::string value = database.one("SELECT " + column.name + " FROM " + table + where);
      const std::string keep = database.one("SELECT quote(" + column.name + ") FROM " + table + where);
      std::string to = changed(column, value);
      if (column.type == "BLOB" && value != "NULL") {
        // One bit of it.
        std::string bits = value;
        bits.back() = bits.back() == '0' ? '1' : '0';
        to = "x'" + bits + "'";
      }
      INFO(table << "." << column.name << " from " << keep << " to " << to);
      const std::string failed =
          database.attempt("UPDATE " + table + " SET " + column.name + " = " + to + where);
      REQUIRE(failed.empty());
      const Json report = daemon.get("/verify?org=acme");
      CHECK(report["ok"] == false);
      CHECK(fault_of(report, table).find('2') != std::string::npos);
      database.execute("UPDATE " + table + " SET " + column.name + " = " + keep + where);
      ++tried;
    }
    CHECK(daemon.verify()["ok"] == true);
  }
  CHECK(tried > 50);
}

TEST_CASE(
    "rows that are moved, swapped, removed, added or brought from another org are found, online and offline",
    "[tamper]") {
  TestDaemon daemon;
  keep_books(daemon);
  const std::string acme = daemon.org_file("acme");
  const std::string other = daemon.org_file("other");
  const std::string table = GENERATE("ledger", "usage_events", "audit_logs");
  const std::string trick = GENERATE("brought", "swapped", "removed", "tail", "repeated", "all");
  INFO(table << " " << trick);
  REQUIRE(daemon.verify()["ok"] == true);
  REQUIRE(daemon.stop() == 0);
  REQUIRE(daemon.verify_files().exit_code == 0);
  // What the last second brought is anchored at the end; from here on it is somebody else who writes.
  daemon.start();
  {
    Database database(acme);
    drop_guards(database);
    database.execute("PRAGMA ignore_check_constraints = ON");
    const std::string last = database.one("SELECT max(seq) FROM " + table);
    if (trick == "brought") {
      database.execute("ATTACH '" + other + "' AS other");
      database.execute("DELETE FROM " + table + " WHERE seq = 3");
      database.execute("INSERT INTO " + table + " SELECT * FROM other." + table + " WHERE seq = 3");
    }
    if (trick == "swapped") {
      database.execute("UPDATE " + table + " SET seq = 1000 WHERE seq = 2");
      database.execute("UPDATE " + table + " SET seq = 2 WHERE seq = 3");
      database.execute("UPDATE " + table + " SET seq = 3 WHERE seq = 1000");
    }
    if (trick == "removed") database.execute("DELETE FROM " + table + " WHERE seq = 2");
    if (trick == "tail") database.execute("DELETE FROM " + table + " WHERE seq = " + last);
    if (trick == "repeated") {
      database.execute("CREATE TEMP TABLE copy AS SELECT * FROM main." + table + " WHERE seq = " + last);
      database.execute("UPDATE copy SET seq = seq + 1");
      if (table == "ledger") database.execute("UPDATE copy SET idempotency_key = 'call:again'");
      if (table == "usage_events") database.execute("UPDATE copy SET request_id = randomblob(16)");
      database.execute("INSERT INTO main." + table + " SELECT * FROM copy");
    }
    if (trick == "all") database.execute("DELETE FROM " + table);
  }
  const Json online = daemon.get("/verify?org=acme");
  CHECK(online["ok"] == false);
  CHECK_FALSE(fault_of(online, table).empty());
  // The neighbour is sound.
  CHECK(daemon.get("/verify?org=other")["ok"] == true);

  daemon.kill();
  const ProgramEnd offline = daemon.verify_files();
  INFO(offline.output);
  CHECK(offline.exit_code > 0);
  CHECK(offline.output.find(table) != std::string::npos);
  CHECK(daemon.verify_files({"--org", "other"}).exit_code == 0);
  CHECK(daemon.verify_files({"--org", "acme"}).exit_code == offline.exit_code);
}

TEST_CASE("a changed byte in the platform's own audit log is found", "[tamper]") {
  TestDaemon daemon;
  daemon.provider("extra", "https://api.example.com/v1");
  REQUIRE(daemon.verify()["ok"] == true);
  REQUIRE(daemon.stop() == 0);
  REQUIRE(daemon.verify_files().exit_code == 0);
  Database database(daemon.state() + "/catalog.db");
  drop_guards(database);
  database.execute("UPDATE audit_logs SET actor = 'nobody' WHERE seq = 1");
  const ProgramEnd offline = daemon.verify_files();
  INFO(offline.output);
  CHECK(offline.exit_code > 0);
  CHECK(offline.output.find("audit_logs") != std::string::npos);
}

TEST_CASE("a charge forged with a good chain is found: event and entry must agree, anchors are signed",
          "[tamper]") {
  TestDaemon daemon;
  keep_books(daemon);
  const std::string acme = daemon.org_file("acme");
  REQUIRE(daemon.stop() == 0);
  {
    Database database(acme);
    drop_guards(database);
    database.execute("UPDATE anchors SET sum = sum + 1 WHERE id = (SELECT max(id) FROM anchors)");
  }
  const ProgramEnd offline = daemon.verify_files();
  INFO(offline.output);
  CHECK(offline.exit_code > 0);
}

TEST_CASE("a line of the anchors' log that is changed is found, a torn last line is none", "[tamper]") {
  namespace fs = std::filesystem;
  TestDaemon daemon;
  keep_books(daemon);
  const std::string id = daemon.get("/orgs/acme")["id"];
  REQUIRE(daemon.stop() == 0);
  const std::string path = daemon.state() + "/anchors/" + id + ".log";
  REQUIRE(fs::file_size(path) > 0);
  CHECK(daemon.verify_files().exit_code == 0);
  fs::copy_file(path, path + ".kept");
  fs::resize_file(path, fs::file_size(path) - 10);
  CHECK(daemon.verify_files().exit_code == 0);
  fs::remove(path);
  fs::copy_file(path + ".kept", path);
  std::FILE* file = std::fopen(path.c_str(), "r+");
  REQUIRE(file != nullptr);
  // A digit of the first line's signature or figures.
  std::fseek(file, 60, SEEK_SET);
  const int byte = std::fgetc(file);
  std::fseek(file, 60, SEEK_SET);
  std::fputc(byte == '1' ? '2' : '1', file);
  std::fclose(file);
  const ProgramEnd offline = daemon.verify_files();
  INFO(offline.output);
  CHECK(offline.exit_code > 0);
}
