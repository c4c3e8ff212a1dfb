#include "daemon/providers/openai.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "daemon/providers/mock.h"

using namespace govctl;
using namespace govctl::providers;
using namespace govctl::providers::openai;
using enum domain::PriceKind;

namespace {

std::optional<std::string> edit(const std::string& body, const RequestEdits& edits) {
  const auto object = scan_object(body);
  REQUIRE(object);
  return edited(body, *object, edits);
}

domain::Usage usage(std::initializer_list<std::pair<domain::PriceKind, std::int64_t>> counts) {
  domain::Usage used;
  for (const auto& [kind, count] : counts) used[kind] = count;
  return used;
}

}  // namespace

// --- requests
// ------------------------------------------------------------------------------------------------------------

TEST_CASE("a request that needs no change is none") { CHECK_FALSE(edit(R"({"model":"m"})", {})); }

TEST_CASE("an edit keeps all other bytes") {
  const std::string body =
      "{ \"model\" : \"openai/gpt-4o\",\n\t\"messages\":[{\"content\":\"h\xc3\xa9 \\u00e9\"}] , "
      "\"temperature\":0.10 }";
  RequestEdits edits;
  edits.model = "gpt-4o";
  CHECK(edit(body, edits) ==
        "{ \"model\" : \"gpt-4o\",\n\t\"messages\":[{\"content\":\"h\xc3\xa9 \\u00e9\"}] , "
        "\"temperature\":0.10 }");
  edits.max_tokens = 300;
  CHECK(edit(body, edits) ==
        "{ \"model\" : \"gpt-4o\",\n\t\"messages\":[{\"content\":\"h\xc3\xa9 \\u00e9\"}] , "
        "\"temperature\":0.10 ,\"max_tokens\":300}");
}

TEST_CASE("max tokens go where the client put them, else where the provider wants them") {
  RequestEdits edits;
  edits.max_tokens = 300;
  CHECK(edit(R"({"max_tokens":900})", edits) == R"({"max_tokens":300})");
  CHECK(edit(R"({"max_completion_tokens":900})", edits) == R"({"max_completion_tokens":300})");
  CHECK(edit(R"({"max_tokens":null})", edits) == R"({"max_tokens":300})");
  CHECK(edit(R"({})", edits) == R"({"max_tokens":300})");
  edits.max_tokens_field = "max_completion_tokens";
  CHECK(edit(R"({"a":1})", edits) == R"({"a":1,"max_completion_tokens":300})");
  CHECK(edit(R"({"max_tokens":900})", edits) == R"({"max_tokens":300})");
  CHECK(edit(R"({"max_tokens":null})", edits) == R"({"max_tokens":null,"max_completion_tokens":300})");
}

TEST_CASE("usage is asked for in a stream, beside the client's other options") {
  RequestEdits edits;
  edits.include_usage = true;
  CHECK(edit(R"({"stream":true})", edits) == R"({"stream":true,"stream_options":{"include_usage":true}})");
  CHECK(edit(R"({"stream_options":{"include_usage":false,"x":1},"stream":true})", edits) ==
        R"({"stream_options":{"include_usage":true,"x":1},"stream":true})");
  CHECK(edit(R"({"stream_options":null})", edits) == R"({"stream_options":{"include_usage":true}})");
}

// --- usage
// -----------------------------------------------------------------------------------------------------------------

