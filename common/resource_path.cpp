#include "common/resource_path.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace govctl {
namespace {
constexpr std::array<std::string_view, level_count> level_words{"org", "workspace", "group", "agent", "key"};
constexpr bool alnum(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }
}  // namespace

std::string_view level_word(Level level) { return level_words[static_cast<std::size_t>(level)]; }

std::optional<Level> parse_level(std::string_view word) {
  const auto* const found = std::ranges::find(level_words, word);
  if (found == level_words.end()) return std::nullopt;
  return static_cast<Level>(found - level_words.begin());
}

Result<void> check_slug(std::string_view slug) {
  if (slug.empty()) return fail(Code::invalid, "a name in a path is empty");
  if (slug.size() > 63) {
    return fail(Code::invalid, fmt::format("'{}…' is {} characters long; a slug has 63 at most",
                                           slug.substr(0, 20), slug.size()));
  }
  const bool shape = alnum(slug.front()) && alnum(slug.back()) && std::ranges::all_of(slug, [](char c) {
                       return alnum(c) || c == '-' || c == '_' || c == '.';
                     });
  if (!shape) {
    return fail(Code::invalid, fmt::format("'{}' is no slug: use a-z, 0-9, '-', '_', '.', a letter or digit at "
                                           "both ends",
                                           slug));
  }
  return {};
}

std::string slug_of(std::string_view name) {
  std::string slug;
  for (char c : name) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    if (alnum(c) || c == '_' || c == '.') {
      slug += c;
    } else if (!slug.empty() && slug.back() != '-') {
      slug += '-';
    }
  }
  while (!slug.empty() && !alnum(slug.back())) slug.pop_back();
  const auto first = std::ranges::find_if(slug, alnum);
  slug.erase(slug.begin(), first);
  if (slug.size() > 63) slug.resize(63);
  while (!slug.empty() && !alnum(slug.back())) slug.pop_back();
  return slug;
}

Result<ResourcePath> ResourcePath::parse(std::string_view text) {
  ResourcePath path;
  std::size_t at = 0;
  for (;;) {
    const std::size_t slash = text.find('/', at);
    const std::string_view slug = text.substr(at, slash == std::string_view::npos ? slash : slash - at);
    if (auto ok = check_slug(slug); !ok) {
      return fail(Code::invalid, fmt::format("'{}' is no path: {}", text.substr(0, 200), ok.error().message));
    }
    if (path.slugs.size() == 4) {
      return fail(Code::invalid, fmt::format("'{}' is too deep: a path is org/workspace/group/agent", text));
    }
    path.slugs.emplace_back(slug);
    if (slash == std::string_view::npos) return path;
    at = slash + 1;
  }
}

std::string ResourcePath::text() const { return fmt::format("{}", fmt::join(slugs, "/")); }

ResourcePath ResourcePath::parent() const { return ResourcePath{{slugs.begin(), slugs.end() - 1}}; }

}  // namespace govctl
