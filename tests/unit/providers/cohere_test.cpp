#include "daemon/providers/cohere.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "tests/unit/providers/cohere_samples.h"
#include "tests/unit/providers/odd_values.h"

using namespace govctl;
using namespace govctl::providers;
using namespace govctl::providers::cohere;
using enum domain::PriceKind;
namespace samples = govctl::tests::cohere;

namespace {

const AnswerIdentity identity{"req_7", "cohere/command-a", 1700000000};

Json json(std::string_view text) {
  Json parsed = Json::parse(text, nullptr, false);
  REQUIRE_FALSE(parsed.is_discarded());
  return parsed;
}

domain::Usage used(std::initializer_list<std::pair<domain::PriceKind, std::int64_t>> counts) {
  domain::Usage usage;
  for (const auto& [kind, count] : counts) usage[kind] = count;
  return usage;
}

std::string refusal(std::string_view chat) {
  const auto request = request_from_chat(json(chat));
  REQUIRE_FALSE(request);
  CHECK(request.error().code == Code::invalid);
  return request.error().message;
}

// The chunks of a stream's first events.
std::vector<Json> chunks_of(const std::vector<std::string_view>& stream, std::size_t events) {
  const auto source = chunks(identity);
  std::vector<Json> said;
  for (std::size_t i = 0; i < events; ++i) REQUIRE(source->event({"", stream[i]}, said));
  return said;
}

Json delta(const Json& chunk) { return chunk["choices"][0]["delta"]; }

}  // namespace

// --- usage
// ---------------------------------------------------------------------------------------------------------

TEST_CASE("cohere bills its billed units") {
  struct Row {
    const char* name;
    const char* usage;
    domain::Usage expected;
  };
  const Row table[] = {
      {"billed units, not tokens",
       R"({"billed_units":{"input_tokens":5,"output_tokens":418},"tokens":{"input_tokens":71,"output_tokens":418}})",
       used({{input, 5}, {output, 418}})},
      {"as numbers with a point",
       R"({"billed_units":{"input_tokens":37.0,"output_tokens":28.0,"search_units":null}})",
       used({{input, 37}, {output, 28}})},
      {"searches",
       R"({"billed_units":{"input_tokens":1,"output_tokens":2,"search_units":3,"classifications":4}})",
       used({{input, 1}, {output, 2}, {search, 3}})},
      {"tokens, when nothing is said of units", R"({"tokens":{"input_tokens":71,"output_tokens":9}})",
       used({{input, 71}, {output, 9}})},
      {"tokens, when the units are empty",
       R"({"billed_units":{},"tokens":{"input_tokens":71,"output_tokens":9}})",
       used({{input, 71}, {output, 9}})},
      {"explicit zero", R"({"billed_units":{"input_tokens":0,"output_tokens":0},"tokens":{"input_tokens":71}})",
       used({})},
      {"one figure is enough", R"({"billed_units":{"input_tokens":2}})", used({{input, 2}})},
  };
  for (const Row& row : table) {
    INFO(row.name);
    const UsageReport report = read_usage(json(row.usage));
    CHECK_FALSE(report.absurd);
    REQUIRE(report.usage);
    CHECK(*report.usage == row.expected);
  }
}

TEST_CASE("cohere's usage that is not there is absent, and beyond reason absurd") {
  for (const char* usage : {"null", "{}", R"({"billed_units":null})", R"({"billed_units":{}})",
                            R"({"billed_units":{"input_tokens":null}})", R"({"cached_tokens":4})"}) {
    INFO(usage);
    CHECK_FALSE(read_usage(json(usage)).usage);
    CHECK_FALSE(read_usage(json(usage)).absurd);
  }
  for (const char* usage :
       {"[]", "7", R"({"billed_units":[]})", R"({"billed_units":{"input_tokens":-1}})",
        R"({"billed_units":{"input_tokens":1.5}})", R"({"billed_units":{"output_tokens":"9"}})",
        R"({"billed_units":{"input_tokens":1e30}})",
        R"({"billed_units":{"input_tokens":18446744073709551615}})",
        R"({"billed_units":{"input_tokens":1,"search_units":-2},"tokens":{"input_tokens":1}})"}) {
    INFO(usage);
    CHECK_FALSE(read_usage(json(usage)).usage);
    CHECK(read_usage(json(usage)).absurd);
  }
}

