#pragma once
// What an organization's file says of its calls, read beside govd or when it is gone. Looking changes nothing:
// what SQLite needs in memory for it, the next start makes anew.

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "tests/crash/traffic.h"

namespace govctl::test {

// The open reservations in the file: a call's id and what it holds.
std::map<std::string, std::int64_t> open_reservations(const std::string& org_file);

// All that there is to count.
struct Tally {
  std::int64_t answered = 0, recovered = 0, lost = 0, twice = 0, open = 0;
  [[nodiscard]] bool clean() const { return lost + twice + open == 0; }
};

// Reads an organization's rows in the order in which they were written, each once, and holds them against what
// clients saw.
class Auditor {
 public:
  // `money`: what was bought; `charge`: what each call costs that succeeds.
  Auditor(std::string org_file, std::int64_t money, std::int64_t charge);

  // Reads what is new, and looks: every call whose end its client saw is charged once, at its price; every one
  // that began has come to one end, and every one of `held`, at its price or as one that died, at its hold; no
  // reservation is open. What is lost, double or open is counted and told on stderr; a Failure for what should
  // never be: an event and an entry that differ.
  void check(const std::vector<Call>& calls, const std::map<std::string, std::int64_t>& held, Tally& tally);
  // Reads all of it from the beginning, and finds what check() found.
  void check_again();

  [[nodiscard]] std::int64_t spent() const { return spent_; }
  [[nodiscard]] std::int64_t balance() const { return money_ - spent_; }

 private:
  struct End {
    std::string status, error;
    std::int64_t credits = 0;
    bool operator==(const End&) const = default;
  };
  void read();
  [[nodiscard]] bool succeeded(const End& end) const;

  std::string org_file_;
  std::int64_t money_, charge_;
  std::int64_t last_event_ = 0, last_entry_ = 0;  // seq
  std::unordered_map<std::string, End> ends_;     // of all calls
  std::int64_t spent_ = 0, open_ = 0, doubled_ = 0;
};

}  // namespace govctl::test
