#include <fmt/format.h>

#include <array>
#include <memory>

#include "cli/commands/nouns.h"
#include "cli/session.h"
#include "common/api/platform.h"
#include "common/clock.h"

namespace govctl::cli {
namespace {

using Show = Column::Show;
constexpr std::array columns{Column{"NAME", "name"},
                             Column{"KIND", "kind"},
                             Column{"BASE URL", "base_url"},
                             Column{"NEEDS CREDENTIAL", "needs_credential"},
                             Column{"SHIPPED", "shipped"},
                             Column{"CIRCUIT", "circuit"},
                             Column{"ALLOW PRIVATE", "allow_private", Show::text, true},
                             Column{"CA FILE", "ca_file", Show::text, true},
                             Column{"PROXY", "proxy", Show::text, true},
                             Column{"NO PROXY", "no_proxy", Show::text, true},
                             Column{"MAX TOKENS FIELD", "max_tokens_field", Show::text, true},
                             Column{"USAGE IN STREAM", "usage_in_stream", Show::text, true},
                             Column{"RESPONSES", "responses", Show::text, true},
                             Column{"API VERSION", "api_version", Show::text, true},
                             Column{"CONNECT MS", "connect_timeout_ms", Show::number, true},
                             Column{"FIRST BYTE MS", "first_byte_timeout_ms", Show::number, true},
                             Column{"IDLE MS", "idle_timeout_ms", Show::number, true},
                             Column{"MAX PARALLEL", "max_parallel", Show::number, true},
                             Column{"VERSION", "version", Show::number, true}};
constexpr View view{"name", columns, "govctl provider add NAME --kind openai --base-url URL"};

std::string url(const std::string& name) { return "/providers/" + segment(name); }

// What `add` and `set` both take.
struct Details {
  std::optional<std::string> allow_private, usage_in_stream, needs_credential, ca_file, max_tokens_field;
  std::optional<std::string> responses, api_version, proxy, no_proxy;
  std::optional<std::string> connect_timeout, first_byte_timeout, idle_timeout, max_parallel;

  void declare(Arguments& a) {
    a.option("--allow-private", "on|off", allow_private, "Private and link-local addresses, and http",
             {"on", "off"});
    a.option("--usage-in-stream", "on|off", usage_in_stream, "It knows stream_options.include_usage",
             {"on", "off"});
    a.option("--needs-credential", "on|off", needs_credential, "Calls without a credential are refused",
             {"on", "off"});
    a.option("--ca-file", "FILE", ca_file, "Certificates to trust instead of the system's; none: the system's");
    a.option("--proxy", "URL", proxy, "Calls go through it: http://host[:port]; none: straight");
    a.option("--no-proxy", "LIST", no_proxy,
             "Hosts, and all below them, that are called without it; none: no host");
    a.option("--max-tokens-field", "NAME", max_tokens_field, "What it calls the limit of output tokens",
             {"max_tokens", "max_completion_tokens"});
    a.option("--responses", "on|off", responses, "It has /v1/responses; else those go to it as chat",
             {"on", "off"});
    a.option("--api-version", "V", api_version, "Of azure_openai; none: the kind's own choice");
    a.option("--connect-timeout", "D", connect_timeout, "5s unless set");
    a.option("--first-byte-timeout", "D", first_byte_timeout, "10m unless set");
    a.option("--idle-timeout", "D", idle_timeout, "Between bytes of an answer; 5m unless set");
    a.option("--max-parallel", "N", max_parallel, "Calls at once, of all orgs; 0: no limit");
  }

