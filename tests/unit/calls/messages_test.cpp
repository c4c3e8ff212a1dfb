#include "daemon/calls/messages.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

using namespace govctl;
using namespace govctl::calls;
using providers::Json;

namespace {

// `members` beside a model, max_tokens and a message.
std::string body(const std::string& members) {
  return R"({"model":"claude-x","max_tokens":100,"messages":[{"role":"user","content":"hi"}])" +
         (members.empty() ? "" : "," + members) + "}";
}
std::string with_content(const std::string& content) {
  return R"({"model":"claude-x","max_tokens":100,"messages":[{"role":"user","content":)" + content + "}]}";
}
domain::Refusal refused(const std::string& text) {
  INFO(text);
  const auto request = messages::parse(text);
  REQUIRE_FALSE(request);
  CHECK(request.error().cause == domain::Cause::bad_request);
  return request.error();
}
domain::Ask asked(const std::string& text) {
  INFO(text);
  const auto request = messages::parse(text);
  if (!request) FAIL(request.error().message);
  return request->ask;
}

Json parsed(const std::string& text) {
  INFO(text);
  const Json json = Json::parse(text, nullptr, false);
  REQUIRE_FALSE(json.is_discarded());
  return json;
}
Json chat_of(const std::string& request) {
  INFO(request);
  const auto chat = messages::request_to_chat(parsed(request));
  if (!chat) FAIL(chat.error().message);
  return *chat;
}
std::string unable(const std::string& request) {
  INFO(request);
  const auto chat = messages::request_to_chat(parsed(request));
  REQUIRE_FALSE(chat);
  CHECK(chat.error().code == Code::invalid);
  return chat.error().message;
}

const providers::AnswerIdentity identity{"req_1", "claude-x", 7};

domain::Usage some_usage() {
  using enum domain::PriceKind;
  domain::Usage usage;
  usage[input] = 10;
  usage[audio_in] = 1;
  usage[cache_read] = 200;
  usage[cache_write_5m] = 3;
  usage[cache_write_1h] = 4;
  usage[output] = 50;
  usage[reasoning] = 6;
  return usage;
}
const char* const some_usage_json =
    R"({"input_tokens":11,"cache_creation_input_tokens":7,"cache_read_input_tokens":200,
        "cache_creation":{"ephemeral_5m_input_tokens":3,"ephemeral_1h_input_tokens":4},"output_tokens":56})";

// The data of each event, whose name must be its type.
std::vector<Json> events(std::string_view sse) {
  std::vector<Json> all;
  while (!sse.empty()) {
    const std::size_t end = sse.find("\n\n");
    REQUIRE(end != std::string_view::npos);
    const std::string_view event = sse.substr(0, end);
    sse.remove_prefix(end + 2);
    const std::size_t line = event.find("\ndata: ");
    REQUIRE(event.starts_with("event: "));
    REQUIRE(line != std::string_view::npos);
    all.push_back(parsed(std::string(event.substr(line + 7))));
    CHECK(all.back()["type"] == event.substr(7, line - 7));
  }
  return all;
}

std::string delta(const std::string& members, const std::string& reason = "null") {
  return R"({"choices":[{"index":0,"delta":)" + members + R"(,"finish_reason":)" + reason + "}]}";
}

std::vector<Json> streamed(const std::vector<std::string>& chunks) {
  const auto sink = messages::sink(identity);
  std::string out;
  for (const std::string& chunk : chunks) sink->chunk(parsed(chunk), out);
  sink->end(some_usage(), out);
  return events(out);
}

}  // namespace

// --- what a request asks for
// -------------------------------------------------------------------------------------

TEST_CASE("messages: what a request asks for") {
  const std::string text = body(
      R"("stream":true,"system":[{"type":"text","text":"x","cache_control":{"type":"ephemeral","ttl":"1h"}}],"metadata":{"user_id":"alice"},"thinking":{"type":"enabled","budget_tokens":2048})");
  const auto request = messages::parse(text);
  REQUIRE(request);
  CHECK(request->ask.model == "claude-x");
  CHECK(request->ask.max_tokens == 100);
  CHECK(request->ask.stream);
  CHECK(request->ask.choices == 1);
  CHECK(request->ask.text_bytes == static_cast<std::int64_t>(text.size()));
  CHECK(request->ask.media_tokens == 0);
  CHECK(request->ask.least_output_tokens == 2049);
  CHECK(request->user == "alice");
  CHECK(request->ask.costly.empty());
  CHECK_FALSE(request->ask.whole_context);
  CHECK(asked(body(R"("thinking":{"type":"adaptive"})")).least_output_tokens == 0);
}

