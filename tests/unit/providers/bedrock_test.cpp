#include "daemon/providers/bedrock.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "daemon/providers/aws_event_stream.h"
#include "daemon/providers/sigv4.h"

using namespace govctl;
using namespace govctl::providers;

namespace {

constexpr std::int64_t suite_time = 1'440'938'160;  // 2015-08-30T12:36:00Z
const sigv4::Credential suite_credential{"AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", ""};

std::string suite_signature(std::string_view method, std::string_view path, std::vector<WireHeader> headers,
                            std::string_view body) {
  headers.push_back({"host", "example.amazonaws.com"});
  headers.push_back({"x-amz-date", "20150830T123600Z"});
  const sigv4::Request request{method, path, &headers, body, "us-east-1", "service", suite_time};
  return sigv4::authorization(request, suite_credential);
}

std::string header(const WireRequest& request, std::string_view name) {
  for (const auto& each : request.headers) {
    if (each.name == name) return each.value;
  }
  return "(none)";
}

WireInput some_input() {
  WireInput input;
  input.format = Format::messages;
  input.host = "bedrock-runtime.eu-west-1.amazonaws.com";
  input.model = "anthropic.claude-3-haiku-20240307-v1:0";
  input.body = R"({"model":"x","max_tokens":5,"stream":false,"messages":[{"role":"user","content":"hi"}]})";
  input.credential = "AKIDEXAMPLE:wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
  input.unix_seconds = suite_time;
  return input;
}

std::string from_hex(std::string_view hex) {
  std::string bytes;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
    bytes += static_cast<char>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16));
  }
  return bytes;
}

// {:event-type: chunk, :message-type: event} with the payload {"bytes":"eyJ0eXBlIjoicGluZyJ9"}, made with
// botocore's format by zlib's CRC.
std::string ping_message() {
  return from_hex(
      "0000005a0000002acc3ac1d50b3a6576656e742d747970650700056368756e6b0d3a6d6573736167652d74797065070005657665"
      "6e747b22"
      "6279746573223a2265794a306558426c496a6f6963476c755a794a39227d659f458a");
}

std::uint32_t crc(std::string_view bytes) {  // as gzip's: RFC 1952, section 8
  std::uint32_t value = 0xffffffffU;
  for (const char byte : bytes) {
    value ^= static_cast<unsigned char>(byte);
    for (int bit = 0; bit < 8; ++bit) value = (value >> 1U) ^ ((value & 1U) != 0 ? 0xedb88320U : 0U);
  }
  return ~value;
}

std::string u32(std::size_t value) {
  std::string bytes;
  for (int shift = 24; shift >= 0; shift -= 8)
    bytes += static_cast<char>(value >> static_cast<unsigned>(shift) & 0xffU);
  return bytes;
}

std::string message(const std::string& headers, const std::string& payload) {
  std::string made = u32(16 + headers.size() + payload.size()) + u32(headers.size());
  made += u32(crc(made));
  made += headers + payload;
  return made + u32(crc(made));
}

std::string text_header(const std::string& name, const std::string& value) {
  return static_cast<char>(name.size()) + name + '\x07' + u32(value.size()).substr(2) + value;
}

std::string chunk_headers() {
  return text_header(":message-type", "event") + text_header(":event-type", "chunk");
}

}  // namespace

// --- signatures
// --------------------------------------------------------------------------------------------------

TEST_CASE("sigv4: AWS's own test suite") {
  CHECK(suite_signature("GET", "/", {}, "") ==
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, "
        "SignedHeaders=host;x-amz-date, "
        "Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31");
  CHECK(suite_signature("POST", "/", {}, "")
            .ends_with("5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"));
  CHECK(
      suite_signature("POST", "/", {{"content-type", "application/x-www-form-urlencoded"}}, "Param1=value1") ==
      "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, "
      "SignedHeaders=content-type;host;x-amz-date, "
      "Signature=ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a");
  // get-unreserved, get-space: here the canonical path is the wire's, encoded once more.
  CHECK(suite_signature("GET", "/-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz", {}, "")
            .ends_with("07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f"));
  CHECK(suite_signature("GET", "/example space/", {}, "")
            .ends_with("652487583200325589f1fba4c7e578f72c47cb61beeca81406b39ddec1366741"));
  CHECK(suite_signature("GET", "/\xe1\x88\xb4", {}, "")
            .ends_with("8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85"));
}

