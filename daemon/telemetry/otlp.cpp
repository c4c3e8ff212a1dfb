#include "daemon/telemetry/otlp.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "common/version.h"
#include "daemon/telemetry/gen_ai.h"

namespace govctl::otlp {
namespace {

using Json = nlohmann::ordered_json;
using domain::PriceKind;

constexpr int client_kind = 3;   // SPAN_KIND_CLIENT
constexpr int error_status = 2;  // STATUS_CODE_ERROR

std::string hex(std::span<const std::uint8_t> bytes) {
  std::string text;
  for (const std::uint8_t byte : bytes) text += fmt::format("{:02x}", byte);
  return text;
}

// 64-bit integers are strings in OTLP's JSON, as in protobuf's.
std::string nanoseconds(Timestamp at) { return at.micros > 0 ? fmt::format("{}000", at.micros) : "0"; }

// Attributes of a span; what is not known is absent.
class Attributes {
 public:
  void text(const char* key, std::string_view value) {
    if (!value.empty()) add(key, "stringValue", std::string(value));
  }
  void number(const char* key, std::int64_t value) { add(key, "intValue", fmt::format("{}", value)); }
  void flag(const char* key, bool value) { add(key, "boolValue", value); }
  void seconds(const char* key, std::int64_t micros) {
    add(key, "doubleValue", static_cast<double>(micros) / 1'000'000.0);
  }
  Json take() { return std::move(list_); }

 private:
  void add(const char* key, const char* type, Json value) {
    list_.push_back({{"key", key}, {"value", {{type, std::move(value)}}}});
  }
  Json list_ = Json::array();
};

Json attributes_of(const CallSpan& call) {
  Attributes made;
  made.text("gen_ai.operation.name", gen_ai::operation_of(call.dialect));
  made.text("gen_ai.provider.name", gen_ai::provider_of(call.provider));
  made.text("gen_ai.request.model", call.model);
  made.text("gen_ai.response.model", call.answered_model);
  made.flag("govd.stream", call.stream);
  if (call.usage != domain::Usage{}) {
    made.number("gen_ai.usage.input_tokens", call.usage.input_tokens());
    made.number("gen_ai.usage.output_tokens", call.usage.output_tokens());
    made.number("gen_ai.usage.cache_read.input_tokens", call.usage[PriceKind::cache_read]);
    made.number("gen_ai.usage.cache_creation.input_tokens",
                call.usage[PriceKind::cache_write_5m] + call.usage[PriceKind::cache_write_1h]);
    made.number("gen_ai.usage.reasoning.output_tokens", call.usage[PriceKind::reasoning]);
  }
  if (call.first_chunk_us) made.seconds("govd.time_to_first_chunk", *call.first_chunk_us);
  if (call.status != domain::CallStatus::success)
    made.text("error.type", call.cause.empty() ? "_OTHER" : call.cause);
  made.text("govd.request_id", call.request_id.text());
  made.text("govd.agent", call.agent);
  made.text("govd.dialect", call.dialect);
  made.text("govd.provider", call.provider);
  made.text("govd.status", domain::call_status_word(call.status));
  made.number("govd.credits_charged", call.credits.value());
  return made.take();
}

Json span_of(const CallSpan& call) {
  Json span{{"traceId", trace_id(call.request_id)},
            {"spanId", span_id(call.request_id)},
            {"name", fmt::format("{} {}", gen_ai::operation_of(call.dialect), call.model)},
            {"kind", client_kind},
            {"startTimeUnixNano", nanoseconds(call.start)},
            {"endTimeUnixNano", nanoseconds(std::max(call.start, call.end))},
            {"attributes", attributes_of(call)}};
  span["status"] = Json::object();
  if (call.status != domain::CallStatus::success) span["status"]["code"] = error_status;
  return span;
}

}  // namespace

std::string trace_id(const RequestId& request) { return hex(request.bytes); }

std::string span_id(const RequestId& request) {
  // The last eight bytes of a UUIDv7 are its variant and randomness: never zero.
  return hex(std::span(request.bytes).subspan(8));
}

std::string traces_body(std::span<const CallSpan> calls) {
  Attributes resource;
  resource.text("service.name", "govd");
  resource.text("service.version", version);
  Json spans = Json::array();
  for (const CallSpan& call : calls) spans.push_back(span_of(call));
  const Json scope{{"scope", {{"name", "govd"}, {"version", version}}}, {"spans", std::move(spans)}};
  const Json body{{"resourceSpans",
                   {{{"resource", {{"attributes", resource.take()}}}, {"scopeSpans", Json::array({scope})}}}}};
  // Names come from clients and upstreams: what is no UTF-8 is replaced.
  return body.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace govctl::otlp
