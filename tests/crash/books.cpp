#include "tests/crash/books.h"

#include <SQLiteCpp/SQLiteCpp.h>
#include <fmt/format.h>
#include <sqlite3.h>

#include "tests/crash/arguments.h"

namespace govctl::test {
namespace {

constexpr const char* died = "daemon stopped while the call was in flight";

constexpr const char* open_sql = "SELECT request_id, reserved FROM reservations";
constexpr const char* events_sql =
    "SELECT seq, request_id, status, credits_charged, coalesce(error_message, '') FROM usage_events WHERE seq "
    "> ? "
    "ORDER BY seq";
constexpr const char* entries_sql =
    "SELECT seq, request_id, amount FROM ledger WHERE seq > ? AND type = 'USAGE_DEDUCTION' ORDER BY seq";

// Of a file whose daemon may be gone: the last to close it would write its log into it.
SQLite::Database open_quietly(const std::string& path) {
  SQLite::Database database(path, SQLite::OPEN_READONLY, 5'000);
  sqlite3_db_config(database.getHandle(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
  return database;
}

std::string request_id(const SQLite::Column& column) {
  static constexpr char digits[] = "0123456789abcdef";
  const auto* const bytes = static_cast<const unsigned char*>(column.getBlob());
  std::string text = "req_";
  for (int i = 0; i < column.getBytes(); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) text += '-';
    text += digits[bytes[i] >> 4];
    text += digits[bytes[i] & 15];
  }
  return text;
}

}  // namespace

std::map<std::string, std::int64_t> open_reservations(const std::string& org_file) {
  SQLite::Database database = open_quietly(org_file);
  std::map<std::string, std::int64_t> open;
  SQLite::Statement rows(database, open_sql);
  while (rows.executeStep()) open[request_id(rows.getColumn(0))] = rows.getColumn(1).getInt64();
  return open;
}

Auditor::Auditor(std::string org_file, std::int64_t money, std::int64_t charge)
    : org_file_(std::move(org_file)), money_(money), charge_(charge) {}

bool Auditor::succeeded(const End& end) const { return end.status == "SUCCESS" && end.credits == charge_; }

void Auditor::read() {
  SQLite::Database database = open_quietly(org_file_);
  const SQLite::Transaction snapshot(database);
  std::unordered_map<std::string, std::int64_t> entries;
  SQLite::Statement charged(database, entries_sql);
  charged.bind(1, last_entry_);
  while (charged.executeStep()) {
    last_entry_ = charged.getColumn(0).getInt64();
    const std::string id = request_id(charged.getColumn(1));
    const auto [at, first] = entries.emplace(id, -charged.getColumn(2).getInt64());
    if (first && !ends_.contains(id)) continue;
    ++doubled_;
    fmt::print(stderr, "charged twice: {}\n", id);
  }
  SQLite::Statement events(database, events_sql);
  events.bind(1, last_event_);
  while (events.executeStep()) {
    last_event_ = events.getColumn(0).getInt64();
    const std::string id = request_id(events.getColumn(1));
    End end{events.getColumn(2).getString(), events.getColumn(4).getString(), events.getColumn(3).getInt64()};
    const auto entry = entries.find(id);
    if ((entry == entries.end() ? 0 : entry->second) != end.credits) {
      throw Failure(fmt::format("the event of {} charges {}, and its entry differs", id, end.credits));
    }
    if (entry != entries.end()) entries.erase(entry);
    spent_ += end.credits;
    if (!ends_.emplace(id, std::move(end)).second) {
      ++doubled_;
      fmt::print(stderr, "ended twice: {}\n", id);
    }
  }
  if (!entries.empty()) throw Failure("an entry without an event: " + entries.begin()->first);
  SQLite::Statement open(database, open_sql);
  open_ = 0;
  while (open.executeStep()) {
    ++open_;
    fmt::print(stderr, "still open: {}\n", request_id(open.getColumn(0)));
  }
}

void Auditor::check(const std::vector<Call>& calls, const std::map<std::string, std::int64_t>& held,
                    Tally& tally) {
  read();
  const auto lose = [&](const std::string& id) {
    ++tally.lost;
    fmt::print(stderr, "lost: {}\n", id);
  };
  const auto wrong = [&](const std::string& id, const End& end) {
    ++tally.twice;
    fmt::print(stderr, "not as it was told: {} {} {} {}\n", id, end.status, end.credits, end.error);
  };
  for (const Call& call : calls) {
    if (call.status != 200) continue;
    tally.answered += call.ended ? 1 : 0;
    const auto found = ends_.find(call.request);
    if (found == ends_.end()) {
      lose(call.request);
    } else if (call.ended && !succeeded(found->second)) {
      wrong(call.request, found->second);
    }
  }
  for (const auto& [id, credits] : held) {
    const auto found = ends_.find(id);
    if (found == ends_.end()) {
      lose(id);
      continue;
    }
    // Its end may have been promised in the journal already; else it is settled at its hold.
    const End& end = found->second;
    const bool recovered = end.status == "ERROR" && end.credits == credits && end.error == died;
    tally.recovered += recovered ? 1 : 0;
    if (!recovered && !succeeded(end)) wrong(id, end);
  }
  tally.open += open_;
  tally.twice += std::exchange(doubled_, 0);
}

void Auditor::check_again() {
  Auditor anew(org_file_, money_, charge_);
  anew.read();
  if (anew.ends_ != ends_ || anew.spent_ != spent_ || anew.doubled_ != 0) {
    throw Failure("rows that were read before read otherwise now");
  }
}

}  // namespace govctl::test
