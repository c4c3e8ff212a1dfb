#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "daemon/calls/responses.h"
#include "daemon/http/sse.h"

using namespace govctl;
using namespace govctl::calls;
using providers::Json;
using enum domain::PriceKind;

namespace {

const providers::AnswerIdentity identity{"req_42", "gpt-5", 1'700'000'000};

domain::Usage some_usage() {
  domain::Usage usage;
  usage[input] = 28;
  usage[cache_read] = 300;
  usage[output] = 12;
  usage[reasoning] = 40;
  return usage;
}
const char* const usage_json =
    R"({"input_tokens":328,"input_tokens_details":{"cached_tokens":300},"output_tokens":52,"output_tokens_details":{"reasoning_tokens":40},"total_tokens":380})";

Json answer(const std::string& choice) {
  return responses::answer_from_chat(Json::parse(R"({"id":"chatcmpl-1","choices":[)" + choice + "]}"),
                                     some_usage(), identity);
}

// The events of a stream of `choices`, each the first choice of a chunk.
std::vector<Json> streamed(const std::vector<std::string>& choices) {
  const auto sink = responses::sink(identity);
  std::string out;
  for (const auto& choice : choices) sink->chunk(Json::parse(R"({"choices":[)" + choice + "]}"), out);
  sink->end(some_usage(), out);
  http::SseReader reader;
  REQUIRE(reader.feed(out));
  std::vector<Json> events;
  while (const auto event = reader.next()) {
    const Json data = Json::parse(event->data);
    CHECK(event->raw.starts_with("event: " + data["type"].get<std::string>() + "\ndata: "));
    CHECK(data["sequence_number"] == events.size());
    events.push_back(data);
  }
  return events;
}
std::vector<std::string> types(const std::vector<Json>& events) {
  std::vector<std::string> names;
  for (const Json& event : events) {
    const auto name = event["type"].get<std::string>();
    names.push_back(name.starts_with("response.") ? name.substr(9) : name);
  }
  return names;
}
const Json& only(const std::vector<Json>& events, const std::string& type) {
  for (const Json& event : events) {
    if (event["type"] == type) return event;
  }
  FAIL("no event " << type);
  return events.front();
}
std::string delta(const std::string& members) {
  return R"({"delta":{)" + members + R"(},"finish_reason":null})";
}
std::string finish(const std::string& reason) { return R"({"delta":{},"finish_reason":")" + reason + "\"}"; }

using Names = std::vector<std::string>;

}  // namespace

// --- whole answers
// ---------------------------------------------------------------------------------------------------------

TEST_CASE("from chat: text is a message, and usage is what was charged") {
  const Json response =
      answer(R"({"message":{"role":"assistant","content":"hello","refusal":null},"finish_reason":"stop"})");
  CHECK(response["id"] == "resp_42");
  CHECK(response["object"] == "response");
  CHECK(response["created_at"] == 1'700'000'000);
  CHECK(response["model"] == "gpt-5");
  CHECK(response["status"] == "completed");
  CHECK(response["error"].is_null());
  CHECK(response["incomplete_details"].is_null());
  CHECK(
      response["output"] ==
      Json::parse(
          R"([{"id":"msg_42_0","type":"message","status":"completed","role":"assistant","content":[{"type":"output_text","text":"hello","annotations":[],"logprobs":[]}]}])"));
  CHECK(response["usage"] == Json::parse(usage_json));
}

TEST_CASE("from chat: reasoning, a refusal and calls are items of their own, in this order") {
  const Json output = answer(
      R"({"message":{"reasoning_content":"hm","content":"no","refusal":"I cannot","tool_calls":[
          {"id":"c1","type":"function","function":{"name":"f","arguments":"{\"x\":1}"}},
          {"id":"c2","type":"custom","custom":{"name":"g","input":"raw"}},{"type":"function","function":{"name":"h"}},7]},"finish_reason":"tool_calls"})")
      ["output"];
  CHECK(output == Json::parse(R"([
    {"id":"rs_42_0","type":"reasoning","summary":[{"type":"summary_text","text":"hm"}]},
    {"id":"msg_42_1","type":"message","status":"completed","role":"assistant","content":[{"type":"output_text","text":"no","annotations":[],"logprobs":[]},{"type":"refusal","refusal":"I cannot"}]},
    {"id":"fc_42_2","type":"function_call","status":"completed","call_id":"c1","name":"f","arguments":"{\"x\":1}"},
    {"id":"ctc_42_3","type":"custom_tool_call","status":"completed","call_id":"c2","name":"g","input":"raw"},
    {"id":"fc_42_4","type":"function_call","status":"completed","call_id":"call_42_4","name":"h","arguments":""}])"));
  CHECK(answer(R"({"message":{"reasoning":"hm","content":"x"}})")["output"][0]["type"] == "reasoning");
}

