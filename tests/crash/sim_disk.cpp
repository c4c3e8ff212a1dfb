#include "tests/crash/sim_disk.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <condition_variable>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <mutex>

namespace govctl::test {
namespace {

namespace fs = std::filesystem;
constexpr std::size_t sector = 512;
constexpr const char* journal_suffix = ".calls";

bool is_journal(const std::string& path) { return path.ends_with(journal_suffix); }

void write_into(std::string& content, std::uint64_t offset, const char* bytes, std::size_t size) {
  if (content.size() < offset + size) content.resize(offset + size);
  std::memcpy(content.data() + offset, bytes, size);
}

struct MemoryFile {
  std::string path;
  std::string content;
  // SQLite's locks of the file (sqlite3_io_methods.xLock).
  int shared = 0;
  const void* reserved = nullptr;
  const void* exclusive = nullptr;  // or pending
  // Its shared memory.
  std::vector<std::unique_ptr<char[]>> regions;
  std::array<int, SQLITE_SHM_NLOCK> slots{};  // readers, or -1
  int mapped = 0;
};

}  // namespace

struct SimDisk::State {
  mutable std::mutex mutex;
  std::condition_variable gate;
  std::map<std::string, std::shared_ptr<MemoryFile>> files;
  bool logging = false;
  DiskLog log;
  std::map<std::string, std::uint32_t> numbers;  // of the log's files
  std::string held;                              // suffix
  bool frames_held = false;
  int frames_let_go = 0;
  bool waits = false;
  DiskPoint point{};
  DiskFault fault{};
  std::uint64_t passes_left = 0;  // 0: nothing is to fail
  bool failing = false;
  std::pair<Image, std::size_t> killed;
  bool normal_synchronous = false;
  sqlite3_vfs* real = nullptr;
  sqlite3_vfs vfs{};

