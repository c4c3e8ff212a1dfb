#include "daemon/restore.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "common/paths.h"
#include "daemon/identity/principal.h"
#include "daemon/instance_lock.h"
#include "daemon/restore_swap.h"
#include "daemon/secrets/secrets.h"
#include "daemon/signer.h"
#include "daemon/store/anchor_log.h"
#include "daemon/store/backup_manifest.h"
#include "daemon/store/catalog.h"
#include "daemon/store/credentials.h"
#include "daemon/store/keys.h"
#include "daemon/store/money.h"
#include "daemon/store/org_config.h"
#include "daemon/store/revocations.h"

namespace govctl {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view platform_scope = "platform";

bool there(const std::string& path) {
  std::error_code ignored;
  return fs::exists(path, ignored);
}

std::string text_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return std::move(text).str();
}

std::string hex(const domain::Hash& hash) {
  std::string text;
  for (const std::uint8_t byte : hash) text += fmt::format("{:02x}", byte);
  return text;
}

std::string actor() {
  const identity::LocalRule rule{getuid(), false, static_cast<gid_t>(-1)};
  const auto principal = identity::local_principal(rule, getuid(), getgid());
  return principal ? principal->actor : fmt::format("uid {}", getuid());
}

// One restore, from the archive to what changes places. The steps stand in restore() in their order.
class Restoring {
 public:
  Restoring(const DaemonOptions& options, const RestoreWish& wish, const secrets::Keyring& keyring,
            const store::Signer& signer)
      : options_(options),
        wish_(wish),
        keyring_(keyring),
        signer_(signer),
        state_(options.state_dir),
        staging_(wish.verify_only ? fmt::format("{}/backup.verify-{}", options.state_dir, getpid())
                                  : fmt::format("{}/{}", options.state_dir, restore_staging)),
        now_(SystemClock().now()),
        writers_({}, clock_, {}) {}
  ~Restoring() {
    std::error_code ignored;
    fs::remove_all(staging_, ignored);
  }
  Restoring(const Restoring&) = delete;
  Restoring& operator=(const Restoring&) = delete;

  Result<void> unpack();
  Result<void> choose();
  void verify();
  void check_keys();
  Result<void> check_place() const;
  Result<void> make_ready();
  Result<void> change_places();
  [[nodiscard]] RestoreReport& report() { return report_; }

 private:
  [[nodiscard]] bool whole() const { return chosen_.empty(); }
  [[nodiscard]] std::string staged(std::string_view name) const { return fmt::format("{}/{}", staging_, name); }
  [[nodiscard]] std::string in_place(std::string_view name) const { return fmt::format("{}/{}", state_, name); }
  void note(api::VerifyTable table) {
    report_.ok = report_.ok && table.ok;
    report_.tables.push_back(std::move(table));
  }
  void blame_file(const store::BackupFile& file, std::string fault);
  void verify_one(const store::BackupFile& file);
  [[nodiscard]] bool older(const store::BackupFile& file) const;
  Result<void> ready_org(const store::BackupFile& file);
  Result<void> ready_catalog();
  Result<void> list_org(const store::BackupFile& file);
  Result<void> write(const std::string& path, store::FileKind kind, const OrgId& org,
                     const std::string& anchors_dir, store::Work work);
  [[nodiscard]] domain::AuditRecord audit(const std::string& name) const;

  const DaemonOptions& options_;
  const RestoreWish& wish_;
  const secrets::Keyring& keyring_;
  const store::Signer& signer_;
  const std::string state_, staging_;
  const SystemClock clock_;
  const Timestamp now_;
  store::Writers writers_;
  store::BackupManifest manifest_;
  std::string chosen_;  // the slug of the one org, or empty
  RestoreReport report_;
};

Result<void> Restoring::unpack() {
  std::error_code ignored;
  fs::remove_all(staging_, ignored);
  if (auto made = ensure_private_dir(staging_); !made) return made;
  auto files = store::unpack(wish_.archive, staging_, store::is_backup_name);
  if (!files) return std::unexpected(files.error());
  const std::string text = text_of(staged(store::manifest_name));
  auto manifest = store::decode_manifest(text);
  if (!manifest) return std::unexpected(manifest.error());
  manifest_ = std::move(*manifest);
  const std::string signature = text_of(staged(store::manifest_signature_name));
  const auto bytes = [](const std::string& from) {
    return std::span(reinterpret_cast<const std::uint8_t*>(from.data()), from.size());
  };
  if (!signer_.verify(bytes(text), bytes(signature))) {
    return fail(
        Code::conflict,
        fmt::format("the backup is not signed with the signing key in {}: it was changed, or the keys of "
                    "the daemon that made it (they lay in {}) must be put there first",
                    options_.keys_dir, manifest_.keys_dir));
  }
  for (const auto& file : manifest_.files) {
    const auto found = std::ranges::find(*files, file.name, &store::Unpacked::name);
    if (found == files->end() || found->digest != file.digest) {
      return fail(Code::corrupt, fmt::format("{} in the backup is not what its manifest says", file.name));
    }
  }
  if (files->size() != manifest_.files.size() + 2) {
    return fail(Code::corrupt, "the backup holds files that its manifest does not name");
  }
  return {};
}

