#include "daemon/calls/dialect.h"

#include <array>

#include "daemon/calls/chat.h"
#include "daemon/calls/embeddings.h"
#include "daemon/calls/messages.h"
#include "daemon/calls/responses.h"

namespace govctl::calls {

using providers::Format;

namespace {

constexpr std::array dialects{chat::dialect, messages::dialect, responses::dialect, embeddings::dialect};

}  // namespace

const Dialect& dialect_of(Format format) {
  for (const auto dialect : dialects) {
    if (dialect().format == format) return dialect();
  }
  return chat::dialect();
}

}  // namespace govctl::calls