  [[nodiscard]] Result<void> write(Json& body) const {
    const std::array switches{
        std::pair{"allow_private", &allow_private}, std::pair{"usage_in_stream", &usage_in_stream},
        std::pair{"needs_credential", &needs_credential}, std::pair{"responses", &responses}};
    for (const auto& [name, value] : switches) {
      if (*value) body[name] = **value == "on";
    }
    if (ca_file) body["ca_file"] = *ca_file == "none" ? Json() : Json(*ca_file);
    if (proxy) body["proxy"] = *proxy == "none" ? Json() : Json(*proxy);
    if (no_proxy) body["no_proxy"] = *no_proxy == "none" ? Json() : Json(*no_proxy);
    if (api_version) body["api_version"] = *api_version == "none" ? Json() : Json(*api_version);
    if (max_tokens_field) body["max_tokens_field"] = *max_tokens_field;
    if (max_parallel) {
      auto number = whole_number("--max-parallel", *max_parallel);
      if (!number) return std::unexpected(number.error());
      body["max_parallel"] = *number;
    }
    const std::array timeouts{std::pair{"connect_timeout", &connect_timeout},
                              std::pair{"first_byte_timeout", &first_byte_timeout},
                              std::pair{"idle_timeout", &idle_timeout}};
    for (const auto& [name, value] : timeouts) {
      if (!*value) continue;
      const auto micros = parse_duration(**value);
      if (!micros) {
        return fail(Code::invalid,
                    fmt::format("'{}' is no duration; write 5s, 10m or 1h", (*value)->substr(0, 40)));
      }
      body[std::string(name) + "_ms"] = *micros / 1000;
    }
    return {};
  }
};

Action create(Arguments& a) {
  struct Input : Details {
    std::string name, kind, base_url;
  };
  auto in = std::make_shared<Input>();
  a.positional("NAME", in->name, "What it is called in model names and credentials");
  a.required("--kind", "KIND", in->kind, "The wire format it speaks: openai, anthropic, …");
  a.required("--base-url", "URL", in->base_url, "Where it is: https://…/v1, or http:// on this machine");
  in->declare(a);
  return [in](Session& s) -> Result<Answer> {
    Json body{{"name", in->name}, {"kind", in->kind}, {"base_url", in->base_url}};
    if (auto ok = in->write(body); !ok) return std::unexpected(ok.error());
    return answer(s.post("/providers", without_nulls(std::move(body))), &view);
  };
}

Action list(Arguments& a) {
  auto paging = std::make_shared<Paging>();
  paging->declare(a, Paging::Times::none);
  return [paging](Session& s) -> Result<Answer> { return answer(s.list("/providers", {}, *paging), &view); };
}

Action get(Arguments& a) {
  auto name = std::make_shared<std::string>();
  a.positional("NAME", *name, "The provider's name", Names::provider);
  return [name](Session& s) -> Result<Answer> { return answer(s.get(url(*name)), &view); };
}

Action set(Arguments& a) {
  struct Input : Details {
    std::string name;
    std::optional<std::string> base_url, if_version;
  };
  auto in = std::make_shared<Input>();
  a.positional("NAME", in->name, "The provider's name", Names::provider);
  a.option("--base-url", "URL", in->base_url, "Where it is: https://…/v1, or http:// on this machine");
  in->declare(a);
  a.option("--if-version", "N", in->if_version, "Only if nobody has changed it since version N");
  return [in](Session& s) -> Result<Answer> {
    Json changes = Json::object();
    if (in->base_url) changes["base_url"] = *in->base_url;
    if (auto ok = in->write(changes); !ok) return std::unexpected(ok.error());
    if (changes.empty()) return fail(Code::invalid, "nothing to change", "govctl help provider set");
    return answer(s.patch(url(in->name), std::move(changes), in->if_version), &view);
  };
}

Action remove(Arguments& a) {
  auto name = std::make_shared<std::string>();
  a.positional("NAME", *name, "The provider's name", Names::provider);
  return [name](Session& s) -> Result<Answer> {
    if (auto sure = s.confirm(fmt::format("delete the provider {}", *name)); !sure) {
      return std::unexpected(sure.error());
    }
    return answer(s.remove(url(*name)), &view);
  };
}

constexpr std::array tested_columns{Column{"PROVIDER", "provider"},
                                    Column{"OK", "ok"},
                                    Column{"STATUS", "status", Show::number},
                                    Column{"MS", "latency_ms", Show::number},
                                    Column{"MODELS", "models", Show::number},
                                    Column{"CALLED", "called"},
                                    Column{"MESSAGE", "message"}};
constexpr View tested_view{"provider", tested_columns, ""};
constexpr std::array model_columns{Column{"MODEL", "model"}, Column{"PRICED", "priced"}};
constexpr View model_view{"model", model_columns, "the provider lists no models"};

// Exit 2 when the provider does not answer as it should.
Action test(Arguments& a) {
  struct Input {
    std::string name;
    std::optional<std::string> org, model;
  };
  auto in = std::make_shared<Input>();
  a.positional("NAME", in->name, "The provider's name", Names::provider);
  a.option("--org", "ORG", in->org, "Whose credential, when several orgs have one");
  a.option("--model", "M", in->model, "That the provider has this model, too", Names::model);
  return [in](Session& s) -> Result<Answer> {
    Json body = Json::object();
    if (in->org) body["org"] = *in->org;
    if (in->model) body["model"] = *in->model;
    auto tested = answer(s.post(url(in->name) + "/test", std::move(body)), &tested_view);
    if (tested && !tested->json.value("ok", false)) tested->exit_code = 2;
    return tested;
  };
}

Action models(Arguments& a) {
  struct Input {
    std::string name;
    std::optional<std::string> org;
    Paging paging;
  };
  auto in = std::make_shared<Input>();
  a.positional("NAME", in->name, "The provider's name", Names::provider);
  a.option("--org", "ORG", in->org, "Whose credential, when several orgs have one");
  in->paging.declare(a, Paging::Times::none);
  return [in](Session& s) -> Result<Answer> {
    Query query;
    add(query, "org", in->org);
    return answer(s.list(url(in->name) + "/models", query, in->paging), &model_view);
  };
}

constexpr std::array commands{
    Command{"list", "Show all providers", "govctl provider list\ngovctl provider list -o wide", list},
    Command{"get", "Show one provider", "govctl provider get openai", get},
    Command{"add", "Add a provider that speaks a known wire format",
            "govctl provider add fireworks --kind openai --base-url https://api.fireworks.ai/inference/v1\n"
            "govctl provider add gpu --kind openai --base-url http://127.0.0.1:8000/v1 --needs-credential off",
            create},
    Command{"set", "Change a provider", "govctl provider set groq --first-byte-timeout 2m", set},
    Command{"delete", "Delete a provider", "govctl provider delete gpu", remove},
    Command{"test", "See that a provider answers, with a call that costs nothing (exit 2 when not)",
            "govctl provider test openai\ngovctl provider test anthropic --org acme --model claude-sonnet-4-5",
            test},
    Command{"models", "Show the models that a provider itself lists, and which have a price",
            "govctl provider models openai --org acme", models}};

}  // namespace

std::span<const Command> provider_commands() { return commands; }

}  // namespace govctl::cli
