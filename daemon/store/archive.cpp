#include "daemon/store/archive.h"

#include <cryptopp/sha.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <filesystem>

#include "common/descriptor.h"
#include "daemon/store/file_system.h"

namespace govctl::store {
namespace {

constexpr std::size_t piece_bytes = std::size_t{256} << 10;

constexpr std::size_t block = 512;

// POSIX.1-1988 "ustar": figures are octal text.
struct Header {
  std::array<char, 100> name{};
  std::array<char, 8> mode{}, uid{}, gid{};
  std::array<char, 12> size{}, mtime{};
  std::array<char, 8> checksum{};
  char type = '0';
  std::array<char, 100> link{};
  std::array<char, 8> magic{'u', 's', 't', 'a', 'r', '\0', '0', '0'};
  std::array<char, 32> user{}, group{};
  std::array<char, 8> major{}, minor{};
  std::array<char, 155> prefix{};
  std::array<char, 12> unused{};
};
static_assert(sizeof(Header) == block);

template <std::size_t width>
void put_octal(std::array<char, width>& field, std::uint64_t value) {
  const std::string text = fmt::format("{:0{}o}", value, width - 1);
  std::ranges::copy(text, field.begin());
}

constexpr std::uint64_t octal_sizes = std::uint64_t{1} << 33;
// From there on the first byte is 0x80 and the figure binary, big end first.
void put_size(Header& header, std::uint64_t size) {
  if (size < octal_sizes) return put_octal(header.size, size);
  header.size[0] = '\x80';
  for (std::size_t i = header.size.size(); size != 0; size >>= 8) header.size[--i] = static_cast<char>(size);
}

template <std::size_t width>
std::optional<std::int64_t> octal(const std::array<char, width>& field) {
  std::int64_t value = 0;
  std::size_t at = 0;
  for (; at < width && field[at] >= '0' && field[at] <= '7'; ++at) {
    if (value >> 59 != 0) return std::nullopt;
    value = value * 8 + (field[at] - '0');
  }
  const bool ends = at > 0 && (at == width || field[at] == '\0' || field[at] == ' ');
  return ends ? std::optional(value) : std::nullopt;
}

std::optional<std::int64_t> size_of(const Header& header) {
  if (header.size[0] != '\x80') return octal(header.size);
  std::int64_t size = 0;
  for (std::size_t i = 1; i < header.size.size(); ++i) {
    if (size >> 54 != 0) return std::nullopt;
    size = size << 8 | static_cast<unsigned char>(header.size[i]);
  }
  return size;
}

// The sum of the header's bytes, its own eight taken for blanks.
std::uint64_t checksum_of(Header header) {
  header.checksum.fill(' ');
  std::array<unsigned char, block> bytes{};
  std::memcpy(bytes.data(), &header, block);
  std::uint64_t sum = 0;
  for (const unsigned char byte : bytes) sum += byte;
  return sum;
}

std::size_t padding(std::int64_t bytes) { return (block - static_cast<std::size_t>(bytes) % block) % block; }

struct CloseReader {
  void operator()(gzFile_s* stream) const { gzclose_r(stream); }
};
using Reader = std::unique_ptr<gzFile_s, CloseReader>;

class Summing {
 public:
  void add(std::string_view bytes) {
    sum_.Update(reinterpret_cast<const CryptoPP::byte*>(bytes.data()), bytes.size());
    bytes_ += static_cast<std::int64_t>(bytes.size());
  }
  Digest done() {
    std::array<std::uint8_t, CryptoPP::SHA256::DIGESTSIZE> hash{};
    sum_.Final(hash.data());
    Digest digest{bytes_, ""};
    for (const std::uint8_t byte : hash) digest.sha256 += fmt::format("{:02x}", byte);
    return digest;
  }

