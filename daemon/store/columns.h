#pragma once
// Binding by name and reading by position, for the rows that administrators declare. Throws what SQLiteCpp
// throws: call inside guarded().

#include <SQLiteCpp/SQLiteCpp.h>

#include <array>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <vector>

#include "common/clock.h"
#include "common/id.h"
#include "common/money.h"
#include "daemon/domain/config.h"
#include "daemon/store/connection.h"

namespace govctl::store {

// One literal of several, so that the statements that read a row share its list of columns.
template <std::size_t size>
struct Sql {
  std::array<char, size> text{};
  // NOLINTNEXTLINE(google-explicit-constructor): stands where a literal stands
  constexpr operator const char*() const { return text.data(); }
};
template <std::size_t... sizes>
consteval auto sql(const char (&... parts)[sizes]) {
  Sql<(sizes + ...) - sizeof...(sizes) + 1> joined;
  std::size_t at = 0;
  const auto append = [&](const char* part, std::size_t length) {
    for (std::size_t i = 0; i < length; ++i) joined.text[at++] = part[i];
  };
  (append(parts, sizes - 1), ...);
  return joined;
}

inline void set(SQLite::Statement& statement, const char* name, std::int64_t value) {
  statement.bind(name, value);
}
inline void set(SQLite::Statement& statement, const char* name, bool value) {
  statement.bind(name, std::int64_t{value ? 1 : 0});
}
inline void set(SQLite::Statement& statement, const char* name, const std::string& value) {
  statement.bind(name, value);
}
inline void set(SQLite::Statement& statement, const char* name, Timestamp value) {
  statement.bind(name, value.micros);
}
inline void set(SQLite::Statement& statement, const char* name, Credits value) {
  statement.bind(name, value.value());
}
inline void set(SQLite::Statement& statement, const char* name, const Uuid& value) {
  statement.bind(name, value.data(), static_cast<int>(value.size()));
}
inline void set(SQLite::Statement& statement, const char* name, const domain::Hash& value) {
  statement.bind(name, value.data(), static_cast<int>(value.size()));
}
inline void set(SQLite::Statement& statement, const char* name, const std::vector<std::uint8_t>& value) {
  // An empty vector's data() may be null, which SQLite takes for NULL.
  statement.bind(name, value.empty() ? static_cast<const void*>("") : value.data(),
                 static_cast<int>(value.size()));
}
template <class Tag>
void set(SQLite::Statement& statement, const char* name, const Id<Tag>& value) {
  set(statement, name, value.bytes);
}
template <class T>
void set(SQLite::Statement& statement, const char* name, const std::optional<T>& value) {
  if (value) {
    set(statement, name, *value);
  } else {
    statement.bind(name);
  }
}
// Text that is empty is NULL.
inline void set_or_null(SQLite::Statement& statement, const char* name, const std::string& value) {
  if (value.empty()) {
    statement.bind(name);
  } else {
    statement.bind(name, value);
  }
}

// Reads a row's columns from the left to the right.
class RowReader {
 public:
  explicit RowReader(SQLite::Statement& statement) : statement_(statement) {}

  std::int64_t integer() { return next().getInt64(); }
  bool boolean() { return integer() != 0; }
  Timestamp time() { return {integer()}; }
  Credits credits() { return Credits::of(integer()); }
  std::string text() { return next().getString(); }  // NULL is empty
  Uuid uuid() { return array<16>(); }
  domain::Hash hash() { return array<32>(); }
  // The tables' CHECKs admit the known words alone.
  Level level() { return parse_level(text()).value_or(Level::org); }
  template <class IdType>
  IdType id() {
    return IdType{uuid()};
  }
  std::vector<std::uint8_t> blob() {
    const SQLite::Column column = next();
    const auto* bytes = static_cast<const std::uint8_t*>(column.getBlob());
    return bytes == nullptr ? std::vector<std::uint8_t>{}
                            : std::vector<std::uint8_t>(bytes, bytes + column.getBytes());
  }
  // The next column through `read`, or nothing when it is NULL.
  template <class Read>
  auto optional(Read read) -> std::optional<decltype((this->*read)())> {
    if (statement_.getColumn(at_).isNull()) {
      ++at_;
      return std::nullopt;
    }
    return (this->*read)();
  }

 private:
  SQLite::Column next() { return statement_.getColumn(at_++); }
  template <std::size_t size>
  std::array<std::uint8_t, size> array() {
    std::array<std::uint8_t, size> value{};
    const SQLite::Column column = next();
    if (column.getBytes() == static_cast<int>(size)) std::memcpy(value.data(), column.getBlob(), size);
    return value;
  }
  SQLite::Statement& statement_;
  int at_ = 0;
};

// :frozen and :reason; and the two columns frozen_at, frozen_reason.
inline void set_freeze(SQLite::Statement& statement, const std::optional<domain::Freeze>& frozen) {
  if (frozen) {
    set(statement, ":frozen", frozen->at);
    set(statement, ":reason", frozen->reason);
  } else {
    statement.bind(":frozen");
    statement.bind(":reason");
  }
}
inline std::optional<domain::Freeze> read_freeze(RowReader& row) {
  const auto at = row.optional(&RowReader::time);
  std::string reason = row.text();
  if (!at) return std::nullopt;
  return domain::Freeze{*at, std::move(reason)};
}

// All rows that `sql` selects, each through `read`.
template <class T, class Read>
Result<std::vector<T>> select_all(Connection& connection, const char* sql, Read read) {
  return guarded([&]() -> Result<std::vector<T>> {
    auto& select = connection.prepared(sql);
    std::vector<T> rows;
    while (select.executeStep()) {
      RowReader row(select);
      rows.push_back(read(row));
    }
    select.reset();
    return rows;
  });
}

// The row that `sql` selects by :id, through `read`.
template <class T, class Key, class Read>
Result<std::optional<T>> select_one(Connection& connection, const char* sql, const Key& id, Read read) {
  return guarded([&]() -> Result<std::optional<T>> {
    auto& select = connection.prepared(sql);
    set(select, ":id", id);
    std::optional<T> found;
    if (select.executeStep()) {
      RowReader row(select);
      found = read(row);
    }
    select.reset();
    return found;
  });
}

// Runs a statement that changes one row; not_found when it changed none.
inline Result<void> exec_one(SQLite::Statement& statement, const char* what) {
  if (statement.exec() == 0) return fail(Code::not_found, std::string("there is no such ") + what);
  return {};
}

}  // namespace govctl::store