TEST_CASE("a whole answer of cohere: usage, and what was produced") {
  const auto text = cohere::read_answer(samples::answer);
  REQUIRE(text);
  CHECK(*text->usage.usage == used({{input, 5}, {output, 418}}));
  CHECK(text->produced_bytes == 16);
  const auto calls = cohere::read_answer(samples::calls);
  REQUIRE(calls);
  CHECK(*calls->usage.usage == used({{input, 37}, {output, 28}}));
  CHECK(calls->produced_bytes == 18 + 17 + 19);  // the plan and both calls' arguments
  CHECK(cohere::read_answer(R"({"message":{"content":[{"type":"thinking","thinking":"abc"},7,null]}})")
            ->produced_bytes == 3);
  CHECK(cohere::read_answer(R"({"message":7})")->produced_bytes == 0);
  for (const char* none : {"", "<html>", "[]", "{", "{\"a\":\"\xff\"}"}) CHECK_FALSE(cohere::read_answer(none));
}

// --- streams
// -------------------------------------------------------------------------------------------------------

TEST_CASE("a stream of cohere is finished by message-end, which brings the usage") {
  const auto reader = cohere::stream_reader();
  std::int64_t produced = 0;
  for (std::size_t i = 0; i + 1 < samples::stream.size(); ++i) {
    const auto facts = reader->read({"", samples::stream[i]});
    REQUIRE(facts);
    CHECK_FALSE(facts->finished);
    CHECK_FALSE(facts->error);
    CHECK_FALSE(reader->usage().usage);
    produced += facts->produced_bytes;
  }
  CHECK(produced == 16);
  const auto end = reader->read({"message-end", samples::stream.back()});
  REQUIRE(end);
  CHECK(end->finished);
  CHECK_FALSE(end->terminal);
  CHECK(*reader->usage().usage == used({{input, 3}, {output, 4}}));
  CHECK(reader->read({"", "[DONE]"})->terminal);
}

TEST_CASE("cohere's calls count as produced, wherever the arguments come") {
  const auto reader = cohere::stream_reader();
  std::int64_t produced = 0;
  for (const std::string_view event : samples::call_stream)
    produced += reader->read({"", event})->produced_bytes;
  CHECK(produced == 12 + 17 + 2);  // "I will look.", {"city":"Madrid"}, {}
  CHECK(*reader->usage().usage == used({{input, 37}, {output, 28}}));
}

TEST_CASE("cohere's failures in a stream, and what is no event") {
  const auto read = [](std::string_view data) { return cohere::stream_reader()->read({"", data}); };
  for (const char* failed : {R"({"type":"message-end","delta":{"finish_reason":"ERROR"}})",
                             R"({"type":"message-end","delta":{"finish_reason":"TIMEOUT"}})",
                             R"({"type":"message-end","delta":{"finish_reason":"COMPLETE","error":"broken"}})",
                             R"({"id":"e0","message":"internal server error"})"}) {
    INFO(failed);
    const auto facts = read(failed);
    REQUIRE(facts);
    CHECK(facts->error);
    CHECK_FALSE(facts->finished);
    std::vector<Json> none;
    CHECK_FALSE(chunks(identity)->event({"", failed}, none));
    CHECK(none.empty());
  }
  CHECK_FALSE(read("{"));
  CHECK_FALSE(read(""));
  for (const char* odd : {"{}", R"({"type":"new-event","delta":{"message":7}})", R"({"type":7})",
                          R"({"type":"message-end"})", R"({"type":"message-end","delta":{}})",
                          R"({"type":"content-delta","delta":{"message":{"content":[1]}}})"}) {
    INFO(odd);
    const auto facts = read(odd);
    REQUIRE(facts);
    CHECK_FALSE(facts->finished);
    CHECK(facts->produced_bytes == 0);
    CHECK(chunks_of({odd}, 1).empty());
  }
}

