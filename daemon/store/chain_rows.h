#pragma once
// The chained tables' frozen column lists, and the one way to append to them (domain/chain.h). The writer binds
// and encodes by a list, verify reads and encodes by the same one.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "daemon/domain/chain.h"
#include "daemon/store/writer.h"

namespace govctl::store {

// The columns that enc = 1 names, of one table.
struct ColumnList {
  domain::ChainTable table;
  int columns;         // from seq to enc; hash follows as one more
  int request;         // the column that names the call
  int amount;          // the column that the table's sum adds up, or -1
  const char* insert;  // in this order
  const char* select;  // in this order, hash last, by seq
  const char* head;    // seq and hash of the last row
  const char* sum;     // of the rows after ?1 up to ?2
};
const ColumnList& column_list(domain::ChainTable table);
// The chained tables that a file of this kind has.
std::span<const domain::ChainTable> chain_tables(FileKind kind);

// The heads as the file has them. The sums start at the newest anchor, so that this does not read every row.
Result<Heads> read_heads(Connection& connection, FileKind kind, const OrgId& org);

// One row: values in the list's order, each bound and encoded in one step, then append(). Text and blobs are
// not copied: they outlive append(). Throws SQLite::Exception: within guarded().
class ChainedInsert {
 public:
  ChainedInsert(Transaction& tx, domain::ChainTable table);

  void integer(std::int64_t value);
  void integer_or_null(const std::optional<std::int64_t>& value);
  void text(const std::string& value);
  void text(std::string&&) = delete;
  void text_or_null(const std::string& value);
  void text_or_null(std::string&&) = delete;
  void word(std::string_view literal);  // ends with a NUL
  void blob(std::span<const std::uint8_t> value);
  void null();

  // Numbers, hashes and writes the row, and moves the head on; `amount` is added to the table's sum.
  domain::ChainHead append(std::int64_t amount);

 private:
  Transaction& tx_;
  const ColumnList& list_;
  SQLite::Statement& statement_;
  domain::RowEncoder& encoder_;
  int bound_ = 0;
};

}  // namespace govctl::store
