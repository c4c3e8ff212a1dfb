// Cohere's answers said as OpenAI's, whole and streamed; and embeddings.

#include <map>
#include <nlohmann/json.hpp>
#include <utility>

#include "daemon/providers/chat_answer.h"
#include "daemon/providers/cohere.h"
#include "daemon/providers/embeddings.h"
#include "daemon/providers/json_tree.h"

namespace govctl::providers::cohere {
namespace {

std::string_view text_in(const Json& object, std::string_view key) {
  const std::string* text = string_in(object, key);
  return text == nullptr ? std::string_view{} : *text;
}

std::string_view finish_reason(std::string_view reason) {
  if (reason == "MAX_TOKENS") return "length";
  if (reason == "TOOL_CALL") return "tool_calls";
  return "stop";  // COMPLETE, STOP_SEQUENCE
}

std::unexpected<Error> failed(std::string_view reason) {
  if (reason == "TIMEOUT") return fail(Code::timeout, "the provider ran out of time for its answer");
  return fail(Code::upstream_failed, "the provider failed in the middle of its answer");
}

std::unexpected<Error> unknown_call() {
  return fail(Code::upstream_failed, "the provider went on with a tool call that it had not begun");
}

Json chat_call(const Json& call) {
  static const Json nothing = Json::object();
  const Json* function = object_in(call, "function");
  const Json& named = function == nullptr ? nothing : *function;
  return chat_tool_call(text_in(call, "id"), text_in(named, "name"), text_in(named, "arguments"));
}

class Chunks final : public ChunkSource {
 public:
  explicit Chunks(AnswerIdentity identity) : identity_(std::move(identity)) {}

  Result<void> event(const StreamEvent& event, std::vector<Json>& chunks) override {
    if (event.data == "[DONE]") return {};
    const auto said = parsed_object(event.data);
    if (!said) return std::unexpected(said.error());
    const std::string_view type = text_in(*said, "type");
    if (type.empty() && given(*said, "message") != nullptr) return failed({});
    const Json* delta = object_in(*said, "delta");
    if (delta == nullptr) return {};
    if (type == "message-end") return end(*delta, chunks);
    const Json* message = object_in(*delta, "message");
    if (message == nullptr) return {};
    if (type == "content-start" || type == "content-delta") content(*message, chunks);
    if (type == "tool-plan-delta") reason(text_in(*message, "tool_plan"), chunks);
    const Json* call = object_in(*message, "tool_calls");
    if (call == nullptr) return {};
    if (type == "tool-call-start") begin_call(*said, *call, chunks);
    if (type == "tool-call-delta") return continue_call(*said, *call, chunks);
    return {};
  }

 private:
  void tell(Json delta, std::vector<Json>& chunks, std::string_view finish = {}) {
    if (!std::exchange(begun_, true))
      chunks.push_back(chat_chunk(identity_, 0, Json{{"role", "assistant"}, {"content", ""}}));
    chunks.push_back(chat_chunk(identity_, 0, std::move(delta), finish));
  }

  void reason(std::string_view text, std::vector<Json>& chunks) {
    if (!text.empty()) tell(Json{{"reasoning_content", text}}, chunks);
  }

  void content(const Json& message, std::vector<Json>& chunks) {
    const Json* block = object_in(message, "content");
    if (block == nullptr) return;
    reason(text_in(*block, "thinking"), chunks);
    const std::string_view text = text_in(*block, "text");
    if (!text.empty()) tell(Json{{"content", text}}, chunks);
  }

  void tell_call(Json call, std::vector<Json>& chunks) {
    Json list = Json::array();
    list.push_back(std::move(call));
    tell(Json{{"tool_calls", std::move(list)}}, chunks);
  }

  static std::int64_t index_of(const Json& event) {
    bool absurd = false;
    return count_in(event, "index", absurd).value_or(0);
  }

  void begin_call(const Json& event, const Json& call, std::vector<Json>& chunks) {
    const std::int64_t number = next_call_++;
    calls_[index_of(event)] = number;
    Json numbered{{"index", number}};
    numbered.update(chat_call(call));
    tell_call(std::move(numbered), chunks);
  }

  Result<void> continue_call(const Json& event, const Json& call, std::vector<Json>& chunks) {
    const auto number = calls_.find(index_of(event));
    if (number == calls_.end()) return unknown_call();
    const Json* function = object_in(call, "function");
    const std::string_view more = function == nullptr ? std::string_view{} : text_in(*function, "arguments");
    if (more.empty()) return {};
    tell_call(Json{{"index", number->second}, {"function", Json{{"arguments", more}}}}, chunks);
    return {};
  }

  Result<void> end(const Json& delta, std::vector<Json>& chunks) {
    const std::string_view reason = text_in(delta, "finish_reason");
    if (given(delta, "error") != nullptr || is_failure(reason)) return failed(reason);
    if (!reason.empty() && !std::exchange(ended_, true)) tell(Json::object(), chunks, finish_reason(reason));
    return {};
  }

  AnswerIdentity identity_;
  std::map<std::int64_t, std::int64_t> calls_;  // Cohere's index of a call to ours
  std::int64_t next_call_ = 0;
  bool begun_ = false;
  bool ended_ = false;
};

}  // namespace

Result<Json> answer_to_chat(const Json& answer, const AnswerIdentity& identity) {
  const Json* said = object_in(answer, "message");
  const std::string_view reason = text_in(answer, "finish_reason");
  if (is_failure(reason)) return failed(reason);
  if (said == nullptr) return fail(Code::upstream_failed, "the provider answered without a message");
  ChatMessage message;
  message.reasoning = text_in(*said, "tool_plan");
  message.content = text_in(*said, "content");
  if (const Json* blocks = array_in(*said, "content")) {
    for (const Json& block : *blocks) {
      message.content += text_in(block, "text");
      message.reasoning += text_in(block, "thinking");
    }
  }
  if (const Json* calls = array_in(*said, "tool_calls")) {
    for (const Json& call : *calls) message.tool_calls.push_back(chat_call(call));
  }
  Json choices = Json::array();
  choices.push_back(chat_choice(0, std::move(message), finish_reason(reason)));
  const Json* usage = given(answer, "usage");
  return chat_answer(identity, std::move(choices), usage == nullptr ? UsageReport{} : read_usage(*usage));
}

std::unique_ptr<ChunkSource> chunks(const AnswerIdentity& identity) {
  return std::make_unique<Chunks>(identity);
}

Result<Json> embeddings_to_openai(const Json& answer, const AnswerIdentity& identity) {
  const Json* embeddings = object_in(answer, "embeddings");
  const Json* list = embeddings == nullptr ? nullptr : array_in(*embeddings, "float");
  if (list == nullptr) return fail(Code::upstream_failed, "the provider answered without embeddings");
  std::vector<const Json*> vectors;
  for (const Json& vector : *list) vectors.push_back(&vector);
  const Json* meta = given(answer, "meta");
  return embeddings_answer(identity, vectors, meta == nullptr ? UsageReport{} : read_usage(*meta));
}

}  // namespace govctl::providers::cohere
