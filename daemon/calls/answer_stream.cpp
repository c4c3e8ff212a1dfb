// How a call ends that is with its provider and gets a streamed answer.

#include <fmt/format.h>

#include "daemon/calls/call.h"
#include "daemon/calls/passage.h"
#include "daemon/calls/relay.h"
#include "daemon/calls/stop.h"
#include "daemon/providers/chat_answer.h"
#include "daemon/providers/openai.h"

namespace govctl::calls {

using domain::CallStatus;
using domain::Outcome;
using providers::Format;

namespace {

// Chat's last words: the usage chunk where the client asked for it, and [DONE].
std::string chat_end(const Call& call, const Relayed& relayed, const domain::Charge& charge) {
  std::string end;
  if (call.request.include_usage) {
    std::string chunk = relayed.usage_chunk;
    if (chunk.empty()) {  // the upstream sent none: the figures are those that were charged
      chunk = fmt::format(
          R"({{"id":{},"object":"chat.completion.chunk","created":{},"model":{},"choices":[],"usage":{}}})",
          relayed.place.id, call.identity().created, providers::json_quoted(relayed.place.model),
          dumped(providers::chat_usage(charge.usage)));
    }
    const auto object = providers::scan_object(chunk, providers::Utf8::passed);
    end = "data: " + providers::openai::with_platform(chunk, *object, platform_json(call, charge)) + "\n\n";
  }
  end += "data: [DONE]\n\n";
  return end;
}

// What follows the last relayed event of a stream that is whole, once the charge is durable.
std::string stream_end(const Call& call, const Relayed& relayed, StreamTranslation* translation,
                       const domain::Charge& charge) {
  if (call.dialect.format == Format::chat) return chat_end(call, relayed, charge);
  if (translation == nullptr)
    return relayed.terminal.empty() ? std::string(call.dialect.closing) : relayed.terminal;
  std::string end;
  translation->end(charge.usage, end);
  return end;
}

// Ends a stream before its provider does, once the charge is durable. Of the notice chat makes a chunk in every
// choice.
std::string early_end_text(const Call& call, const Relayed& relayed, StreamTranslation* translation,
                           EarlyEnd* early_end, const domain::Charge& charge, std::string_view notice) {
  std::string end;
  if (call.dialect.format == Format::chat) {
    providers::AnswerIdentity identity = call.identity();
    const auto id = providers::Json::parse(relayed.place.id, nullptr, false);
    if (id.is_string()) identity.id = id.get<std::string>();
    for (std::int64_t choice = 0; choice < call.facts.ask.choices; ++choice) {
      end += "data: " + dumped(providers::chat_chunk(identity, choice, {{"content", notice}})) + "\n\n";
      end += "data: " + dumped(providers::chat_chunk(identity, choice, providers::Json::object(), "length")) +
             "\n\n";
    }
    return end + chat_end(call, relayed, charge);
  }
  if (translation != nullptr) {
    translation->cut_short(notice, end);
    translation->end(charge.usage, end);
  } else if (early_end != nullptr) {
    early_end->end(notice, charge.usage, end);
  }
  return end;
}

// Notes on the outcome how the stream ended, and gives what the client is told of it when it did not end well.
Fault note_end(const Call& call, const Relayed& relayed, Outcome& outcome, std::string_view provider) {
  Fault fault = upstream_fault(relayed.error, provider);
  outcome.completion = "error";
  switch (relayed.end) {
    case StreamEnd::complete:
      outcome.status = CallStatus::success;
      outcome.completion = "complete";
      break;
    case StreamEnd::client_gone:
      outcome.cause = "client_gone";
      outcome.completion = "partial";
      outcome.error_message = "the client disconnected";
      break;
    case StreamEnd::upstream_failed:
      outcome.cause = "upstream_failed";
      outcome.error_message = relayed.error.message;
      break;
    case StreamEnd::upstream_error_event:
      outcome.cause = "upstream_error";
      outcome.error_message = fmt::format("provider {} broke off with an error", provider);
      fault.message = relayed.upstream_message.empty()
                          ? outcome.error_message
                          : fmt::format("{}: {}", outcome.error_message, relayed.upstream_message);
      break;
    case StreamEnd::garbage:
      outcome.cause = "upstream_garbage";
      outcome.error_message = fmt::format("provider {} sent what is no event of such a stream", provider);
      fault.message = outcome.error_message;
      break;
    case StreamEnd::not_covered:
      outcome.status = domain::status_of(relayed.refusal->cause);
      outcome.cause = domain::cause_word(relayed.refusal->cause);
      outcome.completion = "partial";
      outcome.error_message = relayed.refusal->message;
      fault = unsettled_fault();
      fault.message = "the answer ends here: " + outcome.error_message;
      break;
    case StreamEnd::stopped:
      note_stop(call, outcome);
      fault = stop_fault(*call.stopped);
      break;
  }
  return fault;
}

// Settles, and tells the client the end.
asio::awaitable<void> end_stream(Call& call, Sent sent, Relayed& relayed, StreamTranslation* translated,
                                 EarlyEnd* early_end) {
  Fault fault = note_end(call, relayed, sent.hold.outcome(), sent.route.provider->name);
  const Outcome& outcome = sent.hold.outcome();
  const bool spent = outcome.status == CallStatus::budget_exceeded;
  auto charge = co_await sent.hold.settle();
  if (relayed.end == StreamEnd::client_gone) {
    call.exchange.abort();
    co_return;
  }
  std::string end;
  if (charge && relayed.end == StreamEnd::complete) {
    end = stream_end(call, relayed, translated, *charge);
  } else if (charge && spent) {
    fault.message = outcome.error_message;
    const std::string notice = with_explain(std::move(fault), call).message;
    end = early_end_text(call, relayed, translated, early_end, *charge, fmt::format("\n\n[{}]", notice));
  } else if (charge && relayed.told) {
    end = relayed.terminal;  // the upstream's own word, where its format ends with it
  } else {
    if (!charge) fault = unsettled_fault();
    end = fault_event(call.dialect.envelope, with_explain(std::move(fault), call), call.id(), relayed.place);
  }
  auto finished = co_await call.exchange.finish(end);
  (void)finished;
}

http::Headers stream_headers(const Call& call, const tenant::Hold& hold) {
  http::Headers headers = answer_headers(call, hold, "text/event-stream; charset=utf-8");
  headers.push_back({"Cache-Control", "no-cache"});
  headers.push_back({"X-Accel-Buffering", "no"});
  return headers;
}

}  // namespace

// What it keeps in its frame is held for as long as the stream lasts.
asio::awaitable<void> answer_stream(Call& call, Sent sent, http::UpstreamResponse& response,
                                    DisconnectWatch& watch) {
  std::unique_ptr<StreamTranslation> translated;
  if (!sent.passage.bytes_pass()) {
    translated = std::make_unique<StreamTranslation>(sent.passage, call.identity());
  }
  const auto early_end =
      sent.hold.by_estimate() && !translated ? calls::early_end(call.dialect.format) : nullptr;
  Relayed relayed;
  const auto started = co_await call.exchange.start(200, stream_headers(call, sent.hold));
  if (started) {
    co_await relay({response, call.exchange, sent.passage, translated.get(), early_end.get(), sent.hold,
                    watch.gone, call.stopped, call.ping_after},
                   relayed);
  } else {
    relayed.end = StreamEnd::client_gone;
  }
  relayed.place.model = call.facts.ask.model;
  if (relayed.place.id.empty()) relayed.place.id = providers::json_quoted(call.identity().id);
  if (relayed.end == StreamEnd::client_gone || relayed.end == StreamEnd::not_covered) response.cancel();
  co_await end_stream(call, sent, relayed, translated.get(), early_end.get());
}

}  // namespace govctl::calls
