// backup, restore, org export, org import. The daemon makes the archive and gives it over the socket, so that
// it opens no path that a caller names; restoring is govd's own work on a stopped daemon's files.

#include "cli/commands/backup.h"

#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <memory>

#include "cli/commands/nouns.h"
#include "cli/commands/proof.h"
#include "cli/launch.h"
#include "cli/private_file.h"
#include "cli/session.h"
#include "common/paths.h"

namespace govctl::cli {
namespace {

std::string absolute(const std::string& path) {
  std::error_code code;
  const auto made = std::filesystem::absolute(path, code);
  return code ? path : made.string();
}

// Into the file, or with "-" to stdout.
Result<Answer> make(Session& s, const std::optional<std::string>& org, const std::optional<std::string>& out) {
  Query query;
  add(query, "org", org);
  auto plan = s.get("/status");
  if (!plan) return std::unexpected(plan.error());
  Query dry = query;
  dry.emplace_back("dry_run", "1");
  auto would = s.post("/backup", std::nullopt, std::move(dry));
  if (!would) return std::unexpected(would.error());
  if (s.settings().dry_run) return Answer{.json = std::move(*would)};

  const bool to_stdout = out && *out == "-";
  if (to_stdout && s.terminal().out_is_tty) {
    return fail(Code::invalid, "an archive is not for a terminal: redirect it, or name a file with --out");
  }
  const std::string file =
      absolute(out.value_or(fmt::format("govctl-{}-{}.tar.gz", org ? "org" : "backup", file_stamp())));
  std::optional<PrivateFile> into;
  if (!to_stdout) {
    auto made = PrivateFile::create(file);
    if (!made) return std::unexpected(made.error());
    into.emplace(std::move(*made));
  }
  Result<void> kept;
  const auto sink = [&](std::string_view bytes) {
    if (into) {
      kept = into->write(bytes);
    } else {
      s.terminal().out << bytes;
      if (!s.terminal().out)
        kept = fail(Code::unavailable, "the archive could not be written to standard output");
    }
    return kept.has_value();
  };
  auto got = s.post_stream("/backup", std::move(query), sink);
  if (!kept) return std::unexpected(kept.error());
  if (!got) return std::unexpected(got.error());
  if (into) {
    if (auto done = into->finish(); !done) return std::unexpected(done.error());
  } else {
    s.terminal().out << std::flush;
  }
  s.note(fmt::format("no keys are in it: keep a copy of {} apart from it",
                     plan->value("keys_dir", std::string())));
  for (const auto& slug : (*would)["left_out"]) {
    s.note(fmt::format("org {} is NOT in it: its file cannot be read", slug.get<std::string>()));
  }
  const int exit_code = (*would)["left_out"].empty() ? 0 : 2;
  if (to_stdout) return Answer{.exit_code = exit_code};
  return Answer{.json = Json{{"file", file},
                             {"bytes", into->bytes()},
                             {"scope", (*would)["scope"]},
                             {"orgs", (*would)["orgs"]},
                             {"left_out", (*would)["left_out"]},
                             {"keys_dir", (*plan)["keys_dir"]}},
                .exit_code = exit_code};
}

struct Restore {
  std::string file;
  std::optional<std::string> org, state_dir, keys_dir;
  bool verify = false, replace = false, allow_older = false, system = false;

