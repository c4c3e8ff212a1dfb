#include "daemon/providers/openai_responses.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "daemon/providers/counts.h"
#include "daemon/providers/json_object.h"

namespace govctl::providers::openai_responses {
namespace {

using domain::PriceKind;

std::optional<std::string> text_member(const JsonObject& object, std::string_view key) {
  const JsonMember* member = object.find(key);
  return member == nullptr ? std::nullopt : json_string(member->value);
}

// Searches done before `action` was there had no other action.
bool is_search(std::string_view raw_item) {
  const auto item = scan_object(raw_item, Utf8::passed);
  if (!item || text_member(*item, "type") != "web_search_call") return false;
  const JsonMember* member = item->find("action");
  const auto action = member == nullptr ? fail(Code::invalid, "") : scan_object(member->value, Utf8::passed);
  const auto kind = action ? text_member(*action, "type") : std::nullopt;
  return !kind || *kind == "search";
}

std::int64_t searches(std::string_view output) {
  if (!output.contains("web_search_call")) return 0;
  const auto items = scan_array(output, Utf8::passed);
  return items ? std::ranges::count_if(*items, is_search) : 0;
}

std::int64_t produced(std::string_view output) {
  return text_behind(output, {"text", "refusal", "arguments", "input"});
}

// The usage of a response object, with `seen` searches at least.
UsageReport usage_of(const JsonObject& response, std::int64_t seen) {
  const JsonMember* usage = response.find("usage");
  UsageReport report = usage == nullptr ? UsageReport{} : read_usage(usage->value);
  const JsonMember* output = response.find("output");
  if (output != nullptr) seen = std::max(seen, searches(output->value));
  if (report.usage) (*report.usage)[PriceKind::search] = seen;
  return report;
}

class Reader final : public StreamReader {
 public:
  Result<EventFacts> read(const StreamEvent& event) override {
    const auto object = scan_object(event.data, Utf8::passed);
    if (!object) return std::unexpected(object.error());
    const std::string type = text_member(*object, "type").value_or(std::string(event.name));
    EventFacts facts;
    if (type.ends_with(".delta")) {
      const JsonMember* delta = object->find("delta");
      if (delta != nullptr && delta->value.front() == '"') {
        facts.produced_bytes = static_cast<std::int64_t>(delta->value.size()) - 2;
      }
    } else if (type == "response.output_item.done") {
      const JsonMember* item = object->find("item");
      if (item != nullptr && is_search(item->value)) ++searches_;
    } else if (type == "response.completed" || type == "response.incomplete" || type == "response.failed") {
      facts.terminal = true;
      facts.error = type == "response.failed";
      facts.finished = !facts.error;
      take_usage(*object);
    } else if (type == "error") {
      facts.error = true;
    }
    return facts;
  }
  [[nodiscard]] UsageReport usage() const override { return usage_; }

 private:
  void take_usage(const JsonObject& event) {
    const JsonMember* response = event.find("response");
    if (response == nullptr) return;
    if (const auto object = scan_object(response->value, Utf8::passed)) usage_ = usage_of(*object, searches_);
  }

  UsageReport usage_;
  std::int64_t searches_ = 0;
};

}  // namespace

UsageReport read_usage(std::string_view value) {
  UsageObject usage(value);
  TokenCounts counts;
  counts.in = usage.count("input_tokens");
  counts.out = usage.count("output_tokens");
  counts.total = usage.count("total_tokens");
  counts.cached = usage.detail("input_tokens_details", "cached_tokens").value_or(0);
  counts.reasoning = usage.detail("output_tokens_details", "reasoning_tokens").value_or(0);
  counts.absurd = usage.absurd();
  return disjoint(counts);
}

Result<AnswerFacts> read_answer(std::string_view body) {
  const auto object = scan_object(body, Utf8::passed);
  if (!object) return std::unexpected(object.error());
  AnswerFacts facts;
  facts.usage = usage_of(*object, 0);
  if (const JsonMember* output = object->find("output")) facts.produced_bytes = produced(output->value);
  return facts;
}

std::unique_ptr<StreamReader> stream_reader() { return std::make_unique<Reader>(); }

}  // namespace govctl::providers::openai_responses
