// Readers that are slow or gone, and providers that flood: memory does not grow, and nobody is paid for what
// nobody reads.

#include <stdlib.h>
#include <unistd.h>

#include <fstream>
#include <thread>

#include "tests/functional/harness/dialects.h"

using namespace govctl::test;
using Clock = std::chrono::steady_clock;

namespace {

std::int64_t resident_bytes(const TestDaemon& daemon) {
  std::ifstream file("/proc/" + std::to_string(daemon.pid()) + "/statm");
  std::int64_t size = 0;
  std::int64_t resident = 0;
  file >> size >> resident;
  return resident * ::sysconf(_SC_PAGESIZE);
}

// A text delta of the dialect that is asked in; false: the client is gone.
bool say(Reply& reply, const std::string& words) {
  if (reply.seen.target.ends_with("/messages")) {
    return reply.event(
        "content_block_delta",
        {{"type", "content_block_delta"}, {"index", 0}, {"delta", {{"type", "text_delta"}, {"text", words}}}});
  }
  if (reply.seen.target.ends_with("/responses")) {
    return reply.event("response.output_text.delta", {{"type", "response.output_text.delta"},
                                                      {"item_id", "item_1"},
                                                      {"output_index", 0},
                                                      {"content_index", 0},
                                                      {"delta", words}});
  }
  return reply.text(words);
}
void begin(Reply& reply) {
  if (reply.seen.target.ends_with("/messages")) {
    begin_message(reply, 30, "words");
  } else if (reply.seen.target.ends_with("/responses")) {
    begin_response(reply, "words");
  } else {
    reply.begin_stream();
  }
}
struct Spoken {
  std::string path;
  Json body;
};
// Every dialect, as its provider speaks and translated.
Spoken spoken(const std::string& how) {
  if (how == "messages") return {"/v1/messages", messages_request("anthropic-like/m", 500)};
  if (how == "messages at chat") return {"/v1/messages", messages_request("fake/m", 500)};
  if (how == "responses") return {"/v1/responses", responses_request("responses-like/m", 500)};
  if (how == "responses at chat") return {"/v1/responses", responses_request("fake/m", 500)};
  return {"/v1/chat/completions", request("fake/m", 500)};
}

// AddressSanitizer keeps what was freed, here no more than it must, and a shadow of all of it.
const int little_quarantine =
    ::setenv("ASAN_OPTIONS", "quarantine_size_mb=1:thread_local_quarantine_size_kb=64", 1);
constexpr std::int64_t kept(std::int64_t bytes) {
#ifdef GOVD_SANITIZED
  return bytes * 5;
#else
  return bytes;
#endif
}

}  // namespace