TEST_CASE("sigv4: a header's value is trimmed, an instant is UTC") {
  CHECK(suite_signature("GET", "/", {{"a", "  x "}}, "") == suite_signature("GET", "/", {{"a", "x"}}, ""));
  CHECK(sigv4::amz_date(suite_time) == "20150830T123600Z");
  CHECK(sigv4::amz_date(0) == "19700101T000000Z");
  CHECK(sigv4::uri_encoded("a/b c:\xc3\xa9~", sigv4::Slash::encoded) == "a%2Fb%20c%3A%C3%A9~");
  CHECK(sigv4::uri_encoded("a/%3A", sigv4::Slash::kept) == "a/%253A");
}

TEST_CASE("sigv4: a credential has two parts or three") {
  const auto two = sigv4::parse_credential("AKID:secret/+=");
  REQUIRE(two);
  CHECK(two->access_key_id == "AKID");
  CHECK(two->secret_access_key == "secret/+=");
  CHECK(two->session_token.empty());
  CHECK(sigv4::parse_credential("AKID:secret:token==")->session_token == "token==");
  for (const char* text :
       {"", "AKID", ":secret", "AKID:", "AKID::token", "AKID:secret:", "AKID:sec ret", "A\r\n:b"}) {
    INFO(text);
    const auto refused = sigv4::parse_credential(text);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == Code::invalid);
    CHECK(refused.error().message.find("sec ret") == std::string::npos);
  }
}

// --- sending
// -----------------------------------------------------------------------------------------------------

TEST_CASE("bedrock: what is sent, signed as botocore signs it") {
  const auto request = bedrock::adapter().wire(some_input());
  REQUIRE(request);
  CHECK(request->target == "/model/anthropic.claude-3-haiku-20240307-v1%3A0/invoke");
  CHECK(
      request->body ==
      R"({"anthropic_version":"bedrock-2023-05-31","max_tokens":5,"messages":[{"role":"user","content":"hi"}]})");
  CHECK(header(*request, "authorization") ==
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/eu-west-1/bedrock/aws4_request, "
        "SignedHeaders=content-type;host;x-amz-date, "
        "Signature=bc2b792b03122c0e0685ce2216147f77c44259180c67772583ccb8a8a467a969");
  CHECK(header(*request, "x-amz-date") == "20150830T123600Z");
  CHECK(header(*request, "content-type") == "application/json");
  CHECK(header(*request, "x-amz-security-token") == "(none)");
  CHECK(header(*request, "host") == "(none)");
}

TEST_CASE("bedrock: a stream, with a temporary credential") {
  WireInput input = some_input();
  input.stream = true;
  input.credential = "AKIDEXAMPLE:wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY:TOKEN";
  const auto request = bedrock::adapter().wire(input);
  REQUIRE(request);
  CHECK(request->target == "/model/anthropic.claude-3-haiku-20240307-v1%3A0/invoke-with-response-stream");
  CHECK(header(*request, "x-amz-security-token") == "TOKEN");
  CHECK(header(*request, "authorization")
            .ends_with("SignedHeaders=content-type;host;x-amz-date;x-amz-security-token, "
                       "Signature=7b89febe61e57855bd43da69417c882e866247a63dec134463f28dfdef860019"));
}

TEST_CASE("bedrock: a profile's ARN is one segment of the path, on a test's host") {
  WireInput input = some_input();
  input.host = "127.0.0.1:8080";
  input.model = "arn:aws:bedrock:us-east-1:1:inference-profile/x";
  const auto request = bedrock::adapter().wire(input);
  REQUIRE(request);
  CHECK(request->target == "/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A1%3Ainference-profile%2Fx/invoke");
  CHECK(header(*request, "authorization")
            .ends_with("Signature=b984fa25b685dca33cb9886e08a42998cfe67a7e846f634645620ad3adee174c"));
}