  // All under the mutex.
  [[nodiscard]] Image contents() const {
    Image image;
    for (const auto& [path, file] : files) image[path] = file->content;
    return image;
  }
  // 0, or the errno with which the point fails now.
  int pass(DiskPoint passed) {
    const bool counts = passed == point && passes_left > 0;
    if (counts) --passes_left;
    if (counts && passes_left == 0) {
      failing = true;
      if (fault == DiskFault::kill) killed = {contents(), log.events.size()};
    }
    if (!failing || fault == DiskFault::kill) return 0;
    const bool writes = passed != DiskPoint::journal_sync && passed != DiskPoint::log_sync &&
                        passed != DiskPoint::database_sync;
    if (fault == DiskFault::enospc) return writes ? ENOSPC : 0;
    return passed == point ? EIO : 0;
  }
  DiskEvent& log_event(DiskEvent::Kind kind, const std::string& path) {
    note_removed_journals();
    return append(kind, path);
  }
  DiskEvent& append(DiskEvent::Kind kind, const std::string& path) {
    const auto [at, fresh] = numbers.try_emplace(path, static_cast<std::uint32_t>(log.files.size()));
    if (fresh) log.files.push_back(path);
    log.events.push_back({kind, at->second, 0, {}, 0});
    return log.events.back();
  }
  // The store unlinks journals past the seam; their name in the real directory tells.
  void note_removed_journals() {
    for (auto at = files.begin(); at != files.end();) {
      if (is_journal(at->first) && ::access(at->first.c_str(), F_OK) != 0) {
        if (logging) append(DiskEvent::Kind::remove, at->first);
        at = files.erase(at);
      } else {
        ++at;
      }
    }
  }
  void write(MemoryFile& file, std::uint64_t offset, const char* bytes, std::size_t size) {
    write_into(file.content, offset, bytes, size);
    if (!logging) return;
    DiskEvent& event = log_event(DiskEvent::Kind::write, file.path);
    event.offset = offset;
    event.bytes.assign(bytes, size);
  }
  std::shared_ptr<MemoryFile> create(const std::string& path) {
    auto file = std::make_shared<MemoryFile>();
    file->path = path;
    if (path.empty()) return file;
    if (logging) log_event(DiskEvent::Kind::create, path);
    files[path] = file;
    return file;
  }
  void sync_waits(std::unique_lock<std::mutex>& lock, const MemoryFile& file) {
    while (!held.empty() && file.path.ends_with(held)) {
      waits = true;
      gate.notify_all();
      gate.wait(lock);
    }
  }
  // A segment's head goes with its first frame.
  void frame_waits(std::unique_lock<std::mutex>& lock, bool head) {
    while (frames_held && frames_let_go == 0) {
      waits = true;
      gate.notify_all();
      gate.wait(lock);
    }
    if (!head) frames_let_go = 0;
  }
  void log_sync(const MemoryFile& file) {
    if (logging && !file.path.empty()) log_event(DiskEvent::Kind::sync, file.path);
  }
};

namespace {

SimDisk::State* disk = nullptr;

struct Handle {
  sqlite3_file base;
  std::shared_ptr<MemoryFile>* file;
  int level;
  bool mapped;
};
Handle& handle(sqlite3_file* file) { return *reinterpret_cast<Handle*>(file); }
MemoryFile& memory(sqlite3_file* file) { return **handle(file).file; }

int unmap_shm(sqlite3_file* file, int) {
  Handle& mine = handle(file);
  const std::scoped_lock lock(disk->mutex);
  if (!mine.mapped) return SQLITE_OK;
  mine.mapped = false;
  if (--memory(file).mapped == 0) memory(file).regions.clear();
  return SQLITE_OK;
}

int unlock_file(sqlite3_file* file, int level) {
  Handle& mine = handle(file);
  const std::scoped_lock lock(disk->mutex);
  MemoryFile& of = memory(file);
  if (mine.level <= level) return SQLITE_OK;
  if (of.exclusive == file) of.exclusive = nullptr;
  if (of.reserved == file) of.reserved = nullptr;
  if (level == SQLITE_LOCK_NONE) --of.shared;
  mine.level = level;
  return SQLITE_OK;
}

int close_file(sqlite3_file* file) {
  unmap_shm(file, 0);
  unlock_file(file, SQLITE_LOCK_NONE);
  delete handle(file).file;
  return SQLITE_OK;
}

int read_file(sqlite3_file* file, void* out, int size, sqlite3_int64 offset) {
  const std::scoped_lock lock(disk->mutex);
  const std::string& content = memory(file).content;
  const auto at = static_cast<std::size_t>(offset);
  const auto wanted = static_cast<std::size_t>(size);
  const std::size_t there = at >= content.size() ? 0 : std::min(wanted, content.size() - at);
  if (there > 0) std::memcpy(out, content.data() + at, there);
  if (there == wanted) return SQLITE_OK;
  std::memset(static_cast<char*>(out) + there, 0, wanted - there);
  return SQLITE_IOERR_SHORT_READ;
}

bool is_log(const MemoryFile& file) { return file.path.ends_with("-wal"); }

int write_file(sqlite3_file* file, const void* bytes, int size, sqlite3_int64 offset) {
  const std::scoped_lock lock(disk->mutex);
  const int failed = disk->pass(is_log(memory(file)) ? DiskPoint::log_write : DiskPoint::database_write);
  if (failed != 0) return failed == ENOSPC ? SQLITE_FULL : SQLITE_IOERR_WRITE;
  disk->write(memory(file), static_cast<std::uint64_t>(offset), static_cast<const char*>(bytes),
              static_cast<std::size_t>(size));
  return SQLITE_OK;
}

int truncate_file(sqlite3_file* file, sqlite3_int64 size) {
  const std::scoped_lock lock(disk->mutex);
  MemoryFile& of = memory(file);
  of.content.resize(static_cast<std::size_t>(size));
  if (disk->logging && !of.path.empty()) {
    disk->log_event(DiskEvent::Kind::truncate, of.path).offset = static_cast<std::uint64_t>(size);
  }
  return SQLITE_OK;
}

int sync_file(sqlite3_file* file, int) {
  std::unique_lock lock(disk->mutex);
  disk->sync_waits(lock, memory(file));
  if (disk->pass(is_log(memory(file)) ? DiskPoint::log_sync : DiskPoint::database_sync) != 0) {
    return SQLITE_IOERR_FSYNC;
  }
  disk->log_sync(memory(file));
  return SQLITE_OK;
}

int size_of_file(sqlite3_file* file, sqlite3_int64* size) {
  const std::scoped_lock lock(disk->mutex);
  *size = static_cast<sqlite3_int64>(memory(file).content.size());
  return SQLITE_OK;
}

int lock_file(sqlite3_file* file, int level) {
  Handle& mine = handle(file);
  const std::scoped_lock lock(disk->mutex);
  MemoryFile& of = memory(file);
  if (mine.level >= level) return SQLITE_OK;
  if (of.exclusive != nullptr && of.exclusive != file) return SQLITE_BUSY;
  if (level == SQLITE_LOCK_SHARED) {
    ++of.shared;
  } else {
    if (of.reserved != nullptr && of.reserved != file) return SQLITE_BUSY;
    of.reserved = file;
    if (level == SQLITE_LOCK_EXCLUSIVE) {
      of.exclusive = file;
      if (of.shared > 1) {
        mine.level = SQLITE_LOCK_PENDING;
        return SQLITE_BUSY;
      }
    }
  }
  mine.level = level;
  return SQLITE_OK;
}

int check_reserved(sqlite3_file* file, int* out) {
  const std::scoped_lock lock(disk->mutex);
  *out = memory(file).reserved != nullptr ? 1 : 0;
  return SQLITE_OK;
}

// With synchronous = NORMAL in its place: SQLite asks here before it runs a pragma.
int control(sqlite3_file*, int code, void* argument) {
  if (code != SQLITE_FCNTL_PRAGMA || !disk->normal_synchronous) return SQLITE_NOTFOUND;
  char** const words = static_cast<char**>(argument);
  const bool full = words[1] != nullptr && std::strcmp(words[1], "synchronous") == 0 && words[2] != nullptr &&
                    std::strcmp(words[2], "FULL") == 0;
  return full ? SQLITE_OK : SQLITE_NOTFOUND;
}

int sector_size(sqlite3_file*) { return 4096; }
int characteristics(sqlite3_file*) { return SQLITE_IOCAP_POWERSAFE_OVERWRITE; }

int map_shm(sqlite3_file* file, int region, int size, int extend, void volatile** out) {
  Handle& mine = handle(file);
  const std::scoped_lock lock(disk->mutex);
  MemoryFile& of = memory(file);
  if (!mine.mapped) {
    mine.mapped = true;
    ++of.mapped;
  }
  const auto index = static_cast<std::size_t>(region);
  *out = nullptr;
  if (index >= of.regions.size() && extend == 0) return SQLITE_OK;
  while (index >= of.regions.size()) {
    of.regions.push_back(std::make_unique<char[]>(static_cast<std::size_t>(size)));
  }
  *out = of.regions[index].get();
  return SQLITE_OK;
}

int lock_shm(sqlite3_file* file, int offset, int count, int flags) {
  const std::scoped_lock lock(disk->mutex);
  const auto slots =
      std::span(memory(file).slots).subspan(static_cast<std::size_t>(offset), static_cast<std::size_t>(count));
  const bool shared = (flags & SQLITE_SHM_SHARED) != 0;
  if ((flags & SQLITE_SHM_UNLOCK) != 0) {
    for (int& slot : slots) slot = shared ? slot - 1 : 0;
    return SQLITE_OK;
  }
  if (std::ranges::any_of(slots, [&](int slot) { return shared ? slot < 0 : slot != 0; })) return SQLITE_BUSY;
  for (int& slot : slots) slot = shared ? slot + 1 : -1;
  return SQLITE_OK;
}

// What others see of the shared memory is ordered by the mutex, as by the locks of a real one.
void barrier(sqlite3_file*) { const std::scoped_lock lock(disk->mutex); }

constexpr sqlite3_io_methods methods{
    .iVersion = 2,
    .xClose = close_file,
    .xRead = read_file,
    .xWrite = write_file,
    .xTruncate = truncate_file,
    .xSync = sync_file,
    .xFileSize = size_of_file,
    .xLock = lock_file,
    .xUnlock = unlock_file,
    .xCheckReservedLock = check_reserved,
    .xFileControl = control,
    .xSectorSize = sector_size,
    .xDeviceCharacteristics = characteristics,
    .xShmMap = map_shm,
    .xShmLock = lock_shm,
    .xShmBarrier = barrier,
    .xShmUnmap = unmap_shm,
    .xFetch = nullptr,
    .xUnfetch = nullptr,
};

int open_file(sqlite3_vfs*, const char* name, sqlite3_file* file, int flags, int* out) {
  const std::scoped_lock lock(disk->mutex);
  const std::string path = name == nullptr ? "" : name;
  const auto found = disk->files.find(path);
  const bool there = !path.empty() && found != disk->files.end();
  file->pMethods = nullptr;
  if (!there && (flags & SQLITE_OPEN_READONLY) != 0) return SQLITE_CANTOPEN;
  Handle& mine = handle(file);
  mine.file = new std::shared_ptr<MemoryFile>(there ? found->second : disk->create(path));
  mine.level = SQLITE_LOCK_NONE;
  mine.mapped = false;
  file->pMethods = &methods;
  if (out != nullptr) *out = flags;
  return SQLITE_OK;
}

int delete_file(sqlite3_vfs*, const char* name, int) {
  const std::scoped_lock lock(disk->mutex);
  if (disk->files.erase(name) == 0) return SQLITE_IOERR_DELETE_NOENT;
  if (disk->logging) disk->log_event(DiskEvent::Kind::remove, name);
  return SQLITE_OK;
}

int access_file(sqlite3_vfs*, const char* name, int, int* out) {
  const std::scoped_lock lock(disk->mutex);
  const auto found = disk->files.find(name);
  *out = found != disk->files.end() && !found->second->content.empty() ? 1 : 0;
  return SQLITE_OK;
}

int full_path(sqlite3_vfs*, const char* name, int size, char* out) {
  sqlite3_snprintf(size, out, "%s", name);
  return SQLITE_OK;
}

// Before the connection's own pragmas run, which may not take it back.
int be_normal(sqlite3* database, char**, const sqlite3_api_routines*) {
  if (disk != nullptr && disk->normal_synchronous) {
    sqlite3_exec(database, "PRAGMA synchronous = NORMAL", nullptr, nullptr, nullptr);
  }
  return SQLITE_OK;
}
void (*normal_entry())() { return reinterpret_cast<void (*)()>(&be_normal); }

class MemoryBlocks final : public store::BlockFile {
 public:
  MemoryBlocks(std::shared_ptr<MemoryFile> file, std::uint64_t bytes, const bool& skips_sync)
      : file_(std::move(file)), segment_bytes_(bytes / 2), skips_sync_(skips_sync) {}
  Result<void> write(std::uint64_t offset, std::span<const char> bytes) override {
    std::unique_lock lock(disk->mutex);
    disk->frame_waits(lock, offset % segment_bytes_ == 0);
    if (const int failed = disk->pass(DiskPoint::journal_write); failed != 0) {
      return govctl::fail(failed == ENOSPC ? Code::unavailable : Code::internal,
                          "the journal cannot be written");
    }
    disk->write(*file_, offset, bytes.data(), bytes.size());
    return {};
  }
  Result<void> sync() override {
    const std::scoped_lock lock(disk->mutex);
    if (disk->pass(DiskPoint::journal_sync) != 0) {
      return govctl::fail(Code::internal, "the journal cannot be synced");
    }
    if (!skips_sync_) disk->log_sync(*file_);
    return {};
  }

