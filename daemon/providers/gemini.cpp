#include "daemon/providers/gemini.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "common/version.h"
#include "daemon/providers/json_tree.h"

namespace govctl::providers::gemini {
namespace {

using domain::PriceKind;

constexpr std::string_view models = "models/";

// Of a list of {"modality", "tokenCount"}: the audio.
std::int64_t audio_tokens(const Json& metadata, std::string_view details, bool& absurd) {
  const Json* list = array_in(metadata, details);
  std::int64_t tokens = 0;
  if (list == nullptr) return tokens;
  for (const Json& row : *list) {
    const std::string* modality = string_in(row, "modality");
    if (modality != nullptr && *modality == "AUDIO") tokens += count_in(row, "tokenCount", absurd).value_or(0);
  }
  return tokens;
}

// Of text, thoughts and calls.
std::int64_t produced(const Json& candidate) {
  const Json* content = object_in(candidate, "content");
  const Json* parts = content == nullptr ? nullptr : array_in(*content, "parts");
  std::int64_t bytes = 0;
  if (parts == nullptr) return bytes;
  for (const Json& part : *parts) {
    if (const std::string* text = string_in(part, "text")) bytes += static_cast<std::int64_t>(text->size());
    const Json* call = object_in(part, "functionCall");
    if (const Json* args = call == nullptr ? nullptr : object_in(*call, "args"))
      bytes += static_cast<std::int64_t>(dumped(*args).size());
  }
  return bytes;
}

std::int64_t produced_by_all(const Json& answer) {
  const Json* candidates = array_in(answer, "candidates");
  std::int64_t bytes = 0;
  if (candidates == nullptr) return bytes;
  for (const Json& candidate : *candidates) bytes += produced(candidate);
  return bytes;
}

bool is_blocked(const Json& answer) {
  const Json* feedback = object_in(answer, "promptFeedback");
  return feedback != nullptr && string_in(*feedback, "blockReason") != nullptr;
}

class Reader final : public StreamReader {
 public:
  Result<EventFacts> read(const StreamEvent& event) override {
    const auto chunk = parsed_object(event.data);
    if (!chunk) return std::unexpected(chunk.error());
    EventFacts facts;
    facts.error = given(*chunk, "error") != nullptr;
    facts.produced_bytes = produced_by_all(*chunk);
    produced_ = produced_ || facts.produced_bytes > 0;
    facts.finished = finishes(*chunk);
    finished_ = finished_ || facts.finished;
    // Cumulative: the last word counts.
    if (const Json* metadata = given(*chunk, "usageMetadata")) {
      UsageReport report = read_usage(*metadata);
      if (report.usage || report.absurd) {
        usage_ = report;
        says_output_ = given(*metadata, "candidatesTokenCount") != nullptr;
      }
    }
    return facts;
  }

  [[nodiscard]] UsageReport usage() const override {
    // In the middle of an answer a count that is left out is no zero.
    if (produced_ && !finished_ && !says_output_ && !usage_.absurd) return {};
    return usage_;
  }

 private:
  // Whether no candidate is unfinished any more.
  bool finishes(const Json& chunk) {
    const Json* candidates = array_in(chunk, "candidates");
    if (candidates == nullptr || candidates->empty()) return is_blocked(chunk);
    bool reason = false;
    for (const Json& candidate : *candidates) {
      bool absurd = false;
      const std::int64_t index = count_in(candidate, "index", absurd).value_or(0);
      if (string_in(candidate, "finishReason") != nullptr) {
        reason = true;
        open_.erase(index);
      } else if (index < most_candidates) {
        open_.insert(index);
      }
    }
    return reason && open_.empty();
  }

