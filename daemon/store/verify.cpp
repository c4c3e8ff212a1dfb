#include "daemon/store/verify.h"

#include <fmt/format.h>
#include <sqlite3.h>

#include <algorithm>
#include <cstring>
#include <future>
#include <memory>
#include <utility>

#include "daemon/store/anchor_log.h"
#include "daemon/store/anchor_rows.h"
#include "daemon/store/chain_rows.h"

namespace govctl::store {
namespace {

using domain::ChainTable;

// SQLiteCpp counts references for every column that is read; a proof reads 40 of them in each of millions of
// rows.
struct Finalize {
  void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
};
using RawStatement = std::unique_ptr<sqlite3_stmt, Finalize>;

RawStatement prepare(Connection& connection, const char* sql) {
  sqlite3* handle = connection.database().getHandle();
  sqlite3_stmt* statement = nullptr;
  const int code = sqlite3_prepare_v2(handle, sql, -1, &statement, nullptr);
  if (code != SQLITE_OK) throw SQLite::Exception(handle, code);
  return RawStatement(statement);
}

std::string_view content(sqlite3_value* value) {
  const void* data = sqlite3_value_blob(value);
  if (data == nullptr) return {};
  return {static_cast<const char*>(data), static_cast<std::size_t>(sqlite3_value_bytes(value))};
}

// Follows one table's chain from its first row on.
class Chain {
 public:
  Chain(Connection& connection, ChainTable table, const OrgId& org, std::vector<Anchor> anchors,
        const Expected* expected)
      : handle_(connection.database().getHandle()),
        list_(column_list(table)),
        statement_(prepare(connection, list_.select)),
        anchors_(std::move(anchors)),
        expected_(expected) {
    report_.table = table;
    report_.head.hash = domain::genesis(org, table);
    check_markers();
  }

  // The next row, hashed and found sound. False after the last one, or at the first fault.
  bool next() {
    if (!report_.fault.empty() || ended_) return false;
    const int code = sqlite3_step(statement_.get());
    if (code == SQLITE_DONE) {
      end();
      return false;
    }
    if (code != SQLITE_ROW) {
      if (code != SQLITE_CORRUPT) throw SQLite::Exception(handle_, code);
      report_.fault = fmt::format("the file is damaged after row {}", report_.head.seq);
      return false;
    }
    return check_row();
  }

  void blame(std::string fault) {
    if (report_.fault.empty()) report_.fault = std::move(fault);
  }
  [[nodiscard]] std::int64_t seq() const { return report_.head.seq; }
  [[nodiscard]] std::int64_t amount() const { return sqlite3_column_int64(statement_.get(), list_.amount); }
  [[nodiscard]] std::string_view bytes(int column) const {
    return content(sqlite3_column_value(statement_.get(), column));
  }
  [[nodiscard]] std::string_view request() const { return bytes(list_.request); }
  [[nodiscard]] const TableReport& report() const { return report_; }

 private:
  bool check_row() {
    const std::int64_t seq = sqlite3_column_int64(statement_.get(), 0);
    if (seq != report_.head.seq + 1) {
      report_.fault = fmt::format("row {} is missing: after row {} comes row {}", report_.head.seq + 1,
                                  report_.head.seq, seq);
      return false;
    }
    if (const std::int64_t enc = sqlite3_column_int64(statement_.get(), list_.columns - 1);
        enc != domain::current_enc) {
      report_.fault = fmt::format("row {}: its encoding {} is not known", seq, enc);
      return false;
    }
    encoder_.clear();
    for (int column = 0; column < list_.columns; ++column) encode(column);
    const domain::Hash hash = encoder_.hash(report_.head.hash);
    const std::string_view stored = bytes(list_.columns);
    if (stored.size() != hash.size() || std::memcmp(stored.data(), hash.data(), hash.size()) != 0) {
      report_.fault = fmt::format("row {}: the hash does not match", seq);
      return false;
    }
    report_.head = {seq, hash};
    ++report_.rows;
    if (list_.amount >= 0 && __builtin_add_overflow(sum_, amount(), &sum_)) {
      report_.fault = fmt::format("row {}: the sum leaves 64 bits", seq);
      return false;
    }
    check_markers();
    return report_.fault.empty();
  }

