#include "daemon/providers/anthropic.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

using namespace govctl;
using namespace govctl::providers;
using enum domain::PriceKind;

namespace {

domain::Usage usage(std::initializer_list<std::pair<domain::PriceKind, std::int64_t>> counts) {
  domain::Usage used;
  for (const auto& [kind, count] : counts) used[kind] = count;
  return used;
}

UsageReport read(const std::string& usage_json) {
  const auto facts = anthropic::read_answer(R"({"type":"message","content":[],"usage":)" + usage_json + "}");
  REQUIRE(facts);
  return facts->usage;
}

const char* const start =
    R"({"type":"message_start","message":{"id":"m","type":"message","usage":{"input_tokens":25,"cache_read_input_tokens":7,"cache_creation_input_tokens":300,"cache_creation":{"ephemeral_5m_input_tokens":100,"ephemeral_1h_input_tokens":200},"output_tokens":1}}})";

EventFacts feed(StreamReader& reader, const std::string& data) {
  INFO(data);
  const auto facts = reader.read({"", data});
  REQUIRE(facts);
  return *facts;
}

Json parsed(const std::string& text) {
  const Json json = Json::parse(text, nullptr, false);
  REQUIRE_FALSE(json.is_discarded());
  return json;
}

Json carried(const std::string& chat) {
  INFO(chat);
  const auto request = anthropic::request_from_chat(parsed(chat));
  if (!request) FAIL(request.error().message);
  return *request;
}

// `members` beside a model and a message.
std::string chat_with(const std::string& members) {
  return R"({"model":"m","messages":[{"role":"user","content":"hi"}],)" + members + "}";
}
Json turns(const std::string& messages) {
  return carried(R"({"model":"m","messages":)" + messages + "}")["messages"];
}

std::string header(const WireRequest& request, std::string_view name) {
  std::string all;
  for (const auto& each : request.headers) {
    if (each.name == name) all += (all.empty() ? "" : "|") + each.value;
  }
  return all;
}

const AnswerIdentity identity{"req_1", "claude-x", 7};

}  // namespace

// --- usage
// -------------------------------------------------------------------------------------------------------

TEST_CASE("anthropic: usage comes out in disjoint kinds") {
  struct Row {
    const char* name;
    const char* json;
    domain::Usage used;
  };
  const Row table[] = {
      {"plain", R"({"input_tokens":9,"output_tokens":12})", usage({{input, 9}, {output, 12}})},
      {"caches stand beside the input",
       R"({"input_tokens":9,"cache_read_input_tokens":1000,"cache_creation_input_tokens":50,"output_tokens":12})",
       usage({{input, 9}, {cache_read, 1000}, {cache_write_5m, 50}, {output, 12}})},
      {"writes for 5 min and 1 h",
       R"({"input_tokens":1,"cache_creation_input_tokens":556,"cache_creation":{"ephemeral_5m_input_tokens":456,"ephemeral_1h_input_tokens":100},"output_tokens":2})",
       usage({{input, 1}, {cache_write_5m, 456}, {cache_write_1h, 100}, {output, 2}})},
      {"writes for 1 h alone",
       R"({"input_tokens":1,"cache_creation":{"ephemeral_1h_input_tokens":100},"output_tokens":2})",
       usage({{input, 1}, {cache_write_1h, 100}, {output, 2}})},
      {"a total larger than its parts",
       R"({"input_tokens":1,"cache_creation_input_tokens":70,"cache_creation":{"ephemeral_5m_input_tokens":0,"ephemeral_1h_input_tokens":20},"output_tokens":2})",
       usage({{input, 1}, {cache_write_5m, 50}, {cache_write_1h, 20}, {output, 2}})},
      {"searches", R"({"input_tokens":1,"output_tokens":2,"server_tool_use":{"web_search_requests":3}})",
       usage({{input, 1}, {output, 2}, {search, 3}})},
      {"explicit zero", R"({"input_tokens":0,"output_tokens":0})", usage({})},
      {"nulls",
       R"({"input_tokens":4,"output_tokens":2,"cache_read_input_tokens":null,"cache_creation":null,"server_tool_use":null,"service_tier":"standard"})",
       usage({{input, 4}, {output, 2}})},
      {"one figure is enough", R"({"output_tokens":4})", usage({{output, 4}})},
  };
  for (const Row& row : table) {
    INFO(row.name);
    const UsageReport report = read(row.json);
    CHECK_FALSE(report.absurd);
    REQUIRE(report.usage);
    CHECK(*report.usage == row.used);
  }
}

