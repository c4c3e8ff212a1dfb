#include "tests/crash/fault_kinds.h"

#include <fmt/format.h>

#include <thread>

namespace govctl::test {
namespace {

// --- sound answers in pieces: 30 tokens in, 12 out unless said otherwise

struct Counts {
  std::string_view in = "30", out = "12";
};

std::string event(std::string_view name, const std::string& data) {
  return name.empty() ? fmt::format("data: {}\n\n", data) : fmt::format("event: {}\ndata: {}\n\n", name, data);
}

std::string begin(Spoken dialect, Counts counts = {}) {
  switch (dialect) {
    case Spoken::chat:
      break;
    case Spoken::messages:
      return event("message_start",
                   fmt::format(R"({{"type":"message_start","message":{{"id":"msg_1","type":"message",)"
                               R"("role":"assistant","model":"m","content":[],"stop_reason":null,)"
                               R"("usage":{{"input_tokens":{},"output_tokens":1}}}}}})",
                               counts.in)) +
             event("content_block_start", R"({"type":"content_block_start","index":0,)"
                                          R"("content_block":{"type":"text","text":""}})");
    case Spoken::responses:
      return event("response.created", R"({"type":"response.created","sequence_number":0,)"
                                       R"("response":{"id":"resp_1","status":"in_progress","output":[]}})");
  }
  return {};
}

std::string text(Spoken dialect, std::string_view words) {
  switch (dialect) {
    case Spoken::chat:
      break;
    case Spoken::messages:
      return event("content_block_delta", fmt::format(R"({{"type":"content_block_delta","index":0,)"
                                                      R"("delta":{{"type":"text_delta","text":"{}"}}}})",
                                                      words));
    case Spoken::responses:
      return event("response.output_text.delta",
                   fmt::format(R"({{"type":"response.output_text.delta","sequence_number":1,"item_id":"i",)"
                               R"("output_index":0,"content_index":0,"delta":"{}"}})",
                               words));
  }
  return event("", fmt::format(R"({{"id":"c","object":"chat.completion.chunk","created":1,"model":"m",)"
                               R"("choices":[{{"index":0,"delta":{{"content":"{}"}},"finish_reason":null}}]}})",
                               words));
}

std::string chat_usage(Counts counts) {
  return fmt::format(R"({{"prompt_tokens":{},"completion_tokens":{}}})", counts.in, counts.out);
}
// Stop reason and usage; the responses API says both in its last event.
std::string finish(Spoken dialect, Counts counts = {}) {
  switch (dialect) {
    case Spoken::chat:
      break;
    case Spoken::messages:
      return event("content_block_stop", R"({"type":"content_block_stop","index":0})") +
             event("message_delta",
                   fmt::format(R"({{"type":"message_delta","delta":{{"stop_reason":"end_turn"}},)"
                               R"("usage":{{"output_tokens":{}}}}})",
                               counts.out));
    case Spoken::responses:
      return {};
  }
  return event("", R"({"id":"c","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]})") +
         event("", fmt::format(R"({{"id":"c","choices":[],"usage":{}}})", chat_usage(counts)));
}

std::string last(Spoken dialect, Counts counts = {}) {
  switch (dialect) {
    case Spoken::chat:
      break;
    case Spoken::messages:
      return event("message_stop", R"({"type":"message_stop"})");
    case Spoken::responses:
      return event(
          "response.completed",
          fmt::format(R"({{"type":"response.completed","sequence_number":2,"response":{{"id":"resp_1",)"
                      R"("object":"response","status":"completed","model":"m","output":[],)"
                      R"("usage":{{"input_tokens":{},"output_tokens":{}}}}}}})",
                      counts.in, counts.out));
  }
  return event("", "[DONE]");
}

std::string whole_stream(Spoken dialect, Counts counts = {}) {
  return begin(dialect, counts) + text(dialect, "some words") + finish(dialect, counts) + last(dialect, counts);
}

