#pragma once
// Names of what there is, asked from the daemon for completion.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/completion.h"
#include "cli/session.h"

namespace govctl::cli {

class LiveNames {
 public:
  // Answers within about `patience` microseconds, or not at all.
  LiveNames(const Settings& settings, Terminal& terminal, std::int64_t patience);

  // What `names` may be when it begins with `typed`. `given` is what else stands on the line.
  std::vector<Candidate> find(Names names, const Arguments::Parameter& parameter, std::string_view typed,
                              const Arguments::Typed& given);

 private:
  std::vector<Candidate> paths(std::string_view typed, Level narrowest, bool any_level, bool unit_is_new);
  std::vector<Candidate> models(std::string_view provider);
  std::vector<Candidate> models_of_providers(std::string_view typed);
  // One candidate for each item of a list.
  std::vector<Candidate> listed(const std::string& url, const Query& query, std::string_view word,
                                std::string_view doc);
  // All of a list, or nothing when it does not come in time.
  std::vector<Json> items(const std::string& url, Query query);
  [[nodiscard]] std::string org_of(const Arguments::Typed& given) const;
  // With the org that GOVCTL_ORG or the context puts before a '/'.
  [[nodiscard]] std::string full(std::string_view path) const;

  Session session_;
  std::optional<std::string> default_org_;
  std::int64_t deadline_;
};

}  // namespace govctl::cli