TEST_CASE("messages: null is as good as absent, but for what must be there") {
  const auto ask = asked(body(
      R"("stream":null,"system":null,"tools":null,"tool_choice":null,"metadata":null,"thinking":null,"container":null,"mcp_servers":null,"context_management":null,"service_tier":null,"speed":null)"));
  CHECK_FALSE(ask.stream);
  CHECK(ask.costly.empty());
  CHECK(refused(R"({"model":"m","max_tokens":null,"messages":[]})").parameter == "max_tokens");
  CHECK(refused(R"({"model":"m","messages":[]})").parameter == "max_tokens");
  CHECK(refused(R"({"max_tokens":1,"messages":[]})").parameter == "model");
  CHECK(refused(R"({"model":"m","max_tokens":1})").parameter == "messages");
  CHECK(refused(R"({"model":"m","max_tokens":1,"messages":"hi"})").parameter == "messages");
}

TEST_CASE("messages: each governed field: twice, in another spelling, of a wrong type, out of bounds") {
  struct Row {
    const char* parameter;
    const char* members;
  };
  const Row table[] = {
      {"", R"("model":"other")"},
      {"", R"("max_tokens":5)"},
      {"Max_Tokens", R"("Max_Tokens":5)"},
      {"Model", R"("Model":"m")"},
      {"MESSAGES", R"("MESSAGES":[])"},
      {"Stream", R"("Stream":true)"},
      {"System", R"("System":"x")"},
      {"Tools", R"("Tools":[])"},
      {"Thinking", R"("Thinking":{})"},
      {"Service_tier", R"("Service_tier":"x")"},
      {"stream", R"("stream":1)"},
      {"thinking", R"("thinking":[])"},
      {"thinking", R"("thinking":{"budget_tokens":"9"})"},
      {"thinking", R"("thinking":{"budget_tokens":-1})"},
      {"thinking", R"("thinking":{"budget_tokens":1,"budget_tokens":2})"},
      {"thinking", R"("thinking":{"budget_tokens":9223372036854775807})"},
      {"metadata", R"("metadata":"x")"},
      {"metadata", R"("metadata":{"user_id":5})"},
      {"tools", R"("tools":{})"},
      {"tools", R"("tools":[1])"},
      {"tools", R"("tools":[{"type":7}])"},
  };
  for (const Row& row : table) CHECK(refused(body(row.members)).parameter == row.parameter);
  for (const char* most : {"0", "-1", "1.5", "\"5\"", "1e3", "1000000001", "9223372036854775808", "true"}) {
    CHECK(refused(std::string(R"({"model":"m","messages":[],"max_tokens":)") + most + "}").parameter ==
          "max_tokens");
  }
  for (const char* text : {"", "[]", "x", "{"}) refused(text);
  CHECK(refused(R"({"model":"a b","max_tokens":1,"messages":[]})").parameter == "model");
}

TEST_CASE("messages: a user's name is kept to 200 bytes, whole characters") {
  std::string name = "x";
  for (int i = 0; i < 101; ++i) name += "\xc3\xa9";
  const std::string text = body(R"("metadata":{"user_id":")" + name + "\"}");
  const auto request = messages::parse(text);
  REQUIRE(request);
  CHECK(request->user.size() == 199);
}