 private:
  std::shared_ptr<MemoryFile> file_;
  std::uint64_t segment_bytes_;
  const bool& skips_sync_;
};

void leave_in_real_directory(const std::string& path, const std::string& content) {
  fs::create_directories(fs::path(path).parent_path());
  std::ofstream(path, std::ios::binary | std::ios::trunc) << content;
}

}  // namespace

SimDisk::SimDisk() : state_(std::make_unique<State>()) {
  sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);  // as the store does, before SQLite's first use
  state_->real = sqlite3_vfs_find(nullptr);
  state_->vfs = *state_->real;
  state_->vfs.zName = "memory";
  state_->vfs.pNext = nullptr;
  state_->vfs.szOsFile = sizeof(Handle);
  state_->vfs.xOpen = open_file;
  state_->vfs.xDelete = delete_file;
  state_->vfs.xAccess = access_file;
  state_->vfs.xFullPathname = full_path;
  disk = state_.get();
  sqlite3_vfs_register(&state_->vfs, 1);
  sqlite3_auto_extension(normal_entry());
}

SimDisk::~SimDisk() {
  sqlite3_cancel_auto_extension(normal_entry());
  sqlite3_vfs_unregister(&state_->vfs);
  sqlite3_vfs_register(state_->real, 1);
  disk = nullptr;
}

