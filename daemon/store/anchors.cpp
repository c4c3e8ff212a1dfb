#include <algorithm>

#include "daemon/store/anchor_log.h"
#include "daemon/store/anchor_rows.h"
#include "daemon/store/columns.h"

namespace govctl::store {
namespace {

constexpr const char* select_sql =
    "SELECT table_name, seq, hash, sum, signature, created_at FROM anchors ORDER BY id";
constexpr const char* newest_sql = "SELECT coalesce(max(seq), 0) FROM anchors WHERE table_name = :table";
constexpr const char* insert_sql =
    "INSERT INTO anchors(table_name, seq, hash, sum, signature, created_at) "
    "VALUES (:table, :seq, :hash, :sum, :signature, :at)";

std::int64_t newest(Connection& connection, const std::string& table) {
  SQLite::Statement& select = connection.prepared(newest_sql);
  set(select, ":table", table);
  select.executeStep();
  const std::int64_t seq = select.getColumn(0).getInt64();
  select.reset();
  return seq;
}

void insert(Connection& connection, const Anchor& anchor) {
  SQLite::Statement& statement = connection.prepared(insert_sql);
  set(statement, ":table", std::string(domain::chain_table_name(anchor.table)));
  set(statement, ":seq", anchor.seq);
  set(statement, ":hash", anchor.hash);
  set(statement, ":sum", anchor.sum);
  set(statement, ":signature", anchor.signature);
  set(statement, ":at", anchor.created_at);
  statement.exec();
  statement.reset();
}

void big_endian(std::int64_t value, std::vector<std::uint8_t>& out) {
  for (int shift = 56; shift >= 0; shift -= 8) out.push_back(static_cast<std::uint8_t>(value >> shift));
}

}  // namespace

std::vector<std::uint8_t> anchor_message(const Anchor& anchor) {
  std::vector<std::uint8_t> message(anchor.org.bytes.begin(), anchor.org.bytes.end());
  const std::string_view table = domain::chain_table_name(anchor.table);
  message.insert(message.end(), table.begin(), table.end());
  big_endian(anchor.seq, message);
  message.insert(message.end(), anchor.hash.begin(), anchor.hash.end());
  big_endian(anchor.sum, message);
  return message;
}

Result<std::vector<Anchor>> read_anchors(Connection& connection, const OrgId& org) {
  return guarded([&]() -> Result<std::vector<Anchor>> {
    std::vector<Anchor> anchors;
    SQLite::Statement& select = connection.prepared(select_sql);
    while (select.executeStep()) {
      RowReader row(select);
      const auto table = chain_table_of(row.text());
      if (!table) return fail(Code::corrupt, "an anchor names a table that has no chain");
      Anchor& anchor = anchors.emplace_back();
      anchor.org = org;
      anchor.table = *table;
      anchor.seq = row.integer();
      anchor.hash = row.hash();
      anchor.sum = row.integer();
      anchor.signature = row.blob();
      anchor.created_at = row.time();
    }
    select.reset();
    return anchors;
  });
}

Result<std::size_t> write_anchors(Writers& writers, File& file, const OrgId& org,
                                  const std::string& anchors_dir, const Signer& signer, Timestamp now) {
  std::vector<Anchor> made;
  auto written = writers.run(file, [&](Transaction& tx) -> Result<void> {
    return guarded([&]() -> Result<void> {
      made.clear();
      for (std::size_t i = 0; i < domain::chain_table_count; ++i) {
        const auto table = static_cast<domain::ChainTable>(i);
        const domain::ChainHead& head = tx.head(table);
        if (head.seq <= newest(tx.connection(), std::string(domain::chain_table_name(table)))) continue;
        Anchor anchor{org, table, head.seq, head.hash, tx.sum(table), now, {}};
        anchor.signature = signer.sign(anchor_message(anchor));
        insert(tx.connection(), anchor);
        made.push_back(std::move(anchor));
      }
      return {};
    });
  });
  if (!written) return std::unexpected(written.error());
  if (auto logged = append_anchor_log(anchor_log_path(anchors_dir, org), made); !logged) {
    return std::unexpected(logged.error());
  }
  return made.size();
}

Result<void> mend_anchor_log(Connection& connection, const OrgId& org, const std::string& anchors_dir) {
  const std::string path = anchor_log_path(anchors_dir, org);
  auto log = read_anchor_log(path);
  if (!log) return std::unexpected(log.error());
  if (log->torn) {
    if (auto cut = cut_anchor_log(path, log->whole_bytes); !cut) return cut;
  }
  auto rows = read_anchors(connection, org);
  if (!rows) return std::unexpected(rows.error());
  std::erase_if(*rows, [&](const Anchor& row) {
    return std::ranges::any_of(
        log->anchors, [&](const Anchor& line) { return line.table == row.table && line.seq == row.seq; });
  });
  return append_anchor_log(path, *rows);
}

}  // namespace govctl::store
