#include "daemon/store/policies.h"

#include <nlohmann/json.hpp>

#include "daemon/store/columns.h"

namespace govctl::store {
namespace {

constexpr char insert_policy_sql[] =
    "INSERT INTO policies(id, level, target_id, name, allow_models, deny_models, providers, costly, "
    "max_input_tokens,"
    " max_output_tokens, rpm, tpm, parallel, clamp, reserve, version, created_at, updated_at)"
    " VALUES(:id, :level, :target, :name, :allow, :deny, :providers, :costly, :max_input, :max_output, :rpm, "
    ":tpm,"
    " :parallel, :clamp, :reserve, :version, :created, :updated)";
constexpr char update_policy_sql[] =
    "UPDATE policies SET name = :name, allow_models = :allow, deny_models = :deny, providers = :providers,"
    " costly = :costly, max_input_tokens = :max_input, max_output_tokens = :max_output, rpm = :rpm, tpm = :tpm,"
    " parallel = :parallel, clamp = :clamp, reserve = :reserve, version = :version, updated_at = :updated"
    " WHERE id = :id AND deleted_at IS NULL";
constexpr char delete_policy_sql[] =
    "UPDATE policies SET deleted_at = :now WHERE id = :id AND deleted_at IS NULL";
constexpr char policy_columns[] =
    "SELECT id, level, target_id, name, allow_models, deny_models, providers, costly, max_input_tokens,"
    " max_output_tokens, rpm, tpm, parallel, clamp, reserve, version, created_at, updated_at"
    " FROM policies WHERE deleted_at IS NULL";
constexpr auto find_policy_sql = sql(policy_columns, " AND id = :id");
constexpr auto list_policies_sql = sql(policy_columns, " ORDER BY id");

void set_globs(SQLite::Statement& statement, const char* name, const std::optional<domain::Globs>& globs) {
  if (globs) {
    set(statement, name, nlohmann::json(*globs).dump());
  } else {
    statement.bind(name);
  }
}

std::optional<domain::Globs> read_globs(RowReader& row) {
  const auto text = row.optional(&RowReader::text);
  if (!text) return std::nullopt;
  return nlohmann::json::parse(*text).get<domain::Globs>();
}

void set_changeable(SQLite::Statement& statement, const domain::Policy& policy) {
  set(statement, ":id", policy.id);
  set(statement, ":name", policy.name);
  set_globs(statement, ":allow", policy.allow_models);
  set_globs(statement, ":deny", policy.deny_models);
  set_globs(statement, ":providers", policy.providers);
  set_globs(statement, ":costly", policy.costly);
  set(statement, ":max_input", policy.max_input_tokens);
  set(statement, ":max_output", policy.max_output_tokens);
  set(statement, ":rpm", policy.rpm);
  set(statement, ":tpm", policy.tpm);
  set(statement, ":parallel", policy.parallel);
  set(statement, ":clamp", policy.clamp);
  std::optional<std::string> reserve;
  if (policy.estimate) reserve = *policy.estimate ? "estimate" : "worst-case";
  set(statement, ":reserve", reserve);
  set(statement, ":version", policy.version);
  set(statement, ":updated", policy.updated_at);
}

domain::Policy read_policy(RowReader& row) {
  domain::Policy policy;
  policy.id = row.id<PolicyId>();
  policy.level = row.level();
  policy.target = row.uuid();
  policy.name = row.text();
  policy.allow_models = read_globs(row);
  policy.deny_models = read_globs(row);
  policy.providers = read_globs(row);
  policy.costly = read_globs(row);
  policy.max_input_tokens = row.optional(&RowReader::integer);
  policy.max_output_tokens = row.optional(&RowReader::integer);
  policy.rpm = row.optional(&RowReader::integer);
  policy.tpm = row.optional(&RowReader::integer);
  policy.parallel = row.optional(&RowReader::integer);
  policy.clamp = row.optional(&RowReader::boolean);
  if (const auto reserve = row.optional(&RowReader::text)) policy.estimate = *reserve == "estimate";
  policy.version = row.integer();
  policy.created_at = row.time();
  policy.updated_at = row.time();
  return policy;
}

}  // namespace

Result<void> insert_policy(Transaction& tx, const domain::Policy& policy) {
  return guarded([&]() -> Result<void> {
    auto& insert = tx.connection().prepared(insert_policy_sql);
    set_changeable(insert, policy);
    set(insert, ":level", std::string(level_word(policy.level)));
    set(insert, ":target", policy.target);
    set(insert, ":created", policy.created_at);
    insert.exec();
    return {};
  });
}

Result<void> update_policy(Transaction& tx, const domain::Policy& policy) {
  return guarded([&]() -> Result<void> {
    auto& update = tx.connection().prepared(update_policy_sql);
    set_changeable(update, policy);
    return exec_one(update, "policy");
  });
}

Result<void> delete_policy(Transaction& tx, const PolicyId& id, Timestamp now) {
  return guarded([&]() -> Result<void> {
    auto& update = tx.connection().prepared(delete_policy_sql);
    set(update, ":id", id);
    set(update, ":now", now);
    return exec_one(update, "policy");
  });
}

Result<std::optional<domain::Policy>> find_policy(Connection& connection, const PolicyId& id) {
  return select_one<domain::Policy>(connection, find_policy_sql, id, read_policy);
}
Result<std::vector<domain::Policy>> list_policies(Connection& connection) {
  return select_all<domain::Policy>(connection, list_policies_sql, read_policy);
}

}  // namespace govctl::store