TEST_CASE("messages: an inline image counts as an image and not as its base64, in a tool's result too") {
  const std::string data(100'000, 'A');
  const std::string image =
      R"({"type":"image","source":{"type":"base64","media_type":"image/png","data":")" + data + R"("}})";
  for (const std::string& content :
       {"[" + image + "]", R"([{"type":"tool_result","tool_use_id":"t","content":[)" + image + "]}]"}) {
    const std::string text = with_content(content);
    const auto ask = asked(text);
    CHECK(ask.text_bytes == static_cast<std::int64_t>(text.size() - data.size() - 2));
    CHECK(ask.media_tokens == 48'169);
    CHECK_FALSE(ask.whole_context);
  }
}

TEST_CASE("messages: a PDF, and what is only referred to, is held at the context window") {
  for (
      const char* content : {
          R"([{"type":"document","source":{"type":"base64","media_type":"application/pdf","data":"QUJD"}}])",
          R"([{"type":"document","source":{"type":"url","url":"https://example.com/a.pdf"}}])",
          R"([{"type":"document","source":{"type":"file","file_id":"f"}}])",
          R"([{"type":"document","source":{"type":"content","content":[{"type":"image","source":{"type":"url","url":"https://x"}}]}}])",
          R"([{"type":"image","source":{"type":"url","url":"https://example.com/a.png"}}])",
          R"([{"type":"image","source":{"type":"file","file_id":"f"}}])",
          R"([{"type":"image","source":{"type":"base64","data":"QUJD","url":"https://x"}}])",
          R"([{"type":"image","source":{"type":"base64","data":"QUJD"},"url":"https://x"}])",
          R"([{"type":"image","source":{"type":"base64","data":"QUJD","data":"QUJD"}}])",
          R"([{"type":"image","source":{"type":"text","data":"QUJD"}}])",
          R"([{"type":"image"}])",
          R"([{"type":"container_upload","file_id":"f"}])",
          R"([{"type":"something_new"}])",
          R"([{"type":"text","text":"x","source":{"type":"url","url":"https://x"}}])",
          R"([{"typ\u0065":"text"}])",
          R"([{"type":"text","type":"image","text":"x"}])",
          R"([{"type":"tool_result","content":[{"type":"image","source":{"type":"url","url":"https://x"}}]}])",
          R"({"type":"image"})",
          R"([7])",
      }) {
    CHECK(asked(with_content(content)).whole_context);
  }
  CHECK(asked(body(R"("system":[{"type":"image","source":{"type":"url","url":"https://x"}}])")).whole_context);
  CHECK(asked(R"({"model":"m","max_tokens":1,"messages":[{"content":"x","content":[]}]})").whole_context);
}

TEST_CASE("messages: text is text, whatever it speaks of") {
  for (
      const char* content : {
          R"("the \"image\" of \"source\" url")",
          R"([{"type":"text","text":"\"type\":\"image\"","cache_control":{"type":"ephemeral"}}])",
          R"([{"type":"thinking","thinking":"x","signature":"y"},{"type":"redacted_thinking","data":"zz"}])",
          R"([{"type":"tool_use","id":"t","name":"f","input":{"url":"https://x","source":"y"}}])",
          R"([{"type":"tool_result","tool_use_id":"t","content":"x","is_error":true},{"type":"tool_result","tool_use_id":"u"}])",
          R"([{"type":"document","source":{"type":"text","media_type":"text/plain","data":"x"},"title":"t"}])",
          R"([{"type":"search_result","source":"https://x","title":"t","content":[{"type":"text","text":"x"}]}])",
      }) {
    const std::string text = with_content(content);
    const auto ask = asked(text);
    CHECK_FALSE(ask.whole_context);
    CHECK(ask.text_bytes == static_cast<std::int64_t>(text.size()));
  }
}

TEST_CASE("messages: tools that Anthropic runs are named without their version; those of the client are not") {
  CHECK(
      asked(
          body(
              R"("tools":[{"type":"web_search_20250305","name":"web_search"},{"type":"code_execution_20250825","name":"c"},{"type":"web_fetch_20260209","name":"w"},{"type":"mcp_toolset"},{"type":"tool_search_tool_regex_20251119","name":"r"}])"))
          .costly == std::vector<std::string>{"web_search", "code_execution", "web_fetch", "mcp_toolset",
                                              "tool_search_tool_regex"});
  const auto ask = asked(body(
      R"("tools":[{"name":"f","input_schema":{}},{"type":"custom","name":"g"},{"type":"bash_20250124","name":"bash"},{"type":"text_editor_20250728","name":"e"},{"type":"computer_20251124","name":"c"},{"type":"memory_20250818","name":"m"}])"));
  CHECK(ask.costly.empty());
  // What Anthropic adds for tools, and for four of its own, is not in the body.
  CHECK(ask.media_tokens == 1'000 + 4 * 1'500);
}

TEST_CASE("messages: request fields that cost extra are named") {
  const std::pair<const char*, const char*> costly[] = {
      {"container", R"("container":"c_1")"},
      {"container", R"("container":{"skills":[]})"},
      {"mcp_servers", R"("mcp_servers":[{"type":"url"}])"},
      {"service_tier", R"("service_tier":"priority")"},
      {"service_tier", R"("service_tier":7)"},
      {"speed", R"("speed":"fast")"},
      {"inference_geo", R"("inference_geo":"us")"},
      {"fallbacks", R"("fallbacks":[{"model":"m"}])"},
      {"context_management", R"("context_management":{"edits":[{"type":"compact_20260112"}]})"},
      {"context_management", R"("context_management":{"edits":7})"},
      {"context_management", R"("context_management":7)"}};
  for (const auto& [name, members] : costly)
    CHECK(asked(body(members)).costly == std::vector<std::string>{name});
  for (
      const char* members :
      {R"("mcp_servers":[])", R"("service_tier":"auto")", R"("service_tier":"standard_only")",
       R"("speed":"standard")", R"("inference_geo":"global")", R"("context_management":{})",
       R"("context_management":{"edits":[{"type":"clear_tool_uses_20250919"},{"type":"clear_thinking_20251015","keep":"all"}]})"}) {
    CHECK(asked(body(members)).costly.empty());
  }
}

TEST_CASE("messages: an edit keeps all other bytes") {
  const std::string text =
      "{ \"model\" : \"anthropic/claude-x\",\n\"max_tokens\": 100 ,\"messages\":[] "
      ",\"max_completion_tokens\":7,\"x\":\"\\u00e9\"}";
  const auto request = messages::parse(text);
  REQUIRE(request);
  CHECK(messages::edited(text, *request, {}) == text);
  Edits edits;
  edits.model = "claude-\"x";
  edits.max_tokens = 64;
  CHECK(messages::edited(text, *request, edits) ==
        "{ \"model\" : \"claude-\\\"x\",\n\"max_tokens\": 64 ,\"messages\":[] "
        ",\"max_completion_tokens\":7,\"x\":\"\\u00e9\"}");
  std::string moved = text;  // as a call does it: the views stay good
  const auto again = messages::parse(moved);
  const std::string from_moved = messages::edited(std::move(moved), *again, edits);
  CHECK(from_moved == messages::edited(text, *request, edits));
}

TEST_CASE("messages: an estimate of tokens leaves inline media out") {
  CHECK(messages::count_tokens_estimate(R"({"model":"m","messages":[]})") == 7);
  const std::string small =
      R"({"messages":[{"role":"user","content":[{"type":"image","source":{"type":"base64","data":}}]}]})";
  std::string large = small;
  large.insert(large.find("}}]}]}"), "\"" + std::string(4'000, 'A') + "\"");
  CHECK(messages::count_tokens_estimate(large) == (static_cast<std::int64_t>(small.size()) + 3) / 4);
  CHECK(messages::count_tokens_estimate("x") == 1);
}

// --- to chat
// -----------------------------------------------------------------------------------------------------

TEST_CASE("messages: a request as Claude Code sends it, said as chat") {
  CHECK(
      chat_of(R"({"model":"m","max_tokens":32000,"stream":true,"temperature":1,"top_p":0.5,"top_k":5,
      "metadata":{"user_id":"u"},"thinking":{"type":"enabled","budget_tokens":31999},"stop_sequences":["a"],
      "context_management":{"edits":[]},"output_config":{"effort":"high"},"service_tier":"auto",
      "system":[{"type":"text","text":"one","cache_control":{"type":"ephemeral"}},{"type":"text","text":"two"}],
      "tools":[{"name":"f","description":"d","input_schema":{"type":"object"},"cache_control":{"type":"ephemeral"},"defer_loading":true},{"type":"custom","name":"g","strict":true}],
      "tool_choice":{"type":"any","disable_parallel_tool_use":true},
      "messages":[{"role":"user","content":"hi"},
        {"role":"assistant","content":[{"type":"thinking","thinking":"hm","signature":"s"},{"type":"text","text":"a"},{"type":"text","text":"b"},{"type":"tool_use","id":"t1","name":"f","input":{"x":1}},{"type":"tool_use","id":"t2","name":"g","input":{}}]},
        {"role":"user","content":[{"type":"tool_result","tool_use_id":"t1","content":"one"},
          {"type":"tool_result","tool_use_id":"t2","is_error":true,"content":[{"type":"text","text":"bad"},{"type":"image","source":{"type":"base64","media_type":"image/png","data":"QUJD"}}]},
          {"type":"text","text":"go on","cache_control":{"type":"ephemeral"}}]},
        {"role":"system","content":"note"},
        {"role":"user","content":[{"type":"image","source":{"type":"url","url":"https://x/a.png"}},{"type":"text","text":"?"}]}]})") ==
      parsed(
          R"({"model":"m","max_tokens":32000,"stream":true,"temperature":1,"top_p":0.5,"stop":["a"],"user":"u",
      "messages":[{"role":"system","content":"one\n\ntwo"},{"role":"user","content":"hi"},
        {"role":"assistant","content":"ab","tool_calls":[{"id":"t1","type":"function","function":{"name":"f","arguments":"{\"x\":1}"}},{"id":"t2","type":"function","function":{"name":"g","arguments":"{}"}}]},
        {"role":"tool","tool_call_id":"t1","content":"one"},
        {"role":"tool","tool_call_id":"t2","content":"Error: bad[image follows]"},
        {"role":"user","content":[{"type":"image_url","image_url":{"url":"data:image/png;base64,QUJD"}},{"type":"text","text":"go on"}]},
        {"role":"system","content":"note"},
        {"role":"user","content":[{"type":"image_url","image_url":{"url":"https://x/a.png"}},{"type":"text","text":"?"}]}],
      "tools":[{"type":"function","function":{"name":"f","description":"d","parameters":{"type":"object"}}},{"type":"function","function":{"name":"g","strict":true}}],
      "tool_choice":"required","parallel_tool_calls":false})"));
}

TEST_CASE("messages: the further choices, formats and documents in chat's terms") {
  const auto choice = [](const char* said) {
    return chat_of(body(R"("tools":[{"name":"f"}],"tool_choice":)" + std::string(said)))["tool_choice"];
  };
  CHECK(choice(R"({"type":"auto"})") == "auto");
  CHECK(choice(R"({"type":"none"})") == "none");
  CHECK(choice(R"({"type":"tool","name":"f"})") == parsed(R"({"type":"function","function":{"name":"f"}})"));
  CHECK(
      chat_of(body(R"("output_config":{"format":{"type":"json_schema","schema":{"type":"object"}}})"))
          ["response_format"] ==
      parsed(
          R"({"type":"json_schema","json_schema":{"name":"answer","strict":true,"schema":{"type":"object"}}})"));
  CHECK(
      chat_of(with_content(
          R"([{"type":"document","title":"t","source":{"type":"text","data":"x"}},{"type":"document","source":{"type":"base64","media_type":"application/pdf","data":"QUJD"}}])"))
          ["messages"][0]["content"] ==
      parsed(
          R"([{"type":"text","text":"t\n\nx"},{"type":"file","file":{"filename":"document.pdf","file_data":"data:application/pdf;base64,QUJD"}}])"));
  CHECK(
      chat_of(with_content(
          R"([{"type":"tool_result","tool_use_id":"t","content":[{"type":"tool_reference","tool_name":"f"}]}])"))
          ["messages"][0]["content"] == "The tool f is available.");
}

TEST_CASE("messages: what chat cannot say is refused by name") {
  const std::pair<const char*, const char*> fields[] = {
      {"'container'", R"("container":"c")"},
      {"'mcp_servers'", R"("mcp_servers":[{}])"},
      {"'service_tier'", R"("service_tier":"priority")"},
      {"'speed'", R"("speed":"fast")"},
      {"'inference_geo'", R"("inference_geo":"us")"},
      {"'fallbacks'", R"("fallbacks":[{}])"},
      {"'something_new'", R"("something_new":1)"},
      {"'output_config.format'", R"("output_config":{"format":{"type":"x"}})"},
      {"'tools'", R"("tools":7)"},
      {"'tools[0]'", R"("tools":[{"type":"web_search_20250305","name":"web_search"}])"},
      {"'tools[0]'", R"("tools":[{"type":"bash_20250124","name":"bash"}])"},
      {"'tools[0].name'", R"("tools":[{}])"},
      {"'tool_choice'", R"("tools":[{"name":"f"}],"tool_choice":{"type":"tool"})"},
      {"'system'", R"("system":[{"type":"image"}])"},
      {"'system'", R"("system":7)"}};
  for (const auto& [field, members] : fields) CHECK(unable(body(members)).find(field) != std::string::npos);
  const std::pair<const char*, const char*> places[] = {
      {"'messages[0].content'", "7"},
      {"'messages[0].content[0]'", R"([{"type":"container_upload","file_id":"f"}])"},
      {"'messages[0].content[0]'", R"([{"type":"image","source":{"type":"file","file_id":"f"}}])"},
      {"'messages[0].content[0]'", R"([{"type":"document","source":{"type":"url","url":"https://x"}}])"},
      {"'messages[0].content[0]'", R"([null])"},
      {"'messages[0].content[0].tool_use_id'", R"([{"type":"tool_result","content":"x"}])"},
      {"'messages[0].content[0].content[0]'",
       R"([{"type":"tool_result","tool_use_id":"t","content":[{"type":"web_search_result"}]}])"}};
  for (const auto& [place, content] : places)
    CHECK(unable(with_content(content)).find(place) != std::string::npos);
  CHECK(unable(
            R"({"messages":[{"role":"assistant","content":[{"type":"server_tool_use","id":"x","name":"w"}]}]})")
            .find("'messages[0].content[0]'") != std::string::npos);
  CHECK(unable(R"({"messages":[{"role":"tool","content":"x"}]})").find("'messages[0].role'") !=
        std::string::npos);
  CHECK(unable(R"({"messages":7})").find("'messages'") != std::string::npos);
}

// --- answers
// -----------------------------------------------------------------------------------------------------

TEST_CASE("messages: a whole chat answer said as a message, with the charged usage") {
  CHECK(
      messages::answer_from_chat(
          parsed(
              R"({"choices":[{"message":{"role":"assistant","content":"hi","reasoning_content":"hm","tool_calls":[
              {"id":"c1","type":"function","function":{"name":"f","arguments":"{\"x\":1}"}},
              {"id":"c2","type":"function","function":{"name":"g","arguments":""}},
              {"id":"c3","type":"function","function":{"name":"h","arguments":"[1"}}]},"finish_reason":"tool_calls"}],"usage":{"prompt_tokens":1}})"),
          some_usage(), identity) ==
      parsed(
          std::string(
              R"({"id":"req_1","type":"message","role":"assistant","model":"claude-x","content":[{"type":"text","text":"hi"},
              {"type":"tool_use","id":"c1","name":"f","input":{"x":1}},{"type":"tool_use","id":"c2","name":"g","input":{}},
              {"type":"tool_use","id":"c3","name":"h","input":{"arguments":"[1"}}],"stop_reason":"tool_use","stop_sequence":null,"usage":)") +
          some_usage_json + "}"));
}

