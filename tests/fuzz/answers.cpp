// An upstream's answer, whole or streamed, in each format: it is read as facts or refused, what it reports of
// usage is not negative, and its translation to chat and to each dialect is an answer or an error.

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <vector>

#include "daemon/calls/dialect.h"
#include "daemon/http/sse.h"
#include "daemon/providers/adapter.h"
#include "tests/fuzz/target.h"

using namespace govctl;
using providers::Format;
using providers::Json;

namespace {

constexpr std::array formats{
    Format::chat,   Format::messages, Format::responses,         Format::embeddings,
    Format::gemini, Format::cohere,   Format::gemini_embeddings, Format::cohere_embeddings};
constexpr std::array kinds{"openai", "anthropic", "gemini", "cohere"};
constexpr std::array dialects{Format::messages, Format::responses};
const providers::AnswerIdentity identity{"req_1", "m", 1'790'847'000, false};

void check(const providers::UsageReport& usage) {
  if (!usage.usage) return;
  for (const auto quantity : usage.usage->quantity) fuzz::require(quantity >= 0);
}

void whole(Format format, std::string_view body) {
  if (const auto facts = providers::read_answer(format, body)) {
    check(facts->usage);
    fuzz::require(facts->produced_bytes >= 0);
  }
  const Json json = Json::parse(body, nullptr, false);
  if (json.is_discarded()) return;
  for (const char* const kind : kinds) {
    const auto* const adapter = providers::find_adapter(kind);
    if (adapter->embeddings_to_openai != nullptr && adapter->embeddings == format) {
      static_cast<void>(adapter->embeddings_to_openai(json, identity));
    }
    if (adapter->chat != format) continue;
    const Result<Json> chat =
        adapter->answer_to_chat == nullptr ? Result<Json>(json) : adapter->answer_to_chat(json, identity);
    if (!chat || adapter->answer_to_chat == nullptr) continue;
    for (const Format dialect : dialects) {
      static_cast<void>(calls::dialect_of(dialect).answer_from_chat(*chat, {}, identity).dump());
    }
  }
}

void streamed(Format format, std::string_view bytes) {
  if (format != Format::chat && format != Format::messages && format != Format::responses &&
      format != Format::gemini && format != Format::cohere) {
    return;
  }
  const auto reader = providers::stream_reader(format);
  const providers::Adapter* adapter = providers::find_adapter("openai");
  for (const char* const kind : kinds) {
    if (providers::find_adapter(kind)->chat == format) adapter = providers::find_adapter(kind);
  }
  std::unique_ptr<providers::ChunkSource> source;
  if (adapter->chunks != nullptr) source = adapter->chunks(identity);
  std::vector<std::unique_ptr<providers::ChunkSink>> sinks;
  for (const Format dialect : dialects) sinks.push_back(calls::dialect_of(dialect).sink(identity));
  http::SseReader events;
  if (!events.feed(bytes)) return;
  std::string out;
  while (const auto event = events.next()) {
    const providers::StreamEvent one{event->event, event->data};
    const auto facts = reader->read(one);
    check(reader->usage());
    if (!facts) return;
    if (!source) continue;
    std::vector<Json> chunks;
    if (!source->event(one, chunks)) return;
    for (const Json& chunk : chunks) {
      for (const auto& sink : sinks) sink->chunk(chunk, out);
    }
  }
  for (const auto& sink : sinks) sink->end({}, out);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view input = fuzz::text_of(data, size);
  const Format format = formats[fuzz::choose(input, formats.size())];
  if (fuzz::choose(input, 2) == 0) {
    whole(format, input);
  } else {
    streamed(format, input);
  }
  return 0;
}