TEST_CASE("bedrock: the region is the host's") {
  const std::pair<const char*, const char*> table[] = {
      {"bedrock-runtime.us-west-2.amazonaws.com", "us-west-2"},
      {"bedrock-runtime-fips.us-gov-west-1.amazonaws.com", "us-gov-west-1"},
      {"bedrock-runtime.cn-north-1.amazonaws.com.cn:8443", "cn-north-1"},
      {"vpce-1.bedrock-runtime.eu-central-1.vpce.amazonaws.com", "eu-central-1"},
      {"proxy.eu-north-1.example.com", "eu-north-1"},
      {"localhost:9000", "us-east-1"},
      {"10.1.2.3", "us-east-1"},
      {"[::1]:80", "us-east-1"}};
  for (const auto& [host, region] : table) {
    WireInput input = some_input();
    input.host = host;
    INFO(host);
    CHECK(header(*bedrock::adapter().wire(input), "authorization")
              .find(std::string("/20150830/") + region + "/bedrock/") != std::string::npos);
  }
}

TEST_CASE("bedrock: what stays of the body stays as it was written, and betas go into it") {
  WireInput input = some_input();
  input.body = "{ \"stream\" :true,\"model\":\"x\", \"a\" : \"h\\u00e9\" ,\"anthropic_version\":\"y\"}";
  CHECK(bedrock::adapter().wire(input)->body ==
        "{\"anthropic_version\":\"bedrock-2023-05-31\",\"a\" : \"h\\u00e9\"}");
  const std::vector<WireHeader> passed{
      {"anthropic-beta", "one, two"}, {"Anthropic-Beta", "three"}, {"anthropic-version", "z"}};
  input.passed = &passed;
  input.body = R"({"model":"x","anthropic_beta":["old"]})";
  const auto request = bedrock::adapter().wire(input);
  CHECK(request->body ==
        R"({"anthropic_version":"bedrock-2023-05-31","anthropic_beta":["one","two","three"]})");
  CHECK(header(*request, "anthropic-beta") == "(none)");
  input.passed = nullptr;
  CHECK(bedrock::adapter().wire(input)->body ==
        R"({"anthropic_version":"bedrock-2023-05-31","anthropic_beta":["old"]})");
}

TEST_CASE("bedrock: a bad credential or body is invalid") {
  WireInput input = some_input();
  input.credential = "ABSKbearer";
  CHECK(bedrock::adapter().wire(input).error().code == Code::invalid);
  input = some_input();
  input.body = "x";
  CHECK_FALSE(bedrock::adapter().wire(input).has_value());
  CHECK(bedrock::adapter().framing == Framing::aws_event_stream);
  CHECK(bedrock::adapter().kind == "bedrock");
}

// --- AWS's event stream
// ------------------------------------------------------------------------------------------

TEST_CASE("event stream: a message holds one event, however the bytes are cut") {
  const std::string twice = ping_message() + ping_message();
  for (std::size_t cut = 1; cut <= twice.size(); ++cut) {
    AwsEventStream stream;
    int events = 0;
    for (std::size_t at = 0; at < twice.size(); at += cut) {
      REQUIRE(stream.feed(std::string_view(twice).substr(at, cut)));
      while (const auto event = stream.next()) {
        CHECK(event->name == "ping");
        CHECK(event->data == R"({"type":"ping"})");
        ++events;
      }
    }
    CHECK(events == 2);
  }
  CHECK(message(text_header(":event-type", "chunk") + text_header(":message-type", "event"),
                R"({"bytes":"eyJ0eXBlIjoicGluZyJ9"})") == ping_message());
}

