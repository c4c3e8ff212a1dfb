#include "daemon/store/sets.h"

#include <nlohmann/json.hpp>

#include "daemon/store/columns.h"

namespace govctl::store {
namespace {

constexpr char told_sql[] =
    "SELECT event_type, resource_type, resource_id, metadata FROM audit_logs"
    " WHERE instr(metadata, :mark) > 0 OR event_type IN ('alias.delete', 'provider.delete', 'pricing.delete')"
    " ORDER BY seq";

}  // namespace

Result<std::set<std::pair<std::string, std::string>>> made_by_set(Connection& connection,
                                                                  const std::string& set_name) {
  return guarded([&]() -> Result<std::set<std::pair<std::string, std::string>>> {
    std::set<std::pair<std::string, std::string>> made;
    auto& select = connection.prepared(told_sql);
    set(select, ":mark", "\"set\":" + nlohmann::json(set_name).dump());
    while (select.executeStep()) {
      RowReader row(select);
      const std::string event = row.text();
      std::pair<std::string, std::string> thing{row.text(), row.text()};
      const auto metadata = nlohmann::json::parse(row.text(), nullptr, false);
      if (event.ends_with(".delete")) {
        made.erase(thing);
      } else if (metadata.is_object() && metadata.value("set", nlohmann::json()) == set_name &&
                 metadata.contains("after") && !metadata.contains("before")) {
        made.insert(std::move(thing));
      }
    }
    select.reset();
    return made;
  });
}

}  // namespace govctl::store
