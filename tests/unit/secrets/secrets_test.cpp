#include "daemon/secrets/secrets.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <set>

#include "daemon/secrets/envelope.h"

using namespace govctl;
using namespace govctl::secrets;
namespace fs = std::filesystem;

namespace {

struct KeysDir {
  KeysDir() {
    std::string pattern = (fs::temp_directory_path() / "govctl-keys-XXXXXX").string();
    root = ::mkdtemp(pattern.data());
    path = root + "/keys";
    ::unsetenv("CREDENTIALS_DIRECTORY");
  }
  ~KeysDir() {
    ::unsetenv("CREDENTIALS_DIRECTORY");
    std::error_code ignored;
    fs::remove_all(root, ignored);
  }
  KeysDir(const KeysDir&) = delete;
  KeysDir& operator=(const KeysDir&) = delete;
  [[nodiscard]] std::string file(const std::string& name) const { return path + "/" + name; }
  std::unique_ptr<Keyring> open() const {
    auto keyring = Keyring::open(path, false);
    REQUIRE(keyring);
    return std::move(*keyring);
  }

  std::string root, path;
};

mode_t mode_of(const std::string& path) {
  struct stat facts{};
  REQUIRE(::stat(path.c_str(), &facts) == 0);
  return facts.st_mode & 07777;
}

std::string bytes_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// As somebody would who has the file's owner's rights.
void put(const std::string& path, const std::string& bytes) {
  fs::remove(path);
  std::ofstream(path, std::ios::binary) << bytes;
  ::chmod(path.c_str(), 0400);
}

std::span<const std::uint8_t> span_of(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

Binding binding_of(const OrgId& org) { return {org, "openai", CredentialId::mint(1).bytes, 1}; }

}  // namespace

TEST_CASE("the first start makes keys that only this user can read, and the next one finds them") {
  const KeysDir keys;
  const auto first = keys.open();
  CHECK(mode_of(keys.path) == 0700);
  for (const char* name : {"master.key", "signing.key"}) {
    CHECK(mode_of(keys.file(name)) == 0400);
    CHECK(fs::file_size(keys.file(name)) == 32);
  }
  CHECK(bytes_of(keys.file("master.key")) != bytes_of(keys.file("signing.key")));
  CHECK(std::distance(fs::directory_iterator(keys.path), fs::directory_iterator()) == 2);

  const std::string master = bytes_of(keys.file("master.key"));
  auto second = Keyring::open(keys.path, true);
  REQUIRE(second);
  CHECK(bytes_of(keys.file("master.key")) == master);
  CHECK((*second)->verify(span_of("message"), first->sign(span_of("message"))));
}

TEST_CASE("a missing key over existing data is an error that says where it lies, and nothing is made") {
  const KeysDir keys;
  std::string gone;
  SECTION("all") { gone = keys.path; }
  SECTION("master") {
    keys.open();
    fs::remove(keys.file("master.key"));
    gone = keys.file("master.key");
  }
  SECTION("signing") {
    keys.open();
    fs::remove(keys.file("signing.key"));
    gone = keys.file("signing.key");
  }
  const auto opened = Keyring::open(keys.path, true);
  REQUIRE_FALSE(opened);
  CHECK(opened.error().code == Code::not_found);
  CHECK(opened.error().message.find(gone) != std::string::npos);
  CHECK_FALSE(fs::exists(gone));
}

TEST_CASE("keys that others could read or change are refused") {
  const KeysDir keys;
  keys.open();
  std::string blamed = keys.file("master.key");
  SECTION("group") { ::chmod(blamed.c_str(), 0440); }
  SECTION("others") { ::chmod(blamed.c_str(), 0404); }
  SECTION("writable") { ::chmod(blamed.c_str(), 0600); }
  SECTION("the signing key") {
    blamed = keys.file("signing.key");
    ::chmod(blamed.c_str(), 0444);
  }
  SECTION("the directory") {
    blamed = keys.path;
    ::chmod(blamed.c_str(), 0750);
  }
  const auto opened = Keyring::open(keys.path, true);
  REQUIRE_FALSE(opened);
  CHECK(opened.error().code == Code::no_permission);
  CHECK(opened.error().message.find(blamed) != std::string::npos);
}

TEST_CASE("a key file of another length, or a link in its place, is refused") {
  const KeysDir keys;
  keys.open();
  const std::string master = keys.file("master.key");
  const std::string bytes = bytes_of(master);
  SECTION("shorter") {
    put(master, bytes.substr(1));
    CHECK(Keyring::open(keys.path, true).error().code == Code::corrupt);
  }
  SECTION("longer") {
    put(master, bytes + "x");
    CHECK(Keyring::open(keys.path, true).error().code == Code::corrupt);
  }
  SECTION("empty") {
    put(master, "");
    CHECK(Keyring::open(keys.path, false).error().code == Code::corrupt);
  }
  SECTION("a link") {
    fs::rename(master, keys.file("elsewhere"));
    fs::create_symlink(keys.file("elsewhere"), master);
    CHECK_FALSE(Keyring::open(keys.path, true));
  }
}

TEST_CASE("systemd's credentials are used where they are given") {
  const KeysDir keys;
  const std::string given = keys.root + "/given";
  fs::create_directory(given);
  put(given + "/master-key", std::string(32, 'm'));
  put(given + "/signing-key", std::string(32, 's'));
  ::setenv("CREDENTIALS_DIRECTORY", given.c_str(), 1);
  const auto keyring = keys.open();
  CHECK_FALSE(fs::exists(keys.file("master.key")));
  CHECK_FALSE(fs::exists(keys.file("signing.key")));
  // RFC 8032 keys are deterministic: the same seed signs the same.
  const KeysDir other;
  fs::create_directory(other.path);
  ::chmod(other.path.c_str(), 0700);
  put(other.file("master.key"), std::string(32, 'm'));
  put(other.file("signing.key"), std::string(32, 's'));
  CHECK(other.open()->sign(span_of("x")) == keyring->sign(span_of("x")));
}

TEST_CASE("a credential opens under its own binding alone") {
  const KeysDir keys;
  const auto keyring = keys.open();
  const OrgId org = OrgId::mint(1);
  REQUIRE(keyring->make_org_key(org));
  auto made = keyring->make_data_key(org, 1);
  REQUIRE(made);
  const DataKey& key = made->first;
  const Binding binding = binding_of(org);
  const Secret plain(std::string_view("sk-canary-0123456789"));
  const auto sealed = key.seal(plain, binding);
  CHECK(sealed.size() == 12 + 20 + 16);
  CHECK(std::string(sealed.begin(), sealed.end()).find("canary") == std::string::npos);
  const auto opened = key.open(sealed, binding);
  REQUIRE(opened);
  CHECK(opened->reveal() == "sk-canary-0123456789");

  Binding moved = binding;
  SECTION("another row") { moved.row = CredentialId::mint(2).bytes; }
  SECTION("another provider") { moved.provider = "openai2"; }
  SECTION("another organization") { moved.org = OrgId::mint(2); }
  SECTION("another data key's number") { moved.data_key_id = 2; }
  const auto refused = key.open(sealed, moved);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == Code::corrupt);
  CHECK(refused.error().message.find("canary") == std::string::npos);
}

