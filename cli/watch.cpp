#include "cli/watch.h"

namespace govctl::cli {

Answer Watch::fresh(Answer answer) {
  ++looks_;
  if (!answer.json.is_object() || !answer.json.contains("items")) return answer;
  std::unordered_set<std::string> now;
  Json items = Json::array();
  for (auto& item : answer.json["items"]) {
    std::string text = item.dump(-1, ' ', false, Json::error_handler_t::replace);
    if (!seen_.contains(text)) items.push_back(std::move(item));
    now.insert(std::move(text));
  }
  seen_ = std::move(now);
  answer.json["items"] = std::move(items);
  return answer;
}

}  // namespace govctl::cli
