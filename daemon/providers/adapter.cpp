#include "daemon/providers/adapter.h"

#include <array>

#include "daemon/providers/anthropic.h"
#include "daemon/providers/azure.h"
#include "daemon/providers/bedrock.h"
#include "daemon/providers/cohere.h"
#include "daemon/providers/gemini.h"
#include "daemon/providers/mock.h"
#include "daemon/providers/openai.h"
#include "daemon/providers/openai_embeddings.h"
#include "daemon/providers/openai_responses.h"

namespace govctl::providers {
namespace {

// A row is a function, so that a kind's own table stays in its own file.
constexpr std::array adapters{openai::adapter, azure::adapter,  anthropic::adapter, bedrock::adapter,
                              gemini::adapter, cohere::adapter, mock::adapter};

struct FormatRow {
  Format format;
  Result<AnswerFacts> (*read_answer)(std::string_view body);
  std::unique_ptr<StreamReader> (*stream_reader)();  // null: it is never streamed
  std::string_view max_tokens_member;
};
// clang-format off
constexpr std::array formats{
    FormatRow{Format::chat, openai::read_facts, openai::stream_reader, "max_tokens"},
    FormatRow{Format::messages, anthropic::read_answer, anthropic::stream_reader, "max_tokens"},
    FormatRow{Format::responses, openai_responses::read_answer, openai_responses::stream_reader, "max_output_tokens"},
    FormatRow{Format::embeddings, openai_embeddings::read_answer, nullptr, ""},
    FormatRow{Format::gemini, gemini::read_answer, gemini::stream_reader, "generationConfig.maxOutputTokens"},
    FormatRow{Format::gemini_embeddings, gemini::read_embeddings, nullptr, ""},
    FormatRow{Format::cohere, cohere::read_answer, cohere::stream_reader, "max_tokens"},
    FormatRow{Format::cohere_embeddings, cohere::read_embeddings, nullptr, ""},
};
constexpr bool in_order() {
  for (std::size_t i = 0; i < formats.size(); ++i) {
    if (static_cast<std::size_t>(formats[i].format) != i) return false;
  }
  return true;
}
static_assert(in_order(), "the table is indexed by Format");
// clang-format on

const FormatRow& row_of(Format format) { return formats[static_cast<std::size_t>(format)]; }

}  // namespace

const Adapter* find_adapter(std::string_view kind) {
  for (const auto adapter : adapters) {
    if (adapter().kind == kind) return &adapter();
  }
  return nullptr;
}

Result<AnswerFacts> read_answer(Format format, std::string_view body) {
  return row_of(format).read_answer(body);
}

std::unique_ptr<StreamReader> stream_reader(Format format) {
  const FormatRow& row = row_of(format);
  return row.stream_reader == nullptr ? nullptr : row.stream_reader();
}

std::string_view max_tokens_member(Format format) { return row_of(format).max_tokens_member; }

}  // namespace govctl::providers
