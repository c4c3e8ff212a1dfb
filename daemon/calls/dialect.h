#pragma once
// What a client's dialect is to a call: how its requests are read and changed, how it is told answers that came
// in another format, and how it is told that something failed. One file a dialect, one row a dialect in
// dialect.cpp.

#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "daemon/calls/refusals.h"
#include "daemon/domain/admission.h"
#include "daemon/providers/adapter.h"
#include "daemon/providers/json_object.h"

namespace govctl::calls {

// A request as its dialect reads it, strictly and once; the body stays as it came.
struct Request {
  domain::Ask ask;
  std::string user;
  bool include_usage = false;    // chat: the client asked for the usage chunk
  providers::JsonObject object;  // views into the body
};

// What must differ, on its way upstream, from what the client sent, where the format stays the same.
struct Edits {
  std::optional<std::string> model;        // the upstream's name for it
  std::optional<std::int64_t> max_tokens;  // in the field that the client used, or else the dialect's own
  bool include_usage = false;              // chat: set stream_options.include_usage
  std::string_view max_tokens_field;       // chat: the provider row's name of the field
};

struct Dialect {
  std::string_view name;  // as usage events say it: "chat", "messages", "responses", "embeddings"
  providers::Format format;
  // A refusal (bad_request) names the field. A governed field that stands twice or in another spelling is
  // refused: upstreams differ in which one they believe.
  std::expected<Request, domain::Refusal> (*parse)(std::string_view body);
  // `body` with the edits, byte for byte otherwise.
  std::string (*edited)(std::string body, const Request& request, const Edits& edits);

  // Null where there is nothing to translate (chat), or no way to (embeddings have their own).
  // invalid names the field that cannot be carried.
  Result<providers::Json> (*request_to_chat)(const providers::Json& request);
  providers::Json (*answer_from_chat)(const providers::Json& chat, const domain::Usage& usage,
                                      const providers::AnswerIdentity& identity);
  std::unique_ptr<providers::ChunkSink> (*sink)(const providers::AnswerIdentity& identity);

  Envelope envelope = Envelope::chat;  // how its clients are told of errors
  std::string_view ping = {};          // SSE text that keeps a silent stream alive; empty: it has no streams
  std::string_view closing = {};       // ends a stream whose upstream gave a stop reason and no terminal event
};

// The dialect whose requests come in that format; of chat, messages, responses, embeddings.
const Dialect& dialect_of(providers::Format format);

}  // namespace govctl::calls