TEST_CASE("usage comes out in disjoint kinds, whichever dialect it is in") {
  struct Row {
    const char* name;
    const char* json;
    domain::Usage used;
  };
  const Row table[] = {
      {"plain", R"({"prompt_tokens":9,"completion_tokens":12,"total_tokens":21})",
       usage({{input, 9}, {output, 12}})},
      {"openai, all details",
       R"({"prompt_tokens":100,"completion_tokens":50,"total_tokens":150,
           "prompt_tokens_details":{"cached_tokens":64,"audio_tokens":6},
           "completion_tokens_details":{"reasoning_tokens":30,"audio_tokens":5,"accepted_prediction_tokens":0,"rejected_prediction_tokens":0}})",
       usage({{input, 30}, {cache_read, 64}, {audio_in, 6}, {output, 15}, {reasoning, 30}, {audio_out, 5}})},
      {"deepseek",
       R"({"prompt_tokens":100,"completion_tokens":5,"prompt_cache_hit_tokens":90,"prompt_cache_miss_tokens":10})",
       usage({{input, 10}, {cache_read, 90}, {output, 5}})},
      {"deepseek, both names",
       R"({"prompt_tokens":100,"completion_tokens":5,"prompt_cache_hit_tokens":90,"prompt_tokens_details":{"cached_tokens":90}})",
       usage({{input, 10}, {cache_read, 90}, {output, 5}})},
      {"xai: reasoning beside the completion",
       R"({"prompt_tokens":10,"completion_tokens":5,"total_tokens":115,"completion_tokens_details":{"reasoning_tokens":100}})",
       usage({{input, 10}, {output, 5}, {reasoning, 100}})},
      {"reasoning inside",
       R"({"prompt_tokens":10,"completion_tokens":105,"total_tokens":115,"completion_tokens_details":{"reasoning_tokens":100}})",
       usage({{input, 10}, {output, 5}, {reasoning, 100}})},
      {"explicit zero", R"({"prompt_tokens":0,"completion_tokens":0,"total_tokens":0})", usage({})},
      {"null details",
       R"({"prompt_tokens":4,"completion_tokens":2,"prompt_tokens_details":null,"completion_tokens_details":{"reasoning_tokens":null}})",
       usage({{input, 4}, {output, 2}})},
      {"one figure is enough", R"({"prompt_tokens":4})", usage({{input, 4}})},
      {"all cached", R"({"prompt_tokens":8,"completion_tokens":1,"prompt_tokens_details":{"cached_tokens":8}})",
       usage({{cache_read, 8}, {output, 1}})},
  };
  for (const Row& row : table) {
    INFO(row.name);
    const UsageReport report = read_usage(row.json);
    CHECK_FALSE(report.absurd);
    REQUIRE(report.usage);
    CHECK(*report.usage == row.used);
  }
}

TEST_CASE("absent usage is absent, not zero") {
  for (const char* json : {"null", "{}", R"({"prompt_tokens":null,"completion_tokens":null})",
                           R"({"total_tokens":7})", R"({"cost":0.1})"}) {
    INFO(json);
    const UsageReport report = read_usage(json);
    CHECK_FALSE(report.usage);
    CHECK_FALSE(report.absurd);
  }
}

TEST_CASE("usage beyond reason is absurd, and no figure of it is used") {
  for (
      const char* json :
      {R"({"prompt_tokens":-1,"completion_tokens":5})",
       R"({"prompt_tokens":1,"completion_tokens":-9223372036854775808})",
       R"({"prompt_tokens":1.5,"completion_tokens":5})", R"({"prompt_tokens":"9","completion_tokens":5})",
       R"({"prompt_tokens":1e30,"completion_tokens":5})",
       R"({"prompt_tokens":18446744073709551615,"completion_tokens":5})",
       R"({"prompt_tokens":1000000000001,"completion_tokens":5})",
       R"({"prompt_tokens":[],"completion_tokens":5})",
       R"({"prompt_tokens":10,"completion_tokens":5,"prompt_tokens_details":{"cached_tokens":11}})",
       R"({"prompt_tokens":10,"completion_tokens":5,"prompt_tokens_details":{"cached_tokens":-1}})",
       R"({"prompt_tokens":-9223372036854775808,"completion_tokens":5,"prompt_tokens_details":{"cached_tokens":1000000000000}})",
       R"({"prompt_tokens":10,"completion_tokens":5,"completion_tokens_details":{"reasoning_tokens":6}})",
       R"({"prompt_tokens":10,"completion_tokens":5,"prompt_tokens_details":{"cached_tokens":6,"audio_tokens":6}})",
       R"([])", R"("x")", "7"}) {
    INFO(json);
    const UsageReport report = read_usage(json);
    CHECK(report.absurd);
    CHECK_FALSE(report.usage);
  }
}

// --- answers
// ---------------------------------------------------------------------------------------------------------------

