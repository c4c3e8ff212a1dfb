#include "daemon/tenant/rules_text.h"

#include <nlohmann/json.hpp>

namespace govctl::tenant {
namespace {

using Json = nlohmann::ordered_json;
using domain::Rules;
using domain::SourcedGlobs;

struct ListField {
  const char* name;
  std::vector<SourcedGlobs> Rules::* list;
};
constexpr std::array list_fields{
    ListField{"allow_models", &Rules::allow_models}, ListField{"deny_models", &Rules::deny_models},
    ListField{"providers", &Rules::providers}, ListField{"costly", &Rules::costly}};

Rules rules_of(const Json& json) {
  Rules rules;
  rules.sources = json.value("sources", std::vector<std::string>());
  rules.clamp = json.value("clamp", true);
  rules.estimate = json.value("estimate", false);
  for (const auto& field : list_fields) {
    for (const auto& list : json.value(field.name, Json::array())) {
      (rules.*field.list)
          .push_back({list.at("globs").get<domain::Globs>(), list.at("source").get<std::string>()});
    }
  }
  for (const auto& row : json.value("numbers", Json::array())) {
    const auto kind = domain::parse_number_kind(row.at("rule").get<std::string>());
    const auto level = parse_level(row.at("level").get<std::string>());
    if (!kind || !level) continue;
    rules.numbers.push_back(
        {*kind, *level, row.at("value").get<std::int64_t>(), row.at("source").get<std::string>()});
  }
  return rules;
}

}  // namespace

std::string rules_text(const Rules& rules) {
  Json json{{"sources", rules.sources}, {"clamp", rules.clamp}, {"estimate", rules.estimate}};
  for (const auto& field : list_fields) {
    for (const auto& list : rules.*field.list) {
      json[field.name].push_back({{"source", list.source}, {"globs", list.globs}});
    }
  }
  for (const auto& rule : rules.numbers) {
    json["numbers"].push_back({{"rule", domain::number_kind_word(rule.kind)},
                               {"level", level_word(rule.level)},
                               {"value", rule.value},
                               {"source", rule.source}});
  }
  return json.dump();
}

Rules parse_rules(std::string_view text) {
  const Json json = Json::parse(text, nullptr, false);
  try {
    return json.is_object() ? rules_of(json) : Rules{};
  } catch (const Json::exception&) {
    return {};
  }
}

}  // namespace govctl::tenant