TEST_CASE("cohere's stream becomes chat chunks") {
  const auto said = chunks_of(samples::stream, samples::stream.size());
  REQUIRE(said.size() == 4);
  CHECK(said[0] ==
        json(R"({"id":"req_7","object":"chat.completion.chunk","created":1700000000,"model":"cohere/command-a",
    "choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}]})"));
  CHECK(delta(said[1]) == json(R"({"content":"LLMs"})"));
  CHECK(delta(said[2]) == json(R"({"content":" are models."})"));
  CHECK(said[3]["choices"][0] == json(R"({"index":0,"delta":{},"finish_reason":"stop"})"));
}

TEST_CASE("a cohere stream that is cut at any event has no finish_reason before its end") {
  for (std::size_t events = 0; events < samples::stream.size(); ++events) {
    for (const Json& chunk : chunks_of(samples::stream, events)) {
      CHECK(chunk["choices"][0]["finish_reason"].is_null());
      CHECK_FALSE(chunk.contains("usage"));
    }
  }
}

TEST_CASE("cohere's plan and calls in a stream") {
  const auto said = chunks_of(samples::call_stream, samples::call_stream.size());
  REQUIRE(said.size() == 9);
  CHECK(delta(said[1]) == json(R"({"reasoning_content":"I will"})"));
  CHECK(delta(said[2]) == json(R"({"reasoning_content":" look."})"));
  CHECK(delta(said[3]) == json(R"({"tool_calls":[{"index":0,"id":"get_weather_1","type":"function",
      "function":{"name":"get_weather","arguments":""}}]})"));
  CHECK(delta(said[4]) == json(R"({"tool_calls":[{"index":0,"function":{"arguments":"{\"city\":"}}]})"));
  CHECK(delta(said[5]) == json(R"({"tool_calls":[{"index":0,"function":{"arguments":"\"Madrid\"}"}}]})"));
  CHECK(delta(said[6])["tool_calls"][0]["index"] == 1);
  CHECK(delta(said[7]) == json(R"({"tool_calls":[{"index":1,"function":{"arguments":"{}"}}]})"));
  CHECK(said[8]["choices"][0]["finish_reason"] == "tool_calls");
}

TEST_CASE("cohere's thinking in a stream, and calls whose index does not begin at 0") {
  const auto said = chunks_of(
      {R"({"type":"content-start","index":0,"delta":{"message":{"content":{"type":"thinking","thinking":"hm"}}}})",
       R"({"type":"content-delta","index":0,"delta":{"message":{"content":{"thinking":"m"}}}})",
       R"({"type":"tool-call-start","index":3,"delta":{"message":{"tool_calls":{"id":"x","type":"function","function":{"name":"f","arguments":"{}"}}}}})",
       R"({"type":"message-end","delta":{"finish_reason":"MAX_TOKENS"}})",
       R"({"type":"message-end","delta":{"finish_reason":"MAX_TOKENS"}})"},
      5);
  REQUIRE(said.size() == 5);
  CHECK(delta(said[1]) == json(R"({"reasoning_content":"hm"})"));
  CHECK(delta(said[2]) == json(R"({"reasoning_content":"m"})"));
  CHECK(delta(said[3])["tool_calls"][0]["index"] == 0);
  CHECK(said[4]["choices"][0]["finish_reason"] == "length");
}

TEST_CASE("a call of cohere that goes on without having begun has failed") {
  std::vector<Json> none;
  const auto failed = chunks(identity)->event(
      {"",
       R"({"type":"tool-call-delta","index":0,"delta":{"message":{"tool_calls":{"function":{"arguments":"x"}}}}})"},
      none);
  REQUIRE_FALSE(failed);
  CHECK(failed.error().code == Code::upstream_failed);
}

