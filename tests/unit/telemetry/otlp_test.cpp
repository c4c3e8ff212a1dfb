// Calls as spans, as an OTLP/HTTP collector reads them.

#include "daemon/telemetry/otlp.h"

#include <catch2/catch.hpp>
#include <map>
#include <nlohmann/json.hpp>

using namespace govctl;
using namespace govctl::otlp;
using domain::PriceKind;
using Json = nlohmann::ordered_json;

namespace {

CallSpan call() {
  CallSpan made;
  made.request_id = *RequestId::parse("req_01938f2e-7a1b-7c3d-8e4f-5a6b7c8d9e0f");
  made.agent = "acme/prod/support/triage";
  made.dialect = "messages";
  made.provider = "google";
  made.model = "gemini-x";
  made.answered_model = "gemini-x-001";
  made.usage[PriceKind::input] = 10;
  made.usage[PriceKind::cache_read] = 20;
  made.usage[PriceKind::cache_write_5m] = 3;
  made.usage[PriceKind::cache_write_1h] = 4;
  made.usage[PriceKind::output] = 5;
  made.usage[PriceKind::reasoning] = 6;
  made.credits = Credits::of(9'007'199'254'740'991);
  made.stream = true;
  made.first_chunk_us = 250'000;
  made.start = {1'790'000'000'000'001};
  made.end = {1'790'000'001'000'002};
  return made;
}

Json spans_of(const std::vector<CallSpan>& calls) {
  const Json body = Json::parse(traces_body(calls));
  REQUIRE(body["resourceSpans"].size() == 1);
  REQUIRE(body["resourceSpans"][0]["scopeSpans"].size() == 1);
  return body["resourceSpans"][0]["scopeSpans"][0]["spans"];
}

std::map<std::string, Json> attributes(const Json& holder) {
  std::map<std::string, Json> found;
  for (const auto& one : holder["attributes"]) {
    CHECK(found.emplace(one["key"].get<std::string>(), one["value"]).second);
  }
  return found;
}

}  // namespace

TEST_CASE("a call is one span with the conventions' attributes") {
  const Json spans = spans_of({call()});
  REQUIRE(spans.size() == 1);
  const Json& span = spans[0];
  CHECK(span["traceId"] == "01938f2e7a1b7c3d8e4f5a6b7c8d9e0f");
  CHECK(span["spanId"] == "8e4f5a6b7c8d9e0f");
  CHECK(span["name"] == "chat gemini-x");
  CHECK(span["kind"] == 3);
  CHECK(span["startTimeUnixNano"] == "1790000000000001000");
  CHECK(span["endTimeUnixNano"] == "1790000001000002000");
  CHECK(span["status"] == Json::object());
  auto found = attributes(span);
  CHECK(found["gen_ai.operation.name"] == Json{{"stringValue", "chat"}});
  CHECK(found["gen_ai.provider.name"] == Json{{"stringValue", "gcp.gemini"}});
  CHECK(found["gen_ai.request.model"] == Json{{"stringValue", "gemini-x"}});
  CHECK(found["gen_ai.response.model"] == Json{{"stringValue", "gemini-x-001"}});
  CHECK(found["gen_ai.usage.input_tokens"] == Json{{"intValue", "37"}});
  CHECK(found["gen_ai.usage.output_tokens"] == Json{{"intValue", "11"}});
  CHECK(found["gen_ai.usage.cache_read.input_tokens"] == Json{{"intValue", "20"}});
  CHECK(found["gen_ai.usage.cache_creation.input_tokens"] == Json{{"intValue", "7"}});
  CHECK(found["govd.request_id"] == Json{{"stringValue", "req_01938f2e-7a1b-7c3d-8e4f-5a6b7c8d9e0f"}});
  CHECK(found["govd.agent"] == Json{{"stringValue", "acme/prod/support/triage"}});
  CHECK(found["govd.credits_charged"] == Json{{"intValue", "9007199254740991"}});
  CHECK(found["govd.stream"] == Json{{"boolValue", true}});
  CHECK(found["govd.time_to_first_chunk"] == Json{{"doubleValue", 0.25}});
  CHECK_FALSE(found.contains("error.type"));
}

TEST_CASE("a call that failed says why, and what is not known is absent") {
  CallSpan failed = call();
  failed.status = domain::CallStatus::error;
  failed.cause = "upstream_timeout";
  failed.usage = {};
  failed.answered_model.clear();
  failed.first_chunk_us.reset();
  failed.end = {failed.start.micros - 1};  // a clock that stepped back
  const Json span = spans_of({failed})[0];
  CHECK(span["status"] == Json{{"code", 2}});
  CHECK(span["endTimeUnixNano"] == span["startTimeUnixNano"]);
  auto found = attributes(span);
  CHECK(found["error.type"] == Json{{"stringValue", "upstream_timeout"}});
  CHECK_FALSE(found.contains("gen_ai.usage.input_tokens"));
  CHECK_FALSE(found.contains("gen_ai.response.model"));
  CHECK_FALSE(found.contains("govd.time_to_first_chunk"));
  failed.cause.clear();
  CHECK(attributes(spans_of({failed})[0])["error.type"] == Json{{"stringValue", "_OTHER"}});
}

TEST_CASE("a batch has one resource, and names that are no UTF-8 do no harm") {
  CallSpan odd = call();
  odd.request_id = RequestId::mint(1'790'000'000'000);
  odd.model = "\xff\xfe\"";
  odd.dialect = "embeddings";
  const Json body = Json::parse(traces_body(std::vector{call(), odd}));
  auto resource = attributes(body["resourceSpans"][0]["resource"]);
  CHECK(resource["service.name"] == Json{{"stringValue", "govd"}});
  CHECK(resource.contains("service.version"));
  const Json& spans = body["resourceSpans"][0]["scopeSpans"][0]["spans"];
  REQUIRE(spans.size() == 2);
  CHECK(spans[0]["traceId"] != spans[1]["traceId"]);
  CHECK(spans[1]["spanId"].get<std::string>().size() == 16);
  CHECK(spans[1]["name"].get<std::string>().starts_with("embeddings "));
  CHECK(spans_of({}).empty());
}
