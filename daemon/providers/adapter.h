#pragma once
// The seam between a call and its provider (10-architecture.md "One call, as data"): wire formats read as
// facts, requests said in a provider's own format, answers said back. Pure: bytes in, bytes out; no sockets, no
// money, no clock, no state but a stream's own. A new kind is one file and one row in the table of adapter.cpp.
//
// OpenAI chat is the pivot of every translation: a client's dialect that is not the provider's own format goes
// to chat (calls/) and from chat to the provider's format (here), and the answer the same way back. Where
// dialect and format are the same, nothing is translated: bytes pass.

#include <cstdint>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/error.h"
#include "daemon/domain/usage.h"

namespace govctl::providers {

using Json = nlohmann::ordered_json;  // keeps the order in which members came

// What travels on the wire, whoever sends it.
enum class Format : std::uint8_t {
  chat,               // POST /v1/chat/completions of OpenAI
  messages,           // POST /v1/messages of Anthropic
  responses,          // POST /v1/responses of OpenAI
  embeddings,         // POST /v1/embeddings of OpenAI
  gemini,             // models/{model}:generateContent of Google
  gemini_embeddings,  // models/{model}:batchEmbedContents
  cohere,             // POST /v2/chat of Cohere
  cohere_embeddings,  // POST /v2/embed
};

struct UsageReport {
  std::optional<domain::Usage> usage;  // absent is absent; an explicit zero is zero
  bool absurd = false;                 // negative, contradictory or beyond reason: an upstream fault
  // What went in is the upstream's figure, what came out is reckoned from what was produced.
  bool estimated = false;
};

// --- reading answers

struct AnswerFacts {
  UsageReport usage;
  std::int64_t produced_bytes = 0;  // of text and arguments, for an estimate
};

// One event of a streamed answer: its SSE name (may be empty) and its data.
struct StreamEvent {
  std::string_view name;
  std::string_view data;
};

struct EventFacts {
  std::int64_t produced_bytes = 0;
  bool usage_only = false;  // chat: the chunk that include_usage adds
  bool finished = false;    // a stop reason was seen: a stream that ends now is whole
  bool terminal =
      false;  // the format's last event ([DONE], message_stop, response.completed): held for the charge
  bool error = false;  // the upstream says that it failed
};

// Reads one streamed answer, event by event.
class StreamReader {
 public:
  StreamReader() = default;
  virtual ~StreamReader() = default;
  StreamReader(const StreamReader&) = delete;
  StreamReader& operator=(const StreamReader&) = delete;
  // An error: what came is not of this format.
  virtual Result<EventFacts> read(const StreamEvent& event) = 0;
  // What was said of usage so far, cumulative, in disjoint kinds.
  [[nodiscard]] virtual UsageReport usage() const = 0;
};

// --- translating, upstream side

// An answer's stream said as OpenAI chat chunks. An event may give none or several; the last chunks carry
// finish_reason, none carries usage (the reader knows it).
class ChunkSource {
 public:
  ChunkSource() = default;
  virtual ~ChunkSource() = default;
  ChunkSource(const ChunkSource&) = delete;
  ChunkSource& operator=(const ChunkSource&) = delete;
  virtual Result<void> event(const StreamEvent& event, std::vector<Json>& chunks) = 0;
};

// Who answers, for the fields of an answer that the provider does not give.
struct AnswerIdentity {
  std::string id;            // of the call
  std::string model;         // as the client named it
  std::int64_t created = 0;  // unix seconds
  bool base64 = false;       // embeddings: the request's encoding_format is base64
};

// --- translating, client side

// Chat chunks said in the client's dialect, as complete SSE text.
class ChunkSink {
 public:
  ChunkSink() = default;
  virtual ~ChunkSink() = default;
  ChunkSink(const ChunkSink&) = delete;
  ChunkSink& operator=(const ChunkSink&) = delete;
  virtual void chunk(const Json& chunk, std::string& out) = 0;
  // What ends the stream, once the charge is durable: stop reason, usage, terminal event.
  virtual void end(const domain::Usage& usage, std::string& out) = 0;
};

// --- sending

struct WireHeader {
  std::string name, value;
};

// What is sent to a provider.
struct WireRequest {
  std::string target;  // behind the row's base path, with its query: "/chat/completions"
  // Host, Content-Length and Accept-Encoding are the client's; Content-Type, Accept and User-Agent the
  // sender's, where they are not here.
  std::vector<WireHeader> headers;
  std::string body;
};

// What a kind's wire() is given. Views outlive the call.
struct WireInput {
  Format format = Format::chat;
  std::string_view base_url;  // of the provider's row
  std::string_view host;      // of base_url, with its port when it is not the scheme's own: what is signed
  std::string_view base_path;
  std::string_view model;  // the upstream's name for it
  bool stream = false;
  std::string body;              // in `format`
  std::string_view credential;   // empty where the provider needs none
  std::string_view api_version;  // azure_openai; empty: the kind's default
  const std::vector<WireHeader>* passed =
      nullptr;                    // the client's headers that this dialect passes (anthropic-*)
  std::int64_t unix_seconds = 0;  // for signatures
};

// How a streamed answer is cut into events.
enum class Framing : std::uint8_t { sse, aws_event_stream };

// One kind of provider.
struct Adapter {
  std::string_view kind;
  Format chat;  // what carries a conversation: a dialect of the same format passes through
  std::optional<Format> embeddings{};  // empty: it has none
  bool responses = false;              // has POST /v1/responses (a row may still say that it does not)
  Framing framing = Framing::sse;
  // Path, headers, authentication, and the body as this kind wants it.
  Result<WireRequest> (*wire)(WireInput input);
  // The translations between chat and `chat`; null where they are the same.
  // invalid names the field that cannot be carried. `model` and `stream` of the chat request count.
  Result<Json> (*request_from_chat)(const Json& chat) = nullptr;
  Result<Json> (*answer_to_chat)(const Json& answer, const AnswerIdentity& identity) = nullptr;
  std::unique_ptr<ChunkSource> (*chunks)(const AnswerIdentity& identity) = nullptr;
  // The same for embeddings, between OpenAI's format and `embeddings`.
  Result<Json> (*embeddings_from_openai)(const Json& request) = nullptr;
  Result<Json> (*embeddings_to_openai)(const Json& answer, const AnswerIdentity& identity) = nullptr;
};

// Null for an unknown kind.
const Adapter* find_adapter(std::string_view kind);

// --- the formats

// invalid: the body is no answer of that format.
Result<AnswerFacts> read_answer(Format format, std::string_view body);
std::unique_ptr<StreamReader> stream_reader(Format format);
// Where a request of the format says how much may be produced: the member that must be set ("max_tokens"), a
// dotted path where it is nested ("generationConfig.maxOutputTokens"). Empty: nowhere.
std::string_view max_tokens_member(Format format);

}  // namespace govctl::providers