TEST_CASE("event stream: any flipped byte is found") {
  const std::string good = ping_message();
  for (std::size_t i = 0; i < good.size(); ++i) {
    std::string bad = good;
    bad[i] = static_cast<char>(bad[i] ^ 0x01);
    AwsEventStream stream;
    INFO(i);
    CHECK_FALSE(stream.feed(bad).has_value());
    CHECK_FALSE(stream.next());
    CHECK_FALSE(stream.feed(good).has_value());
  }
}

TEST_CASE("event stream: a failure is an error event in Anthropic's words") {
  AwsEventStream stream;
  REQUIRE(stream.feed(
      message(text_header(":message-type", "exception") + text_header(":exception-type", "throttlingException"),
              R"({"message":"too \"fast\""})")));
  auto event = stream.next();
  REQUIRE(event);
  CHECK(event->name == "error");
  CHECK(
      event->data ==
      R"({"type":"error","error":{"type":"rate_limit_error","message":"throttlingException: too \"fast\""}})");
  REQUIRE(stream.feed(message(
      text_header(":message-type", "exception") + text_header(":exception-type", "modelStreamErrorException"),
      "<html>")));
  CHECK(stream.next()->data ==
        R"({"type":"error","error":{"type":"api_error","message":"modelStreamErrorException"}})");
  REQUIRE(
      stream.feed(message(text_header(":message-type", "error") + text_header(":error-code", "InternalError") +
                              text_header(":error-message", "oops"),
                          "")));
  CHECK(stream.next()->data ==
        R"({"type":"error","error":{"type":"api_error","message":"InternalError: oops"}})");
}

TEST_CASE("event stream: headers of every type are stepped over, unknown events pass by") {
  const std::string others = std::string("\x01t\x00", 3) + std::string("\x01u\x01", 3) +
                             std::string(
                                 "\x01"
                                 "b\x02z",
                                 4) +
                             std::string("\x01s\x03zz", 5) + std::string("\x01i\x04zzzz", 7) +
                             std::string("\x01l\x05zzzzzzzz", 11) + std::string("\x01y\x06\x00\x02zz", 7) +
                             std::string("\x01m\x08zzzzzzzz", 11) +
                             std::string("\x01g\x09zzzzzzzzzzzzzzzz", 19);
  AwsEventStream stream;
  REQUIRE(stream.feed(message(others + chunk_headers(), R"({"bytes":"eyJ0eXBlIjoicGluZyJ9","p":"abcd"})")));
  CHECK(stream.next()->name == "ping");
  REQUIRE(stream.feed(message(text_header(":message-type", "event") + text_header(":event-type", "new"), "x")));
  CHECK_FALSE(stream.next());
  REQUIRE(stream.feed(message("", "")));
  CHECK_FALSE(stream.next());
}

TEST_CASE("event stream: what is no message of it breaks it") {
  const std::string wrong[] = {
      message(std::string("\x05"
                          "ab",
                          3),
              ""),  // a name that is not there
      message(std::string("\x01"
                          "a\x0a",
                          3),
              ""),  // an unknown type
      message(std::string("\x01"
                          "a\x07\x00",
                          4),
              ""),  // half a length
      message(std::string("\x01"
                          "a\x07\x00\x09zz",
                          7),
              ""),                                      // a value that is not there
      message(chunk_headers(), R"({"bytes":"bm8="})"),  // no JSON inside
      message(chunk_headers(), R"({})"),
      message(chunk_headers(), "no"),
      "HTTP/1.1 500 Internal Server Error\r\n",
  };
  for (const std::string& bytes : wrong) CHECK_FALSE(AwsEventStream().feed(bytes).has_value());
  std::string lengths = u32(20) + u32(5);
  lengths += u32(crc(lengths));
  CHECK_FALSE(AwsEventStream().feed(lengths).has_value());  // headers longer than the message
  std::string small = u32(15) + u32(0);
  small += u32(crc(small));
  CHECK_FALSE(AwsEventStream().feed(small).has_value());
}

TEST_CASE("event stream: a message larger than the limit is refused by its prelude") {
  CHECK(AwsEventStream(90).feed(ping_message()));
  CHECK_FALSE(AwsEventStream(89).feed(ping_message().substr(0, 12)).has_value());
}
