#pragma once
// Ids are UUIDv7 (RFC 9562 §5.7): 16 bytes, ordered by the time they were minted. The tag keeps kinds apart: an
// AgentId is not a KeyId. Printed as lower-case UUID text; request ids print as "req_" + text.

#include <array>
#include <compare>
#include <cstdint>
#include <cstring>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace govctl {

using Uuid = std::array<std::uint8_t, 16>;

// A new UUIDv7 from `unix_ms` and the kernel's randomness. Within one thread, ids minted in one millisecond
// still ascend. Any thread.
Uuid mint_uuid7(std::int64_t unix_ms);
std::string uuid_text(const Uuid& uuid);
std::optional<Uuid> parse_uuid(std::string_view text);

template <class Tag>
struct Id {
  Uuid bytes{};

  static Id mint(std::int64_t unix_ms) { return Id{mint_uuid7(unix_ms)}; }
  static std::optional<Id> parse(std::string_view text) {
    if constexpr (!Tag::prefix.empty()) {
      if (text.starts_with(Tag::prefix)) text.remove_prefix(Tag::prefix.size());
    }
    auto uuid = parse_uuid(text);
    if (!uuid) return std::nullopt;
    return Id{*uuid};
  }
  static Id from_bytes(const void* sixteen) {
    Id id;
    std::memcpy(id.bytes.data(), sixteen, 16);
    return id;
  }
  [[nodiscard]] std::string text() const { return std::string(Tag::prefix) + uuid_text(bytes); }
  [[nodiscard]] bool empty() const { return bytes == Uuid{}; }
  auto operator<=>(const Id&) const = default;
};

template <char... prefix_chars>
struct IdTag {
  static constexpr std::array<char, sizeof...(prefix_chars)> chars{prefix_chars...};
  static constexpr std::string_view prefix{chars.data(), chars.size()};
};

using OrgId = Id<struct OrgTag>;
using BillingGroupId = Id<struct BillingGroupTag>;
using WorkspaceId = Id<struct WorkspaceTag>;
using AgentGroupId = Id<struct AgentGroupTag>;
using AgentId = Id<struct AgentTag>;
using KeyId = Id<struct KeyTag>;
using CredentialId = Id<struct CredentialTag>;
using PolicyId = Id<struct PolicyTag>;
using BudgetId = Id<struct BudgetTag>;
using EntryId = Id<struct EntryTag>;
using AuditId = Id<struct AuditTag>;
using RequestId = Id<struct RequestTag>;

struct OrgTag : IdTag<> {};
struct BillingGroupTag : IdTag<> {};
struct WorkspaceTag : IdTag<> {};
struct AgentGroupTag : IdTag<> {};
struct AgentTag : IdTag<> {};
struct KeyTag : IdTag<> {};
struct CredentialTag : IdTag<> {};
struct PolicyTag : IdTag<> {};
struct BudgetTag : IdTag<> {};
struct EntryTag : IdTag<> {};
struct AuditTag : IdTag<> {};
struct RequestTag : IdTag<'r', 'e', 'q', '_'> {};

}  // namespace govctl

template <class Tag>
struct std::hash<govctl::Id<Tag>> {
  std::size_t operator()(const govctl::Id<Tag>& id) const noexcept {
    std::uint64_t random_half;  // the second half of a UUIDv7 is random
    std::memcpy(&random_half, id.bytes.data() + 8, 8);
    return static_cast<std::size_t>(random_half);
  }
};
