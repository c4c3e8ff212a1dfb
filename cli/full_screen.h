#pragma once
// The terminal as one screen that is drawn anew: its other buffer, keys without Enter. Given back as it was
// when this goes, also when a signal ends the program or Ctrl-Z puts it away.

#include <termios.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cli/top_view.h"

namespace govctl::cli {

// On the process's standard input and output. One at a time.
class FullScreen {
 public:
  FullScreen();
  ~FullScreen();
  FullScreen(const FullScreen&) = delete;
  FullScreen& operator=(const FullScreen&) = delete;

  [[nodiscard]] TopSize size() const;
  void draw(const std::vector<std::string>& lines) const;

  // What happens first within that time.
  enum class Event { none, key, resized, ended };
  [[nodiscard]] Event wait(std::int64_t micros);
  [[nodiscard]] char key() const { return key_; }
  // After Event::ended: the signal; 0 when the keyboard is gone.
  [[nodiscard]] int signal() const { return signal_; }

 private:
  void enter() const;
  void leave() const;
  termios before_{};
  char key_ = 0;
  int signal_ = 0;
};

}  // namespace govctl::cli