TEST_CASE("from chat: an answer that was cut is incomplete and says why") {
  const Json cut = answer(R"({"message":{"content":"hel"},"finish_reason":"length"})");
  CHECK(cut["status"] == "incomplete");
  CHECK(cut["incomplete_details"] == Json::parse(R"({"reason":"max_output_tokens"})"));
  CHECK(cut["output"][0]["status"] == "incomplete");
  CHECK(answer(
            R"({"message":{"content":""},"finish_reason":"content_filter"})")["incomplete_details"]["reason"] ==
        "content_filter");
  CHECK(answer(R"({"message":{"content":""},"finish_reason":"length"})")["output"].empty());
}

TEST_CASE("from chat: an odd answer is an empty response") {
  for (const char* choice :
       {"", "7", "null", "{}", R"({"message":7})", R"({"message":{"content":7,"tool_calls":{}}})",
        R"({"message":{"tool_calls":[null]},"finish_reason":7})"}) {
    INFO(choice);
    const Json response = answer(choice);
    CHECK(response["output"].empty());
    CHECK(response["status"] == "completed");
  }
  CHECK(responses::answer_from_chat(Json::parse("7"), some_usage(), identity)["output"].empty());
}

// --- streams
// ---------------------------------------------------------------------------------------------------------------

TEST_CASE("from chat, streamed: a message event by event") {
  const auto events = streamed({delta(R"("role":"assistant","content":"")"), delta(R"("content":"hel")"),
                                delta(R"("content":"lo")"), finish("stop")});
  CHECK(types(events) == Names{"created", "in_progress", "output_item.added", "content_part.added",
                               "output_text.delta", "output_text.delta", "output_text.done",
                               "content_part.done", "output_item.done", "completed"});
  CHECK(events[0]["response"]["status"] == "in_progress");
  CHECK(events[0]["response"]["output"].empty());
  CHECK(events[0]["response"]["usage"].is_null());
  CHECK(events[2]["item"]["content"].empty());
  CHECK(events[2]["item"]["status"] == "in_progress");
  CHECK(events[2]["output_index"] == 0);
  CHECK(events[3]["part"]["text"] == "");
  CHECK(events[4]["delta"] == "hel");
  CHECK(events[4]["item_id"] == "msg_42_0");
  CHECK(events[4]["content_index"] == 0);
  CHECK(events[6]["text"] == "hello");
  CHECK(events[7]["part"]["text"] == "hello");
  CHECK(events[8]["item"]["status"] == "completed");
  CHECK(events[9]["response"]["usage"] == Json::parse(usage_json));
}

