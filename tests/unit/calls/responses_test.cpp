#include "daemon/calls/responses.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

using namespace govctl;
using namespace govctl::calls;

namespace {

// `members` beside a model and an input.
std::string body(const std::string& members) {
  return R"({"model":"gpt-5","input":"hi")" + (members.empty() ? "" : "," + members) + "}";
}
std::string with_input(const std::string& input) { return R"({"model":"gpt-5","input":)" + input + "}"; }
std::string with_part(const std::string& part) {
  return with_input(R"([{"type":"message","role":"user","content":[)" + part + "]}]");
}
domain::Refusal refused(const std::string& text) {
  INFO(text);
  const auto request = responses::parse(text);
  REQUIRE_FALSE(request);
  CHECK(request.error().cause == domain::Cause::bad_request);
  return request.error();
}
domain::Ask asked(const std::string& text) {
  INFO(text);
  const auto request = responses::parse(text);
  REQUIRE(request);
  return request->ask;
}

}  // namespace

TEST_CASE("responses: what a request asks for") {
  const std::string text = body(
      R"("max_output_tokens":50,"stream":true,"store":false,"user":"alice","safety_identifier":"s","instructions":"be brief")");
  const auto request = responses::parse(text);
  REQUIRE(request);
  CHECK(request->ask.model == "gpt-5");
  CHECK(request->ask.max_tokens == 50);
  CHECK(request->ask.choices == 1);
  CHECK(request->ask.stream);
  CHECK(request->user == "alice");
  CHECK(request->ask.text_bytes == static_cast<std::int64_t>(text.size()));
  CHECK(request->ask.costly.empty());
  CHECK_FALSE(request->ask.whole_context);
  CHECK_FALSE(request->ask.no_output);
  CHECK(responses::parse(body(R"("safety_identifier":"s")"))->user == "s");
}

TEST_CASE("responses: null is as good as absent") {
  const auto ask = asked(body(
      R"("max_output_tokens":null,"stream":null,"tools":null,"previous_response_id":null,"conversation":null,"prompt":null,"background":null,"service_tier":null,"user":null)"));
  CHECK_FALSE(ask.max_tokens);
  CHECK_FALSE(ask.stream);
  CHECK_FALSE(ask.whole_context);
  CHECK(ask.costly.empty());
}

TEST_CASE("responses: each governed field: twice, in another spelling, of a wrong type, out of bounds") {
  struct Row {
    const char* parameter;
    const char* members;
  };
  const Row table[] = {
      {"", R"("model":"other")"},
      {"", R"("max_output_tokens":1,"max_output_tokens":2)"},
      {"Model", R"("Model":"other")"},
      {"Input", R"("Input":"x")"},
      {"Instructions", R"("Instructions":"x")"},
      {"MAX_OUTPUT_TOKENS", R"("MAX_OUTPUT_TOKENS":2)"},
      {"Stream", R"("Stream":true)"},
      {"Tools", R"("Tools":[])"},
      {"Background", R"("Background":true)"},
      {"Previous_Response_Id", R"("Previous_Response_Id":"resp_1")"},
      {"Conversation", R"("Conversation":"c")"},
      {"Prompt", R"("Prompt":{})"},
      {"Service_Tier", R"("Service_Tier":"priority")"},
      {"max_output_tokens", R"("max_output_tokens":0)"},
      {"max_output_tokens", R"("max_output_tokens":"5")"},
      {"max_output_tokens", R"("max_output_tokens":1e3)"},
      {"max_output_tokens", R"("max_output_tokens":1000000001)"},
      {"stream", R"("stream":1)"},
      {"background", R"("background":"yes")"},
      {"user", R"("user":5)"},
      {"safety_identifier", R"("safety_identifier":5)"},
      {"tools", R"("tools":{})"},
      {"tools", R"("tools":[1])"},
      {"tools", R"("tools":[{"name":"f"}])"},
      {"tools", R"("tools":[{"type":"namespace","name":"n","tools":[7]}])"},
  };
  for (const Row& row : table) CHECK(refused(body(row.members)).parameter == row.parameter);
}

TEST_CASE("responses: a model and an input must be there, or a stored prompt instead of an input") {
  CHECK(refused(R"({"input":"x"})").parameter == "model");
  CHECK(refused(R"({"model":"m"})").parameter == "input");
  CHECK(refused(R"({"model":"m","input":{}})").parameter == "input");
  CHECK(refused(R"({"model":"m","input":7})").parameter == "input");
  CHECK(asked(R"({"model":"m","prompt":{"id":"pmpt_1"}})").whole_context);
  for (const char* text : {"", "[]", "x", "{", R"({"model":"m","input":"x"} y)"}) refused(text);
}

TEST_CASE("responses: what the server keeps is held at the context window") {
  CHECK(asked(body(R"("previous_response_id":"resp_1")")).whole_context);
  CHECK(asked(body(R"("conversation":"conv_1")")).whole_context);
  CHECK(asked(body(R"("conversation":{"id":"conv_1"})")).whole_context);
  CHECK(asked(body(R"("prompt":{"id":"pmpt_1"})")).whole_context);
}

TEST_CASE("responses: an inline image counts as an image and not as its base64") {
  const std::string picture = "data:image/png;base64," + std::string(100'000, 'A');
  const std::string text = with_part(
      R"({"type":"input_text","text":"what is it?"},{"type":"input_image","file_id":null,"image_url":")" +
      picture + R"(","detail":"auto"})");
  const auto ask = asked(text);
  CHECK(ask.text_bytes == static_cast<std::int64_t>(text.size() - picture.size()));
  CHECK(ask.media_tokens == 48'169);
  CHECK_FALSE(ask.whole_context);
  const auto result = asked(with_input(
      R"([{"type":"function_call_output","call_id":"c","output":[{"type":"input_image","image_url":")" +
      picture + R"("}]}])"));
  CHECK(result.media_tokens == 48'169);
  CHECK_FALSE(result.whole_context);
}

