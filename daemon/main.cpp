// govd: flags and exit code.

#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "common/paths.h"
#include "common/version.h"
#include "daemon/daemon.h"
#include "daemon/otlp_exporter.h"
#include "daemon/restore.h"

namespace {

int complain(const govctl::Error& error) {
  fmt::print(stderr, "govd: {}\n", error.message);
  if (!error.next.empty()) fmt::print(stderr, "  next: {}\n", error.next);
  return govctl::facts(error.code).exit_code;
}

void print(const govctl::RestoreReport& report) {
  for (const auto& table : report.tables) {
    fmt::print("{:<24} {:<14} {:<6} {} rows{}\n", table.org, table.table, table.ok ? "ok" : "FAULT", table.rows,
               table.fault ? ": " + *table.fault : "");
  }
  for (const auto& slug : report.left_out)
    fmt::print("{:<24} not in the backup: its file could not be read\n", slug);
  for (const auto& note : report.notes) fmt::print("note: {}\n", note);
  if (report.restored) {
    fmt::print("restored {} as of {}\n", report.scope, report.created_at);
    if (!report.replaced.empty()) fmt::print("what was there is in {}\n", report.replaced);
  } else {
    fmt::print("{}\n", report.ok ? "verified: the backup is sound"
                                 : "verified: FAULTS were found; nothing was changed");
  }
}

int run(int argc, char** argv) {
  govctl::DaemonOptions options;
  std::vector<std::string> listen;
  std::string level = "info";
  int drain_seconds = 30;
  int ping_ms = 15'000;
  std::string org;
  std::string metrics_listen, otlp_endpoint;

  CLI::App app{"govd: the daemon that governs agents' calls; see govctl help"};
  app.set_version_flag("--version", fmt::format("govd {}", govctl::version));
  app.add_flag("--system", options.system,
               "The machine's daemon: /var/lib/govctl, /etc/govctl/keys, /run/govctl");
  app.add_option("--state-dir", options.state_dir, "Databases, anchors, lock");
  app.add_option("--keys-dir", options.keys_dir, "Master key, signing key and one key for each org");
  app.add_option("--socket", options.socket, "The control socket");
  app.add_option("--listen", listen, "ADDRESS:PORT of the gateway; repeat for more (default 127.0.0.1:4683)");
  app.add_option("--log-file", options.log_file, "Default: stderr");
  app.add_option("--log-level", level, "How much it logs")
      ->check(CLI::IsMember({"debug", "info", "warn", "error"}))
      ->capture_default_str();
  app.add_option("--threads", options.threads, "Network threads (default: one a core)")
      ->check(CLI::Range(0, 64));
  app.add_option("--drain-timeout", drain_seconds, "Seconds that calls may take to finish at SIGTERM")
      ->check(CLI::Range(0, 3600))
      ->capture_default_str();
  app.add_option("--ping-after", ping_ms, "Milliseconds of an upstream's silence in mid-stream before a ping")
      ->check(CLI::Range(10, 600'000))
      ->capture_default_str();
  app.add_option("--circuit-failures", options.circuit_failures,
                 "Failures in a row after which a provider is left alone for a while; 0: never")
      ->check(CLI::Range(0, 1'000))
      ->capture_default_str();
  app.add_option(
      "--metrics-listen", metrics_listen,
      "ADDRESS:PORT of GET /metrics for Prometheus, loopback only (default: the control socket alone)");
  app.add_option(
      "--otlp-endpoint", otlp_endpoint,
      "URL of an OpenTelemetry collector: a span of each call is posted to URL/v1/traces as JSON; https, "
      "or http to loopback (default: none is sent)");
  CLI::App* verify =
      app.add_subcommand("verify", "Proves a stopped daemon's files: chains, anchors, events, entries");
  verify->fallthrough();
  verify->add_option("--org", org, "One org's slug");
  govctl::RestoreWish wish;
  bool as_json = false;
  CLI::App* restore = app.add_subcommand(
      "restore", "Brings a backup back onto a stopped daemon's state, or proves it (--verify)");
  restore->fallthrough();
  restore->add_option("FILE", wish.archive, "What `govctl backup` made")->required();
  restore->add_option("--org", wish.org, "Only this org, by its slug");
  restore->add_flag("--verify", wish.verify_only, "Prove the backup and change nothing");
  restore->add_flag("--replace", wish.replace, "What is there makes room, and is kept");
  restore->add_flag("--allow-older", wish.allow_older, "Although anchors know of rows that the backup lacks");
  restore->add_flag("--json", as_json, "Report and error as JSON on stdout");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 64;
  }

  auto paths = options.system ? govctl::Result<govctl::Paths>(govctl::system_paths()) : govctl::user_paths();
  if (!paths) return complain(paths.error());
  if (options.state_dir.empty()) options.state_dir = paths->state_dir;
  if (options.keys_dir.empty()) options.keys_dir = paths->keys_dir;
  if (options.socket.empty()) options.socket = paths->socket;
  for (const auto& text : listen) {
    auto address = govctl::parse_listen(text);
    if (!address) return complain(address.error());
    options.listen.push_back(std::move(*address));
  }
  if (!metrics_listen.empty()) {
    auto address = govctl::parse_listen(metrics_listen);
    if (!address) return complain(address.error());
    options.metrics_listen = std::move(*address);
  }
  if (!otlp_endpoint.empty()) {
    auto collector = govctl::otlp_collector(otlp_endpoint);
    if (!collector) return complain(collector.error());
    options.otlp_collector = std::move(*collector);
  }
  options.log_level = level == "debug"   ? govctl::log::LogLevel::debug
                      : level == "warn"  ? govctl::log::LogLevel::warn
                      : level == "error" ? govctl::log::LogLevel::error
                                         : govctl::log::LogLevel::info;
  options.drain_timeout = std::chrono::seconds(drain_seconds);
  options.ping_after = std::chrono::milliseconds(ping_ms);

  if (verify->parsed()) {
    auto sound = govctl::verify_stopped(options, org);
    if (!sound) return complain(sound.error());
    return *sound ? 0 : 2;
  }
  if (restore->parsed()) {
    auto report = govctl::restore(options, wish);
    if (!report && as_json) {
      const govctl::Error& error = report.error();
      fmt::print("{}\n",
                 govctl::api::Json{
                     {"code", govctl::facts(error.code).word}, {"message", error.message}, {"next", error.next}}
                     .dump());
      return govctl::facts(error.code).exit_code;
    }
    if (!report) return complain(report.error());
    if (as_json) {
      fmt::print("{}\n", govctl::api::encode(*report).dump());
    } else {
      print(*report);
    }
    return report->ok ? 0 : 2;
  }
  auto served = govctl::run_daemon(options);
  return served ? 0 : complain(served.error());
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const std::exception&) {
    fmt::print(stderr, "govd: stopped by an unexpected fault\n");
    return 1;
  }
}
