// What govctl call makes of the gateway's answers.

#include "cli/gateway.h"

#include <catch2/catch.hpp>

using namespace govctl;
using namespace govctl::cli;

TEST_CASE("a refusal of the gateway is the error of its kind, its command apart") {
  struct Row {
    int status;
    std::string code;
    int exit_code;
  };
  for (const auto& row :
       {Row{402, "budget_exceeded", 5}, Row{402, "insufficient_credits", 5}, Row{403, "policy_denied", 5},
        Row{400, "no_price", 5}, Row{400, "no_credential", 5}, Row{400, "unknown_provider", 64},
        Row{400, "invalid_request", 64}, Row{401, "invalid_api_key", 4}, Row{403, "frozen", 4},
        Row{429, "rate_limit_exceeded", 75}, Row{503, "unavailable", 75}, Row{502, "upstream_unreachable", 1},
        Row{502, "upstream_credential", 1}, Row{504, "upstream_timeout", 8}, Row{404, "model_not_found", 6},
        Row{500, "mock_error", 1}}) {
    INFO(row.code);
    const Error error =
        gateway_error(row.status, R"({"error":{"message":"so it is; run: govctl explain req_1","code":")" +
                                      row.code + "\"}}");
    CHECK(facts(error.code).exit_code == row.exit_code);
    CHECK(error.message.ends_with("(" + row.code + "): so it is"));
    CHECK(error.next == "govctl explain req_1");
  }
  CHECK(gateway_error(502, "<html>").code == Code::upstream_failed);
  CHECK(gateway_error(400, "{}").code == Code::invalid);
}

TEST_CASE("a stream is the same in whatever pieces it comes") {
  const std::string wire =
      ": ping\r\n\r\n"
      "data: {\"model\":\"m\",\"choices\":[{\"delta\":{\"role\":\"assistant\",\"content\":\"\"}}]}\n\n"
      "data:{\"choices\":[{\"delta\":{\"content\":\"Gr\xc3\xbc\xc3\x9f\"}}]}\r\n\r\n"
      "data: {\"choices\":[{\"delta\":{\"content\":\" Gott\"},\"finish_reason\":\"stop\"}]}\n\n"
      "data: {\"choices\":[],\"usage\":{}}\n\n"
      "data: [DONE]\n\n";
  for (std::size_t size = 1; size <= wire.size(); ++size) {
    ChatStream stream;
    std::string seen;
    const Gateway::Sink sink = [&](std::string_view text) { seen += text; };
    for (std::size_t at = 0; at < wire.size(); at += size) stream.take(wire.substr(at, size), sink);
    const auto answer = stream.finish();
    REQUIRE(answer.has_value());
    CHECK(answer->text == "Gr\xc3\xbc\xc3\x9f Gott");
    CHECK(seen == answer->text);
    CHECK(answer->model == "m");
    CHECK(answer->finish_reason == "stop");
  }
}

TEST_CASE("a stream without its end, or with an error in it, is no answer") {
  const Gateway::Sink ignore = [](std::string_view) {};
  ChatStream cut;
  cut.take("data: {\"choices\":[{\"delta\":{\"content\":\"x\"}}]}\n\n", ignore);
  CHECK(cut.finish().error().code == Code::upstream_failed);
  ChatStream failed;
  failed.take("data: {\"error\":{\"message\":\"it is gone\",\"code\":\"upstream_unreachable\"}}\n\n", ignore);
  CHECK(failed.finish().error().message == "the call failed (upstream_unreachable): it is gone");
}
