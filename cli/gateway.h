#pragma once
// Calls the agents' gateway over TCP with an agent's key, as an SDK would: OpenAI chat, whole or streamed.

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "common/api/fields.h"
#include "common/error.h"

namespace govctl::cli {

using api::Json;

// What a model answered.
struct ChatAnswer {
  std::string text, model, finish_reason;
  std::string request_id;  // govd's: req_…
};

class Gateway {
 public:
  // `url` as GET /status says it: http://127.0.0.1:4683.
  Gateway(std::string url, std::string key, std::int64_t timeout_micros)
      : url_(std::move(url)), key_(std::move(key)), timeout_micros_(timeout_micros) {}

  using Sink = std::function<void(std::string_view)>;
  // POST /v1/chat/completions. With `sink` the answer is streamed and given to it as it comes. A refusal is the
  // Error it carries, by the words of 20-gateway.md "Refusals"; no answer is Code::unreachable or timeout. Ends
  // early, with Code::cancelled, when SIGINT, SIGTERM or SIGHUP comes: interrupted_by() then says which.
  Result<ChatAnswer> chat(Json body, const Sink* sink);
  // Of the last call, refused or not; empty when nothing came back.
  [[nodiscard]] const std::string& request_id() const { return request_id_; }
  [[nodiscard]] std::optional<int> interrupted_by() const { return interrupted_by_; }

 private:
  std::string url_, key_;
  std::int64_t timeout_micros_;
  std::string request_id_;
  std::optional<int> interrupted_by_;
};

// What an error answer of the gateway says; `body` is OpenAI's envelope, or the "error" event of a stream.
Error gateway_error(int status, std::string_view body);

// The texts of an OpenAI chat stream, out of bytes that come in any pieces.
class ChatStream {
 public:
  // Gives `sink` what the bytes add to the answer.
  void take(std::string_view bytes, const Gateway::Sink& sink);
  // The answer, or why it did not come to its end.
  [[nodiscard]] Result<ChatAnswer> finish() const;

 private:
  void line(std::string_view line, const Gateway::Sink& sink);
  std::string rest_;
  ChatAnswer answer_;
  bool done_ = false;
  std::optional<Error> failure_;
};

}  // namespace govctl::cli
