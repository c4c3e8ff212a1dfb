#include "daemon/http/sse.h"

#include <catch2/catch.hpp>
#include <vector>

namespace govctl::http {
namespace {

struct Seen {
  std::string raw, event, data;
  bool operator==(const Seen&) const = default;
};
std::ostream& operator<<(std::ostream& out, const Seen& seen) {
  return out << '{' << seen.raw << '|' << seen.event << '|' << seen.data << '}';
}

void take(std::vector<Seen>& seen, const std::optional<SseEvent>& event) {
  seen.push_back({std::string(event->raw), std::string(event->event), std::string(event->data)});
}

std::vector<Seen> read(const std::vector<std::string_view>& pieces) {
  SseReader reader;
  std::vector<Seen> seen;
  for (const auto piece : pieces) {
    REQUIRE(reader.feed(piece));
    while (const auto event = reader.next()) take(seen, event);
  }
  if (const auto event = reader.finish()) take(seen, event);
  CHECK_FALSE(reader.finish());
  return seen;
}

TEST_CASE("Events are the same wherever the stream is cut, and no byte is lost") {
  const std::string stream =
      "\xEF\xBB\xBF"
      "data: first\n\n"
      ": a comment\r\n\r\n"
      "event: message_start\r\ndata: {\"a\":1}\r\nid: 7\r\n\r\n"
      "data\ndata:two\ndata:  three\n\n"
      "event:x\rdata: y\r\rdata: [DONE]\n\n"
      "data: the last, without a blank line";
  const std::vector<Seen> expected{
      {"\xEF\xBB\xBF"
       "data: first\n\n",
       "", "first"},
      {": a comment\r\n\r\n", "", ""},
      {"event: message_start\r\ndata: {\"a\":1}\r\nid: 7\r\n\r\n", "message_start", "{\"a\":1}"},
      {"data\ndata:two\ndata:  three\n\n", "", "\ntwo\n three"},
      {"event:x\rdata: y\r\r", "x", "y"},
      {"data: [DONE]\n\n", "", "[DONE]"},
      {"data: the last, without a blank line", "", "the last, without a blank line"},
  };
  CHECK(read({stream}) == expected);
  const std::string_view view = stream;
  for (std::size_t cut = 0; cut <= view.size(); ++cut) {
    for (std::size_t second = cut; second <= view.size(); second += 7) {
      CAPTURE(cut, second);
      REQUIRE(read({view.substr(0, cut), view.substr(cut, second - cut), view.substr(second)}) == expected);
    }
  }
  std::vector<std::string_view> bytes;
  bytes.reserve(view.size());
  for (std::size_t i = 0; i < view.size(); ++i) bytes.push_back(view.substr(i, 1));
  CHECK(read(bytes) == expected);
}

TEST_CASE("Nothing is nothing") {
  CHECK(read({}).empty());
  CHECK(read({""}).empty());
}

TEST_CASE("An event over the limit is a fault, many events in one piece are not") {
  SseReader reader(1000);
  std::string many;
  for (int i = 0; i < 100; ++i) many += "data: 0123456789012345678901234567890123456789\n\n";
  CHECK(reader.feed(many));
  int count = 0;
  while (reader.next()) ++count;
  CHECK(count == 100);
  CHECK(reader.feed("data: " + std::string(900, 'x')));
  CHECK_FALSE(reader.next());
  CHECK_FALSE(reader.feed(std::string(200, 'x')));
  SseReader whole(1000);
  CHECK_FALSE(whole.feed("data: " + std::string(2000, 'x') + "\n\n"));
}

TEST_CASE("A huge event in many pieces is read in time that grows with its length") {
  SseReader reader;
  const std::string piece(1000, 'x');
  REQUIRE(reader.feed("data: "));
  for (int i = 0; i < 2000; ++i) {
    REQUIRE(reader.feed(piece));
    REQUIRE_FALSE(reader.next());
  }
  REQUIRE(reader.feed("\n\n"));
  const auto event = reader.next();
  REQUIRE(event);
  CHECK(event->data.size() == 2'000'000);
}

}  // namespace
}  // namespace govctl::http
