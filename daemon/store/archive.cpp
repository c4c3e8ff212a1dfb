#include "daemon/store/archive.h"

#include <archive.h>
#include <archive_entry.h>
#include <cryptopp/sha.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <ctime>
#include <filesystem>

#include "daemon/store/file_system.h"

namespace govctl::store {
namespace {

constexpr std::size_t piece_bytes = std::size_t{256} << 10;

struct FreeEntry {
  void operator()(archive_entry* entry) const { archive_entry_free(entry); }
};
struct FreeReader {
  void operator()(archive* handle) const { archive_read_free(handle); }
};

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  [[nodiscard]] int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }

 private:
  int fd_;
};

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

std::unexpected<Error> unwritable(archive* handle) {
  const int code = archive_errno(handle);
  return fail(Code::unavailable, fmt::format("the archive cannot be written: {}",
                                             code > 0 ? describe_errno(code) : "no reason given"));
}

// libarchive's own words may quote the file: they stay out.
std::unexpected<Error> unreadable(const std::string& path) {
  return fail(Code::invalid, fmt::format("{} is no backup of govd's, or it is damaged or cut short", path));
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

Result<Digest> unpack_one(archive* reader, const std::string& archive_path, const std::string& to) {
  std::error_code ignored;
  std::filesystem::create_directories(std::filesystem::path(to).parent_path(), ignored);
  const Descriptor out(::open(to.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!out) return fail(Code::unavailable, fmt::format("{} cannot be made: {}", to, describe_errno(errno)));
  Summing sum;
  std::string piece(piece_bytes, '\0');
  for (;;) {
    const la_ssize_t got = archive_read_data(reader, piece.data(), piece.size());
    if (got < 0) return unreadable(archive_path);
    if (got == 0) break;
    const std::string_view bytes(piece.data(), static_cast<std::size_t>(got));
    sum.add(bytes);
    if (auto written = write_all(out.get(), to, bytes); !written) return std::unexpected(written.error());
  }
  if (::fsync(out.get()) != 0) {
    return fail(Code::unavailable, fmt::format("{} cannot be synced: {}", to, describe_errno(errno)));
  }
  return sum.done();
}

}  // namespace

Result<std::unique_ptr<ArchiveWriter>> ArchiveWriter::begin(int fd) {
  std::unique_ptr<ArchiveWriter> writer(new ArchiveWriter(archive_write_new()));
  archive* handle = writer->handle_;
  if (handle == nullptr) return fail(Code::unavailable, "out of memory");
  // The smallest level: a database's pages shrink to a fifth at it, and a backup is waited for.
  const bool ready = archive_write_set_format_pax_restricted(handle) == ARCHIVE_OK &&
                     archive_write_add_filter_gzip(handle) == ARCHIVE_OK &&
                     archive_write_set_filter_option(handle, "gzip", "compression-level", "1") == ARCHIVE_OK &&
                     archive_write_open_fd(handle, fd) == ARCHIVE_OK;
  if (!ready) return unwritable(handle);
  return writer;
}

ArchiveWriter::~ArchiveWriter() { archive_write_free(handle_); }

Result<void> ArchiveWriter::begin_entry(const std::string& name, std::int64_t bytes) {
  const std::unique_ptr<archive_entry, FreeEntry> entry(archive_entry_new());
  archive_entry_set_pathname(entry.get(), name.c_str());
  archive_entry_set_size(entry.get(), bytes);
  archive_entry_set_filetype(entry.get(), AE_IFREG);
  archive_entry_set_perm(entry.get(), 0600);
  archive_entry_set_mtime(entry.get(), std::time(nullptr), 0);
  if (archive_write_header(handle_, entry.get()) != ARCHIVE_OK) return unwritable(handle_);
  return {};
}

Result<void> ArchiveWriter::write(std::string_view bytes) {
  while (!bytes.empty()) {
    const la_ssize_t written = archive_write_data(handle_, bytes.data(), bytes.size());
    if (written <= 0) return unwritable(handle_);
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
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
  return sum.done();
}

Result<void> ArchiveWriter::add_text(const std::string& name, std::string_view text) {
  if (auto begun = begin_entry(name, static_cast<std::int64_t>(text.size())); !begun) return begun;
  return write(text);
}

Result<void> ArchiveWriter::finish() {
  if (archive_write_close(handle_) != ARCHIVE_OK) return unwritable(handle_);
  return {};
}

Result<std::vector<Unpacked>> unpack(const std::string& archive_path, const std::string& into,
                                     const std::function<bool(std::string_view)>& admits) {
  if (::access(archive_path.c_str(), R_OK) != 0) {
    return fail(errno == ENOENT ? Code::not_found : Code::no_permission,
                fmt::format("{} cannot be read: {}", archive_path, describe_errno(errno)));
  }
  const std::unique_ptr<archive, FreeReader> reader(archive_read_new());
  if (!reader) return fail(Code::unavailable, "out of memory");
  const bool open = archive_read_support_filter_gzip(reader.get()) == ARCHIVE_OK &&
                    archive_read_support_format_tar(reader.get()) == ARCHIVE_OK &&
                    archive_read_open_filename(reader.get(), archive_path.c_str(), piece_bytes) == ARCHIVE_OK;
  if (!open) return unreadable(archive_path);

  std::vector<Unpacked> files;
  archive_entry* entry = nullptr;
  for (;;) {
    const int code = archive_read_next_header(reader.get(), &entry);
    if (code == ARCHIVE_EOF) break;
    if (code != ARCHIVE_OK) return unreadable(archive_path);
    const char* named = archive_entry_pathname(entry);
    const std::string name = named != nullptr ? named : "";
    const bool plain = archive_entry_filetype(entry) == AE_IFREG && archive_entry_hardlink(entry) == nullptr;
    if (!plain || !admits(name) || std::ranges::find(files, name, &Unpacked::name) != files.end()) {
      return fail(Code::invalid, fmt::format("{} holds what no backup of govd's holds", archive_path));
    }
    auto digest = unpack_one(reader.get(), archive_path, into + "/" + name);
    if (!digest) return std::unexpected(digest.error());
    files.push_back({name, std::move(*digest)});
  }
  return files;
}

}  // namespace govctl::store
