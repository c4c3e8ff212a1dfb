#include "daemon/calls/embeddings.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

using namespace govctl;
using namespace govctl::calls;

namespace {

std::string body(const std::string& input, const std::string& members = "") {
  return R"({"model":"text-embedding-3-small","input":)" + input + (members.empty() ? "" : "," + members) + "}";
}
domain::Refusal refused(const std::string& text) {
  INFO(text);
  const auto request = embeddings::parse(text);
  REQUIRE_FALSE(request);
  CHECK(request.error().cause == domain::Cause::bad_request);
  return request.error();
}

}  // namespace

TEST_CASE("embeddings: text in any of its forms, and nothing comes out") {
  for (const char* input : {R"("hello")", R"(["a","b"])", "[1,2,3]", "[[1,2],[3]]", "[]"}) {
    const std::string text = body(input, R"("encoding_format":"base64","dimensions":256,"user":"alice")");
    INFO(text);
    const auto request = embeddings::parse(text);
    REQUIRE(request);
    CHECK(request->ask.model == "text-embedding-3-small");
    CHECK(request->ask.no_output);
    CHECK_FALSE(request->ask.max_tokens);
    CHECK_FALSE(request->ask.stream);
    CHECK_FALSE(request->ask.whole_context);
    CHECK(request->ask.text_bytes == static_cast<std::int64_t>(text.size()));
    CHECK(request->user == "alice");
  }
}

TEST_CASE("embeddings: what is at fault is named") {
  CHECK(refused(R"({"model":"m"})").parameter == "input");
  CHECK(refused(R"({"input":"x"})").parameter == "model");
  for (const char* input : {"null", "7", "{}", "true", R"([{"image":"x"}])", R"(["a",1])", R"([[1],"a"])",
                            "[-1]", "[1.5]", R"([["a"]])"}) {
    CHECK(refused(body(input)).parameter == "input");
  }
  CHECK(refused(body(R"("x")", R"("Model":"y")")).parameter == "Model");
  CHECK(refused(body(R"("x")", R"("INPUT":"y")")).parameter == "INPUT");
  CHECK(refused(body(R"("x")", R"("input":"y")")).message.find("twice") != std::string::npos);
  CHECK(refused(body(R"("x")", R"("dimensions":0)")).parameter == "dimensions");
  CHECK(refused(body(R"("x")", R"("dimensions":"9")")).parameter == "dimensions");
  CHECK(refused(body(R"("x")", R"("encoding_format":"int8")")).parameter == "encoding_format");
  CHECK(refused(body(R"("x")", R"("user":7)")).parameter == "user");
  refused("[]");
  refused("");
}

TEST_CASE("embeddings: only the model is changed on the way") {
  const std::string text = "{ \"model\":\"openai/e\", \"input\" : \"h\xc3\xa9\" }";
  const auto request = embeddings::parse(text);
  REQUIRE(request);
  Edits edits;
  CHECK(embeddings::edited(text, *request, edits) == text);
  edits.max_tokens = 0;
  CHECK(embeddings::edited(text, *request, edits) == text);
  edits.model = "e";
  CHECK(embeddings::edited(text, *request, edits) == "{ \"model\":\"e\", \"input\" : \"h\xc3\xa9\" }");
  const Dialect& dialect = embeddings::dialect();
  CHECK(dialect.name == "embeddings");
  CHECK(dialect.format == providers::Format::embeddings);
  CHECK(dialect.request_to_chat == nullptr);
}