// What of the backup is wanted, and what the report says of it.
Result<void> Restoring::choose() {
  chosen_ = wish_.org.empty() ? manifest_.one_org : wish_.org;
  if (!chosen_.empty()) {
    const auto of_org = [&](const store::BackupFile& file) { return file.slug == chosen_ && !file.deleted; };
    const auto found = std::ranges::find_if(manifest_.files, of_org);
    if (found == manifest_.files.end()) {
      return fail(Code::not_found, fmt::format("the backup holds no org '{}'", chosen_.substr(0, 100)),
                  fmt::format("govctl restore {} --verify", wish_.archive));
    }
    const std::string id = found->org.text();
    std::erase_if(manifest_.files, [&](const store::BackupFile& file) { return !file.name.contains(id); });
  }
  report_.created_at = rfc3339(manifest_.created_at);
  report_.version = manifest_.version;
  report_.scope = whole() ? std::string(platform_scope) : chosen_;
  report_.left_out = manifest_.left_out;
  return {};
}

void Restoring::blame_file(const store::BackupFile& file, std::string fault) {
  api::VerifyTable table;
  table.org = file.slug.empty() ? std::string(platform_scope) : file.slug;
  table.table = "file";
  table.ok = false;
  table.fault = std::move(fault);
  note(std::move(table));
}

void Restoring::verify_one(const store::BackupFile& file) {
  const store::FileKind kind = file.org.empty() ? store::FileKind::catalog : store::FileKind::org;
  auto connection = store::Connection::open(staged(file.name), store::Access::read);
  if (!connection) return blame_file(file, connection.error().message);
  const store::Expected expected{file.heads.chain, std::nullopt};
  auto checked = store::verify_file(**connection, kind, file.org, staged("anchors"), signer_, &expected);
  if (!checked) return blame_file(file, checked.error().message);
  for (const auto& of : checked->tables) {
    api::VerifyTable table;
    table.org = file.slug.empty() ? std::string(platform_scope) : file.slug;
    table.table = std::string(domain::chain_table_name(of.table));
    table.rows = of.rows;
    table.head = hex(of.head.hash);
    table.ok = of.fault.empty();
    if (!table.ok) table.fault = of.fault;
    note(std::move(table));
  }
  report_.anchors += checked->anchors;
}

void Restoring::verify() {
  for (const auto& file : manifest_.files) {
    if (file.chained) verify_one(file);
  }
}

// A backup from before the master key was rotated needs the old one, too: said before, not found out after.
void Restoring::check_keys() {
  for (const auto& file : manifest_.files) {
    if (!file.chained || file.org.empty() || file.deleted) continue;
    auto connection = store::Connection::open(staged(file.name), store::Access::read);
    auto rows = connection ? store::list_data_keys(**connection) : std::unexpected(connection.error());
    if (!rows) continue;
    const bool opens = keyring_.sealed() || std::ranges::all_of(*rows, [&](const domain::DataKey& row) {
                         return keyring_.unwrap(file.org, row.id, row.wrapped).has_value();
                       });
    if (opens) continue;
    report_.notes.push_back(
        fmt::format("the credentials of org {} do not open with the keys in {}: put its org key and the master "
                    "key of {} there",
                    file.slug, options_.keys_dir, report_.created_at));
  }
}

// Whether the anchors in place know of what the backup lacks.
bool Restoring::older(const store::BackupFile& file) const {
  if (!there(store::anchor_log_path(in_place("anchors"), file.org))) return false;
  auto connection = store::Connection::open(staged(file.name), store::Access::read);
  if (!connection) return true;
  const store::FileKind kind = file.org.empty() ? store::FileKind::catalog : store::FileKind::org;
  auto checked = store::verify_file(**connection, kind, file.org, in_place("anchors"), signer_, nullptr);
  return !checked || !checked->ok();
}

