#include <fmt/format.h>

#include <array>
#include <memory>

#include "cli/commands/nouns.h"
#include "cli/session.h"

namespace govctl::cli {
namespace {

constexpr std::array columns{Column{"NAME", "name"}, Column{"TARGETS", "targets"},
                             Column{"ORG", "org", Column::Show::text, true},
                             Column{"UPDATED", "updated_at", Column::Show::time, true},
                             Column{"VERSION", "version", Column::Show::number, true}};
constexpr View view{"name", columns, "govctl alias set ORG NAME PROVIDER/MODEL [PROVIDER/MODEL…]"};

struct Which {
  std::string org, name;
  void declare(Arguments& a) {
    a.positional("ORG", org, "The org whose agents use the name");
    a.positional("NAME", name, "What agents call the model", Names::alias);
  }
  [[nodiscard]] Result<std::string> url(const Session& s) const {
    auto slug = s.org(org);
    if (!slug) return slug;
    return fmt::format("/orgs/{}/aliases/{}", segment(*slug), segment(name));
  }
};

Action set(Arguments& a) {
  struct Input : Which {
    std::vector<std::string> targets;
  };
  auto in = std::make_shared<Input>();
  in->declare(a);
  a.rest("PROVIDER/MODEL", in->targets, "The models it leads to, the one to try first first");
  return [in](Session& s) -> Result<Answer> {
    auto url = in->url(s);
    if (!url) return std::unexpected(url.error());
    if (in->targets.empty()) return fail(Code::invalid, "no model is named", "govctl help alias set");
    return answer(s.put(*url, Json{{"targets", in->targets}}), &view);
  };
}

Action list(Arguments& a) {
  struct Input {
    std::string org;
    Paging paging;
  };
  auto in = std::make_shared<Input>();
  a.positional("ORG", in->org, "Whose aliases");
  in->paging.declare(a);
  return [in](Session& s) -> Result<Answer> {
    auto org = s.org(in->org);
    if (!org) return std::unexpected(org.error());
    return answer(s.list(fmt::format("/orgs/{}/aliases", segment(*org)), {}, in->paging), &view);
  };
}

Action get(Arguments& a) {
  auto in = std::make_shared<Which>();
  in->declare(a);
  return [in](Session& s) -> Result<Answer> {
    auto url = in->url(s);
    if (!url) return std::unexpected(url.error());
    return answer(s.get(*url), &view);
  };
}

Action remove(Arguments& a) {
  auto in = std::make_shared<Which>();
  in->declare(a);
  return [in](Session& s) -> Result<Answer> {
    auto url = in->url(s);
    if (!url) return std::unexpected(url.error());
    if (auto sure = s.confirm(fmt::format("delete the alias {} of {}", in->name, in->org)); !sure) {
      return std::unexpected(sure.error());
    }
    return answer(s.remove(*url), &view);
  };
}

constexpr std::array commands{Command{"set", "Make an alias, or replace the models it leads to",
                                      "govctl alias set acme fast openai/gpt-4o-mini\n"
                                      "govctl alias set acme smart anthropic/claude-sonnet-4-5 openai/gpt-4o",
                                      set},
                              Command{"list", "Show an org's aliases", "govctl alias list acme", list},
                              Command{"get", "Show one alias", "govctl alias get acme fast", get},
                              Command{"delete", "Delete an alias", "govctl alias delete acme fast -y", remove}};

}  // namespace

std::span<const Command> alias_commands() { return commands; }

}  // namespace govctl::cli
