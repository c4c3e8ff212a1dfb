#include "daemon/calls/early_end.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>
#include <vector>

using namespace govctl;
using namespace govctl::calls;
using providers::Format;
using providers::Json;

namespace {

struct Stream {
  explicit Stream(Format format) : end(early_end(format)) {}
  void say(const Json& data) { end->passed({data["type"].get<std::string>(), data.dump()}); }
  // The events that end it, each under its own name.
  std::vector<Json> cut() {
    domain::Usage usage;
    usage[domain::PriceKind::input] = 30;
    usage[domain::PriceKind::output] = 12;
    std::string out;
    end->end("[no more]", usage, out);
    std::vector<Json> events;
    for (std::size_t at = 0; at < out.size();) {
      const std::size_t data = out.find("\ndata: ", at);
      const std::size_t stop = out.find("\n\n", at);
      events.push_back(Json::parse(out.substr(data + 7, stop - data - 7)));
      CHECK(out.substr(at, data - at) == "event: " + events.back()["type"].get<std::string>());
      at = stop + 2;
    }
    return events;
  }
  std::unique_ptr<EarlyEnd> end;
};

std::string types(const std::vector<Json>& events) {
  std::string all;
  for (const Json& event : events) all += event["type"].get<std::string>() + " ";
  return all;
}

Json block(const char* type, int index) {
  return {{"type", "content_block_start"}, {"index", index}, {"content_block", {{"type", type}}}};
}
Json item(const char* event, int index, const char* type) {
  return {{"type", event},
          {"sequence_number", 5 + index},
          {"output_index", index},
          {"item", {{"id", "i"}, {"type", type}, {"status", "in_progress"}}}};
}

}  // namespace

TEST_CASE("chat needs nothing to be followed") { CHECK(early_end(Format::chat) == nullptr); }

TEST_CASE("a message's notice goes on in the text that is open, or in a block of its own") {
  Stream stream(Format::messages);
  SECTION("text") {
    stream.say(block("text", 0));
    const auto events = stream.cut();
    CHECK(types(events) == "content_block_delta content_block_stop message_delta message_stop ");
    CHECK(events[0]["index"] == 0);
    CHECK(events[0]["delta"]["text"] == "[no more]");
    CHECK(events[2]["delta"]["stop_reason"] == "max_tokens");
    CHECK(events[2]["usage"]["output_tokens"] == 12);
  }
  SECTION("a tool's input, and thoughts") {
    stream.say(block("text", 0));
    stream.say({{"type", "content_block_stop"}, {"index", 0}});
    stream.say(block("tool_use", 1));
    const auto events = stream.cut();
    CHECK(types(events) ==
          "content_block_stop content_block_start content_block_delta content_block_stop message_delta "
          "message_stop ");
    CHECK(events[0]["index"] == 1);
    CHECK(events[1]["index"] == 2);
    CHECK(events[3]["index"] == 2);
  }
  SECTION("nothing was said") {
    const auto events = stream.cut();
    CHECK(types(events).starts_with("content_block_start content_block_delta "));
    CHECK(events[0]["index"] == 0);
  }
}

TEST_CASE("a response says again what was said, and leaves out a call that is half said") {
  Stream stream(Format::responses);
  stream.say(
      {{"type", "response.created"},
       {"sequence_number", 0},
       {"response", {{"id", "resp_7"}, {"object", "response"}, {"model", "m"}, {"output", Json::array()}}}});
  SECTION("text") {
    stream.say(item("response.output_item.done", 0, "reasoning"));
    stream.say(item("response.output_item.added", 1, "message"));
    for (const char* const delta : {"one ", "two"}) {
      stream.say({{"type", "response.output_text.delta"},
                  {"sequence_number", 8},
                  {"output_index", 1},
                  {"content_index", 0},
                  {"delta", delta}});
    }
    const auto events = stream.cut();
    CHECK(types(events) ==
          "response.output_text.delta response.output_text.done response.content_part.done "
          "response.output_item.done response.incomplete ");
    CHECK(events[0]["sequence_number"] == 9);
    CHECK(events[0]["item_id"] == "i");
    CHECK(events[1]["text"] == "one two[no more]");
    const Json& response = events.back()["response"];
    CHECK(response["id"] == "resp_7");
    CHECK(response["status"] == "incomplete");
    CHECK(response["output"].size() == 2);
    CHECK(response["output"][1]["content"][0]["text"] == "one two[no more]");
    CHECK(response["usage"]["output_tokens"] == 12);
  }
  SECTION("a call") {
    stream.say(item("response.output_item.added", 0, "function_call"));
    const auto events = stream.cut();
    CHECK(types(events).starts_with("response.output_item.added response.content_part.added "));
    CHECK(events[0]["output_index"] == 1);
    const Json& response = events.back()["response"];
    REQUIRE(response["output"].size() == 1);
    CHECK(response["output"][0]["type"] == "message");
    CHECK(response["output"][0]["status"] == "incomplete");
  }
  SECTION("nothing was said") {
    const auto events = stream.cut();
    CHECK(events.back()["response"]["output"][0]["content"][0]["text"] == "[no more]");
  }
}
