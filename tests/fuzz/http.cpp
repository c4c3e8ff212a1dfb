// The head of a request and a chunked body: how the bytes are cut does not change what is read.

#include "daemon/http/request_parser.h"
#include "tests/fuzz/target.h"

using namespace govctl;
using namespace govctl::http;

namespace {

struct Read {
  std::string refusal, method, target, body;
  RequestParser::BodyState state = RequestParser::BodyState::more;
  bool operator==(const Read&) const = default;
};

Read read(std::string_view head, std::string_view rest, bool pieces) {
  constexpr std::size_t limit = 4'096;
  std::vector<HeaderView> headers;
  RequestParser parser(headers);
  Read result;
  result.refusal = parser.parse_head(head);
  if (!result.refusal.empty()) return result;
  result.method = parser.method;
  result.target = parser.target;
  for (const HeaderView& header : headers) {
    fuzz::require(header.value.find_first_of("\r\n") == std::string_view::npos);
  }
  if (!parser.chunked()) return result;
  // As a connection does: what was not used up comes again, with more behind it.
  std::string waiting;
  while (result.state == RequestParser::BodyState::more && !rest.empty()) {
    if (pieces) {
      waiting += fuzz::piece_of(rest);
    } else {
      waiting += rest;
      rest = {};
    }
    std::size_t used = 0;
    result.state = parser.parse_chunked(waiting, result.body, limit, used);
    fuzz::require(used <= waiting.size());
    waiting.erase(0, used);
  }
  fuzz::require(result.body.size() <= limit);
  return result;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input = fuzz::text_of(data, size);
  HeadScan whole;
  const auto found = whole.scan(input);
  HeadScan grown;
  auto grown_found = HeadScan::Found::nothing_yet;
  for (std::size_t end = 1; end <= input.size() && grown_found == HeadScan::Found::nothing_yet; ++end) {
    grown_found = grown.scan(input.substr(0, end));
  }
  fuzz::require(found == grown_found);
  if (found != HeadScan::Found::head) return 0;
  fuzz::require(whole.length() == grown.length() && whole.length() <= input.size());
  const std::string head(input.substr(0, whole.length()));
  const std::string_view rest = input.substr(whole.length());
  const Read at_once = read(head, rest, false);
  const Read in_pieces = read(head, rest, true);
  fuzz::require(at_once.refusal == in_pieces.refusal && at_once.method == in_pieces.method &&
                at_once.target == in_pieces.target);
  if (at_once.state == RequestParser::BodyState::whole && in_pieces.state == RequestParser::BodyState::whole) {
    fuzz::require(at_once.body == in_pieces.body);
  }
  return 0;
}
