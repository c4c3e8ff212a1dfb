#include "daemon/providers/cohere.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "common/version.h"
#include "daemon/providers/json_tree.h"

namespace govctl::providers::cohere {
namespace {

using domain::PriceKind;

constexpr std::string_view done = "[DONE]";

std::int64_t length_in(const Json& object, std::string_view key) {
  const std::string* text = string_in(object, key);
  return text == nullptr ? 0 : static_cast<std::int64_t>(text->size());
}

std::int64_t produced_by_call(const Json& call) {
  const Json* function = object_in(call, "function");
  return function == nullptr ? 0 : length_in(*function, "arguments");
}

std::int64_t produced_by_block(const Json& block) {
  return length_in(block, "text") + length_in(block, "thinking");
}

// Of a message, or of the part of one that an event brings: there, content and tool_calls are one block and one
// call.
std::int64_t produced(const Json& message) {
  std::int64_t bytes = length_in(message, "tool_plan") + length_in(message, "content");
  if (const Json* block = object_in(message, "content")) bytes += produced_by_block(*block);
  if (const Json* call = object_in(message, "tool_calls")) bytes += produced_by_call(*call);
  if (const Json* blocks = array_in(message, "content")) {
    for (const Json& block : *blocks) bytes += produced_by_block(block);
  }
  if (const Json* calls = array_in(message, "tool_calls")) {
    for (const Json& call : *calls) bytes += produced_by_call(call);
  }
  return bytes;
}

class Reader final : public StreamReader {
 public:
  Result<EventFacts> read(const StreamEvent& event) override {
    EventFacts facts;
    if (event.data == done) {
      facts.terminal = true;
      return facts;
    }
    const auto said = parsed_object(event.data);
    if (!said) return std::unexpected(said.error());
    const std::string* type = string_in(*said, "type");
    const Json* delta = object_in(*said, "delta");
    // An error is told as {"message": "..."}.
    facts.error = type == nullptr && given(*said, "message") != nullptr;
    if (delta == nullptr) return facts;
    if (const Json* message = object_in(*delta, "message")) facts.produced_bytes = produced(*message);
    if (type == nullptr || *type != "message-end") return facts;
    const std::string* reason = string_in(*delta, "finish_reason");
    facts.error = given(*delta, "error") != nullptr || (reason != nullptr && is_failure(*reason));
    facts.finished = !facts.error && reason != nullptr;
    if (const Json* usage = given(*delta, "usage")) usage_ = read_usage(*usage);
    return facts;
  }

  [[nodiscard]] UsageReport usage() const override { return usage_; }

 private:
  UsageReport usage_;
};

// {"input_tokens", "output_tokens", "search_units"}
UsageReport units(const Json& counts) {
  bool absurd = false;
  const auto in = count_in(counts, "input_tokens", absurd);
  const auto out = count_in(counts, "output_tokens", absurd);
  const auto searches = count_in(counts, "search_units", absurd);
  UsageReport report;
  report.absurd = absurd;
  if (absurd || (!in && !out && !searches)) return report;
  domain::Usage usage;
  usage[PriceKind::input] = in.value_or(0);
  usage[PriceKind::output] = out.value_or(0);
  usage[PriceKind::search] = searches.value_or(0);
  report.usage = usage;
  return report;
}

}  // namespace

const Adapter& adapter() {
  static constexpr Adapter row{.kind = "cohere",
                               .chat = Format::cohere,
                               .embeddings = Format::cohere_embeddings,
                               .wire = wire,
                               .request_from_chat = request_from_chat,
                               .answer_to_chat = answer_to_chat,
                               .chunks = chunks,
                               .embeddings_from_openai = embeddings_from_openai,
                               .embeddings_to_openai = embeddings_to_openai};
  return row;
}

bool is_failure(std::string_view finish_reason) {
  return finish_reason.starts_with("ERROR") || finish_reason == "TIMEOUT";
}

UsageReport read_usage(const Json& usage) {
  UsageReport report;
  if (!usage.is_object()) {
    report.absurd = !usage.is_null();
    return report;
  }
  for (const std::string_view member : {"billed_units", "tokens"}) {
    const Json* counts = given(usage, member);
    if (counts == nullptr) continue;
    report = units(*counts);
    report.absurd = report.absurd || !counts->is_object();
    if (report.usage || report.absurd) return report;
  }
  return report;
}

Result<AnswerFacts> read_answer(std::string_view body) {
  const auto answer = parsed_object(body);
  if (!answer) return std::unexpected(answer.error());
  AnswerFacts facts;
  if (const Json* usage = given(*answer, "usage")) facts.usage = read_usage(*usage);
  if (const Json* message = object_in(*answer, "message")) facts.produced_bytes = produced(*message);
  return facts;
}

std::unique_ptr<StreamReader> stream_reader() { return std::make_unique<Reader>(); }

Result<AnswerFacts> read_embeddings(std::string_view body) {
  const auto answer = parsed_object(body);
  if (!answer) return std::unexpected(answer.error());
  AnswerFacts facts;
  if (const Json* meta = given(*answer, "meta")) facts.usage = read_usage(*meta);
  return facts;
}

Result<WireRequest> wire(WireInput input) {
  WireRequest request;
  request.target = input.format == Format::cohere_embeddings ? "/embed" : "/chat";
  request.headers.push_back({"Content-Type", "application/json"});
  request.headers.push_back({"Accept", input.stream ? "text/event-stream" : "application/json"});
  request.headers.push_back({"User-Agent", fmt::format("govd/{}", version)});
  if (!input.credential.empty())
    request.headers.push_back({"Authorization", fmt::format("Bearer {}", input.credential)});
  request.body = std::move(input.body);
  return request;
}

}  // namespace govctl::providers::cohere