TEST_CASE("a reader that takes nothing stops its provider, and the daemon keeps none of it", "[pressure]") {
  // Responses made from chat say all of the answer again at their end: they are bounded, see below.
  const std::string how = GENERATE("chat", "messages", "responses", "messages at chat");
  INFO(how);
  Dialects d;
  constexpr std::int64_t flood = 50'000'000;
  std::atomic<std::int64_t> said = 0;
  std::atomic<bool> through = false;
  d.upstream.on("m", [&](Reply& reply) {
    begin(reply);
    const std::string words(20'000, 'w');
    while (said < flood && say(reply, words)) said += 20'000;
    through = true;
    reply.wait_until_gone();
    reply.close = true;
  });
  Spoken call = spoken(how);
  call.body["stream"] = true;
  const std::int64_t before = resident_bytes(d.daemon);
  HttpClient client(d.daemon.gateway());
  client.send("POST", call.path, call.body.dump(), {{"x-api-key", d.shop.key.secret}});
  REQUIRE(client.head().status == 200);
  std::this_thread::sleep_for(700ms);
  // What was said lies in the kernel's buffers, of both connections.
  const std::int64_t held_up = said;
  CHECK(held_up < 20'000'000);
  CHECK_FALSE(through);
  std::this_thread::sleep_for(200ms);
  CHECK(said - held_up < 2'000'000);
  CHECK(resident_bytes(d.daemon) - before < kept(4'000'000));
  // It reads on, and its provider with it.
  std::int64_t taken = 0;
  while (taken < flood && !through) taken += static_cast<std::int64_t>(client.piece().size());
  CHECK(taken > held_up / 2);
  CHECK(resident_bytes(d.daemon) - before < kept(6'000'000));
  client.leave();
  const auto until = Clock::now() + patience;
  while (d.daemon.reserved("acme") != 0 && Clock::now() < until) std::this_thread::sleep_for(10ms);
  const auto events = d.daemon.events("acme");
  CHECK(events.size() == 1);
  d.books_balance(events.at(0)["credits_charged"]);
}

TEST_CASE("an answer that its dialect must keep whole is bounded", "[pressure]") {
  Dialects d;
  std::atomic<bool> stopped = false;
  d.upstream.on("m", [&](Reply& reply) {
    begin(reply);
    const std::string words(100'000, 'w');
    while (say(reply, words)) continue;
    stopped = true;
    reply.close = true;
  });
  const std::int64_t before = resident_bytes(d.daemon);
  const Spoken call = spoken("responses at chat");
  const Answer answer = d.stream(call.path, call.body);
  CHECK(resident_bytes(d.daemon) - before < kept(48'000'000));
  // 16 MiB of text, and what its events add to it.
  CHECK(answer.body.size() > 16'000'000);
  CHECK(answer.body.size() < 18'000'000);
  CHECK(answer.body.find("response.completed") == std::string::npos);
  const auto events = events_of(answer.body);
  CHECK(events.back().first == "response.failed");
  CHECK(events.back().second["response"]["error"]["message"].get<std::string>().find("larger than 16 MiB") !=
        std::string::npos);
  const auto until = Clock::now() + patience;
  while (!stopped && Clock::now() < until) std::this_thread::sleep_for(1ms);
  CHECK(stopped);
  const Json event = d.event_of(answer);
  CHECK(event["completion"] == "error");
  d.books_balance(event["credits_charged"]);
}

TEST_CASE("a reader that vanishes has its provider stopped within 250 ms, and one charge", "[pressure]") {
  const std::string how = GENERATE("chat", "messages", "responses", "messages at chat", "responses at chat");
  const std::string provider = GENERATE("speaks", "is silent");
  INFO(how << ", the provider " << provider);
  Dialects d;
  std::atomic<Clock::time_point> stopped = Clock::time_point{};
  d.upstream.on("m", [&](Reply& reply) {
    begin(reply);
    say(reply, "the first half");
    const auto until = Clock::now() + patience;
    while (!reply.client_gone() && Clock::now() < until) {
      if (provider == "speaks") say(reply, "more ");
      std::this_thread::sleep_for(2ms);
    }
    stopped = Clock::now();
    reply.close = true;
  });
  Spoken call = spoken(how);
  call.body["stream"] = true;
  HttpClient client(d.daemon.gateway());
  client.send("POST", call.path, call.body.dump(), {{"x-api-key", d.shop.key.secret}});
  REQUIRE(client.head().status == 200);
  client.piece();
  const auto left = Clock::now();
  client.leave();
  const auto until = Clock::now() + patience;
  while (stopped.load() == Clock::time_point{} && Clock::now() < until) std::this_thread::sleep_for(1ms);
  CHECK(stopped.load() - left < 250ms);
  while (d.daemon.reserved("acme") != 0 && Clock::now() < until) std::this_thread::sleep_for(5ms);
  const auto events = d.daemon.events("acme");
  REQUIRE(events.size() == 1);
  CHECK(events[0]["cause"] == "client_gone");
  CHECK(events[0]["completion"] == "partial");
  d.books_balance(events[0]["credits_charged"]);
}

TEST_CASE("a provider that is silent is covered by pings until its time is up, then it is an error",
          "[pressure]") {
  const std::string how = GENERATE("chat", "messages", "responses", "messages at chat", "responses at chat");
  INFO(how);
  Dialects d({.flags = {"--ping-after", "100"}});
  for (const char* name : {"fake", "anthropic-like", "responses-like"}) {
    d.daemon.expect(200, "PATCH", "/providers/" + std::string(name), {{"idle_timeout_ms", 600}});
  }
  std::atomic<bool> stopped = false;
  d.upstream.on("m", [&](Reply& reply) {
    begin(reply);
    say(reply, "the first half");
    stopped = reply.wait_until_gone();
    reply.close = true;
  });
  const Spoken call = spoken(how);
  const Answer answer = d.stream(call.path, call.body);
  CHECK(answer.status == 200);
  const bool messages = call.path == "/v1/messages";
  CHECK(answer.body.find(messages ? "event: ping" : "\n: ") != std::string::npos);
  CHECK(answer.body.find("in time") != std::string::npos);
  CHECK(answer.body.find("[DONE]") == std::string::npos);
  CHECK(answer.body.find("message_stop") == std::string::npos);
  CHECK(answer.body.find("response.completed") == std::string::npos);
  const Json event = d.event_of(answer);
  CHECK(event["completion"] == "error");
  const auto until = Clock::now() + patience;
  while (!stopped && Clock::now() < until) std::this_thread::sleep_for(1ms);
  CHECK(stopped);
  d.books_balance(event["credits_charged"]);
}
