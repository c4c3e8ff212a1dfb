// The server as a client sees it, byte for byte.

#include <sys/resource.h>
#include <sys/stat.h>

#include <atomic>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <catch2/catch.hpp>
#include <ctime>
#include <nlohmann/json.hpp>

#include "tests/unit/http/harness.h"

namespace govctl::http::testing {
namespace {

using namespace std::string_literals;

// Answers with what it was asked; "status" of its error when the body cannot be read.
asio::awaitable<void> echo(Exchange& exchange) {
  auto body = co_await exchange.body();
  Response response;
  if (body) {
    response.headers.push_back({"X-Method", std::string(exchange.method())});
    response.headers.push_back({"X-Path", std::string(exchange.path())});
    response.headers.push_back({"X-Query", std::string(exchange.query())});
    response.body = std::move(*body);
  } else {
    response.status = facts(body.error().code).status;
    response.body = body.error().message;
  }
  co_await exchange.respond(std::move(response));
}

asio::awaitable<void> sleep_for(asio::io_context& context, std::chrono::milliseconds time) {
  asio::steady_timer timer(context, time);
  co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
}

std::string code_in(const std::string& body) { return nlohmann::json::parse(body)["error"]["code"]; }

TEST_CASE("A connection carries one request after the other") {
  Running running(echo);
  Raw client(running.port);
  for (int i = 0; i < 3; ++i) {
    client.send("POST /a/b?c=d HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello");
    const auto answer = client.answer();
    CHECK(answer.status == 200);
    CHECK(answer.body == "hello");
    CHECK(answer.head.find("X-Path: /a/b\r\n") != std::string::npos);
    CHECK(answer.head.find("X-Query: c=d\r\n") != std::string::npos);
    CHECK(answer.head.find("Date: ") != std::string::npos);
    CHECK(answer.head.find("Connection:") == std::string::npos);
  }
  CHECK(running.server.open_connections() == 1);
}

TEST_CASE("Pipelined requests are answered in their order") {
  Running running([](Exchange& exchange) -> asio::awaitable<void> {
    if (exchange.path() == "/slow") co_await sleep_for(exchange.context(), 50ms);
    Response response;
    response.body = exchange.path();
    co_await exchange.respond(std::move(response));
  });
  Raw client(running.port);
  client.send(
      "GET /slow HTTP/1.1\r\nHost: x\r\n\r\n"
      "\r\nGET /two HTTP/1.1\r\nHost: x\r\n\r\n"
      "POST /three HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc"
      "GET /four HTTP/1.1\r\nHost: x\r\n\r\n");
  CHECK(client.answer().body == "/slow");
  CHECK(client.answer().body == "/two");
  CHECK(client.answer().body == "/three");
  CHECK(client.answer().body == "/four");
}

TEST_CASE("A request may come byte by byte, with its body in chunks") {
  Running running(echo);
  Raw client(running.port);
  const std::string request =
      "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
      "5;ext=\"a\"\r\nhello\r\n1\r\n \r\n5\r\nworld\r\n0\r\nTrailer: x\r\n\r\n";
  for (const char byte : request) {
    client.send({&byte, 1});
    std::this_thread::sleep_for(200us);
  }
  CHECK(client.answer().body == "hello world");
  // An empty chunked body whose last chunk comes in pieces.
  client.send("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
  for (const std::string_view piece : {"0", "\r\n", "\r", "\n"}) {
    std::this_thread::sleep_for(5ms);
    client.send(piece);
  }
  CHECK(client.answer().status == 200);
  // The connection is still in step.
  client.send("GET /next HTTP/1.1\r\nHost: x\r\n\r\n");
  CHECK(client.answer().head.find("X-Path: /next\r\n") != std::string::npos);
}

TEST_CASE("A large body arrives whole") {
  Running running(echo);
  const std::string body(3'000'000, 'q');
  SECTION("with its length") {
    Raw client(running.port);
    std::thread writer([&] {
      client.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" +
                  body);
    });
    writer.join();
    const auto answer = client.answer();
    CHECK(answer.status == 200);
    CHECK(answer.body.size() == body.size());
    CHECK((answer.body == body));
  }
  SECTION("in chunks") {
    Raw client(running.port);
    client.send("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (std::size_t at = 0; at < body.size(); at += 100'000)
      client.send("186a0\r\n" + body.substr(at, 100'000) + "\r\n");
    client.send("0\r\n\r\n");
    const auto answer = client.answer();
    CHECK(answer.status == 200);
    CHECK(answer.body.size() == body.size());
    CHECK((answer.body == body));
  }
}

TEST_CASE("What two parsers may read in two ways is refused, and the connection closed") {
  Running running(echo);
  const std::vector<std::string> requests{
      "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
      "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
      "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
      "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5, 6\r\n\r\nhello",
      "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5, 5\r\n\r\nhello",
      "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
      "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: +5\r\n\r\nhello",
      "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0x5\r\n\r\nhello",
      "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
      "POST / HTTP/1.1\r\nHost: x\r\nContent-Length:\r\n\r\n",
      "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n",
      "POST / HTTP/1.1\r\nHost: x\r\nContent-Length : 5\r\n\r\nhello",
      "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
      "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
      "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: identity\r\n\r\n",
      "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
      "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
      "POST / HTTP/1.0\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: x\r\nX: a\rb\r\n\r\n",
      "GET / HTTP/1.1\rHost: x\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: x\r\nX: a\r\n b\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: x\r\nX: a\r\n\tb\r\n\r\n",
      "GET / HTTP/1.1\r\n Host: x\r\n\r\n",
      "GET / HTTP/1.1\nHost: x\n\n",
      "GET / HTTP/1.1\r\nHost: x\n\r\n",
      "GET / HTTP/1.1\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: x y\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: x\r\nX: a\0b\r\n\r\n"s,
      "GET / HTTP/1.1\r\nHost: x\r\n: empty\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: x\r\nBad Name: v\r\n\r\n",
      "GET  / HTTP/1.1\r\nHost: x\r\n\r\n",
      "GET / HTTP/2.0\r\nHost: x\r\n\r\n",
      "GET / HTTP/1.1 \r\nHost: x\r\n\r\n",
      "GET nonsense HTTP/1.1\r\nHost: x\r\n\r\n",
      "GET http://y/ HTTP/1.1\r\nHost: x\r\n\r\n",
      "GET http://x:81/ HTTP/1.1\r\nHost: x\r\n\r\n",
      "GET http://y@x/ HTTP/1.1\r\nHost: x\r\n\r\n",
      "GET /a#b HTTP/1.1\r\nHost: x\r\n\r\n",
      "\x16\x03\x01\x02\x00\x01\xfc\x03\x03"s,
  };
  for (const std::string& request : requests) {
    CAPTURE(request);
    Raw client(running.port);
    client.send(request);
    const auto answer = client.answer();
    CHECK(answer.status == 400);
    CHECK(code_in(answer.body) == "invalid");
    CHECK(answer.head.find("Connection: close\r\n") != std::string::npos);
    ::shutdown(client.fd(), SHUT_WR);
    CHECK(client.to_end().empty());
    CHECK(client.closed());
  }
}

TEST_CASE("A target in absolute form is the path in it") {
  Running running(echo);
  Raw client(running.port);
  client.send("GET http://X:80/a?b HTTP/1.1\r\nHost: x:80\r\n\r\n");
  const auto answer = client.answer();
  CHECK(answer.status == 200);
  CHECK(answer.head.find("X-Path: /a\r\n") != std::string::npos);
  CHECK(answer.head.find("X-Query: b\r\n") != std::string::npos);
}

TEST_CASE("A refusal is not overtaken by a reset while the client still sends") {
  Running running(echo);
  Raw client(running.port);
  client.send("POST / HTTP/1.1\r\nContent-Length: 500000\r\n\r\n" + std::string(500'000, 'x'));
  ::shutdown(client.fd(), SHUT_WR);
  CHECK(client.answer().status == 400);
  CHECK(client.closed());
  CHECK_FALSE(client.was_reset());
}

TEST_CASE("Chunks that are not framed properly are refused") {
  Running running(echo);
  const std::string head = "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n";
  for (const std::string_view chunks :
       {"zz\r\nhello\r\n0\r\n\r\n", "5\r\nhelloX\r\n0\r\n\r\n", "ffffffffffffffffff\r\n",
        "5\nhello\n0\n\n\r\n\r\n", "-5\r\nhello\r\n0\r\n\r\n", " 5\r\nhello\r\n0\r\n\r\n",
        "5\r\rhello\r\n0\r\n\r\n", "0x5\r\nhello\r\n0\r\n\r\n"}) {
    CAPTURE(chunks);
    Raw client(running.port);
    client.send(head + std::string(chunks));
    const auto answer = client.answer();
    CHECK(answer.status == 400);
    CHECK(answer.head.find("Connection: close\r\n") != std::string::npos);
    ::shutdown(client.fd(), SHUT_WR);
    CHECK(client.closed());
  }
  Raw endless(running.port);
  endless.send(head + "5;" + std::string(64 << 10, 'a'));
  CHECK(endless.answer().status == 400);
}

TEST_CASE("A head over the limit is 431") {
  Running running(echo);
  Raw client(running.port);
  client.send("GET / HTTP/1.1\r\nHost: x\r\nX: " + std::string(40'000, 'a'));
  const auto answer = client.answer();
  CHECK(answer.status == 431);
  CHECK(code_in(answer.body) == "header_too_large");
  Raw within(running.port);
  within.send("GET / HTTP/1.1\r\nHost: x\r\nX: " + std::string(30'000, 'a') + "\r\n\r\n");
  CHECK(within.answer().status == 200);
}

TEST_CASE("A body over the limit is 413 before it is read") {
  Limits limits;
  limits.body_bytes = 1000;
  Running running(echo, limits);
  SECTION("by its length, without 100-continue") {
    Raw client(running.port);
    client.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\nExpect: 100-continue\r\n\r\n");
    const auto answer = client.answer();
    CHECK(answer.status == 413);
    CHECK(answer.head.find("Connection: close\r\n") != std::string::npos);
  }
  SECTION("while the client goes on sending") {
    Raw client(running.port);
    client.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3000000\r\n\r\n" + std::string(3'000'000, 'a'));
    CHECK(client.answer().status == 413);
  }
  SECTION("by its chunks") {
    Raw client(running.port);
    client.send("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nfff\r\n");
    CHECK(client.answer().status == 413);
  }
  SECTION("a chunk at a time") {
    Raw client(running.port);
    client.send("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
    const std::string chunk = "190\r\n" + std::string(400, 'a') + "\r\n";
    client.send(chunk + chunk + chunk);
    CHECK(client.answer().status == 413);
  }
}

TEST_CASE("Slow clients are let go") {
  Limits limits;
  limits.header_time = 1s;
  limits.body_time = 1s;
  limits.idle = 1s;
  Running running(echo, limits);
  SECTION("in the head, however steadily it drips") {
    Raw client(running.port);
    client.send("GET / HTTP/1.1\r\n");
    std::atomic<bool> stop{false};
    std::thread drip([&] {
      while (!stop && client.send("X: y\r\n")) std::this_thread::sleep_for(100ms);
    });
    const auto answer = client.answer();
    stop = true;
    drip.join();
    CHECK(answer.status == 408);
    CHECK(client.closed());
  }
  SECTION("in the body") {
    Raw client(running.port);
    client.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhe");
    CHECK(client.answer().status == 504);
    CHECK(client.closed());
  }
  SECTION("in the body, however steadily it drips") {
    for (const bool chunked : {false, true}) {
      CAPTURE(chunked);
      Raw client(running.port);
      client.send("POST / HTTP/1.1\r\nHost: x\r\n"s +
                  (chunked ? "Transfer-Encoding: chunked\r\n\r\n" : "Content-Length: 100000\r\n\r\n"));
      std::atomic<bool> stop{false};
      std::thread drip([&] {
        while (!stop && client.send(chunked ? "1\r\na\r\n" : "a")) std::this_thread::sleep_for(100ms);
      });
      const auto answer = client.answer();
      stop = true;
      drip.join();
      CHECK(answer.status == 504);
      CHECK(client.closed());
    }
  }
  SECTION("but not for a body that comes fast enough on the whole") {
    Raw client(running.port);
    client.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4104\r\n\r\n" + std::string(4096, 'a'));
    for (int i = 0; i < 4; ++i) {
      std::this_thread::sleep_for(400ms);
      client.send("aa");
    }
    CHECK(client.answer().status == 200);
  }
  SECTION("between requests") {
    Raw client(running.port);
    client.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    CHECK(client.answer().status == 200);
    CHECK(client.to_end().empty());
    CHECK(client.closed());
  }
}

TEST_CASE("A body cut short is an error and no request") {
  std::atomic<int> faults{0};
  Running running([&](Exchange& exchange) -> asio::awaitable<void> {
    const auto body = co_await exchange.body();
    if (!body && body.error().code == Code::invalid) ++faults;
  });
  {
    Raw client(running.port);
    client.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhe");
  }
  {
    Raw client(running.port);
    client.send("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhe");
  }
  CHECK(eventually([&] { return faults == 2; }));
}

TEST_CASE("A client that asks first is told to go on") {
  Running running(echo);
  Raw client(running.port);
  client.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n");
  CHECK(client.until("\r\n\r\n") == "HTTP/1.1 100 Continue\r\n\r\n");
  client.send("hello");
  CHECK(client.answer().body == "hello");
}

TEST_CASE("HEAD has the head of the answer and nothing else") {
  Running running([](Exchange& exchange) -> asio::awaitable<void> {
    if (exchange.path() == "/stream") {
      co_await exchange.start(200, {});
      co_await exchange.write("some bytes");
      co_await exchange.finish();
    } else {
      Response response;
      response.body = "some bytes";
      co_await exchange.respond(std::move(response));
    }
  });
  Raw client(running.port);
  client.send("HEAD / HTTP/1.1\r\nHost: x\r\n\r\n");
  CHECK(client.until("\r\n\r\n").find("Content-Length: 10\r\n") != std::string::npos);
  client.send("HEAD /stream HTTP/1.1\r\nHost: x\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n");
  CHECK(client.until("\r\n\r\n").starts_with("HTTP/1.1 200 OK\r\n"));
  CHECK(client.answer().body == "some bytes");
}

TEST_CASE("HTTP/1.0 and Connection: close") {
  Running running([](Exchange& exchange) -> asio::awaitable<void> {
    co_await exchange.start(200, {});
    co_await exchange.write("one");
    co_await exchange.finish("two");
  });
  SECTION("1.0 gets a stream without chunks, ended by the close") {
    Raw client(running.port);
    client.send("GET / HTTP/1.0\r\n\r\n");
    const std::string head = client.until("\r\n\r\n");
    CHECK(head.find("Transfer-Encoding") == std::string::npos);
    CHECK(head.find("Connection: close\r\n") != std::string::npos);
    CHECK(client.to_end() == "onetwo");
    CHECK_FALSE(client.was_reset());
  }
  SECTION("1.1 may ask for the close") {
    Raw client(running.port);
    client.send("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    CHECK(client.until("\r\n\r\n").find("Connection: close\r\n") != std::string::npos);
    CHECK(client.to_end() == "3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n");
  }
}

TEST_CASE("HTTP/1.0 is kept open when it asks for it") {
  Running running(echo);
  Raw client(running.port);
  client.send("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  CHECK(client.answer().head.find("Connection: keep-alive\r\n") != std::string::npos);
  client.send("GET / HTTP/1.0\r\n\r\n");
  CHECK(client.answer().head.find("Connection: close\r\n") != std::string::npos);
  CHECK(client.closed());
}

TEST_CASE("The head of a stream does not wait for its first bytes") {
  std::atomic<bool> go{false};
  Running running([&](Exchange& exchange) -> asio::awaitable<void> {
    co_await exchange.start(200, {{"Content-Type", "text/event-stream"}});
    while (!go) co_await sleep_for(exchange.context(), 5ms);
    co_await exchange.write("data: 1\n\n");
    co_await exchange.write({});
    co_await exchange.finish();
  });
  Raw client(running.port);
  client.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  CHECK(client.until("\r\n\r\n").find("Content-Type: text/event-stream\r\n") != std::string::npos);
  go = true;
  CHECK(client.until("0\r\n\r\n") == "9\r\ndata: 1\n\n\r\n0\r\n\r\n");
}

TEST_CASE("An aborted stream is no whole answer") {
  Running running([](Exchange& exchange) -> asio::awaitable<void> {
    co_await exchange.start(200, {});
    co_await exchange.write("part");
    co_await sleep_for(exchange.context(), 20ms);
    if (exchange.path() == "/forgotten") co_return;
    exchange.abort();
  });
  for (const std::string_view path : {"/aborted", "/forgotten"}) {
    Raw client(running.port);
    client.send("GET " + std::string(path) + " HTTP/1.1\r\nHost: x\r\n\r\n");
    client.until("\r\n\r\n");
    CHECK(client.to_end() == "4\r\npart\r\n");
    CHECK(client.closed());
  }
  Raw old(running.port);
  old.send("GET / HTTP/1.0\r\n\r\n");
  old.to_end();
  CHECK(old.was_reset());
}

TEST_CASE("A handler that throws or forgets to answer is a 500") {
  Running running([](Exchange& exchange) -> asio::awaitable<void> {
    if (exchange.path() == "/throw") throw std::runtime_error("secret");
    co_return;
  });
  for (const std::string_view path : {"/throw", "/forget"}) {
    Raw client(running.port);
    client.send("GET " + std::string(path) + " HTTP/1.1\r\nHost: x\r\n\r\n");
    const auto answer = client.answer();
    CHECK(answer.status == 500);
    CHECK(answer.body.find("secret") == std::string::npos);
    CHECK(code_in(answer.body) == "internal");
  }
}

TEST_CASE("No header value can end its line") {
  Running running([](Exchange& exchange) -> asio::awaitable<void> {
    Response response;
    response.headers.push_back({"X-Evil", "a\r\nSet-Cookie: b\0c"s});
    response.headers.push_back({"Bad\r\nName", "v"});
    response.headers.push_back({"content-length", "99"});
    response.headers.push_back({"Transfer-Encoding", "chunked"});
    response.body = "x";
    co_await exchange.respond(std::move(response));
  });
  Raw client(running.port);
  client.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  const auto answer = client.answer();
  CHECK(answer.head.find("X-Evil: a  Set-Cookie: b c\r\n") != std::string::npos);
  CHECK(answer.head.find("Name") == std::string::npos);
  CHECK(answer.head.find("99") == std::string::npos);
  CHECK(answer.head.find("Transfer-Encoding") == std::string::npos);
  CHECK(answer.body == "x");
}

TEST_CASE("An unread body is passed over when small, and ends the connection when large") {
  Running running([](Exchange& exchange) -> asio::awaitable<void> { co_await exchange.respond({}); });
  Raw small(running.port);
  small.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhe");
  CHECK(small.answer().status == 200);
  small.send("lloPOST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n");
  CHECK(small.answer().status == 200);
  small.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  CHECK(small.answer().status == 200);

  Raw large(running.port);
  large.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\nhe");
  CHECK(large.answer().head.find("Connection: close\r\n") != std::string::npos);
  ::shutdown(large.fd(), SHUT_WR);
  CHECK(large.closed());

  // A client that waits for 100-continue and got an answer instead does not send the body.
  Raw asking(running.port);
  asking.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n");
  CHECK(asking.answer().head.find("Connection: close\r\n") != std::string::npos);
}

TEST_CASE("A handler hears of a client that goes away, and only then") {
  std::atomic<int> gone{0};
  std::atomic<bool> go{false};
  std::atomic<int> entered{0};
  Running running([&](Exchange& exchange) -> asio::awaitable<void> {
    exchange.on_disconnect([&gone] { ++gone; });
    ++entered;
    if (exchange.path() == "/stream") {
      co_await exchange.start(200, {});
      co_await exchange.write("part");
    }
    while (!go && gone == 0) co_await sleep_for(exchange.context(), 5ms);
    if (exchange.path() == "/stream") {
      co_await exchange.finish();
    } else {
      co_await exchange.respond({});
    }
  });
  SECTION("before the answer") {
    Raw client(running.port);
    client.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    REQUIRE(eventually([&] { return entered == 1; }));
    client.close();
    CHECK(eventually([&] { return gone == 1; }, 1s));
    CHECK(eventually([&] { return running.server.open_connections() == 0; }));
  }
  SECTION("late in a stream") {
    Raw client(running.port);
    client.send("GET /stream HTTP/1.1\r\nHost: x\r\n\r\n");
    client.until("part\r\n");
    std::this_thread::sleep_for(250ms);
    CHECK(gone == 0);
    client.close();
    CHECK(eventually([&] { return gone == 1; }, 1s));
  }
  SECTION("not because of the next request, nor after the end") {
    Raw client(running.port);
    client.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    REQUIRE(eventually([&] { return entered == 1; }));
    std::this_thread::sleep_for(150ms);  // the watch is on by now
    client.send("GET /again HTTP/1.1\r\nHost: x\r\n\r\n");
    std::this_thread::sleep_for(50ms);
    CHECK(gone == 0);
    go = true;
    CHECK(client.answer().status == 200);
    CHECK(client.answer().status == 200);
    client.close();
    CHECK(eventually([&] { return running.server.open_connections() == 0; }));
    CHECK(gone == 0);
  }
}

TEST_CASE("A reader that takes nothing is slow here, and let go in the end") {
  Limits limits;
  limits.write_time = 1s;
  std::atomic<std::size_t> written{0};
  std::atomic<bool> failed{false};
  Running running(
      [&](Exchange& exchange) -> asio::awaitable<void> {
        const std::string piece(100'000, 'x');
        co_await exchange.start(200, {});
        for (int i = 0; i < 1000; ++i) {
          const auto result = co_await exchange.write(piece);
          if (!result) {
            failed = result.error().code == Code::timeout;
            co_return;
          }
          written += piece.size();
        }
      },
      limits);
  Raw client(running.port);
  client.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  CHECK(eventually([&] { return failed.load(); }));
  CHECK(written < 50'000'000);
}

TEST_CASE("A slow reader gets every byte") {
  Running running([](Exchange& exchange) -> asio::awaitable<void> {
    Response response;
    response.body.assign(8'000'000, 'x');
    co_await exchange.respond(std::move(response));
  });
  Raw client(running.port);
  client.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  std::this_thread::sleep_for(50ms);
  CHECK(client.answer().body.size() == 8'000'000);
}

TEST_CASE("A Unix socket tells who is at the other end") {
  char directory[] = "/tmp/govctl-http-XXXXXX";
  REQUIRE(::mkdtemp(directory) != nullptr);
  const std::string path = std::string(directory) + "/s.sock";
  {
    Running running([](Exchange& exchange) -> asio::awaitable<void> {
      Response response;
      const Peer& peer = exchange.peer();
      response.body = peer.address + (peer.local ? " local " : " remote ") + std::to_string(peer.uid) + " " +
                      std::to_string(peer.pid);
      co_await exchange.respond(std::move(response));
    });
    REQUIRE(running.server.listen_unix(path, 0600));
    struct stat facts{};
    REQUIRE(::stat(path.c_str(), &facts) == 0);
    CHECK((facts.st_mode & 0777) == 0600);
    Raw client(path);
    client.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    CHECK(client.answer().body ==
          "unix local " + std::to_string(::getuid()) + " " + std::to_string(::getpid()));
    Raw tcp(running.port);
    tcp.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    CHECK(tcp.answer().body.starts_with("127.0.0.1 remote "));

    const auto again = running.server.listen_unix(path, 0600);
    REQUIRE_FALSE(again);
    CHECK(again.error().code == Code::conflict);
    CHECK(running.server.listen_unix("/tmp/" + std::string(120, 'x'), 0600).error().code == Code::invalid);
    running.server.stop_listening();
    CHECK(eventually([&] { return ::access(path.c_str(), F_OK) != 0; }));
  }
  // A file that nobody listens on any more is replaced.
  const int stale = ::socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un where{};
  where.sun_family = AF_UNIX;
  std::memcpy(where.sun_path, path.data(), path.size());
  REQUIRE(::bind(stale, reinterpret_cast<sockaddr*>(&where), sizeof where) == 0);
  ::close(stale);
  {
    Running running(echo);
    CHECK(running.server.listen_unix(path, 0600));
    Raw client(path);
    client.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    CHECK(client.answer().status == 200);
  }
  ::rmdir(directory);
}

TEST_CASE("A port that is taken is a conflict; a socket handed over is served") {
  Running running(echo);
  const auto taken = running.server.listen_tcp("127.0.0.1", running.port);
  REQUIRE_FALSE(taken);
  CHECK(taken.error().code == Code::conflict);
  CHECK(running.server.listen_tcp("localhost", 0).error().code == Code::invalid);

  const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in where{};
  where.sin_family = AF_INET;
  where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  REQUIRE(::bind(fd, reinterpret_cast<sockaddr*>(&where), sizeof where) == 0);
  CHECK(running.server.adopt(::dup(fd)).error().code == Code::invalid);
  REQUIRE(::listen(fd, 8) == 0);
  socklen_t size = sizeof where;
  ::getsockname(fd, reinterpret_cast<sockaddr*>(&where), &size);
  REQUIRE(running.server.adopt(fd));
  Raw client(ntohs(where.sin_port));
  client.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  CHECK(client.answer().status == 200);
}

TEST_CASE("1,000 connections at once, on two threads") {
  Running running(echo, {}, 2);
  std::vector<Raw> clients;
  clients.reserve(1000);
  for (int i = 0; i < 1000; ++i) clients.emplace_back(running.port);
  for (int round = 0; round < 2; ++round) {
    for (auto& client : clients) client.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi");
    int whole = 0;
    for (auto& client : clients) whole += client.answer().body == "hi" ? 1 : 0;
    CHECK(whole == 1000);
  }
  CHECK(running.server.open_connections() == 1000);
  clients.clear();
  CHECK(eventually([&] { return running.server.open_connections() == 0; }));
}

TEST_CASE("Connections over the limit are told so") {
  Limits limits;
  limits.connections = 2;
  Running running(echo, limits);
  Raw first(running.port);
  Raw second(running.port);
  REQUIRE(eventually([&] { return running.server.open_connections() == 2; }));
  {
    Raw third(running.port);
    third.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    const auto answer = third.answer();
    CHECK(answer.status == 503);
    CHECK(code_in(answer.body) == "unavailable");
  }
  second.close();
  CHECK(eventually([&] { return running.server.open_connections() == 1; }));
  Raw fourth(running.port);
  fourth.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  CHECK(fourth.answer().status == 200);
}

TEST_CASE("Without a free descriptor the server waits, and does not spin") {
  Running running(echo);
  Raw warm(running.port);  // what is loaded on first use is loaded
  warm.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  CHECK(warm.answer().status == 200);
  rlimit before{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
  const int late = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const rlimit none{static_cast<rlim_t>(late) + 1, before.rlim_max};
  std::vector<int> taken;
  // No assertion while there is no descriptor: sanitizers want one for their own.
  const bool lowered = ::setrlimit(RLIMIT_NOFILE, &none) == 0;
  for (int fd = ::dup(late); fd >= 0; fd = ::dup(late)) taken.push_back(fd);
  const std::clock_t start = std::clock();
  Raw client(late, running.port);
  client.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  const std::string early = client.until("\r\n", 1s);
  const std::clock_t used = std::clock() - start;
  for (const int fd : taken) ::close(fd);
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &before) == 0);
  CHECK(lowered);
  CHECK(early.empty());
  CHECK(used < CLOCKS_PER_SEC / 20);
  CHECK(client.answer().status == 200);
}

TEST_CASE("After stop_listening the calls in flight end, and nothing new begins") {
  std::atomic<bool> go{false};
  std::atomic<bool> entered{false};
  Running running([&](Exchange& exchange) -> asio::awaitable<void> {
    if (exchange.path() == "/wait") entered = true;
    while (exchange.path() == "/wait" && !go) co_await sleep_for(exchange.context(), 5ms);
    co_await exchange.respond({});
  });
  Raw idle(running.port);
  idle.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  CHECK(idle.answer().status == 200);
  Raw busy(running.port);
  busy.send("GET /wait HTTP/1.1\r\nHost: x\r\n\r\n");
  REQUIRE(eventually([&] { return entered.load(); }));
  running.server.stop_listening();
  CHECK(idle.closed());
  CHECK(eventually([&] {
    try {
      Raw refused(running.port);
      return false;
    } catch (const std::runtime_error&) {
      return true;
    }
  }));
  CHECK(running.server.active() == 1);
  go = true;
  CHECK(busy.answer().head.find("Connection: close\r\n") != std::string::npos);
  CHECK(busy.closed());
  CHECK(eventually([&] { return running.server.open_connections() == 0 && running.server.active() == 0; }));
}

TEST_CASE("close_all ends everything at once, and handlers hear of it") {
  std::atomic<int> gone{0};
  Running running([&](Exchange& exchange) -> asio::awaitable<void> {
    bool over = false;
    exchange.on_disconnect([&] {
      over = true;
      ++gone;
    });
    co_await exchange.start(200, {});
    while (!over) co_await sleep_for(exchange.context(), 5ms);
  });
  std::vector<Raw> clients;
  clients.reserve(10);
  for (int i = 0; i < 10; ++i) {
    clients.emplace_back(running.port);
    clients.back().send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  }
  REQUIRE(eventually([&] { return running.server.active() == 10; }));
  running.server.close_all();
  for (auto& client : clients) CHECK(client.closed());
  CHECK(eventually([&] { return gone == 10 && running.server.active() == 0; }));
}

TEST_CASE("Server and io_contexts may end in either order, in the middle of calls") {
  const Handler wait = [](Exchange& exchange) -> asio::awaitable<void> {
    exchange.on_disconnect([] {});
    co_await exchange.start(200, {});
    co_await sleep_for(exchange.context(), 1h);
  };
  const auto begin = [](std::uint16_t port, const Server& server, std::vector<Raw>& clients) {
    for (int i = 0; i < 8; ++i) {
      clients.emplace_back(port);
      clients.back().send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    }
    Raw idle(port);
    return eventually([&] { return server.active() == 8; });
  };
  std::vector<Raw> clients;
  SECTION("the contexts first") {
    auto threads = std::make_unique<Threads>(2);
    Server server(threads->all(), {}, wait);
    CHECK(begin(server.listen_tcp("127.0.0.1", 0).value(), server, clients));
    threads.reset();
    for (auto& client : clients) CHECK(client.closed());
  }
  SECTION("the server first, while they run") {
    Threads threads(2);
    auto server = std::make_unique<Server>(threads.all(), Limits{}, wait);
    CHECK(begin(server->listen_tcp("127.0.0.1", 0).value(), *server, clients));
    server.reset();
    for (auto& client : clients) CHECK(client.closed());
  }
  SECTION("the server first, after they stopped") {
    Threads threads(2);
    auto server = std::make_unique<Server>(threads.all(), Limits{}, wait);
    CHECK(begin(server->listen_tcp("127.0.0.1", 0).value(), *server, clients));
    threads.stop();
    server.reset();
  }
}

}  // namespace
}  // namespace govctl::http::testing
