#include "daemon/providers/openai.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "common/version.h"
#include "daemon/providers/counts.h"

namespace govctl::providers::openai {
namespace {

std::int64_t produced(std::string_view choices) {
  return text_behind(choices, {"content", "arguments", "reasoning_content", "refusal"});
}

UsageReport usage_member(const JsonObject& object) {
  const JsonMember* usage = object.find("usage");
  return usage == nullptr ? UsageReport{} : read_usage(usage->value);
}

class ChatReader final : public StreamReader {
 public:
  Result<EventFacts> read(const StreamEvent& event) override {
    EventFacts facts;
    if (event.data == "[DONE]") {
      facts.terminal = true;
      return facts;
    }
    auto chunk = read_chunk(event.data);
    if (!chunk) return std::unexpected(chunk.error());
    usage_.absurd = usage_.absurd || chunk->usage.absurd;
    if (chunk->usage.usage) usage_.usage = chunk->usage.usage;
    facts.produced_bytes = chunk->produced_bytes;
    facts.usage_only = chunk->usage_only;
    facts.finished = chunk->finished;
    facts.error = chunk->error;
    return facts;
  }
  [[nodiscard]] UsageReport usage() const override { return usage_; }

 private:
  UsageReport usage_;
};

std::string_view path_of(Format format) {
  switch (format) {
    case Format::chat:
      return "/chat/completions";
    case Format::responses:
      return "/responses";
    case Format::embeddings:
      return "/embeddings";
    case Format::messages:
    case Format::gemini:
    case Format::gemini_embeddings:
    case Format::cohere:
    case Format::cohere_embeddings:
      break;
  }
  return {};
}

Result<WireRequest> wire(WireInput input) {
  const std::string_view path = path_of(input.format);
  if (path.empty()) return fail(Code::invalid, "a provider of kind 'openai' does not speak this format");
  WireRequest request;
  request.target = path;
  request.headers = json_headers(input.stream);
  if (!input.credential.empty()) {
    request.headers.push_back({"Authorization", "Bearer " + std::string(input.credential)});
  }
  request.body = std::move(input.body);
  return request;
}

}  // namespace

std::optional<std::string> edited(std::string_view body, const JsonObject& object, const RequestEdits& edits) {
  std::vector<MemberEdit> members;
  const auto set = [&](std::string_view key, std::string value) { members.push_back({key, std::move(value)}); };
  if (edits.model) set("model", json_quoted(*edits.model));
  if (edits.include_usage) {
    const JsonMember* options = object.find("stream_options");
    auto value = options == nullptr ? nlohmann::ordered_json::object()
                                    : nlohmann::ordered_json::parse(options->value, nullptr, false);
    if (!value.is_object()) value = nlohmann::ordered_json::object();
    value["include_usage"] = true;
    set("stream_options", value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
  }
  if (edits.max_tokens) {
    std::string_view field = edits.max_tokens_field;
    for (const std::string_view name : {"max_tokens", "max_completion_tokens"}) {
      const JsonMember* member = object.find(name);
      if (member != nullptr && member->value != "null") field = name;
    }
    set(field, fmt::format("{}", *edits.max_tokens));
  }
  if (members.empty()) return std::nullopt;
  return with_members(body, object, members);
}

UsageReport read_usage(std::string_view value) {
  UsageObject usage(value);
  TokenCounts counts;
  counts.in = usage.count("prompt_tokens");
  counts.out = usage.count("completion_tokens");
  counts.total = usage.count("total_tokens");
  // The second is DeepSeek's name for the same.
  counts.cached = std::max(usage.detail("prompt_tokens_details", "cached_tokens").value_or(0),
                           usage.count("prompt_cache_hit_tokens").value_or(0));
  counts.audio_in = usage.detail("prompt_tokens_details", "audio_tokens").value_or(0);
  counts.audio_out = usage.detail("completion_tokens_details", "audio_tokens").value_or(0);
  counts.reasoning = usage.detail("completion_tokens_details", "reasoning_tokens").value_or(0);
  counts.absurd = usage.absurd();
  return disjoint(counts);
}

Result<Answer> read_answer(std::string_view body) {
  auto object = scan_object(body, Utf8::passed);
  if (!object) return std::unexpected(object.error());
  Answer answer;
  answer.object = std::move(*object);
  answer.usage = usage_member(answer.object);
  if (const JsonMember* choices = answer.object.find("choices"))
    answer.produced_bytes = produced(choices->value);
  return answer;
}

Result<AnswerFacts> read_facts(std::string_view body) {
  auto answer = read_answer(body);
  if (!answer) return std::unexpected(answer.error());
  return AnswerFacts{answer->usage, answer->produced_bytes};
}

std::string with_platform(std::string_view body, const JsonObject& object, std::string_view x_platform_json) {
  // A provider that is a govd itself has said its own.
  return with_members(body, object, {{"x_platform", std::string(x_platform_json)}});
}

Result<Chunk> read_chunk(std::string_view data) {
  auto object = scan_object(data, Utf8::passed);
  if (!object) return std::unexpected(object.error());
  Chunk chunk;
  chunk.object = std::move(*object);
  chunk.usage = usage_member(chunk.object);
  const JsonMember* error = chunk.object.find("error");
  chunk.error = error != nullptr && error->value != "null";
  if (const JsonMember* choices = chunk.object.find("choices")) {
    chunk.usage_only = (chunk.usage.usage || chunk.usage.absurd) &&
                       choices->value.find_first_not_of(" \t\r\n[]") == std::string_view::npos;
    chunk.produced_bytes = produced(choices->value);
    const std::size_t reason = choices->value.find("\"finish_reason\"");
    if (reason != std::string_view::npos) {
      const std::size_t value = choices->value.find_first_not_of(" :", reason + 15);
      chunk.finished = value != std::string_view::npos && choices->value[value] == '"';
    }
  }
  return chunk;
}

std::unique_ptr<StreamReader> stream_reader() { return std::make_unique<ChatReader>(); }

bool hides_reasoning(std::string_view model) {
  const std::size_t slash = model.rfind('/');
  if (slash != std::string_view::npos) model.remove_prefix(slash + 1);
  return model.starts_with("o1") || model.starts_with("o3") || model.starts_with("o4") ||
         model.starts_with("gpt-5");
}

std::vector<WireHeader> json_headers(bool stream) {
  std::vector<WireHeader> headers;
  headers.reserve(4);
  headers.push_back({"Content-Type", "application/json"});
  headers.push_back({"Accept", stream ? "text/event-stream" : "application/json"});
  headers.push_back({"User-Agent", "govd/" + std::string(version)});
  return headers;
}

const Adapter& adapter() {
  static constexpr Adapter row{.kind = "openai",
                               .chat = Format::chat,
                               .embeddings = Format::embeddings,
                               .responses = true,
                               .framing = Framing::sse,
                               .wire = wire,
                               .request_from_chat = nullptr,
                               .answer_to_chat = nullptr,
                               .chunks = nullptr,
                               .embeddings_from_openai = nullptr,
                               .embeddings_to_openai = nullptr};
  return row;
}

}  // namespace govctl::providers::openai
