#include "cli/jq.h"

#include <fmt/format.h>

extern "C" {
#include <jq.h>
#include <jv.h>
}

#include "common/error.h"

namespace govctl::cli {
namespace {

std::string text_of(jv string) {
  std::string text(jv_string_value(string), static_cast<std::size_t>(jv_string_length_bytes(jv_copy(string))));
  jv_free(string);
  return text;
}

void collect(void* out, jv message) {
  auto& text = *static_cast<std::string*>(out);
  if (!text.empty()) text += "; ";
  text += text_of(jq_format_error(message));
}

}  // namespace

struct Jq::State {
  jq_state* jq = jq_init();
  std::string errors;
};

void Jq::Close::operator()(State* state) const {
  jq_teardown(&state->jq);
  delete state;
}

Result<Jq> Jq::compile(const std::string& expression) {
  Jq program(new State);
  State& state = *program.state_;
  if (state.jq == nullptr) return fail(Code::internal, "libjq does not start");
  jq_set_error_cb(state.jq, collect, &state.errors);
  if (jq_compile(state.jq, expression.c_str()) == 0) {
    std::string why = state.errors.substr(0, state.errors.find('\n'));
    if (constexpr std::string_view prefix = "jq: error: "; why.starts_with(prefix)) why.erase(0, prefix.size());
    return fail(Code::invalid,
                fmt::format("--jq: '{}' is no jq expression: {}", expression.substr(0, 200), why));
  }
  return program;
}

Result<std::string> Jq::run(const api::Json& input) {
  const std::string text = input.dump(-1, ' ', false, api::Json::error_handler_t::replace);
  jq_start(state_->jq, jv_parse_sized(text.data(), static_cast<int>(text.size())), 0);
  std::string out;
  for (;;) {
    jv result = jq_next(state_->jq);
    if (!jv_is_valid(result)) {
      if (!jv_invalid_has_msg(jv_copy(result))) {
        jv_free(result);
        return out;
      }
      jv message = jv_invalid_get_msg(result);
      if (jv_get_kind(message) != JV_KIND_STRING) message = jv_dump_string(message, 0);
      return fail(Code::invalid, fmt::format("--jq: {}", text_of(message)));
    }
    out += text_of(jv_get_kind(result) == JV_KIND_STRING ? result : jv_dump_string(result, 0));
    out += '\n';
  }
}

}  // namespace govctl::cli
