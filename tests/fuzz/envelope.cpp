// A sealed secret: it opens as it was sealed, and nothing else opens.

#include "daemon/secrets/envelope.h"

#include "tests/fuzz/target.h"

using namespace govctl;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const secrets::Secret key(std::string(secrets::key_size, '\7'));
  const std::span<const std::uint8_t> input(data, size);
  const secrets::Additional additional("fuzz");
  fuzz::require(!secrets::open(key, input, additional.bytes()));
  auto sealed = secrets::seal(key, input, additional.bytes());
  const auto opened = secrets::open(key, sealed, additional.bytes());
  fuzz::require(opened.has_value() && opened->reveal() == fuzz::text_of(data, size));
  sealed[size % sealed.size()] ^= 1;
  fuzz::require(!secrets::open(key, sealed, additional.bytes()));
  return 0;
}
