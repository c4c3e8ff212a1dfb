#include "cli/help.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "cli/document/show.h"
#include "cli/settings.h"
#include "cli/text.h"
#include "cli/tree.h"
#include "common/error.h"

namespace govctl::cli {
namespace {

using Rows = std::vector<std::vector<Cell>>;

std::string examples_section(std::string_view examples) {
  std::string out = "Examples:\n";
  while (!examples.empty()) {
    const std::size_t end = examples.find('\n');
    out += fmt::format("  {}\n", examples.substr(0, end));
    examples = end == std::string_view::npos ? std::string_view() : examples.substr(end + 1);
  }
  return out;
}

void add_row(Rows& rows, std::string left, std::string_view right) {
  rows.push_back({{"  " + std::move(left), "", false}, {std::string(right), "", false}});
}

std::string option_doc(const Arguments::Parameter& parameter) {
  if (parameter.choices.empty()) return parameter.doc;
  return fmt::format("{}: {}", parameter.doc, fmt::join(parameter.choices, ", "));
}

std::string exit_codes() {
  struct Row {
    int code;
    std::string_view meaning;
  };
  constexpr std::array meanings{
      Row{0, "ok"},
      Row{1, "failed"},
      Row{2, "findings: the command worked and found something wrong (verify, plan, doctor)"},
      Row{4, "not authenticated, or not permitted"},
      Row{5, "denied by a policy or a budget"},
      Row{6, "not found"},
      Row{7, "conflict, or changed by somebody else in the meantime"},
      Row{8, "timed out, or pending"},
      Row{64, "wrong usage, or input that the daemon calls invalid"},
      Row{69, "the daemon cannot be reached, or speaks another version of the API"},
      Row{75, "try again"},
      Row{125, "of run, whose other codes are the child's: govctl itself failed"},
      Row{126, "of run: the program cannot be executed"},
      Row{127, "of run: there is no such program"},
      Row{130, "interrupted"},
  };
  Rows rows;
  for (const auto& row : meanings) {
    std::string words;
    for (int i = 0; i <= static_cast<int>(Code::cancelled); ++i) {
      const auto& fact = facts(static_cast<Code>(i));
      if (fact.exit_code == row.code) words += (words.empty() ? "" : ", ") + std::string(fact.word);
    }
    rows.push_back(
        {{std::to_string(row.code), "", true}, {std::string(row.meaning), "", false}, {words, "", false}});
  }
  constexpr std::string_view of_run =
      "\ngovctl run gives the exit code of the program that it ran; 125 when govctl itself failed, 126 when "
      "the "
      "program\ncannot be executed, 127 when there is none of that name.\n";
  return "Examples:\n  govctl status || echo \"exit code $?\"\n  govctl ledger verify acme && echo proven\n\n"
         "Exit codes, with the words of the error's \"code\" that lead to them:\n" +
         aligned(rows) + std::string(of_run);
}

constexpr std::string_view environment_page =
    R"(Examples:
  export GOVCTL_ORG=acme; govctl agent list /prod
  GOVCTL_OUTPUT=json govctl org list

A flag goes before a variable, a variable before the context of config.yaml.
  GOVCTL_SOCKET      the daemon's control socket
  GOVCTL_CONTEXT     the context of config.yaml
  GOVCTL_ORG         the org of paths that start with '/'
  GOVCTL_OUTPUT      table, wide, json, jsonl, yaml or csv
  GOVCTL_TOKEN       a token, sent as Authorization: Bearer
  GOVCTL_TOKEN_FILE  a file that holds the token
  GOVCTL_PAGER, PAGER  what long answers on a terminal go through (default less; LESS=FRX unless set)
  NO_COLOR           not empty: no colors
  XDG_STATE_HOME, XDG_CONFIG_HOME, XDG_RUNTIME_DIR   where files lie
)";

constexpr std::string_view output_page =
    R"(Examples:
  govctl agent list -o json
  govctl key list acme/prod/support/triage -q
  govctl usage history acme --jq '.items[] | [.model, .credits_charged] | @tsv'
  govctl ledger statement acme -o csv > statement.csv

The answer goes to standard output; errors, notes and questions go to standard error. When a command fails, standard
output is empty. With -o json the error is JSON too.
  table   aligned columns, for people; control characters in values are shown as \u001b
  wide    the same with more columns; objects with their empty fields
  json    what the daemon answered; a list is {"items":[…],"next":…,"total":N}, "next" is null when it is complete
  jsonl   one item a line
  yaml    the same as YAML
  csv     RFC 4180, with the names of the JSON fields
  -q      ids or paths, one a line
  --jq    the JSON through a jq expression; strings print without quotes

Lists take --limit N or --all, --since, --until, --filter and --sort by any JSON field, and --watch:
  govctl usage history acme --filter 'model~gpt-*' --filter 'credits_charged>1000' --sort -latency_ms
What is cut off is said on standard error in every format, and by "next" in JSON.
)";

constexpr std::string_view paths_page =
    R"(Examples:
  govctl workspace create acme/prod
  govctl agent get acme/prod/support/triage
  GOVCTL_ORG=acme govctl policy set /prod --rpm 60

A path names an org, a workspace, an agent group or an agent:
  acme   acme/prod   acme/prod/support   acme/prod/support/triage
Each part has a-z, 0-9, '-', '_' and '.', 63 characters at most. Policies and budgets hang on paths, and hold for all
below. With GOVCTL_ORG set, a path that starts with '/' begins with that org. Wherever a path is taken, an id is too.
)";