// --- whole answers
// -------------------------------------------------------------------------------------------------

TEST_CASE("cohere's answer becomes a chat completion") {
  const auto chat = answer_to_chat(json(samples::answer), identity);
  REQUIRE(chat);
  CHECK(*chat ==
        json(R"({"id":"req_7","object":"chat.completion","created":1700000000,"model":"cohere/command-a",
    "choices":[{"index":0,"message":{"role":"assistant","content":"LLMs are models."},"logprobs":null,"finish_reason":"stop"}],
    "usage":{"prompt_tokens":5,"completion_tokens":418,"total_tokens":423,
      "prompt_tokens_details":{"cached_tokens":0,"audio_tokens":0},
      "completion_tokens_details":{"reasoning_tokens":0,"audio_tokens":0}}})"));
}

TEST_CASE("cohere's calls become tool_calls, its plan reasoning") {
  const auto chat = answer_to_chat(json(samples::calls), identity);
  REQUIRE(chat);
  CHECK((*chat)["choices"][0] == json(R"({"index":0,"message":{"role":"assistant","content":null,
    "reasoning_content":"I will look twice.","tool_calls":[
      {"id":"get_weather_1","type":"function","function":{"name":"get_weather","arguments":"{\"city\":\"Madrid\"}"}},
      {"id":"get_weather_2","type":"function","function":{"name":"get_weather","arguments":"{\"city\":\"Brasilia\"}"}}]},
    "logprobs":null,"finish_reason":"tool_calls"})"));
}

TEST_CASE("why cohere stopped") {
  const std::pair<const char*, const char*> table[] = {
      {"COMPLETE", "stop"}, {"STOP_SEQUENCE", "stop"}, {"MAX_TOKENS", "length"}, {"TOOL_CALL", "tool_calls"}};
  for (const auto& [theirs, ours] : table) {
    INFO(theirs);
    const Json answer{{"finish_reason", theirs}, {"message", Json::object()}};
    CHECK((*answer_to_chat(answer, identity))["choices"][0]["finish_reason"] == ours);
  }
  const auto code = [](const char* answer) { return answer_to_chat(json(answer), identity).error().code; };
  CHECK(code(R"({"finish_reason":"ERROR","message":{"content":[]}})") == Code::upstream_failed);
  CHECK(code(R"({"finish_reason":"TIMEOUT","message":{"content":[]}})") == Code::timeout);
  CHECK(code("{}") == Code::upstream_failed);
  CHECK(code(R"({"finish_reason":"COMPLETE","message":"x"})") == Code::upstream_failed);
}

// --- requests
// ------------------------------------------------------------------------------------------------------

