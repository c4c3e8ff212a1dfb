#include "common/id.h"

#include <catch2/catch.hpp>
#include <set>
#include <thread>
#include <vector>

using namespace govctl;
using namespace std::string_literals;

TEST_CASE("ids ascend in the order in which a thread mints them, many in one millisecond, too") {
  Uuid last{};
  for (int i = 0; i < 20'000; ++i) {
    const Uuid next = mint_uuid7(1'790'000'000'000);
    REQUIRE(last < next);
    last = next;
  }
  REQUIRE(last < mint_uuid7(1'790'000'001'000));
}

TEST_CASE("an id is a UUID of version 7 and its variant") {
  const Uuid id = mint_uuid7(0x0123456789ab);
  CHECK(uuid_text(id).substr(0, 15) == "01234567-89ab-7");
  CHECK((id[8] & 0xc0) == 0x80);
  CHECK(uuid_text(id).size() == 36);
}

TEST_CASE("ids of several threads differ") {
  std::vector<std::vector<Uuid>> minted(4);
  std::vector<std::thread> threads;
  for (auto& mine : minted) {
    threads.emplace_back([&mine] {
      for (int i = 0; i < 5'000; ++i) mine.push_back(mint_uuid7(1'790'000'000'000));
    });
  }
  for (auto& thread : threads) thread.join();
  std::set<Uuid> all;
  for (const auto& mine : minted) all.insert(mine.begin(), mine.end());
  CHECK(all.size() == 20'000);
}

TEST_CASE("an id is parsed from what it prints") {
  const auto id = AgentId::mint(1'790'000'000'000);
  CHECK(AgentId::parse(id.text()) == id);
  std::string upper = id.text();
  for (char& c : upper) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  CHECK(AgentId::parse(upper) == id);
  for (const std::string& text :
       {std::string(), std::string("x"), id.text() + "0", id.text().substr(1), "{" + id.text().substr(1),
        std::string(36, '-'), std::string(36, '0'), "00000000_0000-7000-8000-000000000000"s,
        "0000000g-0000-7000-8000-000000000000"s, "00000000-0000-7000-8000-00000000000 "s}) {
    INFO(text);
    CHECK_FALSE(AgentId::parse(text));
  }
}

TEST_CASE("a request id wears its prefix, and is known without it") {
  const auto id = RequestId::mint(1'790'000'000'000);
  CHECK(id.text().substr(0, 4) == "req_");
  CHECK(id.text().size() == 40);
  CHECK(RequestId::parse(id.text()) == id);
  CHECK(RequestId::parse(id.text().substr(4)) == id);
  CHECK_FALSE(RequestId::parse("req_req_" + id.text().substr(4)));
  CHECK_FALSE(AgentId::parse(id.text()));
}
