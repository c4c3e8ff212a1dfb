#include "daemon/providers/openai_responses.h"

#include <catch2/catch.hpp>

#include "daemon/providers/openai_embeddings.h"

using namespace govctl;
using namespace govctl::providers;
using namespace govctl::providers::openai_responses;
using enum domain::PriceKind;

namespace {

domain::Usage usage(std::initializer_list<std::pair<domain::PriceKind, std::int64_t>> counts) {
  domain::Usage used;
  for (const auto& [kind, count] : counts) used[kind] = count;
  return used;
}

const std::string fourteen = R"({"input_tokens":10,"output_tokens":4,"total_tokens":14})";
const std::string search_item =
    R"({"type":"web_search_call","id":"ws_1","status":"completed","action":{"type":"search","query":"x"}})";

std::string ended(const std::string& type, const std::string& members) {
  return R"({"type":")" + type + R"(","sequence_number":9,"response":{"id":"resp_1",)" + members + "}}";
}

}  // namespace

// --- usage
// -----------------------------------------------------------------------------------------------------------------

TEST_CASE("responses: usage comes out in disjoint kinds") {
  struct Row {
    const char* name;
    const char* json;
    domain::Usage used;
  };
  const Row table[] = {
      {"plain", R"({"input_tokens":36,"output_tokens":87,"total_tokens":123})",
       usage({{input, 36}, {output, 87}})},
      {"details",
       R"({"input_tokens":328,"input_tokens_details":{"cached_tokens":300},"output_tokens":52,"output_tokens_details":{"reasoning_tokens":40},"total_tokens":380})",
       usage({{input, 28}, {cache_read, 300}, {output, 12}, {reasoning, 40}})},
      {"reasoning beside the output",
       R"({"input_tokens":10,"output_tokens":5,"output_tokens_details":{"reasoning_tokens":100},"total_tokens":115})",
       usage({{input, 10}, {output, 5}, {reasoning, 100}})},
      {"all of it reasoning",
       R"({"input_tokens":10,"output_tokens":16,"output_tokens_details":{"reasoning_tokens":16},"total_tokens":26})",
       usage({{input, 10}, {reasoning, 16}})},
      {"explicit zero", R"({"input_tokens":0,"output_tokens":0,"total_tokens":0})", usage({})},
      {"null details",
       R"({"input_tokens":4,"output_tokens":2,"input_tokens_details":null,"output_tokens_details":{"reasoning_tokens":null}})",
       usage({{input, 4}, {output, 2}})},
      {"one figure is enough", R"({"input_tokens":4})", usage({{input, 4}})},
  };
  for (const Row& row : table) {
    INFO(row.name);
    const UsageReport report = read_usage(row.json);
    CHECK_FALSE(report.absurd);
    REQUIRE(report.usage);
    CHECK(*report.usage == row.used);
  }
}

TEST_CASE("responses: absent usage is absent, absurd usage is absurd") {
  for (const char* json :
       {"null", "{}", R"({"total_tokens":5})", R"({"input_tokens":null,"output_tokens":null})"}) {
    INFO(json);
    CHECK_FALSE(read_usage(json).usage);
    CHECK_FALSE(read_usage(json).absurd);
  }
  for (const char* json :
       {R"({"input_tokens":-1,"output_tokens":4})", R"({"input_tokens":1.5})", R"({"input_tokens":"7"})",
        R"({"input_tokens":5,"input_tokens_details":{"cached_tokens":6}})",
        R"({"input_tokens":5,"output_tokens":3,"output_tokens_details":{"reasoning_tokens":4}})",
        R"({"output_tokens":9223372036854775808})", R"({"output_tokens":1000000000001})", "[]", "7"}) {
    INFO(json);
    CHECK_FALSE(read_usage(json).usage);
    CHECK(read_usage(json).absurd);
  }
}

// --- answers
// ---------------------------------------------------------------------------------------------------------------

TEST_CASE("responses: a whole answer, its usage and what it produced") {
  const auto facts = openai_responses::read_answer(
      R"({"id":"resp_1","object":"response","status":"completed","text":{"format":{"type":"text"}},"output":[)"
      R"({"type":"reasoning","id":"rs_1","summary":[{"type":"summary_text","text":"abc"}]},)"
      R"({"type":"message","content":[{"type":"output_text","text":"12345","annotations":[]},{"type":"refusal","refusal":"no"}]},)"
      R"({"type":"function_call","name":"f","arguments":"{}"},{"type":"custom_tool_call","name":"g","input":"1234567"}],"usage":)" +
      fourteen + "}");
  REQUIRE(facts);
  CHECK(*facts->usage.usage == usage({{input, 10}, {output, 4}}));
  CHECK(facts->produced_bytes == 3 + 5 + 2 + 2 + 7);
  CHECK_FALSE(openai_responses::read_answer("<html>"));
  CHECK_FALSE(openai_responses::read_answer(R"({"output":[)"));
  CHECK_FALSE(openai_responses::read_answer(R"({"output":7,"usage":null})")->usage.usage);
}

