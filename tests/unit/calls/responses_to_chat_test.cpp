#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "daemon/calls/responses.h"

using namespace govctl;
using namespace govctl::calls;
using providers::Json;

namespace {

Json chat_of(const std::string& text) {
  INFO(text);
  const auto chat = responses::request_to_chat(Json::parse(text));
  if (!chat) FAIL(chat.error().message);
  return *chat;
}
// `members` beside a model and an input.
Json chat_with(const std::string& members) { return chat_of(R"({"model":"m","input":"hi",)" + members + "}"); }
Json messages_of(const std::string& items) {
  return chat_of(R"({"model":"m","input":[)" + items + "]}")["messages"];
}
// The fault of a request with `members`.
std::string fault(const std::string& members) {
  INFO(members);
  const auto chat = responses::request_to_chat(Json::parse(R"({"model":"m","input":"hi",)" + members + "}"));
  REQUIRE_FALSE(chat);
  CHECK(chat.error().code == Code::invalid);
  return chat.error().message;
}
std::string item_fault(const std::string& item) {
  INFO(item);
  const auto chat = responses::request_to_chat(Json::parse(R"({"model":"m","input":[)" + item + "]}"));
  REQUIRE_FALSE(chat);
  CHECK(chat.error().code == Code::invalid);
  return chat.error().message;
}

}  // namespace

TEST_CASE("to chat: a plain request") {
  CHECK(chat_of(R"({"model":"m","input":"hi"})") ==
        Json::parse(R"({"model":"m","messages":[{"role":"user","content":"hi"}]})"));
  CHECK(
      chat_of(
          R"({"model":"m","instructions":"be brief","input":"hi","max_output_tokens":50,"stream":true,"temperature":0.5,"top_p":0.9,"user":"alice"})") ==
      Json::parse(
          R"({"model":"m","messages":[{"role":"system","content":"be brief"},{"role":"user","content":"hi"}],"max_tokens":50,"stream":true,"temperature":0.5,"top_p":0.9,"user":"alice"})"));
}