TEST_CASE("a whole chat request as cohere takes it") {
  const auto request = request_from_chat(json(R"({
    "model":"command-a-03-2025","stream":true,"stream_options":{"include_usage":true},"user":"u-1",
    "messages":[
      {"role":"system","content":"Be brief."},
      {"role":"developer","content":[{"type":"text","text":"In French."}]},
      {"role":"user","content":[{"type":"text","text":"What is this?"},
        {"type":"image_url","image_url":{"url":"data:image/png;base64,iVBORw0=","detail":"low"}},
        {"type":"image_url","image_url":{"url":"https://example.com/a.jpg"}}]},
      {"role":"assistant","content":null,"reasoning_content":"I will look.","tool_calls":[
        {"id":"c1","type":"function","function":{"name":"look","arguments":"{\"at\":\"a\"}"}}]},
      {"role":"tool","tool_call_id":"c1","name":"look","content":[{"type":"text","text":"on"},{"type":"text","text":"e"}]},
      {"role":"assistant","content":"A cat.","reasoning_content":"hm"},
      {"role":"user","content":"Thanks"}],
    "tools":[{"type":"function","function":{"name":"look","description":"Looks","strict":true,"parameters":{"type":"object","properties":{}}}},
      {"type":"function","function":{"name":"read"}}],
    "tool_choice":"required","max_completion_tokens":300,"temperature":0.5,"top_p":0.9,"top_k":40,"n":1,"seed":7,
    "presence_penalty":0.1,"frequency_penalty":0.2,"stop":"END","reasoning_effort":"none",
    "response_format":{"type":"json_schema","json_schema":{"name":"n","schema":{"type":"object"}}}})"));
  REQUIRE(request);
  CHECK(*request == json(R"({"model":"command-a-03-2025",
    "messages":[
      {"role":"system","content":"Be brief."},
      {"role":"system","content":"In French."},
      {"role":"user","content":[{"type":"text","text":"What is this?"},
        {"type":"image_url","image_url":{"url":"data:image/png;base64,iVBORw0=","detail":"low"}},
        {"type":"image_url","image_url":{"url":"https://example.com/a.jpg"}}]},
      {"role":"assistant","tool_plan":"I will look.","tool_calls":[
        {"id":"c1","type":"function","function":{"name":"look","arguments":"{\"at\":\"a\"}"}}]},
      {"role":"tool","tool_call_id":"c1","content":"one"},
      {"role":"assistant","content":"A cat."},
      {"role":"user","content":"Thanks"}],
    "stream":true,
    "tools":[{"type":"function","function":{"name":"look","description":"Looks","parameters":{"type":"object","properties":{}}}},
      {"type":"function","function":{"name":"read","parameters":{"type":"object","properties":{}}}}],
    "tool_choice":"REQUIRED","max_tokens":300,"temperature":0.5,"k":40,"seed":7,
    "presence_penalty":0.1,"frequency_penalty":0.2,"p":0.9,"stop_sequences":["END"],
    "response_format":{"type":"json_object","json_schema":{"type":"object"}},"thinking":{"type":"disabled"}})"));
}

TEST_CASE("settings as cohere says them") {
  const auto with = [](const std::string& more) {
    return *request_from_chat(
        json(R"({"model":"command-a","messages":[{"role":"user","content":"Hi"}])" + more + "}"));
  };
  CHECK(with("").dump() == R"({"model":"command-a","messages":[{"role":"user","content":"Hi"}]})");
  CHECK(with(R"(,"top_p":1)")["p"] == 0.99);
  CHECK(with(R"(,"tool_choice":"none")")["tool_choice"] == "NONE");
  CHECK_FALSE(with(R"(,"tool_choice":"auto")").contains("tool_choice"));
  CHECK(with(R"(,"reasoning_effort":"high")")["thinking"] == json(R"({"type":"enabled"})"));
  CHECK(with(R"(,"response_format":{"type":"json_object"})")["response_format"] ==
        json(R"({"type":"json_object"})"));
  const char* const one =
      R"(,"tools":[{"type":"function","function":{"name":"f"}}],"tool_choice":{"type":"function","function":{"name":"f"}})";
  CHECK(with(one)["tool_choice"] == "REQUIRED");
}

