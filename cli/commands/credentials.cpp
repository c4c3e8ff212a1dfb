#include <fmt/format.h>

#include <array>
#include <memory>

#include "cli/commands/nouns.h"
#include "cli/secret_input.h"
#include "cli/session.h"
#include "common/api/keys.h"

namespace govctl::cli {
namespace {

using Show = Column::Show;
constexpr std::array columns{Column{"ID", "id"},
                             Column{"PROVIDER", "provider"},
                             Column{"LABEL", "label"},
                             Column{"ENDS", "suffix"},
                             Column{"ACTIVE", "active"},
                             Column{"CREATED", "created_at", Show::time},
                             Column{"ORG", "org", Show::text, true},
                             Column{"VERSION", "version", Show::number, true},
                             Column{"UPDATED", "updated_at", Show::time, true}};
constexpr View view{"id", columns, "govctl credential add ORG PROVIDER --stdin"};

std::string credentials_url(const std::string& org) { return "/orgs/" + segment(org) + "/credentials"; }

Action create(Arguments& a) {
  struct Input {
    std::string org, provider;
    std::optional<std::string> label;
    SecretSource secret;
  };
  auto in = std::make_shared<Input>();
  a.positional("ORG", in->org, "Slug or id");
  a.positional("PROVIDER", in->provider, "The provider's name: openai");
  in->secret.declare(a);
  a.option("--label", "TEXT", in->label, "What it is called");
  return [in](Session& s) -> Result<Answer> {
    auto org = s.org(in->org);
    if (!org) return std::unexpected(org.error());
    auto secret = in->secret.read(s.terminal());
    if (!secret) return std::unexpected(secret.error());
    const api::CredentialCreate body{
        .provider = in->provider, .secret = std::move(*secret), .label = in->label};
    return answer(s.post(credentials_url(*org), without_nulls(api::encode(body))), &view);
  };
}

Action list(Arguments& a) {
  struct Input {
    std::string org;
    Paging paging;
  };
  auto in = std::make_shared<Input>();
  a.positional("ORG", in->org, "Slug or id");
  in->paging.declare(a);
  return [in](Session& s) -> Result<Answer> {
    auto org = s.org(in->org);
    if (!org) return std::unexpected(org.error());
    return answer(s.list(credentials_url(*org), {}, in->paging), &view);
  };
}

struct One {
  std::string org, id;
  void declare(Arguments& a) {
    a.positional("ORG", org, "Slug or id");
    a.positional("ID", id, "The credential's id", Names::credential);
  }
  [[nodiscard]] Result<std::string> url(const Session& s) const {
    auto path = s.org(org);
    if (!path) return path;
    return credentials_url(*path) + "/" + segment(id);
  }
};

Action get(Arguments& a) {
  auto in = std::make_shared<One>();
  in->declare(a);
  return [in](Session& s) -> Result<Answer> {
    auto url = in->url(s);
    if (!url) return std::unexpected(url.error());
    return answer(s.get(*url), &view);
  };
}

Action set(Arguments& a) {
  struct Input : One {
    std::optional<std::string> label, active, if_version;
    SecretSource secret;
  };
  auto in = std::make_shared<Input>();
  in->declare(a);
  a.option("--label", "TEXT", in->label, "What it is called");
  a.option("--active", "on|off", in->active, "off: calls do not use it", {"on", "off"});
  in->secret.declare(a);
  a.option("--if-version", "N", in->if_version, "Only if nobody has changed it since version N");
  return [in](Session& s) -> Result<Answer> {
    auto url = in->url(s);
    if (!url) return std::unexpected(url.error());
    api::CredentialPatch body{.label = in->label, .secret = {}, .active = {}};
    if (in->active) body.active = *in->active == "on";
    if (in->secret.given()) {
      auto secret = in->secret.read(s.terminal());
      if (!secret) return std::unexpected(secret.error());
      body.secret = std::move(*secret);
    }
    auto changes = without_nulls(api::encode(body));
    if (changes.empty()) return fail(Code::invalid, "nothing to change", "govctl help credential set");
    return answer(s.patch(*url, std::move(changes), in->if_version), &view);
  };
}

Action remove(Arguments& a) {
  auto in = std::make_shared<One>();
  in->declare(a);
  return [in](Session& s) -> Result<Answer> {
    auto url = in->url(s);
    if (!url) return std::unexpected(url.error());
    if (auto sure = s.confirm(fmt::format("delete the credential {}", in->id)); !sure) {
      return std::unexpected(sure.error());
    }
    return answer(s.remove(*url), &view);
  };
}

constexpr std::array commands{
    Command{"add", "Store a provider's API key for an org, encrypted",
            "govctl credential add acme openai --env OPENAI_API_KEY\n"
            "govctl credential add acme openai --stdin < openai.key\n"
            "govctl credential add acme openai --from-file openai.key --label billing",
            create},
    Command{"list", "Show an org's credentials, never their secrets", "govctl credential list acme", list},
    Command{"get", "Show one credential, never its secret",
            "govctl credential get acme 01938f2e-7a1b-7c3d-8e4f-5a6b7c8d9e0f", get},
    Command{"set", "Change a credential or replace its secret",
            "govctl credential set acme 01938f2e-7a1b-7c3d-8e4f-5a6b7c8d9e0f --from-file new.key", set},
    Command{"delete", "Delete a credential",
            "govctl credential delete acme 01938f2e-7a1b-7c3d-8e4f-5a6b7c8d9e0f", remove}};

}  // namespace

std::span<const Command> credential_commands() { return commands; }

}  // namespace govctl::cli
