#include "cli/agent_env.h"

#include <algorithm>
#include <array>

namespace govctl::cli {
namespace {

// The gateway speaks OpenAI's and Anthropic's formats; the others' SDKs cannot be led to it.
enum class What { root, openai_root, key };
struct Lead {
  std::string_view name;
  What what;
};
constexpr std::array leads{
    Lead{"OPENAI_BASE_URL", What::openai_root},  // OpenAI's SDKs
    Lead{"OPENAI_API_BASE", What::openai_root},  // LangChain, LiteLLM, OpenAI's SDK before 1.0
    Lead{"OPENAI_API_KEY", What::key},          Lead{"ANTHROPIC_BASE_URL", What::root},
    Lead{"ANTHROPIC_AUTH_TOKEN", What::key},  // Anthropic's SDKs and Claude Code
};

constexpr auto lead_names = [] {
  std::array<std::string_view, leads.size()> names;
  for (std::size_t i = 0; i < leads.size(); ++i) names[i] = leads[i].name;
  return names;
}();

constexpr auto removed_names = std::to_array<std::string_view>(
    {// OpenAI and Codex
     "OPENAI_API_KEY", "OPENAI_ADMIN_KEY", "CODEX_API_KEY", "CODEX_ACCESS_TOKEN",
     // Anthropic and Claude Code (code.claude.com/docs/en/env-vars)
     "ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "ANTHROPIC_ADMIN_API_KEY", "ANTHROPIC_CUSTOM_HEADERS",
     "ANTHROPIC_UNIX_SOCKET", "CLAUDE_CODE_OAUTH_TOKEN", "CLAUDE_CODE_USE_BEDROCK", "CLAUDE_CODE_USE_VERTEX",
     "CLAUDE_CODE_USE_FOUNDRY", "ANTHROPIC_BEDROCK_BASE_URL", "ANTHROPIC_VERTEX_BASE_URL",
     "ANTHROPIC_FOUNDRY_BASE_URL", "ANTHROPIC_FOUNDRY_API_KEY",
     // clouds
     "AZURE_OPENAI_API_KEY", "AZURE_OPENAI_AD_TOKEN", "AZURE_OPENAI_ENDPOINT", "AZURE_API_KEY",
     "AZURE_API_BASE", "AZURE_AI_API_KEY", "AWS_BEARER_TOKEN_BEDROCK", "GEMINI_API_KEY", "GOOGLE_API_KEY",
     "GOOGLE_GENAI_API_KEY", "GOOGLE_GENERATIVE_AI_API_KEY", "CLOUDFLARE_API_KEY", "WATSONX_API_KEY",
     "WATSONX_APIKEY",
     // other providers
     "AI21_API_KEY", "ANYSCALE_API_KEY", "CEREBRAS_API_KEY", "CODESTRAL_API_KEY", "COHERE_API_KEY",
     "CO_API_KEY", "DASHSCOPE_API_KEY", "DEEPINFRA_API_KEY", "DEEPSEEK_API_KEY", "FIREWORKS_AI_API_KEY",
     "FIREWORKS_API_KEY", "FRIENDLI_TOKEN", "GROK_API_KEY", "GROQ_API_KEY", "HUGGINGFACE_API_KEY",
     "HYPERBOLIC_API_KEY", "INFERENCE_API_KEY", "JINA_API_KEY", "LAMBDA_API_KEY", "MINIMAX_API_KEY",
     "MISTRAL_API_KEY", "MOONSHOT_API_KEY", "NEBIUS_API_KEY", "NOVITA_API_KEY", "NVIDIA_API_KEY",
     "NVIDIA_NIM_API_KEY", "OLLAMA_API_KEY", "PERPLEXITYAI_API_KEY", "PERPLEXITY_API_KEY", "PPLX_API_KEY",
     "REPLICATE_API_KEY", "REPLICATE_API_TOKEN", "SAMBANOVA_API_KEY", "TOGETHERAI_API_KEY", "TOGETHER_API_KEY",
     "VOYAGE_API_KEY", "XAI_API_KEY", "ZAI_API_KEY", "ZHIPUAI_API_KEY",
     // gateways and clients with keys of their own
     "AIDER_ANTHROPIC_API_KEY", "AIDER_API_KEY", "AIDER_OPENAI_API_BASE", "AIDER_OPENAI_API_KEY",
     "AI_GATEWAY_API_KEY", "HELICONE_API_KEY", "LITELLM_API_KEY", "OPENCODE_API_KEY", "OPENROUTER_API_KEY",
     "PORTKEY_API_KEY",
     // who may administer govd
     "GOVCTL_TOKEN", "GOVCTL_TOKEN_FILE"});

std::string_view name_of(std::string_view entry) { return entry.substr(0, entry.find('=')); }

// "http://127.0.0.1:4683" -> "127.0.0.1", "https://[::1]:4683" -> "::1".
std::string host_of(std::string_view url) {
  if (const auto scheme = url.find("://"); scheme != std::string_view::npos) url.remove_prefix(scheme + 3);
  url = url.substr(0, url.find('/'));
  if (url.starts_with('[')) return std::string(url.substr(1, url.find(']') - 1));
  return std::string(url.substr(0, url.rfind(':')));
}

}  // namespace

std::vector<Variable> gateway_variables(const std::string& url, const std::string& key) {
  std::vector<Variable> variables;
  variables.reserve(leads.size());
  for (const auto& lead : leads) {
    std::string value = lead.what == What::key ? key : lead.what == What::root ? url : url + "/v1";
    variables.push_back({std::string(lead.name), std::move(value)});
  }
  return variables;
}

std::span<const std::string_view> gateway_variable_names() { return lead_names; }
std::span<const std::string_view> provider_variables() { return removed_names; }

std::vector<Variable> past_proxy(const std::vector<std::string>& environment, const std::string& url) {
  constexpr std::array<std::string_view, 5> proxies{"http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY",
                                                    "https_proxy"};
  const bool proxied =
      std::ranges::any_of(proxies, [&](std::string_view name) { return !value_in(environment, name).empty(); });
  if (!proxied && value_in(environment, "HTTPS_PROXY").empty()) return {};
  std::string direct = value_in(environment, "no_proxy");
  if (direct.empty()) direct = value_in(environment, "NO_PROXY");
  if (direct == "*") return {};
  direct += (direct.empty() ? "" : ",") + host_of(url);
  return {{"no_proxy", direct}, {"NO_PROXY", direct}};
}

std::vector<std::string> with_changes(const std::vector<std::string>& environment,
                                      std::span<const std::string> removed, std::span<const Variable> set) {
  std::vector<std::string> changed;
  for (const auto& entry : environment) {
    const std::string_view name = name_of(entry);
    const bool replaced = std::ranges::find(set, name, &Variable::name) != set.end();
    if (!replaced && std::ranges::find(removed, name) == removed.end()) changed.push_back(entry);
  }
  for (const auto& variable : set) changed.push_back(variable.name + "=" + variable.value);
  return changed;
}

std::string value_in(const std::vector<std::string>& environment, std::string_view name) {
  const auto found = std::ranges::find(environment, name, name_of);
  return found == environment.end() ? "" : found->substr(std::min(name.size() + 1, found->size()));
}

bool has(const std::vector<std::string>& environment, std::string_view name) {
  return std::ranges::find(environment, name, name_of) != environment.end();
}

}  // namespace govctl::cli
