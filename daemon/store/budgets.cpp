#include "daemon/store/budgets.h"

#include "daemon/store/columns.h"

namespace govctl::store {
namespace {

constexpr char insert_budget_sql[] =
    "INSERT INTO budgets(id, level, target_id, period, credit_limit, limit_usd, auto_disable, version, "
    "created_at,"
    " updated_at) VALUES(:id, :level, :target, :period, :limit, :limit_usd, :auto_disable, :version, :created,"
    " :updated)";
constexpr char update_budget_sql[] =
    "UPDATE budgets SET credit_limit = :limit, limit_usd = :limit_usd, auto_disable = :auto_disable,"
    " version = :version, updated_at = :updated WHERE id = :id AND deleted_at IS NULL";
constexpr char delete_budget_sql[] =
    "UPDATE budgets SET deleted_at = :now WHERE id = :id AND deleted_at IS NULL";
constexpr char budget_columns[] =
    "SELECT id, level, target_id, period, credit_limit, limit_usd, auto_disable, version, created_at, "
    "updated_at"
    " FROM budgets WHERE deleted_at IS NULL";
constexpr auto find_budget_sql = sql(budget_columns, " AND id = :id");
constexpr auto list_budgets_sql = sql(budget_columns, " ORDER BY id");

void set_changeable(SQLite::Statement& statement, const domain::Budget& budget) {
  set(statement, ":id", budget.id);
  set(statement, ":limit", budget.limit);
  set_or_null(statement, ":limit_usd", budget.limit_usd);
  set(statement, ":auto_disable", budget.auto_disable);
  set(statement, ":version", budget.version);
  set(statement, ":updated", budget.updated_at);
}

domain::Budget read_budget(RowReader& row) {
  domain::Budget budget;
  budget.id = row.id<BudgetId>();
  budget.level = row.level();
  budget.target = row.uuid();
  // The table's CHECK admits these words alone.
  budget.period = domain::parse_period(row.text()).value_or(domain::Period::total);
  budget.limit = row.credits();
  budget.limit_usd = row.text();
  budget.auto_disable = row.boolean();
  budget.version = row.integer();
  budget.created_at = row.time();
  budget.updated_at = row.time();
  return budget;
}

}  // namespace

Result<void> insert_budget(Transaction& tx, const domain::Budget& budget) {
  return guarded([&]() -> Result<void> {
    auto& insert = tx.connection().prepared(insert_budget_sql);
    set_changeable(insert, budget);
    set(insert, ":level", std::string(level_word(budget.level)));
    set(insert, ":target", budget.target);
    set(insert, ":period", std::string(domain::period_word(budget.period)));
    set(insert, ":created", budget.created_at);
    insert.exec();
    return {};
  });
}

Result<void> update_budget(Transaction& tx, const domain::Budget& budget) {
  return guarded([&]() -> Result<void> {
    auto& update = tx.connection().prepared(update_budget_sql);
    set_changeable(update, budget);
    return exec_one(update, "budget");
  });
}

Result<void> delete_budget(Transaction& tx, const BudgetId& id, Timestamp now) {
  return guarded([&]() -> Result<void> {
    auto& update = tx.connection().prepared(delete_budget_sql);
    set(update, ":id", id);
    set(update, ":now", now);
    return exec_one(update, "budget");
  });
}

Result<std::optional<domain::Budget>> find_budget(Connection& connection, const BudgetId& id) {
  return select_one<domain::Budget>(connection, find_budget_sql, id, read_budget);
}
Result<std::vector<domain::Budget>> list_budgets(Connection& connection) {
  return select_all<domain::Budget>(connection, list_budgets_sql, read_budget);
}

}  // namespace govctl::store