TEST_CASE("anthropic: absent usage is absent, not zero") {
  for (const char* json : {"null", "{}", R"({"input_tokens":null})", R"({"service_tier":"standard"})"}) {
    INFO(json);
    CHECK_FALSE(read(json).usage);
    CHECK_FALSE(read(json).absurd);
  }
}

TEST_CASE("anthropic: usage beyond reason is absurd, and no figure of it is used") {
  for (const char* json :
       {R"({"input_tokens":-1,"output_tokens":5})", R"({"input_tokens":1.5})", R"({"input_tokens":"9"})",
        R"({"output_tokens":1000000000001})", R"({"output_tokens":18446744073709551615})",
        R"({"input_tokens":1,"cache_read_input_tokens":-9223372036854775808})",
        R"({"input_tokens":1,"cache_creation":{"ephemeral_1h_input_tokens":-5}})",
        R"({"input_tokens":1,"server_tool_use":{"web_search_requests":[]}})", "[]", "7"}) {
    INFO(json);
    CHECK(read(json).absurd);
    CHECK_FALSE(read(json).usage);
  }
}

// --- answers
// -----------------------------------------------------------------------------------------------------

TEST_CASE("anthropic: a whole answer: usage, and what was produced in case there is none") {
  const auto facts = anthropic::read_answer(
      R"({"type":"message","content":[{"type":"thinking","thinking":"abc","signature":"xxxx"},{"type":"text","text":"12345"},{"type":"tool_use","id":"t","name":"f","input":{"a":1}}],"usage":{"input_tokens":3,"output_tokens":4}})");
  REQUIRE(facts);
  CHECK(*facts->usage.usage == usage({{input, 3}, {output, 4}}));
  CHECK(facts->produced_bytes == 3 + 5 + 7);
  for (const char* body :
       {"<html>", "", "{", R"({"type":"error","error":{"type":"api_error","message":"x"}})"}) {
    CHECK_FALSE(anthropic::read_answer(body).has_value());
  }
  for (const char* body : {"{}", R"({"content":null})", R"({"content":"x"})", R"({"content":[1,null,"x"]})"}) {
    const auto odd = anthropic::read_answer(body);
    REQUIRE(odd);
    CHECK(odd->produced_bytes == 0);
  }
}

TEST_CASE("anthropic: a stream is read event by event, and its later figures replace the earlier") {
  const auto reader = anthropic::stream_reader();
  CHECK_FALSE(reader->usage().usage);
  feed(*reader, R"({"type":"ping"})");
  feed(*reader, start);
  CHECK(feed(*reader, R"({"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}})")
            .produced_bytes == 0);
  CHECK(
      feed(*reader, R"({"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"12345"}})")
          .produced_bytes == 5);
  CHECK(feed(*reader,
             R"({"type":"content_block_delta","index":1,"delta":{"type":"thinking_delta","thinking":"abc"}})")
            .produced_bytes == 3);
  CHECK(
      feed(
          *reader,
          R"({"type":"content_block_delta","index":2,"delta":{"type":"input_json_delta","partial_json":"{\"a"}})")
          .produced_bytes == 4);
  CHECK(feed(*reader,
             R"({"type":"content_block_delta","index":1,"delta":{"type":"signature_delta","signature":"zz"}})")
            .produced_bytes == 0);
  CHECK(feed(*reader, R"({"type":"something_new","x":[]})").produced_bytes == 0);
  const auto facts = feed(
      *reader,
      R"({"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"input_tokens":30,"output_tokens":15}})");
  CHECK(facts.finished);
  CHECK_FALSE(facts.terminal);
  CHECK(feed(*reader, R"({"type":"message_stop"})").terminal);
  const UsageReport report = reader->usage();
  CHECK_FALSE(report.estimated);
  REQUIRE(report.usage);
  CHECK(*report.usage ==
        usage({{input, 30}, {cache_read, 7}, {cache_write_5m, 100}, {cache_write_1h, 200}, {output, 15}}));
}

