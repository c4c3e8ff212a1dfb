#pragma once
// A path names an org, workspace, agent group or agent: acme, acme/prod, acme/prod/support,
// acme/prod/support/triage.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/error.h"

namespace govctl {

// The levels at which policies, budgets and caps hang, from the widest to the narrowest.
enum class Level { org, workspace, group, agent, key };
constexpr std::size_t level_count = 5;
std::string_view level_word(Level level);  // "org", "workspace", "group", "agent", "key"
std::optional<Level> parse_level(std::string_view word);

// A slug: 1 to 63 of a-z 0-9 - _ . , first and last a letter or digit. The words that routes use are taken.
Result<void> check_slug(std::string_view slug);
// "My Team!" -> "my-team"; empty when nothing of it can be kept.
std::string slug_of(std::string_view name);

struct ResourcePath {
  std::vector<std::string> slugs;  // one to four

  static Result<ResourcePath> parse(std::string_view text);
  [[nodiscard]] Level level() const { return static_cast<Level>(slugs.size() - 1); }
  [[nodiscard]] std::string text() const;
  [[nodiscard]] const std::string& org() const { return slugs.front(); }
  [[nodiscard]] const std::string& last() const { return slugs.back(); }
  // The path above; only where level() is not org.
  [[nodiscard]] ResourcePath parent() const;
  bool operator==(const ResourcePath&) const = default;
};

}  // namespace govctl
