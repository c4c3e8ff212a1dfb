#include "daemon/calls/passage.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "daemon/calls/fields.h"

namespace govctl::calls {

using domain::Refusal;
using providers::Format;
using providers::Json;

namespace {

Json parsed(std::string_view text) { return Json::parse(text, nullptr, false); }

Refusal no_way(const Dialect& dialect, const tenant::Candidate& candidate, std::string_view what_works) {
  auto refusal = bad("model", fmt::format("provider {} (kind {}) has no {}; {}", candidate.provider->name,
                                          candidate.provider->kind, dialect.name, what_works))
                     .error();
  refusal.next = "govctl provider list";
  return refusal;
}

// The same format on both sides, or the one that a translation ends in.
std::expected<Format, Refusal> format_for(const Dialect& dialect, const providers::Adapter& adapter,
                                          const tenant::Candidate& candidate) {
  if (dialect.format == Format::embeddings) {
    if (!adapter.embeddings) {
      return std::unexpected(
          no_way(dialect, candidate,
                 "embeddings work with a model of a provider of kind openai, azure_openai, gemini, "
                 "cohere or mock, as text-embedding-3-small"));
    }
    return *adapter.embeddings;
  }
  if (dialect.format == Format::responses && adapter.responses && candidate.provider->responses)
    return Format::responses;
  return adapter.chat;
}

Result<Json> translated(const Dialect& dialect, const providers::Adapter& adapter, Format format,
                        const Request& request, std::string_view body, const tenant::Candidate& candidate) {
  Json json = parsed(body);
  if (!json.is_object()) return fail(Code::invalid, "the body holds a string that is no Unicode text");
  if (dialect.format == Format::embeddings) {
    json["model"] = candidate.upstream_model;
    return adapter.embeddings_from_openai(json);
  }
  if (dialect.request_to_chat != nullptr) {
    auto chat = dialect.request_to_chat(json);
    if (!chat) return chat;
    json = std::move(*chat);
  }
  json["model"] = candidate.upstream_model;
  if (format == Format::chat) {
    if (request.ask.stream && candidate.provider->usage_in_stream)
      json["stream_options"] = {{"include_usage", true}};
    return json;
  }
  return adapter.request_from_chat(json);
}

void set_at(Json& json, std::string_view dotted, std::int64_t value) {
  Json* at = &json;
  while (true) {
    const std::size_t dot = dotted.find('.');
    Json& member = (*at)[std::string(dotted.substr(0, dot))];
    if (dot == std::string_view::npos) {
      member = value;
      return;
    }
    if (!member.is_object()) member = Json::object();
    at = &member;
    dotted.remove_prefix(dot + 1);
  }
}

// Sets what may be produced in a body that was translated.
void bound(Json& json, Format format, const domain::Provider& provider, std::int64_t output_tokens, bool say) {
  if (format == Format::chat) {  // a row's own name for it, whichever the translation used
    json.erase("max_tokens");
    json.erase("max_completion_tokens");
  }
  const std::string_view member = format == Format::chat ? std::string_view(provider.max_tokens_field)
                                                         : providers::max_tokens_member(format);
  // Anthropic's format does not go without.
  if (!member.empty() && (say || format == Format::messages)) set_at(json, member, output_tokens);
}

}  // namespace

std::expected<Passage, Refusal> find_passage(const Dialect& dialect, const Request& request,
                                             std::string_view body, const tenant::Candidate& candidate) {
  Passage passage;
  passage.dialect = &dialect;
  passage.adapter = providers::find_adapter(candidate.provider->kind);
  if (passage.adapter == nullptr)
    return std::unexpected(no_way(dialect, candidate, "this govd does not know that kind"));
  auto format = format_for(dialect, *passage.adapter, candidate);
  if (!format) return std::unexpected(std::move(format.error()));
  passage.format = *format;
  if (passage.format == dialect.format) return passage;
  auto json = translated(dialect, *passage.adapter, passage.format, request, body, candidate);
  if (!json) {
    return bad("", fmt::format("this request cannot be said to provider {}: {}", candidate.provider->name,
                               json.error().message));
  }
  if (const auto* const encoding = request.object.find("encoding_format")) {
    passage.base64 = encoding->value == R"("base64")";
  }
  passage.translated = std::make_unique<Json>(std::move(*json));
  return passage;
}

std::string body_for(Passage& passage, std::string body, const Request& request,
                     const tenant::Candidate& candidate, std::int64_t output_tokens, bool say_output_tokens) {
  if (!passage.bytes_pass()) {
    if (!request.ask.no_output) {
      bound(*passage.translated, passage.format, *candidate.provider, output_tokens, say_output_tokens);
    }
    return dumped(*passage.translated);
  }
  Edits edits;
  if (candidate.upstream_model != request.ask.model) edits.model = candidate.upstream_model;
  edits.include_usage = request.ask.stream && !request.include_usage && candidate.provider->usage_in_stream;
  if (say_output_tokens && request.ask.max_tokens != output_tokens) edits.max_tokens = output_tokens;
  edits.max_tokens_field = candidate.provider->max_tokens_field;
  return passage.dialect->edited(std::move(body), request, edits);
}

Result<Json> pivot_answer(const Passage& passage, std::string_view body,
                          const providers::AnswerIdentity& identity) {
  Json json = parsed(body);
  if (!json.is_object()) return fail(Code::upstream_failed, "the answer is no JSON object");
  if (passage.dialect->format == Format::embeddings) {
    providers::AnswerIdentity asked = identity;
    asked.base64 = passage.base64;
    return passage.adapter->embeddings_to_openai(json, asked);
  }
  if (passage.format == Format::chat) return json;
  return passage.adapter->answer_to_chat(json, identity);
}

std::string dialect_answer(const Passage& passage, const Json& pivot, const domain::Usage& usage,
                           const providers::AnswerIdentity& identity) {
  if (passage.dialect->answer_from_chat == nullptr) return dumped(pivot);
  return dumped(passage.dialect->answer_from_chat(pivot, usage, identity));
}

StreamTranslation::StreamTranslation(const Passage& passage, const providers::AnswerIdentity& identity)
    : source_(passage.format == Format::chat ? nullptr : passage.adapter->chunks(identity)),
      sink_(passage.dialect->sink == nullptr ? nullptr : passage.dialect->sink(identity)) {}

Result<void> StreamTranslation::event(const providers::StreamEvent& event, std::string& out) {
  if (source_ == nullptr) {
    const Json chunk = parsed(event.data);
    if (!chunk.is_object()) return fail(Code::upstream_failed, "the event is no JSON object");
    say(chunk, out);
    return {};
  }
  chunks_.clear();
  if (auto read = source_->event(event, chunks_); !read) return read;
  for (const Json& chunk : chunks_) say(chunk, out);
  return {};
}

void StreamTranslation::cut_short(std::string_view notice, std::string& out) {
  if (sink_ == nullptr) return;
  sink_->chunk({{"choices", {{{"index", 0}, {"delta", {{"content", notice}}}, {"finish_reason", "length"}}}}},
               out);
}

void StreamTranslation::end(const domain::Usage& usage, std::string& out) {
  if (sink_ != nullptr) sink_->end(usage, out);
}

void StreamTranslation::say(const Json& chunk, std::string& out) {
  if (sink_ != nullptr) {
    sink_->chunk(chunk, out);
  } else {
    out += "data: " + dumped(chunk) + "\n\n";
  }
}

std::vector<providers::WireHeader> passed_headers(const http::Exchange& exchange, const Passage& passage) {
  std::vector<providers::WireHeader> passed;
  if (passage.dialect->format != Format::messages || passage.format != Format::messages) return passed;
  for (auto& header : exchange.headers_with("anthropic-")) {
    passed.push_back({std::move(header.name), std::move(header.value)});
  }
  return passed;
}

std::string upstream_message(std::string_view body) {
  const Json json = parsed(body);
  const Json* at = &json;
  // Google wraps a streamed error in an array; the responses format says it inside the response.
  if (at->is_array() && !at->empty()) at = &at->front();
  if (at->is_object() && at->contains("response") && (*at)["response"].is_object()) at = &(*at)["response"];
  if (at->is_object() && at->contains("error")) at = &(*at)["error"];
  if (at->is_object() && at->contains("message")) at = &(*at)["message"];
  return at->is_string() ? std::string(providers::cut(at->get_ref<const std::string&>(), 1000)) : std::string{};
}

std::string dumped(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

}  // namespace govctl::calls
