#pragma once
// Speaks HTTP/1.1 with govd over its Unix socket. One connection, kept for the command's requests. One thread.

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cli/terminal.h"
#include "common/api/fields.h"
#include "common/error.h"

namespace govctl::cli {

using api::Json;
using Query = std::vector<std::pair<std::string, std::string>>;

// One segment of a URL's path, percent-encoded, slashes too: "acme/prod" -> "acme%2Fprod".
std::string segment(std::string_view text);

struct Target {
  std::string socket;
  std::optional<std::string> token;
  std::optional<std::int64_t> timeout_micros{};  // default: a minute, ten for what reads whole files
  bool verbose = false, print_curl = false;
};

struct Request {
  std::string_view method;  // "GET"
  std::string path;         // "/orgs/" + segment(slug)
  Query query{};
  std::optional<Json> body{};
  std::string if_match{};         // a version, or empty
  std::string idempotency_key{};  // set: may be sent again when the connection breaks
  bool reads_whole_files = false;
};

class Client {
 public:
  Client(Target target, Terminal& terminal);
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // The answer's JSON (null for an empty body). An answer of 400 and up is the Error it carries; no answer is
  // Code::unreachable, no_permission, version_differs, unavailable or timeout.
  Result<Json> send(const Request& request);
  // Gives the body of a 2xx answer in pieces as they come; `sink` says whether to go on.
  Result<void> stream(const Request& request, const std::function<bool(std::string_view)>& sink);
  // The last answer's x-request-id, or empty.
  [[nodiscard]] const std::string& request_id() const { return request_id_; }

 private:
  struct Wire;
  struct Answer;
  Answer exchange(const Request& request, const std::function<bool(std::string_view)>* sink);
  Result<Answer> answered(const Request& request, const std::function<bool(std::string_view)>* sink);
  void trace_curl(const Request& request);

  Target target_;
  Terminal& terminal_;
  std::string correlation_id_;
  std::string request_id_;
  std::unique_ptr<Wire> wire_;
};

// What an error answer of the daemon says. A code that this govctl does not know is taken by its HTTP status.
Error error_of(int status, std::string_view body);

// Why nobody answers on the socket, found by trying.
Error why_unreachable(const std::string& socket);

}  // namespace govctl::cli
