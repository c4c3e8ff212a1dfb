// What a governed program gets to see, and the lines that shells evaluate.

#include "cli/agent_env.h"

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <catch2/catch.hpp>
#include <cstdio>
#include <set>

#include "cli/agent_clients.h"
#include "cli/child.h"
#include "cli/sandbox.h"
#include "cli/shell.h"
#include "common/api/fields.h"
#include "tests/unit/cli/fake_daemon.h"

using namespace govctl;
using namespace govctl::cli;
using test::TempDir;

namespace {

const std::string url = "http://127.0.0.1:4683";
const std::string key = "cpk_secret";

Launch launch_of(const std::vector<std::string>& environment = {}) {
  return {.url = url, .key = key, .environment = environment, .set = {}, .arguments = {}};
}
std::string value_of(const std::vector<Variable>& variables, const std::string& name) {
  const auto found = std::ranges::find(variables, name, &Variable::name);
  return found == variables.end() ? "(none)" : found->value;
}
std::string printed_by(const std::string& command) {
  FILE* pipe = popen(command.c_str(), "re");
  std::string out;
  std::array<char, 512> piece{};
  while (fgets(piece.data(), piece.size(), pipe) != nullptr) out += piece.data();
  pclose(pipe);
  return out;
}

}  // namespace

TEST_CASE("SDKs are led to the gateway by the variables that they read") {
  const auto variables = gateway_variables(url, key);
  CHECK(value_of(variables, "OPENAI_BASE_URL") == "http://127.0.0.1:4683/v1");
  CHECK(value_of(variables, "OPENAI_API_BASE") == "http://127.0.0.1:4683/v1");
  CHECK(value_of(variables, "OPENAI_API_KEY") == key);
  CHECK(value_of(variables, "ANTHROPIC_BASE_URL") == "http://127.0.0.1:4683");
  CHECK(value_of(variables, "ANTHROPIC_AUTH_TOKEN") == key);
  CHECK(variables.size() == gateway_variable_names().size());
}

TEST_CASE("the table of providers' variables names each once, and the ones that matter") {
  const auto names = provider_variables();
  CHECK(std::set<std::string_view>(names.begin(), names.end()).size() == names.size());
  for (const auto* name : {"OPENAI_API_KEY", "ANTHROPIC_API_KEY", "CLAUDE_CODE_OAUTH_TOKEN", "GEMINI_API_KEY",
                           "AZURE_OPENAI_API_KEY", "GROQ_API_KEY", "MISTRAL_API_KEY", "OPENROUTER_API_KEY",
                           "DEEPSEEK_API_KEY", "XAI_API_KEY", "CO_API_KEY", "TOGETHER_API_KEY", "GOVCTL_TOKEN",
                           "PERPLEXITY_API_KEY", "AWS_BEARER_TOKEN_BEDROCK", "CLAUDE_CODE_USE_BEDROCK"}) {
    INFO(name);
    CHECK(std::ranges::find(names, name) != names.end());
  }
  for (const auto name : names) CHECK_FALSE(name.empty());
}

TEST_CASE("an environment keeps what is not removed or set") {
  const std::vector<std::string> before{"PATH=/bin", "OPENAI_API_KEY=real", "EMPTY=", "OPENAI_API_KEY_OLD=x"};
  const std::vector<std::string> removed{"OPENAI_API_KEY"};
  const std::vector<Variable> set{{"EMPTY", "no more"}, {"NEW", "a=b"}};
  CHECK(with_changes(before, removed, set) ==
        std::vector<std::string>{"PATH=/bin", "OPENAI_API_KEY_OLD=x", "EMPTY=no more", "NEW=a=b"});
  CHECK(value_in(before, "PATH") == "/bin");
  CHECK(value_in(before, "EMPTY").empty());
  CHECK(has(before, "EMPTY"));
  CHECK_FALSE(has(before, "OPENAI_API"));
}

TEST_CASE("a proxy does not stand between a program and the gateway") {
  CHECK(past_proxy({"PATH=/bin"}, url).empty());
  CHECK(past_proxy({"HTTP_PROXY="}, url).empty());
  CHECK(value_of(past_proxy({"https_proxy=http://p:1"}, url), "no_proxy") == "127.0.0.1");
  CHECK(value_of(past_proxy({"HTTPS_PROXY=http://p:1", "NO_PROXY=a,b"}, url), "NO_PROXY") == "a,b,127.0.0.1");
  CHECK(value_of(past_proxy({"ALL_PROXY=x"}, "https://[::1]:4683"), "no_proxy") == "::1");
  CHECK(past_proxy({"HTTP_PROXY=x", "no_proxy=*"}, url).empty());
}

TEST_CASE("no key gets into a known client's arguments; its files are this user's alone and go") {
  const auto directory = PrivateDirectory::make();
  REQUIRE(directory.has_value());
  for (const auto* name : {"claude", "/usr/local/bin/codex", "opencode", "aider"}) {
    INFO(name);
    const AgentClient* client = find_client(name);
    REQUIRE(client != nullptr);
    Launch launch = launch_of();
    REQUIRE(client->prepare(launch, *directory).has_value());
    for (const auto& word : launch.arguments) CHECK(word.find(key) == std::string::npos);
  }
  CHECK(find_client("python3") == nullptr);
  CHECK(find_client("claude-helper") == nullptr);
}

TEST_CASE("a private directory is gone with its owner") {
  std::string file;
  {
    const auto directory = PrivateDirectory::make();
    REQUIRE(directory.has_value());
    file = *directory->write("settings.json", "{}");
    CHECK(access(file.c_str(), R_OK) == 0);
    CHECK(printed_by("stat -c %a " + file) == "600\n");
    CHECK(printed_by("stat -c %a " + file.substr(0, file.rfind('/'))) == "700\n");
  }
  CHECK(access(file.c_str(), F_OK) != 0);
}