TEST_CASE("anthropic: a total of cache writes that comes later keeps what is known of 1 h") {
  const auto reader = anthropic::stream_reader();
  feed(*reader, start);
  feed(*reader,
       R"({"type":"message_delta","delta":{},"usage":{"cache_creation_input_tokens":450,"output_tokens":1}})");
  CHECK((*reader->usage().usage)[cache_write_1h] == 200);
  CHECK((*reader->usage().usage)[cache_write_5m] == 250);
  feed(*reader,
       R"({"type":"message_delta","delta":{},"usage":{"cache_creation_input_tokens":0,"output_tokens":1}})");
  CHECK((*reader->usage().usage)[cache_write_1h] == 0);
  CHECK((*reader->usage().usage)[cache_write_5m] == 0);
}

TEST_CASE("anthropic: a stream cut before its last figures has its input exact and its output by what came") {
  const auto reader = anthropic::stream_reader();
  feed(*reader, start);
  CHECK((*reader->usage().usage)[output] == 1);
  feed(*reader, R"({"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"123456789"}})");
  const UsageReport report = reader->usage();
  CHECK(report.estimated);
  CHECK((*report.usage)[output] == 3);
  CHECK((*report.usage)[cache_read] == 7);
}

TEST_CASE("anthropic: one message_start, before everything but pings and errors") {
  auto reader = anthropic::stream_reader();
  feed(*reader, start);
  CHECK_FALSE(reader->read({"message_start", start}).has_value());
  reader = anthropic::stream_reader();
  CHECK_FALSE(reader->read({"", R"({"type":"message_stop"})"}).has_value());
  CHECK_FALSE(reader->read({"", R"({"type":"content_block_delta","delta":{}})"}).has_value());
  CHECK(feed(*reader, R"({"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}})").error);
}

TEST_CASE("anthropic: odd events do no harm") {
  for (const char* data : {"", "[DONE]", "[]", "{", "null"}) {
    CHECK_FALSE(anthropic::stream_reader()->read({"message_start", data}).has_value());
  }
  for (const char* data : {R"({"type":"message_start"})", R"({"type":"message_start","message":{}})"}) {
    CHECK_FALSE(feed(*anthropic::stream_reader(), data).finished);
  }
  for (const char* data : {R"({"type":7})", R"({})", R"({"type":"message_delta"})",
                           R"({"type":"message_delta","delta":7,"usage":null})",
                           R"({"type":"message_delta","delta":{"stop_reason":null}})",
                           R"({"type":"content_block_delta","delta":[]})",
                           R"({"type":"content_block_start","content_block":null})"}) {
    const auto reader = anthropic::stream_reader();
    feed(*reader, start);
    const EventFacts facts = feed(*reader, data);
    CHECK_FALSE(facts.finished);
    CHECK(facts.produced_bytes == 0);
  }
  const auto reader = anthropic::stream_reader();
  feed(*reader, start);
  feed(*reader, R"({"type":"message_delta","delta":{},"usage":{"output_tokens":-1}})");
  CHECK(reader->usage().absurd);
}

// --- sending
// -----------------------------------------------------------------------------------------------------

TEST_CASE("anthropic: what is sent") {
  const std::vector<WireHeader> passed{
      {"Anthropic-Beta", "a-1,b-2"}, {"anthropic-beta", "c-3"}, {"x-other", "no"}};
  WireInput input;
  input.format = Format::messages;
  input.stream = true;
  input.body = "{ \"as\": \"it came\" }";
  input.credential = "sk-ant-x";
  input.passed = &passed;
  const auto request = anthropic::adapter().wire(input);
  REQUIRE(request);
  CHECK(request->target == "/messages");
  CHECK(request->body == "{ \"as\": \"it came\" }");
  CHECK(header(*request, "x-api-key") == "sk-ant-x");
  CHECK(header(*request, "content-type") == "application/json");
  CHECK(header(*request, "accept") == "text/event-stream");
  CHECK(header(*request, "anthropic-version") == "2023-06-01");
  CHECK(header(*request, "user-agent") == "govd/0.1.0");
  CHECK(header(*request, "Anthropic-Beta") == "a-1,b-2");
  CHECK(header(*request, "anthropic-beta") == "c-3");
  CHECK(header(*request, "x-other").empty());
  CHECK(header(*request, "authorization").empty());

  const std::vector<WireHeader> versioned{{"anthropic-version", "2024-01-01"}};
  input.passed = &versioned;
  input.credential = {};
  input.stream = false;
  const auto own = anthropic::adapter().wire(input);
  CHECK(header(*own, "anthropic-version") == "2024-01-01");
  CHECK(header(*own, "accept") == "application/json");
  CHECK(header(*own, "x-api-key").empty());
  CHECK(anthropic::adapter().kind == "anthropic");
  CHECK_FALSE(anthropic::adapter().embeddings);
}

