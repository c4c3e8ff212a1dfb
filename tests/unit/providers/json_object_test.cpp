#include "daemon/providers/json_object.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>
#include <random>

using namespace govctl;
using namespace govctl::providers;
using namespace std::string_literals;

namespace {

std::string nested(int depth) {
  return R"({"a":)" + std::string(static_cast<std::size_t>(depth), '[') +
         std::string(static_cast<std::size_t>(depth), ']') + "}";
}

}  // namespace

TEST_CASE("what RFC 8259 calls a JSON object is read") {
  for (const std::string& text :
       {"{}"s, " \t\r\n{ } "s, R"({"a":1})"s, R"({"a":-0})"s, R"({"a":0.5e+10})"s, R"({"a":1E-2})"s,
        R"({"a":-1.25})"s, R"({"a":"\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00"})"s,
        R"({"a":[],"b":{},"c":[1,[2,{"d":null}]]})"s, R"({"a":true,"b":false,"c":null})"s, R"({"":1})"s,
        "{\"a\":\"h\xc3\xa9llo \xf0\x9f\x98\x80\"}"s, nested(120), R"({"a":{"x":1,"x":2}})"s}) {
    INFO(text);
    CHECK(scan_object(text));
    CHECK(nlohmann::json::accept(text));
  }
}

TEST_CASE("every byte, alone and behind a backslash, means at every place of a string what RFC 8259 says") {
  for (std::size_t place = 0; place < 20; ++place) {
    for (int byte = 0; byte < 256; ++byte) {
      for (const std::string before : {"", "\\"}) {
        std::string said(20, 'x');
        said.replace(place, 1, before + static_cast<char>(byte));
        const std::string text = R"({"a":")" + said + R"("})";
        INFO(place << " " << before << byte);
        CHECK(scan_object(text).has_value() == nlohmann::json::accept(text));
      }
    }
  }
}

TEST_CASE("what is no JSON object is refused") {
  for (const std::string& text : {""s,
                                  " "s,
                                  "null"s,
                                  "1"s,
                                  "[]"s,
                                  "\"a\""s,
                                  "{"s,
                                  "}"s,
                                  "{}{}"s,
                                  "{} x"s,
                                  R"({"a"})"s,
                                  R"({"a":})"s,
                                  R"({"a":1,})"s,
                                  R"({,"a":1})"s,
                                  R"({"a":1 "b":2})"s,
                                  R"({a:1})"s,
                                  R"({'a':1})"s,
                                  R"({"a":01})"s,
                                  R"({"a":+1})"s,
                                  R"({"a":.5})"s,
                                  R"({"a":1.})"s,
                                  R"({"a":1e})"s,
                                  R"({"a":--1})"s,
                                  R"({"a":-})"s,
                                  R"({"a":0x1})"s,
                                  R"({"a":NaN})"s,
                                  R"({"a":Infinity})"s,
                                  R"({"a":tru})"s,
                                  R"({"a":truex})"s,
                                  R"({"a":nul)"s,
                                  R"({"a":"x})"s,
                                  R"({"a":"\x"})"s,
                                  R"({"a":"\u12g4"})"s,
                                  R"({"a":"\u12)"s,
                                  "{\"a\":\"\n\"}"s,
                                  "{\"a\":\"\0\"}"s,
                                  R"({"a":"\)"s,
                                  R"({"a":[1,]})"s,
                                  R"({"a":[1 2]})"s,
                                  R"({"a":[)"s,
                                  R"({"a":1]})"s,
                                  "{\"a\":1}\0"s,
                                  "\xef\xbb\xbf{}"s,
                                  R"({"a":1/*x*/})"s}) {
    INFO(text);
    const auto object = scan_object(text);
    REQUIRE_FALSE(object);
    CHECK(object.error().code == Code::invalid);
  }
}

TEST_CASE("a client's strings are UTF-8; an upstream's pass as they are") {
  for (const std::string& bytes :
       {"\xff"s, "\x80"s, "\xc3"s, "\xc0\xaf"s, "\xe0\x80\xaf"s, "\xed\xa0\x80"s, "\xf4\x90\x80\x80"s,
        "\xf5\x80\x80\x80"s, "\xf0\x9f\x98"s, "\xc3\x28"s, "\xe2\x82"s, "\xf0\x80\x80\x80"s}) {
    const std::string text = "{\"a\":\"" + bytes + "\"}";
    INFO(text);
    CHECK_FALSE(scan_object(text));
    CHECK_FALSE(nlohmann::json::accept(text));
    CHECK(scan_object(text, Utf8::passed));
  }
  for (const std::string& bytes :
       {"\x7f"s, "\xc2\x80"s, "\xdf\xbf"s, "\xe0\xa0\x80"s, "\xed\x9f\xbf"s, "\xee\x80\x80"s, "\xef\xbf\xbf"s,
        "\xf0\x90\x80\x80"s, "\xf4\x8f\xbf\xbf"s}) {
    CHECK(scan_object("{\"" + bytes + "\":\"" + bytes + "\"}"));
  }
}