TEST_CASE("messages: each finish reason in Anthropic's terms, and odd answers") {
  const auto reason = [](const std::string& said, const std::string& message = R"({"content":"x"})") {
    const auto answer = messages::answer_from_chat(
        parsed(R"({"choices":[{"message":)" + message + R"(,"finish_reason":)" + said + "}]}"), {}, identity);
    return answer["stop_reason"].get<std::string>();
  };
  CHECK(reason("\"stop\"") == "end_turn");
  CHECK(reason("\"length\"") == "max_tokens");
  CHECK(reason("\"content_filter\"") == "refusal");
  CHECK(reason("null") == "end_turn");
  CHECK(reason("\"stop\"", R"({"tool_calls":[{"id":"c","function":{"name":"f"}}]})") == "tool_use");
  for (const char* odd : {"{}", "[]", R"({"choices":[]})", R"({"choices":7})", R"({"choices":[null]})",
                          R"({"choices":[{"message":{"content":7,"tool_calls":[null,7]}}]})"}) {
    CHECK(messages::answer_from_chat(parsed(odd), {}, identity)["type"] == "message");
  }
}

TEST_CASE("messages: a stream of text") {
  const auto all = streamed({delta(R"({"role":"assistant","content":""})"), delta(R"({"content":"Hel"})"),
                             delta(R"({"reasoning_content":"hm"})"), delta(R"({"content":"lo"})"),
                             delta("{}", "\"length\""), R"({"choices":[],"usage":{}})"});
  const std::string expected[] = {
      R"({"type":"message_start","message":{"id":"req_1","type":"message","role":"assistant","model":"claude-x","content":[],"stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":0,"output_tokens":0}}})",
      R"({"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}})",
      R"({"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Hel"}})",
      R"({"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"lo"}})",
      R"({"type":"content_block_stop","index":0})",
      std::string(
          R"({"type":"message_delta","delta":{"stop_reason":"max_tokens","stop_sequence":null},"usage":)") +
          some_usage_json + "}",
      R"({"type":"message_stop"})"};
  REQUIRE(all.size() == std::size(expected));
  for (std::size_t i = 0; i < all.size(); ++i) CHECK(all[i] == parsed(expected[i]));
}

