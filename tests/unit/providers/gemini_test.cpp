#include "daemon/providers/gemini.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "tests/unit/providers/gemini_samples.h"
#include "tests/unit/providers/odd_values.h"

using namespace govctl;
using namespace govctl::providers;
using namespace govctl::providers::gemini;
using enum domain::PriceKind;
namespace samples = govctl::tests::gemini;

namespace {

const AnswerIdentity identity{"req_7", "google/gemini", 1700000000};

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

}  // namespace

// --- usage
// ---------------------------------------------------------------------------------------------------------

TEST_CASE("gemini's usage comes out in disjoint kinds") {
  struct Row {
    const char* name;
    const char* metadata;
    domain::Usage usage;
  };
  const Row table[] = {
      {"plain", R"({"promptTokenCount":8,"candidatesTokenCount":12,"totalTokenCount":20})",
       used({{input, 8}, {output, 12}})},
      {"the prompt includes what was cached",
       R"({"promptTokenCount":100,"cachedContentTokenCount":64,"candidatesTokenCount":5,"totalTokenCount":105})",
       used({{input, 36}, {cache_read, 64}, {output, 5}})},
      {"thoughts stand beside the candidates",
       R"({"promptTokenCount":27,"candidatesTokenCount":6,"thoughtsTokenCount":194,"totalTokenCount":227})",
       used({{input, 27}, {output, 6}, {reasoning, 194}})},
      {"beside, where no total is told",
       R"({"promptTokenCount":1,"candidatesTokenCount":9,"thoughtsTokenCount":4})",
       used({{input, 1}, {output, 9}, {reasoning, 4}})},
      {"a total without the thoughts: they are inside",
       R"({"promptTokenCount":27,"candidatesTokenCount":200,"thoughtsTokenCount":194,"totalTokenCount":227})",
       used({{input, 27}, {output, 6}, {reasoning, 194}})},
      {"what tools put into the prompt",
       R"({"promptTokenCount":10,"toolUsePromptTokenCount":7,"candidatesTokenCount":3,"thoughtsTokenCount":2,"totalTokenCount":22})",
       used({{input, 17}, {output, 3}, {reasoning, 2}})},
      {"audio in and out",
       R"({"promptTokenCount":100,"candidatesTokenCount":50,"totalTokenCount":150,
           "promptTokensDetails":[{"modality":"TEXT","tokenCount":40},{"modality":"AUDIO","tokenCount":60}],
           "candidatesTokensDetails":[{"modality":"AUDIO","tokenCount":30},{"modality":"TEXT","tokenCount":20}]})",
       used({{input, 40}, {audio_in, 60}, {output, 20}, {audio_out, 30}})},
      {"audio from the cache is cached",
       R"({"promptTokenCount":100,"cachedContentTokenCount":50,"candidatesTokenCount":1,
           "promptTokensDetails":[{"modality":"AUDIO","tokenCount":60}],
           "cacheTokensDetails":[{"modality":"AUDIO","tokenCount":45}]})",
       used({{input, 35}, {cache_read, 50}, {audio_in, 15}, {output, 1}})},
      {"audio and cache, nobody says how they meet",
       R"({"promptTokenCount":100,"cachedContentTokenCount":80,"candidatesTokenCount":1,
           "promptTokensDetails":[{"modality":"AUDIO","tokenCount":60}]})",
       used({{cache_read, 80}, {audio_in, 20}, {output, 1}})},
      {"zero counts are left out", R"({"promptTokenCount":5,"totalTokenCount":5})", used({{input, 5}})},
      {"explicit zero", R"({"promptTokenCount":0,"candidatesTokenCount":0,"totalTokenCount":0})", used({})},
      {"null and odd details",
       R"({"promptTokenCount":4,"candidatesTokenCount":2,"thoughtsTokenCount":null,"promptTokensDetails":[1,{"modality":7},null],"cacheTokensDetails":"x"})",
       used({{input, 4}, {output, 2}})},
  };
  for (const Row& row : table) {
    INFO(row.name);
    const UsageReport report = read_usage(json(row.metadata));
    CHECK_FALSE(report.absurd);
    REQUIRE(report.usage);
    CHECK(*report.usage == row.usage);
  }
}

TEST_CASE("gemini's usage that is not there is absent, and beyond reason absurd") {
  for (const char* metadata : {"null", "{}", R"({"totalTokenCount":7})", R"({"promptTokenCount":null})"}) {
    INFO(metadata);
    CHECK_FALSE(read_usage(json(metadata)).usage);
    CHECK_FALSE(read_usage(json(metadata)).absurd);
  }
  for (const char* metadata :
       {"[]", "7", R"({"promptTokenCount":-1})", R"({"promptTokenCount":1.5})", R"({"promptTokenCount":"9"})",
        R"({"promptTokenCount":1e30})", R"({"promptTokenCount":18446744073709551615})",
        R"({"promptTokenCount":1000000000001})", R"({"promptTokenCount":10,"cachedContentTokenCount":11})",
        R"({"promptTokenCount":10,"thoughtsTokenCount":-9223372036854775808})",
        R"({"promptTokenCount":10,"promptTokensDetails":[{"modality":"AUDIO","tokenCount":11}]})",
        R"({"promptTokenCount":10,"promptTokensDetails":[{"modality":"AUDIO","tokenCount":-1}]})",
        R"({"promptTokenCount":10,"cacheTokensDetails":[{"modality":"AUDIO","tokenCount":1}]})",
        R"({"candidatesTokenCount":10,"candidatesTokensDetails":[{"modality":"AUDIO","tokenCount":11}]})"}) {
    INFO(metadata);
    CHECK_FALSE(read_usage(json(metadata)).usage);
    CHECK(read_usage(json(metadata)).absurd);
  }
}

