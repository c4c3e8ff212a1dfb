#include "cli/config.h"

#include <fmt/format.h>
#include <unistd.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <vector>

#include "common/nearest.h"

namespace govctl::cli {
namespace {

constexpr std::array settings{
    ContextSetting{"socket", "The daemon's control socket", &Context::socket},
    ContextSetting{"token-file", "A file that holds the token to send", &Context::token_file},
    ContextSetting{"org", "The org of paths that start with '/'", &Context::org},
    ContextSetting{"output", "The output format: table, wide, json, jsonl, yaml or csv", &Context::output}};

Result<Context> context_of(const std::string& file, const std::string& name, const YAML::Node& node) {
  if (!node.IsMap()) return fail(Code::invalid, fmt::format("{}: context '{}' must be a map", file, name));
  Context context;
  for (const auto& pair : node) {
    const auto key = pair.first.as<std::string>();
    const ContextSetting* found = nullptr;
    for (const auto& setting : settings) {
      if (setting.name == key) found = &setting;
    }
    if (found == nullptr) {
      std::array<std::string_view, settings.size()> known;
      std::ranges::transform(settings, known.begin(), &ContextSetting::name);
      return fail(Code::invalid, fmt::format("{}: context '{}' has an unknown setting '{}'; known are {}", file,
                                             name, key, fmt::join(known, ", ")));
    }
    context.*(found->member) = pair.second.as<std::string>();
  }
  return context;
}

Result<Context> find(const std::string& file, const std::optional<std::string>& name) {
  const YAML::Node root = YAML::LoadFile(file);
  const YAML::Node contexts = root["contexts"];
  std::optional<std::string> wanted = name;
  if (!wanted && root["current-context"]) wanted = root["current-context"].as<std::string>();
  if (!wanted) return Context{};
  std::vector<std::string> names;
  if (contexts && contexts.IsMap()) {
    for (const auto& pair : contexts) {
      names.push_back(pair.first.as<std::string>());
      if (names.back() == *wanted) return context_of(file, *wanted, pair.second);
    }
  }
  const std::string_view close = nearest(*wanted, {names.begin(), names.end()});
  return fail(Code::invalid, fmt::format("{} has no context '{}'{}", file, *wanted,
                                         close.empty() ? "" : fmt::format("; did you mean '{}'?", close)));
}

}  // namespace

std::span<const ContextSetting> context_settings() { return settings; }

Result<Context> read_context(const std::string& file, const std::optional<std::string>& name) {
  if (access(file.c_str(), F_OK) != 0) {
    if (!name) return Context{};
    return fail(Code::invalid, fmt::format("there is no context '{}': {} does not exist", *name, file),
                "govctl help config");
  }
  try {
    return find(file, name);
  } catch (const YAML::Exception& error) {
    return fail(Code::invalid, fmt::format("{} cannot be read: {}", file, error.what()), "govctl help config");
  }
}

std::vector<std::string> context_names(const std::string& file) {
  std::vector<std::string> names;
  try {
    const YAML::Node contexts = YAML::LoadFile(file)["contexts"];
    if (!contexts || !contexts.IsMap()) return names;
    for (const auto& pair : contexts) names.push_back(pair.first.as<std::string>());
  } catch (const YAML::Exception&) {
    names.clear();
  }
  return names;
}

}  // namespace govctl::cli
