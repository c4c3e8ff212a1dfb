#include "daemon/store/aliases.h"

#include <nlohmann/json.hpp>

#include "daemon/store/columns.h"

namespace govctl::store {
namespace {

constexpr char put_alias_sql[] =
    "INSERT INTO model_aliases(name, targets, version, created_at, updated_at)"
    " VALUES(:name, :targets, :version, :created, :updated)"
    " ON CONFLICT(name) DO UPDATE SET targets = excluded.targets, version = excluded.version,"
    " updated_at = excluded.updated_at";
constexpr char delete_alias_sql[] = "DELETE FROM model_aliases WHERE name = :name";
constexpr char alias_columns[] = "SELECT name, targets, version, created_at, updated_at FROM model_aliases";
constexpr auto find_alias_sql = sql(alias_columns, " WHERE name = :id");
constexpr auto list_aliases_sql = sql(alias_columns, " ORDER BY name");

// As a JSON array of "provider/model"; no provider's name holds a slash.
std::string targets_text(const std::vector<domain::ModelTarget>& targets) {
  auto array = nlohmann::json::array();
  for (const auto& target : targets) array.push_back(target.provider + "/" + target.model);
  return array.dump();
}

domain::ModelAlias read_alias(RowReader& row) {
  domain::ModelAlias alias;
  alias.name = row.text();
  for (const auto& text : nlohmann::json::parse(row.text()).get<std::vector<std::string>>()) {
    const std::size_t slash = std::min(text.find('/'), text.size());
    alias.targets.push_back({text.substr(0, slash), text.substr(std::min(slash + 1, text.size()))});
  }
  alias.version = row.integer();
  alias.created_at = row.time();
  alias.updated_at = row.time();
  return alias;
}

}  // namespace

Result<void> put_alias(Transaction& tx, const domain::ModelAlias& alias) {
  return guarded([&]() -> Result<void> {
    auto& put = tx.connection().prepared(put_alias_sql);
    set(put, ":name", alias.name);
    set(put, ":targets", targets_text(alias.targets));
    set(put, ":version", alias.version);
    set(put, ":created", alias.created_at);
    set(put, ":updated", alias.updated_at);
    put.exec();
    return {};
  });
}

Result<void> delete_alias(Transaction& tx, const std::string& name) {
  return guarded([&]() -> Result<void> {
    auto& erase = tx.connection().prepared(delete_alias_sql);
    set(erase, ":name", name);
    return exec_one(erase, "alias");
  });
}

Result<std::optional<domain::ModelAlias>> find_alias(Connection& connection, const std::string& name) {
  return select_one<domain::ModelAlias>(connection, find_alias_sql, name, read_alias);
}
Result<std::vector<domain::ModelAlias>> list_aliases(Connection& connection) {
  return select_all<domain::ModelAlias>(connection, list_aliases_sql, read_alias);
}

}  // namespace govctl::store
