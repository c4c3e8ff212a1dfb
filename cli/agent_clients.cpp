#include "cli/agent_clients.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <utility>

#include "common/api/fields.h"

namespace govctl::cli {
namespace {

using api::Json;

// The "env" of a settings file overrides the process's environment, so ours goes into one that overrides the
// user's: --settings (code.claude.com/docs/en/settings "Settings precedence"). The token wins over a stored
// login and over apiKeyHelper (code.claude.com/docs/en/iam "Authentication precedence").
Result<void> prepare_claude(Launch& launch, const PrivateDirectory& directory) {
  Json env{{"ANTHROPIC_BASE_URL", launch.url}, {"ANTHROPIC_AUTH_TOKEN", launch.key}};
  for (const auto* off : {"ANTHROPIC_API_KEY", "CLAUDE_CODE_OAUTH_TOKEN", "CLAUDE_CODE_USE_BEDROCK",
                          "CLAUDE_CODE_USE_VERTEX", "CLAUDE_CODE_USE_FOUNDRY"}) {
    env[off] = "";
  }
  auto file = directory.write("settings.json", Json{{"env", env}}.dump(2) + "\n");
  if (!file) return std::unexpected(file.error());
  launch.arguments = {"--settings", *file};
  return {};
}

// Codex's own provider uses its stored login; one of ours takes the key from the variable that `env_key` names
// (developers.openai.com/codex/config-advanced "Custom model providers"). "responses" is the one wire that it
// speaks.
Result<void> prepare_codex(Launch& launch, const PrivateDirectory& /*directory*/) {
  launch.arguments = {
      "-c", "model_provider=\"govd\"", "-c",
      fmt::format(
          R"(model_providers.govd={{name="govd",base_url="{}/v1",env_key="OPENAI_API_KEY",wire_api="responses"}})",
          launch.url)};
  return {};
}

// The configuration in this variable overrides the files'; providers that it does not name are left out, for
// they may have a login stored (opencode.ai/docs/config "Precedence order").
Result<void> prepare_opencode(Launch& launch, const PrivateDirectory& /*directory*/) {
  Json config = Json::parse(value_in(launch.environment, "OPENCODE_CONFIG_CONTENT"), nullptr, false);
  if (!config.is_object()) config = Json::object();
  const Json options{{"baseURL", launch.url + "/v1"}, {"apiKey", launch.key}};
  config.merge_patch(
      Json{{"enabled_providers", {"openai", "anthropic"}},
           {"provider", {{"openai", {{"options", options}}}, {"anthropic", {{"options", options}}}}}});
  launch.set.push_back({"OPENCODE_CONFIG_CONTENT", config.dump()});
  return {};
}

// Of several .env files the one on the command line is read last, and they all override the environment
// (aider.chat/docs/config/dotenv.html). Its LiteLLM knows Anthropic by a key only.
Result<void> prepare_aider(Launch& launch, const PrivateDirectory& directory) {
  const std::array<Variable, 4> variables{
      Variable{"OPENAI_API_BASE", launch.url + "/v1"}, Variable{"OPENAI_API_KEY", launch.key},
      Variable{"ANTHROPIC_API_BASE", launch.url}, Variable{"ANTHROPIC_API_KEY", launch.key}};
  std::string text;
  for (const auto& variable : variables) text += fmt::format("{}={}\n", variable.name, variable.value);
  auto file = directory.write("aider.env", text);
  if (!file) return std::unexpected(file.error());
  launch.set.insert(launch.set.end(), variables.begin(), variables.end());
  launch.arguments = {"--env-file", *file};
  return {};
}

constexpr std::array clients{AgentClient{"claude", prepare_claude}, AgentClient{"codex", prepare_codex},
                             AgentClient{"opencode", prepare_opencode}, AgentClient{"aider", prepare_aider}};

}  // namespace

const AgentClient* find_client(std::string_view program) {
  program = program.substr(program.rfind('/') + 1);
  const auto* const found = std::ranges::find(clients, program, &AgentClient::program);
  return found == clients.end() ? nullptr : found;
}

Result<PrivateDirectory> PrivateDirectory::make() {
  const char* place = std::getenv("TMPDIR");
  std::string name = std::string(place != nullptr && *place == '/' ? place : "/tmp") + "/govctl-run.XXXXXX";
  if (mkdtemp(name.data()) == nullptr) {
    return fail(Code::internal, fmt::format("no directory can be made for {}: {}", name, strerror(errno)));
  }
  return PrivateDirectory(std::move(name));
}

PrivateDirectory::PrivateDirectory(PrivateDirectory&& other) noexcept : path_(std::exchange(other.path_, "")) {}

PrivateDirectory::~PrivateDirectory() {
  std::error_code ignored;
  if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
}

Result<std::string> PrivateDirectory::write(const std::string& name, const std::string& text) const {
  const std::string file = path_ + "/" + name;
  const int fd = open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  const bool written = fd >= 0 && ::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  const int why = errno;
  if (fd >= 0) close(fd);
  if (!written) return fail(Code::internal, fmt::format("{} cannot be written: {}", file, strerror(why)));
  return file;
}

}  // namespace govctl::cli