TEST_CASE("a changed bit anywhere in what was sealed is refused, and so is a piece of it") {
  const KeysDir keys;
  const auto keyring = keys.open();
  const OrgId org = OrgId::mint(1);
  REQUIRE(keyring->make_org_key(org));
  const auto made = keyring->make_data_key(org, 1);
  REQUIRE(made);
  const Binding binding = binding_of(org);
  auto sealed = made->first.seal(Secret(std::string_view("abc")), binding);
  for (std::size_t i = 0; i < sealed.size(); ++i) {
    sealed[i] ^= 1;
    CHECK_FALSE(made->first.open(sealed, binding));
    sealed[i] ^= 1;
  }
  for (std::size_t length = 0; length < sealed.size(); ++length) {
    CHECK_FALSE(made->first.open(std::span(sealed).first(length), binding));
  }
  CHECK(made->first.open(sealed, binding));
  CHECK(made->first.seal(Secret(std::string_view("abc")), binding) != sealed);  // a nonce of its own
}

TEST_CASE("a data key needs the master key, the organization's key file, and its own number") {
  const KeysDir keys;
  const auto keyring = keys.open();
  const OrgId org = OrgId::mint(1);
  const OrgId other = OrgId::mint(2);
  REQUIRE(keyring->make_org_key(org));
  REQUIRE(keyring->make_org_key(other));
  const auto made = keyring->make_data_key(org, 1);
  REQUIRE(made);
  const auto& wrapped = made->second;
  const Binding binding = binding_of(org);
  const auto sealed = made->first.seal(Secret(std::string_view("abc")), binding);

  const auto again = keyring->unwrap(org, 1, wrapped);
  REQUIRE(again);
  CHECK(again->open(sealed, binding)->reveal() == "abc");
  CHECK(keyring->unwrap(org, 2, wrapped).error().code == Code::corrupt);
  CHECK(keyring->unwrap(other, 1, wrapped).error().code == Code::corrupt);

  SECTION("another master key") {
    put(keys.file("master.key"), std::string(32, 'x'));
    CHECK(keys.open()->unwrap(org, 1, wrapped).error().code == Code::corrupt);
  }
  SECTION("another organization's key file in its place") {
    put(keys.file("org-" + org.text() + ".key"), bytes_of(keys.file("org-" + other.text() + ".key")));
    CHECK(keyring->unwrap(org, 1, wrapped).error().code == Code::corrupt);
  }
  SECTION("a destroyed key file: its secrets are gone") {
    REQUIRE(keyring->destroy_org_key(org));
    CHECK_FALSE(fs::exists(keys.file("org-" + org.text() + ".key")));
    CHECK(keyring->unwrap(org, 1, wrapped).error().code == Code::not_found);
    CHECK(keyring->make_data_key(org, 2).error().code == Code::not_found);
    CHECK(keyring->destroy_org_key(org));
    CHECK(keyring->unwrap(other, 1, keyring->make_data_key(other, 1)->second));
  }
}