  void declare(Arguments& a) {
    a.positional("FILE", file, "What `govctl backup` made");
    a.flag("--replace", replace, "What is there makes room; it is kept beside");
    a.flag("--allow-older", allow_older, "Although signed anchors know of rows that the backup lacks");
    a.option("--state-dir", "DIR", state_dir, "Where the databases lie");
    a.option("--keys-dir", "DIR", keys_dir, "Where the keys lie");
    a.flag("--system", system, "The machine's daemon");
  }
};

// A daemon that runs says where its state lies; so that a backup can be proven beside it.
Result<std::vector<std::string>> places(Session& s, const Restore& in) {
  std::vector<std::string> words;
  if (in.system) words.emplace_back("--system");
  auto state = in.state_dir;
  auto keys = in.keys_dir;
  if (!in.system && (!state || !keys)) {
    if (auto status = s.get("/status"); status && status->is_object()) {
      if (!state) state = status->value("state_dir", std::string());
      if (!keys) keys = status->value("keys_dir", std::string());
    }
  }
  if (state && !state->empty()) words.insert(words.end(), {"--state-dir", absolute(*state)});
  if (keys && !keys->empty()) words.insert(words.end(), {"--keys-dir", absolute(*keys)});
  return words;
}

std::string text_of(const Json& report, const Settings& settings) {
  std::string text = report_text(report, settings);
  text += fmt::format("Backup of {}, made {} by govd {}\n", report.value("scope", std::string()),
                      report.value("created_at", std::string()), report.value("version", std::string()));
  for (const auto& slug : report["left_out"]) {
    text += fmt::format("org {} is not in it: its file could not be read\n", slug.get<std::string>());
  }
  for (const auto& note : report["notes"]) text += "note: " + note.get<std::string>() + "\n";
  if (!report.value("restored", false)) return text;
  text += fmt::format("Restored; {} keys revoked since were revoked again, {} holds were released\n",
                      report.value("revoked", 0), report.value("released", 0));
  if (const auto kept = report.value("replaced", std::string()); !kept.empty()) {
    text += fmt::format("What was there is in {}\n", kept);
  }
  return text;
}

Result<Answer> bring_back(Session& s, const Restore& in) {
  auto program = find_govd();
  if (!program) return std::unexpected(program.error());
  auto words = places(s, in);
  if (!words) return std::unexpected(words.error());
  words->insert(words->begin(), {"restore", absolute(in.file), "--json"});
  if (in.org) words->insert(words->end(), {"--org", *in.org});
  if (in.verify || s.settings().dry_run) words->emplace_back("--verify");
  if (in.replace) words->emplace_back("--replace");
  if (in.allow_older) words->emplace_back("--allow-older");
  auto end = run_to_end(*program, *words);
  if (!end) return std::unexpected(end.error());
  Json report = Json::parse(end->printed, nullptr, false);
  if (!report.is_object()) {
    return fail(Code::internal, fmt::format("govd restore ended with {} and no report", end->exit_code),
                "govctl doctor");
  }
  if (report.contains("code")) {
    return std::unexpected(Error{code_of(report.value("code", std::string())),
                                 report.value("message", std::string()), report.value("next", std::string()),
                                 ""});
  }
  const bool ok = report.value("ok", false);
  if (report.value("restored", false)) s.note("start it with: govctl up");
  std::string text = text_of(report, s.settings());
  return Answer{.json = std::move(report), .text = std::move(text), .exit_code = ok ? 0 : 2};
}

Action backup(Arguments& a) {
  struct Input {
    std::optional<std::string> out, org;
  };
  auto in = std::make_shared<Input>();
  a.option("--out", "FILE", in->out,
           "Where it goes, or - for stdout (default: govctl-backup-TIME.tar.gz here)");
  a.option("--org", "ORG", in->org, "This org alone");
  return [in](Session& s) -> Result<Answer> {
    if (!in->org) return make(s, std::nullopt, in->out);
    auto path = s.org(*in->org);
    if (!path) return std::unexpected(path.error());
    return make(s, *path, in->out);
  };
}

Action restore(Arguments& a) {
  auto in = std::make_shared<Restore>();
  in->declare(a);
  a.option("--org", "SLUG", in->org, "This org alone, of a backup that holds more");
  a.flag("--verify", in->verify, "Prove it and change nothing");
  return [in](Session& s) -> Result<Answer> { return bring_back(s, *in); };
}

constexpr std::array backup_table{
    Command{"", "Make a backup of all orgs, or of one, while govd serves (exit 2 when an org was left out)",
            "govctl backup\ngovctl backup --out /var/backups/govctl.tar.gz\ngovctl backup --org acme --out "
            "acme.tar.gz\n"
            "govctl backup --out - > govctl.tar.gz",
            backup}};
constexpr std::array restore_table{
    Command{"", "Bring a backup back onto a stopped govd's state, after proving it",
            "govctl restore govctl.tar.gz --verify\ngovctl restore govctl.tar.gz --replace\n"
            "govctl restore govctl.tar.gz --org acme --replace --allow-older",
            restore}};

}  // namespace

Action export_org(Arguments& a) {
  struct Input {
    std::string org;
    std::optional<std::string> out;
  };
  auto in = std::make_shared<Input>();
  a.positional("ORG", in->org, "Slug or id");
  a.option("--out", "FILE", in->out, "Where it goes, or - for stdout (default: govctl-org-TIME.tar.gz here)");
  return [in](Session& s) -> Result<Answer> {
    auto path = s.org(in->org);
    if (!path) return std::unexpected(path.error());
    return make(s, *path, in->out);
  };
}

Action import_org(Arguments& a) {
  auto in = std::make_shared<Restore>();
  in->declare(a);
  return [in](Session& s) -> Result<Answer> { return bring_back(s, *in); };
}

std::span<const Command> backup_command() { return backup_table; }
std::span<const Command> restore_command() { return restore_table; }

}  // namespace govctl::cli
