#include "daemon/providers/anthropic.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "common/version.h"
#include "daemon/providers/anthropic_usage.h"
#include "daemon/providers/json_object.h"

namespace govctl::providers::anthropic {
namespace {

constexpr std::string_view default_version = "2023-06-01";

// The bytes between a string's quotes as written; 0 when it is none.
std::int64_t string_bytes(const JsonMember* member) {
  if (member == nullptr || member->value.size() < 2 || member->value.front() != '"') return 0;
  return static_cast<std::int64_t>(member->value.size()) - 2;
}

// What a block of a message, or a delta to one, holds that the model produced.
std::int64_t produced(std::string_view text) {
  const auto object = scan_object(text, Utf8::passed);
  if (!object) return 0;
  std::int64_t bytes = 0;
  for (const std::string_view key : {"text", "thinking", "partial_json"})
    bytes += string_bytes(object->find(key));
  const JsonMember* input = object->find("input");
  if (input != nullptr && input->value != "{}") bytes += static_cast<std::int64_t>(input->value.size());
  return bytes;
}

std::string word_of(const JsonObject& object, std::string_view key) {
  const JsonMember* member = object.find(key);
  return member == nullptr ? std::string{} : json_string(member->value).value_or("");
}

class Reader final : public StreamReader {
 public:
  Result<EventFacts> read(const StreamEvent& event) override;
  [[nodiscard]] UsageReport usage() const override;

 private:
  void take_usage(const JsonObject& object);
  Result<void> start(const JsonObject& object);
  UsageFigures figures_;
  std::int64_t produced_ = 0;
  bool started_ = false;
  bool counted_ = false;  // message_delta said what came out
};

void Reader::take_usage(const JsonObject& object) {
  if (const JsonMember* usage = object.find("usage")) figures_.take(usage->value);
}

Result<void> Reader::start(const JsonObject& object) {
  if (started_) return fail(Code::invalid, "a second message_start");
  started_ = true;
  const JsonMember* member = object.find("message");
  if (member == nullptr) return {};
  const auto message = scan_object(member->value, Utf8::passed);
  if (!message) return std::unexpected(message.error());
  take_usage(*message);
  return {};
}

Result<EventFacts> Reader::read(const StreamEvent& event) {
  EventFacts facts;
  const auto object = scan_object(event.data, Utf8::passed);
  if (!object) return std::unexpected(object.error());
  std::string type = word_of(*object, "type");
  if (type.empty()) type = event.name;
  if (type == "ping") return facts;
  if (type == "error") {
    facts.error = true;
    return facts;
  }
  if (type == "message_start") {
    if (auto begun = start(*object); !begun) return std::unexpected(begun.error());
    return facts;
  }
  if (!started_) return fail(Code::invalid, fmt::format("'{}' before message_start", cut(type, 64)));
  if (type == "content_block_start" || type == "content_block_delta") {
    const JsonMember* part = object->find(type == "content_block_start" ? "content_block" : "delta");
    if (part != nullptr) facts.produced_bytes = produced(part->value);
    produced_ += facts.produced_bytes;
  } else if (type == "message_delta") {
    take_usage(*object);
    counted_ = counted_ || object->find("usage") != nullptr;
    const JsonMember* delta = object->find("delta");
    const auto inner = scan_object(delta == nullptr ? "" : delta->value, Utf8::passed);
    facts.finished = inner && !word_of(*inner, "stop_reason").empty();
  } else if (type == "message_stop") {
    facts.terminal = true;
  }
  return facts;  // what is not known passes: the format says that events may be added
}

UsageReport Reader::usage() const {
  UsageReport report = figures_.report();
  if (!report.usage || counted_) return report;
  auto& out = (*report.usage)[domain::PriceKind::output];
  out = std::max(out, (produced_ + 3) / 4);
  report.estimated = true;
  return report;
}

bool same_but_for_case(char a, char b) { return (a | 0x20) == (b | 0x20); }

bool anthropic_header(std::string_view name) {
  constexpr std::string_view prefix = "anthropic-";
  return name.size() > prefix.size() &&
         std::ranges::equal(name.substr(0, prefix.size()), prefix, same_but_for_case);
}

Result<WireRequest> wire(WireInput input) {
  WireRequest request;
  request.target = "/messages";
  request.headers = {{"content-type", "application/json"},
                     {"accept", input.stream ? "text/event-stream" : "application/json"},
                     {"user-agent", fmt::format("govd/{}", version)}};
  if (!input.credential.empty()) request.headers.push_back({"x-api-key", std::string(input.credential)});
  bool versioned = false;
  if (input.passed != nullptr) {
    for (const WireHeader& header : *input.passed) {
      if (!anthropic_header(header.name)) continue;
      const bool is_version =
          std::ranges::equal(header.name, std::string_view("anthropic-version"), same_but_for_case);
      if (is_version && versioned) continue;
      versioned = versioned || is_version;
      request.headers.push_back(header);
    }
  }
  if (!versioned) request.headers.push_back({"anthropic-version", std::string(default_version)});
  request.body = std::move(input.body);
  return request;
}

}  // namespace

Result<AnswerFacts> read_answer(std::string_view body) {
  const auto object = scan_object(body, Utf8::passed);
  if (!object) return std::unexpected(object.error());
  if (word_of(*object, "type") == "error") return fail(Code::invalid, "the body is an error and no message");
  AnswerFacts facts;
  UsageFigures figures;
  if (const JsonMember* usage = object->find("usage")) figures.take(usage->value);
  facts.usage = figures.report();
  const JsonMember* content = object->find("content");
  const auto blocks = scan_array(content == nullptr ? "" : content->value, Utf8::passed);
  if (!blocks) return facts;
  for (const std::string_view block : *blocks) facts.produced_bytes += produced(block);
  return facts;
}

std::unique_ptr<StreamReader> stream_reader() { return std::make_unique<Reader>(); }

const Adapter& adapter() {
  static constexpr Adapter row{.kind = "anthropic",
                               .chat = Format::messages,
                               .embeddings = std::nullopt,
                               .responses = false,
                               .framing = Framing::sse,
                               .wire = wire,
                               .request_from_chat = request_from_chat,
                               .answer_to_chat = answer_to_chat,
                               .chunks = chunks,
                               .embeddings_from_openai = nullptr,
                               .embeddings_to_openai = nullptr};
  return row;
}

}  // namespace govctl::providers::anthropic
