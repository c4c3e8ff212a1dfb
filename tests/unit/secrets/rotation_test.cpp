// Another master key, cut after every step: what was wrapped always opens.

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>

#include "daemon/secrets/masters.h"
#include "daemon/secrets/passphrase.h"
#include "daemon/secrets/secrets.h"

using namespace govctl;
using namespace govctl::secrets;
namespace fs = std::filesystem;

namespace {

struct Keys {
  std::string directory;
  OrgId org = OrgId::mint(1);
  std::vector<std::uint8_t> wrapped;
  std::vector<std::uint8_t> sealed;
  Binding binding;

  Keys() {
    std::string pattern = (fs::temp_directory_path() / "govctl-keys-XXXXXX").string();
    directory = ::mkdtemp(pattern.data());
    auto ring = Keyring::open(directory, false);
    REQUIRE(ring);
    REQUIRE((*ring)->make_org_key(org));
    auto made = (*ring)->make_data_key(org, 1);
    REQUIRE(made);
    wrapped = made->second;
    binding = {org, "openai", Uuid{1}, 1};
    sealed = made->first.seal(Secret("plain"), binding);
  }
  ~Keys() {
    std::error_code ignored;
    fs::remove_all(directory, ignored);
  }
  Keys(const Keys&) = delete;
  Keys& operator=(const Keys&) = delete;

  std::unique_ptr<Keyring> open() const {
    auto ring = Keyring::open(directory, true);
    REQUIRE(ring);
    return std::move(*ring);
  }
  bool opens(const Keyring& ring) const {
    auto key = ring.unwrap(org, 1, wrapped);
    if (!key) return false;
    auto plain = key->open(sealed, binding);
    return plain && plain->reveal() == "plain";
  }
  void rewrap(const Keyring& ring) {
    auto fresh = ring.rewrap(org, 1, wrapped);
    REQUIRE(fresh);
    if (*fresh) wrapped = **fresh;
  }
  [[nodiscard]] bool there(const std::string& name) const { return fs::exists(directory + "/" + name); }
};

}  // namespace

TEST_CASE("a data key opens after every step of a rotation, from a start anew") {
  Keys keys;
  CHECK(keys.opens(*keys.open()));
  {
    auto ring = keys.open();
    REQUIRE(ring->begin_rotation(nullptr));
    CHECK(keys.there("master.next.key"));
    CHECK(keys.opens(*ring));
  }
  CHECK(keys.opens(*keys.open()));  // cut after the next key was made
  {
    auto ring = keys.open();
    CHECK(ring->masters().rotating);
    REQUIRE(ring->begin_rotation(nullptr));  // goes on with it
    keys.rewrap(*ring);
    CHECK(keys.opens(*ring));
  }
  CHECK(keys.opens(*keys.open()));  // cut after the data keys were wrapped under it
  const std::string old = keys.open()->masters().current;
  const std::string retired = keys.directory + "/master-" + old + ".key";
  fs::create_hard_link(keys.directory + "/master.key", retired);
  CHECK(keys.opens(*keys.open()));  // cut after the old key was kept
  {
    auto ring = keys.open();
    REQUIRE(ring->begin_rotation(nullptr));
    keys.rewrap(*ring);
    REQUIRE(ring->finish_rotation(false));
    CHECK_FALSE(ring->masters().rotating);
    CHECK(ring->masters().retired == std::vector<std::string>{old});
    CHECK(ring->masters().current != old);
    CHECK(keys.opens(*ring));
  }
  CHECK_FALSE(keys.there("master.next.key"));
  CHECK(keys.opens(*keys.open()));
}

TEST_CASE("a rotation that was cut before its last name is at its end") {
  Keys keys;
  {
    auto ring = keys.open();
    REQUIRE(ring->begin_rotation(nullptr));
    keys.rewrap(*ring);
  }
  const std::string old = keys.open()->masters().current;
  fs::rename(keys.directory + "/master.key", keys.directory + "/master-" + old + ".key");
  auto ring = keys.open();
  CHECK_FALSE(ring->masters().rotating);
  CHECK(keys.there("master.key"));
  CHECK(keys.opens(*ring));
}

TEST_CASE("a data key from before a rotation opens with the retired master key, and not without") {
  Keys keys;
  const auto before = keys.wrapped;
  auto ring = keys.open();
  REQUIRE(ring->begin_rotation(nullptr));
  REQUIRE(ring->finish_rotation(false));
  CHECK(keys.opens(*ring));
  CHECK(ring->master_of(keys.org, 1, before) == ring->masters().retired.at(0));
  keys.rewrap(*ring);
  CHECK(ring->master_of(keys.org, 1, keys.wrapped) == ring->masters().current);

  REQUIRE(ring->begin_rotation(nullptr));
  keys.rewrap(*ring);
  CHECK(ring->rewrap(keys.org, 1, keys.wrapped).value() == std::nullopt);
  REQUIRE(ring->finish_rotation(true));
  CHECK(keys.opens(*keys.open()));
}

TEST_CASE("a destroyed master key opens nothing any more") {
  Keys keys;
  auto ring = keys.open();
  REQUIRE(ring->begin_rotation(nullptr));
  REQUIRE(ring->finish_rotation(true));
  CHECK_FALSE(keys.opens(*ring));
  CHECK(keys.open()->masters().retired.empty());
}

TEST_CASE("under a passphrase the keyring is sealed until it is given") {
  Keys keys;
  const Secret passphrase("a passphrase of some length");
  {
    auto ring = keys.open();
    REQUIRE(ring->begin_rotation(&passphrase));
    keys.rewrap(*ring);
    REQUIRE(ring->finish_rotation(true));
    CHECK(ring->masters().source == MasterSource::passphrase);
    CHECK(keys.opens(*ring));
  }
  CHECK_FALSE(keys.there("master.key"));
  auto ring = keys.open();
  CHECK(ring->sealed());
  CHECK(ring->unwrap(keys.org, 1, keys.wrapped).error().code == Code::unavailable);
  CHECK(ring->make_data_key(keys.org, 2).error().code == Code::unavailable);
  CHECK(ring->begin_rotation(nullptr).error().code == Code::unavailable);
  CHECK(ring->unseal(Secret("another one")).error().code == Code::unauthenticated);
  CHECK(ring->sealed());
  REQUIRE(ring->unseal(passphrase));
  CHECK_FALSE(ring->sealed());
  CHECK(keys.opens(*ring));
  CHECK(ring->unseal(passphrase).error().code == Code::conflict);
}

TEST_CASE("a key under a passphrase is bound to all that is stored with it") {
  Secret key(32);
  random_bytes(key.bytes());
  auto sealed = seal_key(key, Secret("one two three"));
  REQUIRE(sealed);
  CHECK(open_key(*sealed, Secret("one two three"))->reveal() == key.reveal());
  CHECK_FALSE(open_key(*sealed, Secret("one two thre")));
  for (const std::size_t at :
       {std::size_t{0}, std::size_t{4}, std::size_t{12}, std::size_t{30}, sealed->size() - 1}) {
    auto changed = *sealed;
    changed[at] ^= 1;
    CHECK_FALSE(open_key(changed, Secret("one two three")));
  }
  CHECK_FALSE(open_key(std::span(*sealed).first(20), Secret("one two three")));
  auto greedy = *sealed;
  greedy[5] = 0xff;  // asks for terabytes
  CHECK_FALSE(open_key(greedy, Secret("one two three")));
}
