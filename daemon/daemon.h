#pragma once
// The wiring: every part is built here in order and torn down in reverse. The only file that knows everybody.

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "common/error.h"
#include "daemon/http/client.h"
#include "daemon/telemetry/log.h"

namespace govctl {

struct ListenAddress {
  std::string address;
  std::uint16_t port = 0;
};
// "127.0.0.1:4683", "[::1]:4683", "127.0.0.1:0". Loopback only: other addresses need TLS, which is not there
// yet.
Result<ListenAddress> parse_listen(std::string_view text);

struct DaemonOptions {
  std::string state_dir, keys_dir, socket;
  std::vector<ListenAddress> listen;             // empty: 127.0.0.1 and ::1, port 4683 or the one chosen before
  std::optional<ListenAddress> metrics_listen;   // of GET /metrics, beside the control socket
  std::optional<http::Upstream> otlp_collector;  // what spans of calls go to
  std::string log_file;                          // empty: stderr
  log::LogLevel log_level = log::LogLevel::info;
  bool system = false;
  unsigned threads = 0;  // 0: one a core
  std::chrono::seconds drain_timeout{30};
  std::chrono::milliseconds ping_after{15'000};  // silence of an upstream in mid-stream
  std::int64_t circuit_failures = 5;             // in a row, before a provider is left alone; 0: never
};

// Serves until SIGTERM or SIGINT; then stops listening, lets calls finish, settles what is left, closes. A
// second signal hurries. An Error: it could not start.
Result<void> run_daemon(const DaemonOptions& options);

// The offline proof of a stopped daemon's files, printed to stdout. False: something was found.
Result<bool> verify_stopped(const DaemonOptions& options, const std::string& org_slug);

}  // namespace govctl
