#include "daemon/daemon.h"

#include <fmt/format.h>
#include <grp.h>
#include <netinet/in.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include <atomic>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <charconv>
#include <filesystem>
#include <thread>

#include "common/paths.h"
#include "common/version.h"
#include "daemon/calls/calls.h"
#include "daemon/control/control.h"
#include "daemon/gateway/gateway.h"
#include "daemon/gateway/metrics.h"
#include "daemon/http/server.h"
#include "daemon/instance_lock.h"
#include "daemon/otlp_exporter.h"
#include "daemon/restore.h"
#include "daemon/secrets/secrets.h"
#include "daemon/signer.h"
#include "daemon/store/catalog.h"
#include "daemon/tenant/backup.h"
#include "daemon/tenant/registry.h"

namespace govctl {

namespace asio = boost::asio;

namespace {

constexpr std::uint16_t default_port = 4683;  // the digits spell GOVD
constexpr const char* port_setting = "gateway_port";
constexpr auto anchor_every = std::chrono::seconds(60);

// No core file holds a key, no other process of this user reads this one's memory, and thousands of streams
// have descriptors.
void harden_process() {
  const rlimit no_core{0, 0};
  setrlimit(RLIMIT_CORE, &no_core);
  prctl(PR_SET_DUMPABLE, 0);
  rlimit files{};
  if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
  }
  umask(077);
}

// The io_contexts of the network, one thread each.
class Loops {
 public:
  explicit Loops(unsigned count) {
    for (unsigned i = 0; i < count; ++i) {
      contexts_.push_back(std::make_unique<asio::io_context>(1));
      guards_.emplace_back(contexts_.back()->get_executor());
    }
  }
  ~Loops() { stop(); }
  Loops(const Loops&) = delete;
  Loops& operator=(const Loops&) = delete;

  [[nodiscard]] std::vector<asio::io_context*> contexts() const {
    std::vector<asio::io_context*> all;
    all.reserve(contexts_.size());
    for (const auto& context : contexts_) all.push_back(context.get());
    return all;
  }
  void start() {
    for (auto& context : contexts_) {
      threads_.emplace_back([&loop = *context] {
        pthread_setname_np(pthread_self(), "govd-io");
        loop.run();
      });
    }
  }
  void stop() {
    guards_.clear();
    for (auto& context : contexts_) context->stop();
    for (auto& thread : threads_) thread.join();
    threads_.clear();
  }