std::string whole_body(Spoken dialect, Counts counts = {}) {
  switch (dialect) {
    case Spoken::chat:
      break;
    case Spoken::messages:
      return fmt::format(R"({{"id":"msg_1","type":"message","role":"assistant","model":"m",)"
                         R"("content":[{{"type":"text","text":"some words"}}],"stop_reason":"end_turn",)"
                         R"("usage":{{"input_tokens":{},"output_tokens":{}}}}})",
                         counts.in, counts.out);
    case Spoken::responses:
      return fmt::format(R"({{"id":"resp_1","object":"response","status":"completed","model":"m",)"
                         R"("output":[{{"type":"message","id":"i","role":"assistant","content":)"
                         R"([{{"type":"output_text","text":"some words"}}]}}],)"
                         R"("usage":{{"input_tokens":{},"output_tokens":{}}}}})",
                         counts.in, counts.out);
  }
  return fmt::format(R"({{"id":"c","object":"chat.completion","created":1,"model":"m","choices":)"
                     R"([{{"index":0,"message":{{"role":"assistant","content":"some words"}},)"
                     R"("finish_reason":"stop"}}],"usage":{}}})",
                     chat_usage(counts));
}

// --- framing. No connection is kept, so that descriptors can be counted.

std::string head(std::string_view status, std::string_view headers) {
  return fmt::format("HTTP/1.1 {}\r\nConnection: close\r\n{}\r\n", status, headers);
}
constexpr std::string_view sse_chunked = "Content-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n";
constexpr std::string_view no_more = "0\r\n\r\n";

std::string chunk(std::string_view bytes) { return fmt::format("{:x}\r\n{}\r\n", bytes.size(), bytes); }

std::string sse(const std::string& events) {
  return head("200 OK", sse_chunked) + chunk(events) + std::string(no_more);
}
std::string sized(std::string_view status, std::string_view type, std::string_view body) {
  return head(status, fmt::format("Content-Type: {}\r\nContent-Length: {}\r\n", type, body.size())) +
         std::string(body);
}
std::string json(std::string_view status, std::string_view body) {
  return sized(status, "application/json", body);
}

void say(Reply& reply, std::string_view bytes) {
  reply.close = true;
  reply.raw(bytes);
}
// The head and a first word.
void start(Reply& reply, Spoken dialect) {
  say(reply, head("200 OK", sse_chunked) + chunk(begin(dialect) + text(dialect, "some words")));
}

void error_json(Reply& reply, std::string_view status) {
  say(reply, json(status, R"({"type":"error","error":{"type":"api_error","message":"no","code":null}})"));
}
void error_page(Reply& reply, std::string_view status) {
  say(reply, sized(status, "text/html", "<html>no</html>"));
}