TEST_CASE("a whole answer of gemini: usage, and what was produced") {
  const auto text = gemini::read_answer(samples::answer);
  REQUIRE(text);
  CHECK(*text->usage.usage == used({{input, 8}, {output, 12}}));
  CHECK(text->produced_bytes == 29);
  const auto calls = gemini::read_answer(samples::calls);
  REQUIRE(calls);
  CHECK(*calls->usage.usage == used({{input, 60}, {output, 24}, {reasoning, 100}}));
  CHECK(calls->produced_bytes == 16 + 17);  // {"city":"Paris"} and {"city":"London"}
  CHECK(*gemini::read_answer(samples::blocked)->usage.usage == used({{input, 5}}));
  for (const char* odd :
       {R"({"candidates":7})", R"({"candidates":[1,null,{"content":[]},{"content":{"parts":[3]}}]})"})
    CHECK(gemini::read_answer(odd)->produced_bytes == 0);
  for (const char* none : {"", "<html>", "[]", "{", "{\"a\":\"\xff\"}"}) CHECK_FALSE(gemini::read_answer(none));
}

// --- streams
// -------------------------------------------------------------------------------------------------------

TEST_CASE("gemini's usage of a stream is the last that was told") {
  const auto reader = gemini::stream_reader();
  CHECK_FALSE(reader->usage().usage);
  const auto first = reader->read({"", samples::stream[0]});
  REQUIRE(first);
  CHECK(first->produced_bytes == 11);
  CHECK_FALSE(first->finished);
  // Cut here, nobody has said what came out.
  CHECK_FALSE(reader->usage().usage);
  REQUIRE(reader->read({"", samples::stream[1]}));
  CHECK(*reader->usage().usage == used({{input, 8}, {output, 2}, {reasoning, 40}}));
  const auto last = reader->read({"", samples::stream[2]});
  REQUIRE(last);
  CHECK(last->finished);
  CHECK_FALSE(last->terminal);
  CHECK_FALSE(last->error);
  CHECK(*reader->usage().usage == used({{input, 8}, {output, 6}, {reasoning, 40}}));
}

TEST_CASE("a stream of gemini is whole when no candidate is unfinished, or the prompt was blocked") {
  const auto reader = gemini::stream_reader();
  CHECK_FALSE(reader->read({"", R"({"candidates":[{"index":0},{"index":1}]})"})->finished);
  CHECK_FALSE(reader->read({"", R"({"candidates":[{"index":1,"finishReason":"STOP"}]})"})->finished);
  CHECK_FALSE(reader->read({"", R"({"candidates":[{"index":0,"finishReason":null}]})"})->finished);
  CHECK(reader->read({"", R"({"candidates":[{"finishReason":"SAFETY"}]})"})->finished);
  CHECK(gemini::stream_reader()->read({"", samples::blocked})->finished);
  CHECK_FALSE(gemini::stream_reader()->read({"", R"({"usageMetadata":{"promptTokenCount":5}})"})->finished);
}

TEST_CASE("gemini's error in a stream, and what is no event") {
  const auto reader = gemini::stream_reader();
  const auto error = reader->read({"", samples::error});
  REQUIRE(error);
  CHECK(error->error);
  CHECK_FALSE(error->finished);
  CHECK_FALSE(reader->read({"", "[DONE]"}));
  CHECK_FALSE(reader->read({"", ""}));
  CHECK(reader->read({"", R"({"unknown":1})"}));
  REQUIRE(reader->read({"", R"({"usageMetadata":{"promptTokenCount":-1}})"}));
  CHECK(reader->usage().absurd);
}

TEST_CASE("gemini's stream becomes chat chunks") {
  const auto said = chunks_of(samples::stream, 3);
  REQUIRE(said.size() == 5);
  CHECK(said[0] ==
        json(R"({"id":"req_7","object":"chat.completion.chunk","created":1700000000,"model":"google/gemini",
    "choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}]})"));
  CHECK(said[1]["choices"][0]["delta"] == json(R"({"reasoning_content":"Let me see."})"));
  CHECK(said[2]["choices"][0]["delta"] == json(R"({"content":"AI learns"})"));
  CHECK(said[3]["choices"][0]["delta"] == json(R"({"content":" from data."})"));
  CHECK(said[4]["choices"][0] == json(R"({"index":0,"delta":{},"finish_reason":"stop"})"));
}

TEST_CASE("a gemini stream that is cut at any event has no finish_reason before its end") {
  for (std::size_t events = 0; events < samples::stream.size(); ++events) {
    for (const Json& chunk : chunks_of(samples::stream, events)) {
      CHECK(chunk["choices"][0]["finish_reason"].is_null());
      CHECK_FALSE(chunk.contains("usage"));
    }
  }
}

