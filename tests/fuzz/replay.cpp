// Runs a target without libFuzzer: every seed, then inputs made of them by changes that a fixed seed decides.
// For the ordinary run of the tests; tests/fuzz/run.sh does the searching.
//   <target> SEEDS_DIRECTORY [RUNS]

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <vector>

#include "tests/fuzz/target.h"

namespace {

namespace fs = std::filesystem;
using Random = std::mt19937_64;

std::vector<std::string> read_seeds(const fs::path& directory) {
  std::vector<fs::path> paths;
  for (const auto& entry : fs::directory_iterator(directory)) paths.push_back(entry.path());
  std::ranges::sort(paths);
  std::vector<std::string> seeds{""};
  for (const auto& path : paths) {
    std::ifstream in(path, std::ios::binary);
    seeds.emplace_back(std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>());
  }
  return seeds;
}

void change(std::string& input, const std::vector<std::string>& seeds, Random& random) {
  constexpr std::string_view telling{"\0\x7f\x80\xff\r\n\t \"\\{}[]:,;/*0-9eE+.", 27};
  const std::size_t at = input.empty() ? 0 : random() % input.size();
  switch (random() % 6) {
    case 0:
      if (!input.empty()) input[at] = static_cast<char>(input[at] ^ (1 << (random() % 8)));
      break;
    case 1:
      if (!input.empty()) input[at] = telling[random() % telling.size()];
      break;
    case 2:
      input.insert(at, 1, telling[random() % telling.size()]);
      break;
    case 3:
      input.erase(at, random() % 8 + 1);
      break;
    case 4:
      input.insert(at, input.substr(at, random() % 64));
      break;
    default: {
      const std::string& other = seeds[random() % seeds.size()];
      input = input.substr(0, at) + (other.empty() ? "" : other.substr(random() % other.size()));
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: %s SEEDS_DIRECTORY [RUNS]\n", argv[0]);
    return 64;
  }
  const std::vector<std::string> seeds = read_seeds(argv[1]);
  const unsigned long runs = argc > 2 ? std::strtoul(argv[2], nullptr, 10) : 2'000;
  const auto run = [](const std::string& input) {
    LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(input.data()), input.size());
  };
  for (const std::string& seed : seeds) run(seed);
  Random random(20'261'121);  // NOLINT: the same inputs in every run
  for (unsigned long i = 0; i < runs; ++i) {
    std::string input = seeds[random() % seeds.size()];
    for (std::size_t changes = random() % 6 + 1; changes > 0; --changes) change(input, seeds, random);
    run(input);
  }
  std::printf("%lu runs, 0 faults\n", runs + seeds.size());
}
