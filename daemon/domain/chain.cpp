#include "daemon/domain/chain.h"

#include <openssl/evp.h>

#include <cassert>
#include <cstring>
#include <initializer_list>
#include <memory>

namespace govctl::domain {
namespace {

constexpr std::array<std::string_view, chain_table_count> table_names{"ledger", "usage_events", "audit_logs"};

void big_endian(std::uint64_t value, std::size_t width, std::uint8_t* out) {
  for (std::size_t i = 0; i < width; ++i) out[i] = static_cast<std::uint8_t>(value >> (8 * (width - 1 - i)));
}

const std::uint8_t* bytes_of(std::string_view text) {
  return reinterpret_cast<const std::uint8_t*>(text.data());
}

using Bytes = std::span<const std::uint8_t>;

Bytes span_of(std::string_view text) { return {bytes_of(text), text.size()}; }

// OpenSSL's: every row that is written or verified is hashed, and on processors without SHA instructions its
// code takes less than half of Crypto++'s time. Without memory there is no way on.
Hash digest(std::initializer_list<Bytes> parts) {
  static const EVP_MD* const sha = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  thread_local const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(),
                                                                                     EVP_MD_CTX_free);
  Hash hash;
  bool ok = EVP_DigestInit_ex2(context.get(), sha, nullptr) == 1;
  for (const Bytes part : parts) ok = ok && EVP_DigestUpdate(context.get(), part.data(), part.size()) == 1;
  ok = ok && EVP_DigestFinal_ex(context.get(), hash.data(), nullptr) == 1;
  assert(ok);
  return hash;
}

}  // namespace

Hash sha256(Bytes bytes) { return digest({bytes}); }

Hash sha256(std::string_view bytes) { return digest({span_of(bytes)}); }

std::string_view chain_table_name(ChainTable table) { return table_names[static_cast<std::size_t>(table)]; }

Hash genesis(const OrgId& org, ChainTable table) {
  return digest({span_of("govctl"), org.bytes, span_of(chain_table_name(table))});
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

Hash RowEncoder::hash(const Hash& previous) const { return digest({previous, Bytes(bytes_).first(size_)}); }

}  // namespace govctl::domain
