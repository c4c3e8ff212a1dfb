#include "common/api/fields.h"

#include <catch2/catch.hpp>

#include "common/error.h"

using namespace govctl;
using namespace govctl::api;

namespace {

struct Inner {
  std::string name;
  static constexpr auto fields() { return std::tuple{field("name", &Inner::name)}; }
};
struct Sample {
  std::string path;
  std::int64_t limit = 0;
  std::optional<bool> clamp;
  std::vector<std::string> models;
  std::optional<Inner> inner;
  Patch<std::int64_t> rpm;
  static constexpr auto fields() {
    return std::tuple{field("path", &Sample::path, "where"), field("limit", &Sample::limit),
                      field("clamp", &Sample::clamp),        field("models", &Sample::models),
                      field("inner", &Sample::inner),        field("rpm", &Sample::rpm)};
  }
};

Result<Sample> read(std::string_view text) {
  auto json = parse_strict(text);
  if (!json) return std::unexpected(json.error());
  return decode<Sample>(*json);
}

std::string fault_of(std::string_view text) {
  const auto sample = read(text);
  REQUIRE_FALSE(sample);
  CHECK(sample.error().code == Code::invalid);
  return sample.error().message;
}

}  // namespace

TEST_CASE("a request is read as its type says") {
  const auto sample =
      read(R"({"path":"acme","limit":-5,"models":["a","b"],"inner":{"name":"x"},"clamp":false})");
  REQUIRE(sample);
  CHECK(sample->path == "acme");
  CHECK(sample->limit == -5);
  CHECK(sample->models == std::vector<std::string>{"a", "b"});
  CHECK(sample->inner->name == "x");
  CHECK(sample->clamp == false);
  CHECK_FALSE(sample->rpm.present);
  CHECK_FALSE(read(R"({"path":"a","limit":1,"models":[],"clamp":null})")->clamp);
}

TEST_CASE("a patch tells absent from null") {
  const auto cleared = read(R"({"path":"a","limit":1,"models":[],"rpm":null})");
  CHECK(cleared->rpm.present);
  CHECK_FALSE(cleared->rpm.value);
  const auto set = read(R"({"path":"a","limit":1,"models":[],"rpm":7})");
  CHECK(set->rpm.value == 7);
}

TEST_CASE("a fault names the field") {
  CHECK(fault_of(R"({"limit":1,"models":[]})") == "field 'path' is missing");
  CHECK(fault_of(R"({"path":"a","limit":1,"models":[],"limmit":2})") ==
        "unknown field 'limmit'; did you mean 'limit'?");
  CHECK(fault_of(R"({"path":"a","limit":1,"models":[],"zzzzzz":2})")
            .starts_with("unknown field 'zzzzzz'; known are path"));
  CHECK(fault_of(R"({"path":"a","limit":1,"limit":2,"models":[]})") == "field 'limit' stands twice");
  CHECK(fault_of(R"({"path":"a","limit":1,"models":[],"inner":{"name":"x","name":"y"}})") ==
        "field 'name' stands twice");
  CHECK(fault_of(R"({"path":7,"limit":1,"models":[]})") == "field 'path' must be a string, not number");
  CHECK(fault_of(R"({"path":"a","limit":"1","models":[]})") ==
        "field 'limit' must be a whole number, not string");
  CHECK(fault_of(R"({"path":"a","limit":1.5,"models":[]})") ==
        "field 'limit' must be a whole number, not a fraction");
  CHECK(
      fault_of(R"({"path":"a","limit":9223372036854775808,"models":[]})").starts_with("field 'limit' must be"));
  CHECK(fault_of(R"({"path":"a","limit":1,"models":[1]})") == "field 'models' must be a string, not number");
  CHECK(fault_of(R"({"path":"a","limit":null,"models":[]})").starts_with("field 'limit' must be"));
  CHECK(fault_of(R"({"path":"a","limit":1,"models":[],"clamp":1})") ==
        "field 'clamp' must be true or false, not number");
  CHECK(fault_of(R"([])") == "field 'body' must be an object, not array");
}

TEST_CASE("what is no JSON is told by its place, never by its text") {
  const auto fault = fault_of(R"({"path":"sk-very-secret)");
  CHECK(fault.find("secret") == std::string::npos);
  CHECK(fault.find("byte") != std::string::npos);
  CHECK_FALSE(read("").has_value());
  CHECK_FALSE(read("{} x").has_value());
  CHECK(fault_of(std::string(200, '[') + std::string(200, ']')) == "the body is nested deeper than 64 levels");
}

TEST_CASE("what is written is read back") {
  Sample sample;
  sample.path = "acme";
  sample.limit = 9007199254740991;
  sample.models = {"gpt-*"};
  const Json json = encode(sample);
  CHECK(json.dump() ==
        R"({"path":"acme","limit":9007199254740991,"clamp":null,"models":["gpt-*"],"inner":null})");
  CHECK(decode<Sample>(json)->limit == 9007199254740991);
}

TEST_CASE("a schema lists what is required") {
  const Json json = schema<Sample>();
  CHECK(json["required"] == Json::array({"path", "limit", "models"}));
  CHECK(json["additionalProperties"] == false);
  CHECK(json["properties"]["clamp"]["type"] == Json::array({"boolean", "null"}));
  CHECK(json["properties"]["path"]["description"] == "where");
}

TEST_CASE("every code has a word of its own") {
  CHECK(facts(Code::not_found).status == 404);
  CHECK(facts(Code::budget_exceeded).exit_code == 5);
  for (int i = 0; i <= static_cast<int>(Code::cancelled); ++i) {
    const auto code = static_cast<Code>(i);
    CHECK(code_of(facts(code).word) == code);
  }
  CHECK(code_of("no such word") == Code::internal);
}
