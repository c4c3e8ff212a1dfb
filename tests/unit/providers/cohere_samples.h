#pragma once
// Answers and streams as Cohere documents them (docs.cohere.com/reference/chat, /reference/chat-stream,
// /v2/docs/tool-use-streaming, /reference/embed), for fake upstreams and for the tests of the kind. A stream is
// the data of its events, in order; each event's SSE name is the data's type.

#include <string_view>
#include <vector>

namespace govctl::tests::cohere {

// Billed: 5 in, 418 out.
constexpr std::string_view answer = R"({"id": "c14c80c3", "finish_reason": "COMPLETE",
  "message": {"role": "assistant", "content": [{"type": "text", "text": "LLMs are models."}]},
  "usage": {"billed_units": {"input_tokens": 5, "output_tokens": 418},
            "tokens": {"input_tokens": 71, "output_tokens": 418}}})";

// Two calls after a plan. Billed: 37 in, 28 out.
constexpr std::string_view calls = R"({"id": "a1b2", "finish_reason": "TOOL_CALL",
  "message": {"role": "assistant", "tool_plan": "I will look twice.", "tool_calls": [
    {"id": "get_weather_1", "type": "function", "function": {"name": "get_weather", "arguments": "{\"city\":\"Madrid\"}"}},
    {"id": "get_weather_2", "type": "function", "function": {"name": "get_weather", "arguments": "{\"city\":\"Brasilia\"}"}}]},
  "usage": {"billed_units": {"input_tokens": 37, "output_tokens": 28},
            "tokens": {"input_tokens": 913, "output_tokens": 82}}})";

// HTTP 401.
constexpr std::string_view error = R"({"id": "e0", "message": "invalid api token"})";

// Billed: 3 in, 4 out.
inline const std::vector<std::string_view> stream{
    R"({"type":"message-start","id":"29f14a5a","delta":{"message":{"role":"assistant","content":[],"tool_plan":"","tool_calls":[],"citations":[]}}})",
    R"({"type":"content-start","index":0,"delta":{"message":{"content":{"type":"text","text":""}}}})",
    R"({"type":"content-delta","index":0,"delta":{"message":{"content":{"text":"LLMs"}}}})",
    R"({"type":"content-delta","index":0,"delta":{"message":{"content":{"text":" are models."}}}})",
    R"({"type":"content-end","index":0})",
    R"({"type":"message-end","delta":{"finish_reason":"COMPLETE","usage":{"billed_units":{"input_tokens":3,"output_tokens":4},"tokens":{"input_tokens":66,"output_tokens":4}}}})"};

// A plan and two calls. Billed: 37 in, 28 out.
inline const std::vector<std::string_view> call_stream{
    R"({"type":"message-start","id":"29f14a5a","delta":{"message":{"role":"assistant"}}})",
    R"({"type":"tool-plan-delta","delta":{"message":{"tool_plan":"I will"}}})",
    R"({"type":"tool-plan-delta","delta":{"message":{"tool_plan":" look."}}})",
    R"({"type":"tool-call-start","index":0,"delta":{"message":{"tool_calls":{"id":"get_weather_1","type":"function","function":{"name":"get_weather","arguments":""}}}}})",
    R"({"type":"tool-call-delta","index":0,"delta":{"message":{"tool_calls":{"function":{"arguments":"{\"city\":"}}}}})",
    R"({"type":"tool-call-delta","index":0,"delta":{"message":{"tool_calls":{"function":{"arguments":"\"Madrid\"}"}}}}})",
    R"({"type":"tool-call-end","index":0})",
    R"({"type":"tool-call-start","index":1,"delta":{"message":{"tool_calls":{"id":"get_weather_2","type":"function","function":{"name":"get_weather","arguments":""}}}}})",
    R"({"type":"tool-call-delta","index":1,"delta":{"message":{"tool_calls":{"function":{"arguments":"{}"}}}}})",
    R"({"type":"tool-call-end","index":1})",
    R"({"type":"message-end","delta":{"finish_reason":"TOOL_CALL","usage":{"billed_units":{"input_tokens":37.0,"output_tokens":28.0,"search_units":null},"tokens":{"input_tokens":913.0,"output_tokens":82.0}}}})",
    "[DONE]"};

// Two texts of three numbers each. Billed: 2 in.
constexpr std::string_view embeddings = R"({"id": "da6e531f", "texts": ["hello", "goodbye"],
  "embeddings": {"float": [[0.5, -1, 0.25], [1, 2, 3]]},
  "meta": {"api_version": {"version": "2"}, "billed_units": {"input_tokens": 2}},
  "response_type": "embeddings_by_type"})";

}  // namespace govctl::tests::cohere