 private:
  std::vector<std::unique_ptr<asio::io_context>> contexts_;
  std::vector<asio::executor_work_guard<asio::io_context::executor_type>> guards_;
  std::vector<std::thread> threads_;
};

// Where the gateway listens. Without --listen: the port of the last start or 4683, on both loopback addresses;
// taken by someone else, another is chosen and stored.
Result<std::string> listen_gateway(const DaemonOptions& options, http::Server& server, store::Writers& writers,
                                   store::File& catalog, const std::string& catalog_path) {
  if (!options.listen.empty()) {
    std::string url;
    for (const auto& listen : options.listen) {
      auto port = server.listen_tcp(listen.address, listen.port);
      if (!port) return std::unexpected(port.error());
      if (url.empty()) {
        const bool v6 = listen.address.contains(':');
        url = fmt::format("http://{}{}{}:{}", v6 ? "[" : "", listen.address, v6 ? "]" : "", *port);
      }
    }
    return url;
  }
  auto reader = store::Connection::open(catalog_path, store::Access::read);
  if (!reader) return std::unexpected(reader.error());
  auto stored = store::get_setting(**reader, port_setting);
  if (!stored) return std::unexpected(stored.error());
  std::uint16_t wanted = default_port;
  if (*stored) std::from_chars((*stored)->data(), (*stored)->data() + (*stored)->size(), wanted);

  auto port = server.listen_tcp("127.0.0.1", wanted);
  if (!port && port.error().code == Code::conflict) {
    log::warn("the gateway's port is taken; another is chosen", {{log::Field::port, wanted}});
    port = server.listen_tcp("127.0.0.1", 0);
  }
  if (!port) return std::unexpected(port.error());
  if (*port != default_port || *stored) {
    const std::string text = fmt::format("{}", *port);
    auto kept = writers.run(catalog,
                            [&](store::Transaction& tx) { return store::put_setting(tx, port_setting, text); });
    if (!kept) return std::unexpected(kept.error());
  }
  // A machine without IPv6 has no ::1; that is no fault.
  if (auto v6 = server.listen_tcp("::1", *port); !v6) {
    log::info("not listening on ::1", {{log::Field::reason, v6.error().message}});
  }
  return fmt::format("http://127.0.0.1:{}", *port);
}

// Where a socket that was handed over is reached; empty for one that is neither IPv4 nor IPv6.
std::string url_of_socket(int fd) {
  sockaddr_storage seen{};
  socklen_t size = sizeof(seen);
  if (getsockname(fd, reinterpret_cast<sockaddr*>(&seen), &size) != 0) return {};
  if (seen.ss_family == AF_INET6) {
    return fmt::format("http://[::1]:{}", ntohs(reinterpret_cast<const sockaddr_in6&>(seen).sin6_port));
  }
  if (seen.ss_family != AF_INET) return {};
  return fmt::format("http://127.0.0.1:{}", ntohs(reinterpret_cast<const sockaddr_in&>(seen).sin_port));
}

// Sockets that systemd handed over.
struct Activated {
  std::string gateway_url;  // of the first of the gateway's, or empty
  bool control = false;
};
Result<Activated> adopt_sockets(http::Server& gateway, http::Server& control) {
  Activated activated;
  const int count = sd_listen_fds(1);
  for (int fd = SD_LISTEN_FDS_START; fd < SD_LISTEN_FDS_START + count; ++fd) {
    const bool local = sd_is_socket(fd, AF_UNIX, SOCK_STREAM, 1) > 0;
    auto ok = (local ? control : gateway).adopt(fd);
    if (!ok) return std::unexpected(ok.error());
    if (local) {
      activated.control = true;
    } else if (activated.gateway_url.empty()) {
      activated.gateway_url = url_of_socket(fd);
    }
  }
  return activated;
}

gid_t admin_group() {
  const group* found = getgrnam("govctl");  // NOLINT(concurrency-mt-unsafe): before threads
  return found == nullptr ? static_cast<gid_t>(-1) : found->gr_gid;
}

// Once a second: refusals that were folded, Idempotency-Keys that are old; once a minute: anchors; and
// systemd's watchdog.
class Housekeeping {
 public:
  Housekeeping(asio::io_context& context, tenant::Registry& registry, asio::thread_pool& pool)
      : timer_(context), registry_(registry), pool_(pool) {
    next();
  }
  void stop() { timer_.cancel(); }

 private:
  void next() {
    timer_.expires_after(std::chrono::seconds(1));
    timer_.async_wait([this](boost::system::error_code cancelled) {
      if (cancelled) return;
      tick();
      next();
    });
  }
  void tick() {
    sd_notify(0, "WATCHDOG=1");
    for (const auto& tenant : registry_.tenants()) {
      tenant->flush_refusals();
      tenant->sweep_idempotency_keys();
    }
    if (++seconds_ % anchor_every.count() == 0 && !anchoring_.exchange(true)) {
      asio::post(pool_, [this] {
        registry_.write_anchors();
        anchoring_ = false;
      });
    }
  }
  asio::steady_timer timer_;
  tenant::Registry& registry_;
  asio::thread_pool& pool_;
  std::int64_t seconds_ = 0;
  std::atomic<bool> anchoring_{false};
};

// Lets calls finish: until none is in flight, the time is up, or a second signal comes.
void drain(asio::io_context& context, asio::signal_set& signals, http::Server& gateway, http::Server& control,
           std::chrono::seconds timeout) {
  gateway.stop_listening();
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  // Shared: the handler may run when this is over.
  const auto hurry = std::make_shared<bool>(false);
  signals.async_wait([hurry](boost::system::error_code cancelled, int) { *hurry = !cancelled; });
  while (gateway.active() > 0 && !*hurry && std::chrono::steady_clock::now() < deadline) {
    context.restart();
    context.run_for(std::chrono::milliseconds(10));
  }
  signals.cancel();
  // What is left is cancelled: each call settles on its way out.
  control.stop_listening();
  gateway.close_all();
  control.close_all();
  const auto last = std::chrono::steady_clock::now() + std::chrono::seconds(5);
  while (gateway.active() + control.active() > 0 && std::chrono::steady_clock::now() < last) {
    context.restart();
    context.run_for(std::chrono::milliseconds(5));
  }
}

}  // namespace

