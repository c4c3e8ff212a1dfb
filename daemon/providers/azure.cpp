#include "daemon/providers/azure.h"

#include <fmt/format.h>

#include "daemon/providers/openai.h"

namespace govctl::providers::azure {
namespace {

constexpr std::string_view last_dated_version = "2024-10-21";
constexpr std::string_view first_with_responses = "2025-03-01";

// RFC 3986: all but unreserved characters.
std::string percent_encoded(std::string_view text) {
  std::string encoded;
  for (const char c : text) {
    const bool unreserved = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                            c == '-' || c == '.' || c == '_' || c == '~';
    if (unreserved) {
      encoded += c;
    } else {
      encoded += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return encoded;
}

Result<std::string> target(const WireInput& input) {
  const bool responses = input.format == Format::responses;
  const std::string_view operation = input.format == Format::chat         ? "/chat/completions"
                                     : input.format == Format::embeddings ? "/embeddings"
                                     : responses                          ? "/responses"
                                                                          : std::string_view{};
  if (operation.empty())
    return fail(Code::invalid, "a provider of kind 'azure_openai' does not speak this format");
  if (input.base_path.ends_with("/openai/v1")) {
    if (input.api_version.empty()) return std::string(operation);
    return fmt::format("{}?api-version={}", operation, percent_encoded(input.api_version));
  }
  const std::string_view version = input.api_version.empty() ? last_dated_version : input.api_version;
  if (responses && version < first_with_responses) {
    return fail(
        Code::invalid,
        fmt::format("api-version {} of Azure has no responses: give the provider a base URL that ends in "
                    "/openai/v1",
                    version));
  }
  const std::string_view root = input.base_path.empty() ? "/openai" : "";
  // Responses name their deployment in the body.
  const std::string deployment = responses ? "" : "/deployments/" + percent_encoded(input.model);
  return fmt::format("{}{}{}?api-version={}", root, deployment, operation, percent_encoded(version));
}

Result<WireRequest> wire(WireInput input) {
  auto path = target(input);
  if (!path) return std::unexpected(path.error());
  WireRequest request;
  request.target = std::move(*path);
  request.headers = openai::json_headers(input.stream);
  if (!input.credential.empty()) request.headers.push_back({"api-key", std::string(input.credential)});
  request.body = std::move(input.body);
  return request;
}

}  // namespace

const Adapter& adapter() {
  static constexpr Adapter row{.kind = "azure_openai",
                               .chat = Format::chat,
                               .embeddings = Format::embeddings,
                               .responses = true,
                               .framing = Framing::sse,
                               .wire = wire,
                               .request_from_chat = nullptr,
                               .answer_to_chat = nullptr,
                               .chunks = nullptr,
                               .embeddings_from_openai = nullptr,
                               .embeddings_to_openai = nullptr};
  return row;
}

}  // namespace govctl::providers::azure