TEST_CASE("from chat, streamed: the last event is the answer that would have come whole") {
  const auto events = streamed(
      {delta(R"("reasoning_content":"h")"), delta(R"("reasoning_content":"m")"), delta(R"("content":"no")"),
       delta(R"("refusal":"I cannot")"),
       delta(
           R"("tool_calls":[{"index":0,"id":"c1","type":"function","function":{"name":"f","arguments":""}}])"),
       delta(R"("tool_calls":[{"index":0,"function":{"arguments":"{\"x\":1}"}}])"),
       delta(R"("tool_calls":[{"index":1,"id":"c2","type":"custom","custom":{"name":"g","input":"raw"}}])"),
       finish("tool_calls")});
  const Json whole = answer(
      R"({"message":{"reasoning_content":"hm","content":"no","refusal":"I cannot","tool_calls":[
          {"id":"c1","type":"function","function":{"name":"f","arguments":"{\"x\":1}"}},
          {"id":"c2","type":"custom","custom":{"name":"g","input":"raw"}}]},"finish_reason":"tool_calls"})");
  CHECK(events.back()["response"] == whole);
  CHECK(types(events) == Names{"created",
                               "in_progress",
                               "output_item.added",
                               "reasoning_summary_part.added",
                               "reasoning_summary_text.delta",
                               "reasoning_summary_text.delta",
                               "reasoning_summary_text.done",
                               "reasoning_summary_part.done",
                               "output_item.done",
                               "output_item.added",
                               "content_part.added",
                               "output_text.delta",
                               "output_text.done",
                               "content_part.done",
                               "content_part.added",
                               "refusal.delta",
                               "refusal.done",
                               "content_part.done",
                               "output_item.done",
                               "output_item.added",
                               "function_call_arguments.delta",
                               "output_item.added",
                               "custom_tool_call_input.delta",
                               "function_call_arguments.done",
                               "output_item.done",
                               "custom_tool_call_input.done",
                               "output_item.done",
                               "completed"});
}

TEST_CASE("from chat, streamed: pieces of two calls that come in turns stay apart") {
  const auto events = streamed(
      {delta(
           R"("tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":"{"}},{"index":1,"id":"b","function":{"name":"g","arguments":"["}}])"),
       delta(
           R"("tool_calls":[{"index":1,"function":{"arguments":"]"}},{"index":0,"function":{"arguments":"}"}}])"),
       finish("tool_calls")});
  const Json& output = events.back()["response"]["output"];
  REQUIRE(output.size() == 2);
  CHECK(output[0]["arguments"] == "{}");
  CHECK(output[1]["arguments"] == "[]");
  CHECK(only(events, "response.function_call_arguments.done")["name"] == "f");
}

TEST_CASE("from chat, streamed: calls without an index are told apart by their ids") {
  const auto events = streamed({delta(R"("tool_calls":[{"id":"a","function":{"name":"f","arguments":"1"}}])"),
                                delta(R"("tool_calls":[{"function":{"arguments":"2"}}])"),
                                delta(R"("tool_calls":[{"id":"b","function":{"name":"g","arguments":"3"}}])"),
                                finish("tool_calls")});
  const Json& output = events.back()["response"]["output"];
  REQUIRE(output.size() == 2);
  CHECK(output[0]["arguments"] == "12");
  CHECK(output[1]["call_id"] == "b");
}

TEST_CASE("from chat, streamed: a stream that was cut ends incomplete") {
  const auto events = streamed({delta(R"("content":"hel")"), finish("length")});
  CHECK(events.back()["type"] == "response.incomplete");
  CHECK(events.back()["response"]["status"] == "incomplete");
  CHECK(events.back()["response"]["incomplete_details"]["reason"] == "max_output_tokens");
  CHECK(only(events, "response.output_item.done")["item"]["status"] == "incomplete");
}

TEST_CASE("from chat, streamed: odd chunks add nothing") {
  const auto events = streamed({"", "7", "{}", R"({"delta":7})", R"({"delta":{"content":7,"tool_calls":7}})",
                                R"({"delta":{"tool_calls":[7,null]}})", R"({"delta":{"content":null}})"});
  CHECK(types(events) == Names{"created", "in_progress", "completed"});
  CHECK(types(streamed({})) == Names{"created", "in_progress", "completed"});
  const auto half = streamed({R"({"delta":{"content":"\ud83d\ude00"}})"});
  CHECK(only(half, "response.output_text.delta")["delta"] == "\xf0\x9f\x98\x80");
}
