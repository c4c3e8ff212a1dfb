#include "daemon/calls/models.h"

#include <nlohmann/json.hpp>

namespace govctl::calls {

using tenant::UsableModel;

namespace {

using Json = nlohmann::ordered_json;

Json shown(const UsableModel& model, ModelShape shape) {
  const domain::ModelPrice& price = *model.price;
  if (shape == ModelShape::anthropic) {
    return {{"type", "model"},
            {"id", model.name},
            {"display_name", price.model},
            {"created_at", rfc3339(price.as_of)}};
  }
  return {{"id", model.name},
          {"object", "model"},
          {"created", price.as_of.micros / micros_per_second},
          {"owned_by", price.provider}};
}

}  // namespace

std::string model_list(const tenant::Caller& caller, ModelShape shape) {
  Json data = Json::array();
  for (const UsableModel& model : tenant::usable_models(caller)) data.push_back(shown(model, shape));
  if (shape == ModelShape::openai) return Json{{"object", "list"}, {"data", std::move(data)}}.dump();
  const Json first = data.empty() ? Json() : data.front()["id"];
  const Json last = data.empty() ? Json() : data.back()["id"];
  return Json{{"data", std::move(data)}, {"has_more", false}, {"first_id", first}, {"last_id", last}}.dump();
}

std::optional<std::string> model_entry(const tenant::Caller& caller, std::string_view id, ModelShape shape) {
  for (const UsableModel& model : tenant::usable_models(caller)) {
    if (model.name == id || model.price->provider + "/" + model.price->model == id)
      return shown(model, shape).dump();
  }
  return std::nullopt;
}

}  // namespace govctl::calls
