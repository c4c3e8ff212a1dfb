#include "cli/client.h"

#include <fmt/format.h>
#include <grp.h>
#include <httplib.h>
#include <pwd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>

#include "cli/shell.h"
#include "common/clock.h"
#include "common/id.h"
#include "common/version.h"

namespace govctl::cli {
namespace {

std::string url_of(const Request& request) {
  std::string url = request.path;
  char joint = '?';
  for (const auto& [name, value] : request.query) {
    url += joint + name + "=" + segment(value);
    joint = '&';
  }
  return url;
}

// "alice", or the number when nobody has that name.
std::string user_name(uid_t uid) {
  const passwd* entry = getpwuid(uid);
  return entry != nullptr ? entry->pw_name : fmt::format("uid {}", uid);
}

void mask_secrets(Json& json) {
  if (json.is_object() && json.contains("secret")) json["secret"] = "…";
  if (json.is_structured()) {
    for (auto& inner : json) mask_secrets(inner);
  }
}

Error no_permission(const std::string& socket) {
  Error error{Code::no_permission, "", "", ""};
  struct stat seen{};
  if (stat(socket.c_str(), &seen) != 0) {
    error.message =
        fmt::format("the socket {} does not admit {}: its directory is closed", socket, user_name(geteuid()));
    error.next = "sudo govctl status";
    return error;
  }
  const group* owner = getgrgid(seen.st_gid);
  if ((seen.st_mode & S_IWGRP) != 0 && owner != nullptr) {
    error.message = fmt::format("the socket {} does not admit {}: it is for members of the group {}", socket,
                                user_name(geteuid()), owner->gr_name);
    error.next =
        fmt::format("sudo usermod -aG {} {}  # then log in again", owner->gr_name, user_name(geteuid()));
  } else {
    error.message = fmt::format("the socket {} does not admit {}: it belongs to {} alone", socket,
                                user_name(geteuid()), user_name(seen.st_uid));
    error.next = "govctl up  # a daemon of your own";
  }
  return error;
}

}  // namespace

std::string segment(std::string_view text) {
  static constexpr char hex[] = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
                       c == '_' || c == '.' || c == '~';
    if (plain) {
      out += c;
    } else {
      const auto byte = static_cast<unsigned char>(c);
      out += '%';
      out += hex[byte >> 4];
      out += hex[byte & 15];
    }
  }
  return out;
}

Error error_of(int status, std::string_view body) {
  Error error;
  const Json json = Json::parse(body, nullptr, false);
  const auto found = json.is_object() ? json.find("error") : json.end();
  if (!json.is_object() || found == json.end() || !found->is_object()) {
    error.message = fmt::format("the daemon answered with HTTP status {} and no reason", status);
    error.next = "govctl logs";
    return error;
  }
  const auto text = [&](const char* name) {
    const auto at = found->find(name);
    return at != found->end() && at->is_string() ? at->get<std::string>() : std::string();
  };
  error.message = text("message");
  error.next = text("next");
  if (const auto details = found->find("details"); details != found->end() && details->is_object()) {
    error.details = details->dump();
  }
  const std::string word = text("code");
  error.code = code_of(word);
  if (error.code == Code::internal && word != "internal") {
    for (int i = 0; i <= static_cast<int>(Code::internal); ++i) {
      if (facts(static_cast<Code>(i)).status == status) {
        error.code = static_cast<Code>(i);
        break;
      }
    }
  }
  return error;
}

Error why_unreachable(const std::string& socket) {
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, socket.data(), std::min(socket.size(), sizeof(address.sun_path) - 1));
  const int failed = connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0 ? 0 : errno;
  close(fd);
  if (failed == EACCES || failed == EPERM) return no_permission(socket);
  if (failed == 0 || failed == EAGAIN) {
    return {Code::unavailable, fmt::format("the daemon on {} is too busy to answer", socket), "govctl status",
            ""};
  }
  const std::string_view what = failed == ENOENT ? "there is no such socket" : "nobody listens on it";
  return {Code::unreachable, fmt::format("no daemon is running: {} ({})", what, socket), "govctl up", ""};
}

namespace {
std::int64_t patience(const Target& target, const Request& request) {
  constexpr std::int64_t minute = 60 * micros_per_second;
  return target.timeout_micros.value_or(request.reads_whole_files ? 10 * minute : minute);
}
}  // namespace

struct Client::Wire {
  explicit Wire(const Target& target) : http(target.socket, 80) {
    http.set_address_family(AF_UNIX);
    http.set_url_encode(false);
    http.set_keep_alive(true);
    http.set_connection_timeout(5);
  }
  httplib::ClientImpl http;
};

struct Client::Answer {
  int status = 0;  // 0: none came
  std::string body, api_major;
  httplib::Error failure = httplib::Error::Success;
  std::int64_t micros = 0;
};

Client::Client(Target target, Terminal& terminal) : target_(std::move(target)), terminal_(terminal) {
  correlation_id_ = uuid_text(mint_uuid7(SystemClock().now().millis()));
}
Client::~Client() = default;

