#include "daemon/telemetry/gen_ai.h"

#include <algorithm>
#include <array>

namespace govctl::gen_ai {
namespace {

struct Name {
  std::string_view ours, theirs;
};
constexpr std::array providers{Name{"google", "gcp.gemini"}, Name{"azure", "azure.ai.openai"},
                               Name{"bedrock", "aws.bedrock"}, Name{"mistral", "mistral_ai"},
                               Name{"xai", "x_ai"}};

}  // namespace

std::string_view operation_of(std::string_view dialect) {
  return dialect == "embeddings" ? "embeddings" : "chat";
}

std::string_view provider_of(std::string_view provider) {
  const auto* const found = std::ranges::find(providers, provider, &Name::ours);
  return found == providers.end() ? provider : found->theirs;
}

}  // namespace govctl::gen_ai
