// Changes an organization's files from outside, and counts what the proof does not find.
//   crash_tamper [--runs N] [--seed S]
// One run is one change to the sound files of a stopped daemon, every fourth to those of one that serves:
//   bytes   bits, bytes or a stretch of the database file, anywhere in it
//   rows    a value, a row, two rows exchanged, a row repeated or its number changed, in a chained table or in
//           `anchors`, by SQL and without the guards
//   tail    the last rows of a table, or of all three and the anchors of them
//   log     bits, lines or the end of the anchors' log
// A change is harmless only where nothing that the proof vouches for has changed: every value of every row of
// ledger, usage_events and audit_logs reads as before, by the table and by each of its indexes; and the anchors
// (org, table, seq, hash, sum, signature), of `anchors` and of the log's whole lines together, are the same
// set. What is left then is free pages, the unused part of a page, tables that the chain does not cover, the
// time that an anchor bears, and what the log and the table say both. It is looked up here without the proof's
// own code.

#include <SQLiteCpp/SQLiteCpp.h>
#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include "tests/crash/shop.h"

using namespace govctl;
using namespace govctl::test;

namespace {

constexpr std::array chained{"ledger", "usage_events", "audit_logs"};
// Each index of these tables, with the columns that it holds.
struct Index {
  const char* sql;
};
constexpr std::array indexes{
    Index{"SELECT seq, idempotency_key FROM ledger INDEXED BY sqlite_autoindex_ledger_1 ORDER BY "
          "idempotency_key"},
    Index{"SELECT seq, request_id FROM ledger INDEXED BY ledger_refunds WHERE type = 'REFUND' ORDER BY "
          "request_id"},
    Index{"SELECT seq, request_id FROM usage_events INDEXED BY sqlite_autoindex_usage_events_1 ORDER BY "
          "request_id"},
    Index{"SELECT seq, created_at FROM usage_events INDEXED BY usage_events_time ORDER BY created_at"},
    Index{
        "SELECT seq, key_id, created_at, credits_charged FROM usage_events INDEXED BY usage_events_spend WHERE "
        "credits_charged > 0 ORDER BY key_id, created_at, credits_charged"},
};

// The files of a sound organization.
struct Books {
  Image files;
  Image anchors;
  OrgId org = OrgId::mint(1);
};

Books keep_books(Home& home, Random& random) {
  Books books;
  home.disk.put({});
  {
    Run run(home);
    must(run.price("mock-unit"), "a price");
    auto tenant = run.make_org(books.org, "acme", std::nullopt);
    const Agent agent = run.add_agent(*tenant, "one");
    must(run.append(*tenant, 1'000'000'000, "purchase:first", false), "a purchase");
    for (int i = 0; i < 150; ++i) {
      home.clock.advance_seconds(20);
      const auto facts = run.facts(agent, 100, 50);
      auto hold = home.loop.run(reserve(facts));
      must_be(hold.has_value(), "a call is refused");
      must(home.loop.run(settle(std::move(*hold), 100, static_cast<std::int64_t>(random() % 50))), "settle");
      if (i % 10 == 3) {
        must(home.loop.run(tenant->refund(facts.request_id, Credits::of(7), fmt::format("{}", i), "goodwill",
                                          run.audit("ledger.refund"), false)),
             "a refund");
      }
      if (i % 10 == 5) must(run.append(*tenant, 10, fmt::format("purchase:{}", i), false), "a purchase");
      if (i % 50 == 30) run.registry->write_anchors();
    }
    run.catch_up(*tenant);
    run.registry->write_anchors();
    tenant.reset();
  }
  books.files = home.disk.take();
  books.anchors = home.anchors();
  return books;
}

// What the proof vouches for, as text.
struct Content {
  std::string rows, by_index;
  std::set<std::string> anchors;
  bool readable = true;
  bool operator==(const Content&) const = default;
};

void print_rows(SQLite::Database& database, const std::string& sql, std::string& out) {
  SQLite::Statement select(database, sql);
  while (select.executeStep()) {
    for (int i = 0; i < select.getColumnCount(); ++i) {
      const SQLite::Column column = select.getColumn(i);
      const auto* const bytes = static_cast<const char*>(column.getBlob());
      const auto size = static_cast<std::size_t>(column.getBytes());
      out += fmt::format("{}:{}:", column.getType(), size);
      if (size > 0) out.append(bytes, size);
    }
    out += '\n';
  }
}

std::string hex(std::string_view bytes) {
  std::string text;
  for (const char byte : bytes) text += fmt::format("{:02x}", static_cast<unsigned char>(byte));
  return text;
}

// The anchors of whole lines; a line that is none is told as it stands.
void read_log(const Home& home, const OrgId& org, std::set<std::string>& anchors) {
  std::ifstream in(home.anchors_dir() + "/" + org.text() + ".log", std::ios::binary);
  const std::string text(std::istreambuf_iterator<char>(in), {});
  for (std::size_t at = 0, end = 0; (end = text.find('\n', at)) != std::string::npos; at = end + 1) {
    const std::string line = text.substr(at, end - at);
    const auto json = nlohmann::json::parse(line, nullptr, false);
    try {
      anchors.insert(fmt::format("{} {} {} {} {} {}", json.at("org").get<std::string>(),
                                 json.at("table").get<std::string>(), json.at("seq").dump(),
                                 json.at("hash").get<std::string>(), json.at("sum").dump(),
                                 json.at("signature").get<std::string>()));
    } catch (const nlohmann::json::exception&) {
      anchors.insert("not an anchor: " + hex(line));
    }
  }
}

Content content_of(const Home& home, const Books& books) {
  Content content;
  try {
    SQLite::Database database(home.org_path(books.org), SQLite::OPEN_READONLY);
    for (const char* const table : chained) {
      print_rows(database, fmt::format("SELECT * FROM {} NOT INDEXED ORDER BY seq", table), content.rows);
    }
    SQLite::Statement rows(database, "SELECT table_name, seq, hash, sum, signature FROM anchors NOT INDEXED");
    while (rows.executeStep()) {
      content.anchors.insert(fmt::format("{} {} {} {} {} {}", books.org.text(), rows.getColumn(0).getString(),
                                         rows.getColumn(1).getInt64(), hex(rows.getColumn(2).getString()),
                                         rows.getColumn(3).getInt64(), hex(rows.getColumn(4).getString())));
    }
    for (const Index& index : indexes) print_rows(database, index.sql, content.by_index);
  } catch (const SQLite::Exception&) {
    content.readable = false;
  }
  read_log(home, books.org, content.anchors);
  return content;
}

// --- the changes; each says what it did

std::string in_bytes(std::string& file, Random& random) {
  const std::size_t at = random() % file.size();
  switch (random() % 3) {
    case 0:
      file[at] = static_cast<char>(file[at] ^ (1 << (random() % 8)));
      return fmt::format("a bit of byte {}", at);
    case 1:
      file[at] = static_cast<char>(random());
      return fmt::format("byte {}", at);
    default:
      break;
  }
  const std::size_t size = std::min<std::size_t>(random() % 600 + 1, file.size() - at);
  for (std::size_t i = 0; i < size; ++i) file[at + i] = static_cast<char>(random());
  return fmt::format("{} bytes from {}", size, at);
}

void drop_guards(SQLite::Database& database) {
  database.exec("PRAGMA synchronous = OFF; PRAGMA ignore_check_constraints = ON; PRAGMA foreign_keys = OFF");
  std::vector<std::string> triggers;
  SQLite::Statement select(database, "SELECT name FROM sqlite_schema WHERE type = 'trigger'");
  while (select.executeStep()) triggers.push_back(select.getColumn(0).getString());
  select.reset();
  for (const auto& trigger : triggers) database.exec("DROP TRIGGER " + trigger);
}

std::string one(SQLite::Database& database, const std::string& sql) {
  SQLite::Statement select(database, sql);
  return select.executeStep() ? select.getColumn(0).getString() : "";
}

std::string in_rows(SQLite::Database& database, Random& random) {
  const std::string table = one_in(random, 8) ? "anchors" : chained[random() % chained.size()];
  const std::string key = table == "anchors" ? "id" : "seq";
  const auto last = std::stoull(one(database, fmt::format("SELECT max({}) FROM {}", key, table)));
  const std::uint64_t row = random() % last + 1;
  std::string sql;
  switch (random() % 5) {
    case 0:
      sql = fmt::format("DELETE FROM {} WHERE {} = {}", table, key, row);
      break;
    case 1:
      sql = fmt::format("UPDATE {0} SET {1} = {2} + 1 WHERE {1} = {2}", table, key, last + random() % 3);
      break;
    case 2:
      sql = fmt::format(
          "UPDATE {0} SET {1} = -1 WHERE {1} = {2}; UPDATE {0} SET {1} = {2} WHERE {1} = {3}; UPDATE {0} SET "
          "{1} = {3} "
          "WHERE {1} = -1",
          table, key, row, row % last + 1);
      break;
    default: {
      std::vector<std::string> columns;
      SQLite::Statement names(database, fmt::format("SELECT name FROM pragma_table_info('{}')", table));
      while (names.executeStep()) columns.push_back(names.getColumn(0).getString());
      const std::string column = columns[random() % columns.size()];
      constexpr std::array values{
          "coalesce({0}, 0) + 1", "NULL", "zeroblob(32)", "'x'", "{0} || 'x'", "-1", "''"};
      const std::string value = fmt::format(fmt::runtime(values[random() % values.size()]), column);
      sql = fmt::format("UPDATE OR IGNORE {} SET {} = {} WHERE {} = {}", table, column, value, key, row);
    }
  }
  try {
    database.exec(sql);
  } catch (const SQLite::Exception&) {
    return sql + ": refused";  // NOT NULL, STRICT, UNIQUE; what was done before stays
  }
  return sql;
}

std::string in_tail(SQLite::Database& database, Random& random) {
  const std::uint64_t cut = random() % 5 + 1;
  if (one_in(random, 2)) {
    const std::string sql = fmt::format("DELETE FROM {0} WHERE seq > (SELECT max(seq) FROM {0}) - {1}",
                                        chained[random() % chained.size()], cut);
    database.exec(sql);
    return sql;
  }
  // Calls with their entries, and what the file says of them.
  database.exec(
      fmt::format("DELETE FROM usage_events WHERE seq > (SELECT max(seq) FROM usage_events) - {};"
                  "DELETE FROM ledger WHERE seq >= (SELECT min(seq) FROM ledger WHERE type = 'USAGE_DEDUCTION' "
                  "AND request_id NOT "
                  "IN (SELECT request_id FROM usage_events));"
                  "DELETE FROM anchors WHERE (table_name = 'ledger' AND seq > (SELECT max(seq) FROM ledger)) OR"
                  " (table_name = 'usage_events' AND seq > (SELECT max(seq) FROM usage_events))",
                  cut));
  return fmt::format("the last {} calls, their entries and anchors", cut);
}

std::string in_log(std::string& log, Random& random) {
  switch (random() % 4) {
    case 0:
      log.resize(random() % log.size());
      return fmt::format("the log cut to {} bytes", log.size());
    case 1: {
      const std::size_t at = log.rfind('\n', random() % log.size());
      const std::size_t begin = at == std::string::npos ? 0 : at + 1;
      log.erase(begin, log.find('\n', begin) + 1 - begin);
      return "a line of the log removed";
    }
    default:
      return "the log: " + in_bytes(log, random);
  }
}

struct Tally {
  std::uint64_t runs = 0, found = 0, harmless = 0, missed = 0, online = 0;
};

class Tamperer {
 public:
  Tamperer(Home& home, const Books& books) : home_(home), books_(books) {
    home_.put_anchors(books.anchors);
    home_.disk.put(books.files);
    sound_ = content_of(home_, books_);
    must_be(sound_.readable, "the sound files cannot be read");
    if (const std::string fault = proof(nullptr); !fault.empty()) throw Failure("sound files: " + fault);
  }

  void run(Random& random, Tally& tally) {
    const bool online = tally.runs % 4 == 3;
    home_.put_anchors(books_.anchors);
    home_.disk.put(books_.files);
    std::unique_ptr<Run> serving;
    if (online) serving = std::make_unique<Run>(home_);
    const Image before = online ? home_.disk.take() : Image{};
    const std::string what = change(random);
    const Content now = content_of(home_, books_);
    const std::string fault = proof(serving.get());
    // Whoever serves goes on with the sound file: it is the proof that is asked here.
    if (online) home_.disk.poke(path(), before.at(path()));
    ++tally.runs;
    tally.online += online ? 1 : 0;
    if (!fault.empty()) {
      ++tally.found;
    } else if (now == sound_) {
      ++tally.harmless;
    } else {
      ++tally.missed;
      fmt::print(stderr, "not found{}: {}{}\n", online ? " while serving" : "", what, difference(now));
    }
  }

 private:
  [[nodiscard]] std::string path() const { return home_.org_path(books_.org); }

  std::string change(Random& random) {
    const std::uint64_t kind = random() % 8;
    if (kind < 4) {
      std::string file = home_.disk.take().at(path());
      std::string what = in_bytes(file, random);
      home_.disk.poke(path(), file);
      return what;
    }
    if (kind == 7) {
      Image logs = home_.anchors();
      std::string what = in_log(logs.at(books_.org.text() + ".log"), random);
      home_.put_anchors(logs);
      return what;
    }
    SQLite::Database database(path(), SQLite::OPEN_READWRITE);
    drop_guards(database);
    return kind == 6 ? in_tail(database, random) : in_rows(database, random);
  }

  // What the proof finds, or why it cannot be made.
  std::string proof(Run* serving) {
    if (serving != nullptr) {
      const auto tenant = serving->registry->find(books_.org);
      const auto report = home_.loop.run(serving->registry->verify(tenant));
      return report ? fault_in(*report) : report.error().message;
    }
    auto reader = store::Connection::open(path(), store::Access::read);
    if (!reader) return reader.error().message;
    store::Signer signer;
    signer.verify = [this](auto message, auto signature) { return home_.keyring->verify(message, signature); };
    const auto report =
        store::verify_file(**reader, store::FileKind::org, books_.org, home_.anchors_dir(), signer, nullptr);
    return report ? fault_in(*report) : report.error().message;
  }
  static std::string fault_in(const store::Report& report) {
    for (const auto& table : report.tables) {
      if (!table.fault.empty()) return table.fault;
    }
    return {};
  }

  [[nodiscard]] std::string difference(const Content& now) const {
    std::string text;
    if (!now.readable) text += "; it cannot be read";
    if (now.rows != sound_.rows) text += "; rows differ";
    if (now.by_index != sound_.by_index) text += "; an index differs";
    if (now.anchors != sound_.anchors) text += "; anchors differ";
    return text;
  }

  Home& home_;
  const Books& books_;
  Content sound_;
};

}  // namespace

int main(int argc, char** argv) {
  try {
    const std::uint64_t runs = argument(argc, argv, "--runs", 400);
    const std::uint64_t seed = argument(argc, argv, "--seed", std::random_device{}());
    Home home;
    Random random(seed);
    const Books books = keep_books(home, random);
    Tamperer tamperer(home, books);
    Tally tally;
    while (tally.runs < runs) {
      std::seed_seq seeds{seed, tally.runs};
      Random dice(seeds);
      tamperer.run(dice, tally);
    }
    fmt::print("{} found, {} harmless, {} of them while serving, seed {}\n", tally.found, tally.harmless,
               tally.online, seed);
    fmt::print("{} runs, {} not found\n", tally.runs, tally.missed);
    return tally.missed == 0 && tally.found > tally.runs / 3 ? 0 : 1;
  } catch (const std::exception& failure) {
    fmt::print(stderr, "crash_tamper: {}\n", failure.what());
    return 1;
  }
}
