// The body of a request in each dialect: what was read as a request is one still after the gateway's edits,
// asks for the model and the tokens that they say, and every translation of it to a provider's format is an
// answer or an error.

#include <array>
#include <nlohmann/json.hpp>

#include "daemon/calls/dialect.h"
#include "tests/fuzz/target.h"

using namespace govctl;
using providers::Format;
using providers::Json;

namespace {

constexpr std::array formats{Format::chat, Format::messages, Format::responses, Format::embeddings};
constexpr std::array kinds{"anthropic", "gemini", "cohere", "bedrock", "azure_openai", "openai"};

void translate(const calls::Dialect& dialect, std::string_view body) {
  const Json json = Json::parse(body, nullptr, false);
  if (json.is_discarded()) return;
  Result<Json> chat = json;
  if (dialect.format == Format::embeddings) {
    for (const char* const kind : kinds) {
      const auto* const adapter = providers::find_adapter(kind);
      if (adapter->embeddings_from_openai != nullptr) static_cast<void>(adapter->embeddings_from_openai(json));
    }
    return;
  }
  if (dialect.request_to_chat != nullptr) chat = dialect.request_to_chat(json);
  if (!chat) return;
  for (const char* const kind : kinds) {
    const auto* const adapter = providers::find_adapter(kind);
    if (adapter->request_from_chat != nullptr) static_cast<void>(adapter->request_from_chat(*chat));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view input = fuzz::text_of(data, size);
  const calls::Dialect& dialect = calls::dialect_of(formats[fuzz::choose(input, formats.size())]);
  std::string body(input);
  const auto request = dialect.parse(body);
  if (!request) return 0;
  calls::Edits edits;
  edits.model = "another";
  if (dialect.format != Format::embeddings) edits.max_tokens = 300;
  edits.max_tokens_field = "max_tokens";
  const std::string edited =
      dialect.edited(std::move(body), *request, edits);  // what was read are views into it
  const auto again = dialect.parse(edited);
  fuzz::require(again.has_value() && again->ask.model == "another");
  if (edits.max_tokens) fuzz::require(again->ask.max_tokens == 300);
  translate(dialect, input);
  return 0;
}