namespace {

std::string call(int index, const std::string& members) {
  return delta(R"({"tool_calls":[{"index":)" + std::to_string(index) + "," + members + "}]}");
}
// "start 0 text", "0 {\"x\"", "stop 0": the blocks of a stream in short.
std::vector<std::string> short_blocks(const std::vector<Json>& all) {
  std::vector<std::string> said;
  for (const Json& event : all) {
    if (!event.contains("index")) continue;
    const std::string index = event["index"].dump();
    if (event.contains("content_block")) {
      said.push_back("start " + index + " " + event["content_block"].value("name", "text"));
    } else if (event.contains("delta")) {
      said.push_back(index + " " + event["delta"].value("partial_json", event["delta"].value("text", "")));
    } else {
      said.push_back("stop " + index);
    }
  }
  return said;
}

}  // namespace

TEST_CASE("messages: calls in a stream, one block at a time, as they come") {
  const auto sink = messages::sink(identity);
  std::string out;
  const auto chunk = [&](const std::string& text) {
    out.clear();
    sink->chunk(parsed(text), out);
    return short_blocks(events(out));
  };
  using Said = std::vector<std::string>;
  CHECK(chunk(delta(R"({"content":"a"})")) == Said{"start 0 text", "0 a"});
  CHECK(chunk(call(0, R"("id":"c1","function":{"name":"f","arguments":""})")) == Said{"stop 0", "start 1 f"});
  CHECK(chunk(call(0, R"("function":{"arguments":"{\"x\""})")) == Said{"1 {\"x\""});
  CHECK(chunk(call(0, R"("function":{"arguments":":1}"})")) == Said{"1 :1}"});
  CHECK(chunk(call(1, R"("id":"c2","function":{"name":"g","arguments":"{}"})")) ==
        Said{"stop 1", "start 2 g", "2 {}"});
  CHECK(chunk(delta("{}", "\"tool_calls\"")).empty());
  out.clear();
  sink->end({}, out);
  const auto all = events(out);
  CHECK(short_blocks(all) == Said{"stop 2"});
  CHECK(all[1]["delta"]["stop_reason"] == "tool_use");
}