void SimDisk::put(const Image& image) {
  const std::scoped_lock lock(state_->mutex);
  state_->normal_synchronous = normal_synchronous;
  for (const auto& [path, file] : state_->files) ::unlink(path.c_str());
  state_->files.clear();
  for (const auto& [path, content] : image) {
    if (is_journal(path)) {
      leave_in_real_directory(path, content);
    } else if (path.ends_with(".db")) {
      leave_in_real_directory(path, {});
    }
    auto file = std::make_shared<MemoryFile>();
    file->path = path;
    file->content = content;
    state_->files[path] = std::move(file);
  }
}

Image SimDisk::take() const {
  const std::scoped_lock lock(state_->mutex);
  state_->note_removed_journals();
  return state_->contents();
}

void SimDisk::fail(DiskPoint point, DiskFault fault, std::uint64_t nth) {
  const std::scoped_lock lock(state_->mutex);
  state_->point = point;
  state_->fault = fault;
  state_->passes_left = nth;
  state_->failing = false;
}

void SimDisk::mend() {
  const std::scoped_lock lock(state_->mutex);
  state_->passes_left = 0;
  state_->failing = false;
}

bool SimDisk::failed() const {
  const std::scoped_lock lock(state_->mutex);
  return state_->failing;
}

std::pair<Image, std::size_t> SimDisk::killed() const {
  const std::scoped_lock lock(state_->mutex);
  return state_->killed;
}

