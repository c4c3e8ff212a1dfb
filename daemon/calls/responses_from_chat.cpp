// Chat's answers said in the Responses dialect (platform.openai.com/docs/api-reference/responses-streaming).

#include <nlohmann/json.hpp>
#include <optional>
#include <vector>

#include "daemon/calls/responses.h"
#include "daemon/calls/responses_items.h"

namespace govctl::calls::responses {

using providers::AnswerIdentity;
using providers::Json;

namespace {

constexpr std::size_t nowhere = static_cast<std::size_t>(-1);

const Json* first_choice(const Json& chat) {
  if (!chat.is_object()) return nullptr;
  const auto choices = chat.find("choices");
  if (choices == chat.end() || !choices->is_array() || choices->empty()) return nullptr;
  const Json& choice = choices->front();
  return choice.is_object() ? &choice : nullptr;
}

// The array `name`, empty when it is none.
const Json& array_of(const Json& object, const char* name) {
  static const Json none = Json::array();
  if (!object.is_object()) return none;
  const auto found = object.find(name);
  return found == object.end() || !found->is_array() ? none : *found;
}

// What a call, or a piece of one, is called with.
std::string_view arguments_of(const Json& call) {
  for (const auto& [member, name] : {std::pair{"function", "arguments"}, std::pair{"custom", "input"}}) {
    if (const auto inner = call.find(member); inner != call.end()) return string_of(*inner, name);
  }
  return {};
}

void append(Json& text, std::string_view more) { text.get_ref<std::string&>().append(more); }

class Sink final : public providers::ChunkSink {
 public:
  explicit Sink(const AnswerIdentity& identity) : identity_(identity), response_(begun_response(identity)) {}

  void chunk(const Json& chunk, std::string& out) override {
    begin(out);
    const Json* choice = first_choice(chunk);
    if (choice == nullptr) return;
    if (const auto reason = string_of(*choice, "finish_reason"); !reason.empty()) finish_reason_ = reason;
    const auto delta = choice->find("delta");
    if (delta == choice->end() || !delta->is_object()) return;
    if (const auto text = reasoning_of(*delta); !text.empty()) summary(text, out);
    if (const auto text = string_of(*delta, "content"); !text.empty()) part("output_text", "text", text, out);
    if (const auto text = string_of(*delta, "refusal"); !text.empty()) part("refusal", "refusal", text, out);
    for (const Json& piece : array_of(*delta, "tool_calls")) {
      if (piece.is_object()) call(piece, out);
    }
  }

  void end(const domain::Usage& usage, std::string& out) override {
    begin(out);
    close(out);
    for (const std::size_t item : calls_) close_call(item, out);
    end_response(response_, finish_reason_, std::move(items_), usage);
    const bool whole = response_["status"] == "completed";
    event(whole ? "response.completed" : "response.incomplete", {{"response", std::move(response_)}}, out);
  }

 private:
  void begin(std::string& out) {
    if (begun_) return;
    begun_ = true;
    event("response.created", {{"response", response_}}, out);
    event("response.in_progress", {{"response", response_}}, out);
  }

  void event(const char* type, const Json& members, std::string& out) {
    Json data{{"type", type}, {"sequence_number", sequence_++}};
    data.update(members);
    out += "event: ";
    out += type;
    out += "\ndata: ";
    out += data.dump(-1, ' ', false, Json::error_handler_t::replace);
    out += "\n\n";
  }

  std::size_t add(Json item, std::string& out) {
    event("response.output_item.added", {{"output_index", items_.size()}, {"item", item}}, out);
    items_.push_back(std::move(item));
    return items_.size() - 1;
  }
  void done(std::size_t item, std::string& out) {
    if (items_[item].contains("status")) {
      const bool broken_off = finish_reason_ == "length" && (item + 1 == items_.size() || half_said(item));
      items_[item]["status"] = broken_off ? "incomplete" : "completed";
    }
    event("response.output_item.done", {{"output_index", item}, {"item", items_[item]}}, out);
  }
  // A call whose arguments stop in the middle: nobody's to make.
  [[nodiscard]] bool half_said(std::size_t item) const {
    const auto arguments = items_[item].find("arguments");
    return arguments != items_[item].end() && !Json::accept(arguments->get_ref<const std::string&>());
  }
  Json at_item(std::size_t item) { return {{"item_id", items_[item]["id"]}, {"output_index", item}}; }
  // With the place of the part that is open.
  Json at_part(const char* index) {
    Json members = at_item(open_);
    members[index] = items_[open_][index == summary_index ? "summary" : "content"].size() - 1;
    return members;
  }

  void summary(std::string_view text, std::string& out) {
    if (open_ == nowhere || items_[open_]["type"] != "reasoning") {
      close(out);
      open_ = add(reasoning_item(identity_, items_.size()), out);
      items_[open_]["summary"].push_back(summary_part(""));
      Json members = at_part(summary_index);
      members["part"] = summary_part("");
      event("response.reasoning_summary_part.added", members, out);
    }
    append(items_[open_]["summary"].back()["text"], text);
    Json members = at_part(summary_index);
    members["delta"] = text;
    event("response.reasoning_summary_text.delta", members, out);
  }

  // Text or refusal: `type` of the part, and the member that holds it.
  void part(const char* type, const char* member, std::string_view text, std::string& out) {
    if (open_ == nowhere || items_[open_]["type"] != "message") {
      close(out);
      open_ = add(message_item(identity_, items_.size()), out);
    }
    if (items_[open_]["content"].empty() || items_[open_]["content"].back()["type"] != type) {
      close_part(out);
      const Json empty = member == std::string_view("refusal") ? refusal_part("") : text_part("");
      items_[open_]["content"].push_back(empty);
      Json members = at_part(content_index);
      members["part"] = empty;
      event("response.content_part.added", members, out);
    }
    append(items_[open_]["content"].back()[member], text);
    Json members = at_part(content_index);
    members["delta"] = text;
    const bool refusal = member == std::string_view("refusal");
    if (!refusal) members["logprobs"] = Json::array();
    event(refusal ? "response.refusal.delta" : "response.output_text.delta", members, out);
  }

