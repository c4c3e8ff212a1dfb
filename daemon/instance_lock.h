#pragma once
#include <string>

#include "common/error.h"

namespace govctl {

// Holds <state_dir>/govd.lock while it lives: one daemon a state directory. The kernel lets go of it however
// the process ends.
class InstanceLock {
 public:
  static Result<InstanceLock> take(const std::string& state_dir);
  InstanceLock(InstanceLock&& other) noexcept : fd_(other.fd_) { other.fd_ = -1; }
  InstanceLock& operator=(InstanceLock&&) = delete;
  ~InstanceLock();

 private:
  explicit InstanceLock(int fd) : fd_(fd) {}
  int fd_;
};

}  // namespace govctl