  void encode(int column) {
    // Looked up once for its type, size and content; only this thread uses the connection.
    sqlite3_value* value = sqlite3_column_value(statement_.get(), column);
    switch (sqlite3_value_type(value)) {
      case SQLITE_INTEGER:
        encoder_.integer(sqlite3_value_int64(value));
        break;
      case SQLITE_TEXT:
        encoder_.text(content(value));
        break;
      case SQLITE_BLOB: {
        const std::string_view blob = content(value);
        encoder_.blob({reinterpret_cast<const std::uint8_t*>(blob.data()), blob.size()});
        break;
      }
      case SQLITE_NULL:
        encoder_.null();
        break;
      default:  // a REAL, which no writer writes: the row's hash will not match
        break;
    }
  }

  // What is known of the head as it stands now: by anchors and by memory.
  void check_markers() {
    const domain::ChainHead& head = report_.head;
    for (; checked_ < anchors_.size() && anchors_[checked_].seq <= head.seq; ++checked_) {
      const Anchor& anchor = anchors_[checked_];
      if (anchor.seq == head.seq && anchor.hash == head.hash && anchor.sum == sum_) continue;
      blame(fmt::format("row {} is not the one that an anchor was made of", anchor.seq));
      return;
    }
    if (expected_ == nullptr) return;
    const domain::ChainHead& known = expected_->heads[static_cast<std::size_t>(report_.table)];
    if (known.seq != head.seq) return;
    if (known.hash != head.hash) blame(fmt::format("row {} is not the one that was written", head.seq));
    if (report_.table == ChainTable::ledger && expected_->ledger_sum && *expected_->ledger_sum != sum_) {
      blame("the ledger's sum is not the one in memory");
    }
  }

  void end() {
    ended_ = true;
    const std::int64_t last = report_.head.seq;
    if (checked_ < anchors_.size()) {
      blame(fmt::format("the tail was cut: anchor at {}, last row {}", anchors_.back().seq, last));
    } else if (expected_ != nullptr && expected_->heads[static_cast<std::size_t>(report_.table)].seq > last) {
      blame(fmt::format("the tail was cut: row {} was written, last row {}",
                        expected_->heads[static_cast<std::size_t>(report_.table)].seq, last));
    }
  }

