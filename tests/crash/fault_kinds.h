#pragma once
// The ways in which a provider goes wrong, each told to a FakeUpstream by the words "fault:NAME" in the
// request.

#include <string_view>
#include <vector>

#include "tests/functional/harness/upstream.h"

namespace govctl::test {

enum class Spoken { chat, messages, responses };

// What the client may be shown of it.
enum class Shown {
  dead,   // an error: a status, or the dialect's error event; never a clean end
  whole,  // a clean end
};

struct FaultKind {
  std::string_view name;
  bool streamed = true;
  Shown chat = Shown::dead, messages = Shown::dead, responses = Shown::dead;
  void (*act)(Reply& reply, Spoken dialect) = nullptr;  // null: nobody listens
  bool absurd = false;                                  // its usage charges the hold, flagged
  bool large = false;

  [[nodiscard]] Shown shown(Spoken dialect) const {
    return dialect == Spoken::chat ? chat : dialect == Spoken::messages ? messages : responses;
  }
};
const std::vector<FaultKind>& fault_kinds();

// Does to a request what it says; sound answers to those that name none.
void go_wrong(Reply& reply);

}  // namespace govctl::test