TEST_CASE("nesting deeper than 128 is refused, and costs no stack") {
  CHECK(scan_object(nested(127)));
  CHECK_FALSE(scan_object(nested(129)));
  CHECK_FALSE(scan_object(nested(1'000'000)));
}

TEST_CASE("a member that stands twice is refused at the top, however many there are") {
  CHECK(scan_object(R"({"a":1,"a":1})").error().message == "field 'a' stands twice");
  CHECK(scan_object(R"({"a":1,"b":2,"c":3,"b":4})").error().message == "field 'b' stands twice");
  CHECK_FALSE(scan_object(R"({"\u0061":1})"));
  std::string many = "{";
  for (int i = 0; i < 200'000; ++i) many += "\"k" + std::to_string(i) + "\":0,";
  CHECK(scan_object(many + "\"z\":0}"));
  CHECK_FALSE(scan_object(many + "\"k7\":0}"));
}

TEST_CASE("members are views of what was written") {
  const std::string text = R"( { "a" : [1, 2] , "b":"x" } )";
  const auto object = scan_object(text);
  REQUIRE(object);
  REQUIRE(object->members.size() == 2);
  CHECK(object->find("a")->value == "[1, 2]");
  CHECK(object->find("b")->value == "\"x\"");
  CHECK(object->find("c") == nullptr);
  CHECK(text[object->end] == '}');
}

TEST_CASE("scanning agrees with another parser on broken texts") {
  const std::string sound =
      R"({"model":"m","n":-1.5e3,"messages":[{"role":"user","content":"\u00e9 \"x\""}],"t":true,"z":null})";
  std::mt19937 random(11);
  for (int i = 0; i < 20'000; ++i) {
    std::string text = sound;
    for (int edits = 0; edits < 2; ++edits) text[random() % text.size()] = static_cast<char>(random() % 128);
    const auto parsed = nlohmann::json::parse(text, nullptr, false);
    const auto object = scan_object(text);
    INFO(text);
    if (object) REQUIRE(parsed.is_object());
    // What is refused beyond the grammar: members twice, escapes in names; and half surrogates are let through.
    if (!object && parsed.is_object()) {
      const std::string& why = object.error().message;
      REQUIRE((why.find("twice") != std::string::npos || why.find("escape") != std::string::npos));
    }
  }
}

TEST_CASE("what was scanned before is read again alike") {
  for (const char* text :
       {R"({})", R"({"a":"","b":"\\","c":"\"","d":"\\\"]}","e":{"f":["]","\\",{"g":"}"}]},"h":-1.5e3})",
        "{\"a\" : \"\xc3\xa9\\n\" , \"b\" : [ 1 , null ] }"}) {
    INFO(text);
    const auto first = scan_object(text);
    const auto again = scan_object(text, Utf8::known);
    REQUIRE(first);
    REQUIRE(again);
    REQUIRE(first->members.size() == again->members.size());
    for (std::size_t i = 0; i < first->members.size(); ++i) {
      CHECK(first->members[i].key == again->members[i].key);
      CHECK(first->members[i].value == again->members[i].value);
    }
  }
}

TEST_CASE("the elements of an array") {
  const auto list = scan_array(R"( [ {"a":1} , "x" ,[2] ] )");
  REQUIRE(list);
  CHECK(*list == std::vector<std::string_view>{R"({"a":1})", "\"x\"", "[2]"});
  CHECK(scan_array("[]")->empty());
  for (const char* text : {"", "{}", "[", "[1,]", "[1] 2", "1"}) CHECK_FALSE(scan_array(text));
}

TEST_CASE("strings and whole numbers") {
  CHECK(json_string("\"a\"") == "a");
  CHECK(json_string(R"("\u0061\n")") == "a\n");
  CHECK(json_string("\"\"") == "");
  CHECK_FALSE(json_string("1"));
  CHECK_FALSE(json_string(R"("\ud800")"));
  CHECK(json_integer("-7") == -7);
  CHECK(json_integer("9223372036854775807") == INT64_MAX);
  for (const char* text : {"9223372036854775808", "1.0", "1e3", "\"1\"", "true", "", "null"})
    CHECK_FALSE(json_integer(text));
  CHECK(json_quoted("a\"b") == R"("a\"b")");
}

TEST_CASE("a text is cut between characters") {
  CHECK(cut("abc", 5) == "abc");
  CHECK(cut("abc", 2) == "ab");
  CHECK(cut("h\xc3\xa9", 2) == "h");
  CHECK(cut("\xf0\x9f\x98\x80", 3) == "");
}

TEST_CASE("splices change what they name and nothing else") {
  CHECK(spliced("abcdef", {{4, 6, "X"}, {0, 1, "YY"}, {2, 2, "-"}}) == "YYb-cdX");
  CHECK(spliced("abc", {}) == "abc");
}