TEST_CASE("a whole answer: usage, and what was produced in case there is none") {
  const auto answer = read_answer(
      R"({"id":"x","choices":[{"message":{"role":"assistant","content":"12345","tool_calls":[{"function":{"name":"f","arguments":"{\"a\":1}"}}]}}],"usage":{"prompt_tokens":3,"completion_tokens":4}})");
  REQUIRE(answer);
  CHECK(*answer->usage.usage == usage({{input, 3}, {output, 4}}));
  CHECK(answer->produced_bytes == 5 + 9);
  CHECK_FALSE(read_answer("<html>").has_value());
  CHECK_FALSE(read_answer("").has_value());
  CHECK_FALSE(read_answer(R"({"choices":[)").has_value());
}

TEST_CASE("what was produced is counted from content, arguments, reasoning and refusals") {
  const auto bytes = [](const std::string& delta) {
    return read_chunk(R"({"choices":[{"delta":)" + delta + "}]}")->produced_bytes;
  };
  CHECK(bytes(R"({"content":"abc"})") == 3);
  CHECK(bytes(R"({"content" : "abc"})") == 3);
  CHECK(bytes(R"({"content":null})") == 0);
  CHECK(bytes(R"({"reasoning_content":"abcd"})") == 4);
  CHECK(bytes(R"({"refusal":"no"})") == 2);
  CHECK(bytes(R"({"content":"a\"content\":\"b"})") == 16);
  CHECK(bytes(R"({"role":"assistant"})") == 0);
}

TEST_CASE("x_platform is the last member, and every other byte stays") {
  const std::string body = "{\"id\":\"x\", \"usage\":{} }\n";
  CHECK(with_platform(body, *scan_object(body), R"({"credits_charged":7})") ==
        "{\"id\":\"x\", \"usage\":{} ,\"x_platform\":{\"credits_charged\":7}}\n");
  CHECK(with_platform("{}", *scan_object("{}"), "{}") == R"({"x_platform":{}})");
}

TEST_CASE("the chunk that only brings usage is told from all others") {
  CHECK(read_chunk(R"({"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":2}})")->usage_only);
  CHECK(read_chunk(R"({"choices": [ ],"usage":{"prompt_tokens":0,"completion_tokens":0}})")->usage_only);
  CHECK_FALSE(read_chunk(R"({"choices":[],"usage":null})")->usage_only);
  CHECK_FALSE(read_chunk(R"({"choices":[]})")->usage_only);
  CHECK_FALSE(read_chunk(R"({"choices":[{"delta":{}}],"usage":{"prompt_tokens":1,"completion_tokens":2}})")
                  ->usage_only);
  CHECK(read_chunk(R"({"choices":[{"delta":{}}],"usage":{"prompt_tokens":1,"completion_tokens":2}})")
            ->usage.usage);
}

TEST_CASE("the end of a choice, an error, and what is no chunk") {
  CHECK(read_chunk(R"({"choices":[{"delta":{},"finish_reason":"stop"}]})")->finished);
  CHECK_FALSE(read_chunk(R"({"choices":[{"delta":{},"finish_reason":null}]})")->finished);
  CHECK(read_chunk(R"({"error":{"message":"x"}})")->error);
  CHECK_FALSE(read_chunk(R"({"error":null,"choices":[]})")->error);
  CHECK_FALSE(read_chunk("[DONE]").has_value());
  CHECK_FALSE(read_chunk("{").has_value());
  CHECK(read_chunk("{\"choices\":[{\"delta\":{\"content\":\"\xc3\"}}]}"));  // half a character passes
}

TEST_CASE("models that think unseen are known by their names") {
  for (const char* name : {"o1", "o3-mini", "o4-mini", "gpt-5", "gpt-5-mini", "openai/o1"})
    CHECK(hides_reasoning(name));
  for (const char* name : {"gpt-4o", "mock-model", "olmo", "deepseek-reasoner"})
    CHECK_FALSE(hides_reasoning(name));
}

// --- the mock
// ----------------------------------------------------------------------------------------------------------------

