#include "cli/full_screen.h"

#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>

#include "common/clock.h"

namespace govctl::cli {
namespace {

constexpr std::array watched{SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGWINCH};

// The handlers only wake wait(), through a pipe: what they would change is changed there.
std::array<int, 2> wakes{-1, -1};

void wake(int signal) {
  const int before = errno;
  const char byte = static_cast<char>(signal);
  const auto written = write(wakes[1], &byte, 1);
  (void)written;
  errno = before;
}

void put(const std::string& text) {
  std::size_t at = 0;
  while (at < text.size()) {
    const ssize_t written = write(STDOUT_FILENO, text.data() + at, text.size() - at);
    if (written < 0 && errno != EINTR) return;
    at += static_cast<std::size_t>(std::max<ssize_t>(written, 0));
  }
}

}  // namespace

FullScreen::FullScreen() {
  tcgetattr(STDIN_FILENO, &before_);
  if (pipe2(wakes.data(), O_CLOEXEC | O_NONBLOCK) != 0) wakes = {-1, -1};
  struct sigaction action{};
  action.sa_handler = wake;
  for (const int signal : watched) sigaction(signal, &action, nullptr);
  enter();
}

FullScreen::~FullScreen() {
  leave();
  for (const int signal : watched) std::signal(signal, SIG_DFL);
  for (const int fd : wakes) {
    if (fd >= 0) close(fd);
  }
}

// Alternate buffer, no cursor, no wrapping at the right edge.
void FullScreen::enter() const {
  termios raw = before_;
  raw.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
  raw.c_cc[VMIN] = 0;
  raw.c_cc[VTIME] = 0;
  tcsetattr(STDIN_FILENO, TCSAFLUSH, &raw);
  put("\x1b[?1049h\x1b[?25l\x1b[?7l\x1b[2J");
}

void FullScreen::leave() const {
  put("\x1b[?7h\x1b[?25h\x1b[?1049l");
  tcsetattr(STDIN_FILENO, TCSAFLUSH, &before_);
}

TopSize FullScreen::size() const {
  winsize seen{};
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &seen) != 0 || seen.ws_col == 0 || seen.ws_row == 0) return {};
  return {seen.ws_col, seen.ws_row};
}

void FullScreen::draw(const std::vector<std::string>& lines) const {
  std::string frame = "\x1b[H";
  for (std::size_t i = 0; i < lines.size(); ++i) frame += (i == 0 ? "\x1b[2K" : "\r\n\x1b[2K") + lines[i];
  put(frame + "\x1b[J");
}

FullScreen::Event FullScreen::wait(std::int64_t micros) {
  const SystemClock clock;
  const std::int64_t until = clock.steady_micros() + micros;
  for (;;) {
    const std::int64_t left = std::max<std::int64_t>(until - clock.steady_micros(), 0);
    std::array<pollfd, 2> sources{pollfd{.fd = STDIN_FILENO, .events = POLLIN, .revents = 0},
                                  pollfd{.fd = wakes[0], .events = POLLIN, .revents = 0}};
    const int ready = poll(sources.data(), sources.size(), static_cast<int>((left + 999) / 1000));
    if (ready == 0) return Event::none;
    if (ready < 0) continue;
    if (char byte = 0; (sources[1].revents & POLLIN) != 0 && read(wakes[0], &byte, 1) == 1) {
      if (byte == SIGWINCH) return Event::resized;
      if (byte != SIGTSTP) {
        signal_ = static_cast<unsigned char>(byte);
        return Event::ended;
      }
      leave();
      raise(SIGSTOP);
      enter();
      return Event::resized;
    }
    if ((sources[0].revents & POLLIN) != 0 && read(STDIN_FILENO, &key_, 1) == 1) return Event::key;
    if ((sources[0].revents & (POLLHUP | POLLERR | POLLIN)) != 0) return Event::ended;
  }
}

}  // namespace govctl::cli