void SimDisk::poke(const std::string& path, const std::string& content) {
  const std::scoped_lock lock(state_->mutex);
  state_->files.at(path)->content = content;
}

void SimDisk::start_log() {
  Image before = take();
  const std::scoped_lock lock(state_->mutex);
  state_->log = DiskLog{std::move(before), {}, {}};
  state_->numbers.clear();
  for (const auto& [path, content] : state_->log.before) {
    state_->numbers[path] = static_cast<std::uint32_t>(state_->log.files.size());
    state_->log.files.push_back(path);
  }
  state_->logging = true;
}

void SimDisk::mark(std::int64_t note) {
  const std::scoped_lock lock(state_->mutex);
  if (!state_->logging) return;
  state_->note_removed_journals();
  state_->log.events.push_back({DiskEvent::Kind::mark, 0, 0, {}, note});
}

std::size_t SimDisk::logged() const {
  const std::scoped_lock lock(state_->mutex);
  return state_->log.events.size();
}

DiskLog SimDisk::end_log() {
  const std::scoped_lock lock(state_->mutex);
  state_->logging = false;
  return std::move(state_->log);
}

store::BlockFileMaker SimDisk::journals() {
  return [this](const std::string& path, std::uint64_t bytes) -> Result<std::unique_ptr<store::BlockFile>> {
    const std::scoped_lock lock(state_->mutex);
    state_->note_removed_journals();
    if (state_->pass(DiskPoint::journal_make) != 0) {
      return govctl::fail(Code::unavailable, "the journal cannot be made");
    }
    leave_in_real_directory(path, {});
    auto file = state_->create(path);
    const std::string zeros(bytes, '\0');
    state_->write(*file, 0, zeros.data(), zeros.size());
    state_->log_sync(*file);  // the maker's own sync, which no fault skips
    return std::make_unique<MemoryBlocks>(std::move(file), bytes, journal_skips_sync);
  };
}

