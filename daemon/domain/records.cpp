#include "daemon/domain/records.h"

namespace govctl::domain {
namespace {

constexpr std::array<std::string_view, 4> statuses{"SUCCESS", "ERROR", "POLICY_BLOCKED", "BUDGET_EXCEEDED"};
constexpr std::array<std::string_view, call_flag_count> flags{"estimated", "over_hold",    "clamped",
                                                              "recovered", "absurd_usage", "waited"};
constexpr std::array<std::string_view, 4> types{"CREDIT_PURCHASE", "USAGE_DEDUCTION", "ADJUSTMENT", "REFUND"};

template <class Enum, std::size_t n>
std::optional<Enum> find(const std::array<std::string_view, n>& words, std::string_view word) {
  for (std::size_t i = 0; i < n; ++i) {
    if (words[i] == word) return static_cast<Enum>(i);
  }
  return std::nullopt;
}

}  // namespace

std::string_view call_status_word(CallStatus status) { return statuses[static_cast<std::size_t>(status)]; }
std::optional<CallStatus> parse_call_status(std::string_view word) { return find<CallStatus>(statuses, word); }

std::string_view call_flag_word(CallFlag flag) { return flags[static_cast<std::size_t>(flag)]; }

std::string CallFlags::text() const {
  std::string words;
  for (std::size_t i = 0; i < call_flag_count; ++i) {
    const auto flag = static_cast<CallFlag>(i);
    if (!has(flag)) continue;
    if (!words.empty()) words += ',';
    words += call_flag_word(flag);
  }
  return words;
}

std::optional<CallFlags> CallFlags::parse(std::string_view text) {
  CallFlags set;
  while (!text.empty()) {
    const std::size_t comma = text.find(',');
    const auto flag = find<CallFlag>(flags, text.substr(0, comma));
    if (!flag) return std::nullopt;
    set.set(*flag);
    if (comma == std::string_view::npos) break;
    text.remove_prefix(comma + 1);
  }
  return set;
}

std::string_view entry_type_word(EntryType type) { return types[static_cast<std::size_t>(type)]; }
std::optional<EntryType> parse_entry_type(std::string_view word) { return find<EntryType>(types, word); }

}  // namespace govctl::domain
