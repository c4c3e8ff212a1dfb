#include "daemon/tenant/backup.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <filesystem>

#include "daemon/store/anchor_log.h"
#include "daemon/store/catalog.h"
#include "daemon/store/chain_rows.h"
#include "daemon/store/file_copy.h"
#include "daemon/store/file_system.h"
#include "daemon/store/revocations.h"

namespace govctl::tenant {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view working_prefix = "backup.";
constexpr std::int64_t spare_bytes = std::int64_t{64} << 20;

// The directory that copies pass through, gone with its owner.
class Working {
 public:
  static Result<std::unique_ptr<Working>> make(const std::string& state_dir) {
    std::string name = fmt::format("{}/{}XXXXXX", state_dir, working_prefix);
    if (::mkdtemp(name.data()) == nullptr) {
      return fail(Code::unavailable, fmt::format("{} cannot be made: {}", name, store::describe_errno(errno)));
    }
    return std::unique_ptr<Working>(new Working(std::move(name)));
  }
  ~Working() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  Working(const Working&) = delete;
  Working& operator=(const Working&) = delete;
  [[nodiscard]] std::string file(std::string_view name) const { return fmt::format("{}/{}", path_, name); }

 private:
  explicit Working(std::string path) : path_(std::move(path)) {}
  std::string path_;
};

std::int64_t size_of(const std::string& path) {
  std::error_code code;
  const auto size = fs::file_size(path, code);
  return code ? 0 : static_cast<std::int64_t>(size);
}

// One backup on its way into its archive.
class Taking {
 public:
  Taking(const Registry& registry, const BackupWish& wish, const Working& working,
         store::ArchiveWriter& archive)
      : registry_(registry),
        services_(registry.services()),
        wish_(wish),
        working_(working),
        archive_(archive) {}

  Result<void> take() {
    manifest_.version = wish_.version;
    manifest_.created_at = services_.clock->now();
    manifest_.keys_dir = wish_.keys_dir;
    if (wish_.only) {
      manifest_.one_org = wish_.only->snapshot()->root().slug;
      return take_org(*wish_.only);
    }
    for (const auto& tenant : registry_.tenants()) {
      if (auto taken = take_org(*tenant); !taken) return taken;
    }
    if (auto taken = take_catalog(); !taken) return taken;
    manifest_.left_out = registry_.quarantined();
    return {};
  }

  Result<void> sign() {
    const std::string text = store::encode(manifest_);
    const std::span message(reinterpret_cast<const std::uint8_t*>(text.data()), text.size());
    const std::vector<std::uint8_t> signature = services_.signer.sign(message);
    if (auto added = archive_.add_text(std::string(store::manifest_name), text); !added) return added;
    return archive_.add_text(
        std::string(store::manifest_signature_name),
        std::string_view(reinterpret_cast<const char*>(signature.data()), signature.size()));
  }

  [[nodiscard]] const store::BackupManifest& manifest() const { return manifest_; }

 private:
  Result<void> add(store::BackupFile file, const std::string& path) {
    auto digest = archive_.add_file(file.name, path);
    if (!digest) return std::unexpected(digest.error());
    file.digest = std::move(*digest);
    manifest_.files.push_back(std::move(file));
    return {};
  }
  Result<void> add_if_there(const std::string& name, const std::string& path) {
    std::error_code code;
    if (!fs::exists(path, code)) return {};
    store::BackupFile file;
    file.name = name;
    return add(std::move(file), path);
  }

  // Signed first and the log before the database: it then speaks of no row that the copy lacks.
  Result<void> add_anchors(store::File& file, const OrgId& org) {
    auto signed_heads = store::write_anchors(*services_.writers, file, org, services_.anchors_dir,
                                             services_.signer, services_.clock->now());
    if (!signed_heads) return std::unexpected(signed_heads.error());
    return add_anchor_log(org);
  }
  Result<void> add_anchor_log(const OrgId& org) {
    const std::string log = store::anchor_log_path(services_.anchors_dir, org);
    if (auto added = add_if_there("anchors/" + fs::path(log).filename().string(), log); !added) return added;
    if (org.empty()) return {};
    const std::string revoked = store::revocations_path(services_.anchors_dir, org);
    return add_if_there("anchors/" + fs::path(revoked).filename().string(), revoked);
  }

  Result<void> add_database(store::BackupFile file, const std::string& copy, const store::Heads& heads) {
    file.chained = true;
    file.heads = heads;
    auto added = add(std::move(file), copy);
    std::error_code ignored;
    fs::remove(copy, ignored);
    return added;
  }

  Result<void> take_org(Tenant& tenant) {
    if (auto added = add_anchors(tenant.file(), tenant.id()); !added) return added;
    const std::string copy = working_.file(tenant.id().text());
    auto heads = services_.writers->copy(tenant.file(), copy);
    if (!heads) return std::unexpected(heads.error());
    store::BackupFile file;
    file.name = fmt::format("orgs/{}.db", tenant.id().text());
    file.slug = tenant.snapshot()->root().slug;
    file.org = tenant.id();
    taken_.push_back(tenant.id());
    return add_database(std::move(file), copy, *heads);
  }

