#include "fixture.h"

using namespace govctl;
using namespace govctl::store;
using namespace govctl::store::test;

TEST_CASE("ledger, usage events and audit log refuse UPDATE and DELETE by any client of SQLite") {
  OrgFile org;
  org.call(5);
  org.audit("agent.create");
  org.close();
  SQLite::Database database(org.path, SQLite::OPEN_READWRITE);
  const auto [name, change] = GENERATE(table<std::string, std::string>({
      {"ledger", "amount = amount + 1"},
      {"ledger", "hash = hash"},
      {"usage_events", "credits_charged = 0"},
      {"usage_events", "error_message = NULL"},
      {"audit_logs", "actor = 'nobody'"},
  }));
  CHECK_THROWS_WITH(database.exec("UPDATE " + name + " SET " + change), name + " is append-only");
  CHECK_THROWS_WITH(database.exec("DELETE FROM " + name), name + " is append-only");
}

TEST_CASE("REPLACE, which deletes without asking the DELETE triggers, is refused too") {
  OrgFile org;
  org.call(5);
  org.audit("agent.create");
  org.close();
  SQLite::Database database(org.path, SQLite::OPEN_READWRITE);
  const std::string name = GENERATE("ledger", "usage_events", "audit_logs");
  CHECK_THROWS_WITH(database.exec("REPLACE INTO " + name + " SELECT * FROM " + name), name + " is append-only");
  if (name != "audit_logs") {
    // In a new place, over the unique key of a row that is there.
    database.exec("CREATE TEMP TABLE t AS SELECT * FROM " + name + "; UPDATE t SET seq = 2");
    CHECK_THROWS_WITH(database.exec("REPLACE INTO " + name + " SELECT * FROM t"), name + " is append-only");
  }
  CHECK(number(org.path, "SELECT count(*) FROM " + name) == 1);
  CHECK(org.verify().ok());
}

TEST_CASE("a row that would leave a gap is refused by the table itself") {
  OrgFile org;
  org.audit("agent.create");
  org.close();
  SQLite::Database database(org.path, SQLite::OPEN_READWRITE);
  CHECK_THROWS_WITH(database.exec("CREATE TEMP TABLE t AS SELECT * FROM audit_logs; UPDATE t SET seq = 3; "
                                  "INSERT INTO audit_logs SELECT * FROM t"),
                    "audit_logs is append-only");
}

TEST_CASE("govd's own writer cannot even prepare a change of their rows") {
  OrgFile org;
  org.call(5);
  org.audit("agent.create");
  org.close();
  auto connection = Connection::open(org.path, Access::write);
  REQUIRE(connection);
  const std::string name = GENERATE("ledger", "usage_events", "audit_logs");
  SQLite::Database& database = (*connection)->database();
  CHECK_THROWS_WITH(database.exec("UPDATE " + name + " SET hash = hash"), "not authorized");
  CHECK_THROWS_WITH(database.exec("DELETE FROM " + name), "not authorized");
  CHECK_NOTHROW(database.exec("UPDATE organizations SET version = version + 1"));
  CHECK(number(org.path, "SELECT count(*) FROM " + name) == 1);
}
