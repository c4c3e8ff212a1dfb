#include "daemon/control/openapi.h"

#include "common/version.h"
#include "daemon/control/routes.h"

namespace govctl::control {
namespace {

Json parameter(std::string_view name, std::string_view in, std::string_view doc, const char* type = "string") {
  Json made{{"name", name}, {"in", in}, {"required", in == "path"}, {"schema", Json{{"type", type}}}};
  if (!doc.empty()) made["description"] = doc;
  return made;
}

std::string_view doc_of(std::string_view name) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 14> docs{{
      {"org", "an org's id or slug"},
      {"group_id", "a billing group's id, or an org's id or slug"},
      {"key_id", "a key's id"},
      {"path", "an org, workspace, agent group or agent, such as acme/prod/support/triage"},
      {"since", "RFC 3339, or a duration that means that long ago (24h)"},
      {"until", "RFC 3339, or a duration that means that long ago (24h)"},
      {"window", "a duration; default 24h"},
      {"by", "agent, model, key, user or provider"},
      {"event", "an event such as agent.create, or agent.* for all that begin so"},
      {"resource", "a resource's id, path or type"},
      {"actor", "who did it"},
      {"confirm", "the org's slug again"},
      {"reason", "why; kept in the audit log"},
      {"status", "SUCCESS, ERROR, POLICY_BLOCKED or BUDGET_EXCEEDED"},
  }};
  for (const auto& [word, doc] : docs) {
    if (word == name) return doc;
  }
  return {};
}

Json parameters_of(const Route& route) {
  Json list = Json::array();
  std::string_view rest = route.pattern;
  for (std::size_t open = rest.find('{'); open != std::string_view::npos; open = rest.find('{')) {
    const std::size_t close = rest.find('}', open);
    const std::string_view name = rest.substr(open + 1, close - open - 1);
    const std::string_view doc = doc_of(name);
    list.push_back(parameter(name, "path", name == "id" ? "an id, or a path percent-encoded" : doc));
    rest.remove_prefix(close + 1);
  }
  for (const std::string_view name : route.query) {
    if (!name.empty()) list.push_back(parameter(name, "query", doc_of(name)));
  }
  if (route.shape == Shape::list) {
    list.push_back(parameter("limit", "query", "1 to 1000; default 100", "integer"));
    list.push_back(parameter("cursor", "query", "'next' of the page before"));
  }
  if (route.writes())
    list.push_back(parameter("dry_run", "query", "1: checked and rolled back, the same answer"));
  if (route.shape == Shape::versioned) {
    list.push_back(
        parameter("If-Match", "header", "the version that is to be changed; 412 when it is another"));
  }
  return list;
}

Json json_content(Json schema) { return Json{{"application/json", Json{{"schema", std::move(schema)}}}}; }

Json error_schema() {
  Json error{{"type", "object"},
             {"properties", Json{{"code", Json{{"type", "string"}}},
                                 {"message", Json{{"type", "string"}}},
                                 {"next", Json{{"type", Json::array({"string", "null"})}}},
                                 {"request_id", Json{{"type", "string"}}},
                                 {"details", Json{{"type", Json::array({"object", "null"})}}}}}};
  return Json{{"type", "object"}, {"properties", Json{{"error", std::move(error)}}}};
}

Json operation_of(const Route& route) {
  Json operation = Json::object();
  operation["summary"] = route.summary;
  operation["x-permission"] = identity::word_of(route.needs.permission);
  if (Json parameters = parameters_of(route); !parameters.empty())
    operation["parameters"] = std::move(parameters);
  if (route.body != nullptr) {
    operation["requestBody"] = Json{{"required", true}, {"content", json_content(route.body())}};
  }
  Json answer{{"description", "done"}};
  if (route.answer != nullptr) answer["content"] = json_content(route.answer());
  Json responses = Json::object();
  responses[std::to_string(route.status)] = std::move(answer);
  responses["default"] = Json{{"description", "an error"},
                              {"content", json_content(Json{{"$ref", "#/components/schemas/Error"}})}};
  operation["responses"] = std::move(responses);
  return operation;
}

std::string lower(std::string_view method) {
  std::string made(method);
  for (char& c : made) c = static_cast<char>(c - 'A' + 'a');
  return made;
}

std::string make_openapi() {
  Json paths = Json::object();
  for (const auto& route : routes())
    paths[std::string(route.pattern)][lower(route.method)] = operation_of(route);
  Json document = Json::object();
  document["openapi"] = "3.1.0";
  document["info"] = Json{{"title", "govd control API"},
                          {"version", version},
                          {"description",
                           "What govctl talks to, over the daemon's Unix socket. Every route also answers "
                           "under /api."}};
  document["servers"] = Json::array({Json{{"url", "http://govd"}}});
  document["paths"] = std::move(paths);
  document["components"] = Json{{"schemas", Json{{"Error", error_schema()}}}};
  return json_text(document);
}

}  // namespace

const std::string& openapi_text() {
  static const std::string text = make_openapi();
  return text;
}

}  // namespace govctl::control
