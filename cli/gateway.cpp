#include "cli/gateway.h"

#include <fmt/format.h>
#include <httplib.h>
#include <sys/socket.h>

#include <array>
#include <atomic>
#include <csignal>

#include "common/clock.h"
#include "common/version.h"

namespace govctl::cli {
namespace {

std::string text_of(const Json& object, const char* name) {
  const auto at = object.is_object() ? object.find(name) : object.end();
  return object.is_object() && at != object.end() && at->is_string() ? at->get<std::string>() : std::string();
}

struct Word {
  std::string_view word;
  Code code;
};
// The gateway's words that are not the error table's own.
constexpr std::array words{Word{"invalid_api_key", Code::unauthenticated},
                           Word{"rate_limit_exceeded", Code::rate_limited},
                           Word{"upstream_timeout", Code::timeout},
                           Word{"upstream_unreachable", Code::upstream_failed},
                           Word{"upstream_credential", Code::upstream_failed},
                           Word{"upstream_error", Code::upstream_failed}};

Code code_of_refusal(int status, std::string_view word) {
  for (const auto& row : words) {
    if (row.word == word) return row.code;
  }
  if (const Code code = code_of(word); code != Code::internal) return code;
  for (const Code code : {Code::invalid, Code::unauthenticated, Code::forbidden, Code::not_found,
                          Code::too_large, Code::rate_limited, Code::unavailable, Code::timeout}) {
    if (facts(code).status == status) return code;
  }
  return status >= 500 ? Code::upstream_failed : Code::invalid;
}

// Signals that end a call early. The handler shuts the connection's socket, which wakes the thread that reads.
std::atomic<int> open_socket{-1};
std::atomic<int> caught{0};
constexpr std::array ending{SIGINT, SIGTERM, SIGHUP};

void end_call(int signal) {
  caught = signal;
  const int fd = open_socket;
  if (fd >= 0) shutdown(fd, SHUT_RDWR);
}

class EndedBySignals {
 public:
  EndedBySignals() {
    caught = 0;
    struct sigaction action{};
    action.sa_handler = end_call;
    for (std::size_t i = 0; i < ending.size(); ++i) sigaction(ending[i], &action, &before_[i]);
  }
  ~EndedBySignals() {
    open_socket = -1;
    for (std::size_t i = 0; i < ending.size(); ++i) sigaction(ending[i], &before_[i], nullptr);
  }
  EndedBySignals(const EndedBySignals&) = delete;
  EndedBySignals& operator=(const EndedBySignals&) = delete;