TEST_CASE("the mock answers the same each time, counts a token for four bytes, and keeps to max_tokens") {
  const std::string body = R"({"model":"mock-model","messages":[{"role":"user","content":"12345678"}]})";
  const auto first = mock::answer(body, "mock-model", "id", 7);
  CHECK(first.status == 200);
  REQUIRE(first.pieces.size() == 1);
  CHECK(first.pieces == mock::answer(body, "mock-model", "id", 7).pieces);
  const auto answer = read_answer(first.pieces[0]);
  REQUIRE(answer);
  CHECK((*answer->usage.usage)[input] == 2);
  CHECK((*answer->usage.usage)[output] == answer->produced_bytes / 4);
  const auto small = mock::answer(R"({"max_tokens":3,"messages":[{"content":"x"}]})", "mock-model", "id", 7);
  const auto json = nlohmann::json::parse(small.pieces[0]);
  CHECK(json["usage"]["completion_tokens"] == 3);
  CHECK(json["choices"][0]["finish_reason"] == "length");
}

TEST_CASE("the mock streams chunks, the usage and the end") {
  const auto answer = mock::answer(R"({"stream":true,"messages":[{"content":"hi"}]})", "mock-model", "id", 7);
  CHECK(answer.stream);
  REQUIRE(answer.pieces.size() > 4);
  CHECK(answer.pieces.back() == "data: [DONE]\n\n");
  std::int64_t produced = 0;
  bool finished = false;
  for (std::size_t i = 0; i + 1 < answer.pieces.size(); ++i) {
    const std::string& piece = answer.pieces[i];
    REQUIRE(piece.starts_with("data: "));
    REQUIRE(piece.ends_with("\n\n"));
    const auto chunk = read_chunk(std::string_view(piece).substr(6, piece.size() - 8));
    REQUIRE(chunk);
    produced += chunk->produced_bytes;
    finished = finished || chunk->finished;
    CHECK(chunk->usage_only == (i + 2 == answer.pieces.size()));
    if (chunk->usage_only) CHECK((*chunk->usage.usage)[output] == produced / 4);
  }
  CHECK(finished);
}

TEST_CASE("the mock does as the model's name says") {
  const char* const body = R"({"stream":true,"messages":[{"content":"hi"}]})";
  CHECK(mock::answer(body, "mock-error-500", "id", 7).status == 500);
  CHECK(mock::answer(body, "mock-error-429", "id", 7).status == 429);
  CHECK(mock::answer(body, "mock-error-200", "id", 7).status == 500);
  CHECK(mock::answer(body, "mock-error-x", "id", 7).status == 500);
  CHECK(mock::answer(body, "mock-cut", "id", 7).cut);
  CHECK(mock::answer(body, "mock-cut", "id", 7).pieces.back() != "data: [DONE]\n\n");
  CHECK(mock::answer("{}", "mock-cut", "id", 7).cut);
  CHECK(mock::answer(body, "mock-slow", "id", 7).pause.count() > 0);
}

// --- streams, as all formats are read
// --------------------------------------------------------------------------------------

TEST_CASE("a chat stream: what was produced, its usage, its end") {
  const auto reader = stream_reader();
  const auto text = reader->read({"", R"({"choices":[{"delta":{"content":"abc"},"finish_reason":null}]})"});
  REQUIRE(text);
  CHECK(text->produced_bytes == 3);
  CHECK_FALSE(text->finished);
  CHECK_FALSE(reader->usage().usage);
  CHECK(reader->read({"", R"({"choices":[{"delta":{},"finish_reason":"stop"}]})"})->finished);
  const auto last = reader->read({"", R"({"choices":[],"usage":{"prompt_tokens":7,"completion_tokens":2}})"});
  CHECK(last->usage_only);
  CHECK(*reader->usage().usage == usage({{input, 7}, {output, 2}}));
  const auto done = reader->read({"", "[DONE]"});
  REQUIRE(done);
  CHECK(done->terminal);
  CHECK(reader->read({"", R"({"error":{"message":"x"}})"})->error);
  CHECK_FALSE(reader->read({"", "garbage"}));
}

TEST_CASE("a chat stream that once said an absurd usage stays absurd") {
  const auto reader = stream_reader();
  CHECK(reader->read({"", R"({"choices":[],"usage":{"prompt_tokens":-7}})"}));
  CHECK(reader->read({"", R"({"choices":[],"usage":{"prompt_tokens":7}})"}));
  CHECK(reader->usage().absurd);
}