TEST_CASE("gemini's calls in a stream keep their signature and end with tool_calls") {
  const auto said = chunks_of(samples::call_stream, 2);
  REQUIRE(said.size() == 3);
  CHECK(said[1]["choices"][0]["delta"] ==
        json(R"({"tool_calls":[{"index":0,"id":"call_req_7_0","type":"function",
          "function":{"name":"get_weather","arguments":"{\"city\":\"Paris\"}"},
          "extra_content":{"google":{"thought_signature":"c2lnLUE="}}}]})"));
  CHECK(said[2]["choices"][0]["finish_reason"] == "tool_calls");
}

TEST_CASE("calls in several events of gemini are numbered through; a text's signature goes with it") {
  const auto said = chunks_of(
      {R"({"candidates":[{"content":{"parts":[{"functionCall":{"name":"f"}},{"functionCall":{"name":"g","args":{"a":1}}}]}}]})",
       R"({"candidates":[{"content":{"parts":[{"functionCall":{"id":"fc-9","name":"h","args":[]}}]}}]})",
       R"({"candidates":[{"content":{"parts":[{"text":"","thoughtSignature":"eA=="}]},"finishReason":"STOP"}]})"},
      3);
  REQUIRE(said.size() == 6);
  const auto call = [&](std::size_t chunk) { return said[chunk]["choices"][0]["delta"]["tool_calls"][0]; };
  CHECK(call(1) ==
        json(R"({"index":0,"id":"call_req_7_0","type":"function","function":{"name":"f","arguments":"{}"}})"));
  CHECK(call(2)["id"] == "call_req_7_1");
  CHECK(call(2)["index"] == 1);
  CHECK(call(3)["id"] == "fc-9");
  CHECK(call(3)["index"] == 2);
  CHECK(said[4]["choices"][0]["delta"] ==
        json(R"({"content":"","extra_content":{"google":{"thought_signature":"eA=="}}})"));
}

TEST_CASE("gemini's chunks: two candidates, a blocked prompt, odd and failed streams") {
  const auto two =
      chunks_of({R"({"candidates":[{"index":0,"content":{"parts":[{"text":"a"}]},"finishReason":"STOP"},
                                                 {"index":1,"content":{"parts":[{"text":"b"}]},"finishReason":"MAX_TOKENS"}]})"},
                1);
  REQUIRE(two.size() == 6);
  CHECK(two[2]["choices"][0]["finish_reason"] == "stop");
  CHECK(two[5]["choices"][0] == json(R"({"index":1,"delta":{},"finish_reason":"length"})"));

  const auto blocked = chunks_of({samples::blocked, samples::blocked}, 2);
  REQUIRE(blocked.size() == 2);
  CHECK(blocked[1]["choices"][0]["finish_reason"] == "content_filter");

  CHECK(chunks_of({R"({})", R"({"candidates":{}})", R"({"usageMetadata":null})"}, 3).empty());
  // A second end is none.
  CHECK(chunks_of(
            {R"({"candidates":[{"finishReason":"STOP"}]})", R"({"candidates":[{"finishReason":"STOP"}]})"}, 2)
            .size() == 2);
  std::vector<Json> none;
  const auto failed = chunks(identity)->event({"", samples::error}, none);
  REQUIRE_FALSE(failed);
  CHECK(failed.error().code == Code::upstream_failed);
  CHECK(failed.error().message.find("API key") == std::string::npos);
  CHECK_FALSE(chunks(identity)->event({"", "nonsense"}, none));
}

// --- whole answers
// -------------------------------------------------------------------------------------------------

TEST_CASE("gemini's answer becomes a chat completion") {
  const auto chat = answer_to_chat(json(samples::answer), identity);
  REQUIRE(chat);
  CHECK(*chat == json(R"({"id":"req_7","object":"chat.completion","created":1700000000,"model":"google/gemini",
    "choices":[{"index":0,"message":{"role":"assistant","content":"AI learns patterns from data."},"logprobs":null,"finish_reason":"stop"}],
    "usage":{"prompt_tokens":8,"completion_tokens":12,"total_tokens":20,
      "prompt_tokens_details":{"cached_tokens":0,"audio_tokens":0},
      "completion_tokens_details":{"reasoning_tokens":0,"audio_tokens":0}}})"));
}

TEST_CASE("gemini's calls become tool_calls, and their usage counts thoughts as completion") {
  const auto chat = answer_to_chat(json(samples::calls), identity);
  REQUIRE(chat);
  CHECK((*chat)["choices"][0] == json(R"({"index":0,"message":{"role":"assistant","content":null,"tool_calls":[
      {"id":"call_req_7_0","type":"function","function":{"name":"get_weather","arguments":"{\"city\":\"Paris\"}"},
       "extra_content":{"google":{"thought_signature":"c2lnLUE="}}},
      {"id":"call_req_7_1","type":"function","function":{"name":"get_weather","arguments":"{\"city\":\"London\"}"}}]},
    "logprobs":null,"finish_reason":"tool_calls"})"));
  CHECK((*chat)["usage"]["completion_tokens"] == 124);
  CHECK((*chat)["usage"]["completion_tokens_details"]["reasoning_tokens"] == 100);
}