void SimDisk::hold_syncs(const std::string& suffix) {
  const std::scoped_lock lock(state_->mutex);
  state_->held = suffix;
}

void SimDisk::hold_frames() {
  const std::scoped_lock lock(state_->mutex);
  state_->frames_held = true;
}

void SimDisk::wait_for_gate() {
  std::unique_lock lock(state_->mutex);
  state_->gate.wait(lock, [&] { return state_->waits; });
}

void SimDisk::let_frame_go() {
  {
    const std::scoped_lock lock(state_->mutex);
    state_->frames_let_go = 1;
    state_->waits = false;
  }
  state_->gate.notify_all();
}

void SimDisk::let_go() {
  {
    const std::scoped_lock lock(state_->mutex);
    state_->held.clear();
    state_->frames_held = false;
    state_->waits = false;
  }
  state_->gate.notify_all();
}

Cutter::Cutter(const DiskLog& log) : log_(log), files_(log.files.size()) {
  for (std::size_t i = 0; i < files_.size(); ++i) {
    const auto found = log.before.find(log.files[i]);
    if (found != log.before.end()) files_[i] = {found->second, {}, true, true};
  }
}

namespace {

// All of a write or a truncation.
void perform(const DiskEvent& event, std::string& content) {
  if (event.kind == DiskEvent::Kind::truncate) {
    content.resize(event.offset);
  } else {
    write_into(content, event.offset, event.bytes.data(), event.bytes.size());
  }
}

// Some of its sectors; one of them may hold anything.
void tear(const DiskEvent& event, std::string& content, Random& random) {
  if (event.kind == DiskEvent::Kind::truncate) return;
  for (std::size_t at = 0; at < event.bytes.size();) {
    const std::size_t size = std::min(sector - (event.offset + at) % sector, event.bytes.size() - at);
    if (one_in(random, 2)) write_into(content, event.offset + at, event.bytes.data() + at, size);
    if (one_in(random, 64)) {
      std::string garbage(size, '\0');
      for (char& byte : garbage) byte = static_cast<char>(random());
      write_into(content, event.offset + at, garbage.data(), size);
    }
    at += size;
  }
}

}  // namespace

void Cutter::apply(const DiskEvent& event) {
  if (event.kind == DiskEvent::Kind::mark) return;
  File& file = files_[event.file];
  switch (event.kind) {
    case DiskEvent::Kind::create:
      file = {{}, {}, true, false};
      break;
    case DiskEvent::Kind::write:
    case DiskEvent::Kind::truncate:
      file.pending.push_back(&event);
      break;
    case DiskEvent::Kind::sync:
      for (const DiskEvent* write : file.pending) perform(*write, file.synced);
      file.pending.clear();
      file.named = true;
      break;
    case DiskEvent::Kind::remove:
      file = {};
      break;
    case DiskEvent::Kind::mark:
      break;
  }
}

Image Cutter::cut(std::size_t events, Random& random) {
  for (; at_ < events; ++at_) apply(log_.events[at_]);
  enum class Way { drop, keep, some, tear };
  static constexpr std::array ways{Way::drop, Way::keep, Way::some, Way::some, Way::tear, Way::tear};
  const Way way = ways[random() % ways.size()];
  Image image;
  for (std::size_t i = 0; i < files_.size(); ++i) {
    const File& file = files_[i];
    if (!file.there || (!file.named && one_in(random, 2))) continue;
    std::string content = file.synced;
    for (const DiskEvent* write : file.pending) {
      const bool whole = way == Way::keep || (way != Way::drop && one_in(random, 2));
      if (whole) {
        perform(*write, content);
      } else if (way == Way::tear) {
        tear(*write, content, random);
      }
    }
    image[log_.files[i]] = std::move(content);
  }
  return image;
}

}  // namespace govctl::test
