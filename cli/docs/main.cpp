// govctl-docs ROOT GOVD OUT: writes man/ and completions/ into OUT, from the tree of commands, from what the
// program GOVD says with --help, and from ROOT's cli/docs/govd.8.in. Part of the build, not of what is
// installed.

#include <fmt/format.h>

#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>

#include "cli/docs/pages.h"
#include "cli/shell.h"

namespace {

namespace fs = std::filesystem;
using govctl::cli::docs::File;

// Pages whose text nothing generates.
const std::set<std::string> by_hand{"govctl-org.5"};

std::string output_of(const std::string& command) {
  std::string text;
  FILE* pipe = popen(command.c_str(), "r");
  if (pipe == nullptr) return text;
  std::array<char, 4096> buffer{};
  while (const std::size_t count = fread(buffer.data(), 1, buffer.size(), pipe))
    text.append(buffer.data(), count);
  pclose(pipe);
  return text;
}

bool write(const fs::path& out, const File& file) {
  const fs::path path = out / file.name;
  fs::create_directories(path.parent_path());
  std::ofstream stream(path, std::ios::binary);
  stream << file.text;
  return static_cast<bool>(stream.flush());
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) {
    fmt::print(stderr, "usage: govctl-docs ROOT GOVD OUT\n");
    return 64;
  }
  const fs::path out = argv[3];
  std::ifstream frame(fs::path(argv[1]) / "cli/docs/govd.8.in");
  const std::string frame_text(std::istreambuf_iterator<char>(frame), {});
  const std::string help = output_of(govctl::shell_quoted(argv[2]) + " --help");
  if (frame_text.empty() || help.empty()) {
    fmt::print(stderr, "govctl-docs: cli/docs/govd.8.in or {} --help says nothing\n", argv[2]);
    return 1;
  }
  auto files = govctl::cli::docs::manual();
  files.push_back(govctl::cli::docs::daemon_page(frame_text, help));
  for (auto& script : govctl::cli::docs::completions()) files.push_back(std::move(script));

  // The page of a command that is no more must not stay.
  std::set<std::string> written;
  for (const auto& file : files) written.insert(file.name);
  std::error_code none;
  for (const auto& page : fs::directory_iterator(out / "man", none)) {
    const std::string name = page.path().filename();
    if (!written.contains("man/" + name) && !by_hand.contains(name)) fs::remove(page.path());
  }
  for (const auto& file : files) {
    if (!write(out, file)) {
      fmt::print(stderr, "govctl-docs: cannot write {}\n", (out / file.name).string());
      return 1;
    }
  }
  return 0;
}