TEST_CASE("what cohere cannot be told is refused by name") {
  const std::string head = R"({"model":"command-a","messages":[{"role":"user","content":"Hi"}],)";
  const std::pair<const char*, const char*> fields[] = {
      {R"("n":2)", "'n'"},
      {R"("logit_bias":{"5":1})", "'logit_bias'"},
      {R"("logprobs":true)", "'logprobs'"},
      {R"("audio":{})", "'audio'"},
      {R"("something_new":0)", "'something_new'"},
      {R"("stream":"yes")", "'stream'"},
      {R"("top_p":"x")", "'top_p'"},
      {R"("reasoning_effort":"low")", "'reasoning_effort'"},
      {R"("tools":[{"type":"custom"}])", "'tools[0].type'"},
      {R"("tool_choice":{"type":"function","function":{"name":"f"}})", "'tool_choice'"},
      {R"("tools":[{"type":"function","function":{"name":"f"}},{"type":"function","function":{"name":"g"}}],"tool_choice":{"type":"function","function":{"name":"f"}})",
       "'tool_choice'"},
      {R"("response_format":{"type":"grammar"})", "'response_format.type'"},
  };
  for (const auto& [field, named] : fields) {
    INFO(field);
    CHECK_THAT(refusal(head + field + "}"), Catch::Contains(named));
  }
  const std::pair<const char*, const char*> messages[] = {
      {R"([])", "'messages'"},
      {R"([{"role":"user","content":[]}])", "'messages[0].content'"},
      {R"([{"role":"user","content":[{"type":"input_audio","input_audio":{"data":"x","format":"wav"}}]}])",
       "'messages[0].content[0]'"},
      {R"([{"role":"user","content":[{"type":"file","file":{"file_data":"data:x/y;base64,AA=="}}]}])",
       "'messages[0].content[0]'"},
      {R"([{"role":"tool","content":"x"}])", "'messages[0].tool_call_id'"},
      {R"([{"role":"assistant","content":""}])", "'messages[0].content'"},
      {R"([{"role":"robot","content":"x"}])", "'messages[0].role'"},
      {R"([null])", "'messages[0].role'"},
  };
  for (const auto& [list, named] : messages) {
    INFO(list);
    CHECK_THAT(refusal(R"({"model":"m","messages":)" + std::string(list) + "}"), Catch::Contains(named));
  }
}

// --- the wire
// ------------------------------------------------------------------------------------------------------

TEST_CASE("where cohere is called, and with which key") {
  for (const bool stream : {false, true}) {
    WireInput input;
    input.format = Format::cohere;
    input.stream = stream;
    input.credential = "co-secret";
    input.body = "{\"a\":1}";
    const auto request = cohere::adapter().wire(std::move(input));
    REQUIRE(request);
    CHECK(request->target == "/chat");
    CHECK(request->body == "{\"a\":1}");
    const auto header = [&](std::string_view name) {
      for (const WireHeader& sent : request->headers) {
        if (sent.name == name) return sent.value;
      }
      return std::string();
    };
    CHECK(header("Authorization") == "Bearer co-secret");
    CHECK(header("Content-Type") == "application/json");
    CHECK(header("Accept") == (stream ? "text/event-stream" : "application/json"));
    CHECK(header("User-Agent").starts_with("govd/"));
  }
  WireInput input;
  input.format = Format::cohere_embeddings;
  const auto request = cohere::adapter().wire(std::move(input));
  CHECK(request->target == "/embed");
}

TEST_CASE("the row of kind cohere") {
  const Adapter& row = cohere::adapter();
  CHECK(row.kind == "cohere");
  CHECK(row.chat == Format::cohere);
  CHECK(row.embeddings == Format::cohere_embeddings);
  CHECK_FALSE(row.responses);
  CHECK(row.framing == Framing::sse);
}

// --- embeddings
// ----------------------------------------------------------------------------------------------------

TEST_CASE("embeddings as cohere takes them") {
  CHECK(
      *cohere::embeddings_from_openai(
          json(R"({"model":"embed-v4.0","input":["a","b"],"dimensions":256,"encoding_format":"float"})")) ==
      json(
          R"({"model":"embed-v4.0","texts":["a","b"],"input_type":"search_document","embedding_types":["float"],"output_dimension":256})"));
  CHECK(*cohere::embeddings_from_openai(json(R"({"model":"m","input":"a","input_type":"search_query"})")) ==
        json(R"({"model":"m","texts":["a"],"input_type":"search_query","embedding_types":["float"]})"));
  for (const char* bad :
       {R"({"model":"m","input":[1,2]})", R"({"model":"m"})", R"({"input":"a"})",
        R"({"model":"m","input":"a","input_type":7})", R"({"model":"m","input":"a","truncate":"END"})"}) {
    INFO(bad);
    const auto request = cohere::embeddings_from_openai(json(bad));
    REQUIRE_FALSE(request);
    CHECK(request.error().code == Code::invalid);
  }
}