TEST_CASE("responses: what is only referred to, or not known, is held at the context window") {
  for (const char* part : {
           R"({"type":"input_image","image_url":"https://example.com/a.png"})",
           R"({"type":"input_image","file_id":"file_1"})",
           R"({"type":"input_image","image_url":"data:,","file_id":"file_1"})",
           R"({"type":"input_image"})",
           R"({"type":"input_file","file_id":"file_1"})",
           R"({"type":"input_file","file_url":"https://example.com/a.pdf"})",
           R"({"type":"input_file","file_data":"data:application/pdf;base64,AAAA"})",
           R"({"type":"input_audio","input_audio":{"data":"AAAA","format":"wav"}})",
           R"({"type":"input_text","text":"x","image_url":"https://example.com/a.png"})",
           R"({"type":"something_new"})",
           R"({"text":"x"})",
           R"({"type":"input_image","type":"input_text","text":"x"})",
           R"("x")",
           "7",
       }) {
    INFO(part);
    CHECK(asked(with_part(part)).whole_context);
  }
  for (
      const char* item : {
          R"({"type":"item_reference","id":"msg_1"})",
          R"({"id":"msg_1"})",
          R"({"type":"compaction","encrypted_content":"AAAA"})",
          R"({"type":"computer_call_output","call_id":"c","output":{"type":"computer_screenshot","file_id":"f"}})",
          R"({"type":"something_new"})",
          R"({"role":"user","content":{"type":"input_text"}})",
          R"({"role":"user","content":"x","content":"y"})",
          R"({"type":"function_call","call_id":"c","name":"f","arguments":"{}","file_id":"f"})",
          R"("x")",
      }) {
    INFO(item);
    CHECK(asked(with_input("[" + std::string(item) + "]")).whole_context);
  }
}

TEST_CASE("responses: a conversation of text, calls, results and reasoning is its own text") {
  CHECK_FALSE(asked(with_input(R"([
    {"role":"user","content":"the \"image_url\" of \"type\" file"},
    {"type":"message","role":"assistant","content":[{"type":"output_text","text":"x","annotations":[]}]},
    {"type":"reasoning","id":"rs_1","summary":[{"type":"summary_text","text":"x"}],"encrypted_content":"gAAA"},
    {"type":"function_call","call_id":"c","name":"f","arguments":"{\"file\":1}"},
    {"type":"function_call_output","call_id":"c","output":"done"},
    {"type":"custom_tool_call","call_id":"d","name":"apply_patch","input":"*** Begin"},
    {"type":"custom_tool_call_output","call_id":"d","output":[{"type":"input_text","text":"ok"}]}])"))
                  .whole_context);
}

TEST_CASE("responses: what costs extra is named") {
  using Names = std::vector<std::string>;
  const auto tools = [](const std::string& list) { return asked(body(R"("tools":[)" + list + "]")).costly; };
  CHECK(tools(R"({"type":"function","name":"f","parameters":{"type":"object"}},{"type":"custom","name":"c"})")
            .empty());
  CHECK(tools(R"({"type":"local_shell"},{"type":"apply_patch"},{"type":"tool_search","execution":"client"})")
            .empty());
  CHECK(tools(R"({"type":"namespace","name":"n","tools":[{"type":"function","name":"f"}]})").empty());
  CHECK(tools(R"({"type":"namespace","name":"n","tools":[{"type":"mcp"}]})") == Names{"mcp"});
  CHECK(tools(R"({"type":"namespace","name":"n"})") == Names{"namespace"});
  CHECK(tools(R"({"type":"tool_search"})") == Names{"tool_search"});
  for (const char* type : {"web_search", "web_search_preview", "web_search_2025_08_26", "file_search",
                           "code_interpreter", "computer_use_preview", "image_generation", "mcp", "shell"}) {
    CHECK(tools(R"({"type":")" + std::string(type) + R"("})") == Names{type});
  }
  CHECK(asked(body(R"("background":true)")).costly == Names{"background"});
  CHECK(asked(body(R"("background":false)")).costly.empty());
  for (const char* tier : {R"("flex")", R"("priority")", R"("scale")", "7"}) {
    CHECK(asked(body(R"("service_tier":)" + std::string(tier))).costly == Names{"service_tier"});
  }
  CHECK(asked(body(R"("service_tier":"auto")")).costly.empty());
  CHECK(asked(body(R"("service_tier":"default")")).costly.empty());
}

TEST_CASE("responses: the model and the bound are changed, and every other byte stays") {
  const std::string text = "{ \"model\" : \"openai/gpt-5\",\n\"input\":\"h\xc3\xa9\" , \"top_p\":0.10 }";
  const auto request = responses::parse(text);
  REQUIRE(request);
  Edits edits;
  CHECK(responses::edited(text, *request, edits) == text);
  edits.model = "gpt-5";
  edits.max_tokens = 300;
  CHECK(responses::edited(text, *request, edits) ==
        "{ \"model\" : \"gpt-5\",\n\"input\":\"h\xc3\xa9\" , \"top_p\":0.10 ,\"max_output_tokens\":300}");
  const std::string bounded = body(R"("max_output_tokens":900)");
  edits.model = std::nullopt;
  CHECK(responses::edited(bounded, *responses::parse(bounded), edits) == body(R"("max_output_tokens":300)"));
  const Dialect& dialect = responses::dialect();
  CHECK(dialect.name == "responses");
  CHECK(dialect.format == providers::Format::responses);
}
