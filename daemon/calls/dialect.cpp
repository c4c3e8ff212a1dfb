#include "daemon/calls/dialect.h"

#include <algorithm>
#include <array>

#include "daemon/calls/chat.h"
#include "daemon/calls/embeddings.h"

namespace govctl::calls {

using providers::Format;

namespace {

constexpr std::string_view comment_ping = ": ping\n\n";

// clang-format off
constexpr std::array dialects{
    Dialect{.name = "chat", .format = Format::chat, .parse = chat::parse, .edited = chat::edited,
            .request_to_chat = nullptr, .answer_from_chat = nullptr, .sink = nullptr,
            .envelope = Envelope::chat, .ping = comment_ping},
    Dialect{.name = "embeddings", .format = Format::embeddings, .parse = embeddings::parse,
            .edited = embeddings::edited,
            .request_to_chat = nullptr, .answer_from_chat = nullptr, .sink = nullptr,
            .envelope = Envelope::chat, .ping = ""},
};
// clang-format on

}  // namespace

const Dialect& dialect_of(Format format) {
  const auto* const found = std::ranges::find(dialects, format, &Dialect::format);
  return found == dialects.end() ? dialects.front() : *found;
}

}  // namespace govctl::calls
