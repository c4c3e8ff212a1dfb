#include "daemon/calls/chat.h"

#include <catch2/catch.hpp>

using namespace govctl;
using namespace govctl::calls;

namespace {

// `members` beside a model and a message.
std::string body(const std::string& members) {
  return R"({"model":"gpt-4o","messages":[{"role":"user","content":"hi"}])" +
         (members.empty() ? "" : "," + members) + "}";
}
std::string with_content(const std::string& content) {
  return R"({"model":"gpt-4o","messages":[{"role":"user","content":)" + content + "}]}";
}
domain::Refusal refused(const std::string& text) {
  INFO(text);
  const auto request = chat::parse(text);
  REQUIRE_FALSE(request);
  CHECK(request.error().cause == domain::Cause::bad_request);
  return request.error();
}
domain::Ask asked(const std::string& text) {
  INFO(text);
  const auto request = chat::parse(text);
  REQUIRE(request);
  return request->ask;
}

}  // namespace

TEST_CASE("what a request asks for") {
  const std::string text =
      body(R"("max_tokens":50,"n":3,"stream":true,"stream_options":{"include_usage":true},"user":"alice")");
  const auto request = chat::parse(text);
  REQUIRE(request);
  CHECK(request->ask.model == "gpt-4o");
  CHECK(request->ask.max_tokens == 50);
  CHECK(request->ask.choices == 3);
  CHECK(request->ask.stream);
  CHECK(request->include_usage);
  CHECK(request->user == "alice");
  CHECK(request->ask.text_bytes == static_cast<std::int64_t>(text.size()));
  CHECK(request->ask.costly.empty());
  CHECK_FALSE(request->ask.whole_context);
}

TEST_CASE("null is as good as absent") {
  const auto ask = asked(body(
      R"("max_tokens":null,"n":null,"stream":null,"stream_options":null,"user":null,"tools":null,"web_search_options":null)"));
  CHECK_FALSE(ask.max_tokens);
  CHECK(ask.choices == 1);
  CHECK_FALSE(ask.stream);
  CHECK(ask.costly.empty());
}

TEST_CASE("each governed field: twice, in another spelling, of a wrong type, out of bounds") {
  struct Row {
    const char* parameter;
    const char* members;
  };
  const Row table[] = {
      {"", R"("model":"other")"},
      {"Model", R"("Model":"other")"},
      {"", R"("max_tokens":1,"max_tokens":2)"},
      {"MAX_TOKENS", R"("max_tokens":1,"MAX_TOKENS":2)"},
      {"Max_Completion_Tokens", R"("Max_Completion_Tokens":2)"},
      {"N", R"("N":2)"},
      {"Stream", R"("Stream":true)"},
      {"Messages", R"("Messages":[])"},
      {"Tools", R"("Tools":[])"},
      {"max_tokens", R"("max_tokens":1,"max_completion_tokens":1)"},
      {"max_tokens", R"("max_tokens":"5")"},
      {"max_tokens", R"("max_tokens":0)"},
      {"max_tokens", R"("max_tokens":-1)"},
      {"max_tokens", R"("max_tokens":1.5)"},
      {"max_tokens", R"("max_tokens":1e3)"},
      {"max_tokens", R"("max_tokens":1000000001)"},
      {"max_tokens", R"("max_tokens":9223372036854775808)"},
      {"max_completion_tokens", R"("max_completion_tokens":true)"},
      {"n", R"("n":0)"},
      {"n", R"("n":-1)"},
      {"n", R"("n":129)"},
      {"n", R"("n":"1")"},
      {"n", R"("n":18446744073709551617)"},
      {"stream", R"("stream":"true")"},
      {"stream", R"("stream":1)"},
      {"stream_options", R"("stream_options":{"include_usage":true})"},
      {"stream_options", R"("stream":true,"stream_options":[])"},
      {"stream_options", R"("stream":true,"stream_options":{"include_usage":1})"},
      {"stream_options", R"("stream":true,"stream_options":{"include_usage":false,"include_usage":true})"},
      {"stream_options", R"("stream":true,"stream_options":{"include_usage":true,"Include_Usage":false})"},
      {"user", R"("user":5)"},
      {"tools", R"("tools":{})"},
      {"tools", R"("tools":[1])"},
      {"tools", R"("tools":[{"function":{}}])"},
  };
  for (const Row& row : table) CHECK(refused(body(row.members)).parameter == row.parameter);
  CHECK(asked(body(R"("max_tokens":1000000000)")).max_tokens == 1'000'000'000);
  CHECK(asked(body(R"("n":128)")).choices == 128);
}

TEST_CASE("a model and messages must be there") {
  CHECK(refused(R"({"messages":[]})").parameter == "model");
  CHECK(refused(R"({"model":null,"messages":[]})").parameter == "model");
  CHECK(refused(R"({"model":5,"messages":[]})").parameter == "model");
  CHECK(refused(R"({"model":"","messages":[]})").parameter == "model");
  CHECK(refused(R"({"model":"a b","messages":[]})").parameter == "model");
  CHECK(refused(R"({"model":"a\u0000","messages":[]})").parameter == "model");
  CHECK(refused(R"({"model":")" + std::string(201, 'a') + R"(","messages":[]})").parameter == "model");
  CHECK(refused(R"({"model":"m"})").parameter == "messages");
  CHECK(refused(R"({"model":"m","messages":{}})").parameter == "messages");
  CHECK(refused(R"({"model":"m","messages":"hi"})").parameter == "messages");
  for (const char* text : {"", "[]", "x", "{", R"({"model":"m","messages":[]} x)"}) refused(text);
  CHECK(refused("{\"model\":\"\xff\",\"messages\":[]}").message.find("not JSON") != std::string::npos);
}

TEST_CASE("a user's name is kept to 200 bytes, whole characters") {
  std::string name;
  for (int i = 0; i < 101; ++i) name += "\xc3\xa9";
  const std::string text = body(R"("user":"x)" + name + "\"");
  const auto request = chat::parse(text);
  REQUIRE(request);
  CHECK(request->user.size() == 199);
}