TEST_CASE("why gemini stopped") {
  const std::pair<const char*, const char*> table[] = {
      {"STOP", "stop"},
      {"MAX_TOKENS", "length"},
      {"SAFETY", "content_filter"},
      {"RECITATION", "content_filter"},
      {"BLOCKLIST", "content_filter"},
      {"PROHIBITED_CONTENT", "content_filter"},
      {"SPII", "content_filter"},
      {"MALFORMED_FUNCTION_CALL", "content_filter"},
      {"SOMETHING_NEW", "content_filter"},
  };
  for (const auto& [theirs, ours] : table) {
    INFO(theirs);
    const Json answer{{"candidates", Json::array({Json{{"finishReason", theirs}, {"index", 0}}})}};
    CHECK((*answer_to_chat(answer, identity))["choices"][0]["finish_reason"] == ours);
  }
  const auto blocked = answer_to_chat(json(samples::blocked), identity);
  REQUIRE(blocked);
  CHECK((*blocked)["choices"][0]["finish_reason"] == "content_filter");
  CHECK((*blocked)["choices"][0]["message"]["content"] == "");
}

TEST_CASE("an answer of gemini without an answer in it has failed") {
  for (const char* odd : {"{}", R"({"candidates":[]})", R"({"candidates":"x"})", R"({"error":{}})"}) {
    INFO(odd);
    const auto chat = answer_to_chat(json(odd), identity);
    REQUIRE_FALSE(chat);
    CHECK(chat.error().code == Code::upstream_failed);
  }
  // Parts that chat has no word for are left out; usage that is absurd is not told.
  const auto chat = answer_to_chat(
      json(
          R"({"candidates":[{"content":{"parts":[{"inlineData":{}},7,{"text":"a"},{"executableCode":{}},{"text":3}]},"finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":-1}})"),
      identity);
  REQUIRE(chat);
  CHECK((*chat)["choices"][0]["message"]["content"] == "a");
  CHECK_FALSE(chat->contains("usage"));
}

// --- requests
// ------------------------------------------------------------------------------------------------------

TEST_CASE("a whole chat request as gemini takes it") {
  const auto request = request_from_chat(json(R"({
    "model":"gemini-3-flash-preview","stream":true,"stream_options":{"include_usage":true},"user":"u-1",
    "messages":[
      {"role":"system","content":"Be brief."},
      {"role":"developer","content":[{"type":"text","text":"In French."}]},
      {"role":"user","content":[{"type":"text","text":"What is this?"},
        {"type":"image_url","image_url":{"url":"data:image/png;base64,iVBORw0=","detail":"low"}},
        {"type":"image_url","image_url":{"url":"https://example.com/a.jpg"}},
        {"type":"input_audio","input_audio":{"data":"UklGRg==","format":"wav"}},
        {"type":"file","file":{"file_data":"data:application/pdf;base64,JVBERi0="}}]},
      {"role":"assistant","content":null,"refusal":null,"annotations":[],"tool_calls":[
        {"id":"c1","type":"function","function":{"name":"look","arguments":"{\"at\":\"a\"}"},"extra_content":{"google":{"thought_signature":"c2ln"}}},
        {"id":"c2","type":"function","function":{"name":"read","arguments":""}}]},
      {"role":"tool","tool_call_id":"c2","content":"two"},
      {"role":"tool","tool_call_id":"c1","content":[{"type":"text","text":"on"},{"type":"text","text":"e"}]},
      {"role":"assistant","content":"A cat.","reasoning_content":"hm","extra_content":{"google":{"thought_signature":"dHh0"}}},
      {"role":"user","content":"Thanks"}],
    "tools":[{"type":"function","function":{"name":"look","description":"Looks","strict":true,
        "parameters":{"type":"object","properties":{"at":{"type":"string"}},"additionalProperties":false}}},
      {"type":"function","function":{"name":"read"}}],
    "tool_choice":"required","parallel_tool_calls":true,
    "max_completion_tokens":300,"temperature":0.5,"top_p":0.9,"top_k":40,"n":2,"seed":7,
    "presence_penalty":0.1,"frequency_penalty":0.2,"stop":"END","reasoning_effort":"low",
    "response_format":{"type":"json_schema","json_schema":{"name":"n","schema":{"type":"object"}}}})"));
  REQUIRE(request);
  CHECK(*request == json(R"({
    "systemInstruction":{"parts":[{"text":"Be brief."},{"text":"In French."}]},
    "contents":[
      {"role":"user","parts":[{"text":"What is this?"},
        {"inlineData":{"mimeType":"image/png","data":"iVBORw0="}},
        {"fileData":{"fileUri":"https://example.com/a.jpg"}},
        {"inlineData":{"mimeType":"audio/wav","data":"UklGRg=="}},
        {"inlineData":{"mimeType":"application/pdf","data":"JVBERi0="}}]},
      {"role":"model","parts":[
        {"functionCall":{"id":"c1","name":"look","args":{"at":"a"}},"thoughtSignature":"c2ln"},
        {"functionCall":{"id":"c2","name":"read","args":{}}}]},
      {"role":"user","parts":[
        {"functionResponse":{"id":"c2","name":"read","response":{"output":"two"}}},
        {"functionResponse":{"id":"c1","name":"look","response":{"output":"one"}}}]},
      {"role":"model","parts":[{"text":"A cat.","thoughtSignature":"dHh0"}]},
      {"role":"user","parts":[{"text":"Thanks"}]}],
    "tools":[{"functionDeclarations":[
      {"name":"look","description":"Looks","parametersJsonSchema":{"type":"object","properties":{"at":{"type":"string"}},"additionalProperties":false}},
      {"name":"read"}]}],
    "toolConfig":{"functionCallingConfig":{"mode":"ANY"}},
    "generationConfig":{"maxOutputTokens":300,"temperature":0.5,"topP":0.9,"topK":40,"candidateCount":2,"seed":7,
      "presencePenalty":0.1,"frequencyPenalty":0.2,"stopSequences":["END"],"responseMimeType":"application/json",
      "responseJsonSchema":{"type":"object"},"thinkingConfig":{"thinkingLevel":"low"}}})"));
}