Result<ListenAddress> parse_listen(std::string_view text) {
  const auto bad = [&](std::string_view why) {
    return fail(Code::invalid, fmt::format("'{}' is no address to listen on: {}", text, why));
  };
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return bad("use ADDRESS:PORT");
  ListenAddress listen;
  std::string_view address = text.substr(0, colon);
  if (address.starts_with('[') && address.ends_with(']')) address = address.substr(1, address.size() - 2);
  if (address == "localhost") address = "127.0.0.1";
  if (address != "::1" && !address.starts_with("127."))
    return bad("only loopback addresses are served without TLS");
  listen.address = address;
  const std::string_view port = text.substr(colon + 1);
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), listen.port);
  if (error != std::errc{} || end != port.data() + port.size())
    return bad("the port is a number from 0 to 65535");
  return listen;
}

Result<void> run_daemon(const DaemonOptions& options) {
  harden_process();
  if (auto ok = ensure_private_dir(options.state_dir); !ok) return ok;
  auto lock = InstanceLock::take(options.state_dir);
  if (!lock) return std::unexpected(lock.error());
  log::open(options.log_level, options.log_file);
  if (auto finished = finish_restore(options.state_dir); !finished) return finished;
  tenant::sweep_backups(options.state_dir);

  const SystemClock clock;
  const std::int64_t started = clock.steady_micros();
  const std::string catalog_path = options.state_dir + "/catalog.db";
  auto keyring = secrets::Keyring::open(options.keys_dir, std::filesystem::exists(catalog_path));
  if (!keyring) return std::unexpected(keyring.error());

  store::Writers writers({}, clock, [](const Error& fault) {
    log::error("the disk failed; stopping", {{log::Field::code, facts(fault.code).word}});
    std::_Exit(facts(fault.code).exit_code);
  });
  asio::thread_pool pool(2);
  tenant::PlatformView platform;
  tenant::Services services;
  services.writers = &writers;
  services.keyring = keyring->get();
  services.clock = &clock;
  services.pool = &pool;
  services.platform = &platform;
  services.anchors_dir = options.state_dir + "/anchors";
  services.signer = signer_of(**keyring);
  tenant::Registry registry({options.state_dir}, services);
  if (auto ok = registry.load(); !ok) return ok;

  const unsigned threads =
      options.threads != 0 ? options.threads : std::max(1U, std::thread::hardware_concurrency());
  Loops loops(threads);
  const auto contexts = loops.contexts();
  calls::Calls calls(registry, contexts, options.ping_after, options.circuit_failures);
  gateway::Gateway gateway(calls, registry);
  std::string gateway_url;
  control::ControlOptions control_options;
  control_options.owner_uid = getuid();
  control_options.system = options.system;
  control_options.admin_gid = options.system ? admin_group() : static_cast<gid_t>(-1);
  control_options.state_dir = options.state_dir;
  control_options.keys_dir = options.keys_dir;
  control_options.gateway_url = [&gateway_url] { return gateway_url; };
  control_options.started_steady = started;
  control_options.calls = &calls;
  control::Control control(control_options, registry);

  http::Limits control_limits;
  control_limits.body_bytes = control::largest_body;
  http::Server gateway_server(contexts, {}, [&](http::Exchange& exchange) { return gateway.handle(exchange); });
  http::Server control_server({contexts.front()}, control_limits,
                              [&](http::Exchange& exchange) { return control.handle(exchange); });

  http::Server metrics_server({contexts.front()}, control_limits, [&](http::Exchange& exchange) {
    return gateway::serve_metrics(exchange, registry);
  });

  auto activated = adopt_sockets(gateway_server, control_server);
  if (!activated) return std::unexpected(activated.error());
  gateway_url = activated->gateway_url;
  if (gateway_url.empty()) {
    auto url = listen_gateway(options, gateway_server, writers, registry.catalog(), catalog_path);
    if (!url) return std::unexpected(url.error());
    gateway_url = *url;
  }
  if (!activated->control) {
    const std::string directory = std::filesystem::path(options.socket).parent_path();
    if (!options.system) {
      if (auto ok = ensure_private_dir(directory); !ok) return ok;
    }
    auto ok = control_server.listen_unix(options.socket, options.system ? 0660 : 0600);
    if (!ok) return ok;
    if (options.system && control_options.admin_gid != static_cast<gid_t>(-1) &&
        chown(options.socket.c_str(), static_cast<uid_t>(-1), control_options.admin_gid) != 0) {
      log::warn("the control socket could not be given to group govctl");
    }
  }

  if (options.metrics_listen) {
    auto port = metrics_server.listen_tcp(options.metrics_listen->address, options.metrics_listen->port);
    if (!port) return std::unexpected(port.error());
    log::info("metrics are served", {{log::Field::port, *port}});
  }

  asio::io_context main_context(1);
  std::optional<OtlpExporter> exporter;
  if (options.otlp_collector) exporter.emplace(main_context, *options.otlp_collector);
  asio::signal_set signals(main_context, SIGTERM, SIGINT);
  Housekeeping housekeeping(main_context, registry, pool);
  signals.async_wait([&](boost::system::error_code, int) {
    housekeeping.stop();
    main_context.stop();
  });
  loops.start();
  log::info("ready", {{log::Field::version, version},
                      {log::Field::pid, getpid()},
                      {log::Field::address, gateway_url},
                      {log::Field::file, options.socket},
                      {log::Field::count, registry.tenants().size()},
                      {log::Field::duration_ms, (clock.steady_micros() - started) / 1000}});
  sd_notify(0, "READY=1");
  main_context.run();

  sd_notify(0, "STOPPING=1");
  log::info("stopping: no new calls", {{log::Field::count, registry.inflight()}});
  metrics_server.stop_listening();
  metrics_server.close_all();
  drain(main_context, signals, gateway_server, control_server, options.drain_timeout);
  if (exporter) exporter->finish();
  loops.stop();
  pool.join();
  registry.close();
  std::error_code ignored;
  if (!activated->control) std::filesystem::remove(options.socket, ignored);
  log::info("stopped");
  return {};
}

