#include "cli/commands/doctor.h"

#include <fmt/format.h>

#include <array>
#include <filesystem>
#include <memory>

#include "cli/checkup.h"
#include "cli/commands/nouns.h"
#include "cli/launch.h"
#include "cli/text.h"
#include "common/version.h"

namespace govctl::cli {
namespace {

void add(Examination& into, std::string_view check, std::string_view state, std::string why,
         const std::string& fix = {}) {
  into.checks.push_back(Json{
      {"check", check}, {"state", state}, {"why", std::move(why)}, {"fix", fix.empty() ? Json() : Json(fix)}});
}

// Is there a daemon, does it let us in, do the versions agree.
Json ask_daemon(Session& s, Examination& into, Machine& machine) {
  auto status = s.get("/status");
  if (!status) {
    const Error& error = status.error();
    add(into, "daemon", error.code == Code::unreachable ? "warn" : "FAULT",
        error.message + "; what needs it is not looked at", error.next);
    return {};
  }
  machine.running = true;
  machine.state_dir = status->value("state_dir", machine.state_dir);
  machine.keys_dir = status->value("keys_dir", machine.keys_dir);
  machine.gateway = (*status)["gateway"].value("url", std::string());
  const auto theirs = status->value("version", std::string());
  add(into, "daemon", "ok",
      fmt::format("govd {} answers (process {})", theirs, status->value("pid", std::int64_t{0})));
  if (theirs == version) {
    add(into, "versions", "ok", fmt::format("govctl and govd are {}", version));
  } else {
    add(into, "versions", "warn", fmt::format("govctl is {}, the govd that runs is {}", version, theirs),
        "govctl restart");
  }
  return *status;
}

void ask_for_checks(Session& s, Examination& into) {
  auto doctor = s.get("/doctor");
  if (!doctor) return add(into, "inside", "FAULT", doctor.error().message, doctor.error().next);
  for (auto& check : (*doctor)["checks"]) into.checks.push_back(std::move(check));
}

void look_around(Examination& into, Machine& machine, bool mend) {
  look_at(machine);
  for (auto& finding : machine.findings) {
    if (mend && finding.mend) {
      if (auto done = finding.mend(); !done) {
        finding.check.why += "; it could not be mended: " + done.error().message;
      } else {
        finding.check.state = "mended";
        finding.check.fix.reset();
      }
    }
    into.checks.push_back(api::encode(finding.check));
  }
}

void tell_proof(Examination& into, const Json& report) {
  std::int64_t rows = 0;
  for (const auto& table : report["tables"]) {
    rows += table.value("rows", std::int64_t{0});
    if (table.value("ok", false)) continue;
    add(into, "ledger", "FAULT",
        fmt::format("{}/{}: {}", table.value("org", std::string()), table.value("table", std::string()),
                    table["fault"].is_string() ? table["fault"].get<std::string>() : std::string()),
        "govctl ledger verify " + table.value("org", std::string()));
  }
  if (!report.value("ok", false)) return;
  add(into, "ledger", "ok",
      fmt::format("proven: {} rows in {} chains, {} anchors", rows, report["tables"].size(),
                  report.value("anchors", std::int64_t{0})));
}

void prove_ledgers(Session& s, Examination& into, const Machine& machine) {
  if (machine.running) {
    auto report = s.get_slowly("/verify", {});
    if (report) return tell_proof(into, *report);
    return add(into, "ledger", "FAULT", report.error().message, report.error().next);
  }
  std::error_code code;
  if (!std::filesystem::exists(machine.state_dir + "/catalog.db", code)) return;
  auto program = find_govd();
  if (!program) return add(into, "ledger", "warn", program.error().message, program.error().next);
  auto end =
      run_to_end(*program, {"verify", "--state-dir", machine.state_dir, "--keys-dir", machine.keys_dir}, true);
  if (end && end->exit_code == 0) return add(into, "ledger", "ok", "proven on the stopped daemon's files");
  add(into, "ledger", end && end->exit_code == 2 ? "FAULT" : "warn",
      end && end->exit_code == 2 ? "a row, a chain or an anchor is not what was written"
                                 : "the files could not be proven without a daemon",
      fmt::format("govd verify --state-dir {} --keys-dir {}", machine.state_dir, machine.keys_dir));
}

Action doctor(Arguments& a) {
  struct Input {
    bool fix = false, quick = false;
    Places places;
  };
  auto in = std::make_shared<Input>();
  a.flag("--fix", in->fix, "Mend what is safe: modes of files, a socket or files that are left over");
  a.flag("--quick", in->quick, "Leave out the proof of the ledgers");
  a.option("--state-dir", "DIR", in->places.state_dir, "Where the databases of a daemon that does not run lie");
  a.option("--keys-dir", "DIR", in->places.keys_dir, "Where its keys lie");
  return [in](Session& s) -> Result<Answer> {
    Examination found = examine(s, in->fix && !s.settings().dry_run, !in->quick, in->places);
    std::string text = examination_text(found, s.settings());
    const int exit_code = found.sound ? 0 : 2;
    return Answer{.json = Json{{"ok", found.sound}, {"checks", std::move(found.checks)}},
                  .text = std::move(text),
                  .exit_code = exit_code};
  };
}

constexpr std::array table{
    Command{"", "Look for what is wrong with govd and this machine (exit 2 when something is)",
            "govctl doctor\ngovctl doctor --fix\ngovctl doctor --quick -o json", doctor}};

}  // namespace

Examination examine(Session& s, bool mend, bool prove, const Places& places) {
  Examination found;
  Machine machine;
  if (auto paths = user_paths()) {
    machine.state_dir = paths->state_dir;
    machine.keys_dir = paths->keys_dir;
    machine.config_file = paths->config_dir + "/config.yaml";
    machine.socket = paths->socket;
  }
  if (places.state_dir) machine.state_dir = *places.state_dir;
  if (places.keys_dir) machine.keys_dir = *places.keys_dir;
  if (!s.settings().socket.empty()) machine.socket = s.settings().socket;
  const Json status = ask_daemon(s, found, machine);
  look_around(found, machine, mend);
  if (machine.running) ask_for_checks(s, found);
  if (prove) prove_ledgers(s, found, machine);
  for (const auto& check : found.checks) {
    const auto state = check.value("state", std::string());
    if (state == "warn" || state == "FAULT") found.sound = false;
  }
  return found;
}

std::string examination_text(const Examination& examination, const Settings& settings) {
  std::vector<std::vector<Cell>> rows;
  const auto color = [&](std::string_view sequence) {
    return settings.color_out ? sequence : std::string_view();
  };
  if (!settings.no_headers) {
    auto& head = rows.emplace_back();
    for (const auto* title : {"CHECK", "STATE", "WHY"}) head.push_back({title, color(bold), false});
  }
  std::string fixes;
  for (const auto& check : examination.checks) {
    const auto state = check.value("state", std::string());
    const std::string_view tint = state == "FAULT"  ? red
                                  : state == "warn" ? yellow
                                  : state == "note" ? plain
                                                    : green;
    rows.push_back({{printable(check.value("check", std::string())), "", false},
                    {state, color(tint), false},
                    {printable(check.value("why", std::string())), "", false}});
    if (state != "ok" && check["fix"].is_string()) {
      fixes += fmt::format("  {}: {}\n", check.value("check", std::string()),
                           printable(check["fix"].get<std::string>()));
    }
  }
  std::string text = aligned(rows);
  if (!fixes.empty()) text += "\nWhat to do:\n" + fixes;
  return text + (examination.sound ? "\nNothing is wrong\n" : "\nSomething is to be mended\n");
}

std::span<const Command> doctor_command() { return table; }

}  // namespace govctl::cli
