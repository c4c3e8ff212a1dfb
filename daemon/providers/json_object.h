#pragma once
// Reads the top level of a JSON object without building it: where each member's value stands, so that a body
// can be changed at a few places and passed on byte for byte otherwise. The whole text is checked against RFC
// 8259.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/error.h"

namespace govctl::providers {

struct JsonMember {
  std::string_view key;    // between the quotes; never holds an escape
  std::string_view value;  // as written, without the blanks around it
};

struct JsonObject {
  std::vector<JsonMember> members;
  std::size_t end = 0;  // where the closing brace stands

  // Null when there is none.
  [[nodiscard]] const JsonMember* find(std::string_view key) const;
};

// invalid: no JSON, no object, nested deeper than 128, a member that stands twice, an escape in a member's
// name; and, in a client's request, strings that are not UTF-8. An upstream's bytes pass as they are. Known is
// what stands in a text that was scanned before: of its strings only the ends are looked for.
enum class Utf8 { checked, passed, known };
Result<JsonObject> scan_object(std::string_view text, Utf8 utf8 = Utf8::checked);

// The elements of a JSON array as written, without the blanks around them. invalid: no JSON, no array.
Result<std::vector<std::string_view>> scan_array(std::string_view text, Utf8 utf8 = Utf8::checked);

// At most `bytes` of `text`, which is UTF-8, cut between characters.
std::string_view cut(std::string_view text, std::size_t bytes);

// A replacement of text[begin, end) by `with`; begin == end inserts.
struct Splice {
  std::size_t begin = 0;
  std::size_t end = 0;
  std::string with;
};
// Applies splices that do not overlap.
std::string spliced(std::string_view text, std::vector<Splice> splices);

// A member and the raw JSON it must have.
struct MemberEdit {
  std::string_view key;
  std::string value;
};
// `text` with these members set, each in its place or else as the last ones; byte for byte otherwise. `object`
// is `text` scanned.
std::string with_members(std::string_view text, const JsonObject& object, const std::vector<MemberEdit>& edits);

// The value of a JSON string as written, without its quotes and with its escapes undone; nullopt when it is
// none.
std::optional<std::string> json_string(std::string_view value);
// A whole number as written; nullopt on anything else or beyond int64.
std::optional<std::int64_t> json_integer(std::string_view value);
// `text` as a JSON string, quotes included.
std::string json_quoted(std::string_view text);

}  // namespace govctl::providers
