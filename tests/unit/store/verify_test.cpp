#include "fixture.h"

using namespace govctl;
using namespace govctl::store;
using namespace govctl::store::test;
using domain::ChainTable;

namespace {

// Three rows in each chained table, and the file closed.
struct Filled : OrgFile {
  Filled() {
    for (int i = 1; i <= 3; ++i) {
      call(i);
      audit("agent.create");
    }
  }
};

std::vector<std::string> columns(const std::string& path, const std::string& table) {
  const SQLite::Database database(path, SQLite::OPEN_READONLY);
  SQLite::Statement select(database, "SELECT name FROM pragma_table_info('" + table + "')");
  std::vector<std::string> names;
  while (select.executeStep()) names.push_back(select.getColumn(0).getString());
  return names;
}

std::string fault_in(const Report& report, const std::string& table) {
  for (const TableReport& found : report.tables) {
    if (domain::chain_table_name(found.table) == table) return found.fault;
  }
  return {};
}

void append_text(const std::string& path, const std::string& text) {
  std::ofstream(path, std::ios::app | std::ios::binary) << text;
}

std::string text_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace

TEST_CASE("an index that leaves a charge out is found: a start would believe it") {
  Filled org;
  org.close();
  REQUIRE(org.verify().ok());
  const auto index_of_charges_above = [&](const std::string& least, const std::string& most) {
    attack(org.path,
           "PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = replace(sql, 'credits_charged > " +
               most + "', 'credits_charged > " + least + "') WHERE name = 'usage_events_spend'");
  };
  index_of_charges_above("1", "0");
  attack(org.path, "REINDEX usage_events_spend");
  index_of_charges_above("0", "1");
  CHECK(number(org.path, "SELECT sum(credits_charged) FROM usage_events NOT INDEXED") == 6);
  CHECK(number(org.path,
               "SELECT sum(credits_charged) FROM usage_events INDEXED BY usage_events_spend WHERE "
               "credits_charged > 0") == 5);
  CHECK(fault_in(org.verify(), "usage_events").find("usage_events_spend") != std::string::npos);
  CHECK(fault_in(org.verify(), "ledger").empty());
}

TEST_CASE("a sound file is found sound, while it serves and after") {
  Filled org;
  org.anchor();
  const Report serving = org.verify();
  CHECK(serving.ok());
  REQUIRE(serving.tables.size() == 3);
  for (const TableReport& table : serving.tables) {
    CHECK(table.rows == 3);
    CHECK(table.head.seq == 3);
  }
  CHECK(serving.anchors == 3);
  org.close();
  CHECK(org.verify().ok());
}

TEST_CASE("an empty file is sound") {
  OrgFile org;
  CHECK(org.verify().ok());
  CHECK(org.anchor() == 0);
}

TEST_CASE("a changed value in any column of any chained table is found") {
  Filled org;
  org.close();
  const std::string kept = org.scratch.file("kept.db");
  std::filesystem::copy_file(org.path, kept);
  for (const std::string table : {"ledger", "usage_events", "audit_logs"}) {
    for (const std::string& column : columns(kept, table)) {
      const std::string nudged = fmt::format(
          "CASE typeof({0}) WHEN 'integer' THEN {0} + 10 WHEN 'text' THEN {0} || 'x' "
          "WHEN 'blob' THEN CAST(substr({0}, 1, length({0}) - 1) AS BLOB) || x'00' ELSE 1 END",
          column);
      int changes = 0;
      for (const std::string& value : {nudged, std::string("NULL"), std::string("''"), std::string("x''")}) {
        std::filesystem::copy_file(kept, org.path, std::filesystem::copy_options::overwrite_existing);
        const std::string update = fmt::format("UPDATE {} SET {} = {} WHERE seq = 2", table, column, value);
        try {
          attack(org.path, update);
        } catch (const SQLite::Exception&) {
          continue;  // STRICT or NOT NULL: this value cannot be put there
        }
        SQLite::Database database(org.path, SQLite::OPEN_READWRITE);
        database.exec("ATTACH '" + kept + "' AS kept");
        SQLite::Statement changed(
            database,
            fmt::format("SELECT 1 FROM (SELECT * FROM main.{0} EXCEPT SELECT * FROM kept.{0})", table));
        if (!changed.executeStep()) continue;
        INFO(update);
        CHECK_FALSE(fault_in(org.verify(), table).empty());
        ++changes;
      }
      INFO(table << "." << column);
      CHECK(changes > 0);
    }
  }
}

TEST_CASE("a removed, an exchanged, an inserted and a foreign row are found") {
  Filled org;
  const std::string table = GENERATE("ledger", "usage_events", "audit_logs");
  SECTION("removed") {
    org.close();
    attack(org.path, "DELETE FROM " + table + " WHERE seq = 2");
  }
  SECTION("removed, and the rest moved up") {
    org.close();
    attack(org.path, "DELETE FROM " + table + " WHERE seq = 2; UPDATE " + table + " SET seq = 2 WHERE seq = 3");
  }
  SECTION("the first one removed") {
    org.close();
    attack(org.path, "DELETE FROM " + table + " WHERE seq = 1");
  }
  SECTION("exchanged") {
    org.close();
    attack(org.path, "UPDATE " + table + " SET seq = 9 WHERE seq = 1; UPDATE " + table +
                         " SET seq = 1 WHERE seq = 2; UPDATE " + table + " SET seq = 2 WHERE seq = 9");
  }
  SECTION("from another organization") {
    OrgFile other(plain_options(), OrgId::mint(2));
    for (int i = 1; i <= 3; ++i) {
      other.call(i);
      other.audit("agent.create");
    }
    other.close();
    org.close();
    attack(org.path, "ATTACH '" + other.path + "' AS other; DELETE FROM " + table +
                         " WHERE seq = 3; DROP TRIGGER " + table + "_append; INSERT INTO " + table +
                         " SELECT * FROM other." + table + " WHERE seq = 3");
  }
  SECTION("all of another organization's") {
    OrgFile other(plain_options(), OrgId::mint(2));
    for (int i = 1; i <= 3; ++i) {
      other.call(i);
      other.audit("agent.create");
    }
    other.close();
    org.close();
    std::filesystem::copy_file(other.path, org.path, std::filesystem::copy_options::overwrite_existing);
  }
  CHECK_FALSE(fault_in(org.verify(), table).empty());
}

TEST_CASE("a cut tail is found by the anchor in the database, and by the line outside it") {
  Filled org;
  REQUIRE(org.anchor() == 3);
  const std::string table = GENERATE("ledger", "usage_events", "audit_logs");
  org.close();
  const std::string cut = "DELETE FROM " + table + " WHERE seq = 3";
  SECTION("the row") {
    std::filesystem::remove(org.anchor_log());
    attack(org.path, cut);
  }
  SECTION("the line") { attack(org.path, cut + "; DELETE FROM anchors"); }
  CHECK(fault_in(org.verify(), table) == "the tail was cut: anchor at 3, last row 2");
}

TEST_CASE("memory knows of rows that no anchor covers yet") {
  Filled org;
  const Heads heads = org.writers->committed(*org.file);
  Expected expected{heads.chain, heads.sum[0]};
  CHECK(org.verify(&expected).ok());
  SECTION("a cut tail") {
    org.close();
    attack(org.path, "DELETE FROM ledger WHERE seq = 3; DELETE FROM usage_events WHERE seq = 3");
    CHECK(org.verify().ok());
    const Report report = org.verify(&expected);
    CHECK(fault_in(report, "ledger") == "the tail was cut: row 3 was written, last row 2");
    CHECK(fault_in(report, "usage_events") == "the tail was cut: row 3 was written, last row 2");
  }
  SECTION("another sum") {
    expected.ledger_sum = heads.sum[0] + 1;
    CHECK(fault_in(org.verify(&expected), "ledger") == "the ledger's sum is not the one in memory");
  }
  SECTION("another row") {
    expected.heads[2].hash[0] ^= 1;
    CHECK_FALSE(fault_in(org.verify(&expected), "audit_logs").empty());
  }
  SECTION("rows that came since are fine") {
    org.call(5);
    CHECK(org.verify(&expected).ok());
  }
}

TEST_CASE("a chain that was hashed anew from the changed row on is found by its anchor") {
  OrgFile org;
  for (int i = 0; i < 3; ++i) org.audit("agent.create");
  org.anchor();
  org.close();
  OrgFile forged(plain_options(), org.org);
  for (int i = 0; i < 3; ++i) forged.audit("agent.delete");
  forged.close();
  std::filesystem::copy_file(forged.path, org.path, std::filesystem::copy_options::overwrite_existing);
  CHECK(fault_in(org.verify(), "audit_logs") == "row 3 is not the one that an anchor was made of");
}

TEST_CASE("rows since the last anchor are fine, and the next anchor covers them") {
  Filled org;
  CHECK(org.anchor() == 3);
  CHECK(org.anchor() == 0);
  org.call(4);
  CHECK(org.verify().ok());
  CHECK(org.anchor() == 2);  // ledger and events have moved
  const Report report = org.verify();
  CHECK(report.ok());
  CHECK(report.anchors == 5);
  // The sum that is signed is the ledger's own.
  CHECK(number(org.path, "SELECT sum FROM anchors WHERE table_name = 'ledger' AND seq = 4") == -10);
  CHECK(number(org.path, "SELECT sum FROM anchors WHERE table_name = 'usage_events' AND seq = 4") == 10);
  org.close();
  org.open();
  CHECK(org.writers->committed(*org.file).sum[0] == -10);
}

TEST_CASE("an anchor with a false signature is found, in the database and in its log") {
  Filled org;
  SECTION("of another key") {
    org.anchor(test_signer("another key"));
    org.close();
  }
  SECTION("changed in the database") {
    org.anchor();
    org.close();
    attack(org.path, "UPDATE anchors SET sum = sum + 1 WHERE table_name = 'ledger'");
  }
  SECTION("of rows that are not there, in the log") {
    org.anchor();
    org.close();
    std::string log = text_of(org.anchor_log());
    const std::string line = log.substr(0, log.find('\n') + 1);
    std::string forged = line;
    forged.replace(forged.find("\"sum\":-6"), 8, "\"sum\":-7");
    append_text(org.anchor_log(), forged);
  }
  CHECK_FALSE(fault_in(org.verify(), "ledger").empty());
}

TEST_CASE("a line that is whole and no anchor is found; a torn last line is no tampering, and is mended") {
  Filled org;
  org.anchor();
  const std::string whole = text_of(org.anchor_log());
  SECTION("no anchor") {
    append_text(org.anchor_log(), "{}\n");
    CHECK_FALSE(org.verify().ok());
  }
  SECTION("torn") {
    append_text(org.anchor_log(), R"({"org":"0189)");
    CHECK(org.verify().ok());
    REQUIRE(mend_anchor_log(*org.reader(), org.org, org.scratch.path()));
    CHECK(text_of(org.anchor_log()) == whole);
  }
  SECTION("torn in the last anchor itself, which the database still has") {
    std::filesystem::resize_file(org.anchor_log(), whole.size() - 20);
    CHECK(org.verify().ok());
    REQUIRE(mend_anchor_log(*org.reader(), org.org, org.scratch.path()));
    CHECK(text_of(org.anchor_log()) == whole);
  }
  SECTION("the log is not there") {
    std::filesystem::remove(org.anchor_log());
    REQUIRE(mend_anchor_log(*org.reader(), org.org, org.scratch.path()));
    CHECK(text_of(org.anchor_log()) == whole);
  }
  SECTION("mending what is whole changes nothing") {
    REQUIRE(mend_anchor_log(*org.reader(), org.org, org.scratch.path()));
    CHECK(text_of(org.anchor_log()) == whole);
  }
}

TEST_CASE("a gap in seq is found though every hash holds") {
  OrgFile org;
  org.audit("agent.create");
  REQUIRE(org.run([&](Transaction& tx) -> Result<void> {
    tx.connection().database().exec("DROP TRIGGER audit_logs_append");
    tx.head(ChainTable::audit_logs).seq = 5;
    return append_audit(tx, audit_of("agent.create", org.clock.now()));
  }));
  CHECK(fault_in(org.verify(), "audit_logs") == "row 2 is missing: after row 1 comes row 6");
}

TEST_CASE("the anchor log is this user's alone") {
  Filled org;
  org.anchor();
  const auto mode = std::filesystem::status(org.anchor_log()).permissions();
  CHECK(mode == (std::filesystem::perms::owner_read | std::filesystem::perms::owner_write));
}

TEST_CASE("an event and its entry belong together, though both chains hold") {
  Filled org;
  const auto held = reservation_of(org.scope, org.clock.now());
  SECTION("an event that was charged, without its entry") {
    REQUIRE(org.run([&](Transaction& tx) { return insert_event(tx, event_of(held, 5, org.clock.now())); }));
    CHECK(fault_in(org.verify(), "usage_events") == "row 4 was charged, and the ledger has no entry for it");
  }
  SECTION("an entry without its event") {
    auto entry = purchase_of(org.group, -5, "x", org.clock.now());
    entry.type = domain::EntryType::usage_deduction;
    entry.request_id = held.request_id;
    REQUIRE(org.append(entry));
    CHECK(fault_in(org.verify(), "ledger") == "row 4 charges a call that has no usage event");
  }
  SECTION("another amount, or another call") {
    const bool amount = GENERATE(true, false);
    auto entry = purchase_of(org.group, amount ? -6 : -5, "x", org.clock.now());
    entry.type = domain::EntryType::usage_deduction;
    entry.request_id = amount ? held.request_id : RequestId::mint(1);
    REQUIRE(org.run([&](Transaction& tx) -> Result<void> {
      if (auto done = insert_event(tx, event_of(held, 5, org.clock.now())); !done) return done;
      auto done = append_entry(tx, entry);
      if (!done) return std::unexpected(done.error());
      return {};
    }));
    CHECK(fault_in(org.verify(), "ledger") == "row 4 does not charge what row 4 of usage_events says");
  }
  SECTION("free calls, purchases and refunds between them do not disturb") {
    org.call(0);
    REQUIRE(org.append(purchase_of(org.group, 5, "p", org.clock.now())));
    org.call(7);
    CHECK(org.verify().ok());
  }
}

TEST_CASE("the catalog's own audit log is proved in the same way") {
  const Scratch scratch;
  const HandClock clock;
  Writers writers(plain_options(), clock, {});
  const std::string path = scratch.file("catalog.db");
  auto file = writers.open(path, FileKind::catalog, OrgId{});
  REQUIRE(file);
  for (int i = 0; i < 3; ++i) {
    REQUIRE(writers.run(
        **file, [&](Transaction& tx) { return append_audit(tx, audit_of("org.create", clock.now())); }));
  }
  REQUIRE(write_anchors(writers, **file, OrgId{}, scratch.path(), test_signer(), clock.now()).value() == 1);
  CHECK(std::filesystem::exists(scratch.file("catalog.log")));
  writers.close(*file);
  const auto verify = [&] {
    auto reader = Connection::open(path, Access::read);
    REQUIRE(reader);
    auto report = verify_file(**reader, FileKind::catalog, OrgId{}, scratch.path(), test_signer(), nullptr);
    REQUIRE(report);
    return *report;
  };
  CHECK(verify().ok());
  SQLite::Database(path, SQLite::OPEN_READWRITE)
      .exec("DROP TRIGGER audit_logs_no_update; UPDATE audit_logs SET actor = 'x' WHERE seq = 2");
  CHECK(verify().tables.front().fault == "row 2: the hash does not match");
}