 private:
  std::array<struct sigaction, ending.size()> before_{};
};

Error no_answer(const std::string& url, httplib::Error failure, std::int64_t micros, std::int64_t patience) {
  if (failure == httplib::Error::Connection || failure == httplib::Error::ConnectionTimeout) {
    return {Code::unreachable, fmt::format("the gateway {} cannot be reached from here", url), "govctl status",
            ""};
  }
  if (micros >= patience) {
    return {Code::timeout,
            fmt::format("no answer within {} s; the call may still be charged", patience / micros_per_second),
            "govctl usage history ORG --limit 1", ""};
  }
  return {Code::upstream_failed, "the gateway closed the connection before the answer's end", "govctl logs",
          ""};
}

Result<ChatAnswer> whole_answer(std::string_view body) {
  const Json json = Json::parse(body, nullptr, false);
  ChatAnswer answer;
  answer.model = text_of(json, "model");
  if (json.is_object() && json.contains("choices") && json["choices"].is_array() && !json["choices"].empty()) {
    const Json& choice = json["choices"][0];
    answer.finish_reason = text_of(choice, "finish_reason");
    if (choice.is_object() && choice.contains("message")) answer.text = text_of(choice["message"], "content");
    return answer;
  }
  return fail(Code::upstream_failed, "the answer is no chat completion", "govctl logs");
}

}  // namespace

Error gateway_error(int status, std::string_view body) {
  const Json json = Json::parse(body, nullptr, false);
  const Json error = json.is_object() && json.contains("error") ? json["error"] : Json();
  if (!error.is_object()) {
    return {status >= 500 ? Code::upstream_failed : Code::invalid,
            fmt::format("the gateway answered with HTTP status {} and no reason", status), "govctl logs", ""};
  }
  const std::string word = text_of(error, "code").empty() ? text_of(error, "type") : text_of(error, "code");
  Error told{code_of_refusal(status, word), text_of(error, "message"), "", ""};
  // The sentence ends with the command that helps: "…; run: govctl explain req_…".
  constexpr std::string_view joint = "; run: ";
  if (const std::size_t at = told.message.rfind(joint); at != std::string::npos) {
    told.next = told.message.substr(at + joint.size());
    told.message.resize(at);
  }
  const bool failed = told.code == Code::upstream_failed || told.code == Code::timeout;
  if (!word.empty()) {
    told.message = fmt::format("the call {} ({}): {}", failed ? "failed" : "was refused", word, told.message);
  }
  return told;
}

void ChatStream::take(std::string_view bytes, const Gateway::Sink& sink) {
  rest_ += bytes;
  std::size_t at = 0;
  for (std::size_t end = rest_.find('\n'); end != std::string::npos; end = rest_.find('\n', at)) {
    std::string_view text = std::string_view(rest_).substr(at, end - at);
    if (text.ends_with('\r')) text.remove_suffix(1);
    line(text, sink);
    at = end + 1;
  }
  rest_.erase(0, at);
}

void ChatStream::line(std::string_view line, const Gateway::Sink& sink) {
  if (!line.starts_with("data:")) return;
  line.remove_prefix(5);
  if (line.starts_with(' ')) line.remove_prefix(1);
  if (line == "[DONE]") {
    done_ = true;
    return;
  }
  const Json chunk = Json::parse(line, nullptr, false);
  if (!chunk.is_object()) return;
  if (chunk.contains("error")) {
    failure_ = gateway_error(502, line);
    return;
  }
  if (answer_.model.empty()) answer_.model = text_of(chunk, "model");
  if (!chunk.contains("choices") || !chunk["choices"].is_array()) return;
  for (const Json& choice : chunk["choices"]) {
    if (const auto reason = text_of(choice, "finish_reason"); !reason.empty()) answer_.finish_reason = reason;
    if (!choice.is_object() || !choice.contains("delta")) continue;
    const std::string text = text_of(choice["delta"], "content");
    if (text.empty()) continue;
    answer_.text += text;
    sink(text);
  }
}

Result<ChatAnswer> ChatStream::finish() const {
  if (failure_) return std::unexpected(*failure_);
  if (!done_) return fail(Code::upstream_failed, "the stream broke off before the answer's end", "govctl logs");
  return answer_;
}

Result<ChatAnswer> Gateway::chat(Json body, const Sink* sink) {
  httplib::Client http(url_);
  http.set_connection_timeout(5);
  http.set_read_timeout(timeout_micros_ / micros_per_second, timeout_micros_ % micros_per_second);
  http.set_socket_options([](auto fd) { open_socket = static_cast<int>(fd); });
  if (sink != nullptr) body["stream"] = true;

  httplib::Request request;
  request.method = "POST";
  request.path = "/v1/chat/completions";
  request.headers = {{"Authorization", "Bearer " + key_},
                     {"Content-Type", "application/json"},
                     {"User-Agent", fmt::format("govctl/{}", version)}};
  request.body = body.dump(-1, ' ', false, Json::error_handler_t::replace);
  int status = 0;
  std::string whole;
  ChatStream stream;
  request.response_handler = [&](const httplib::Response& response) {
    status = response.status;
    request_id_ = response.get_header_value("x-request-id");
    return true;
  };
  request.content_receiver = [&](const char* data, std::size_t size, std::uint64_t, std::uint64_t) {
    if (sink != nullptr && status == 200) {
      stream.take({data, size}, *sink);
    } else {
      whole.append(data, size);
    }
    return true;
  };
  request_id_.clear();
  const std::int64_t start = SystemClock().steady_micros();
  httplib::Response response;
  httplib::Error failure = httplib::Error::Success;
  bool came = false;
  {
    const EndedBySignals handlers;
    came = http.send(request, response, failure);
  }
  if (caught != 0) {
    interrupted_by_ = caught;
    return fail(Code::cancelled, "interrupted; what the provider had produced by then is charged");
  }
  if (status >= 400) {
    Error error = gateway_error(status, whole);
    if (error.next.empty() && !request_id_.empty()) error.next = "govctl explain " + request_id_;
    return std::unexpected(std::move(error));
  }
  if (!came && (sink == nullptr || status == 0)) {
    return std::unexpected(no_answer(url_, failure, SystemClock().steady_micros() - start, timeout_micros_));
  }
  auto answer = sink != nullptr ? stream.finish() : whole_answer(whole);
  if (answer) answer->request_id = request_id_;
  return answer;
}

}  // namespace govctl::cli
