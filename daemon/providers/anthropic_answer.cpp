// A message of Anthropic's said as a chat completion, whole and streamed
// (platform.claude.com/docs/en/build-with-claude/ streaming, .../handling-stop-reasons;
// platform.openai.com/docs/api-reference/chat/object).

#include <fmt/format.h>

#include <map>
#include <nlohmann/json.hpp>
#include <string>

#include "daemon/providers/anthropic.h"
#include "daemon/providers/anthropic_usage.h"
#include "daemon/providers/json_object.h"

namespace govctl::providers::anthropic {
namespace {

using domain::PriceKind;

std::string dumped(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

std::string text_of(const Json& object, const char* key) {
  if (!object.is_object()) return {};
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string{};
}

Json member(const Json& object, const char* key) {
  if (!object.is_object()) return nullptr;
  const auto found = object.find(key);
  return found == object.end() ? Json(nullptr) : *found;
}

std::string_view finish_reason(std::string_view stop_reason) {
  if (stop_reason == "max_tokens" || stop_reason == "model_context_window_exceeded") return "length";
  if (stop_reason == "tool_use") return "tool_calls";
  if (stop_reason == "refusal") return "content_filter";
  return "stop";  // end_turn, stop_sequence, pause_turn
}

// The arguments of a call as chat has them: JSON in a string.
std::string arguments_of(const Json& block) {
  const Json input = member(block, "input");
  return input.is_object() ? dumped(input) : "{}";
}

Json usage_of(const Json& answer) {
  const Json usage = member(answer, "usage");
  if (!usage.is_object()) return nullptr;
  UsageFigures figures;
  figures.take(dumped(usage));
  const UsageReport report = figures.report();
  if (!report.usage) return nullptr;
  const auto in = report.usage->input_tokens();
  const auto out = report.usage->output_tokens();
  return {{"prompt_tokens", in},
          {"completion_tokens", out},
          {"total_tokens", in + out},
          {"prompt_tokens_details", {{"cached_tokens", (*report.usage)[PriceKind::cache_read]}}}};
}

// What the answer says in chat's terms; blocks that chat has no word for (server tools and their results) are
// left out.
Json message_of(const Json& content) {
  std::string text;
  std::string thinking;
  Json calls = Json::array();
  for (const Json& block : content) {
    const std::string type = text_of(block, "type");
    if (type == "text") {
      text += text_of(block, "text");
    } else if (type == "thinking") {
      thinking += text_of(block, "thinking");
    } else if (type == "tool_use") {
      calls.push_back({{"id", text_of(block, "id")},
                       {"type", "function"},
                       {"function", {{"name", text_of(block, "name")}, {"arguments", arguments_of(block)}}}});
    }
  }
  Json message{{"role", "assistant"}, {"content", nullptr}};
  if (!text.empty() || calls.empty()) message["content"] = std::move(text);
  if (!thinking.empty()) message["reasoning_content"] = std::move(thinking);
  if (!calls.empty()) message["tool_calls"] = std::move(calls);
  return message;
}

class Source final : public ChunkSource {
 public:
  explicit Source(const AnswerIdentity& identity) : identity_(identity) {}
  Result<void> event(const StreamEvent& event, std::vector<Json>& chunks) override;

 private:
  // A tool call in the making.
  struct Call {
    std::int64_t index = 0;  // among the answer's calls
    std::string input;       // what the block began with, for one that has no deltas
    bool has_arguments = false;
  };
  void begin(std::vector<Json>& chunks);
  void say(Json delta, std::vector<Json>& chunks, Json finish = nullptr);
  void arguments(Call& call, std::string text, std::vector<Json>& chunks);
  void block_start(const Json& json, std::vector<Json>& chunks);
  void block_delta(const Json& json, std::vector<Json>& chunks);
  void block_stop(const Json& json, std::vector<Json>& chunks);

  AnswerIdentity identity_;
  bool begun_ = false;
  std::map<std::int64_t, Call> calls_;  // by the index of their block
};

void Source::begin(std::vector<Json>& chunks) {
  if (begun_) return;
  begun_ = true;
  say({{"role", "assistant"}, {"content", ""}}, chunks);
}

void Source::say(Json delta, std::vector<Json>& chunks, Json finish) {
  begin(chunks);
  Json choice{{"index", 0}, {"delta", std::move(delta)}, {"finish_reason", std::move(finish)}};
  chunks.push_back({{"id", identity_.id},
                    {"object", "chat.completion.chunk"},
                    {"created", identity_.created},
                    {"model", identity_.model},
                    {"choices", Json::array({std::move(choice)})}});
}

void Source::arguments(Call& call, std::string text, std::vector<Json>& chunks) {
  if (text.empty()) return;
  call.has_arguments = true;
  Json part{{"index", call.index}, {"function", {{"arguments", std::move(text)}}}};
  say({{"tool_calls", Json::array({std::move(part)})}}, chunks);
}

std::int64_t block_index(const Json& json) {
  const Json index = member(json, "index");
  return index.is_number_integer() ? index.get<std::int64_t>() : -1;
}

void Source::block_start(const Json& json, std::vector<Json>& chunks) {
  const Json block = member(json, "content_block");
  const std::string type = text_of(block, "type");
  if (type == "tool_use") {
    Call call{static_cast<std::int64_t>(calls_.size()), arguments_of(block), false};
    Json part{{"index", call.index},
              {"id", text_of(block, "id")},
              {"type", "function"},
              {"function", {{"name", text_of(block, "name")}, {"arguments", ""}}}};
    calls_.insert_or_assign(block_index(json), std::move(call));
    say({{"tool_calls", Json::array({std::move(part)})}}, chunks);
  } else if (std::string text = text_of(block, "text"); type == "text" && !text.empty()) {
    say({{"content", std::move(text)}}, chunks);
  } else if (std::string thought = text_of(block, "thinking"); type == "thinking" && !thought.empty()) {
    say({{"reasoning_content", std::move(thought)}}, chunks);
  }
}

void Source::block_delta(const Json& json, std::vector<Json>& chunks) {
  const Json delta = member(json, "delta");
  const std::string type = text_of(delta, "type");
  if (type == "text_delta") {
    say({{"content", text_of(delta, "text")}}, chunks);
  } else if (type == "thinking_delta") {
    say({{"reasoning_content", text_of(delta, "thinking")}}, chunks);
  } else if (type == "input_json_delta") {
    // Of a server tool when no call is known.
    const auto call = calls_.find(block_index(json));
    if (call != calls_.end()) arguments(call->second, text_of(delta, "partial_json"), chunks);
  }
}

// A call without arguments streams none, and chat's clients parse what they were given.
void Source::block_stop(const Json& json, std::vector<Json>& chunks) {
  const auto call = calls_.find(block_index(json));
  if (call != calls_.end() && !call->second.has_arguments) arguments(call->second, call->second.input, chunks);
}

Result<void> Source::event(const StreamEvent& event, std::vector<Json>& chunks) {
  const Json json = Json::parse(event.data, nullptr, false);
  if (!json.is_object()) return fail(Code::invalid, "an event that is no JSON object");
  std::string type = text_of(json, "type");
  if (type.empty()) type = event.name;
  if (type == "message_start") {
    begin(chunks);
  } else if (type == "content_block_start") {
    block_start(json, chunks);
  } else if (type == "content_block_delta") {
    block_delta(json, chunks);
  } else if (type == "content_block_stop") {
    block_stop(json, chunks);
  } else if (type == "message_delta") {
    const std::string reason = text_of(member(json, "delta"), "stop_reason");
    if (!reason.empty()) say(Json::object(), chunks, finish_reason(reason));
  }
  return {};
}

}  // namespace

Result<Json> answer_to_chat(const Json& answer, const AnswerIdentity& identity) {
  const Json content = member(answer, "content");
  if (!content.is_array()) return fail(Code::invalid, "the answer is no message: it has no content");
  Json choice{{"index", 0},
              {"message", message_of(content)},
              {"logprobs", nullptr},
              {"finish_reason", finish_reason(text_of(answer, "stop_reason"))}};
  Json chat{{"id", identity.id},
            {"object", "chat.completion"},
            {"created", identity.created},
            {"model", identity.model},
            {"choices", Json::array({std::move(choice)})}};
  if (Json usage = usage_of(answer); !usage.is_null()) chat["usage"] = std::move(usage);
  return chat;
}

std::unique_ptr<ChunkSource> chunks(const AnswerIdentity& identity) {
  return std::make_unique<Source>(identity);
}

}  // namespace govctl::providers::anthropic