Result<void> Restoring::check_place() const {
  const bool catalog = there(in_place("catalog.db"));
  if (!whole() && !catalog) {
    return fail(Code::conflict,
                fmt::format("one org's backup is brought into a daemon's state, and {} holds none", state_),
                "govctl up");
  }
  bool taken = whole() && catalog;
  for (const auto& file : manifest_.files) {
    taken = taken || (!whole() && file.chained && there(in_place(file.name)));
  }
  if (taken && !wish_.replace) {
    return fail(Code::conflict,
                fmt::format("{} is there already: --replace keeps it aside and puts the backup in its place",
                            whole() ? state_ : "org " + chosen_),
                fmt::format("govctl restore {}{} --replace", wish_.archive,
                            wish_.org.empty() ? "" : " --org " + wish_.org));
  }
  if (wish_.allow_older) return {};
  for (const auto& file : manifest_.files) {
    if (!file.chained || file.deleted || !older(file)) continue;
    return fail(
        Code::conflict,
        fmt::format("the backup of {} is older than the last anchor, or of another history: what was written "
                    "since {} would be lost; --allow-older restores it all the same",
                    file.slug.empty() ? "the platform" : "org " + file.slug, report_.created_at),
        fmt::format("govctl restore {}{} --replace --allow-older", wish_.archive,
                    wish_.org.empty() ? "" : " --org " + wish_.org));
  }
  return {};
}

domain::AuditRecord Restoring::audit(const std::string& name) const {
  domain::AuditRecord record;
  record.id = AuditId::mint(now_.millis());
  record.actor_kind = "local";
  record.actor = actor();
  record.event_type = whole() ? "platform.restore" : "org.restore";
  record.resource_type = "backup";
  record.resource_name = name;
  record.description = fmt::format("restored {} from a backup of {}", name, report_.created_at);
  record.metadata =
      api::Json{{"epoch", report_.epoch}, {"made_at", report_.created_at}, {"govd", manifest_.version}}.dump();
  record.created_at = now_;
  return record;
}

// One change of a file that nobody serves, with its anchor.
Result<void> Restoring::write(const std::string& path, store::FileKind kind, const OrgId& org,
                              const std::string& anchors_dir, store::Work work) {
  auto file = writers_.open(path, kind, org);
  if (!file) return std::unexpected(file.error());
  auto written = writers_.run(**file, std::move(work));
  if (written) {
    auto anchored = store::write_anchors(writers_, **file, org, anchors_dir, signer_, now_);
    if (!anchored) written = std::unexpected(anchored.error());
  }
  writers_.close(*file);
  std::error_code ignored;
  for (const char* const suffix : {"-wal", "-shm"}) fs::remove(path + suffix, ignored);
  return written;
}

Result<void> Restoring::ready_org(const store::BackupFile& file) {
  const std::string journal = store::revocations_path(staged("anchors"), file.org);
  auto known = store::read_revocations(journal);
  if (!known) return std::unexpected(known.error());
  auto since = store::read_revocations(store::revocations_path(in_place("anchors"), file.org));
  if (!since) return std::unexpected(since.error());
  std::erase_if(*since, [&](const store::Revocation& one) {
    return std::ranges::find(*known, one.key, &store::Revocation::key) != known->end();
  });
  if (auto kept = store::append_revocations(journal, *since); !kept) return kept;
  known->insert(known->end(), since->begin(), since->end());
  auto made = write(staged(file.name), store::FileKind::org, file.org, staged("anchors"),
                    [&](store::Transaction& tx) -> Result<void> {
                      auto released = store::release_reservations(tx);
                      if (!released) return std::unexpected(released.error());
                      auto revoked = store::apply_revocations(tx, *known);
                      if (!revoked) return std::unexpected(revoked.error());
                      report_.released += *released;
                      report_.revoked += *revoked;
                      return store::append_audit(tx, audit(file.slug));
                    });
  std::error_code ignored;
  fs::remove(staged("orgs/ballast"), ignored);
  return made;
}

Result<void> Restoring::ready_catalog() {
  return write(staged("catalog.db"), store::FileKind::catalog, OrgId{}, staged("anchors"),
               [&](store::Transaction& tx) -> Result<void> {
                 const std::string epoch = std::to_string(report_.epoch);
                 auto kept = store::put_setting(tx, std::string(store::epoch_setting), epoch);
                 return kept ? store::append_audit(tx, audit(std::string(platform_scope))) : kept;
               });
}

Result<void> Restoring::make_ready() {
  std::int64_t before = 0;
  if (there(in_place("catalog.db"))) {
    auto reader = store::Connection::open(in_place("catalog.db"), store::Access::read);
    auto setting = reader ? store::get_setting(**reader, std::string(store::epoch_setting))
                          : std::unexpected(reader.error());
    // A catalog that cannot be read may be why it is restored.
    if (setting && *setting)
      std::from_chars((*setting)->data(), (*setting)->data() + (*setting)->size(), before);
  }
  report_.epoch = std::max(before, manifest_.epoch) + 1;
  for (const char* const folder : {"orgs", "trash", "anchors"}) {
    if (auto made = ensure_private_dir(staged(folder)); !made) return made;
  }
  for (const auto& file : manifest_.files) {
    if (!file.chained || file.deleted) continue;
    auto ready = file.org.empty() ? ready_catalog() : ready_org(file);
    if (!ready) return ready;
  }
  return {};
}