// --- from chat
// ---------------------------------------------------------------------------------------------------

TEST_CASE("anthropic: a chat request is carried whole") {
  const Json request = carried(
      R"({"model":"claude-x","max_completion_tokens":50,"stream":true,"stop":["a","b"],"temperature":0.5,"top_p":0.9,"user":"alice",
          "messages":[{"role":"system","content":"be brief"},{"role":"developer","content":[{"type":"text","text":"and kind"}]},
                      {"role":"user","content":[{"type":"text","text":"what is it?"},
                        {"type":"image_url","image_url":{"url":"data:image/png;base64,QUJD"}},
                        {"type":"image_url","image_url":{"url":"https://example.com/a.png"}}]}],
          "tools":[{"type":"function","function":{"name":"f","description":"d","parameters":{"type":"object"},"strict":true}},
                   {"type":"function","function":{"name":"g"}}],
          "tool_choice":"required","parallel_tool_calls":false,"reasoning_effort":"high",
          "response_format":{"type":"json_schema","json_schema":{"name":"n","schema":{"type":"object"}}},
          "stream_options":{"include_usage":true},"store":false,"n":1,"logprobs":false,"seed":null})");
  CHECK(request == parsed(R"({"model":"claude-x","max_tokens":50,"stream":true,"metadata":{"user_id":"alice"},
          "system":[{"type":"text","text":"be brief"},{"type":"text","text":"and kind"}],
          "messages":[{"role":"user","content":[{"type":"text","text":"what is it?"},
                        {"type":"image","source":{"type":"base64","media_type":"image/png","data":"QUJD"}},
                        {"type":"image","source":{"type":"url","url":"https://example.com/a.png"}}]}],
          "tools":[{"name":"f","description":"d","input_schema":{"type":"object"},"strict":true},
                   {"name":"g","input_schema":{"type":"object","properties":{}}}],
          "tool_choice":{"type":"any","disable_parallel_tool_use":true},
          "temperature":0.5,"top_p":0.9,"stop_sequences":["a","b"],
          "output_config":{"format":{"type":"json_schema","schema":{"type":"object"}},"effort":"high"}})"));
}

TEST_CASE("anthropic: tool calls and their results, consecutive turns made one") {
  CHECK(turns(R"([{"role":"user","content":"a"},{"role":"user","content":"b"},
      {"role":"assistant","content":null,"tool_calls":[
        {"id":"c1","type":"function","function":{"name":"f","arguments":"{\"x\":1}"}},
        {"id":"c2","type":"function","function":{"name":"g","arguments":""}}]},
      {"role":"tool","tool_call_id":"c1","content":"one"},
      {"role":"tool","tool_call_id":"c2","content":[{"type":"text","text":"two"}]},
      {"role":"user","content":"go on"},{"role":"assistant","content":""}])") ==
        parsed(R"([{"role":"user","content":[{"type":"text","text":"a"},{"type":"text","text":"b"}]},
      {"role":"assistant","content":[{"type":"tool_use","id":"c1","name":"f","input":{"x":1}},{"type":"tool_use","id":"c2","name":"g","input":{}}]},
      {"role":"user","content":[{"type":"tool_result","tool_use_id":"c1","content":[{"type":"text","text":"one"}]},
        {"type":"tool_result","tool_use_id":"c2","content":[{"type":"text","text":"two"}]},{"type":"text","text":"go on"}]}])"));
}