TEST_CASE("to chat: a conversation with its calls and their results") {
  CHECK(messages_of(R"(
    {"type":"message","role":"developer","content":[{"type":"input_text","text":"rules"}]},
    {"role":"user","content":[{"type":"input_text","text":"a"},{"type":"input_text","text":"b"}]},
    {"type":"reasoning","summary":[],"encrypted_content":"gAAA"},
    {"type":"message","role":"assistant","content":[{"type":"output_text","text":"let me "},{"type":"output_text","text":"look"}]},
    {"type":"function_call","id":"fc_1","call_id":"c1","name":"f","arguments":"{\"x\":1}"},
    {"type":"function_call","call_id":"c2","name":"g","arguments":"{}"},
    {"type":"function_call_output","call_id":"c1","output":"one"},
    {"type":"function_call_output","call_id":"c2","output":[{"type":"input_text","text":"two"}]},
    {"type":"custom_tool_call","call_id":"c3","name":"apply_patch","input":"*** Begin"},
    {"type":"custom_tool_call_output","call_id":"c3","output":"ok"},
    {"role":"assistant","content":"done"})") == Json::parse(R"([
    {"role":"system","content":"rules"},
    {"role":"user","content":[{"type":"text","text":"a"},{"type":"text","text":"b"}]},
    {"role":"assistant","content":"let me look","tool_calls":[
      {"id":"c1","type":"function","function":{"name":"f","arguments":"{\"x\":1}"}},
      {"id":"c2","type":"function","function":{"name":"g","arguments":"{}"}}]},
    {"role":"tool","tool_call_id":"c1","content":"one"},
    {"role":"tool","tool_call_id":"c2","content":"two"},
    {"role":"assistant","content":null,"tool_calls":[{"id":"c3","type":"custom","custom":{"name":"apply_patch","input":"*** Begin"}}]},
    {"role":"tool","tool_call_id":"c3","content":"ok"},
    {"role":"assistant","content":"done"}])"));
}

TEST_CASE("to chat: words that come behind a call stay in its turn, and none join the user's") {
  CHECK(
      messages_of(
          R"({"role":"user","content":"q"},{"type":"function_call","call_id":"c","name":"f","arguments":"{}"},
      {"role":"assistant","content":"wait"},{"role":"assistant","content":"more"},{"type":"function_call_output","call_id":"c","output":""})") ==
      Json::parse(
          R"([{"role":"user","content":"q"},{"role":"assistant","content":"wait\nmore","tool_calls":[{"id":"c","type":"function","function":{"name":"f","arguments":"{}"}}]},{"role":"tool","tool_call_id":"c","content":""}])"));
}

TEST_CASE("to chat: images and files that are given, and a tool's image behind all results of the turn") {
  CHECK(
      messages_of(
          R"({"role":"user","content":[{"type":"input_text","text":"see"},{"type":"input_image","image_url":"data:image/png;base64,AA","detail":"low"},{"type":"input_file","filename":"a.pdf","file_data":"data:application/pdf;base64,AA"}]})") ==
      Json::parse(
          R"([{"role":"user","content":[{"type":"text","text":"see"},{"type":"image_url","image_url":{"url":"data:image/png;base64,AA","detail":"low"}},{"type":"file","file":{"file_data":"data:application/pdf;base64,AA","filename":"a.pdf"}}]}])"));
  CHECK(
      messages_of(
          R"({"type":"function_call","call_id":"a","name":"f","arguments":""},{"type":"function_call","call_id":"b","name":"f","arguments":""},
               {"type":"function_call_output","call_id":"a","output":[{"type":"input_image","image_url":"https://x/y.png"}]},
               {"type":"function_call_output","call_id":"b","output":"two"})") == Json::parse(R"([
    {"role":"assistant","content":null,"tool_calls":[{"id":"a","type":"function","function":{"name":"f","arguments":""}},{"id":"b","type":"function","function":{"name":"f","arguments":""}}]},
    {"role":"tool","tool_call_id":"a","content":""},{"role":"tool","tool_call_id":"b","content":"two"},
    {"role":"user","content":[{"type":"image_url","image_url":{"url":"https://x/y.png"}}]}])"));
}

TEST_CASE("to chat: a tool's image stands before what was said next") {
  const Json messages = messages_of(
      R"({"type":"function_call","call_id":"a","name":"f","arguments":""},
         {"type":"function_call_output","call_id":"a","output":[{"type":"input_image","image_url":"https://x/y.png"}]},
         {"role":"assistant","content":"seen"})");
  REQUIRE(messages.size() == 4);
  CHECK(messages[2]["role"] == "user");
  CHECK(messages[3] == Json::parse(R"({"role":"assistant","content":"seen"})"));
}

TEST_CASE("to chat: tools, and the choice among them") {
  const Json chat = chat_with(
      R"("tools":[{"type":"function","name":"f","description":"d","parameters":{"type":"object"},"strict":false},{"type":"function","name":"s","parameters":null,"strict":true},
        {"type":"custom","name":"c","format":{"type":"grammar","syntax":"lark","definition":"start: x"}}],"tool_choice":{"type":"function","name":"f"},"parallel_tool_calls":false)");
  CHECK(chat["tools"] == Json::parse(R"([
    {"type":"function","function":{"name":"f","description":"d","parameters":{"type":"object"}}},
    {"type":"function","function":{"name":"s","strict":true}},
    {"type":"custom","custom":{"name":"c","format":{"type":"grammar","grammar":{"syntax":"lark","definition":"start: x"}}}}])"));
  CHECK(chat["tool_choice"] == Json::parse(R"({"type":"function","function":{"name":"f"}})"));
  CHECK(chat["parallel_tool_calls"] == false);
  CHECK(
      chat_with(
          R"("tools":[{"type":"function","name":"f"}],"tool_choice":"required","parallel_tool_calls":true)") ==
      Json::parse(
          R"({"model":"m","messages":[{"role":"user","content":"hi"}],"tools":[{"type":"function","function":{"name":"f"}}],"tool_choice":"required"})"));
  // Codex says both without any tool; chat's upstreams refuse that.
  const Json none = chat_with(R"("tools":[],"tool_choice":"auto","parallel_tool_calls":false)");
  CHECK_FALSE(none.contains("tools"));
  CHECK_FALSE(none.contains("tool_choice"));
  CHECK_FALSE(none.contains("parallel_tool_calls"));
}

TEST_CASE("to chat: formats and effort") {
  CHECK(chat_with(
            R"("text":{"format":{"type":"json_schema","name":"n","schema":{"type":"object"},"strict":true}})")
            ["response_format"] ==
        Json::parse(
            R"({"type":"json_schema","json_schema":{"name":"n","schema":{"type":"object"},"strict":true}})"));
  CHECK(chat_with(R"("text":{"format":{"type":"json_object"}})")["response_format"]["type"] == "json_object");
  CHECK_FALSE(chat_with(R"("text":{"format":{"type":"text"}})").contains("response_format"));
  CHECK(chat_with(R"("reasoning":{"effort":"high","summary":"auto"})")["reasoning_effort"] == "high");
}

TEST_CASE("to chat: what Codex sends goes to any provider") {
  const Json chat = chat_of(
      R"({"model":"m","instructions":"You are a coding agent.","input":[{"type":"message","role":"user","content":[{"type":"input_text","text":"hi"}]}],
          "tools":[{"type":"function","name":"shell","description":"d","strict":false,"parameters":{"type":"object","properties":{}}}],
          "tool_choice":"auto","parallel_tool_calls":false,"reasoning":{"effort":"medium","summary":"auto"},"store":false,"stream":true,
          "include":["reasoning.encrypted_content"],"service_tier":null,"prompt_cache_key":"k","text":{"verbosity":"low"},"client_metadata":{"x":"y"}})");
  CHECK(
      chat ==
      Json::parse(
          R"({"model":"m","messages":[{"role":"system","content":"You are a coding agent."},{"role":"user","content":"hi"}],
          "stream":true,"tools":[{"type":"function","function":{"name":"shell","description":"d","parameters":{"type":"object","properties":{}}}}],
          "tool_choice":"auto","parallel_tool_calls":false,"reasoning_effort":"medium"})"));
}