void Client::trace_curl(const Request& request) {
  std::string line = fmt::format("curl --unix-socket {} -X {} {}", shell_quoted(target_.socket), request.method,
                                 shell_quoted("http://govd" + url_of(request)));
  if (target_.token) line += " -H \"Authorization: Bearer $GOVCTL_TOKEN\"";
  if (!request.idempotency_key.empty())
    line += " -H " + shell_quoted("Idempotency-Key: " + request.idempotency_key);
  if (!request.if_match.empty()) line += " -H " + shell_quoted("If-Match: \"" + request.if_match + "\"");
  if (request.body) {
    Json body = *request.body;
    mask_secrets(body);
    line += " -H 'Content-Type: application/json' -d " +
            shell_quoted(body.dump(-1, ' ', false, Json::error_handler_t::replace));
  }
  terminal_.err << line << "\n";
}

Client::Answer Client::exchange(const Request& request, const std::function<bool(std::string_view)>* sink) {
  if (!wire_) wire_ = std::make_unique<Wire>(target_);
  const std::int64_t timeout = patience(target_, request);
  wire_->http.set_read_timeout(timeout / micros_per_second, timeout % micros_per_second);
  wire_->http.set_write_timeout(timeout / micros_per_second, timeout % micros_per_second);
  httplib::Request out;
  out.method = request.method;
  out.path = url_of(request);
  out.headers = {{"Host", "govd"},
                 {"Accept", "application/json"},
                 {"User-Agent", fmt::format("govctl/{}", version)},
                 {"x-govd-api", std::to_string(api_major)},
                 {"x-correlation-id", correlation_id_}};
  if (target_.token) out.headers.emplace("Authorization", "Bearer " + *target_.token);
  if (!request.idempotency_key.empty()) out.headers.emplace("Idempotency-Key", request.idempotency_key);
  if (!request.if_match.empty()) out.headers.emplace("If-Match", "\"" + request.if_match + "\"");
  if (request.body) {
    out.headers.emplace("Content-Type", "application/json");
    out.body = request.body->dump(-1, ' ', false, Json::error_handler_t::replace);
  }
  Answer answer;
  const auto note_head = [&](const httplib::Response& response) {
    answer.status = response.status;
    answer.api_major = response.get_header_value("x-govd-api");
    request_id_ = response.get_header_value("x-request-id");
    return true;
  };
  if (sink != nullptr) {
    out.response_handler = note_head;
    out.content_receiver = [&](const char* data, std::size_t size, std::uint64_t, std::uint64_t) {
      if (answer.status / 100 == 2) return (*sink)(std::string_view(data, size));
      answer.body.append(data, size);
      return true;
    };
  }
  const std::int64_t start = SystemClock().steady_micros();
  httplib::Response response;
  const bool came = wire_->http.send(out, response, answer.failure);
  answer.micros = SystemClock().steady_micros() - start;
  if (came && sink == nullptr) {
    note_head(response);
    answer.body = std::move(response.body);
  } else if (!came) {
    answer.status = 0;
  }
  return answer;
}

Result<Client::Answer> Client::answered(const Request& request,
                                        const std::function<bool(std::string_view)>* sink) {
  if (target_.print_curl) trace_curl(request);
  Answer answer = exchange(request, sink);
  const bool repeatable = sink == nullptr && (request.method == "GET" || !request.idempotency_key.empty());
  const bool broke = answer.failure == httplib::Error::Read || answer.failure == httplib::Error::Write;
  if (answer.status == 0 && broke && repeatable && answer.micros < patience(target_, request)) {
    answer = exchange(request, sink);
  }
  if (target_.verbose) {
    terminal_.err << fmt::format("{} {} -> {} in {}.{:03} ms\n", request.method, url_of(request),
                                 answer.status == 0 ? "no answer" : std::to_string(answer.status),
                                 answer.micros / 1000, answer.micros % 1000);
  }
  if (answer.status != 0) {
    if (!answer.api_major.empty() && answer.api_major != std::to_string(api_major)) {
      return fail(Code::version_differs,
                  fmt::format("versions differ: the daemon speaks API {}, this govctl ({}) speaks API {}",
                              answer.api_major.substr(0, 10), version, api_major),
                  "govctl version");
    }
    return answer;
  }
  if (answer.failure == httplib::Error::Connection || answer.failure == httplib::Error::ConnectionTimeout) {
    return std::unexpected(why_unreachable(target_.socket));
  }
  if (answer.micros >= patience(target_, request)) {
    return fail(Code::timeout,
                fmt::format("the daemon did not answer within {} s; what was asked may still happen",
                            patience(target_, request) / micros_per_second),
                "govctl status");
  }
  return fail(Code::unreachable, "the daemon closed the connection without an answer", "govctl logs");
}

Result<Json> Client::send(const Request& request) {
  auto answer = answered(request, nullptr);
  if (!answer) return std::unexpected(answer.error());
  if (answer->status >= 400) return std::unexpected(error_of(answer->status, answer->body));
  if (answer->body.empty()) return Json();
  Json json = Json::parse(answer->body, nullptr, false);
  if (json.is_discarded()) {
    return fail(Code::internal, fmt::format("{} does not answer like govd: no JSON", target_.socket),
                "govctl version");
  }
  return json;
}

Result<void> Client::stream(const Request& request, const std::function<bool(std::string_view)>& sink) {
  auto answer = answered(request, &sink);
  if (!answer) return std::unexpected(answer.error());
  if (answer->status >= 400) return std::unexpected(error_of(answer->status, answer->body));
  return {};
}

}  // namespace govctl::cli
