// Embeddings: what goes in is all that is charged.

#include <catch2/catch.hpp>

#include "tests/functional/harness/dialects.h"

using namespace govctl::test;

TEST_CASE("embeddings pass as they are, and are charged for what goes in", "[embeddings]") {
  Dialects d;
  const Json said = Json::parse(
      R"({"object":"list","data":[{"object":"embedding","index":0,"embedding":"AACAPw=="}],"model":"m","usage":{"prompt_tokens":42,"total_tokens":42}})");
  d.upstream.on("m", [&](Reply& reply) { reply.json(200, said); });
  const Answer answer =
      d.post("/v1/embeddings", {{"model", "fake/m"}, {"input", "some text"}, {"encoding_format", "base64"}});
  REQUIRE(answer.status == 200);
  CHECK(answer.json() == said);
  CHECK(d.upstream.last().target == "/v1/embeddings");
  CHECK_FALSE(Json::parse(d.upstream.last().body).contains("max_tokens"));
  CHECK(d.event_of(answer)["credits_charged"] == 42);
  CHECK(d.event_of(answer)["output_tokens"] == 0);
  d.books_balance(42);
}

TEST_CASE("a provider without embeddings is 400 that names what works", "[embeddings]") {
  Dialects d;
  const Answer answer = d.post("/v1/embeddings", {{"model", "anthropic-like/m"}, {"input", "text"}});
  CHECK(answer.status == 400);
  const std::string message = answer.json()["error"]["message"];
  CHECK(message.find("anthropic") != std::string::npos);
  CHECK(message.find("openai") != std::string::npos);
  CHECK(d.event_of(answer)["status"] == "POLICY_BLOCKED");
  d.books_balance(0);
}

TEST_CASE("the mock embeds too, the same text the same way", "[embeddings]") {
  Dialects d;
  d.daemon.price("mock", "mock-embed", "0.001", "0");
  const Json asked{{"model", "mock-embed"}, {"input", {"eight by", "eight by", "others"}}};
  const Json body = d.post("/v1/embeddings", asked).json();
  REQUIRE(body["data"].size() == 3);
  CHECK(body["data"][0]["embedding"] == body["data"][1]["embedding"]);
  CHECK(body["data"][0]["embedding"] != body["data"][2]["embedding"]);
  // 8 / 4 + 8 / 4 + 6 / 4
  CHECK(body["usage"]["prompt_tokens"] == 5);
  d.books_balance(5);
}

TEST_CASE("embeddings are translated to Gemini and back", "[embeddings]") {
  Dialects d;
  d.add("gemini-like", "gemini");
  d.upstream.on("", [](Reply& reply) {
    reply.json(200,
               Json::parse(R"({"embeddings":[{"values":[1.0,0.5]}],"usageMetadata":{"promptTokenCount":9}})"));
  });
  const Answer answer = d.post("/v1/embeddings", {{"model", "gemini-like/m"}, {"input", "text"}});
  INFO(answer.body);
  REQUIRE(answer.status == 200);
  CHECK(answer.json()["object"] == "list");
  CHECK(answer.json()["data"][0]["embedding"] == Json::parse("[1.0,0.5]"));
  CHECK(d.upstream.last().target.find("batchEmbedContents") != std::string::npos);
  d.books_balance(d.event_of(answer)["credits_charged"]);
}
