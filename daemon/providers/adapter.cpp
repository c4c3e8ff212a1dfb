#include "daemon/providers/adapter.h"

#include <algorithm>
#include <array>

#include "daemon/providers/mock.h"
#include "daemon/providers/openai.h"

namespace govctl::providers {
namespace {

constexpr std::array adapters{openai::adapter, openai::azure_adapter, mock::adapter};

struct FormatRow {
  Format format;
  Result<AnswerFacts> (*read_answer)(std::string_view body);
  std::unique_ptr<StreamReader> (*stream_reader)();  // null: it is never streamed
  std::string_view max_tokens_member;
};
// clang-format off
constexpr std::array formats{
    FormatRow{Format::chat, openai::answer_facts, openai::stream_reader, "max_tokens"},
    FormatRow{Format::embeddings, openai::answer_facts, nullptr, ""},
};
// clang-format on

const FormatRow* find(Format format) {
  const auto* const found = std::ranges::find(formats, format, &FormatRow::format);
  return found == formats.end() ? nullptr : found;
}

}  // namespace

const Adapter* find_adapter(std::string_view kind) {
  for (const auto adapter : adapters) {
    if (adapter().kind == kind) return &adapter();
  }
  return nullptr;
}

Result<AnswerFacts> read_answer(Format format, std::string_view body) {
  const FormatRow* const row = find(format);
  if (row == nullptr) return fail(Code::invalid, "no reader for this format");
  return row->read_answer(body);
}

std::unique_ptr<StreamReader> stream_reader(Format format) {
  const FormatRow* const row = find(format);
  return row == nullptr || row->stream_reader == nullptr ? nullptr : row->stream_reader();
}

std::string_view max_tokens_member(Format format) {
  const FormatRow* const row = find(format);
  return row == nullptr ? std::string_view{} : row->max_tokens_member;
}

}  // namespace govctl::providers