TEST_CASE("anthropic: tool choices") {
  const std::string tools = R"("tools":[{"type":"function","function":{"name":"f"}}],)";
  const auto choice = [&](const std::string& members) {
    return carried(chat_with(tools + members))["tool_choice"];
  };
  CHECK(choice(R"("tool_choice":"auto")") == parsed(R"({"type":"auto"})"));
  CHECK(choice(R"("tool_choice":"none","parallel_tool_calls":false)") == parsed(R"({"type":"none"})"));
  CHECK(choice(R"("tool_choice":{"type":"function","function":{"name":"f"}})") ==
        parsed(R"({"type":"tool","name":"f"})"));
  CHECK(choice(R"("parallel_tool_calls":false)") ==
        parsed(R"({"type":"auto","disable_parallel_tool_use":true})"));
  CHECK_FALSE(carried(chat_with(R"("parallel_tool_calls":false,"tools":[])")).contains("tool_choice"));
}

TEST_CASE("anthropic: effort, and thinking turned off") {
  CHECK(carried(chat_with(R"("reasoning_effort":"low")"))["output_config"] == parsed(R"({"effort":"low"})"));
  CHECK(carried(chat_with(R"("reasoning_effort":"none")"))["thinking"] == parsed(R"({"type":"disabled"})"));
  CHECK_FALSE(carried(chat_with(R"("response_format":{"type":"text"})")).contains("output_config"));
  CHECK_FALSE(carried(chat_with(R"("stop":"x")")).contains("max_tokens"));
}

TEST_CASE("anthropic: what cannot be carried is refused by name") {
  struct Row {
    const char* field;
    const char* members;
  };
  const Row table[] = {
      {"'n'", R"("n":2)"},
      {"'logprobs'", R"("logprobs":true)"},
      {"'top_logprobs'", R"("top_logprobs":3)"},
      {"'logit_bias'", R"("logit_bias":{"1":5})"},
      {"'seed'", R"("seed":0)"},
      {"'audio'", R"("audio":{})"},
      {"'modalities'", R"("modalities":["text","audio"])"},
      {"'store'", R"("store":true)"},
      {"'prediction'", R"("prediction":{})"},
      {"'web_search_options'", R"("web_search_options":{})"},
      {"'service_tier'", R"("service_tier":"flex")"},
      {"'frequency_penalty'", R"("frequency_penalty":0.5)"},
      {"'presence_penalty'", R"("presence_penalty":-1)"},
      {"'functions'", R"("functions":[])"},
      {"'something_new'", R"("something_new":1)"},
      {"'temperature'", R"("temperature":1.01)"},
      {"'temperature'", R"("temperature":"hot")"},
      {"'top_p'", R"("top_p":2)"},
      {"'stop'", R"("stop":[1])"},
      {"'response_format'", R"("response_format":{"type":"json_object"})"},
      {"'response_format'", R"("response_format":{"type":"json_schema"})"},
      {"'reasoning_effort'", R"("reasoning_effort":"minimal")"},
      {"'tools'", R"("tools":{})"},
      {"'tools[0]'", R"("tools":[{"type":"web_search"}])"},
      {"'tools[0]'", R"("tools":[null])"},
      {"'tools[0].function.name'", R"("tools":[{"type":"function","function":{}}])"},
      {"'tools[0].function.parameters'",
       R"("tools":[{"type":"function","function":{"name":"f","parameters":7}}])"},
      {"'tool_choice'",
       R"("tools":[{"type":"function","function":{"name":"f"}}],"tool_choice":{"type":"allowed_tools"})"},
  };
  for (const Row& row : table) {
    INFO(row.members);
    const auto request = anthropic::request_from_chat(parsed(chat_with(row.members)));
    REQUIRE_FALSE(request);
    CHECK(request.error().code == Code::invalid);
    CHECK(request.error().message.find(row.field) != std::string::npos);
  }
}

