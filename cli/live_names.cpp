#include "cli/live_names.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "common/clock.h"

namespace govctl::cli {
namespace {

// Most names come with one question, which may take most of the time; the last of several must begin early.
Settings quiet(Settings settings, std::int64_t patience) {
  settings.timeout = patience / 5 * 4;
  settings.verbose = settings.print_curl = false;
  return settings;
}

// What lies below a path of so many parts: "/orgs/acme/workspaces".
struct Below {
  std::string_view parent, children;
};
constexpr std::array below{Below{"/orgs/", "/workspaces"}, Below{"/workspaces/", "/agent-groups"},
                           Below{"/agent-groups/", "/agents"}};

std::string text_of(const Json& item, std::string_view field) {
  const auto found = item.find(field);
  return found != item.end() && found->is_string() ? found->get<std::string>() : std::string();
}

// How deep a path of that shape is: "ORG/WORKSPACE" -> workspace.
Level level_of_shape(std::string_view shape) {
  return static_cast<Level>(std::min<std::ptrdiff_t>(std::ranges::count(shape, '/'), 3));
}

const std::string* value_of(const Arguments::Typed& given, std::initializer_list<Names> wanted) {
  for (const auto& [parameter, value] : given.given) {
    if (std::ranges::find(wanted, parameter->names) != wanted.end()) return &value;
  }
  return nullptr;
}

}  // namespace

LiveNames::LiveNames(const Settings& settings, Terminal& terminal, std::int64_t patience)
    : session_(quiet(settings, patience), terminal, {}),
      default_org_(settings.org),
      deadline_(SystemClock().steady_micros() + patience / 5) {}

std::vector<Json> LiveNames::items(const std::string& url, Query query) {
  std::vector<Json> all;
  query.emplace_back("limit", "1000");
  for (;;) {
    if (SystemClock().steady_micros() > deadline_) return {};
    auto page = session_.get(url, query);
    if (!page || !page->is_object() || !page->contains("items")) return {};
    for (auto& item : (*page)["items"]) all.push_back(std::move(item));
    const std::string next = text_of(*page, "next");
    if (next.empty()) return all;
    std::erase_if(query, [](const auto& pair) { return pair.first == "cursor"; });
    query.emplace_back("cursor", next);
  }
}

std::vector<Candidate> LiveNames::listed(const std::string& url, const Query& query, std::string_view word,
                                         std::string_view doc) {
  std::vector<Candidate> found;
  for (const auto& item : items(url, query)) {
    found.push_back({text_of(item, word), doc.empty() ? "" : text_of(item, doc)});
  }
  return found;
}

std::string LiveNames::org_of(const Arguments::Typed& given) const {
  const std::string* path =
      value_of(given, {Names::org, Names::path, Names::agent, Names::group, Names::workspace});
  if (path == nullptr) return default_org_.value_or("");
  const std::string whole = full(*path);
  return whole.substr(0, whole.find('/'));
}

std::string LiveNames::full(std::string_view path) const {
  return path.starts_with('/') && default_org_ ? *default_org_ + std::string(path) : std::string(path);
}

// One level of the hierarchy at a time: the children of what is typed up to its last slash.
std::vector<Candidate> LiveNames::paths(std::string_view typed, Level narrowest, bool any_level,
                                        bool unit_is_new) {
  const std::string path = full(typed);
  const std::size_t slash = path.rfind('/');
  const std::string parent = slash == std::string::npos ? "" : path.substr(0, slash);
  const auto level =
      static_cast<Level>(parent.empty() ? 0 : std::ranges::count(parent, '/') + 1);  // of the children
  if (level > narrowest || (unit_is_new && level == narrowest)) return {};
  std::vector<Candidate> found;
  if (parent.empty()) {
    found = listed("/orgs", {}, "slug", "name");
  } else {
    const Below& at = below[static_cast<std::size_t>(level) - 1];
    found = listed(std::string(at.parent) + segment(parent) + std::string(at.children), {}, "path", "name");
  }
  std::erase_if(found, [&](const Candidate& each) { return !each.word.starts_with(path); });
  for (auto& each : found) each.word.erase(0, path.size() - typed.size());
  if (level == narrowest) return found;
  // It may go on. Where it may also end here the only one is offered both ways.
  const std::size_t ends = any_level ? found.size() : 0;
  if (ends > 1) return found;
  auto open = found;
  for (auto& each : open) each.word += '/';
  if (!any_level) return open;
  found.insert(found.end(), open.begin(), open.end());
  return found;
}

std::vector<Candidate> LiveNames::models(std::string_view provider) {
  Query query;
  if (!provider.empty()) query.emplace_back("provider", provider);
  return listed("/pricing", query, "model", "provider");
}

std::vector<Candidate> LiveNames::models_of_providers(std::string_view typed) {
  const std::size_t slash = typed.find('/');
  std::vector<Candidate> found;
  if (slash == std::string_view::npos) {
    found = listed("/providers", {}, "name", "kind");
    for (auto& each : found) each.word += '/';
    return found;
  }
  const std::string provider(typed.substr(0, slash));
  found = models(provider);
  for (auto& each : found) each.word = provider + "/" + each.word;
  return found;
}

std::vector<Candidate> LiveNames::find(Names names, const Arguments::Parameter& parameter,
                                       std::string_view typed, const Arguments::Typed& given) {
  const auto of_org = [&](std::string_view what) {
    const std::string org = org_of(given);
    return org.empty() ? std::string() : "/orgs/" + segment(org) + std::string(what);
  };
  switch (names) {
    case Names::org:
      return paths(typed, Level::org, false, false);
    case Names::workspace:
      return paths(typed, Level::workspace, false, false);
    case Names::group:
      return paths(typed, Level::group, false, false);
    case Names::agent:
      return paths(typed, Level::agent, false, false);
    case Names::path:
      return paths(typed, Level::agent, true, false);
    case Names::new_unit:
      return paths(typed, level_of_shape(parameter.name), false, true);
    case Names::key: {
      Query query;
      if (const auto* agent = value_of(given, {Names::agent, Names::path}))
        query.emplace_back("path", full(*agent));
      std::vector<Candidate> found;
      for (const auto& key : items("/keys", query)) {
        found.push_back({text_of(key, "id"), fmt::format("{} of {}, {}", text_of(key, "name"),
                                                         text_of(key, "agent"), text_of(key, "status"))});
      }
      return found;
    }
    case Names::credential: {
      const std::string url = of_org("/credentials");
      return url.empty() ? std::vector<Candidate>() : listed(url, {}, "id", "provider");
    }
    case Names::alias: {
      const std::string url = of_org("/aliases");
      return url.empty() ? std::vector<Candidate>() : listed(url, {}, "name", "");
    }
    case Names::provider:
      return listed("/providers", {}, "name", "kind");
    case Names::provider_kind:
      return listed("/providers", {}, "kind", "");
    case Names::model: {
      const auto* provider = value_of(given, {Names::provider});
      return models(provider == nullptr ? "" : *provider);
    }
    case Names::provider_model:
      return models_of_providers(typed);
    case Names::by_word:
    case Names::nothing:
    case Names::context:
    case Names::file:
    case Names::directory:
    case Names::command:
      break;
  }
  return {};
}

}  // namespace govctl::cli
