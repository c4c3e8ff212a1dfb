#include "daemon/providers/bedrock.h"

#include <fmt/format.h>

#include <algorithm>

#include "common/version.h"
#include "daemon/providers/anthropic.h"
#include "daemon/providers/json_object.h"
#include "daemon/providers/sigv4.h"

namespace govctl::providers::bedrock {
namespace {

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  for (;;) {
    const std::size_t at = text.find(separator);
    parts.push_back(text.substr(0, at));
    if (at == std::string_view::npos) return parts;
    text.remove_prefix(at + 1);
  }
}

// The label after bedrock-runtime (also -fips, and behind a VPC endpoint's own), else the second.
std::string_view region_of(std::string_view host) {
  constexpr std::string_view fallback = "us-east-1";
  host = host.substr(0, host.find(':'));
  const auto labels = split(host, '.');
  const bool address = std::ranges::all_of(host, [](char c) { return c == '.' || (c >= '0' && c <= '9'); });
  if (address || labels.size() < 3) return fallback;
  for (std::size_t i = 0; i + 1 < labels.size(); ++i) {
    if (labels[i].starts_with("bedrock-runtime")) return labels[i + 1];
  }
  return labels[1];
}

std::string_view trimmed(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(" \t");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t") - begin + 1);
}

// The client's anthropic-beta headers as a JSON array; empty when there is none.
std::string beta_array(const std::vector<WireHeader>* passed) {
  std::string array;
  if (passed == nullptr) return array;
  for (const WireHeader& header : *passed) {
    if (!std::ranges::equal(header.name, std::string_view("anthropic-beta"),
                            [](char a, char b) { return (a | 0x20) == (b | 0x20); })) {
      continue;
    }
    for (const std::string_view part : split(header.value, ',')) {
      const std::string_view word = trimmed(part);
      if (!word.empty()) array += (array.empty() ? "[" : ",") + json_quoted(word);
    }
  }
  return array.empty() ? array : array + "]";
}

// The body as Bedrock wants it; what stays of it stays as it was written.
Result<std::string> bedrock_body(std::string_view body, const std::string& betas) {
  const auto object = scan_object(body);
  if (!object) return std::unexpected(object.error());
  std::string made = R"({"anthropic_version":"bedrock-2023-05-31")";
  if (!betas.empty()) made += R"(,"anthropic_beta":)" + betas;
  for (const JsonMember& member : object->members) {
    const bool ours = member.key == "model" || member.key == "stream" || member.key == "anthropic_version" ||
                      (member.key == "anthropic_beta" && !betas.empty());
    if (ours) continue;
    const char* const begin = member.key.data() - 1;  // its quote
    const char* const end = member.value.data() + member.value.size();
    made += ',';
    made.append(begin, end);
  }
  return made + '}';
}

Result<WireRequest> wire(WireInput input) {
  const auto credential = sigv4::parse_credential(input.credential);
  if (!credential) return std::unexpected(credential.error());
  const std::string messages_body = std::move(input.body);
  auto body = bedrock_body(messages_body, beta_array(input.passed));
  if (!body) return std::unexpected(body.error());
  WireRequest request;
  request.body = std::move(*body);
  request.target = fmt::format("/model/{}/{}", sigv4::uri_encoded(input.model, sigv4::Slash::encoded),
                               input.stream ? "invoke-with-response-stream" : "invoke");
  std::vector<WireHeader> headers{{"content-type", "application/json"},
                                  {"host", std::string(input.host)},
                                  {"x-amz-date", sigv4::amz_date(input.unix_seconds)}};
  if (!credential->session_token.empty()) {
    headers.push_back({"x-amz-security-token", std::string(credential->session_token)});
  }
  const std::string path = std::string(input.base_path) + request.target;
  const sigv4::Request signing{.method = "POST",
                               .path = path,
                               .headers = &headers,
                               .body = request.body,
                               .region = region_of(input.host),
                               .service = "bedrock",
                               .unix_seconds = input.unix_seconds};
  std::string authorization = sigv4::authorization(signing, *credential);
  std::erase_if(headers,
                [](const WireHeader& header) { return header.name == "host"; });  // the client's to send
  headers.push_back({"authorization", std::move(authorization)});
  headers.push_back({"accept", "application/json"});  // of the model's answer; the framing comes by the path
  headers.push_back({"user-agent", fmt::format("govd/{}", version)});
  request.headers = std::move(headers);
  return request;
}

}  // namespace

const Adapter& adapter() {
  static constexpr Adapter row{.kind = "bedrock",
                               .chat = Format::messages,
                               .embeddings = std::nullopt,
                               .responses = false,
                               .framing = Framing::aws_event_stream,
                               .wire = wire,
                               .request_from_chat = anthropic::request_from_chat,
                               .answer_to_chat = anthropic::answer_to_chat,
                               .chunks = anthropic::chunks,
                               .embeddings_from_openai = nullptr,
                               .embeddings_to_openai = nullptr};
  return row;
}

}  // namespace govctl::providers::bedrock