TEST_CASE("the least request of gemini holds nothing that was not asked for") {
  CHECK(request_from_chat(json(R"({"model":"gemini-2.5-pro","messages":[{"role":"user","content":"Hi"}],
      "n":1,"temperature":null,"store":false,"logprobs":false,"tools":null,"response_format":{"type":"text"}})"))
            ->dump() ==
        R"({"contents":[{"role":"user","parts":[{"text":"Hi"}]}],"generationConfig":{"candidateCount":1}})");
}

TEST_CASE("a signature that a client lost is made up for where gemini insists on one") {
  const auto first_signature = [](const std::string& model) {
    Json chat = json(R"({"messages":[{"role":"user","content":"Hi"},{"role":"assistant","tool_calls":[
        {"id":"1","type":"function","function":{"name":"f","arguments":"{}"}},
        {"id":"2","type":"function","function":{"name":"f","arguments":"{}"}}]},
        {"role":"tool","tool_call_id":"1","content":""},{"role":"tool","tool_call_id":"2","content":""}]})");
    chat["model"] = model;
    const auto request = request_from_chat(chat);
    REQUIRE(request);
    const Json& parts = (*request)["contents"][1]["parts"];
    CHECK_FALSE(parts[1].contains("thoughtSignature"));
    return parts[0].value("thoughtSignature", "");
  };
  for (const char* model :
       {"gemini-3-pro-preview", "gemini-3.1-pro", "models/gemini-3-flash", "gemini-flash-latest"})
    CHECK(first_signature(model) == "skip_thought_signature_validator");
  for (const char* model : {"gemini-2.5-pro", "gemini-2.0-flash", "gemma-3-27b-it", "gemini-"})
    CHECK(first_signature(model).empty());
}

TEST_CASE("each turn's results of tools stand together, in a content of their own") {
  const auto request =
      request_from_chat(json(R"({"model":"gemini-2.5-pro","messages":[{"role":"user","content":"Hi"},
      {"role":"assistant","tool_calls":[{"id":"1","function":{"name":"f","arguments":"{}"}}]},
      {"role":"tool","tool_call_id":"1","content":"a"},
      {"role":"assistant","tool_calls":[{"id":"2","function":{"name":"g","arguments":"{}"}}]},
      {"role":"tool","tool_call_id":"2","content":"b"},
      {"role":"tool","tool_call_id":"1","content":"c"},
      {"role":"user","content":"So?"}]})"));
  REQUIRE(request);
  const Json& contents = (*request)["contents"];
  REQUIRE(contents.size() == 6);
  CHECK(
      contents[2] ==
      json(
          R"({"role":"user","parts":[{"functionResponse":{"id":"1","name":"f","response":{"output":"a"}}}]})"));
  CHECK(contents[4] ==
        json(R"({"role":"user","parts":[{"functionResponse":{"id":"2","name":"g","response":{"output":"b"}}},
      {"functionResponse":{"id":"1","name":"f","response":{"output":"c"}}}]})"));
  CHECK(contents[5]["parts"][0]["text"] == "So?");
}

TEST_CASE("arguments that nest without end are refused, and so is such an answer of gemini") {
  std::string deep;
  for (int i = 0; i < 200; ++i) deep += R"({"a":)";
  deep += "1" + std::string(200, '}');
  Json chat = json(
      R"({"model":"gemini-2.5-pro","messages":[{"role":"assistant","tool_calls":[{"id":"1","function":{"name":"f"}}]}]})");
  chat["messages"][0]["tool_calls"][0]["function"]["arguments"] = deep;
  CHECK_FALSE(request_from_chat(chat));
  CHECK_FALSE(gemini::read_answer(deep));
  CHECK_FALSE(gemini::stream_reader()->read({"", deep}));
}

TEST_CASE("tool choice and response format as gemini says them") {
  const auto with = [](const std::string& more) {
    return *request_from_chat(
        json(R"({"model":"gemini-2.5-pro","messages":[{"role":"user","content":"Hi"}],)" + more + "}"));
  };
  CHECK(with(R"("tool_choice":"auto")")["toolConfig"] == json(R"({"functionCallingConfig":{"mode":"AUTO"}})"));
  CHECK(with(R"("tool_choice":"none")")["toolConfig"] == json(R"({"functionCallingConfig":{"mode":"NONE"}})"));
  CHECK(with(R"("tool_choice":{"type":"function","function":{"name":"f"}})")["toolConfig"] ==
        json(R"({"functionCallingConfig":{"mode":"ANY","allowedFunctionNames":["f"]}})"));
  CHECK(with(R"("response_format":{"type":"json_object"})")["generationConfig"] ==
        json(R"({"responseMimeType":"application/json"})"));
  CHECK(with(R"("stop":["a","b"],"max_tokens":9)")["generationConfig"] ==
        json(R"({"maxOutputTokens":9,"stopSequences":["a","b"]})"));
}

