#include "daemon/providers/azure.h"

#include <catch2/catch.hpp>

#include "daemon/providers/openai.h"

using namespace govctl;
using namespace govctl::providers;

namespace {

WireInput to(std::string_view base_path, Format format = Format::chat) {
  WireInput input;
  input.format = format;
  input.base_path = base_path;
  input.model = "gpt-4o";
  input.credential = "azure-secret";
  input.body = R"({"model":"gpt-4o"})";
  return input;
}

std::string header(const WireRequest& request, std::string_view name) {
  for (const WireHeader& header : request.headers) {
    if (header.name == name) return header.value;
  }
  return "(none)";
}

}  // namespace

TEST_CASE("azure: the dated API has the deployment in its path") {
  const auto wired = [](Format format) { return azure::adapter().wire(to("/openai", format))->target; };
  CHECK(wired(Format::chat) == "/deployments/gpt-4o/chat/completions?api-version=2024-10-21");
  CHECK(wired(Format::embeddings) == "/deployments/gpt-4o/embeddings?api-version=2024-10-21");
  CHECK(azure::adapter().wire(to(""))->target ==
        "/openai/deployments/gpt-4o/chat/completions?api-version=2024-10-21");
}

TEST_CASE("azure: a row's own api-version, and a deployment's name, are written safely") {
  WireInput input = to("/openai");
  input.api_version = "2025-04-01-preview";
  input.model = "my model/../x?y=\xc3\xa9";
  CHECK(azure::adapter().wire(input)->target ==
        "/deployments/my%20model%2F..%2Fx%3Fy%3D%C3%A9/chat/completions?api-version=2025-04-01-preview");
  input.api_version = "1&x=2";
  input.model = "m";
  CHECK(azure::adapter().wire(input)->target == "/deployments/m/chat/completions?api-version=1%26x%3D2");
}

TEST_CASE("azure: the v1 API has OpenAI's paths, and an api-version only when told") {
  const auto wired = [](Format format) { return azure::adapter().wire(to("/openai/v1", format))->target; };
  CHECK(wired(Format::chat) == "/chat/completions");
  CHECK(wired(Format::embeddings) == "/embeddings");
  CHECK(wired(Format::responses) == "/responses");
  WireInput input = to("/openai/v1");
  input.api_version = "preview";
  CHECK(azure::adapter().wire(input)->target == "/chat/completions?api-version=preview");
}

TEST_CASE("azure: responses need a dated version that has them") {
  WireInput input = to("/openai", Format::responses);
  const auto refused = azure::adapter().wire(input);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == Code::invalid);
  CHECK(refused.error().message.find("/openai/v1") != std::string::npos);
  input.api_version = "2025-04-01-preview";
  CHECK(azure::adapter().wire(input)->target == "/responses?api-version=2025-04-01-preview");
}

TEST_CASE("azure: the key goes in api-key, the body as it is") {
  WireInput input = to("/openai");
  input.stream = true;
  const auto request = azure::adapter().wire(input);
  REQUIRE(request);
  CHECK(header(*request, "api-key") == "azure-secret");
  CHECK(header(*request, "Authorization") == "(none)");
  CHECK(header(*request, "Accept") == "text/event-stream");
  CHECK(header(*request, "Content-Type") == "application/json");
  CHECK(request->body == R"({"model":"gpt-4o"})");
  input.credential = {};
  CHECK(header(*azure::adapter().wire(input), "api-key") == "(none)");
}

TEST_CASE("azure and openai speak no other format") {
  for (const Format format : {Format::messages, Format::gemini, Format::cohere, Format::cohere_embeddings}) {
    CHECK_FALSE(azure::adapter().wire(to("/openai", format)));
    CHECK_FALSE(openai::adapter().wire(to("/v1", format)));
  }
}

TEST_CASE("openai: paths, headers, and a bearer where there is a credential") {
  const auto wired = [](Format format) { return openai::adapter().wire(to("/v1", format))->target; };
  CHECK(wired(Format::chat) == "/chat/completions");
  CHECK(wired(Format::responses) == "/responses");
  CHECK(wired(Format::embeddings) == "/embeddings");
  WireInput input = to("/v1");
  const auto request = openai::adapter().wire(input);
  CHECK(header(*request, "Authorization") == "Bearer azure-secret");
  CHECK(header(*request, "Accept") == "application/json");
  CHECK(header(*request, "User-Agent").starts_with("govd/"));
  CHECK(request->body == R"({"model":"gpt-4o"})");
  input.credential = {};
  CHECK(header(*openai::adapter().wire(input), "Authorization") == "(none)");
  CHECK(openai::adapter().kind == "openai");
  CHECK(azure::adapter().kind == "azure_openai");
}
