#include "daemon/domain/chain.h"

#include <catch2/catch.hpp>
#include <set>

using namespace govctl;
using namespace govctl::domain;

namespace {

std::string hex(const Hash& hash) {
  static constexpr char digits[] = "0123456789abcdef";
  std::string text;
  for (const std::uint8_t byte : hash) {
    text += digits[byte >> 4];
    text += digits[byte & 15];
  }
  return text;
}

const OrgId org = OrgId::parse("01890000-0000-7000-8000-000000000001").value();

}  // namespace

TEST_CASE("SHA-256 of FIPS 180-4's examples") {
  CHECK(hex(sha256("abc")) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK(hex(sha256("")) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

TEST_CASE("a chain begins with its organization and table") {
  // python3: sha256(b"govctl" + bytes.fromhex("01890000000070008000000000000001") + b"ledger")
  CHECK(hex(genesis(org, ChainTable::ledger)) ==
        "ee93e37fce8f41734f8af15436b80125e478e0688789ac3a37af759b0a5443a6");
  CHECK(hex(genesis(OrgId{}, ChainTable::audit_logs)) ==
        "6d8a413e2a4ea647f65ab75eefcc953cc5fc9b2e05c8cff628efa692901f3f0e");
  std::set<Hash> all;
  for (const auto table : {ChainTable::ledger, ChainTable::usage_events, ChainTable::audit_logs}) {
    all.insert(genesis(org, table));
    all.insert(genesis(OrgId{}, table));
  }
  CHECK(all.size() == 6);
}

TEST_CASE("a row's hash is what the format's page says, byte by byte") {
  RowEncoder row;
  row.integer(7);
  row.text("ab");
  row.blob(std::array<std::uint8_t, 2>{1, 255});
  row.null();
  row.integer(-2);
  // python3: sha256(32 zeros + b"i\0\0\0\x08" + (7).to_bytes(8, "big") + b"t\0\0\0\x02ab" +
  // b"b\0\0\0\x02\x01\xff" +
  //                 b"n\0\0\0\0" + b"i\0\0\0\x08" + (-2).to_bytes(8, "big", signed=True))
  CHECK(hex(row.hash(Hash{})) == "a63c5ccab0d89a5af30bc493bc8c7bc8a9d11ff0b9bd7120a7bd32e93b1b7a46");
  Hash other{};
  other[31] = 1;
  CHECK(row.hash(other) != row.hash(Hash{}));
  row.clear();
  row.text(std::string(100'000, 'x'));
  CHECK(hex(row.hash(Hash{})) == "c8f3f0c0a2c3db90521dde4fea0478b19de4d335eadcd8237b67cbe3e97ec9c6");
}

TEST_CASE("no two different rows have the same bytes") {
  const auto hash_of = [](auto fill) {
    RowEncoder row;
    fill(row);
    return row.hash(Hash{});
  };
  const std::set<Hash> hashes{
      hash_of([](RowEncoder&) {}),
      hash_of([](RowEncoder& row) { row.null(); }),
      hash_of([](RowEncoder& row) { row.text(""); }),
      hash_of([](RowEncoder& row) { row.blob({}); }),
      hash_of([](RowEncoder& row) { row.integer(0); }),
      hash_of([](RowEncoder& row) { row.text(std::string_view("\0\0\0\0\0\0\0\0", 8)); }),
      hash_of([](RowEncoder& row) {
        row.text("ab");
        row.text("c");
      }),
      hash_of([](RowEncoder& row) {
        row.text("a");
        row.text("bc");
      }),
      hash_of([](RowEncoder& row) { row.text("abc"); }),
      hash_of([](RowEncoder& row) {
        row.null();
        row.text("abc");
      }),
      hash_of([](RowEncoder& row) {
        row.text("abc");
        row.null();
      }),
  };
  CHECK(hashes.size() == 11);
}

TEST_CASE("empty text stands for NULL where a column may be absent") {
  RowEncoder absent;
  absent.text_or_null("");
  RowEncoder null;
  null.null();
  CHECK(absent.hash(Hash{}) == null.hash(Hash{}));
}
