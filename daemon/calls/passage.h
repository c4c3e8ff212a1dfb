#pragma once
// How a request of one dialect gets to one provider, and its answer back (the matrix of 20-gateway.md): bytes
// pass where both speak the same format; else OpenAI chat stands between them.

#include <expected>
#include <memory>
#include <string>

#include "daemon/calls/dialect.h"
#include "daemon/http/server.h"
#include "daemon/tenant/tenant.h"

namespace govctl::calls {

// Made before money is held, so that what cannot be carried is a refusal.
struct Passage {
  const Dialect* dialect = nullptr;
  const providers::Adapter* adapter = nullptr;
  providers::Format format = providers::Format::chat;  // on the wire to the provider
  // The request in `format`, where it had to be translated; null where bytes pass.
  std::unique_ptr<providers::Json> translated;

  bool base64 = false;  // embeddings: the client wants its numbers so

  [[nodiscard]] bool bytes_pass() const { return translated == nullptr; }
};

// A refusal (bad_request) names the field that cannot be carried, or what works where nothing can be.
std::expected<Passage, domain::Refusal> find_passage(const Dialect& dialect, const Request& request,
                                                     std::string_view body, const tenant::Candidate& candidate);

// The body as the provider must see it, once it is known what may be produced: `output_tokens` are told unless
// the model's own largest answer is what is held.
std::string body_for(Passage& passage, std::string body, const Request& request,
                     const tenant::Candidate& candidate, std::int64_t output_tokens, bool say_output_tokens);

// A whole answer of the provider's in OpenAI chat (or embeddings); an error: it is no such answer.
Result<providers::Json> pivot_answer(const Passage& passage, std::string_view body,
                                     const providers::AnswerIdentity& identity);
// The pivot in the client's dialect.
std::string dialect_answer(const Passage& passage, const providers::Json& pivot, const domain::Usage& usage,
                           const providers::AnswerIdentity& identity);

// A provider's streamed events in the client's dialect. One a stream.
class StreamTranslation {
 public:
  StreamTranslation(const Passage& passage, const providers::AnswerIdentity& identity);
  // Appends what the client gets to `out`, as SSE text; an error: the event is none of the provider's format.
  Result<void> event(const providers::StreamEvent& event, std::string& out);
  // Ends what is said before the provider does, as an answer that its length cut short, after a notice.
  void cut_short(std::string_view notice, std::string& out);
  // What ends a stream that is whole, but for chat's usage chunk and [DONE].
  void end(const domain::Usage& usage, std::string& out);

 private:
  void say(const providers::Json& chunk, std::string& out);
  std::unique_ptr<providers::ChunkSource> source_;  // null: the provider speaks chat
  std::unique_ptr<providers::ChunkSink> sink_;      // null: the client speaks chat
  std::vector<providers::Json> chunks_;
};

// The client's headers that this passage passes: anthropic-* to a provider that speaks Anthropic's format.
std::vector<providers::WireHeader> passed_headers(const http::Exchange& exchange, const Passage& passage);

// What a provider says of its error, in whichever of the vendors' shapes; empty when it says nothing.
std::string upstream_message(std::string_view body);

std::string dumped(const providers::Json& json);

}  // namespace govctl::calls