TEST_CASE("anthropic: messages that cannot be carried are named by their place") {
  struct Row {
    const char* place;
    const char* messages;
  };
  const Row table[] = {
      {"'messages'", "null"},
      {"'messages'", R"("hi")"},
      {"'messages[0].role'", "[7]"},
      {"'messages[0].role'", R"([{"role":"function","content":"x"}])"},
      {"'messages[0].content'", R"([{"role":"user","content":7}])"},
      {"'messages[0].content[0]'", R"([{"role":"user","content":[{"type":"input_audio","input_audio":{}}]}])"},
      {"'messages[0].content[0]'", R"([{"role":"user","content":[{"type":"file","file":{"file_id":"f"}}]}])"},
      {"'messages[0].content[0]'",
       R"([{"role":"user","content":[{"type":"image_url","image_url":{"url":"http://x"}}]}])"},
      {"'messages[0].content[0]'", R"([{"role":"user","content":[{"type":"text"}]}])"},
      {"'messages[0].content[0]'", R"([{"role":"user","content":[null]}])"},
      {"'messages[0].tool_calls[0]'",
       R"([{"role":"assistant","tool_calls":[{"id":"c","function":{"name":"f","arguments":"[1"}}]}])"},
      {"'messages[0].tool_calls[0]'", R"([{"role":"assistant","tool_calls":[{"id":"c","type":"custom"}]}])"},
      {"'messages[0].tool_calls'", R"([{"role":"assistant","tool_calls":"x"}])"},
      {"'messages[0].audio'", R"([{"role":"assistant","audio":{"id":"a"}}])"},
      {"'messages[0].tool_call_id'", R"([{"role":"tool","content":"x"}])"},
  };
  for (const Row& row : table) {
    INFO(row.messages);
    const auto request =
        anthropic::request_from_chat(parsed(R"({"model":"m","messages":)" + std::string(row.messages) + "}"));
    REQUIRE_FALSE(request);
    CHECK(request.error().message.find(row.place) != std::string::npos);
  }
}

TEST_CASE("anthropic: a PDF goes as a document") {
  CHECK(
      turns(
          R"([{"role":"user","content":[{"type":"file","file":{"filename":"a.pdf","file_data":"data:application/pdf;base64,QUJD"}}]}])")
          [0]["content"] ==
      parsed(
          R"([{"type":"document","source":{"type":"base64","media_type":"application/pdf","data":"QUJD"},"title":"a.pdf"}])"));
}

// --- to chat
// -----------------------------------------------------------------------------------------------------

TEST_CASE("anthropic: a whole answer in chat's terms") {
  const auto chat = anthropic::answer_to_chat(
      parsed(
          R"({"type":"message","content":[{"type":"thinking","thinking":"hm","signature":"s"},{"type":"text","text":"a"},{"type":"server_tool_use","id":"x"},{"type":"text","text":"b"},
        {"type":"tool_use","id":"t1","name":"f","input":{"x":1}}],"stop_reason":"tool_use",
        "usage":{"input_tokens":3,"cache_read_input_tokens":10,"cache_creation_input_tokens":4,"output_tokens":5}})"),
      identity);
  REQUIRE(chat);
  CHECK(*chat ==
        parsed(R"({"id":"req_1","object":"chat.completion","created":7,"model":"claude-x","choices":[{"index":0,
        "message":{"role":"assistant","content":"ab","reasoning_content":"hm","tool_calls":[{"id":"t1","type":"function","function":{"name":"f","arguments":"{\"x\":1}"}}]},
        "logprobs":null,"finish_reason":"tool_calls"}],
        "usage":{"prompt_tokens":17,"completion_tokens":5,"total_tokens":22,"prompt_tokens_details":{"cached_tokens":10}}})"));
  CHECK_FALSE(anthropic::answer_to_chat(parsed(R"({"content":"x"})"), identity).has_value());
  CHECK_FALSE(anthropic::answer_to_chat(parsed("[]"), identity).has_value());
  CHECK(anthropic::answer_to_chat(parsed(R"({"content":[null,7,{"type":3}]})"), identity).has_value());
}