  sqlite3* handle_;
  const ColumnList& list_;
  RawStatement statement_;
  std::vector<Anchor> anchors_;
  std::size_t checked_ = 0;
  const Expected* expected_;
  domain::RowEncoder encoder_;
  TableReport report_;
  std::int64_t sum_ = 0;
  bool ended_ = false;
};

constexpr int ledger_type = 4;

// Events of charges and their entries were written in pairs, in the same order: walking both finds what has no
// partner.
void check_pairs(Chain& events, Chain& entries) {
  const auto next_charge = [&] {
    while (events.next()) {
      if (events.amount() > 0) return true;
    }
    return false;
  };
  bool paired = true;
  while (entries.next()) {
    if (!paired || entries.bytes(ledger_type) != "USAGE_DEDUCTION") continue;
    if (!next_charge()) {
      paired = false;
      if (events.report().fault.empty()) {
        entries.blame(fmt::format("row {} charges a call that has no usage event", entries.seq()));
      }
    } else if (events.request() != entries.request() || events.amount() != -entries.amount()) {
      paired = false;
      entries.blame(
          fmt::format("row {} does not charge what row {} of usage_events says", entries.seq(), events.seq()));
    }
  }
  if (entries.report().fault.empty() && next_charge()) {
    events.blame(fmt::format("row {} was charged, and the ledger has no entry for it", events.seq()));
  }
  while (events.next()) {
  }
}

// The rows and those lines that no row says already, by table and seq.
std::vector<Anchor> merged(std::vector<Anchor> rows, const std::vector<Anchor>& lines) {
  const auto key = [](const Anchor& anchor) {
    return std::tie(anchor.table, anchor.seq, anchor.hash, anchor.sum, anchor.org, anchor.signature);
  };
  rows.insert(rows.end(), lines.begin(), lines.end());
  std::ranges::sort(rows, {}, key);
  rows.erase(std::ranges::unique(rows, {}, key).begin(), rows.end());
  return rows;
}

std::string false_anchor(const std::vector<Anchor>& anchors, const OrgId& org, const Signer& signer,
                         ChainTable table) {
  for (const Anchor& anchor : anchors) {
    if (anchor.table != table) continue;
    if (anchor.org != org) return fmt::format("the anchor at {} is of another organization", anchor.seq);
    if (!signer.verify(anchor_message(anchor), anchor.signature)) {
      return fmt::format("the anchor at {} has a false signature", anchor.seq);
    }
  }
  return {};
}

// What SQLite finds when it holds each index of the table against its rows: the start rebuilds counters from
// one of them, and a lookup believes them all. Empty: they agree.
std::string index_fault(Connection& connection, ChainTable table) {
  const RawStatement check =
      prepare(connection, fmt::format("PRAGMA integrity_check({})", domain::chain_table_name(table)).c_str());
  const int code = sqlite3_step(check.get());
  if (code == SQLITE_CORRUPT) return "an index is damaged";
  if (code != SQLITE_ROW) throw SQLite::Exception(connection.database().getHandle(), code);
  const std::string_view said = content(sqlite3_column_value(check.get(), 0));
  return said == "ok" ? std::string{} : fmt::format("SQLite finds: {}", said);
}

// By a connection of its own, so that it takes no longer than the rows do.
Result<std::vector<std::string>> index_faults(const std::string& path, std::span<const ChainTable> tables) {
  auto connection = Connection::open(path, Access::read);
  if (!connection) return std::unexpected(connection.error());
  return guarded([&]() -> Result<std::vector<std::string>> {
    std::vector<std::string> faults;
    for (const ChainTable table : tables) faults.push_back(index_fault(**connection, table));
    return faults;
  });
}

std::vector<Anchor> of_table(const std::vector<Anchor>& anchors, ChainTable table) {
  std::vector<Anchor> mine;
  std::ranges::copy_if(anchors, std::back_inserter(mine),
                       [&](const Anchor& anchor) { return anchor.table == table; });
  return mine;
}

}  // namespace

bool Report::ok() const { return std::ranges::all_of(tables, &std::string::empty, &TableReport::fault); }

Result<Report> verify_file(Connection& connection, FileKind kind, const OrgId& org,
                           const std::string& anchors_dir, const Signer& signer, const Expected* expected) {
  // Before the snapshot: a line that is written meanwhile speaks of rows that the snapshot has not.
  auto log = read_anchor_log(anchor_log_path(anchors_dir, org));
  if (!log) return std::unexpected(log.error());
  return guarded([&]() -> Result<Report> {
    SQLite::Transaction snapshot(connection.database());
    auto rows = read_anchors(connection, org);
    if (!rows) return std::unexpected(rows.error());
    const std::vector<Anchor> anchors = merged(std::move(*rows), log->anchors);

    const auto tables = chain_tables(kind);
    auto signatures = std::async(std::launch::async, [&] {
      std::vector<std::string> faults;
      for (const ChainTable table : tables) faults.push_back(false_anchor(anchors, org, signer, table));
      return faults;
    });

    auto indexes = std::async(std::launch::async, [&, path = connection.database().getFilename()] {
      return index_faults(path, tables);
    });

    std::vector<std::unique_ptr<Chain>> chains;
    for (const ChainTable table : tables) {
      chains.push_back(std::make_unique<Chain>(connection, table, org, of_table(anchors, table), expected));
    }
    if (kind == FileKind::org) check_pairs(*chains[1], *chains[0]);
    while (chains.back()->next()) {
    }

    Report report;
    report.anchors = static_cast<std::int64_t>(anchors.size());
    std::vector<std::string> false_signatures = signatures.get();
    auto false_indexes = indexes.get();
    if (!false_indexes) return std::unexpected(false_indexes.error());
    for (std::size_t i = 0; i < tables.size(); ++i) {
      chains[i]->blame(std::move(false_signatures[i]));
      chains[i]->blame(std::move((*false_indexes)[i]));
      report.tables.push_back(chains[i]->report());
    }
    if (!log->fault.empty() && report.tables.front().fault.empty()) report.tables.front().fault = log->fault;
    return report;
  });
}

}  // namespace govctl::store
