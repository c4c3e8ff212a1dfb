#include "daemon/providers/model_list.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "daemon/providers/json_object.h"

namespace govctl::providers {
namespace {

struct Row {
  std::string_view kind;
  std::string_view query;
  std::string_view list;    // the member that is the array
  std::string_view name;    // of its elements
  std::string_view prefix;  // before the name as requests say it
};
constexpr std::array rows{
    Row{"openai", "", "data", "id", ""},
    Row{"azure_openai", "", "data", "id", ""},
    Row{"anthropic", "?limit=1000", "data", "id", ""},
    Row{"gemini", "?pageSize=1000", "models", "name", "models/"},
    Row{"cohere", "?page_size=1000", "models", "name", ""},
};

const Row* find(std::string_view kind) {
  const auto* const found = std::ranges::find(rows, kind, &Row::kind);
  return found == rows.end() ? nullptr : found;
}

}  // namespace

std::optional<std::string> model_list_path(std::string_view kind, std::string_view base_path,
                                           std::string_view api_version) {
  const Row* const row = find(kind);
  if (row == nullptr) return std::nullopt;
  std::string path(base_path);
  if (kind == "cohere" && path.ends_with("/v2")) path.back() = '1';  // its list has no second version
  if (kind == "azure_openai" && path.empty()) path = "/openai";
  path += "/models";
  path += row->query;
  if (kind == "azure_openai" && !path.ends_with("/v1/models")) {
    path += "?api-version=";
    path += api_version.empty() ? "2024-10-21" : api_version;
  }
  return path;
}

Result<std::vector<std::string>> read_model_list(std::string_view kind, std::string_view body) {
  const auto none = fail(Code::upstream_failed, "the answer is no list of models");
  const Row* const row = find(kind);
  if (row == nullptr || !scan_object(body, Utf8::passed)) return none;
  const Json json = Json::parse(body, nullptr, false);
  if (!json.is_object() || !json.contains(row->list) || !json[std::string(row->list)].is_array()) return none;
  std::vector<std::string> names;
  for (const Json& model : json[std::string(row->list)]) {
    if (!model.is_object() || !model.contains(row->name)) continue;
    const Json& name = model[std::string(row->name)];
    if (!name.is_string()) continue;
    std::string_view text = name.get_ref<const std::string&>();
    if (text.starts_with(row->prefix)) text.remove_prefix(row->prefix.size());
    if (!text.empty()) names.emplace_back(text);
  }
  std::ranges::sort(names);
  return names;
}

}  // namespace govctl::providers
