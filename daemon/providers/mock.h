#pragma once
// The mock provider: deterministic, no call leaves the machine. It answers in OpenAI's chat and embeddings
// formats, counts len/4 tokens, and does as the model's name says: mock-slow, mock-error-500, mock-cut. For
// trying governance without money.

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/providers/adapter.h"

namespace govctl::providers::mock {

struct Answer {
  int status = 200;
  bool stream = false;
  std::vector<std::string> pieces;     // of the body, as they would arrive
  std::chrono::milliseconds pause{0};  // before each piece
  bool cut = false;                    // the connection breaks after the last piece
};

// `body` is a checked chat request; `model` the upstream's name; `created` unix seconds.
Answer answer(std::string_view body, std::string_view model, std::string_view id, long created);

// Kind `mock`. It has no wire: it lives in this process.
const Adapter& adapter();

// `body` is a checked embeddings request: eight numbers for each input, the same for the same text.
Answer embeddings(std::string_view body, std::string_view model);

}  // namespace govctl::providers::mock
