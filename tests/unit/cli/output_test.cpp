#include "cli/output.h"

#include <yaml-cpp/yaml.h>

#include <array>
#include <catch2/catch.hpp>

#include "cli/text.h"
#include "cli/yaml.h"

using namespace govctl;
using namespace govctl::cli;

namespace {
constexpr std::array columns{Column{"NAME", "name"}, Column{"N", "n", Column::Show::number},
                             Column{"DEEP", "a.b", Column::Show::text, true}};
constexpr View view{"name", columns, "govctl org create NAME"};

Answer three() {
  return Answer{
      .json = Json::parse(R"({"items":[{"name":"café","n":5,"a":{"b":"x"}},{"name":"日本","n":1234,"a":null},
                                       {"name":"plain","n":null,"a":{"b":"y"}}],"next":null,"total":3})"),
      .view = &view};
}
std::string rendered(const Answer& answer, const Settings& settings) {
  return render(answer, settings, false, nullptr).value();
}
Settings as(Format format) {
  Settings settings;
  settings.format = format;
  return settings;
}
}  // namespace

TEST_CASE("a table is aligned by what a terminal shows, numbers to the right") {
  CHECK(rendered(three(), as(Format::table)) ==
        "NAME      N\n"
        "café      5\n"
        "日本   1234\n"
        "plain     -\n");
  CHECK(rendered(three(), as(Format::wide)) ==
        "NAME      N  DEEP\n"
        "café      5  x\n"
        "日本   1234  -\n"
        "plain     -  y\n");
  auto settings = as(Format::table);
  settings.no_headers = true;
  CHECK(rendered(three(), settings) == "café      5\n日本   1234\nplain     -\n");
}

TEST_CASE("an empty list prints headers alone") {
  const Answer empty{.json = Json::parse(R"({"items":[],"next":null,"total":0})"), .view = &view};
  CHECK(rendered(empty, as(Format::table)) == "NAME  N\n");
  CHECK(rendered(empty, as(Format::csv)) == "name,n,a.b\r\n");
  CHECK(rendered(empty, as(Format::jsonl)).empty());
  CHECK(remark(empty, as(Format::table), true) == "Nothing there yet. Next: govctl org create NAME\n");
  CHECK(remark(empty, as(Format::table), false).empty());
}

TEST_CASE("json is the daemon's object, jsonl an item a line, -q the names") {
  CHECK(Json::parse(rendered(three(), as(Format::json))) == three().json);
  CHECK(rendered(three(), as(Format::jsonl)) ==
        "{\"name\":\"café\",\"n\":5,\"a\":{\"b\":\"x\"}}\n{\"name\":\"日本\",\"n\":1234,\"a\":null}\n"
        "{\"name\":\"plain\",\"n\":null,\"a\":{\"b\":\"y\"}}\n");
  auto quiet = as(Format::json);
  quiet.quiet = true;
  CHECK(rendered(three(), quiet) == "café\n日本\nplain\n");
}

TEST_CASE("csv quotes commas, quotes and line breaks, as RFC 4180 says") {
  const Answer answer{.json = Json{{"plain", "a b"},
                                   {"comma", "a,b"},
                                   {"quote", "a\"b"},
                                   {"line", "a\nb"},
                                   {"none", nullptr},
                                   {"list", Json::array({"x", "y"})},
                                   {"yes", true}}};
  CHECK(rendered(answer, as(Format::csv)) ==
        "plain,comma,quote,line,none,list,yes\r\n"
        "a b,\"a,b\",\"a\"\"b\",\"a\nb\",,\"[\"\"x\"\",\"\"y\"\"]\",true\r\n");
}

TEST_CASE("yaml reads back to the same values") {
  const Json json = Json::parse(
      R"({"t":"text","number":"123","no":"no","null":"null","empty":"","time":"2026-11-21T09:30:00Z","n":-5,
          "big":9007199254740991,"b":true,"nothing":null,"l":[],"o":{},"deep":[{"a":[1,"1e3"]}],"lines":"a\nb: c"})");
  const YAML::Node node = YAML::Load(yaml(json));
  for (const auto* name : {"t", "number", "no", "null", "empty", "time", "lines"}) {
    INFO(name);
    CHECK(node[name].as<std::string>() == json[name].get<std::string>());
    CHECK(node[name].IsScalar());
  }
  // A quoted scalar has the tag "!": no reader takes it for a number, a truth value or null.
  for (const auto* name : {"number", "no", "null", "time"}) CHECK(node[name].Tag() == "!");
  CHECK(node["n"].as<int>() == -5);
  CHECK(node["big"].as<std::int64_t>() == 9007199254740991);
  CHECK(node["b"].as<bool>());
  CHECK(node["nothing"].IsNull());
  CHECK(node["l"].IsSequence());
  CHECK(node["o"].IsMap());
  CHECK(node["deep"][0]["a"][1].as<std::string>() == "1e3");
}

