#include "daemon/calls/responses_items.h"

#include <fmt/format.h>

namespace govctl::calls::responses {

using providers::AnswerIdentity;
using providers::Json;

namespace {

std::string id_of(std::string_view kind, const AnswerIdentity& identity) {
  std::string_view id = identity.id;
  if (id.starts_with("req_")) id.remove_prefix(4);
  return fmt::format("{}_{}", kind, id);
}
std::string id_of(std::string_view kind, const AnswerIdentity& identity, std::size_t number) {
  return fmt::format("{}_{}", id_of(kind, identity), number);
}

Json usage_json(const domain::Usage& usage) {
  using enum domain::PriceKind;
  const std::int64_t in = usage.input_tokens();
  const std::int64_t out = usage.output_tokens();
  return {{"input_tokens", in},
          {"input_tokens_details", {{"cached_tokens", usage[cache_read]}}},
          {"output_tokens", out},
          {"output_tokens_details", {{"reasoning_tokens", usage[reasoning]}}},
          {"total_tokens", in + out}};
}

}  // namespace

std::string_view string_of(const Json& object, const char* name) {
  if (!object.is_object()) return {};
  const auto found = object.find(name);
  if (found == object.end() || !found->is_string()) return {};
  return found->get_ref<const std::string&>();
}

std::string_view reasoning_of(const Json& message) {
  const std::string_view text = string_of(message, "reasoning_content");
  return text.empty() ? string_of(message, "reasoning") : text;
}

Json reasoning_item(const AnswerIdentity& identity, std::size_t number) {
  return {{"id", id_of("rs", identity, number)}, {"type", "reasoning"}, {"summary", Json::array()}};
}

Json message_item(const AnswerIdentity& identity, std::size_t number) {
  return {{"id", id_of("msg", identity, number)},
          {"type", "message"},
          {"status", "in_progress"},
          {"role", "assistant"},
          {"content", Json::array()}};
}

Json call_item(const AnswerIdentity& identity, std::size_t number, const Json& call) {
  const bool custom = string_of(call, "type") == "custom";
  const char* const member = custom ? "custom" : "function";
  const auto inner = call.find(member);
  Json item{{"id", id_of(custom ? "ctc" : "fc", identity, number)},
            {"type", custom ? "custom_tool_call" : "function_call"},
            {"status", "in_progress"},
            {"call_id", string_of(call, "id")},
            {"name", inner == call.end() ? std::string_view{} : string_of(*inner, "name")}};
  // A provider that numbers its calls by their place alone still needs a name for the result to come back
  // under.
  if (string_of(item, "call_id").empty()) item["call_id"] = id_of("call", identity, number);
  item[custom ? "input" : "arguments"] = "";
  return item;
}

bool is_custom(const Json& call_item) { return string_of(call_item, "type") == "custom_tool_call"; }

Json text_part(std::string_view text) {
  return {{"type", "output_text"}, {"text", text}, {"annotations", Json::array()}, {"logprobs", Json::array()}};
}
Json refusal_part(std::string_view text) { return {{"type", "refusal"}, {"refusal", text}}; }
Json summary_part(std::string_view text) { return {{"type", "summary_text"}, {"text", text}}; }

Json begun_response(const AnswerIdentity& identity) {
  return {{"id", id_of("resp", identity)},
          {"object", "response"},
          {"created_at", identity.created},
          {"status", "in_progress"},
          {"background", false},
          {"error", nullptr},
          {"incomplete_details", nullptr},
          {"instructions", nullptr},
          {"max_output_tokens", nullptr},
          {"model", identity.model},
          {"output", Json::array()},
          {"parallel_tool_calls", true},
          {"previous_response_id", nullptr},
          {"reasoning", {{"effort", nullptr}, {"summary", nullptr}}},
          {"store", false},
          {"temperature", nullptr},
          {"text", {{"format", {{"type", "text"}}}}},
          {"tool_choice", "auto"},
          {"tools", Json::array()},
          {"top_p", nullptr},
          {"truncation", "disabled"},
          {"usage", nullptr},
          {"user", nullptr},
          {"metadata", Json::object()}};
}

void end_response(Json& response, std::string_view finish_reason, Json output, const domain::Usage& usage) {
  const char* const reason = finish_reason == "length"           ? "max_output_tokens"
                             : finish_reason == "content_filter" ? "content_filter"
                                                                 : nullptr;
  response["status"] = reason == nullptr ? "completed" : "incomplete";
  if (reason != nullptr) response["incomplete_details"] = {{"reason", reason}};
  response["output"] = std::move(output);
  response["usage"] = usage_json(usage);
}

}  // namespace govctl::calls::responses