TEST_CASE("claude's settings override those of the user's files") {
  const auto directory = PrivateDirectory::make();
  Launch launch = launch_of();
  REQUIRE(find_client("claude")->prepare(launch, *directory).has_value());
  REQUIRE(launch.arguments.size() == 2);
  CHECK(launch.arguments[0] == "--settings");
  const auto env = api::Json::parse(test::read_file(launch.arguments[1]))["env"];
  CHECK(env["ANTHROPIC_BASE_URL"] == url);
  CHECK(env["ANTHROPIC_AUTH_TOKEN"] == key);
  CHECK(env["ANTHROPIC_API_KEY"] == "");
  CHECK(env["CLAUDE_CODE_USE_BEDROCK"] == "");
}

TEST_CASE("codex gets a provider of its own, and the name of the variable that has the key") {
  const auto directory = PrivateDirectory::make();
  Launch launch = launch_of();
  REQUIRE(find_client("codex")->prepare(launch, *directory).has_value());
  CHECK(launch.arguments ==
        std::vector<std::string>{"-c", R"(model_provider="govd")", "-c",
                                 R"(model_providers.govd={name="govd",base_url="http://127.0.0.1:4683/v1",)"
                                 R"(env_key="OPENAI_API_KEY",wire_api="responses"})"});
}

TEST_CASE("opencode's configuration keeps what the user's says besides") {
  const auto directory = PrivateDirectory::make();
  Launch launch = launch_of(
      {R"(OPENCODE_CONFIG_CONTENT={"theme":"x","provider":{"openai":{"options":{"baseURL":"http://evil"}}}})"});
  REQUIRE(find_client("opencode")->prepare(launch, *directory).has_value());
  const auto config = api::Json::parse(value_of(launch.set, "OPENCODE_CONFIG_CONTENT"));
  CHECK(config["theme"] == "x");
  CHECK(config["provider"]["openai"]["options"]["baseURL"] == "http://127.0.0.1:4683/v1");
  CHECK(config["provider"]["anthropic"]["options"]["apiKey"] == key);
  CHECK(config["enabled_providers"] == api::Json::parse(R"(["openai","anthropic"])"));
}

TEST_CASE("aider reads our file of variables last") {
  const auto directory = PrivateDirectory::make();
  Launch launch = launch_of();
  REQUIRE(find_client("aider")->prepare(launch, *directory).has_value());
  REQUIRE(launch.arguments.size() == 2);
  CHECK(launch.arguments[0] == "--env-file");
  CHECK(test::read_file(launch.arguments[1]) ==
        "OPENAI_API_BASE=http://127.0.0.1:4683/v1\nOPENAI_API_KEY=cpk_secret\n"
        "ANTHROPIC_API_BASE=http://127.0.0.1:4683\nANTHROPIC_API_KEY=cpk_secret\n");
  CHECK(value_of(launch.set, "ANTHROPIC_API_KEY") == key);
}

TEST_CASE("each shell reads back what was meant") {
  const std::array<std::string, 6> values{"plain",     "it's",         "a \"b\" $HOME `id` \\ !x",
                                          "back\\\\'", "two\nlines\\", "Gr\xc3\xbc\xc3\x9f; rm -rf *"};
  struct Row {
    ShellKind kind;
    const char* program;
  };
  const TempDir directory;
  for (const auto& row : {Row{ShellKind::bash, "bash"}, Row{ShellKind::bash, "dash"},
                          Row{ShellKind::zsh, "zsh -f"}, Row{ShellKind::fish, "fish --no-config"}}) {
    const std::string program(row.program);
    const std::string name = program.substr(0, program.find(' '));
    if (printed_by("command -v " + name).empty()) continue;
    for (const auto& value : values) {
      INFO(name << ": " << value);
      test::write_file(directory.file("script"), export_line(row.kind, "VALUE", value) + "printenv VALUE\n" +
                                                     unset_line(row.kind, "VALUE") + "printenv VALUE\n");
      CHECK(printed_by(program + " " + directory.file("script")) == value + "\n");
    }
  }
  CHECK(export_line(ShellKind::dotenv, "A", "http://127.0.0.1:4683/v1") == "A=http://127.0.0.1:4683/v1\n");
  CHECK(export_line(ShellKind::dotenv, "A", "a \"b\" $c") == "A=\"a \\\"b\\\" \\$c\"\n");
  CHECK(unset_line(ShellKind::dotenv, "A").empty());
}

TEST_CASE("a program is found as a shell finds it") {
  const TempDir directory;
  test::write_file(directory.file("tool"), "#!/bin/sh\n");
  const auto closed = find_program("tool", "/nowhere:" + directory.path());
  REQUIRE_FALSE(closed.has_value());
  CHECK(closed.error().code == Code::forbidden);
  printed_by("chmod 755 " + directory.file("tool"));
  CHECK(find_program("tool", "/nowhere:" + directory.path()) == directory.file("tool"));
  CHECK(find_program(directory.file("tool"), "") == directory.file("tool"));
  CHECK(find_program(directory.path(), "").error().code == Code::forbidden);
  CHECK(find_program("no-such-tool", directory.path()).error().code == Code::not_found);
  CHECK(find_program("", "/bin").error().code == Code::not_found);
}

TEST_CASE("the sandbox covers each place once, and only what is there") {
  const TempDir directory;
  printed_by("mkdir " + directory.file("inner"));
  const std::vector<std::string> covered =
      hiding({directory.path(), directory.file("inner"), "/no/such/place"}, {"/no/such/file", "/dev/null"});
  CHECK(covered ==
        std::vector<std::string>{"--tmpfs", directory.path(), "--ro-bind", "/dev/null", "/dev/null"});
}