  // A deleted org's file has no writer.
  Result<void> take_deleted(const store::CatalogOrg& org, const std::string& path) {
    if (auto added = add_anchor_log(org.id); !added) return added;
    auto source = store::Connection::open(path, store::Access::read);
    if (!source) return std::unexpected(source.error());
    const std::string copied = working_.file(org.id.text());
    auto copy = store::FileCopy::begin(**source, copied);
    if (!copy) return std::unexpected(copy.error());
    for (;;) {
      auto whole = (*copy)->step();
      if (!whole) return std::unexpected(whole.error());
      if (*whole) break;
    }
    copy->reset();
    auto heads = store::read_heads(**source, store::FileKind::org, org.id);
    if (!heads) return std::unexpected(heads.error());
    store::BackupFile file;
    file.name = fmt::format("trash/{}.db", org.id.text());
    file.slug = org.slug;
    file.org = org.id;
    file.deleted = true;
    return add_database(std::move(file), copied, *heads);
  }

  Result<void> take_catalog() {
    if (auto added = add_anchors(registry_.catalog(), OrgId{}); !added) return added;
    const std::string copy = working_.file("catalog");
    auto heads = services_.writers->copy(registry_.catalog(), copy);
    if (!heads) return std::unexpected(heads.error());
    auto reader = store::Connection::open(copy, store::Access::read);
    if (!reader) return std::unexpected(reader.error());
    auto orgs = store::list_orgs(**reader);
    if (!orgs) return std::unexpected(orgs.error());
    auto epoch = store::get_setting(**reader, std::string(store::epoch_setting));
    if (!epoch) return std::unexpected(epoch.error());
    if (*epoch) std::from_chars((*epoch)->data(), (*epoch)->data() + (*epoch)->size(), manifest_.epoch);
    reader->reset();
    // What the catalog lists and was made since, and what it lists as deleted.
    for (const auto& org : *orgs) {
      if (std::ranges::find(taken_, org.id) != taken_.end()) continue;
      const std::string trashed = fmt::format("{}/trash/{}.db", wish_.state_dir, org.id.text());
      std::error_code code;
      if (const auto tenant = registry_.find(org.id)) {
        if (auto taken = take_org(*tenant); !taken) return taken;
      } else if (fs::exists(trashed, code)) {
        if (auto taken = take_deleted(org, trashed); !taken) return taken;
      }
    }
    store::BackupFile file;
    file.name = "catalog.db";
    return add_database(std::move(file), copy, *heads);
  }

  const Registry& registry_;
  const Services& services_;
  const BackupWish& wish_;
  const Working& working_;
  store::ArchiveWriter& archive_;
  store::BackupManifest manifest_;
  std::vector<OrgId> taken_;
};

// Room for the archive, at worst as large as all that goes in, and for a copy of the largest file.
Result<void> check_room(const Registry& registry, const BackupWish& wish) {
  std::int64_t all = 0;
  std::int64_t largest = 0;
  const auto count = [&](const std::string& path) {
    const std::int64_t bytes = size_of(path) + size_of(path + "-wal");
    all += bytes;
    largest = std::max(largest, bytes);
  };
  if (wish.only) {
    count(wish.only->path());
  } else {
    for (const auto& tenant : registry.tenants()) count(tenant->path());
    count(wish.state_dir + "/catalog.db");
  }
  auto room = store::free_bytes(wish.state_dir + "/catalog.db");
  if (!room) return std::unexpected(room.error());
  if (*room >= all + largest + spare_bytes) return {};
  return fail(Code::unavailable,
              fmt::format("a backup is made beside the databases and may need {} MiB there; {} MiB are free",
                          (all + largest + spare_bytes) >> 20, *room >> 20),
              "govctl doctor");
}

}  // namespace

BackupArchive::~BackupArchive() { ::close(fd_); }

Result<std::string> BackupArchive::read(std::int64_t offset, std::size_t most) const {
  std::string bytes(most, '\0');
  ssize_t got = 0;
  do {
    got = ::pread(fd_, bytes.data(), bytes.size(), offset);
  } while (got < 0 && errno == EINTR);
  if (got < 0)
    return fail(Code::unavailable, fmt::format("the archive cannot be read: {}", store::describe_errno(errno)));
  bytes.resize(static_cast<std::size_t>(got));
  return bytes;
}

Result<std::shared_ptr<BackupArchive>> make_backup(const Registry& registry, const BackupWish& wish) {
  if (auto room = check_room(registry, wish); !room) return std::unexpected(room.error());
  auto working = Working::make(wish.state_dir);
  if (!working) return std::unexpected(working.error());
  const std::string path = (*working)->file("archive");
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0)
    return fail(Code::unavailable, fmt::format("{} cannot be made: {}", path, store::describe_errno(errno)));
  auto made = std::make_shared<BackupArchive>(fd);
  auto archive = store::ArchiveWriter::begin(fd);
  if (!archive) return std::unexpected(archive.error());
  Taking taking(registry, wish, **working, **archive);
  if (auto taken = taking.take(); !taken) return std::unexpected(taken.error());
  if (auto done = taking.sign(); !done) return std::unexpected(done.error());
  if (auto finished = (*archive)->finish(); !finished) return std::unexpected(finished.error());
  struct stat facts{};
  if (::fstat(fd, &facts) != 0) return fail(Code::unavailable, "the archive cannot be read");
  made->whole(facts.st_size, taking.manifest());
  return made;
}

void sweep_backups(const std::string& state_dir) {
  std::error_code code;
  for (const auto& entry : fs::directory_iterator(state_dir, code)) {
    if (!entry.path().filename().string().starts_with(working_prefix)) continue;
    std::error_code ignored;
    fs::remove_all(entry.path(), ignored);
  }
}

}  // namespace govctl::tenant