void flood(Reply& reply, Spoken dialect) {
  start(reply, dialect);
  const std::string piece = chunk(text(dialect, std::string(32'000, 'w')));
  for (int i = 0; i < 100; ++i) {
    if (!reply.raw(piece)) return;
  }
}

void trickle(Reply& reply, Spoken dialect) {
  reply.close = true;
  const std::string answer = sse(whole_stream(dialect));
  const std::size_t head_size = answer.find("\r\n\r\n") + 4;
  for (std::size_t at = 0; at < head_size; ++at) {
    if (!reply.raw(answer.substr(at, 1))) return;
    // Few pauses: on a busy machine each may take its time, and the head is waited for 300 ms.
    if (at % 16 == 0) std::this_thread::sleep_for(500us);
  }
  reply.raw(answer.substr(head_size));
}

// An array that nests too deep for anybody's parser.
std::string nested() { return std::string(100'000, '[') + std::string(100'000, ']'); }

std::string ten_megabytes() {
  std::string words;
  words.resize(10'000'000, 'w');
  return words;
}

std::string without_end(std::string text_of) {
  while (text_of.ends_with('\n')) text_of.pop_back();
  return text_of;
}

std::string crlf(const std::string& lf) {
  std::string made;
  for (const char c : lf) made += c == '\n' ? std::string("\r\n") : std::string(1, c);
  return made;
}

constexpr auto W = Shown::whole;
constexpr auto D = Shown::dead;
constexpr Counts negative{"-5", "-7"};
constexpr Counts absurd{"30", "9000000000000000000"};

}  // namespace

const std::vector<FaultKind>& fault_kinds() {
  static const std::vector<FaultKind> kinds{
      // --- before and in the head
      {.name = "refused"},
      {.name = "reset before the head", .act = [](Reply& r, Spoken) { r.reset(); }},
      {.name = "closed before the head", .act = [](Reply& r, Spoken) { r.close = true; }},
      {.name = "reset in the head",
       .act =
           [](Reply& r, Spoken) {
             say(r, "HTTP/1.1 200 OK\r\nContent-Ty");
             std::this_thread::sleep_for(5ms);
             r.reset();
           }},
      {.name = "closed in the head", .act = [](Reply& r, Spoken) { say(r, "HTTP/1.1 200 OK\r\nContent-Ty"); }},
      {.name = "head that never comes",
       .act =
           [](Reply& r, Spoken) {
             r.close = true;
             r.wait_until_gone();
           }},
      {.name = "head byte by byte", .chat = W, .messages = W, .responses = W, .act = trickle},
      {.name = "garbage for HTTP",
       .act = [](Reply& r, Spoken) { say(r, "\x16\x03\x01 SSH-2.0 220 hello\r\n\r\n"); }},
      {.name = "huge head",
       .act =
           [](Reply& r, Spoken) {
             say(r, head("200 OK", "X: " + std::string(100'000, 'x') + "\r\n"));
             r.wait_until_gone();
           }},
      {.name = "two lengths",
       .act =
           [](Reply& r, Spoken d) {
             say(r, head("200 OK",
                         "Content-Type: text/event-stream\r\nContent-Length: 9\r\nContent-Length: 8\r\n") +
                        whole_stream(d));
           }},
      {.name = "unknown transfer encoding",
       .act =
           [](Reply& r, Spoken d) {
             say(r, head("200 OK", "Content-Type: text/event-stream\r\nTransfer-Encoding: gzip, chunked\r\n") +
                        chunk(whole_stream(d)) + std::string(no_more));
           }},
      {.name = "another protocol",
       .act = [](Reply& r, Spoken) { say(r, head("101 Switching", "Upgrade: x\r\n")); }},
      {.name = "many early heads",
       .chat = W,
       .messages = W,
       .responses = W,
       .act =
           [](Reply& r, Spoken d) {
             std::string early;
             for (int i = 0; i < 50; ++i) early += "HTTP/1.1 103 Early\r\nX: y\r\n\r\n";
             say(r, early + sse(whole_stream(d)));
           }},
      // --- answers in one piece
      {.name = "truncated JSON",
       .streamed = false,
       .act = [](Reply& r, Spoken d) { say(r, json("200 OK", whole_body(d).substr(0, 60))); }},
      {.name = "length too short",
       .streamed = false,
       .act =
           [](Reply& r, Spoken d) {
             say(r, head("200 OK", "Content-Type: application/json\r\nContent-Length: 60\r\n") + whole_body(d));
           }},
      {.name = "length too long",
       .streamed = false,
       .act =
           [](Reply& r, Spoken d) {
             say(r,
                 head("200 OK", "Content-Type: application/json\r\nContent-Length: 99999\r\n") + whole_body(d));
           }},
      {.name = "stall in the body",
       .streamed = false,
       .act =
           [](Reply& r, Spoken d) {
             say(r,
                 head("200 OK", "Content-Type: application/json\r\nContent-Length: 99999\r\n") + whole_body(d));
             r.wait_until_gone();
           }},
      {.name = "gzip unasked",
       .streamed = false,
       .act =
           [](Reply& r, Spoken) {
             say(r, head("200 OK",
                         "Content-Type: application/json\r\nContent-Encoding: gzip\r\n"
                         "Content-Length: 12\r\n") +
                        "\x1f\x8b\x08\x01\x01\x01\x01\x01\x01\x03\x03\x01");
           }},
      {.name = "empty body", .streamed = false, .act = [](Reply& r, Spoken) { say(r, json("200 OK", "")); }},
      {.name = "no content",
       .streamed = false,
       .act = [](Reply& r, Spoken) { say(r, head("204 No Content", "")); }},
      {.name = "JSON that is no object",
       .streamed = false,
       .act = [](Reply& r, Spoken) { say(r, json("200 OK", "[1,2]")); }},
      {.name = "JSON too deep",
       .streamed = false,
       .act = [](Reply& r, Spoken) { say(r, json("200 OK", nested())); }},
      {.name = "negative usage",
       .streamed = false,
       .chat = W,
       .messages = W,
       .responses = W,
       .act = [](Reply& r, Spoken d) { say(r, json("200 OK", whole_body(d, negative))); },
       .absurd = true},
      {.name = "absurd usage",
       .streamed = false,
       .chat = W,
       .messages = W,
       .responses = W,
       .act = [](Reply& r, Spoken d) { say(r, json("200 OK", whole_body(d, absurd))); },
       .absurd = true},
      {.name = "bytes behind the body",
       .streamed = false,
       .chat = W,
       .messages = W,
       .responses = W,
       .act = [](Reply& r, Spoken d) { say(r, json("200 OK", whole_body(d)) + "HTTP/1.1 200 OK\r\n\r\n"); }},
      {.name = "HTTP/1.0, no length",
       .streamed = false,
       .chat = W,
       .messages = W,
       .responses = W,
       .act =
           [](Reply& r, Spoken d) {
             say(r, "HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n" + whole_body(d));
           }},
      // --- error statuses
      {.name = "500 JSON", .act = [](Reply& r, Spoken) { error_json(r, "500 Error"); }},
      {.name = "502 page", .act = [](Reply& r, Spoken) { error_page(r, "502 Bad Gateway"); }},
      {.name = "503 JSON",
       .streamed = false,
       .act = [](Reply& r, Spoken) { error_json(r, "503 Unavailable"); }},
      {.name = "503 page", .act = [](Reply& r, Spoken) { error_page(r, "503 Unavailable"); }},
      {.name = "429 JSON", .act = [](Reply& r, Spoken) { error_json(r, "429 Too Many"); }},
      {.name = "429 page", .streamed = false, .act = [](Reply& r, Spoken) { error_page(r, "429 Too Many"); }},
      {.name = "529 JSON", .act = [](Reply& r, Spoken) { error_json(r, "529 Overloaded"); }},
      {.name = "529 empty", .act = [](Reply& r, Spoken) { say(r, json("529 Overloaded", "")); }},
      {.name = "401", .act = [](Reply& r, Spoken) { error_json(r, "401 Unauthorized"); }},
      {.name = "redirect",
       .act =
           [](Reply& r, Spoken) {
             say(r, head("302 Found", "Location: http://127.0.0.1:1/\r\nContent-Length: 0\r\n"));
           }},
      {.name = "error cut short",
       .act =
           [](Reply& r, Spoken) {
             say(r, head("500 Error", "Content-Type: application/json\r\nContent-Length: 500\r\n") +
                        "{\"error\":");
           }},
      // --- streams
      {.name = "empty stream",
       .act = [](Reply& r, Spoken) { say(r, head("200 OK", sse_chunked) + std::string(no_more)); }},
      {.name = "chunk with a bad size",
       .act =
           [](Reply& r, Spoken d) {
             start(r, d);
             r.raw("zz\r\nwords\r\n");
             r.wait_until_gone();
           }},
      {.name = "chunk of endless size",
       .act =
           [](Reply& r, Spoken d) {
             start(r, d);
             r.raw("ffffffffffffffffff\r\nwords\r\n");
             r.wait_until_gone();
           }},
      {.name = "chunk cut",
       .act =
           [](Reply& r, Spoken d) {
             start(r, d);
             r.raw("ff\r\nda");
           }},
      {.name = "event cut",
       .act =
           [](Reply& r, Spoken d) {
             start(r, d);
             r.raw(chunk(text(d, "more words").substr(0, 40)) + std::string(no_more));
           }},
      {.name = "ended early",
       .act =
           [](Reply& r, Spoken d) {
             start(r, d);
             r.raw(no_more);
           }},
      {.name = "reset in the stream",
       .act =
           [](Reply& r, Spoken d) {
             start(r, d);
             std::this_thread::sleep_for(5ms);
             r.reset();
           }},
      {.name = "half-closed",
       .act =
           [](Reply& r, Spoken d) {
             start(r, d);
             r.half_close();
             r.wait_until_gone();
           }},
      {.name = "stall after the first byte",
       .act =
           [](Reply& r, Spoken) {
             say(r, head("200 OK", sse_chunked) + chunk("d"));
             r.wait_until_gone();
           }},
      {.name = "stall after a word",
       .act =
           [](Reply& r, Spoken d) {
             start(r, d);
             r.wait_until_gone();
           }},
      {.name = "flood, then cut", .act = flood, .large = true},
      {.name = "event of 10 MB",
       .act = [](Reply& r, Spoken d) { say(r, sse(begin(d) + text(d, ten_megabytes()) + last(d))); },
       .large = true},
      {.name = "line without an end",
       .act =
           [](Reply& r, Spoken d) {
             start(r, d);
             const std::string piece = chunk(std::string(100'000, 'w'));
             for (int i = 0; i < 100 && r.raw(piece); ++i) continue;
           },
       .large = true},
      {.name = "event that is no JSON",
       .act = [](Reply& r,
                 Spoken d) { say(r, sse(begin(d) + text(d, "words") + event("", "{no") + last(d))); }},
      {.name = "event too deep",
       .act = [](Reply& r, Spoken d) { say(r, sse(begin(d) + event("", nested()) + last(d))); }},
      {.name = "zeros for events",
       .act =
           [](Reply& r, Spoken d) {
             start(r, d);
             r.raw(chunk(std::string(1000, '\0')) + std::string(no_more));
           }},
      {.name = "page for a stream", .act = [](Reply& r, Spoken) { error_page(r, "200 OK"); }},
      {.name = "no last event",
       .chat = W,
       .messages = W,
       .responses = D,
       .act = [](Reply& r, Spoken d) { say(r, sse(begin(d) + text(d, "words") + finish(d))); }},
      {.name = "no blank line at the end",
       .chat = W,
       .messages = W,
       .responses = W,
       .act = [](Reply& r, Spoken d) { say(r, sse(without_end(whole_stream(d)))); }},
      {.name = "usage in a last line without a blank one",
       .chat = W,
       .messages = W,
       .responses = W,
       .act =
           [](Reply& r, Spoken d) {
             const std::string end = d == Spoken::responses ? last(d) : finish(d);
             say(r, sse(without_end(begin(d) + text(d, "words") + end)));
           }},
      {.name = "usage twice",
       .chat = W,
       .messages = W,
       .responses = W,
       .act = [](Reply& r,
                 Spoken d) { say(r, sse(begin(d) + text(d, "words") + finish(d) + finish(d) + last(d))); }},
      {.name = "negative usage in a stream",
       .chat = W,
       .messages = W,
       .responses = W,
       .act = [](Reply& r, Spoken d) { say(r, sse(whole_stream(d, negative))); },
       .absurd = true},
      {.name = "absurd usage in a stream",
       .chat = W,
       .messages = W,
       .responses = W,
       .act = [](Reply& r, Spoken d) { say(r, sse(whole_stream(d, absurd))); },
       .absurd = true},
      {.name = "events behind the end",
       .chat = W,
       .messages = W,
       .responses = W,
       .act = [](Reply& r, Spoken d) { say(r, sse(whole_stream(d) + text(d, "late words"))); }},
      {.name = "bytes behind the stream",
       .chat = W,
       .messages = W,
       .responses = W,
       .act = [](Reply& r, Spoken d) { say(r, sse(whole_stream(d)) + "what is this"); }},
      {.name = "no end of the framing",
       .chat = W,
       .messages = W,
       .responses = W,
       .act = [](Reply& r, Spoken d) { say(r, head("200 OK", sse_chunked) + chunk(whole_stream(d))); }},
      {.name = "HTTP/1.0 stream",
       .chat = W,
       .messages = W,
       .responses = W,
       .act =
           [](Reply& r, Spoken d) {
             say(r, "HTTP/1.0 200 OK\r\nContent-Type: text/event-stream\r\n\r\n" + whole_stream(d));
           }},
      {.name = "HTTP/1.0 stream cut",
       .act =
           [](Reply& r, Spoken d) {
             say(r, "HTTP/1.0 200 OK\r\nContent-Type: text/event-stream\r\n\r\n" + begin(d) + text(d, "words"));
           }},
      {.name = "CRLF stream",
       .chat = W,
       .messages = W,
       .responses = W,
       .act = [](Reply& r, Spoken d) { say(r, sse(crlf(whole_stream(d)))); }},
      {.name = "stream byte by byte",
       .chat = W,
       .messages = W,
       .responses = W,
       .act =
           [](Reply& r, Spoken d) {
             say(r, head("200 OK", sse_chunked));
             for (const char c : whole_stream(d)) {
               if (!r.raw(chunk(std::string_view(&c, 1)))) return;
             }
             r.raw(no_more);
           }},
  };
  return kinds;
}

void go_wrong(Reply& reply) {
  const std::string& target = reply.seen.target;
  const Spoken dialect = target.ends_with("/messages")    ? Spoken::messages
                         : target.ends_with("/responses") ? Spoken::responses
                                                          : Spoken::chat;
  const std::size_t at = reply.seen.body.find("fault:");
  if (at == std::string::npos) {
    say(reply, reply.wants_stream() ? sse(whole_stream(dialect)) : json("200 OK", whole_body(dialect)));
    return;
  }
  const std::string_view rest = std::string_view(reply.seen.body).substr(at + 6);
  const std::string_view name = rest.substr(0, rest.find('"'));
  for (const FaultKind& kind : fault_kinds()) {
    if (kind.name == name && kind.act != nullptr) kind.act(reply, dialect);
  }
}

}  // namespace govctl::test