TEST_CASE("responses: searches are counted, opened pages are not") {
  const auto counted = [](const std::string& items) {
    const auto facts =
        openai_responses::read_answer(R"({"output":[)" + items + R"(],"usage":)" + fourteen + "}");
    return (*facts->usage.usage)[search];
  };
  CHECK(counted("") == 0);
  CHECK(counted(search_item + "," + search_item) == 2);
  CHECK(counted(R"({"type":"web_search_call","id":"ws_1"})") == 1);
  CHECK(counted(R"({"type":"web_search_call","action":{"type":"open_page","url":"u"}})") == 0);
  CHECK(counted(R"({"type":"web_search_call","action":{"type":"find_in_page"}})") == 0);
  CHECK(counted(R"({"type":"message","content":[{"type":"output_text","text":"web_search_call"}]})") == 0);
  CHECK(counted("7,null") == 0);
}

// --- streams
// ---------------------------------------------------------------------------------------------------------------

TEST_CASE("responses: what the deltas of a stream produced") {
  const auto bytes = [](const std::string& data) { return stream_reader()->read({"", data})->produced_bytes; };
  CHECK(bytes(R"({"type":"response.output_text.delta","delta":"abc"})") == 3);
  CHECK(bytes(R"({"type":"response.refusal.delta","delta":"no"})") == 2);
  CHECK(bytes(R"({"type":"response.reasoning_summary_text.delta","delta":"abcd"})") == 4);
  CHECK(bytes(R"({"type":"response.function_call_arguments.delta","delta":"{}"})") == 2);
  CHECK(bytes(R"({"type":"response.output_text.done","text":"abc"})") == 0);
  CHECK(bytes(R"({"type":"response.output_text.delta","delta":{"x":1}})") == 0);
  CHECK(bytes(R"({"type":"response.output_text.delta"})") == 0);
}

TEST_CASE("responses: all three ends are terminal and bring usage") {
  for (const std::string type : {"response.completed", "response.incomplete", "response.failed"}) {
    INFO(type);
    const auto reader = stream_reader();
    const auto created =
        reader->read({"response.created", R"({"type":"response.created","response":{"usage":null}})"});
    REQUIRE(created);
    CHECK_FALSE(created->terminal);
    const auto facts = reader->read({type, ended(type, R"("usage":)" + fourteen)});
    REQUIRE(facts);
    CHECK(facts->terminal);
    CHECK(facts->error == (type == "response.failed"));
    CHECK(facts->finished == (type != "response.failed"));
    REQUIRE(reader->usage().usage);
    CHECK(*reader->usage().usage == usage({{input, 10}, {output, 4}}));
  }
}

TEST_CASE("responses: an end without usage, with an absurd one, with none of a response") {
  const auto report = [](const std::string& data) {
    const auto reader = stream_reader();
    CHECK(reader->read({"", data})->terminal);
    return reader->usage();
  };
  CHECK_FALSE(report(ended("response.failed", R"("usage":null)")).usage);
  CHECK_FALSE(report(R"({"type":"response.completed"})").usage);
  CHECK_FALSE(report(R"({"type":"response.completed","response":[]})").usage);
  CHECK(report(ended("response.completed", R"("usage":{"input_tokens":-4})")).absurd);
}

TEST_CASE("responses: searches of a stream count once, whether the end lists them or not") {
  const auto counted = [](const std::string& output) {
    const auto reader = stream_reader();
    const auto done = reader->read({"", R"({"type":"response.output_item.done","item":)" + search_item + "}"});
    CHECK(done);
    CHECK(reader->read({"", ended("response.completed", output + R"("usage":)" + fourteen)}));
    return (*reader->usage().usage)[search];
  };
  CHECK(counted("") == 1);
  CHECK(counted(R"("output":[],)") == 1);
  CHECK(counted(R"("output":[)" + search_item + "],") == 1);
}

TEST_CASE("responses: an error event, unknown events, the type in the event's name alone, and garbage") {
  const auto reader = stream_reader();
  const auto error = reader->read({"error", R"({"type":"error","code":"server_error","message":"x"})"});
  CHECK(error->error);
  CHECK_FALSE(error->terminal);
  const auto unknown = reader->read({"response.new", R"({"type":"response.new"})"});
  REQUIRE(unknown);
  CHECK_FALSE(unknown->error);
  CHECK(reader->read({"response.completed", R"({"response":{}})"})->terminal);
  CHECK(reader->read({"response.completed", R"({"type":7})"})->terminal);
  CHECK_FALSE(reader->read({"", "[DONE]"}));
  CHECK_FALSE(reader->read({"", "{"}));
}

// --- embeddings
// ------------------------------------------------------------------------------------------------------------

TEST_CASE("embeddings: prompt tokens are input, and nothing is produced") {
  const auto report = [](const std::string& value) {
    const auto facts = openai_embeddings::read_answer(
        R"({"object":"list","data":[{"embedding":[0.1]}],"usage":)" + value + "}");
    REQUIRE(facts);
    CHECK(facts->produced_bytes == 0);
    return facts->usage;
  };
  CHECK(*report(R"({"prompt_tokens":8,"total_tokens":8})").usage == usage({{input, 8}}));
  CHECK(*report(R"({"prompt_tokens":0,"total_tokens":0})").usage == usage({}));
  CHECK(*report(R"({"total_tokens":9})").usage == usage({{input, 9}}));
  CHECK_FALSE(report("null").usage);
  CHECK_FALSE(report("{}").usage);
  CHECK(report(R"({"prompt_tokens":-8})").absurd);
  CHECK(report("[8]").absurd);
  CHECK_FALSE(openai_embeddings::read_answer(R"({"data":[]})")->usage.usage);
  CHECK_FALSE(openai_embeddings::read_answer("[]"));
}