TEST_CASE("how hard gemini shall think") {
  const auto thinking = [](const std::string& model, const std::string& effort) {
    const auto request = request_from_chat(Json{{"model", model},
                                                {"messages", json(R"([{"role":"user","content":"Hi"}])")},
                                                {"reasoning_effort", effort}});
    return request ? (*request)["generationConfig"]["thinkingConfig"].dump() : std::string("refused");
  };
  CHECK(thinking("gemini-2.5-flash", "none") == R"({"thinkingBudget":0})");
  CHECK(thinking("gemini-2.5-flash", "minimal") == R"({"thinkingBudget":1024})");
  CHECK(thinking("gemini-2.5-flash", "low") == R"({"thinkingBudget":1024})");
  CHECK(thinking("gemini-2.5-pro", "medium") == R"({"thinkingBudget":8192})");
  CHECK(thinking("gemini-2.5-pro", "high") == R"({"thinkingBudget":24576})");
  CHECK(thinking("gemini-3-flash", "minimal") == R"({"thinkingLevel":"minimal"})");
  CHECK(thinking("gemini-3-pro", "minimal") == R"({"thinkingLevel":"low"})");
  CHECK(thinking("gemini-3-pro", "high") == R"({"thinkingLevel":"high"})");
  CHECK(thinking("gemini-2.5-pro", "none") == "refused");
  CHECK(thinking("gemini-3-flash", "none") == "refused");
  CHECK(thinking("gemini-3-flash", "xhigh") == "refused");
  CHECK(thinking("gemma-3-27b-it", "low") == "refused");
}

TEST_CASE("what gemini cannot be told is refused by name") {
  const std::string head = R"({"model":"gemini-2.5-pro","messages":[{"role":"user","content":"Hi"}],)";
  const std::pair<const char*, const char*> fields[] = {
      {R"("logit_bias":{"5":1})", "'logit_bias'"},
      {R"("logprobs":true)", "'logprobs'"},
      {R"("modalities":["text","audio"])", "'modalities'"},
      {R"("prediction":{})", "'prediction'"},
      {R"("web_search_options":{})", "'web_search_options'"},
      {R"("functions":[])", "'functions'"},
      {R"("store":true)", "'store'"},
      {R"("service_tier":"flex")", "'service_tier'"},
      {R"("something_new":0)", "'something_new'"},
      {R"("temperature":"hot")", "'temperature'"},
      {R"("max_tokens":[])", "'max_tokens'"},
      {R"("stop":[1])", "'stop'"},
      {R"("tools":{})", "'tools'"},
      {R"("tools":[{"type":"web_search"}])", "'tools[0].type'"},
      {R"("tools":[{"type":"function","function":{"name":"f","parameters":[]}}])",
       "'tools[0].function.parameters'"},
      {R"("tool_choice":{"type":"allowed_tools"})", "'tool_choice'"},
      {R"("response_format":{"type":"grammar"})", "'response_format.type'"},
      {R"("response_format":{"type":"json_schema"})", "'response_format.json_schema.schema'"},
      {R"("reasoning_effort":1)", "'reasoning_effort'"},
  };
  for (const auto& [field, named] : fields) {
    INFO(field);
    CHECK_THAT(refusal(head + field + "}"), Catch::Contains(named));
  }
}

