#include "daemon/telemetry/log.h"

#include <fmt/format.h>
#include <spdlog/async.h>
#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <iterator>
#include <memory>
#include <nlohmann/json.hpp>

#include "common/clock.h"

namespace govctl::log {

namespace {

constexpr std::array field_names{
    std::string_view{"request_id"}, std::string_view{"org"},        std::string_view{"agent"},
    std::string_view{"key_id"},     std::string_view{"key_suffix"}, std::string_view{"model"},
    std::string_view{"provider"},   std::string_view{"status"},     std::string_view{"cause"},
    std::string_view{"code"},       std::string_view{"path"},       std::string_view{"file"},
    std::string_view{"host"},       std::string_view{"address"},    std::string_view{"port"},
    std::string_view{"pid"},        std::string_view{"uid"},        std::string_view{"count"},
    std::string_view{"bytes"},      std::string_view{"credits"},    std::string_view{"duration_ms"},
    std::string_view{"version"},    std::string_view{"reason"},     std::string_view{"thread"},
};
static_assert(field_names.size() == static_cast<std::size_t>(Field::thread) + 1,
              "one name per Field, in order");

std::string_view word(LogLevel level) {
  switch (level) {
    case LogLevel::debug:
      return "debug";
    case LogLevel::info:
      return "info";
    case LogLevel::warn:
      return "warn";
    case LogLevel::error:
      return "error";
  }
  return "error";
}

using Line = fmt::memory_buffer;

void append(Line& line, std::string_view text) { line.append(text.data(), text.data() + text.size()); }

void append_string(Line& line, std::string_view text) {
  const auto plain = [](char c) { return c >= ' ' && c < 0x7f && c != '"' && c != '\\'; };
  if (std::ranges::all_of(text, plain)) {
    fmt::format_to(std::back_inserter(line), "\"{}\"", text);
  } else {
    append(line, nlohmann::json(text).dump(-1, ' ', true, nlohmann::json::error_handler_t::replace));
  }
}

// Lines wait here for the thread that writes them. When it cannot keep up (a full disk, a stuck pipe) the
// oldest lines are dropped: the log is no record, the audit log is.
constexpr std::size_t queue_length = 2048;  // of 400 bytes each, held from the start

struct Output {
  std::shared_ptr<spdlog::details::thread_pool> pool;
  std::shared_ptr<spdlog::logger> logger;
};

std::atomic<LogLevel> threshold_level{LogLevel::warn};
std::atomic<spdlog::logger*> current{nullptr};

Output& output() {
  static Output the_output;
  return the_output;
}

// The queue is written out before main's static objects go.
void close_output() {
  current.store(nullptr);
  output().pool.reset();  // ends the thread, which is through with the logger then
  output().logger.reset();
}

void write_unopened(std::string_view line) {
  std::fwrite(line.data(), 1, line.size(), stderr);
  std::fputc('\n', stderr);
}

}  // namespace

void open(LogLevel threshold, const std::string& file) {
  const bool first = output().logger == nullptr;
  current.store(nullptr);
  output().pool.reset();
  output().logger.reset();
  output().pool = std::make_shared<spdlog::details::thread_pool>(queue_length, 1);
  spdlog::sink_ptr sink = std::make_shared<spdlog::sinks::stderr_sink_mt>();
  bool file_refused = false;
  try {
    if (!file.empty()) sink = std::make_shared<spdlog::sinks::basic_file_sink_mt>(file);
  } catch (const spdlog::spdlog_ex&) {
    file_refused = true;
  }
  output().logger = std::make_shared<spdlog::async_logger>("govd", std::move(sink), output().pool,
                                                           spdlog::async_overflow_policy::overrun_oldest);
  output().logger->set_pattern("%v");
  output().logger->set_level(spdlog::level::trace);
  output().logger->flush_on(spdlog::level::trace);
  threshold_level.store(threshold);
  current.store(output().logger.get());
  if (first) std::atexit(close_output);
  if (file_refused) error("the log file cannot be opened; logging to stderr", {{Field::file, file}});
}

void write(LogLevel level, std::string_view message, std::initializer_list<Value> fields) {
  if (level < threshold_level.load(std::memory_order_relaxed)) return;
  Line line;
  fmt::format_to(std::back_inserter(line), R"({{"ts":"{}","level":"{}","msg":)", rfc3339(SystemClock().now()),
                 word(level));
  append_string(line, message);
  for (const Value& field : fields) {
    fmt::format_to(std::back_inserter(line), R"(,"{}":)", field_names[static_cast<std::size_t>(field.field)]);
    if (const auto* number = std::get_if<std::int64_t>(&field.value)) {
      fmt::format_to(std::back_inserter(line), "{}", *number);
    } else {
      append_string(line, std::get<std::string_view>(field.value));
    }
  }
  line.push_back('}');
  const std::string_view text(line.data(), line.size());
  if (spdlog::logger* logger = current.load(std::memory_order_acquire)) {
    logger->log(spdlog::level::info, spdlog::string_view_t(text.data(), text.size()));
  } else {
    write_unopened(text);
  }
}

}  // namespace govctl::log
