#include <catch2/catch.hpp>

#include "common/api/platform.h"
#include "daemon/calls/dialect.h"

using namespace govctl;
using providers::Format;

TEST_CASE("every kind that a provider's row may have is known to the gateway") {
  for (const std::string_view kind : api::provider_kinds) {
    INFO(kind);
    const auto* const adapter = providers::find_adapter(kind);
    REQUIRE(adapter != nullptr);
    CHECK((adapter->wire == nullptr) == (kind == "mock"));
    if (adapter->chat == Format::chat) continue;
    CHECK(adapter->request_from_chat != nullptr);
    CHECK(adapter->answer_to_chat != nullptr);
    CHECK(adapter->chunks != nullptr);
  }
  CHECK(providers::find_adapter("claude") == nullptr);
}

TEST_CASE("every dialect can be told of errors, and of silence where it streams") {
  for (const Format format : {Format::chat, Format::messages, Format::responses, Format::embeddings}) {
    const auto& dialect = calls::dialect_of(format);
    INFO(dialect.name);
    CHECK(dialect.format == format);
    CHECK(dialect.ping.empty() == (format == Format::embeddings));
  }
  CHECK(calls::dialect_of(Format::messages).envelope == calls::Envelope::messages);
  CHECK(calls::dialect_of(Format::responses).envelope == calls::Envelope::responses);
}
