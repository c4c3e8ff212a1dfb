#include "daemon/calls/early_end.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "daemon/calls/messages.h"
#include "daemon/calls/passage.h"
#include "daemon/calls/responses_items.h"

namespace govctl::calls {
namespace {

using providers::Json;
using responses::string_of;

void say(const Json& data, std::string& out) {
  out += "event: ";
  out += string_of(data, "type");
  out += "\ndata: " + dumped(data) + "\n\n";
}

std::int64_t whole_number(const Json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_number_integer() ? found->get<std::int64_t>() : 0;
}

class MessagesEnd final : public EarlyEnd {
 public:
  void passed(const providers::StreamEvent& event) override {
    if (!event.data.contains("content_block_st")) return;  // start or stop; deltas are many
    const Json data = Json::parse(event.data, nullptr, false);
    if (!data.is_object()) return;
    const std::string_view type = string_of(data, "type");
    if (type == "content_block_start") {
      index_ = whole_number(data, "index");
      open_ = true;
      text_ = data.contains("content_block") && string_of(data["content_block"], "type") == "text";
    } else if (type == "content_block_stop") {
      open_ = false;
    }
  }

  void end(std::string_view notice, const domain::Usage& usage, std::string& out) override {
    if (open_ && !text_) stop(out);
    if (!open_) {
      say({{"type", "content_block_start"},
           {"index", ++index_},
           {"content_block", {{"type", "text"}, {"text", ""}}}},
          out);
    }
    say({{"type", "content_block_delta"},
         {"index", index_},
         {"delta", {{"type", "text_delta"}, {"text", notice}}}},
        out);
    stop(out);
    say({{"type", "message_delta"},
         {"delta", {{"stop_reason", "max_tokens"}, {"stop_sequence", nullptr}}},
         {"usage", messages::usage_json(usage)}},
        out);
    say({{"type", "message_stop"}}, out);
  }

 private:
  void stop(std::string& out) {
    say({{"type", "content_block_stop"}, {"index", index_}}, out);
    open_ = false;
  }
  std::int64_t index_ = -1;  // of the block that began last
  bool open_ = false;
  bool text_ = false;
};

// The last event says the answer again: its items are kept as they are built.
class ResponsesEnd final : public EarlyEnd {
 public:
  void passed(const providers::StreamEvent& event) override {
    const Json data = Json::parse(event.data, nullptr, false);
    if (!data.is_object()) return;
    sequence_ = std::max(sequence_, whole_number(data, "sequence_number") + 1);
    const std::string_view type = string_of(data, "type");
    const std::int64_t index = whole_number(data, "output_index");
    if (type == "response.created" && data.contains("response")) response_ = data["response"];
    if (type == "response.output_item.added" && data.contains("item")) items_[index] = {data["item"], true};
    if (type == "response.output_item.done" && data.contains("item")) items_[index] = {data["item"], false};
    if (type == "response.output_text.delta") append(index, data);
  }

  void end(std::string_view notice, const domain::Usage& usage, std::string& out) override {
    Item& item = last_message(out);
    Json place{{"item_id", string_of(item.json, "id")}, {"output_index", items_.rbegin()->first}};
    Json& content = item.json["content"];
    const bool begun = !content.empty() && string_of(content.back(), "type") == "output_text";
    if (!begun) {
      content.push_back(responses::text_part(""));
      place["content_index"] = content.size() - 1;
      tell("response.content_part.added", place, "part", content.back(), out);
    }
    place["content_index"] = content.size() - 1;
    Json& text = content.back()["text"];
    text.get_ref<std::string&>().append(notice);
    place["logprobs"] = Json::array();
    tell("response.output_text.delta", place, "delta", notice, out);
    tell("response.output_text.done", place, "text", text, out);
    place.erase("logprobs");
    tell("response.content_part.done", place, "part", content.back(), out);
    item.json["status"] = "incomplete";
    tell("response.output_item.done", {{"output_index", items_.rbegin()->first}}, "item", item.json, out);
    item.open = false;

    // A call whose arguments stop in the middle is nobody's to make.
    Json output = Json::array();
    for (auto& [index, one] : items_) {
      if (!one.open) output.push_back(std::move(one.json));
    }
    responses::end_response(response_, "length", std::move(output), usage);
    tell("response.incomplete", Json::object(), "response", response_, out);
  }

 private:
  struct Item {
    Json json;
    bool open = false;
  };

  void append(std::int64_t index, const Json& data) {
    Item& item = items_[index];
    if (item.json.is_null()) {  // nobody said that it began
      item = {responses::message_item({}, static_cast<std::size_t>(index)), true};
      item.json["id"] = string_of(data, "item_id");
    }
    Json& content = item.json["content"];
    if (!content.is_array()) content = Json::array();
    const auto part = static_cast<std::size_t>(std::max<std::int64_t>(whole_number(data, "content_index"), 0));
    if (part > content.size()) return;
    if (part == content.size()) content.push_back(responses::text_part(""));
    Json& text = content[part]["text"];
    if (text.is_string()) text.get_ref<std::string&>().append(string_of(data, "delta"));
  }

  // The message that is being said, or a new one behind all others.
  Item& last_message(std::string& out) {
    if (!items_.empty()) {
      Item& last = items_.rbegin()->second;
      if (last.open && string_of(last.json, "type") == "message") {
        if (!last.json["content"].is_array()) last.json["content"] = Json::array();
        return last;
      }
    }
    const std::int64_t index = items_.empty() ? 0 : items_.rbegin()->first + 1;
    providers::AnswerIdentity identity;
    identity.id = string_of(response_, "id");
    Item& item = items_[index];
    item = {responses::message_item(identity, static_cast<std::size_t>(index)), true};
    tell("response.output_item.added", {{"output_index", index}}, "item", item.json, out);
    return item;
  }

  void tell(const char* type, const Json& place, const char* member, const Json& value, std::string& out) {
    Json data{{"type", type}, {"sequence_number", sequence_++}};
    data.update(place);
    data[member] = value;
    say(data, out);
  }

  Json response_ = Json::object();
  std::map<std::int64_t, Item> items_;  // by output_index
  std::int64_t sequence_ = 0;
};

}  // namespace

std::unique_ptr<EarlyEnd> early_end(providers::Format format) {
  if (format == providers::Format::messages) return std::make_unique<MessagesEnd>();
  if (format == providers::Format::responses) return std::make_unique<ResponsesEnd>();
  return nullptr;
}

}  // namespace govctl::calls