TEST_CASE("jq prints strings raw and the rest as JSON, and names its faults") {
  auto jq = Jq::compile(".items[] | .name, .n");
  REQUIRE(jq);
  CHECK(jq->run(three().json).value() == "café\n5\n日本\n1234\nplain\nnull\n");
  CHECK(jq->run(three().json).value() == "café\n5\n日本\n1234\nplain\nnull\n");
  const auto broken = Jq::compile(".items[");
  REQUIRE_FALSE(broken);
  CHECK(broken.error().code == Code::invalid);
  auto wrong = Jq::compile(".items.name");
  REQUIRE(wrong);
  CHECK_FALSE(wrong->run(three().json));
  auto exact = Jq::compile(".n");
  CHECK(exact->run(Json{{"n", 9007199254740991}}).value() == "9007199254740991\n");
}

TEST_CASE("truncation shows") {
  Answer answer = three();
  answer.json["next"] = "cursor";
  answer.json["total"] = 240;
  CHECK(remark(answer, as(Format::table), false) == "… 3 of 240 shown; --all for the rest\n");
  CHECK(Json::parse(rendered(answer, as(Format::json)))["next"] == "cursor");
}

TEST_CASE("nothing in a value can steer the terminal") {
  CHECK(printable("a\x1b[2Jb\nc\x7f") == "a\\u001b[2Jb\\nc\\u007f");
  CHECK(printable("\xc2\x9b"
                  "31m") == "\\u009b31m");  // C1 control sequence introducer
  CHECK(printable("abc\xe2\x80\xae"
                  "def") == "abc\\u202edef");                        // right-to-left override
  CHECK(printable("ok\xff\xfe!") == "ok\xef\xbf\xbd\xef\xbf\xbd!");  // broken UTF-8
  CHECK(printable("日本 café") == "日本 café");
  CHECK(display_width("日本") == 4);
  CHECK(display_width("e\xcc\x81") == 1);  // a combining accent takes no column
  const Answer nasty{.json = Json{{"name", "x\x1b]0;owned\x07y"}}};
  CHECK(rendered(nasty, as(Format::table)) == "name  x\\u001b]0;owned\\u0007y\n");
}

TEST_CASE("one object is a list of its fields; empty ones only when everything is asked for") {
  const Answer answer{
      .json = Json::parse(R"({"path":"acme","active":true,"created_at":"2026-11-21T09:30:00.123456Z",
                                             "frozen_at":null,"gateway":{"url":"http://x"},"prices":[{"kind":"input","price":"0.01","unit":1000},
                                             {"kind":"output","price":"0.02","unit":1000}]})")};
  CHECK(rendered(answer, as(Format::table)) ==
        "path         acme\nactive       yes\ncreated_at   2026-11-21T09:30:00Z\ngateway.url  http://x\n"
        "prices       input 0.01/1000\n             output 0.02/1000\n");
  CHECK(rendered(answer, as(Format::wide)).find("frozen_at") != std::string::npos);
}

TEST_CASE("errors are two lines for people and one object for programs") {
  const Error error{Code::not_found, "no org named 'acme'", "govctl org list", ""};
  CHECK(error_text(error, "req_1", false, false, false) ==
        "govctl: no org named 'acme'\n  next: govctl org list\n");
  CHECK(error_text(error, "req_1", true, false, false) ==
        "{\"error\":{\"code\":\"not_found\",\"message\":\"no org named 'acme'\",\"next\":\"govctl org list\","
        "\"request_id\":\"req_1\"}}\n");
  const Error nasty{Code::invalid, "bad \x1b[31m", "", ""};
  CHECK(error_text(nasty, "", false, false, false) == "govctl: bad \\u001b[31m\n");
}