Result<bool> verify_stopped(const DaemonOptions& options, const std::string& org_slug) {
  const std::string catalog_path = options.state_dir + "/catalog.db";
  if (!std::filesystem::exists(catalog_path)) {
    return fail(Code::not_found, fmt::format("there is no govd data in {}", options.state_dir));
  }
  auto lock = InstanceLock::take(options.state_dir);
  if (!lock) {
    Error error = lock.error();
    error.next = "govctl ledger verify";
    return std::unexpected(std::move(error));
  }
  if (auto finished = finish_restore(options.state_dir); !finished) return std::unexpected(finished.error());
  auto keyring = secrets::Keyring::open(options.keys_dir, true);
  if (!keyring) return std::unexpected(keyring.error());
  const store::Signer signer = signer_of(**keyring);
  auto catalog = store::Connection::open(catalog_path, store::Access::read);
  if (!catalog) return std::unexpected(catalog.error());
  auto orgs = store::list_orgs(**catalog);
  if (!orgs) return std::unexpected(orgs.error());

  bool sound = true;
  const auto check = [&](const std::string& name, const std::string& path, store::FileKind kind,
                         const OrgId& org) {
    auto connection = store::Connection::open(path, store::Access::read);
    Result<store::Report> report =
        connection
            ? store::verify_file(**connection, kind, org, options.state_dir + "/anchors", signer, nullptr)
            : std::unexpected(connection.error());
    if (!report) {
      fmt::print("{:<24} {:<14} FAULT  {}\n", name, "file", report.error().message);
      sound = false;
      return;
    }
    for (const auto& table : report->tables) {
      const bool ok = table.fault.empty();
      sound = sound && ok;
      fmt::print("{:<24} {:<14} {:<6} {} rows{}\n", name, domain::chain_table_name(table.table),
                 ok ? "ok" : "FAULT", table.rows, ok ? "" : ": " + table.fault);
    }
    if (kind != store::FileKind::org) return;
    const auto journal = store::read_journal(path, org);
    sound = sound && journal.has_value();
    if (!journal) {
      fmt::print("{:<24} {:<14} FAULT  {}\n", name, "journal", journal.error().message);
    } else if (!journal->empty()) {
      fmt::print(
          "{:<24} {:<14} ok     {} records of calls, which may not be rows yet; the next start sees to it\n",
          name, "journal", journal->size());
    }
  };
  bool found = org_slug.empty();
  if (org_slug.empty()) check("(platform)", catalog_path, store::FileKind::catalog, OrgId{});
  for (const auto& org : *orgs) {
    if (org.deleted_at || (!org_slug.empty() && org.slug != org_slug)) continue;
    found = true;
    check(org.slug, options.state_dir + "/orgs/" + org.id.text() + ".db", store::FileKind::org, org.id);
  }
  if (!found) return fail(Code::not_found, fmt::format("no org named '{}'", org_slug));
  fmt::print("{}\n", sound ? "verified: nothing was changed" : "verified: FAULTS were found");
  return sound;
}

}  // namespace govctl
