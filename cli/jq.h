#pragma once
#include <memory>
#include <string>

#include "common/api/fields.h"
#include "common/error.h"

namespace govctl::cli {

// A compiled jq program. libjq holds numbers as doubles: exact up to 2^53, which every amount obeys.
class Jq {
 public:
  static Result<Jq> compile(const std::string& expression);
  // One result a line; strings without their quotes.
  Result<std::string> run(const api::Json& input);

 private:
  struct State;
  struct Close {
    void operator()(State* state) const;
  };
  explicit Jq(State* state) : state_(state) {}
  std::unique_ptr<State, Close> state_;
};

}  // namespace govctl::cli
