// Org as code: export, plan, diff, apply.

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>

#include "cli/commands/nouns.h"
#include "cli/document/show.h"
#include "cli/document/source.h"
#include "cli/secret_input.h"
#include "cli/session.h"
#include "cli/text.h"
#include "cli/yaml.h"

namespace govctl::cli {
namespace {

using document::Source;

Result<void> write_file(const std::string& file, const std::string& text) {
  // Beside it first: whoever reads it finds the old one or the new one, whole.
  const std::string fresh = file + ".new";
  std::ofstream stream(fresh, std::ios::binary | std::ios::trunc);
  stream << text << std::flush;
  std::error_code failed;
  if (stream) std::filesystem::rename(fresh, file, failed);
  if (stream && !failed) return {};
  const std::string why = failed ? failed.message() : std::strerror(errno);
  std::filesystem::remove(fresh, failed);
  return fail(Code::invalid, fmt::format("{} cannot be written: {}", file, why));
}

Action export_document(Arguments& a) {
  struct Input {
    std::optional<std::string> org, file;
    bool platform = false;
  };
  auto in = std::make_shared<Input>();
  a.positional("ORG", in->org, "Slug or id");
  a.option("-f,--file", "FILE", in->file, "Write it there (default: standard output)");
  a.flag("--platform", in->platform, "Providers and prices, instead of an org");
  return [in](Session& s) -> Result<Answer> {
    if (in->org.has_value() == in->platform) {
      return fail(Code::invalid, "say what to export: an org, or --platform", "govctl org list");
    }
    std::string url = "/platform/document";
    if (in->org) {
      auto org = s.org(*in->org);
      if (!org) return std::unexpected(org.error());
      url = "/orgs/" + segment(*org) + "/document";
    }
    auto json = s.get(url);
    if (!json) return std::unexpected(json.error());
    document::add_references(*json);
    const std::string text =
        fmt::format("# {}, as govd has it; govctl plan{} -f FILE compares.\n{}",
                    in->platform ? "The platform" : "Org " + json->value("org", std::string()),
                    in->platform ? " --platform" : "", yaml(*json));
    if (!in->file || *in->file == "-") return Answer{.json = std::move(*json), .text = text};
    const Format format = s.settings().format;
    auto written =
        write_file(*in->file, format == Format::json || format == Format::jsonl ? json->dump(2) + "\n" : text);
    if (!written) return std::unexpected(written.error());
    s.note("written to " + *in->file);
    return Answer{};
  };
}

// What plan, diff and apply are told.
struct Input {
  std::string file;
  bool platform = false, prune = false;
  std::optional<std::string> set;
  void declare(Arguments& a, std::string_view what) {
    a.required("-f,--file", "FILE", file, what);
    a.flag("--platform", platform, "It is the platform's document: providers and prices");
  }
  void declare_set(Arguments& a) {
    a.option("--set", "NAME", set, "A name for what the file declares, kept with all that its applies make");
    a.flag("--prune", prune, "Delete what an earlier apply of the same --set made and the file lacks");
  }
  [[nodiscard]] Result<Source> load(const Terminal& terminal) const {
    if (prune && !set) {
      return fail(Code::invalid, "--prune deletes what an apply of a named set made: it needs --set NAME");
    }
    auto source = document::load(file, platform, terminal);
    if (!source) return source;
    if (source->base && (set || platform)) {
      return fail(Code::invalid, fmt::format("{} is a plan: what it was made with stands in it", file));
    }
    if (!source->base) {
      source->set = set;
      source->prune = prune;
    }
    return source;
  }
};

// One request to carry a document out, or (dry) to tell what that would do.
Result<api::Applied> ask(Session& s, const Source& source, const document::Secrets& secrets, bool dry) {
  Json body{{"document", source.document.json}};
  if (source.base) body["base"] = *source.base;
  if (source.set) body["set"] = *source.set;
  if (source.prune) body["prune"] = true;
  if (!secrets.given.empty()) body["secrets"] = secrets.given;
  Query query;
  if (dry && !s.settings().dry_run) query.emplace_back("dry_run", "1");
  auto answer = s.post(source.platform ? "/platform/apply" : "/orgs/" + segment(source.org()) + "/apply",
                       std::move(body), std::move(query));
  if (!answer) {
    Error error = source.placed(answer.error());
    if (error.code == Code::stale && error.next.empty()) error.next = "govctl plan -f " + source.file;
    return std::unexpected(std::move(error));
  }
  return api::decode<api::Applied>(*answer);
}

// The plan, and what it was made of.
struct Planned {
  Source source;
  document::Secrets secrets;
  api::Applied plan;
};
Result<Planned> plan_of(Session& s, const Input& in, bool ask_for_secrets) {
  auto source = in.load(s.terminal());
  if (!source) return std::unexpected(source.error());
  auto secrets = document::resolve(*source, s.terminal(), ask_for_secrets && !s.settings().no_input);
  if (!secrets) return std::unexpected(secrets.error());
  auto plan = ask(s, *source, *secrets, true);
  if (!plan) return std::unexpected(plan.error());
  for (const auto& missing : secrets->missing)
    s.note(missing + "; a stored secret stays, a new credential needs it");
  return Planned{std::move(*source), std::move(*secrets), std::move(*plan)};
}

// The document as sentences name it.
std::string name_of(const std::string& file) { return file == "-" ? "standard input" : file; }

std::string rest_line(const Planned& planned) {
  if (planned.plan.kept == 0) return "";
  return fmt::format("{} {} of {} not in {} and {}; govctl diff shows them.\n", planned.plan.kept,
                     planned.plan.kept == 1 ? "thing" : "things",
                     planned.source.subject() + (planned.plan.kept == 1 ? " is" : " are"),
                     name_of(planned.source.file), planned.plan.kept == 1 ? "stays" : "stay");
}

std::string no_changes(const Planned& planned) {
  return fmt::format("No changes: {} is what {} says.\n", planned.source.subject(),
                     name_of(planned.source.file)) +
         rest_line(planned);
}

std::string plan_text(const Session& s, const Planned& planned) {
  if (planned.plan.changes.empty()) return no_changes(planned);
  return fmt::format("{}\nPlan: {}.\n{}", document::changes_text(planned.plan, false, s.settings().color_out),
                     document::counts_text(planned.plan, false), rest_line(planned));
}

Action plan(Arguments& a) {
  struct PlanInput : Input {
    std::optional<std::string> out;
  };
  auto in = std::make_shared<PlanInput>();
  in->declare(a, "The document, YAML or JSON; - for standard input");
  in->declare_set(a);
  a.option("--out", "FILE", in->out, "Keep the plan there: apply -f FILE does that and nothing else");
  return [in](Session& s) -> Result<Answer> {
    auto planned = plan_of(s, *in, false);
    if (!planned) return std::unexpected(planned.error());
    if (in->out) {
      auto written = write_file(*in->out, document::plan_file(planned->source, planned->plan).dump(2) + "\n");
      if (!written) return std::unexpected(written.error());
      s.note(fmt::format("the plan is in {}; next: govctl apply -f {}", *in->out, *in->out));
    }
    return Answer{.json = api::encode(planned->plan),
                  .text = plan_text(s, *planned),
                  .exit_code = planned->plan.changes.empty() ? 0 : 2};
  };
}

Action diff(Arguments& a) {
  auto in = std::make_shared<Input>();
  in->declare(a, "The document, YAML or JSON; - for standard input");
  return [in](Session& s) -> Result<Answer> {
    auto planned = plan_of(s, *in, false);
    if (!planned) return std::unexpected(planned.error());
    const api::Applied& plan = planned->plan;
    const bool same = plan.changes.empty() && plan.rest.empty();
    std::string text =
        fmt::format("No differences: {} is what {} says.\n", planned->source.subject(), name_of(in->file));
    if (!same) {
      text = fmt::format("{}\n{} only in {} (+), {} different (~), {} only in the daemon (-).\n",
                         document::changes_text(plan, true, s.settings().color_out), plan.added,
                         name_of(in->file), plan.changed, plan.kept);
    }
    return Answer{.json = api::encode(plan), .text = std::move(text), .exit_code = same ? 0 : 2};
  };
}

// --- apply

std::string file_of(const std::string& directory, const std::string& agent, const std::string& name) {
  return directory + "/" + agent + "/" + segment(name) + ".key";
}

// A place for each key that will be made, before any is made.
Result<std::map<std::string, SecretFile>> places_of(const api::Applied& plan, const std::string& directory) {
  rlimit files{};
  if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
  }
  std::map<std::string, SecretFile> places;
  for (const auto& change : plan.changes) {
    if (change.kind != "key" || change.action != "add") continue;
    const std::string file = file_of(directory, change.path, change.name.value_or(""));
    std::filesystem::path folder;
    for (const auto& part : std::filesystem::path(file).parent_path()) {
      folder /= part;
      if (mkdir(folder.c_str(), 0700) == 0 || errno == EEXIST) continue;
      return fail(Code::invalid,
                  fmt::format("--secret-dir: {} cannot be made: {}", folder.string(), std::strerror(errno)));
    }
    auto place = SecretFile::create(file, "--secret-dir");
    if (!place) return std::unexpected(place.error());
    places.emplace(file, std::move(*place));
  }
  return places;
}

// Writes the keys into their places and takes them out of the answer.
Result<void> store_keys(Session& s, api::Applied& applied, std::map<std::string, SecretFile>& places,
                        const std::string& directory) {
  Result<void> first;
  for (auto& key : applied.keys) {
    const std::string file = file_of(directory, key.agent, key.name);
    const auto place = places.find(file);
    auto stored = place == places.end() ? fail(Code::internal, file + " was not expected")
                                        : place->second.store(key.key.value_or(""), false);
    if (stored) {
      key.key.reset();
      s.note(fmt::format("the key {} of {} is in {}", key.name, key.agent, file));
    } else if (first) {
      Error error = stored.error();
      error.next = "govctl key revoke " + key.id;
      first = std::unexpected(error);
    }
  }
  // All at once: a sync of each would take longer than all else.
  const int folder = open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const bool synced = folder >= 0 && syncfs(folder) == 0;
  if (folder >= 0) close(folder);
  if (first && !synced)
    return fail(Code::internal, fmt::format("{} cannot be written: {}", directory, std::strerror(errno)));
  return first;
}

std::string applied_text(const Session& s, const api::Applied& applied) {
  std::string text =
      fmt::format("{}\nApplied: {}.\n", document::changes_text(applied, false, s.settings().color_out),
                  document::counts_text(applied, true));
  std::vector<std::vector<Cell>> keys;
  for (const auto& key : applied.keys) {
    if (key.key)
      keys.push_back(
          {{printable(key.agent), "", false}, {printable(key.name), "", false}, {*key.key, "", false}});
  }
  if (!keys.empty()) text += "\n" + aligned(keys);
  return text;
}

Result<api::Applied> carry_out(Session& s, Planned& planned, const std::optional<std::string>& secret_dir) {
  std::map<std::string, SecretFile> places;
  if (secret_dir) {
    auto made = places_of(planned.plan, *secret_dir);
    if (!made) return std::unexpected(made.error());
    places = std::move(*made);
  }
  planned.source.base = planned.plan.base;  // what was looked at is what is done, or nothing
  auto applied = ask(s, planned.source, planned.secrets, false);
  if (!applied) return applied;
  if (secret_dir) {
    if (auto stored = store_keys(s, *applied, places, *secret_dir); !stored)
      return std::unexpected(stored.error());
  } else if (!applied->keys.empty()) {
    s.note("keys are shown this once: store them now");
  }
  return applied;
}

Action apply(Arguments& a) {
  struct ApplyInput : Input {
    std::optional<std::string> secret_dir;
  };
  auto in = std::make_shared<ApplyInput>();
  in->declare(a, "The document, or a plan that was kept; - for standard input");
  in->declare_set(a);
  a.option("--secret-dir", "DIR", in->secret_dir,
           "Write new keys to DIR/AGENT/NAME.key (mode 0600) and do not print them");
  return [in](Session& s) -> Result<Answer> {
    auto planned = plan_of(s, *in, true);
    if (!planned) return std::unexpected(planned.error());
    const api::Applied& plan = planned->plan;
    const auto& reviewed = planned->source.changes;
    if (reviewed && *reviewed != api::encode(plan.changes)) {
      return fail(
          Code::stale,
          fmt::format("what {} would do now is not what was planned: a secret is another, or the file was "
                      "edited",
                      in->file),
          "govctl plan -f " + planned->source.file);
    }
    if (plan.changes.empty()) return Answer{.json = api::encode(plan), .text = no_changes(*planned)};
    if (s.settings().dry_run) return Answer{.json = api::encode(plan), .text = plan_text(s, *planned)};
    if (plan.deleted > 0 && !reviewed) {
      if (!s.settings().yes) s.terminal().err << document::changes_text(plan, false, s.settings().color_err);
      auto sure = s.confirm(fmt::format("delete {} of {}'s things", plan.deleted, planned->source.subject()));
      if (!sure) return std::unexpected(sure.error());
    }
    auto applied = carry_out(s, *planned, in->secret_dir);
    if (!applied) return std::unexpected(applied.error());
    return Answer{.json = api::encode(*applied), .text = applied_text(s, *applied)};
  };
}

constexpr std::array export_row{Command{"", "Write an org as one YAML document",
                                        "govctl export acme\n"
                                        "govctl export acme -f acme.yaml\n"
                                        "govctl export --platform -f platform.yaml",
                                        export_document}};
constexpr std::array plan_row{Command{"", "Show what an apply of a document would do; exit 2 when it would",
                                      "govctl plan -f acme.yaml\n"
                                      "govctl plan -f acme.yaml --out acme.plan\n"
                                      "govctl plan -f acme.yaml --set ci --prune",
                                      plan}};
constexpr std::array diff_row{Command{"", "Show how a document and the daemon differ; exit 2 when they do",
                                      "govctl diff -f acme.yaml\n"
                                      "govctl diff --platform -f platform.yaml",
                                      diff}};
constexpr std::array apply_row{Command{"", "Make an org what a document says, whole or not at all",
                                       "govctl apply -f acme.yaml\n"
                                       "govctl apply -f acme.yaml --secret-dir keys\n"
                                       "govctl apply -f acme.plan\n"
                                       "govctl apply -f acme.yaml --set ci --prune -y",
                                       apply}};

}  // namespace

std::span<const Command> export_command() { return export_row; }
std::span<const Command> plan_command() { return plan_row; }
std::span<const Command> diff_command() { return diff_row; }
std::span<const Command> apply_command() { return apply_row; }

}  // namespace govctl::cli
