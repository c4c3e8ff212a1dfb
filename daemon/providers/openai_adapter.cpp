// The OpenAI formats' rows in the tables of adapter.cpp: reading a stream, and sending.

#include <fmt/format.h>

#include <algorithm>

#include "daemon/providers/openai.h"

namespace govctl::providers::openai {
namespace {

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
    facts.produced_bytes = chunk->produced_bytes;
    facts.usage_only = chunk->usage_only;
    facts.finished = chunk->finished;
    facts.error = chunk->error;
    if (chunk->usage.usage) usage_.usage = chunk->usage.usage;
    usage_.absurd = usage_.absurd || chunk->usage.absurd;
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

std::string escaped(std::string_view segment) {
  std::string text;
  for (const char c : segment) {
    const bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' ||
                       c == '.' || c == '_' || c == '~';
    text += plain ? std::string(1, c) : fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return text;
}

Result<WireRequest> wire(WireInput input) {
  const std::string_view path = path_of(input.format);
  if (path.empty()) return fail(Code::invalid, "an OpenAI API has no such route");
  WireRequest request;
  request.target = path;
  if (!input.credential.empty()) {
    request.headers.push_back({"Authorization", fmt::format("Bearer {}", input.credential)});
  }
  request.body = std::move(input.body);
  return request;
}

Result<WireRequest> azure_wire(WireInput input) {
  const std::string_view path = path_of(input.format);
  if (path.empty()) return fail(Code::invalid, "Azure OpenAI has no such route");
  WireRequest request;
  if (input.api_version.empty()) {
    request.target = path;
  } else {
    // The responses API names the model in its body alone.
    const std::string deployment =
        input.format == Format::responses ? std::string{} : "/deployments/" + escaped(input.model);
    request.target = fmt::format("{}{}?api-version={}", deployment, path, escaped(input.api_version));
  }
  if (!input.credential.empty()) request.headers.push_back({"api-key", std::string(input.credential)});
  request.body = std::move(input.body);
  return request;
}

}  // namespace

Result<AnswerFacts> answer_facts(std::string_view body) {
  auto answer = read_answer(body);
  if (!answer) return std::unexpected(answer.error());
  return AnswerFacts{answer->usage, answer->produced_bytes};
}

std::unique_ptr<StreamReader> stream_reader() { return std::make_unique<ChatReader>(); }

const Adapter& adapter() {
  static constexpr Adapter row{.kind = "openai",
                               .chat = Format::chat,
                               .embeddings = Format::embeddings,
                               .responses = true,
                               .framing = Framing::sse,
                               .wire = wire};
  return row;
}

const Adapter& azure_adapter() {
  static constexpr Adapter row{.kind = "azure_openai",
                               .chat = Format::chat,
                               .embeddings = Format::embeddings,
                               .responses = true,
                               .framing = Framing::sse,
                               .wire = azure_wire};
  return row;
}

}  // namespace govctl::providers::openai