TEST_CASE("to chat: there is no server state") {
  for (const char* field : {R"("previous_response_id":"resp_1")", R"("conversation":"conv_1")",
                            R"("background":true)", R"("prompt":{"id":"p"})"}) {
    const std::string name = std::string(field).substr(1, std::string(field).find('"', 1) - 1);
    CHECK(fault(field).find("'" + name + "'") != std::string::npos);
  }
  CHECK(chat_with(R"("store":true,"background":false,"previous_response_id":null)").size() == 2);
}

TEST_CASE("to chat: what has no place there is named, and not dropped") {
  CHECK(fault(R"("top_logprobs":3)").find("'top_logprobs'") != std::string::npos);
  CHECK(fault(R"("something_new":{})").find("'something_new'") != std::string::npos);
  CHECK(fault(R"("service_tier":"priority")").find("'service_tier'") != std::string::npos);
  CHECK(fault(R"("include":["message.output_text.logprobs"])").find("'include'") != std::string::npos);
  CHECK(fault(R"("include":[7])").find("'include'") != std::string::npos);
  CHECK(fault(R"("tools":[{"type":"web_search"}])").find("'tools[0]'") != std::string::npos);
  CHECK(fault(R"("tools":[{"type":"function","name":"f"},7])").find("'tools[1]'") != std::string::npos);
  CHECK(fault(R"("tools":7)").find("'tools'") != std::string::npos);
  CHECK(fault(R"("tool_choice":{"type":"allowed_tools","mode":"auto","tools":[]})").find("'tool_choice'") !=
        std::string::npos);
  CHECK(fault(R"("text":{"format":{"type":"grammar"}})").find("'text.format'") != std::string::npos);
  CHECK(fault(R"("text":7)").find("'text'") != std::string::npos);
  CHECK(fault(R"("reasoning":{"effort":7})").find("'reasoning.effort'") != std::string::npos);
  CHECK(fault(R"("reasoning":"high")").find("'reasoning'") != std::string::npos);
  CHECK(fault(R"("instructions":[])").find("'instructions'") != std::string::npos);
  for (const char* item : {
           R"({"type":"item_reference","id":"x"})",
           R"({"type":"computer_call","call_id":"c"})",
           "7",
           "null",
           "{}",
           R"({"role":"tool","content":"x"})",
           R"({"role":"user","content":7})",
           R"({"role":"user"})",
           R"({"role":"user","content":[7]})",
           R"({"role":"user","content":[{"type":"input_image","file_id":"f"}]})",
           R"({"role":"user","content":[{"type":"input_file","file_url":"https://x"}]})",
           R"({"role":"user","content":[{"type":"input_text","text":7}]})",
           R"({"role":"assistant","content":[{"type":"input_image","image_url":"https://x"}]})",
           R"({"type":"function_call","name":"f","arguments":"{}"})",
           R"({"type":"function_call","call_id":"c","name":"f","namespace":"n","arguments":"{}"})",
           R"({"type":"function_call_output","output":"x"})",
           R"({"type":"function_call_output","call_id":"c"})",
       }) {
    CHECK(item_fault(item).find("'input[0]'") != std::string::npos);
  }
  CHECK_FALSE(responses::request_to_chat(Json::parse(R"({"model":"m","input":{}})")));
  CHECK_FALSE(responses::request_to_chat(Json::parse("[]")));
}
