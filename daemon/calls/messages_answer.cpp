// A chat answer said as a message of Anthropic's, whole and streamed
// (platform.claude.com/docs/en/build-with-claude/ streaming).

#include <fmt/format.h>

#include <map>
#include <nlohmann/json.hpp>

#include "daemon/calls/messages.h"

namespace govctl::calls::messages {

using domain::PriceKind;
using domain::Usage;
using providers::AnswerIdentity;
using providers::Json;

namespace {

std::string dumped(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

const Json& member(const Json& object, const char* key) {
  static const Json none;
  if (!object.is_object()) return none;
  const auto found = object.find(key);
  return found == object.end() ? none : *found;
}

std::string text_of(const Json& object, const char* key) {
  const Json& value = member(object, key);
  return value.is_string() ? value.get<std::string>() : std::string{};
}

const Json& first_choice(const Json& chat) {
  const Json& choices = member(chat, "choices");
  return choices.is_array() && !choices.empty() ? choices[0] : member(choices, "none");
}

std::string_view stop_reason(std::string_view finish_reason, bool has_calls) {
  if (finish_reason == "length") return "max_tokens";
  if (finish_reason == "content_filter") return "refusal";
  return has_calls ? "tool_use" : "end_turn";  // some servers end calls with "stop"
}

// Arguments that are no JSON object reach the client as they were written, for its tool to refuse.
Json input_of(const std::string& arguments) {
  if (arguments.find_first_not_of(" \t\r\n") == std::string::npos) return Json::object();
  Json input = Json::parse(arguments, nullptr, false);
  if (input.is_object()) return input;
  return {{"arguments", arguments}};
}

class Sink final : public providers::ChunkSink {
 public:
  explicit Sink(const AnswerIdentity& identity) : identity_(identity) {}
  void chunk(const Json& chunk, std::string& out) override;
  void end(const Usage& usage, std::string& out) override;

 private:
  // One block of the message, in the order in which they began. One is told at a time, as Anthropic does: what
  // comes for a later one waits until the one before is complete.
  struct Block {
    bool tool = false;
    std::string id, name;
    std::string arguments;  // of a tool, all so far
    std::string untold;
    bool started = false;
    std::size_t incomplete_at = 0;  // so many bytes of arguments were no whole object
  };
  static bool complete(Block& block);
  void begin(std::string& out);
  void take_text(const std::string& text);
  void take_call(const Json& call);
  Block& block_of_call(std::int64_t index, const std::string& id);
  void tell(bool over, std::string& out);
  void start_block(Block& block, std::string& out) const;

  AnswerIdentity identity_;
  bool begun_ = false;
  std::vector<Block> blocks_;
  std::size_t at_ = 0;                         // the block that is told
  std::map<std::int64_t, std::size_t> calls_;  // chat's index of a call -> its block
  std::string finish_reason_;
};

void say(std::string_view type, const Json& data, std::string& out) {
  out += fmt::format("event: {}\ndata: {}\n\n", type, dumped(data));
}

void Sink::begin(std::string& out) {
  if (begun_) return;
  begun_ = true;
  Json message{{"id", identity_.id},       {"type", "message"},
               {"role", "assistant"},      {"model", identity_.model},
               {"content", Json::array()}, {"stop_reason", nullptr},
               {"stop_sequence", nullptr}, {"usage", {{"input_tokens", 0}, {"output_tokens", 0}}}};
  say("message_start", {{"type", "message_start"}, {"message", std::move(message)}}, out);
}

void Sink::take_text(const std::string& text) {
  if (text.empty()) return;
  if (blocks_.empty() || blocks_.back().tool) blocks_.emplace_back();
  blocks_.back().untold += text;
}

// Some servers leave the index out, or give every call the index 0 and an id of its own.
Sink::Block& Sink::block_of_call(std::int64_t index, const std::string& id) {
  const auto known = calls_.find(index);
  if (known != calls_.end()) {
    Block& block = blocks_[known->second];
    if (id.empty() || block.id.empty() || block.id == id) return block;
  }
  calls_.insert_or_assign(index, blocks_.size());
  blocks_.emplace_back().tool = true;
  return blocks_.back();
}

void Sink::take_call(const Json& call) {
  const Json& index = member(call, "index");
  const std::string id = text_of(call, "id");
  Block& block = block_of_call(index.is_number_integer() ? index.get<std::int64_t>() : 0, id);
  if (block.id.empty()) block.id = id;
  const Json& function = member(call, "function");
  if (block.name.empty()) block.name = text_of(function, "name");
  const std::string arguments = text_of(function, "arguments");
  block.arguments += arguments;
  block.untold += arguments;
}

void Sink::start_block(Block& block, std::string& out) const {
  block.started = true;
  Json content =
      block.tool ? Json{{"type", "tool_use"}, {"id", block.id}, {"name", block.name}, {"input", Json::object()}}
                 : Json{{"type", "text"}, {"text", ""}};
  say("content_block_start",
      {{"type", "content_block_start"}, {"index", at_}, {"content_block", std::move(content)}}, out);
}

bool Sink::complete(Block& block) {
  if (!block.tool) return true;
  if (block.arguments.size() == block.incomplete_at || !block.arguments.ends_with('}')) return false;
  if (Json::parse(block.arguments, nullptr, false).is_object()) return true;
  block.incomplete_at = block.arguments.size();
  return false;
}

void Sink::tell(bool over, std::string& out) {
  for (; at_ < blocks_.size(); ++at_) {
    Block& block = blocks_[at_];
    if (!block.started && block.tool && block.name.empty() && !over) return;
    if (!block.started) start_block(block, out);
    if (!block.untold.empty()) {
      Json delta = block.tool ? Json{{"type", "input_json_delta"}, {"partial_json", block.untold}}
                              : Json{{"type", "text_delta"}, {"text", block.untold}};
      say("content_block_delta", {{"type", "content_block_delta"}, {"index", at_}, {"delta", std::move(delta)}},
          out);
      block.untold.clear();
    }
    const bool last = at_ + 1 == blocks_.size();
    if (!over && (last || !complete(block))) return;
    say("content_block_stop", {{"type", "content_block_stop"}, {"index", at_}}, out);
  }
}

void Sink::chunk(const Json& chunk, std::string& out) {
  begin(out);
  const Json& choice = first_choice(chunk);
  const Json& delta = member(choice, "delta");
  take_text(text_of(delta, "content"));
  take_text(text_of(delta, "refusal"));
  const Json& calls = member(delta, "tool_calls");
  if (calls.is_array()) {
    for (const Json& call : calls) take_call(call);
  }
  const std::string reason = text_of(choice, "finish_reason");
  if (!reason.empty()) finish_reason_ = reason;
  tell(false, out);
}

void Sink::end(const Usage& usage, std::string& out) {
  begin(out);
  tell(true, out);
  Json delta{{"stop_reason", stop_reason(finish_reason_, !calls_.empty())}, {"stop_sequence", nullptr}};
  say("message_delta", {{"type", "message_delta"}, {"delta", std::move(delta)}, {"usage", usage_json(usage)}},
      out);
  say("message_stop", {{"type", "message_stop"}}, out);
}

}  // namespace

Json usage_json(const Usage& usage) {
  const auto for_5m = usage[PriceKind::cache_write_5m];
  const auto for_1h = usage[PriceKind::cache_write_1h];
  const auto read = usage[PriceKind::cache_read];
  return {{"input_tokens", usage.input_tokens() - read - for_5m - for_1h},
          {"cache_creation_input_tokens", for_5m + for_1h},
          {"cache_read_input_tokens", read},
          {"cache_creation", {{"ephemeral_5m_input_tokens", for_5m}, {"ephemeral_1h_input_tokens", for_1h}}},
          {"output_tokens", usage.output_tokens()}};
}

Json answer_from_chat(const Json& chat, const Usage& usage, const AnswerIdentity& identity) {
  const Json& choice = first_choice(chat);
  const Json& message = member(choice, "message");
  Json content = Json::array();
  for (const char* const key : {"content", "refusal"}) {
    std::string text = text_of(message, key);
    if (!text.empty()) content.push_back({{"type", "text"}, {"text", std::move(text)}});
  }
  const Json& calls = member(message, "tool_calls");
  const bool has_calls = calls.is_array() && !calls.empty();
  if (has_calls) {
    for (const Json& call : calls) {
      const Json& function = member(call, "function");
      content.push_back({{"type", "tool_use"},
                         {"id", text_of(call, "id")},
                         {"name", text_of(function, "name")},
                         {"input", input_of(text_of(function, "arguments"))}});
    }
  }
  return {{"id", identity.id},
          {"type", "message"},
          {"role", "assistant"},
          {"model", identity.model},
          {"content", std::move(content)},
          {"stop_reason", stop_reason(text_of(choice, "finish_reason"), has_calls)},
          {"stop_sequence", nullptr},
          {"usage", usage_json(usage)}};
}

std::unique_ptr<providers::ChunkSink> sink(const AnswerIdentity& identity) {
  return std::make_unique<Sink>(identity);
}

}  // namespace govctl::calls::messages
