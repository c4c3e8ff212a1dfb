#include "daemon/domain/chain.h"

#include <cryptopp/sha.h>

#include <cstring>

namespace govctl::domain {
namespace {

constexpr std::array<std::string_view, chain_table_count> table_names{"ledger", "usage_events", "audit_logs"};

void big_endian(std::uint64_t value, std::size_t width, std::uint8_t* out) {
  for (std::size_t i = 0; i < width; ++i) out[i] = static_cast<std::uint8_t>(value >> (8 * (width - 1 - i)));
}

const std::uint8_t* bytes_of(std::string_view text) {
  return reinterpret_cast<const std::uint8_t*>(text.data());
}

}  // namespace

Hash sha256(std::span<const std::uint8_t> bytes) {
  Hash digest;
  CryptoPP::SHA256().CalculateDigest(digest.data(), bytes.data(), bytes.size());
  return digest;
}

Hash sha256(std::string_view bytes) { return sha256(std::span(bytes_of(bytes), bytes.size())); }

std::string_view chain_table_name(ChainTable table) { return table_names[static_cast<std::size_t>(table)]; }

Hash genesis(const OrgId& org, ChainTable table) {
  constexpr std::string_view program = "govctl";
  const std::string_view name = chain_table_name(table);
  CryptoPP::SHA256 sha;
  sha.Update(bytes_of(program), program.size());
  sha.Update(org.bytes.data(), org.bytes.size());
  sha.Update(bytes_of(name), name.size());
  Hash digest;
  sha.Final(digest.data());
  return digest;
}

std::uint8_t* RowEncoder::grow(char type, std::size_t size) {
  constexpr std::size_t prefix = 5;
  const std::size_t needed = size_ + prefix + size;
  if (needed > bytes_.size()) bytes_.resize(2 * needed);
  std::uint8_t* out = bytes_.data() + size_;
  size_ = needed;
  out[0] = static_cast<std::uint8_t>(type);
  big_endian(size, 4, out + 1);
  return out + prefix;
}

void RowEncoder::integer(std::int64_t value) { big_endian(static_cast<std::uint64_t>(value), 8, grow('i', 8)); }

void RowEncoder::text(std::string_view value) {
  std::uint8_t* out = grow('t', value.size());
  if (!value.empty()) std::memcpy(out, value.data(), value.size());
}

void RowEncoder::blob(std::span<const std::uint8_t> value) {
  std::uint8_t* out = grow('b', value.size());
  if (!value.empty()) std::memcpy(out, value.data(), value.size());
}

void RowEncoder::null() { grow('n', 0); }

Hash RowEncoder::hash(const Hash& previous) const {
  CryptoPP::SHA256 sha;
  sha.Update(previous.data(), previous.size());
  sha.Update(bytes_.data(), size_);
  Hash digest;
  sha.Final(digest.data());
  return digest;
}

}  // namespace govctl::domain
