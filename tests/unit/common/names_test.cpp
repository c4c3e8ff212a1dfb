#include <catch2/catch.hpp>

#include "common/nearest.h"
#include "common/resource_path.h"

using namespace govctl;

TEST_CASE("a slug is short, lower-case, and begins and ends with a letter or digit") {
  for (const char* slug : {"a", "acme", "a-b_c.d", "0", "9lives", "a--b"}) {
    INFO(slug);
    CHECK(check_slug(slug));
  }
  CHECK(check_slug(std::string(63, 'a')));
  CHECK_FALSE(check_slug(std::string(64, 'a')));
  for (const char* slug : {"", "-a", "a-", ".a", "a.", "_a", "A", "a b", "a/b", "ä", "a\n", "..", "a%2f"}) {
    INFO(slug);
    CHECK_FALSE(check_slug(slug));
  }
}

TEST_CASE("a slug is made from a name") {
  CHECK(slug_of("My Team!") == "my-team");
  CHECK(slug_of("  --Ops_1.x-- ") == "ops_1.x");
  CHECK(slug_of("…") == "");
  CHECK(slug_of("") == "");
  CHECK(slug_of(std::string(62, 'a') + " b").size() == 62);
  for (const char* name : {"My Team!", "Ünïcode", "a/b/c", "..x..", "--", "A.-"}) {
    const std::string slug = slug_of(name);
    INFO(name << " -> " << slug);
    CHECK((slug.empty() || check_slug(slug)));
  }
}

TEST_CASE("a path is one to four slugs") {
  const auto path = ResourcePath::parse("acme/prod/support/triage");
  REQUIRE(path);
  CHECK(path->level() == Level::agent);
  CHECK(path->org() == "acme");
  CHECK(path->text() == "acme/prod/support/triage");
  CHECK(path->parent().text() == "acme/prod/support");
  CHECK(ResourcePath::parse("acme")->level() == Level::org);
  for (const char* text :
       {"", "/", "acme/", "/acme", "acme//prod", "a/b/c/d/e", "acme/Prod", "acme/..", " acme"}) {
    INFO(text);
    const auto parsed = ResourcePath::parse(text);
    REQUIRE_FALSE(parsed);
    CHECK(parsed.error().code == Code::invalid);
  }
}

TEST_CASE("levels have words") {
  for (const Level level : {Level::org, Level::workspace, Level::group, Level::agent, Level::key}) {
    CHECK(parse_level(level_word(level)) == level);
  }
  CHECK_FALSE(parse_level("Org"));
}

TEST_CASE("the nearest word is within two edits, swapped letters being one") {
  const std::vector<std::string_view> known{"create", "delete", "list", "get"};
  CHECK(nearest("craete", known) == "create");
  CHECK(nearest("lst", known) == "list");
  CHECK(nearest("delet", known) == "delete");
  CHECK(nearest("crt", known) == "get");  // two edits; "create" is three away
  CHECK(nearest("purchase", known).empty());
  CHECK(nearest("x", {"ab"}).empty());  // all of it would have to change
  CHECK(nearest("", known).empty());
}
