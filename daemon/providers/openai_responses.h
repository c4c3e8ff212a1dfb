#pragma once
// The answers of OpenAI's Responses format (platform.openai.com/docs/api-reference/responses and
// .../responses-streaming) as facts.
//
// Usage comes with response.completed, response.incomplete and response.failed: all three end the stream and
// are billed. Web searches are billed by the call beside the tokens (platform.openai.com/docs/pricing,
// "Built-in tools"): items of type web_search_call whose action is a search count as PriceKind::search; opening
// a page and looking into it are not billed.

#include <memory>
#include <string_view>

#include "daemon/providers/adapter.h"

namespace govctl::providers::openai_responses {

// `value` is the usage member as written. Cached tokens are counted inside input_tokens and reasoning inside
// output_tokens, and come out disjoint.
UsageReport read_usage(std::string_view value);

// Format::responses of adapter.h.
Result<AnswerFacts> read_answer(std::string_view body);
// response.failed is terminal and an error; an `error` event is an error that ends nothing cleanly.
std::unique_ptr<StreamReader> stream_reader();

}  // namespace govctl::providers::openai_responses
