// The score: how many of the forty points hold, and which do not. GOVCTL_POINTS=3,17 tries these alone.

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <iostream>
#include <set>
#include <sstream>

#include "tests/functional/points/point.h"

using namespace govctl::test;

namespace {

std::vector<Point> all_points() {
  std::vector<Point> all;
  for (const auto& part :
       {help_points(), output_points(), care_points(), as_code_points(), trust_points(), shell_points()}) {
    all.insert(all.end(), part.begin(), part.end());
  }
  std::ranges::sort(all, {}, &Point::number);
  return all;
}

std::set<int> wanted() {
  std::set<int> numbers;
  const char* const named = std::getenv("GOVCTL_POINTS");
  std::istringstream words(named == nullptr ? "" : named);
  for (std::string word; std::getline(words, word, ',');) numbers.insert(std::stoi(word));
  return numbers;
}

std::string tried(const Point& point, PointWorld& world) {
  try {
    return point.check(world);
  } catch (const std::exception& fault) {
    return fault.what();
  }
}

}  // namespace

TEST_CASE("forty of forty points hold", "[points]") {
  const auto points = all_points();
  REQUIRE(points.size() == 40);
  for (std::size_t i = 0; i < points.size(); ++i) REQUIRE(points[i].number == static_cast<int>(i) + 1);
  const auto only = wanted();
  PointWorld world;
  std::size_t held = 0;
  std::size_t tries = 0;
  std::string failing;
  for (const Point& point : points) {
    if (!only.empty() && !only.contains(point.number)) continue;
    ++tries;
    const std::string why = tried(point, world);
    if (why.empty()) {
      ++held;
    } else {
      failing +=
          "  (" + std::to_string(point.number) + ") " + std::string(point.claim) + "\n      " + why + "\n";
    }
  }
  std::cout << held << " of " << tries << "\n" << failing << std::flush;
  CHECK(failing.empty());
}
