// A path of a resource and a glob of a policy: what is read is printed as it was, and matching ends.

#include "common/resource_path.h"

#include "daemon/domain/policy.h"
#include "tests/fuzz/target.h"

using namespace govctl;

namespace {

// The same by trying all there is, for short texts.
bool matches(std::string_view pattern, std::string_view text) {
  if (pattern.empty()) return text.empty();
  if (pattern.front() == '*') {
    return matches(pattern.substr(1), text) || (!text.empty() && matches(pattern, text.substr(1)));
  }
  return !text.empty() && (pattern.front() == '?' || pattern.front() == text.front()) &&
         matches(pattern.substr(1), text.substr(1));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input = fuzz::text_of(data, size);
  if (const auto path = ResourcePath::parse(input)) fuzz::require(path->text() == input);
  const std::size_t cut = input.find('\n');
  if (cut == std::string_view::npos) return 0;
  const std::string_view pattern = input.substr(0, cut);
  const std::string_view text = input.substr(cut + 1);
  if (!domain::check_glob(pattern)) return 0;
  const bool matched = domain::glob_match(pattern, text);
  if (pattern.size() <= 8 && text.size() <= 12) fuzz::require(matched == matches(pattern, text));
  return 0;
}
