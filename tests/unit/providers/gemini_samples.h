#pragma once
// Answers and streams as Google documents them (ai.google.dev/api/generate-content,
// /gemini-api/docs/function-calling, /gemini-api/docs/thought-signatures), for fake upstreams and for the tests
// of the kind. A stream is the data of its events, in order; there is no terminal event.

#include <string_view>
#include <vector>

namespace govctl::tests::gemini {

// 8 tokens in, 12 out.
constexpr std::string_view answer = R"({
  "candidates": [{"content": {"parts": [{"text": "AI learns patterns from data."}], "role": "model"},
                  "finishReason": "STOP", "index": 0, "avgLogprobs": -0.08}],
  "usageMetadata": {"promptTokenCount": 8, "candidatesTokenCount": 12, "totalTokenCount": 20,
    "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 8}],
    "candidatesTokensDetails": [{"modality": "TEXT", "tokenCount": 12}]},
  "modelVersion": "gemini-2.5-flash", "responseId": "Wf3PaJ"})";

// Two calls in one answer; the first alone is signed. 60 in, 24 out, 100 thought.
constexpr std::string_view calls = R"({
  "candidates": [{"content": {"role": "model", "parts": [
      {"functionCall": {"name": "get_weather", "args": {"city": "Paris"}}, "thoughtSignature": "c2lnLUE="},
      {"functionCall": {"name": "get_weather", "args": {"city": "London"}}}]},
    "finishReason": "STOP", "index": 0}],
  "usageMetadata": {"promptTokenCount": 60, "candidatesTokenCount": 24, "thoughtsTokenCount": 100,
    "totalTokenCount": 184},
  "modelVersion": "gemini-3-pro-preview", "responseId": "Xk2QbA"})";

// The prompt was refused: 5 tokens in, none out.
constexpr std::string_view blocked = R"({"promptFeedback": {"blockReason": "SAFETY"},
  "usageMetadata": {"promptTokenCount": 5, "totalTokenCount": 5}, "modelVersion": "gemini-2.5-flash"})";

// HTTP 400.
constexpr std::string_view error =
    R"({"error": {"code": 400, "message": "API key not valid. Please pass a valid API key.",
  "status": "INVALID_ARGUMENT"}})";

// 8 in, 6 out, 40 thought: a thought, two pieces of text, the end.
inline const std::vector<std::string_view> stream{
    R"({"candidates":[{"content":{"parts":[{"text":"Let me see.","thought":true}],"role":"model"},"index":0}],"usageMetadata":{"promptTokenCount":8,"totalTokenCount":48,"thoughtsTokenCount":40},"responseId":"Wf3PaJ"})",
    R"({"candidates":[{"content":{"parts":[{"text":"AI learns"}],"role":"model"},"index":0}],"usageMetadata":{"promptTokenCount":8,"candidatesTokenCount":2,"totalTokenCount":50,"thoughtsTokenCount":40},"responseId":"Wf3PaJ"})",
    R"({"candidates":[{"content":{"parts":[{"text":" from data."}],"role":"model"},"finishReason":"STOP","index":0}],"usageMetadata":{"promptTokenCount":8,"candidatesTokenCount":6,"totalTokenCount":54,"thoughtsTokenCount":40},"responseId":"Wf3PaJ"})"};

// A call, then an empty text with the end. 60 in, 12 out.
inline const std::vector<std::string_view> call_stream{
    R"({"candidates":[{"content":{"parts":[{"functionCall":{"name":"get_weather","args":{"city":"Paris"}},"thoughtSignature":"c2lnLUE="}],"role":"model"},"index":0}],"usageMetadata":{"promptTokenCount":60,"candidatesTokenCount":12,"totalTokenCount":72}})",
    R"({"candidates":[{"content":{"parts":[{"text":""}],"role":"model"},"finishReason":"STOP","index":0}],"usageMetadata":{"promptTokenCount":60,"candidatesTokenCount":12,"totalTokenCount":72}})"};

// Two texts of three numbers each; no usage.
constexpr std::string_view embeddings =
    R"({"embeddings": [{"values": [0.5, -1, 0.25]}, {"values": [1, 2, 3]}]})";

}  // namespace govctl::tests::gemini