TEST_CASE("cohere's embeddings as OpenAI says them, as numbers or base64") {
  CHECK(*cohere::embeddings_to_openai(json(samples::embeddings), identity) == json(R"({"object":"list","data":[
      {"object":"embedding","index":0,"embedding":[0.5,-1,0.25]},
      {"object":"embedding","index":1,"embedding":[1,2,3]}],"model":"cohere/command-a",
      "usage":{"prompt_tokens":2,"total_tokens":2}})"));
  AnswerIdentity base64 = identity;
  base64.base64 = true;
  CHECK((*cohere::embeddings_to_openai(json(samples::embeddings), base64))["data"][0]["embedding"] ==
        "AAAAPwAAgL8AAIA+");
  CHECK(*cohere::read_embeddings(samples::embeddings)->usage.usage == used({{input, 2}}));
  CHECK_FALSE(cohere::read_embeddings("{}")->usage.usage);
  CHECK(cohere::read_embeddings(R"({"meta":{"billed_units":{"input_tokens":-2}}})")->usage.absurd);
  for (const char* odd : {"{}", R"({"embeddings":[[1]]})", R"({"embeddings":{"float":[["x"]]}})",
                          R"({"embeddings":{"int8":[[1]]}})"}) {
    INFO(odd);
    CHECK_FALSE(cohere::embeddings_to_openai(json(odd), identity));
  }
}

// --- whatever comes
// ------------------------------------------------------------------------------------------------

TEST_CASE("no answer of cohere, however odd, does more than fail") {
  std::size_t tried = 0;
  const auto use = [&](const std::string& text) {
    ++tried;
    const auto facts = cohere::read_answer(text);
    const auto embedded = cohere::read_embeddings(text);
    const auto reader = cohere::stream_reader();
    const auto event = reader->read({"", text});
    CHECK_FALSE((reader->usage().usage && reader->usage().absurd));
    std::vector<Json> said;
    const auto chunked = chunks(identity)->event({"", text}, said);
    CHECK(facts.has_value() == event.has_value());
    if (!facts) return;
    CHECK(facts->produced_bytes >= 0);
    const Json tree = Json::parse(text);
    const auto chat = answer_to_chat(tree, identity);
    if (chat) CHECK((*chat)["choices"].size() == 1);
    const auto list = cohere::embeddings_to_openai(tree, identity);
    if (!chat && !list) CHECK_FALSE(chat.error().message.empty());
  };
  for (const std::string_view sample : {samples::answer, samples::calls, samples::error, samples::embeddings})
    tests::with_odd_values(json(sample), use);
  for (const std::string_view event : samples::call_stream) {
    if (event != "[DONE]") tests::with_odd_values(json(event), use);
  }
  CHECK(tried > 500);
}

TEST_CASE("no request for cohere, however odd, does more than be refused") {
  const auto use = [&](const std::string& text) {
    const Json tree = Json::parse(text);
    if (!tree.is_object()) return;  // a dialect has read it before
    const auto request = request_from_chat(tree);
    if (!request) CHECK(request.error().code == Code::invalid);
  };
  tests::with_odd_values(json(R"({"model":"command-a","stream":true,"messages":[
      {"role":"system","content":[{"type":"text","text":"s"}]},
      {"role":"user","content":[{"type":"image_url","image_url":{"url":"data:image/png;base64,AA==","detail":"low"}}]},
      {"role":"assistant","content":"a","reasoning_content":"p","tool_calls":[{"id":"1","type":"function","function":{"name":"f","arguments":"{}"}}]},
      {"role":"tool","tool_call_id":"1","content":"r"}],
      "tools":[{"type":"function","function":{"name":"f","parameters":{}}}],
      "tool_choice":{"type":"function","function":{"name":"f"}},"stop":["a"],"max_tokens":5,"top_p":1,"reasoning_effort":"high",
      "response_format":{"type":"json_schema","json_schema":{"schema":{}}}})"),
                         use);
}