// One org's file is in place: the catalog lists it, with its keys.
Result<void> Restoring::list_org(const store::BackupFile& file) {
  auto reader = store::Connection::open(in_place(file.name), store::Access::read);
  if (!reader) return std::unexpected(reader.error());
  auto config = store::load_org_config(**reader);
  if (!config) return std::unexpected(config.error());
  return write(in_place("catalog.db"), store::FileKind::catalog, OrgId{}, in_place("anchors"),
               [&](store::Transaction& tx) -> Result<void> {
                 auto orgs = store::list_orgs(tx.connection());
                 if (!orgs) return std::unexpected(orgs.error());
                 const auto row = std::ranges::find(*orgs, file.org, &store::CatalogOrg::id);
                 Result<void> listed;
                 if (row == orgs->end()) {
                   const domain::Org& org = config->org;
                   listed = store::insert_catalog_org(tx, {org.id, org.slug, org.billing_group, std::nullopt},
                                                      org.created_at);
                 } else if (row->deleted_at) {
                   listed = store::set_catalog_org_deleted(tx, file.org, std::nullopt);
                 }
                 for (const auto& key : config->keys) {
                   if (listed) listed = store::index_key(tx, key.hash, file.org);
                 }
                 return listed ? store::append_audit(tx, audit(file.slug)) : listed;
               });
}

Result<void> Restoring::change_places() {
  Swap swap;
  std::string stamp = rfc3339(now_);
  std::erase_if(stamp, [](char c) { return c == ':' || c == '-'; });
  swap.kept_as = "before-restore-" + stamp.substr(0, stamp.find('.')) + "Z";
  // Two within a second do not share a directory.
  for (int next = 2; there(in_place(swap.kept_as)); ++next) {
    swap.kept_as = fmt::format("{}-{}", swap.kept_as.substr(0, swap.kept_as.find('Z') + 1), next);
  }
  if (whole()) {
    swap.in = {"anchors", "orgs", "trash", "catalog.db"};
  } else {
    for (const auto& file : manifest_.files) {
      swap.in.push_back(file.name);
      if (file.chained) swap.out.push_back(fmt::format("trash/{}.db", file.org.text()));
    }
    // What making it ready has begun where the backup had none.
    const std::string id = std::ranges::find(manifest_.files, true, &store::BackupFile::chained)->org.text();
    for (const auto* const suffix : {".log", ".revoked"}) {
      const std::string name = fmt::format("anchors/{}{}", id, suffix);
      if (there(staged(name)) && std::ranges::find(swap.in, name) == swap.in.end()) swap.in.push_back(name);
    }
  }
  if (auto done = commit_swap(state_, swap); !done) return done;
  if (there(in_place(swap.kept_as))) report_.replaced = in_place(swap.kept_as);
  for (const auto& file : manifest_.files) {
    if (whole() || !file.chained) continue;
    if (auto listed = list_org(file); !listed) return listed;
  }
  report_.restored = true;
  return {};
}

}  // namespace

Result<RestoreReport> restore(const DaemonOptions& options, const RestoreWish& wish) {
  if (auto made = ensure_private_dir(options.state_dir); !made) return std::unexpected(made.error());
  std::optional<InstanceLock> lock;
  if (!wish.verify_only) {
    auto taken = InstanceLock::take(options.state_dir);
    if (!taken) {
      Error error = taken.error();
      error.next = "govctl down";
      return std::unexpected(std::move(error));
    }
    lock.emplace(std::move(*taken));
    if (auto finished = finish_restore(options.state_dir); !finished) return std::unexpected(finished.error());
  }
  auto keyring = secrets::Keyring::open(options.keys_dir, true);
  if (!keyring) return std::unexpected(keyring.error());
  const store::Signer signer = signer_of(**keyring);

  Restoring restoring(options, wish, **keyring, signer);
  if (auto done = restoring.unpack(); !done) return std::unexpected(done.error());
  if (auto done = restoring.choose(); !done) return std::unexpected(done.error());
  restoring.verify();
  restoring.check_keys();
  if (wish.verify_only || !restoring.report().ok) return restoring.report();
  if (auto done = restoring.check_place(); !done) return std::unexpected(done.error());
  if (auto done = restoring.make_ready(); !done) return std::unexpected(done.error());
  if (auto done = restoring.change_places(); !done) return std::unexpected(done.error());
  return restoring.report();
}

}  // namespace govctl
