// What a row's hash is made of: two rows have the same bytes only when they are the same rows.

#include <optional>
#include <variant>
#include <vector>

#include "daemon/domain/chain.h"
#include "tests/fuzz/target.h"

using namespace govctl;

namespace {

struct Blob {
  std::string bytes;
  bool operator==(const Blob&) const = default;
};
using Value = std::variant<std::monostate, std::int64_t, std::string, Blob>;
using Row = std::vector<Value>;

Row take_row(std::string_view& input) {
  Row row;
  for (std::size_t columns = fuzz::choose(input, 5); columns > 0; --columns) {
    const std::size_t kind = fuzz::choose(input, 4);
    const std::size_t size = std::min(fuzz::choose(input, 12), input.size());
    const std::string bytes(input.substr(0, size));
    if (kind == 0) {
      row.emplace_back();
    } else if (kind == 1) {
      std::int64_t value = 0;
      for (const char byte : bytes)
        value = static_cast<std::int64_t>(static_cast<std::uint64_t>(value) << 8 |
                                          static_cast<unsigned char>(byte));
      row.emplace_back(value);
    } else if (kind == 2) {
      row.emplace_back(bytes);
    } else {
      row.emplace_back(Blob{bytes});
    }
    input.remove_prefix(size);
  }
  return row;
}

domain::Hash hash_of(const Row& row) {
  domain::RowEncoder encoder;
  encoder.clear();
  for (const Value& value : row) {
    if (const auto* number = std::get_if<std::int64_t>(&value)) {
      encoder.integer(*number);
    } else if (const auto* text = std::get_if<std::string>(&value)) {
      encoder.text(*text);
    } else if (const auto* blob = std::get_if<Blob>(&value)) {
      encoder.blob({reinterpret_cast<const std::uint8_t*>(blob->bytes.data()), blob->bytes.size()});
    } else {
      encoder.null();
    }
  }
  return encoder.hash(domain::Hash{});
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view input = fuzz::text_of(data, size);
  const Row one = take_row(input);
  const Row other = take_row(input);
  fuzz::require((one == other) == (hash_of(one) == hash_of(other)));
  return 0;
}