TEST_CASE("an organization's key file is made once") {
  const KeysDir keys;
  const auto keyring = keys.open();
  const OrgId org = OrgId::mint(1);
  const std::string path = keys.file("org-" + org.text() + ".key");
  REQUIRE(keyring->make_org_key(org));
  CHECK(mode_of(path) == 0400);
  const std::string bytes = bytes_of(path);
  REQUIRE(keyring->make_org_key(org));
  CHECK(bytes_of(path) == bytes);
  ::chmod(path.c_str(), 0644);
  CHECK(keyring->make_org_key(org).error().code == Code::no_permission);
  CHECK(keyring->make_data_key(org, 1).error().code == Code::no_permission);
}

TEST_CASE("a crash while a key was made leaves nothing in the way of the next start") {
  const KeysDir keys;
  fs::create_directory(keys.path);
  ::chmod(keys.path.c_str(), 0700);
  put(keys.file("master.key.part"), "half");
  keys.open();
  CHECK(fs::file_size(keys.file("master.key")) == 32);
  CHECK_FALSE(fs::exists(keys.file("master.key.part")));
}

TEST_CASE("a signature holds for its message and its key alone") {
  const KeysDir keys;
  const auto keyring = keys.open();
  auto signature = keyring->sign(span_of("message"));
  CHECK(signature.size() == 64);
  CHECK(keyring->verify(span_of("message"), signature));
  CHECK_FALSE(keyring->verify(span_of("messagf"), signature));
  CHECK_FALSE(keyring->verify(span_of("message"), std::span(signature).first(63)));
  CHECK_FALSE(keyring->verify(span_of("message"), {}));
  signature[5] ^= 1;
  CHECK_FALSE(keyring->verify(span_of("message"), signature));
  const KeysDir other;
  CHECK_FALSE(other.open()->verify(span_of("message"), keyring->sign(span_of("message"))));
}

TEST_CASE("Ed25519 is RFC 8032's") {
  const KeysDir keys;
  fs::create_directory(keys.path);
  ::chmod(keys.path.c_str(), 0700);
  const auto from_hex = [](std::string_view hex) {
    std::string bytes;
    for (std::size_t i = 0; i < hex.size(); i += 2) {
      bytes += static_cast<char>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16));
    }
    return bytes;
  };
  put(keys.file("master.key"), std::string(32, 'm'));
  // RFC 8032 section 7.1, test 2: a message of one byte.
  put(keys.file("signing.key"), from_hex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb"));
  const auto signature = keys.open()->sign(span_of("\x72"));
  CHECK(std::string(signature.begin(), signature.end()) ==
        from_hex("92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
                 "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"));
}

TEST_CASE("a secret moves and does not copy, and random bytes differ") {
  static_assert(!std::is_copy_constructible_v<Secret>);
  static_assert(!std::is_copy_assignable_v<Secret>);
  Secret first(std::string_view("abc"));
  Secret second(std::move(first));
  CHECK(second.reveal() == "abc");
  first = std::move(second);
  CHECK(first.reveal() == "abc");
  std::set<std::vector<std::uint8_t>> drawn;
  for (int i = 0; i < 50; ++i) {
    std::vector<std::uint8_t> bytes(32);
    random_bytes(bytes);
    drawn.insert(bytes);
  }
  CHECK(drawn.size() == 50);
}
