#include "cli/secret_input.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>

namespace govctl::cli {
namespace {

termios terminal_before{};

// Ctrl-C at the prompt must not leave a terminal that shows nothing.
void restore_and_die(int signal) {
  tcsetattr(STDIN_FILENO, TCSAFLUSH, &terminal_before);
  std::signal(signal, SIG_DFL);
  raise(signal);
}

// Turns the terminal's echo off while it lives.
class NoEcho {
 public:
  NoEcho() : was_on_(tcgetattr(STDIN_FILENO, &terminal_before) == 0) {
    if (!was_on_) return;
    termios silent = terminal_before;
    silent.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    for (const int each : caught) std::signal(each, restore_and_die);
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent);
  }
  ~NoEcho() {
    if (!was_on_) return;
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &terminal_before);
    for (const int each : caught) std::signal(each, SIG_DFL);
  }
  NoEcho(const NoEcho&) = delete;
  NoEcho& operator=(const NoEcho&) = delete;

 private:
  static constexpr std::array caught{SIGINT, SIGTERM, SIGHUP};
  bool was_on_;
};

std::string all_of(std::istream& stream) { return {std::istreambuf_iterator<char>(stream), {}}; }

std::string from_terminal(const Terminal& terminal) {
  terminal.err << "Secret: " << std::flush;
  const NoEcho hidden;
  std::string line;
  std::getline(terminal.in, line);
  terminal.err << "\n";
  return line;
}

}  // namespace

void SecretSource::declare(Arguments& arguments) {
  arguments.flag("--stdin", from_stdin, "Read the secret from standard input");
  arguments.option("--from-file", "FILE", file, "Read the secret from a file");
  arguments.option("--env", "NAME", variable, "Take the secret from an environment variable");
}

Result<std::string> SecretSource::read(const Terminal& terminal) const {
  if (static_cast<int>(from_stdin) + static_cast<int>(file.has_value()) +
          static_cast<int>(variable.has_value()) !=
      1) {
    return fail(Code::invalid,
                "say where the secret comes from: exactly one of --stdin, --from-file FILE, --env NAME");
  }
  std::string secret;
  if (from_stdin) {
    secret = terminal.in_is_tty ? from_terminal(terminal) : all_of(terminal.in);
  } else if (file) {
    if (std::filesystem::is_directory(*file))
      return fail(Code::invalid, fmt::format("--from-file: {} cannot be read: it is a directory", *file));
    std::ifstream stream(*file, std::ios::binary);
    if (!stream)
      return fail(Code::invalid, fmt::format("--from-file: {} cannot be read: {}", *file, strerror(errno)));
    secret = all_of(stream);
  } else {
    const auto value = terminal.env(variable->c_str());
    if (!value) return fail(Code::invalid, fmt::format("--env: the variable {} is not set", *variable));
    secret = *value;
  }
  if (secret.ends_with('\n')) secret.pop_back();
  if (secret.ends_with('\r')) secret.pop_back();
  if (secret.empty()) return fail(Code::invalid, "the secret is empty");
  if (secret.find_first_of(std::string_view("\r\n\0", 3)) != std::string::npos) {
    return fail(Code::invalid, "the secret has more than one line");
  }
  return secret;
}

Result<SecretFile> SecretFile::create(const std::string& path, std::string_view option) {
  const int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0 && errno == EEXIST) {
    return fail(Code::conflict, fmt::format("{}: {} exists already and is not overwritten", option, path));
  }
  if (fd < 0)
    return fail(Code::invalid, fmt::format("{}: {} cannot be made: {}", option, path, strerror(errno)));
  return SecretFile(fd, path);
}

SecretFile::SecretFile(SecretFile&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), path_(std::move(other.path_)), stored_(other.stored_) {}

SecretFile::~SecretFile() {
  if (fd_ < 0) return;
  close(fd_);
  if (!stored_) unlink(path_.c_str());
}

Result<void> SecretFile::store(const std::string& secret, bool sync) {
  const std::string line = secret + "\n";
  const bool written =
      write(fd_, line.data(), line.size()) == static_cast<ssize_t>(line.size()) && (!sync || fsync(fd_) == 0);
  if (!written) return fail(Code::internal, fmt::format("{} cannot be written: {}", path_, strerror(errno)));
  stored_ = true;
  return {};
}

}  // namespace govctl::cli