 private:
  CryptoPP::SHA256 sum_;
  std::int64_t bytes_ = 0;
};

std::unexpected<Error> unwritable(gzFile stream) {
  const int system = errno;
  int code = Z_OK;
  gzerror(stream, &code);
  return fail(Code::unavailable, fmt::format("the archive cannot be written: {}",
                                             code == Z_ERRNO ? describe_errno(system) : "out of memory"));
}

std::unexpected<Error> unreadable(const std::string& path) {
  return fail(Code::invalid, fmt::format("{} is no backup of govd's, or it is damaged or cut short", path));
}
std::unexpected<Error> foreign(const std::string& path) {
  return fail(Code::invalid, fmt::format("{} holds what no backup of govd's holds", path));
}

// Exactly so many bytes.
bool read_whole(gzFile stream, char* to, std::size_t bytes) {
  return bytes == 0 || gzread(stream, to, static_cast<unsigned>(bytes)) == static_cast<int>(bytes);
}

Result<void> write_all(int fd, const std::string& path, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) {
      return fail(Code::unavailable,
                  fmt::format("{} cannot be written: {}", path, describe_errno(written == 0 ? ENOSPC : errno)));
    }
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return {};
}

Result<Digest> unpack_one(gzFile stream, std::int64_t size, const std::string& archive_path,
                          const std::string& to) {
  std::error_code ignored;
  std::filesystem::create_directories(std::filesystem::path(to).parent_path(), ignored);
  const Descriptor out(::open(to.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!out) return fail(Code::unavailable, fmt::format("{} cannot be made: {}", to, describe_errno(errno)));
  Summing sum;
  std::string piece(piece_bytes, '\0');
  for (std::int64_t left = size; left > 0;) {
    const auto most = static_cast<std::size_t>(std::min<std::int64_t>(left, piece_bytes));
    if (!read_whole(stream, piece.data(), most)) return unreadable(archive_path);
    const std::string_view bytes(piece.data(), most);
    sum.add(bytes);
    if (auto written = write_all(out.get(), to, bytes); !written) return std::unexpected(written.error());
    left -= static_cast<std::int64_t>(most);
  }
  if (!read_whole(stream, piece.data(), padding(size))) return unreadable(archive_path);
  if (::fsync(out.get()) != 0) {
    return fail(Code::unavailable, fmt::format("{} cannot be synced: {}", to, describe_errno(errno)));
  }
  return sum.done();
}

// What is behind the last file: two blocks of zeros, and at the end the sum that gzip keeps.
bool ends_whole(gzFile stream) {
  std::array<char, 4096> rest{};
  for (;;) {
    const int got = gzread(stream, rest.data(), rest.size());
    int code = Z_OK;
    gzerror(stream, &code);
    if (got < 0 || code != Z_OK) return false;
    if (got == 0) return gzeof(stream) != 0;
    if (std::any_of(rest.begin(), rest.begin() + got, [](char byte) { return byte != 0; })) return false;
  }
}

}  // namespace

void ArchiveWriter::Close::operator()(gzFile_s* stream) const { gzclose_w(stream); }

Result<std::unique_ptr<ArchiveWriter>> ArchiveWriter::begin(int fd) {
  const int own = ::fcntl(fd, F_DUPFD_CLOEXEC, 0);
  if (own < 0) return fail(Code::unavailable, fmt::format("no descriptor is left: {}", describe_errno(errno)));
  // The smallest level: a database's pages shrink to a fifth at it, and a backup is waited for.
  gzFile stream = gzdopen(own, "wb1");
  if (stream == nullptr) {
    ::close(own);
    return fail(Code::unavailable, "out of memory");
  }
  return std::unique_ptr<ArchiveWriter>(new ArchiveWriter(stream));
}

Result<void> ArchiveWriter::begin_entry(const std::string& name, std::int64_t bytes) {
  Header header;
  if (name.size() > header.name.size()) return fail(Code::internal, "a name is too long for the archive");
  std::ranges::copy(name, header.name.begin());
  put_octal(header.mode, 0600);
  put_octal(header.uid, 0);
  put_octal(header.gid, 0);
  put_size(header, static_cast<std::uint64_t>(bytes));
  put_octal(header.mtime, static_cast<std::uint64_t>(std::time(nullptr)));
  put_octal(header.checksum, checksum_of(header));
  std::array<char, block> text{};
  std::memcpy(text.data(), &header, block);
  return write({text.data(), text.size()});
}

Result<void> ArchiveWriter::end_entry(std::int64_t bytes) {
  constexpr std::array<char, block> zeros{};
  return write({zeros.data(), padding(bytes)});
}

Result<void> ArchiveWriter::write(std::string_view bytes) {
  if (bytes.empty()) return {};
  if (gzwrite(stream_.get(), bytes.data(), static_cast<unsigned>(bytes.size())) <= 0)
    return unwritable(stream_.get());
  return {};
}

Result<Digest> ArchiveWriter::add_file(const std::string& name, const std::string& path) {
  const Descriptor in(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  struct stat facts{};
  if (!in || ::fstat(in.get(), &facts) != 0) {
    return fail(Code::unavailable, fmt::format("{} cannot be read: {}", path, describe_errno(errno)));
  }
  if (auto begun = begin_entry(name, facts.st_size); !begun) return std::unexpected(begun.error());
  Summing sum;
  std::string piece(piece_bytes, '\0');
  // A file that grows meanwhile is taken as it was at first.
  for (std::int64_t left = facts.st_size; left > 0;) {
    const auto most = static_cast<std::size_t>(std::min<std::int64_t>(left, piece_bytes));
    const ssize_t got = ::read(in.get(), piece.data(), most);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return fail(Code::unavailable, fmt::format("{} became shorter while it was read", path));
    const std::string_view bytes(piece.data(), static_cast<std::size_t>(got));
    sum.add(bytes);
    if (auto written = write(bytes); !written) return std::unexpected(written.error());
    left -= got;
  }
  if (auto ended = end_entry(facts.st_size); !ended) return std::unexpected(ended.error());
  return sum.done();
}

Result<void> ArchiveWriter::add_text(const std::string& name, std::string_view text) {
  const auto bytes = static_cast<std::int64_t>(text.size());
  if (auto begun = begin_entry(name, bytes); !begun) return begun;
  if (auto written = write(text); !written) return written;
  return end_entry(bytes);
}

Result<void> ArchiveWriter::finish() {
  constexpr std::array<char, 2 * block> end{};
  if (auto written = write({end.data(), end.size()}); !written) return written;
  const int code = gzclose_w(stream_.release());
  if (code == Z_OK) return {};
  return fail(Code::unavailable, fmt::format("the archive cannot be written: {}", describe_errno(errno)));
}

Result<std::vector<Unpacked>> unpack(const std::string& archive_path, const std::string& into,
                                     const std::function<bool(std::string_view)>& admits) {
  if (::access(archive_path.c_str(), R_OK) != 0) {
    return fail(errno == ENOENT ? Code::not_found : Code::no_permission,
                fmt::format("{} cannot be read: {}", archive_path, describe_errno(errno)));
  }
  const Reader reader(gzopen(archive_path.c_str(), "rbe"));
  if (!reader) return fail(Code::unavailable, "out of memory");

  std::vector<Unpacked> files;
  for (;;) {
    std::array<char, block> bytes{};
    if (!read_whole(reader.get(), bytes.data(), block) || gzdirect(reader.get()) != 0)
      return unreadable(archive_path);
    if (std::ranges::all_of(bytes, [](char byte) { return byte == 0; })) break;
    Header header;
    std::memcpy(&header, bytes.data(), block);
    const auto sum = octal(header.checksum);
    const auto size = size_of(header);
    if (!sum || static_cast<std::uint64_t>(*sum) != checksum_of(header) || !size)
      return unreadable(archive_path);
    const std::string name(header.name.data(), ::strnlen(header.name.data(), header.name.size()));
    const bool plain = header.type == '0' && header.prefix[0] == '\0';
    if (!plain || !admits(name) || std::ranges::find(files, name, &Unpacked::name) != files.end())
      return foreign(archive_path);
    auto digest = unpack_one(reader.get(), *size, archive_path, fmt::format("{}/{}", into, name));
    if (!digest) return std::unexpected(digest.error());
    files.push_back({name, std::move(*digest)});
  }
  if (!ends_whole(reader.get())) return unreadable(archive_path);
  return files;
}

}  // namespace govctl::store
