// Answers of generateContent said as OpenAI chat, whole and streamed; and embeddings.

#include <fmt/format.h>

#include <array>
#include <map>
#include <nlohmann/json.hpp>
#include <utility>

#include "daemon/providers/chat_answer.h"
#include "daemon/providers/embeddings.h"
#include "daemon/providers/gemini.h"
#include "daemon/providers/json_tree.h"

namespace govctl::providers::gemini {
namespace {

std::string_view finish_reason(const std::string& reason, bool calls_tools) {
  if (reason == "STOP") return calls_tools ? "tool_calls" : "stop";
  if (reason == "MAX_TOKENS") return "length";
  // SAFETY, RECITATION, BLOCKLIST, PROHIBITED_CONTENT, SPII, and whatever else Google breaks off for.
  return "content_filter";
}

// Makes the calls of one answer; ids are Google's where it gives them, else made from the answer's.
class Calls {
 public:
  explicit Calls(std::string answer_id) : answer_id_(std::move(answer_id)) {}

  Json chat_call(const Json& part, const Json& call) {
    const std::string* id = string_in(call, "id");
    const std::string* name = string_in(call, "name");
    const Json* args = object_in(call, "args");
    const std::string made = fmt::format("call_{}_{}", answer_id_, count_++);
    Json said = chat_tool_call(id == nullptr || id->empty() ? made : *id, name == nullptr ? "" : *name,
                               args == nullptr ? "{}" : dumped(*args));
    if (const std::string* signature = string_in(part, "thoughtSignature"))
      said["extra_content"]["google"]["thought_signature"] = *signature;
    return said;
  }

 private:
  std::string answer_id_;
  int count_ = 0;
};

ChatMessage message_of(const Json& candidate, Calls& calls) {
  ChatMessage message;
  const Json* content = object_in(candidate, "content");
  const Json* parts = content == nullptr ? nullptr : array_in(*content, "parts");
  if (parts == nullptr) return message;
  for (const Json& part : *parts) {
    if (const Json* call = object_in(part, "functionCall")) {
      message.tool_calls.push_back(calls.chat_call(part, *call));
      continue;
    }
    const Json* thought = given(part, "thought");
    const bool is_thought = thought != nullptr && *thought == true;
    if (const std::string* text = string_in(part, "text"))
      (is_thought ? message.reasoning : message.content) += *text;
    if (const std::string* signature = string_in(part, "thoughtSignature"))
      message.thought_signature = *signature;
  }
  return message;
}

bool is_blocked(const Json& answer) {
  const Json* feedback = object_in(answer, "promptFeedback");
  return feedback != nullptr && string_in(*feedback, "blockReason") != nullptr;
}

std::int64_t index_of(const Json& candidate) {
  bool absurd = false;
  return count_in(candidate, "index", absurd).value_or(0);
}

class Chunks final : public ChunkSource {
 public:
  explicit Chunks(AnswerIdentity identity) : identity_(std::move(identity)), calls_(identity_.id) {}

  Result<void> event(const StreamEvent& event, std::vector<Json>& chunks) override {
    const auto said = parsed_object(event.data);
    if (!said) return std::unexpected(said.error());
    if (given(*said, "error") != nullptr)
      return fail(Code::upstream_failed, "the provider failed in the middle of its answer");
    const Json* candidates = array_in(*said, "candidates");
    if (candidates == nullptr || candidates->empty()) {
      if (is_blocked(*said) && choices_.empty()) {
        begin(0, chunks);
        finish(0, "content_filter", chunks);
      }
      return {};
    }
    for (const Json& candidate : *candidates) add(candidate, chunks);
    return {};
  }

 private:
  struct Choice {
    bool finished = false;
    int tool_calls = 0;
  };

  void begin(std::int64_t index, std::vector<Json>& chunks) {
    if (choices_.try_emplace(index).second)
      chunks.push_back(chat_chunk(identity_, index, Json{{"role", "assistant"}, {"content", ""}}));
  }

  void finish(std::int64_t index, std::string_view reason, std::vector<Json>& chunks) {
    if (std::exchange(choices_[index].finished, true)) return;
    chunks.push_back(chat_chunk(identity_, index, Json::object(), reason));
  }

  void add(const Json& candidate, std::vector<Json>& chunks) {
    const std::int64_t index = index_of(candidate);
    begin(index, chunks);
    ChatMessage message = message_of(candidate, calls_);
    const auto tell = [&](Json delta) { chunks.push_back(chat_chunk(identity_, index, std::move(delta))); };
    if (!message.reasoning.empty()) tell(Json{{"reasoning_content", std::move(message.reasoning)}});
    if (!message.content.empty() || !message.thought_signature.empty()) {
      Json delta{{"content", std::move(message.content)}};
      if (!message.thought_signature.empty())
        delta["extra_content"]["google"]["thought_signature"] = std::move(message.thought_signature);
      tell(std::move(delta));
    }
    for (Json& call : message.tool_calls) {
      Json numbered{{"index", choices_[index].tool_calls++}};
      numbered.update(call);
      Json list = Json::array();
      list.push_back(std::move(numbered));
      tell(Json{{"tool_calls", std::move(list)}});
    }
    if (const std::string* reason = string_in(candidate, "finishReason"))
      finish(index, finish_reason(*reason, choices_[index].tool_calls > 0), chunks);
  }

  AnswerIdentity identity_;
  Calls calls_;
  std::map<std::int64_t, Choice> choices_;
};

}  // namespace

Result<Json> answer_to_chat(const Json& answer, const AnswerIdentity& identity) {
  Json choices = Json::array();
  Calls calls(identity.id);
  const Json* candidates = array_in(answer, "candidates");
  if (candidates != nullptr) {
    for (const Json& candidate : *candidates) {
      ChatMessage message = message_of(candidate, calls);
      const std::string* reason = string_in(candidate, "finishReason");
      const std::string_view finish =
          finish_reason(reason == nullptr ? std::string("STOP") : *reason, !message.tool_calls.empty());
      choices.push_back(chat_choice(index_of(candidate), std::move(message), finish));
    }
  }
  if (choices.empty() && is_blocked(answer)) choices.push_back(chat_choice(0, {}, "content_filter"));
  if (choices.empty()) return fail(Code::upstream_failed, "the provider answered without a candidate");
  const Json* metadata = given(answer, "usageMetadata");
  return chat_answer(identity, std::move(choices), metadata == nullptr ? UsageReport{} : read_usage(*metadata));
}

std::unique_ptr<ChunkSource> chunks(const AnswerIdentity& identity) {
  return std::make_unique<Chunks>(identity);
}

Result<Json> embeddings_to_openai(const Json& answer, const AnswerIdentity& identity) {
  const Json* list = array_in(answer, "embeddings");
  if (list == nullptr) return fail(Code::upstream_failed, "the provider answered without embeddings");
  std::vector<const Json*> vectors;
  for (const Json& embedding : *list) vectors.push_back(array_in(embedding, "values"));
  const Json* metadata = given(answer, "usageMetadata");
  return embeddings_answer(identity, vectors, metadata == nullptr ? UsageReport{} : read_usage(*metadata));
}

}  // namespace govctl::providers::gemini