TEST_CASE("an inline image counts as an image and not as its base64") {
  const std::string picture = "data:image/png;base64," + std::string(100'000, 'A');
  const std::string text =
      with_content(R"([{"type":"text","text":"what is it?"},{"type":"image_url","image_url":{"url":")" +
                   picture + R"("}}])");
  const auto ask = asked(text);
  CHECK(ask.text_bytes == static_cast<std::int64_t>(text.size() - picture.size()));
  CHECK(ask.media_tokens == 48'169);
  CHECK_FALSE(ask.whole_context);
}

TEST_CASE("what is only referred to is held at the context window, however it is written") {
  for (const char* content : {
           R"([{"type":"image_url","image_url":{"url":"https://example.com/a.png"}}])",
           R"([{"type":"image_url","image_url":"https://example.com/a.png"}])",
           R"([{"type":"image_url"}])",
           R"([{"type":"input_audio","input_audio":{"data":"AAAA","format":"wav"}}])",
           R"([{"type":"file","file":{"file_id":"f"}}])",
           R"([{"type":"video_url","video_url":{"url":"https://example.com/a.mp4"}}])",
           R"([{"type":"something_new"}])",
           R"([{"type":"image\u005furl","image\u005furl":{"url":"https://example.com/a.png"}}])",
           R"([{"typ\u0065":"image_url","image_url":{"url":"https://example.com/a.png"}}])",
           R"([{"type":"image_url","image_url":{"url":"https://example.com/a.png"},"type":"text","text":"x"}])",
           R"([{"type":"text","text":"x","image_url":{"url":"https://example.com/a.png"}}])",
           R"([{"type":"image_url","image_url":{"url":"data:,","url":"https://example.com/a.png"}}])",
           R"([{"type":"image_url","image_url":{"url":"data:,"},"file":{"file_id":"f"}}])",
       }) {
    INFO(content);
    CHECK(asked(with_content(content)).whole_context);
  }
  CHECK(asked(R"({"model":"m","messages":[{"role":"assistant","audio":{"id":"audio_1"}}]})").whole_context);
  CHECK(
      asked(
          R"({"model":"m","messages":[{"content":"x","content":[{"type":"image_url","image_url":{"url":"https://x"}}]}]})")
          .whole_context);
}

TEST_CASE("text that speaks of images is text") {
  CHECK_FALSE(asked(with_content(R"("the \"image_url\" of \"type\" file")")).whole_context);
  CHECK_FALSE(
      asked(with_content(
                R"([{"type":"text","text":"caf\u00e9 \"image_url\"","cache_control":{"type":"ephemeral"}}])"))
          .whole_context);
  CHECK_FALSE(
      asked(
          R"({"model":"m","messages":[{"role":"assistant","content":null,"tool_calls":[{"id":"c","type":"function","function":{"name":"f","arguments":"{\"file\":1}"}}]},{"role":"tool","tool_call_id":"c","content":"x"}]})")
          .whole_context);
}

TEST_CASE("request fields that cost extra are named") {
  CHECK(asked(body(R"("web_search_options":{})")).costly == std::vector<std::string>{"web_search_options"});
  CHECK(asked(body(R"("prediction":{"type":"content","content":"x"},"audio":{"voice":"v"})")).costly ==
        std::vector<std::string>{"prediction", "audio"});
  CHECK(asked(body(R"("service_tier":"flex")")).costly == std::vector<std::string>{"service_tier"});
  CHECK(asked(body(R"("service_tier":7)")).costly == std::vector<std::string>{"service_tier"});
  CHECK(asked(body(R"("service_tier":"auto")")).costly.empty());
  CHECK(asked(body(R"("service_tier":"default")")).costly.empty());
  CHECK(asked(body(R"("tools":[{"type":"function","function":{"name":"f","parameters":{"type":"object"}}}])"))
            .costly.empty());
  CHECK(asked(body(R"("tools":[{"type":"function","function":{"name":"f"}},{"type":"web_search"}])")).costly ==
        std::vector<std::string>{"web_search"});
}