  void close_part(std::string& out) {
    const Json& content = items_[open_]["content"];
    if (content.empty()) return;
    const bool refusal = content.back()["type"] == "refusal";
    Json said = at_part(content_index);
    said[refusal ? "refusal" : "text"] = content.back()[refusal ? "refusal" : "text"];
    if (!refusal) said["logprobs"] = Json::array();
    event(refusal ? "response.refusal.done" : "response.output_text.done", said, out);
    Json members = at_part(content_index);
    members["part"] = content.back();
    event("response.content_part.done", members, out);
  }

  // Ends the reasoning or the message that is open.
  void close(std::string& out) {
    if (open_ == nowhere) return;
    if (items_[open_]["type"] == "message") {
      close_part(out);
    } else {
      Json said = at_part(summary_index);
      said["text"] = items_[open_]["summary"].back()["text"];
      event("response.reasoning_summary_text.done", said, out);
      Json members = at_part(summary_index);
      members["part"] = items_[open_]["summary"].back();
      event("response.reasoning_summary_part.done", members, out);
    }
    done(open_, out);
    open_ = nowhere;
  }

  // Which call a piece belongs to: by its index; some providers leave that out, and a piece with an id begins
  // one.
  std::size_t call_of(const Json& piece) {
    const auto found = piece.find("index");
    if (found != piece.end() && found->is_number_integer()) {
      const auto index = found->get<std::int64_t>();
      for (std::size_t i = 0; i < indexes_.size(); ++i) {
        if (indexes_[i] == index) return i;
      }
      indexes_.push_back(index);
      return indexes_.size() - 1;
    }
    if (calls_.empty() || !string_of(piece, "id").empty()) {
      indexes_.push_back(std::nullopt);
      return indexes_.size() - 1;
    }
    return calls_.size() - 1;
  }

  void call(const Json& piece, std::string& out) {
    const std::size_t number = call_of(piece);
    if (number == calls_.size()) {
      close(out);
      calls_.push_back(add(call_item(identity_, items_.size(), piece), out));
    }
    const std::string_view arguments = arguments_of(piece);
    if (arguments.empty()) return;
    const std::size_t item = calls_[number];
    const bool custom = is_custom(items_[item]);
    append(items_[item][custom ? "input" : "arguments"], arguments);
    Json members = at_item(item);
    members["delta"] = arguments;
    event(custom ? "response.custom_tool_call_input.delta" : "response.function_call_arguments.delta", members,
          out);
  }

  // Only at the end: pieces of several calls may come in turns.
  void close_call(std::size_t item, std::string& out) {
    const bool custom = is_custom(items_[item]);
    const char* const member = custom ? "input" : "arguments";
    Json members = at_item(item);
    if (!custom) members["name"] = items_[item]["name"];
    members[member] = items_[item][member];
    event(custom ? "response.custom_tool_call_input.done" : "response.function_call_arguments.done", members,
          out);
    done(item, out);
  }

  static constexpr const char* summary_index = "summary_index";
  static constexpr const char* content_index = "content_index";

  AnswerIdentity identity_;
  Json response_;
  Json items_ = Json::array();
  std::size_t open_ = nowhere;                        // the reasoning or the message that is being said
  std::vector<std::size_t> calls_;                    // their places in items_
  std::vector<std::optional<std::int64_t>> indexes_;  // what the chunks call them
  std::string finish_reason_;
  std::int64_t sequence_ = 0;
  bool begun_ = false;
};

}  // namespace

Json answer_from_chat(const Json& chat, const domain::Usage& usage, const AnswerIdentity& identity) {
  Json output = Json::array();
  std::string_view finish_reason;
  if (const Json* choice = first_choice(chat)) {
    finish_reason = string_of(*choice, "finish_reason");
    const auto message = choice->find("message");
    const Json& said = message == choice->end() ? *choice : *message;
    if (const auto text = reasoning_of(said); !text.empty()) {
      output.push_back(reasoning_item(identity, 0));
      output.back()["summary"].push_back(summary_part(text));
    }
    const std::string_view text = string_of(said, "content");
    const std::string_view refusal = string_of(said, "refusal");
    if (!text.empty() || !refusal.empty()) {
      output.push_back(message_item(identity, output.size()));
      Json& content = output.back()["content"];
      if (!text.empty()) content.push_back(text_part(text));
      if (!refusal.empty()) content.push_back(refusal_part(refusal));
    }
    for (const Json& call : array_of(said, "tool_calls")) {
      if (!call.is_object()) continue;
      output.push_back(call_item(identity, output.size(), call));
      Json& item = output.back();
      item[is_custom(item) ? "input" : "arguments"] = arguments_of(call);
    }
  }
  for (Json& item : output) {
    if (item.contains("status")) item["status"] = "completed";
  }
  if (finish_reason == "length" && !output.empty() && output.back().contains("status")) {
    output.back()["status"] = "incomplete";
  }
  Json response = begun_response(identity);
  end_response(response, finish_reason, std::move(output), usage);
  return response;
}

std::unique_ptr<providers::ChunkSink> sink(const AnswerIdentity& identity) {
  return std::make_unique<Sink>(identity);
}

}  // namespace govctl::calls::responses
