#pragma once
// The structured log: one JSON object a line on stderr or in a file. Fields are typed and come from an
// allow-list (Field::…): no raw headers, bodies, URLs or exception texts can get in by accident (60-security.md
// "Secrets"). Any thread.

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <variant>

namespace govctl::log {

enum class LogLevel { debug, info, warn, error };

// What may be logged. A new name is a new line here, and in the table of log.cpp.
enum class Field {
  request_id,
  org,
  agent,
  key_id,
  key_suffix,
  model,
  provider,
  status,
  cause,
  code,
  path,  // a route's pattern or a resource path, never a raw URL
  file,  // a file of ours
  host,  // an upstream's host name
  address,
  port,
  pid,
  uid,
  count,
  bytes,
  credits,
  duration_ms,
  version,
  reason,  // text that this program wrote itself
  thread,
};

struct Value {
  Field field;
  std::variant<std::int64_t, std::string_view> value;
  Value(Field name, std::string_view text) : field(name), value(text) {}
  Value(Field name, const std::string& text) : field(name), value(std::string_view(text)) {}
  Value(Field name, const char* text) : field(name), value(std::string_view(text)) {}
  template <std::integral T>
  Value(Field name, T number) : field(name), value(static_cast<std::int64_t>(number)) {}
};

// `file` empty: stderr, also when the file cannot be opened. Call before threads. Lines are written by a thread
// of the log's own, in order, and are all out at exit(). Without open() warnings and errors go straight to
// stderr.
void open(LogLevel threshold, const std::string& file);
// {"ts":"2026-…Z","level":"info","msg":"…",fields…}. `message` is a literal of this program's.
void write(LogLevel level, std::string_view message, std::initializer_list<Value> fields = {});

inline void debug(std::string_view message, std::initializer_list<Value> fields = {}) {
  write(LogLevel::debug, message, fields);
}
inline void info(std::string_view message, std::initializer_list<Value> fields = {}) {
  write(LogLevel::info, message, fields);
}
inline void warn(std::string_view message, std::initializer_list<Value> fields = {}) {
  write(LogLevel::warn, message, fields);
}
inline void error(std::string_view message, std::initializer_list<Value> fields = {}) {
  write(LogLevel::error, message, fields);
}

}  // namespace govctl::log