constexpr std::string_view config_page =
    R"(Examples:
  govctl --context prod status
  GOVCTL_CONTEXT=prod govctl org list

$XDG_CONFIG_HOME/govctl/config.yaml (~/.config/govctl/config.yaml), when it exists:
  current-context: dev
  contexts:
    dev:  {org: acme}
    prod: {socket: /run/govctl/govd.sock, token-file: /etc/govctl/prod.token, output: wide}
)";

std::string schema_page() {
  return "Examples:\n  govctl help schema -o json > govctl-org.schema.json\n  govctl help schema platform\n"
         "  govctl explain-field budget.limit\n\n" +
         document::outline(false);
}

struct Topic {
  std::string_view name, summary;
  std::string_view page;
  std::string (*made)() = nullptr;  // of a page that is not written down
};
constexpr std::array topics{
    Topic{"exit-codes", "What exit codes mean", "", exit_codes},
    Topic{"environment", "Variables that govctl reads", environment_page},
    Topic{"output", "Formats, jq, what goes where", output_page},
    Topic{"paths", "How things are named", paths_page},
    Topic{"config", "Contexts: several daemons", config_page},
    Topic{"schema", "Documents of org as code: their fields, their JSON Schema", "", schema_page}};

}  // namespace

std::string help_top() {
  std::string out = examples_section(
      "govctl up\n"
      "govctl org create Acme\n"
      "govctl ledger purchase acme 5000000\n"
      "govctl workspace create acme/prod\n"
      "govctl group create acme/prod/support\n"
      "govctl agent create acme/prod/support/triage\n"
      "govctl key create acme/prod/support/triage --name laptop");
  out += "\nUsage: govctl [OPTIONS] COMMAND …\nRun AI agents under rules and money that you can prove.\n";
  std::string_view chapter;
  Rows rows;
  for (const auto& noun : tree()) {
    if (noun.chapter != chapter) {
      rows.push_back({});
      rows.push_back({{std::string(noun.chapter) + ":", "", false}});
      chapter = noun.chapter;
    }
    add_row(rows, std::string(noun.name), noun.summary);
  }
  rows.push_back({});
  rows.push_back({{"Topics (govctl help TOPIC):", "", false}});
  for (const auto& topic : topics) add_row(rows, std::string(topic.name), topic.summary);
  rows.push_back({});
  rows.push_back({{"Options of every command:", "", false}});
  for (const auto& option : global_options()) {
    std::string left(option.names);
    if (!option.value.empty()) left += " " + std::string(option.value);
    add_row(rows, std::move(left), option.doc);
  }
  // Headings must not widen the first column.
  Rows block;
  for (const auto& row : rows) {
    if (row.size() == 2) {
      block.push_back(row);
      continue;
    }
    out += aligned(block);
    block.clear();
    out += row.empty() ? "\n" : row[0].text + "\n";
  }
  return out + aligned(block);
}

std::string help_noun(const Noun& noun) {
  std::string all;
  for (const auto& command : noun.commands) {
    const auto first = command.examples.substr(0, command.examples.find('\n'));
    all += (all.empty() ? "" : "\n") + std::string(first);
  }
  std::string out = examples_section(all);
  out += fmt::format("\nUsage: govctl {} COMMAND …\n{}\n\nCommands:\n", noun.name, noun.summary);
  Rows rows;
  for (const auto& command : noun.commands) {
    Arguments arguments;
    const Action unused = command.build(arguments);
    std::string left(command.verb);
    for (const auto& parameter : arguments.parameters()) {
      if (parameter.positional) left += " " + usage_of(parameter);
    }
    add_row(rows, std::move(left), command.summary);
  }
  return out + aligned(rows) + fmt::format("\nMore: govctl help {} COMMAND\n", noun.name);
}

std::string help_command_page(const Noun& noun, const Command& command) {
  Arguments arguments;
  const Action unused = command.build(arguments);
  std::string usage = fmt::format("govctl {}", noun.name);
  if (!command.verb.empty()) usage += " " + std::string(command.verb);
  std::string last;  // what stands behind all options
  Rows positionals;
  Rows options;
  bool optional_options = false;
  for (const auto& parameter : arguments.parameters()) {
    if (parameter.trailing) {
      last = " " + usage_of(parameter);
    } else if (parameter.positional || parameter.required) {
      usage += " " + usage_of(parameter);
    }
    if (parameter.positional) {
      add_row(positionals, parameter.name, parameter.doc);
    } else {
      std::string left = parameter.name.starts_with("--") ? "    " + parameter.name : parameter.name;
      std::ranges::replace(left, ',', ' ');
      if (!parameter.value.empty()) left += " " + parameter.value;
      add_row(options, std::move(left), option_doc(parameter));
      optional_options |= !parameter.required;
    }
  }
  if (optional_options) usage += " [OPTIONS]";
  usage += last;
  std::string out = examples_section(command.examples);
  out += fmt::format("\nUsage: {}\n{}.\n", usage, command.summary);
  if (!positionals.empty()) out += "\nArguments:\n" + aligned(positionals);
  if (!options.empty()) out += "\nOptions:\n" + aligned(options);
  return out + "\nOptions of every command: govctl help\n";
}

std::optional<std::string> help_topic(std::string_view name) {
  for (const auto& topic : topics) {
    if (topic.name == name) return topic.made != nullptr ? topic.made() : std::string(topic.page);
  }
  return std::nullopt;
}

std::vector<std::string_view> topic_names() {
  std::vector<std::string_view> names(topics.size());
  std::ranges::transform(topics, names.begin(), &Topic::name);
  return names;
}

}  // namespace govctl::cli
