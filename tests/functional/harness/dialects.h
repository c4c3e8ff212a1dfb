#pragma once
// Every dialect of the gateway and upstreams that speak Anthropic's format and the responses API, with a credit
// for each token.

#include <catch2/catch.hpp>

#include "tests/functional/harness/daemon.h"
#include "tests/functional/harness/upstream.h"

namespace govctl::test {

inline Json messages_request(const std::string& model, std::int64_t max_tokens = 64) {
  return {{"model", model},
          {"max_tokens", max_tokens},
          {"messages", {{{"role", "user"}, {"content", "Say something."}}}}};
}
inline Json responses_request(const std::string& model, std::int64_t max_tokens = 64) {
  return {{"model", model}, {"max_output_tokens", max_tokens}, {"input", "Say something."}};
}

struct Dialects {
  FakeUpstream upstream;
  TestDaemon daemon;
  Shop shop;

  explicit Dialects(const Options& options = {}) : daemon(options), shop(daemon, upstream.base_url()) {
    add("anthropic-like", "anthropic");
    add("responses-like", "openai", {{"responses", true}});
    price("fake");
  }
  // A provider of that kind at the fake upstream, with a model m.
  void add(const std::string& name, const std::string& kind, Json fields = Json::object()) {
    fields["kind"] = kind;
    daemon.provider(name, upstream.base_url(), fields);
    price(name);
  }
  void price(const std::string& provider) {
    daemon.price(provider, "m", "0.001", "0.001", {{"cache_read", "0.0001"}});
  }

  // The answer to its end, streamed or not.
  Answer post(const std::string& path, const Json& body, Headers headers = {}) {
    headers.emplace_back("x-api-key", shop.key.secret);
    return http(daemon.gateway(), "POST", path, body.dump(), headers);
  }
  Answer stream(const std::string& path, Json body, const Headers& headers = {}) {
    body["stream"] = true;
    return post(path, body, headers);
  }
  Json event_of(const Answer& answer) { return daemon.event(answer.header("x-request-id")); }
  void books_balance(std::int64_t charged) {
    CHECK(daemon.balance("acme") == 1'000'000 - charged);
    CHECK(daemon.reserved("acme") == 0);
    CHECK(daemon.verify()["ok"] == true);
  }
};

// The events of a streamed answer: name and data.
inline std::vector<std::pair<std::string, Json>> events_of(const std::string& body) {
  std::vector<std::pair<std::string, Json>> events;
  for (std::size_t at = 0; at < body.size();) {
    const std::size_t end = body.find("\n\n", at);
    const std::string text = body.substr(at, end - at);
    at = end == std::string::npos ? body.size() : end + 2;
    std::string name;
    const std::size_t data = text.find("data: ");
    if (data == std::string::npos) continue;
    if (text.starts_with("event: ")) name = text.substr(7, text.find('\n') - 7);
    const std::string value = text.substr(data + 6);
    events.emplace_back(name, value == "[DONE]" ? Json(value) : Json::parse(value));
  }
  return events;
}

// --- what Anthropic's API answers

inline Json message(std::int64_t input, std::int64_t cached, std::int64_t output) {
  return {{"id", "msg_1"},
          {"type", "message"},
          {"role", "assistant"},
          {"model", "m"},
          {"content", {{{"type", "text"}, {"text", answer_text}}}},
          {"stop_reason", "end_turn"},
          {"stop_sequence", nullptr},
          {"usage", {{"input_tokens", input}, {"cache_read_input_tokens", cached}, {"output_tokens", output}}}};
}

// The stream up to and with its first text; `input` tokens went in.
inline void begin_message(Reply& reply, std::int64_t input, std::string_view text) {
  Json start = message(input, 0, 1);
  start["content"] = Json::array();
  start["stop_reason"] = nullptr;
  reply.begin_stream();
  reply.event("message_start", {{"type", "message_start"}, {"message", start}});
  reply.event(
      "content_block_start",
      {{"type", "content_block_start"}, {"index", 0}, {"content_block", {{"type", "text"}, {"text", ""}}}});
  reply.event(
      "content_block_delta",
      {{"type", "content_block_delta"}, {"index", 0}, {"delta", {{"type", "text_delta"}, {"text", text}}}});
}
inline void finish_message(Reply& reply, std::int64_t output) {
  reply.event("content_block_stop", {{"type", "content_block_stop"}, {"index", 0}});
  reply.event("message_delta", {{"type", "message_delta"},
                                {"delta", {{"stop_reason", "end_turn"}, {"stop_sequence", nullptr}}},
                                {"usage", {{"output_tokens", output}}}});
}
inline void stop_message(Reply& reply) {
  reply.event("message_stop", {{"type", "message_stop"}});
  reply.end_stream();
}

// --- what the responses API answers

inline Json response(const std::string& status, std::int64_t input, std::int64_t output) {
  Json made{
      {"id", "resp_1"}, {"object", "response"}, {"created_at", 1763000000}, {"status", status}, {"model", "m"}};
  made["output"] = {
      {{"type", "message"},
       {"id", "item_1"},
       {"role", "assistant"},
       {"status", "completed"},
       {"content", {{{"type", "output_text"}, {"text", answer_text}, {"annotations", Json::array()}}}}}};
  made["usage"] = {{"input_tokens", input}, {"output_tokens", output}, {"total_tokens", input + output}};
  return made;
}
inline void begin_response(Reply& reply, std::string_view text) {
  Json created = response("in_progress", 0, 0);
  created["output"] = Json::array();
  created["usage"] = nullptr;
  reply.begin_stream();
  reply.event("response.created",
              {{"type", "response.created"}, {"sequence_number", 0}, {"response", created}});
  reply.event("response.output_text.delta", {{"type", "response.output_text.delta"},
                                             {"sequence_number", 1},
                                             {"item_id", "item_1"},
                                             {"output_index", 0},
                                             {"content_index", 0},
                                             {"delta", text}});
}
inline void end_response(Reply& reply, const std::string& status, std::int64_t input, std::int64_t output) {
  const std::string name = "response." + status;
  Json last = response(status, input, output);
  if (status == "failed") last["error"] = {{"code", "server_error"}, {"message", "the model broke"}};
  reply.event(name, {{"type", name}, {"sequence_number", 2}, {"response", last}});
  reply.end_stream();
}

}  // namespace govctl::test
