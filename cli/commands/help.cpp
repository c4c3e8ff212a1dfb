#include "cli/help.h"

#include <fmt/format.h>

#include <array>
#include <memory>

#include "cli/commands/nouns.h"
#include "cli/document/show.h"
#include "cli/session.h"
#include "cli/tree.h"
#include "common/nearest.h"

namespace govctl::cli {
namespace {

Result<std::string> page_of(const std::vector<std::string>& words) {
  if (words.empty()) return help_top();
  if (words.size() == 1) {
    if (auto topic = help_topic(words[0])) return *topic;
  }
  const Noun* noun = find_noun(words[0]);
  if (noun == nullptr) {
    auto known = topic_names();
    for (const auto& each : tree()) known.push_back(each.name);
    const std::string_view close = nearest(words[0], known);
    return fail(Code::not_found,
                fmt::format("there is no help on '{}'{}", words[0].substr(0, 64),
                            close.empty() ? "" : fmt::format("; did you mean '{}'?", close)),
                close.empty() ? "govctl help" : fmt::format("govctl help {}", close));
  }
  if (stands_alone(*noun)) return help_command_page(*noun, noun->commands[0]);
  if (words.size() == 1) return help_noun(*noun);
  if (const Command* command = find_command(*noun, words[1])) return help_command_page(*noun, *command);
  return fail(Code::not_found, fmt::format("there is no command '{} {}'", words[0], words[1].substr(0, 64)),
              fmt::format("govctl help {}", words[0]));
}

// The documents' fields for people, their JSON Schema for programs.
Result<Answer> schema(const std::vector<std::string>& words) {
  const bool platform = words.size() > 1 && words[1] == "platform";
  if (words.size() > 1 && !platform) {
    return fail(Code::not_found,
                fmt::format("there is no schema of '{}'; there is one of an org and of the platform",
                            words[1].substr(0, 64)),
                "govctl help schema platform");
  }
  return Answer{.json = document::json_schema(platform),
                .text = platform ? document::outline(true) : *help_topic("schema")};
}

Action build(Arguments& a) {
  auto words = std::make_shared<std::vector<std::string>>();
  a.rest("COMMAND|TOPIC", *words, "A command, or exit-codes, environment, output, paths, config, schema");
  return [words](Session&) -> Result<Answer> {
    if (!words->empty() && words->front() == "schema") return schema(*words);
    auto page = page_of(*words);
    if (!page) return std::unexpected(page.error());
    return Answer{.json = {}, .text = std::move(*page)};
  };
}

constexpr std::array commands{Command{"", "Show help on a command or a topic",
                                      "govctl help key create\ngovctl help exit-codes\ngovctl help paths\n"
                                      "govctl help schema -o json",
                                      build}};

}  // namespace

std::span<const Command> help_command() { return commands; }

}  // namespace govctl::cli