TEST_CASE("a message that gemini cannot be told is refused by name") {
  const std::pair<const char*, const char*> table[] = {
      {R"(7)", "'messages[0].role'"},
      {R"({"role":"function","content":"x"})", "'messages[0].role'"},
      {R"({"role":"user"})", "'messages[0].content'"},
      {R"({"role":"user","content":7})", "'messages[0].content'"},
      {R"({"role":"user","content":"x","name":"Ann"})", "'messages[0].name'"},
      {R"({"role":"user","content":[{"type":"video"}]})", "'messages[0].content[0].type'"},
      {R"({"role":"user","content":[{"text":"x"}]})", "'messages[0].content[0].type'"},
      {R"({"role":"user","content":[{"type":"text"}]})", "'messages[0].content[0].text'"},
      {R"({"role":"user","content":[{"type":"image_url","image_url":"x"}]})", "'messages[0].content[0].url'"},
      {R"({"role":"user","content":[{"type":"image_url","image_url":{"url":"http://10.0.0.1/"}}]})",
       "'messages[0].content[0]'"},
      {R"({"role":"user","content":[{"type":"image_url","image_url":{"url":"data:image/png,raw"}}]})",
       "'messages[0].content[0]'"},
      {R"({"role":"user","content":[{"type":"file","file":{"file_id":"f"}}]})",
       "'messages[0].content[0].file_data'"},
      {R"({"role":"user","content":[{"type":"input_audio","input_audio":{"data":"x","format":"ogg"}}]})",
       "format"},
      {R"({"role":"system","content":[{"type":"image_url","image_url":{"url":"https://x/"}}]})",
       "'messages[0].content'"},
      {R"({"role":"system","content":"only"})", "'messages'"},
      {R"({"role":"assistant"})", "'messages[0].content'"},
      {R"({"role":"assistant","content":"x","audio":{"id":"a"}})", "'messages[0].audio'"},
      {R"({"role":"assistant","tool_calls":7})", "'messages[0].tool_calls'"},
      {R"({"role":"assistant","tool_calls":[{"id":"1"}]})", "'messages[0].tool_calls[0].function'"},
      {R"({"role":"assistant","tool_calls":[{"id":"1","function":{"name":"f","arguments":"not json"}}]})",
       "'messages[0].tool_calls[0].function.arguments'"},
      {R"({"role":"assistant","tool_calls":[{"id":"1","function":{"name":"f","arguments":"[1]"}}]})",
       "'messages[0].tool_calls[0].function.arguments'"},
      {R"({"role":"tool","content":"x"})", "'messages[0].tool_call_id'"},
      {R"({"role":"tool","tool_call_id":"never","content":"x"})", "'messages[0].tool_call_id'"},
  };
  for (const auto& [message, named] : table) {
    INFO(message);
    CHECK_THAT(refusal(R"({"model":"gemini-2.5-pro","messages":[)" + std::string(message) + "]}"),
               Catch::Contains(named));
  }
  CHECK_THAT(refusal(R"({"model":"m"})"), Catch::Contains("'messages'"));
  CHECK_THAT(refusal(R"({"messages":[]})"), Catch::Contains("'model'"));
  CHECK_THAT(refusal(R"({"model":"m","messages":[]})"), Catch::Contains("'messages'"));
}

// --- the wire
// ------------------------------------------------------------------------------------------------------

TEST_CASE("where gemini is called, and the key only in its header") {
  const auto target = [](Format format, std::string_view model, bool stream) {
    WireInput input;
    input.format = format;
    input.model = model;
    input.stream = stream;
    input.credential = "AIza-secret";
    input.body = "{\"a\":1}";
    const auto request = gemini::adapter().wire(std::move(input));
    REQUIRE(request);
    CHECK(request->body == "{\"a\":1}");
    CHECK(request->target.find("AIza") == std::string::npos);
    const auto header = [&](std::string_view name) {
      for (const WireHeader& sent : request->headers) {
        if (sent.name == name) return sent.value;
      }
      return std::string();
    };
    CHECK(header("x-goog-api-key") == "AIza-secret");
    CHECK(header("Content-Type") == "application/json");
    CHECK(header("Accept") == (stream ? "text/event-stream" : "application/json"));
    CHECK(header("User-Agent").starts_with("govd/"));
    return request->target;
  };
  CHECK(target(Format::gemini, "gemini-2.5-flash", false) == "/models/gemini-2.5-flash:generateContent");
  CHECK(target(Format::gemini, "gemini-2.5-flash", true) ==
        "/models/gemini-2.5-flash:streamGenerateContent?alt=sse");
  CHECK(target(Format::gemini_embeddings, "gemini-embedding-001", false) ==
        "/models/gemini-embedding-001:batchEmbedContents");
  CHECK(target(Format::gemini, "models/gemini-2.5-flash", false) == "/models/gemini-2.5-flash:generateContent");
  CHECK(target(Format::gemini, "tunedModels/mine", false) == "/tunedModels/mine:generateContent");
  CHECK(target(Format::gemini, "a/../b?key=x#\r\n:c", false) ==
        "/models/a%2F..%2Fb%3Fkey%3Dx%23%0D%0A%3Ac:generateContent");
  WireInput nameless;
  nameless.format = Format::gemini;
  const auto refused = gemini::adapter().wire(std::move(nameless));
  CHECK_FALSE(refused);
}

TEST_CASE("the row of kind gemini") {
  const Adapter& row = gemini::adapter();
  CHECK(row.kind == "gemini");
  CHECK(row.chat == Format::gemini);
  CHECK(row.embeddings == Format::gemini_embeddings);
  CHECK_FALSE(row.responses);
  CHECK(row.framing == Framing::sse);
}

// --- embeddings
// ----------------------------------------------------------------------------------------------------

TEST_CASE("embeddings as gemini takes them") {
  CHECK(
      *gemini::embeddings_from_openai(json(
          R"({"model":"gemini-embedding-001","input":["a","b"],"dimensions":768,"encoding_format":"base64","user":"u"})")) ==
      json(R"({"requests":[
          {"model":"models/gemini-embedding-001","content":{"parts":[{"text":"a"}]},"outputDimensionality":768},
          {"model":"models/gemini-embedding-001","content":{"parts":[{"text":"b"}]},"outputDimensionality":768}]})"));
  CHECK((*gemini::embeddings_from_openai(json(R"({"model":"m","input":"a"})")))["requests"].size() == 1);
  for (const char* bad :
       {R"({"model":"m","input":[1,2]})", R"({"model":"m","input":[[1],[2]]})", R"({"model":"m","input":[]})",
        R"({"model":"m"})", R"({"input":"a"})", R"({"model":"m","input":"a","encoding_format":"int8"})",
        R"({"model":"m","input":"a","dimensions":"x"})", R"({"model":"m","input":"a","task":"x"})"}) {
    INFO(bad);
    const auto request = gemini::embeddings_from_openai(json(bad));
    REQUIRE_FALSE(request);
    CHECK(request.error().code == Code::invalid);
  }
}

