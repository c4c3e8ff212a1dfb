#include "cli/commands/hanging.h"

#include <fmt/format.h>

namespace govctl::cli {

Result<std::string> any_path(const Session& s, std::string_view text) {
  return s.path(text, {Level::org, Level::workspace, Level::group, Level::agent});
}

Result<Json> create_or_change(Session& s, const std::string& collection, Json creation, Json changes) {
  auto made = s.post(collection, std::move(creation));
  if (made || made.error().code != Code::conflict) return made;
  const Json details = Json::parse(made.error().details, nullptr, false);
  if (!details.is_object() || !details.contains("id") || !details["id"].is_string()) return made;
  return s.patch(collection + "/" + segment(details["id"].get<std::string>()), std::move(changes));
}

Result<std::string> id_of(Session& s, const std::string& collection, std::string_view text,
                          const std::function<bool(const Json&)>& fits) {
  auto path = any_path(s, text);
  if (!path || is_id(*path)) return path;
  auto below = s.list(collection, {{"path", *path}}, std::optional<std::size_t>());
  if (!below) return std::unexpected(below.error());
  std::vector<std::string> ids;
  for (const auto& item : (*below)["items"]) {
    if (item.value("path", std::string()) == *path && fits(item))
      ids.push_back(item.value("id", std::string()));
  }
  const std::string noun = collection == "/budgets" ? "budget" : "policy";
  const std::string look = fmt::format("govctl {} list {}", noun, *path);
  if (ids.empty()) return fail(Code::not_found, fmt::format("no such {} hangs on {}", noun, *path), look);
  if (ids.size() > 1) {
    return fail(Code::conflict, fmt::format("more than one {} on {} fits: name it by its id", noun, *path),
                look + " -o wide");
  }
  return ids.front();
}

Result<Json> list_below(Session& s, const std::string& collection, const std::optional<std::string>& path,
                        const Paging& paging) {
  Query query;
  if (path) {
    auto full = any_path(s, *path);
    if (!full) return std::unexpected(full.error());
    query.emplace_back("path", *full);
  }
  return s.list(collection, query, paging);
}

}  // namespace govctl::cli