TEST_CASE("messages: calls whose arguments come in turns lose nothing") {
  const auto all =
      streamed({call(0, R"("id":"c1","function":{"name":"f","arguments":"{\"x\""})"),
                call(1, R"("id":"c2","function":{"name":"g","arguments":"{\"y\""})"),
                call(0, R"("function":{"arguments":":{}"})"), call(1, R"("function":{"arguments":":2}"})"),
                call(0, R"("function":{"arguments":"}"})"), delta(R"({"content":"t"})")});
  CHECK(short_blocks(all) == std::vector<std::string>{"start 0 f", "0 {\"x\"", "0 :{}", "0 }", "stop 0",
                                                      "start 1 g", "1 {\"y\":2}", "stop 1", "start 2 text",
                                                      "2 t", "stop 2"});
}

TEST_CASE("messages: calls without an index of their own are told apart by their ids") {
  const auto all = streamed({call(0, R"("id":"c1","function":{"name":"f","arguments":"{}"})"),
                             call(0, R"("id":"c2","function":{"name":"g","arguments":"{}"})"),
                             delta(R"({"tool_calls":[{"id":"c2","function":{"arguments":" "}}]})"),
                             call(7, R"("id":"c3")")});
  CHECK(short_blocks(all) == std::vector<std::string>{"start 0 f", "0 {}", "stop 0", "start 1 g", "1 {}", "1  ",
                                                      "stop 1", "start 2 ", "stop 2"});
}

TEST_CASE("messages: an empty stream still starts and ends, and odd chunks do no harm") {
  CHECK(streamed({}).size() == 3);
  CHECK(streamed({"{}", "[]", "7",
                  R"({"choices":[{"delta":{"content":7,"tool_calls":[null,{"index":"x","function":[]}]}}]})"})
            .front()["type"] == "message_start");
}