TEST_CASE("anthropic: each stop reason in chat's terms") {
  const std::pair<const char*, const char*> table[] = {
      {"end_turn", "stop"},          {"stop_sequence", "stop"},
      {"max_tokens", "length"},      {"tool_use", "tool_calls"},
      {"refusal", "content_filter"}, {"pause_turn", "stop"},
      {"something_new", "stop"},     {"model_context_window_exceeded", "length"}};
  for (const auto& [said, meant] : table) {
    INFO(said);
    const auto chat =
        anthropic::answer_to_chat(Json{{"content", Json::array()}, {"stop_reason", said}}, identity);
    CHECK((*chat)["choices"][0]["finish_reason"] == meant);
    std::vector<Json> chunks;
    const auto source = anthropic::chunks(identity);
    const Json event{{"type", "message_delta"}, {"delta", {{"stop_reason", said}}}};
    REQUIRE(source->event({"", event.dump()}, chunks));
    CHECK(chunks.back()["choices"][0]["finish_reason"] == meant);
  }
}

TEST_CASE("anthropic: a stream in chat's chunks: role first, text, thinking, calls by index, the reason last") {
  const auto source = anthropic::chunks(identity);
  std::vector<Json> deltas;
  const auto event = [&](const std::string& data) {
    INFO(data);
    std::vector<Json> chunks;
    REQUIRE(source->event({"", data}, chunks));
    for (const Json& chunk : chunks) {
      CHECK(chunk["id"] == "req_1");
      CHECK(chunk["object"] == "chat.completion.chunk");
      CHECK(chunk["model"] == "claude-x");
      CHECK(chunk["created"] == 7);
      deltas.push_back(chunk["choices"][0]["delta"]);
    }
  };
  event(R"({"type":"ping"})");
  event(start);
  event(R"({"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":""}})");
  event(R"({"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"hm"}})");
  event(R"({"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":"zz"}})");
  event(R"({"type":"content_block_stop","index":0})");
  event(R"({"type":"content_block_delta","index":1,"delta":{"type":"text_delta","text":"hi"}})");
  event(
      R"({"type":"content_block_start","index":2,"content_block":{"type":"tool_use","id":"t1","name":"f","input":{}}})");
  event(R"({"type":"content_block_delta","index":2,"delta":{"type":"input_json_delta","partial_json":""}})");
  event(
      R"({"type":"content_block_delta","index":2,"delta":{"type":"input_json_delta","partial_json":"{\"x\""}})");
  event(R"({"type":"content_block_delta","index":2,"delta":{"type":"input_json_delta","partial_json":":1}"}})");
  event(R"({"type":"content_block_stop","index":2})");
  event(
      R"({"type":"content_block_start","index":3,"content_block":{"type":"tool_use","id":"t2","name":"g","input":{}}})");
  event(R"({"type":"content_block_stop","index":3})");
  event(R"({"type":"message_delta","delta":{"stop_reason":"tool_use"},"usage":{"output_tokens":9}})");
  event(R"({"type":"message_stop"})");
  const char* const expected[] = {
      R"({"role":"assistant","content":""})",
      R"({"reasoning_content":"hm"})",
      R"({"content":"hi"})",
      R"({"tool_calls":[{"index":0,"id":"t1","type":"function","function":{"name":"f","arguments":""}}]})",
      R"({"tool_calls":[{"index":0,"function":{"arguments":"{\"x\""}}]})",
      R"({"tool_calls":[{"index":0,"function":{"arguments":":1}"}}]})",
      R"({"tool_calls":[{"index":1,"id":"t2","type":"function","function":{"name":"g","arguments":""}}]})",
      R"({"tool_calls":[{"index":1,"function":{"arguments":"{}"}}]})",
      "{}",
  };
  REQUIRE(deltas.size() == std::size(expected));
  for (std::size_t i = 0; i < deltas.size(); ++i) CHECK(deltas[i] == parsed(expected[i]));
}

TEST_CASE("anthropic: odd events make no chunks and do no harm") {
  const auto source = anthropic::chunks(identity);
  std::vector<Json> chunks;
  for (
      const char* data :
      {R"({"type":"content_block_delta"})", R"({"type":"content_block_delta","delta":7})", R"({"type":null})",
       R"({"type":"content_block_stop","index":"x"})",
       R"({"type":"message_delta","delta":{"stop_reason":null}})",
       R"({"type":"content_block_delta","index":9,"delta":{"type":"input_json_delta","partial_json":"{}"}})"}) {
    REQUIRE(source->event({"", data}, chunks));
  }
  CHECK(chunks.empty());
  CHECK_FALSE(source->event({"", "[DONE]"}, chunks).has_value());
}
