#include "daemon/store/archive.h"

#include <fcntl.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "daemon/store/backup_manifest.h"
#include "tests/unit/store/fixture.h"

using namespace govctl;
using namespace govctl::store;
using govctl::store::test::Scratch;
namespace fs = std::filesystem;

namespace {
std::string content(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}
std::string pack(const Scratch& scratch, const std::vector<std::pair<std::string, std::string>>& files) {
  const std::string path = scratch.file("a.tar.gz");
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC, 0600);
  auto writer = ArchiveWriter::begin(fd);
  REQUIRE(writer);
  for (const auto& [name, text] : files) {
    const std::string from = scratch.file("from");
    std::ofstream(from, std::ios::binary) << text;
    REQUIRE((*writer)->add_file(name, from));
  }
  REQUIRE((*writer)->finish());
  writer->reset();
  ::close(fd);
  return path;
}
bool any_name(std::string_view) { return true; }
}  // namespace

TEST_CASE("an archive gives back what was put into it, with its digests") {
  const Scratch scratch;
  const std::string large(1'000'000, 'x');
  const std::string path = pack(scratch, {{"orgs/a.db", "hello"}, {"b", large}, {"empty", ""}});
  fs::create_directory(scratch.file("to"));
  auto files = unpack(path, scratch.file("to"), any_name);
  REQUIRE(files);
  REQUIRE(files->size() == 3);
  CHECK(files->at(0).digest.sha256 == "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824");
  CHECK(files->at(0).digest.bytes == 5);
  CHECK(content(scratch.file("to/orgs/a.db")) == "hello");
  CHECK(content(scratch.file("to/b")) == large);
  CHECK((fs::status(scratch.file("to/b")).permissions() & fs::perms::all) ==
        (fs::perms::owner_read | fs::perms::owner_write));
}

TEST_CASE("an archive that names other files, one twice, or is cut, is refused") {
  const Scratch scratch;
  const auto refused = [&](const std::string& path) {
    fs::remove_all(scratch.file("to"));
    fs::create_directory(scratch.file("to"));
    auto files = unpack(path, scratch.file("to"), is_backup_name);
    return !files && files.error().code == Code::invalid;
  };
  CHECK(refused(pack(scratch, {{"../catalog.db", "x"}})));
  CHECK(refused(pack(scratch, {{"/etc/passwd", "x"}})));
  CHECK(refused(pack(scratch, {{"catalog.db", "x"}, {"catalog.db", "y"}})));
  CHECK(refused(pack(scratch, {{"orgs/a.db", "x"}})));
  const std::string path = pack(scratch, {{"catalog.db", std::string(100'000, 'z')}});
  CHECK_FALSE(refused(path));
  fs::resize_file(path, fs::file_size(path) / 2);
  CHECK(refused(path));
  CHECK(unpack(scratch.file("none"), scratch.file("to"), any_name).error().code == Code::not_found);
}

TEST_CASE("a backup holds no other names than these") {
  const std::string id = OrgId::mint(1).text();
  for (const std::string& name :
       {std::string("catalog.db"), std::string("manifest.json"), std::string("manifest.sig"),
        "orgs/" + id + ".db", "trash/" + id + ".db", "anchors/" + id + ".log",
        std::string("anchors/catalog.log"), "anchors/" + id + ".revoked"}) {
    CHECK(is_backup_name(name));
  }
  for (const std::string& name :
       {std::string(), std::string("orgs/.db"), std::string("orgs/../catalog.db"), "orgs/" + id + "/x.db",
        "keys/" + id + ".key", std::string("anchors/../x.log"), "./orgs/" + id + ".db",
        std::string("catalog.db-wal")}) {
    CHECK_FALSE(is_backup_name(name));
  }
}

TEST_CASE("a manifest is read as it was written") {
  BackupManifest manifest;
  manifest.version = "0.1.0";
  manifest.created_at = {1'790'000'000'000'000};
  manifest.epoch = 3;
  manifest.keys_dir = "/keys";
  manifest.left_out = {"broken"};
  BackupFile file;
  file.org = OrgId::mint(1);
  file.name = "orgs/" + file.org.text() + ".db";
  file.slug = "acme";
  file.chained = true;
  file.digest = {7, "00"};
  file.heads.chain[0] = {5, domain::sha256(std::string_view("x"))};
  file.heads.sum[0] = -12;
  manifest.files.push_back(file);
  auto read = decode_manifest(encode(manifest));
  REQUIRE(read);
  CHECK(read->epoch == 3);
  CHECK(read->left_out == manifest.left_out);
  REQUIRE(read->files.size() == 1);
  CHECK(read->files[0].heads == file.heads);
  CHECK(read->files[0].digest == file.digest);
  CHECK(read->files[0].org == file.org);
  CHECK_FALSE(decode_manifest("{}"));
  CHECK_FALSE(decode_manifest("nothing"));
  std::string later = encode(manifest);
  later.replace(later.find("\"format\": 1"), 11, "\"format\": 2");
  CHECK(decode_manifest(later).error().message.find("newer") != std::string::npos);
}
