// Anthropic's models on Bedrock: signed requests, and streams in AWS's framing said as SSE.

#include <catch2/catch.hpp>

#include "tests/functional/harness/dialects.h"

using namespace govctl::test;

namespace {

std::uint32_t crc(std::string_view bytes) {  // RFC 1952, section 8
  std::uint32_t value = 0xffffffffU;
  for (const char byte : bytes) {
    value ^= static_cast<unsigned char>(byte);
    for (int bit = 0; bit < 8; ++bit) value = (value >> 1U) ^ ((value & 1U) != 0 ? 0xedb88320U : 0U);
  }
  return ~value;
}

std::string u32(std::size_t value) {
  std::string bytes;
  for (const unsigned shift : {24U, 16U, 8U, 0U}) bytes += static_cast<char>(value >> shift & 0xffU);
  return bytes;
}

std::string header(const std::string& name, const std::string& value) {
  return static_cast<char>(name.size()) + name + '\x07' + '\0' + static_cast<char>(value.size()) + value;
}

std::string base64(std::string_view bytes) {
  constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  for (std::size_t at = 0; at < bytes.size(); at += 3) {
    std::uint32_t group = 0;
    for (std::size_t i = 0; i < 3; ++i)
      group = group << 8U | (at + i < bytes.size() ? static_cast<unsigned char>(bytes[at + i]) : 0U);
    for (std::size_t i = 0; i < 4; ++i)
      text += i <= bytes.size() - at ? alphabet[group >> (18U - 6U * i) & 63U] : '=';
  }
  return text;
}

// One event of Anthropic's as Bedrock sends it, as a chunk of the body.
void send(Reply& reply, const Json& event) {
  const std::string headers = header(":event-type", "chunk") + header(":message-type", "event");
  const std::string payload = Json{{"bytes", base64(event.dump())}}.dump();
  std::string made = u32(16 + headers.size() + payload.size()) + u32(headers.size());
  made += u32(crc(made));
  made += headers + payload;
  made += u32(crc(made));
  char size[16];
  std::snprintf(size, sizeof size, "%zx\r\n", made.size());
  reply.raw(size + made + "\r\n");
}

void stream(Reply& reply) {
  reply.raw(
      "HTTP/1.1 200 OK\r\nContent-Type: application/vnd.amazon.eventstream\r\nTransfer-Encoding: "
      "chunked\r\n\r\n");
  Json start = message(100, 0, 1);
  start["content"] = Json::array();
  send(reply, {{"type", "message_start"}, {"message", start}});
  send(reply,
       {{"type", "content_block_start"}, {"index", 0}, {"content_block", {{"type", "text"}, {"text", ""}}}});
  send(reply,
       {{"type", "content_block_delta"}, {"index", 0}, {"delta", {{"type", "text_delta"}, {"text", "Hello"}}}});
  send(reply, {{"type", "content_block_stop"}, {"index", 0}});
  send(reply, {{"type", "message_delta"},
               {"delta", {{"stop_reason", "end_turn"}}},
               {"usage", {{"output_tokens", 20}}}});
  send(reply, {{"type", "message_stop"}});
  reply.end_stream();
}

}  // namespace

TEST_CASE("a stream of Bedrock's reaches an Anthropic client as SSE and an OpenAI client as chunks",
          "[bedrock]") {
  Dialects d;
  d.add("bedrock-like", "bedrock", {{"needs_credential", true}});
  d.daemon.expect(201, "POST", "/orgs/acme/credentials",
                  {{"provider", "bedrock-like"}, {"secret", "AKIDEXAMPLE:wJalrXUtnFEMI"}});
  d.upstream.on("", stream);
  const Answer answer = d.stream("/v1/messages", messages_request("bedrock-like/m"));
  INFO(answer.body);
  REQUIRE(answer.status == 200);
  CHECK(answer.header("content-type").starts_with("text/event-stream"));
  const auto events = events_of(answer.body);
  REQUIRE(events.size() == 6);
  CHECK(events.front().first == "message_start");
  CHECK(events[2].second["delta"]["text"] == "Hello");
  CHECK(events.back().first == "message_stop");
  const Seen seen = d.upstream.last();
  CHECK(seen.target.ends_with("/model/m/invoke-with-response-stream"));
  CHECK(find_header(seen.headers, "authorization").value_or("").starts_with("AWS4-HMAC-SHA256 "));
  CHECK_FALSE(Json::parse(seen.body).contains("model"));

  const Stream chat = d.daemon.chat_stream(d.shop.key.secret, request("bedrock-like/m"));
  CHECK(chat.done);
  CHECK(chat.text == "Hello");
  d.books_balance(240);
}
