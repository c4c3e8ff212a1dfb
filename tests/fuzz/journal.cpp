// The journal's file and the records in its frames: what is read as records is written as the same bytes would
// be read again, and nothing else is taken for one.

#include "daemon/store/journal.h"

#include <unistd.h>

#include <fstream>
#include <set>

#include "daemon/store/call_records.h"
#include "tests/fuzz/target.h"

using namespace govctl;

namespace {

void records(std::string_view frame) {
  const auto read = store::decode_calls(frame);
  if (!read) return;
  std::string bytes;
  for (const auto& record : *read) store::encode(record, bytes);
  const auto again = store::decode_calls(bytes);
  fuzz::require(again.has_value() && again->size() == read->size());
  std::string twice;
  for (const auto& record : *again) store::encode(record, twice);
  fuzz::require(twice == bytes);
}

class MemoryBlocks final : public store::BlockFile {
 public:
  explicit MemoryBlocks(std::string& bytes) : bytes_(bytes) {}
  Result<void> write(std::uint64_t offset, std::span<const char> bytes) override {
    bytes_.replace(offset, bytes.size(), bytes.data(), bytes.size());
    return {};
  }
  Result<void> sync() override { return {}; }

 private:
  std::string& bytes_;
};

// Some frames, and some bytes of the file changed: whatever is read was appended.
void file(std::string_view input) {
  static const std::string path = "/tmp/govctl-fuzz-" + std::to_string(::getpid()) + ".calls";
  std::string bytes;
  const auto make = [&](const std::string&, std::uint64_t size) -> Result<std::unique_ptr<store::BlockFile>> {
    bytes.assign(size, '\0');
    return std::make_unique<MemoryBlocks>(bytes);
  };
  store::Journal journal(path, OrgId{}, 4 * store::block_bytes, make);
  std::set<std::string> appended;
  for (std::size_t frames = fuzz::choose(input, 9) + 1; frames > 0; --frames) {
    const std::string payload(fuzz::choose(input, 256) * 20, static_cast<char>('a' + frames));
    fuzz::require(journal.append(payload).has_value());
    appended.insert(payload);
  }
  while (input.size() >= 3) {
    // Of a block its first bytes, where the heads are.
    const std::size_t block = fuzz::choose(input, 8);
    const std::size_t at = block * store::block_bytes + fuzz::choose(input, 64);
    bytes[at] = static_cast<char>(fuzz::choose(input, 256));
  }
  std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
  const auto read = store::Journal::read(path, OrgId{});
  ::unlink(path.c_str());
  if (!read) return;
  for (const auto& frame : *read) fuzz::require(appended.contains(frame));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view input = fuzz::text_of(data, size);
  if (fuzz::choose(input, 8) == 0) {
    file(input);
  } else {
    records(input);
  }
  return 0;
}
