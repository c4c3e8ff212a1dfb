#include "daemon/tenant/decision.h"

#include <nlohmann/json.hpp>

namespace govctl::tenant {

std::string decision_json(const domain::Refusal& refusal) {
  nlohmann::ordered_json json;
  if (!refusal.path.empty()) json["path"] = refusal.path;
  if (refusal.limit) json["limit"] = *refusal.limit;
  if (refusal.spent) json["spent"] = *refusal.spent;
  if (refusal.held) json["held"] = *refusal.held;
  if (refusal.needed) json["needed"] = *refusal.needed;
  if (refusal.resets_at) json["resets_at"] = rfc3339(*refusal.resets_at);
  if (refusal.retry_after_s) json["retry_after_s"] = *refusal.retry_after_s;
  if (!refusal.parameter.empty()) json["parameter"] = refusal.parameter;
  if (!refusal.next.empty()) json["next"] = refusal.next;
  // A model's name may have been cut in the middle of a character.
  return json.is_null() ? std::string{} : json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace govctl::tenant