TEST_CASE("gemini's embeddings as OpenAI says them, as numbers or base64") {
  CHECK(*gemini::embeddings_to_openai(json(samples::embeddings), identity) == json(R"({"object":"list","data":[
      {"object":"embedding","index":0,"embedding":[0.5,-1,0.25]},
      {"object":"embedding","index":1,"embedding":[1,2,3]}],"model":"google/gemini"})"));
  AnswerIdentity base64 = identity;
  base64.base64 = true;
  const auto coded = gemini::embeddings_to_openai(json(samples::embeddings), base64);
  REQUIRE(coded);
  // 0000003f 000080bf 0000803e; 0000803f 00000040 00004040
  CHECK((*coded)["data"][0]["embedding"] == "AAAAPwAAgL8AAIA+");
  CHECK((*coded)["data"][1]["embedding"] == "AACAPwAAAEAAAEBA");
  // One and two numbers need padding.
  CHECK((*gemini::embeddings_to_openai(
            json(R"({"embeddings":[{"values":[0.5]},{"values":[0.5,-1]},{"values":[]}]})"),
            base64))["data"][0]["embedding"] == "AAAAPw==");
  CHECK((*gemini::embeddings_to_openai(json(R"({"embeddings":[{"values":[0.5,-1]}]})"),
                                       base64))["data"][0]["embedding"] == "AAAAPwAAgL8=");
  for (const char* odd : {"{}", R"({"embeddings":[{}]})", R"({"embeddings":[{"values":["x"]}]})",
                          R"({"embeddings":[7]})", R"({"embeddings":[{"values":[1e300]}]})"}) {
    INFO(odd);
    const auto answer = gemini::embeddings_to_openai(json(odd), base64);
    REQUIRE_FALSE(answer);
    CHECK(answer.error().code == Code::upstream_failed);
  }
}

TEST_CASE("usage of gemini's embeddings, when it is told") {
  CHECK_FALSE(gemini::read_embeddings(samples::embeddings)->usage.usage);
  const char* const told = R"({"embeddings":[{"values":[1]}],"usageMetadata":{"promptTokenCount":6}})";
  CHECK(*gemini::read_embeddings(told)->usage.usage == used({{input, 6}}));
  CHECK((*gemini::embeddings_to_openai(json(told), identity))["usage"] ==
        json(R"({"prompt_tokens":6,"total_tokens":6})"));
  CHECK(gemini::read_embeddings(R"({"usageMetadata":{"promptTokenCount":-6}})")->usage.absurd);
  CHECK_FALSE(gemini::read_embeddings("x"));
}

// --- whatever comes
// ------------------------------------------------------------------------------------------------

TEST_CASE("no answer of gemini, however odd, does more than fail") {
  std::size_t tried = 0;
  const auto use = [&](const std::string& text) {
    ++tried;
    const auto facts = gemini::read_answer(text);
    const auto embedded = gemini::read_embeddings(text);
    const auto reader = gemini::stream_reader();
    const auto event = reader->read({"", text});
    const auto usage = reader->usage();
    CHECK_FALSE((usage.usage && usage.absurd));
    std::vector<Json> said;
    const auto chunked = chunks(identity)->event({"", text}, said);
    CHECK(facts.has_value() == event.has_value());
    if (!facts) return;
    CHECK(facts->produced_bytes >= 0);
    const Json tree = Json::parse(text);
    const auto chat = answer_to_chat(tree, identity);
    if (chat) CHECK((*chat)["choices"].size() > 0);
    const auto list = gemini::embeddings_to_openai(tree, identity);
    if (!chat && !list) CHECK_FALSE(chat.error().message.empty());
  };
  for (const std::string_view sample :
       {samples::answer, samples::calls, samples::blocked, samples::error, samples::embeddings})
    tests::with_odd_values(json(sample), use);
  CHECK(tried > 500);
}

TEST_CASE("no request for gemini, however odd, does more than be refused") {
  const auto use = [&](const std::string& text) {
    const Json tree = Json::parse(text);
    if (!tree.is_object()) return;  // a dialect has read it before
    const auto request = request_from_chat(tree);
    if (!request) CHECK(request.error().code == Code::invalid);
  };
  tests::with_odd_values(json(R"({"model":"gemini-3-pro","messages":[
      {"role":"system","content":[{"type":"text","text":"s"}]},
      {"role":"user","content":[{"type":"image_url","image_url":{"url":"data:image/png;base64,AA=="}}]},
      {"role":"assistant","content":"a","tool_calls":[{"id":"1","type":"function","function":{"name":"f","arguments":"{}"},
        "extra_content":{"google":{"thought_signature":"x"}}}]},
      {"role":"tool","tool_call_id":"1","content":"r"}],
      "tools":[{"type":"function","function":{"name":"f","parameters":{}}}],
      "tool_choice":{"type":"function","function":{"name":"f"}},"stop":["a"],"max_tokens":5,"reasoning_effort":"low",
      "response_format":{"type":"json_schema","json_schema":{"schema":{}}}})"),
                         use);
}
