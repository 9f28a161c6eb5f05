#include "tcpserver/posix/process.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include <climits>
#include <cstring>

namespace tcpserver::posix {

void raise_descriptor_limit() noexcept {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  static_cast<void>(::setrlimit(RLIMIT_NOFILE, &limit));
}

std::string working_directory() {
  std::string path(PATH_MAX, '\0');
  if (::getcwd(path.data(), path.size()) == nullptr) return {};
  path.resize(std::strlen(path.c_str()));
  return path.starts_with('/') ? path : std::string{};  // "(unreachable)..." (getcwd(2))
}

}  // namespace tcpserver::posix