  static constexpr std::int64_t most_candidates = 128;
  std::set<std::int64_t> open_;  // candidates that have begun
  UsageReport usage_;
  bool says_output_ = false;
  bool produced_ = false;
  bool finished_ = false;
};

}  // namespace

const Adapter& adapter() {
  static constexpr Adapter row{.kind = "gemini",
                               .chat = Format::gemini,
                               .embeddings = Format::gemini_embeddings,
                               .wire = wire,
                               .request_from_chat = request_from_chat,
                               .answer_to_chat = answer_to_chat,
                               .chunks = chunks,
                               .embeddings_from_openai = embeddings_from_openai,
                               .embeddings_to_openai = embeddings_to_openai};
  return row;
}

UsageReport read_usage(const Json& metadata) {
  UsageReport report;
  if (!metadata.is_object()) {
    report.absurd = !metadata.is_null();
    return report;
  }
  bool absurd = false;
  const auto prompt = count_in(metadata, "promptTokenCount", absurd);
  const auto candidates = count_in(metadata, "candidatesTokenCount", absurd);
  const auto said_thoughts = count_in(metadata, "thoughtsTokenCount", absurd);
  const std::int64_t cached = count_in(metadata, "cachedContentTokenCount", absurd).value_or(0);
  const std::int64_t tools = count_in(metadata, "toolUsePromptTokenCount", absurd).value_or(0);
  const auto total = count_in(metadata, "totalTokenCount", absurd);
  const std::int64_t audio = audio_tokens(metadata, "promptTokensDetails", absurd);
  const std::int64_t cached_audio = audio_tokens(metadata, "cacheTokensDetails", absurd);
  const std::int64_t audio_out = audio_tokens(metadata, "candidatesTokensDetails", absurd);
  if (!prompt && !candidates && !said_thoughts && !absurd) return report;

  const std::int64_t in = prompt.value_or(0);
  const std::int64_t out = candidates.value_or(0);
  const std::int64_t thoughts = said_thoughts.value_or(0);
  // Thoughts stand beside the candidates; a total without them says that they were counted inside.
  const bool inside = total && *total == in + tools + out && thoughts <= out;
  // Audio that came from the cache is priced as cached; where nobody says how much that was, as much as can be.
  const std::int64_t audio_in = std::min(audio - cached_audio, in - cached);
  domain::Usage usage;
  usage[PriceKind::input] = in - cached - audio_in + tools;
  usage[PriceKind::cache_read] = cached;
  usage[PriceKind::audio_in] = audio_in;
  usage[PriceKind::output] = (inside ? out - thoughts : out) - audio_out;
  usage[PriceKind::reasoning] = thoughts;
  usage[PriceKind::audio_out] = audio_out;
  const bool negative = std::ranges::any_of(usage.quantity, [](std::int64_t quantity) { return quantity < 0; });
  report.absurd = absurd || negative || audio > in || cached > in || cached_audio > cached;
  if (!report.absurd) report.usage = usage;
  return report;
}

Result<AnswerFacts> read_answer(std::string_view body) {
  const auto answer = parsed_object(body);
  if (!answer) return std::unexpected(answer.error());
  AnswerFacts facts;
  if (const Json* metadata = given(*answer, "usageMetadata")) facts.usage = read_usage(*metadata);
  facts.produced_bytes = produced_by_all(*answer);
  return facts;
}

std::unique_ptr<StreamReader> stream_reader() { return std::make_unique<Reader>(); }

Result<AnswerFacts> read_embeddings(std::string_view body) {
  const auto answer = parsed_object(body);
  if (!answer) return std::unexpected(answer.error());
  AnswerFacts facts;
  if (const Json* metadata = given(*answer, "usageMetadata")) facts.usage = read_usage(*metadata);
  return facts;
}

std::string model_resource(std::string_view model) {
  const bool says = model.starts_with(models) || model.starts_with("tunedModels/");
  return says ? std::string(model) : fmt::format("{}{}", models, model);
}

Result<WireRequest> wire(WireInput input) {
  const std::string resource = model_resource(input.model);
  const std::size_t slash = resource.find('/') + 1;
  if (slash == resource.size()) return fail(Code::invalid, "a model's name is needed");
  std::string_view method = input.stream ? ":streamGenerateContent?alt=sse" : ":generateContent";
  if (input.format == Format::gemini_embeddings) method = ":batchEmbedContents";
  WireRequest request;
  request.target = fmt::format("/{}{}{}", std::string_view(resource).substr(0, slash),
                               percent_encoded(std::string_view(resource).substr(slash)), method);
  request.headers.push_back({"Content-Type", "application/json"});
  request.headers.push_back({"Accept", input.stream ? "text/event-stream" : "application/json"});
  request.headers.push_back({"User-Agent", fmt::format("govd/{}", version)});
  // In a header: a target is written to logs.
  if (!input.credential.empty()) request.headers.push_back({"x-goog-api-key", std::string(input.credential)});
  request.body = std::move(input.body);
  return request;
}

}  // namespace govctl::providers::gemini
