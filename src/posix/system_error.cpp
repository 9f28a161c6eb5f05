#include "tcpserver/posix/system_error.hpp"

#include <system_error>

namespace tcpserver::posix {

std::string error_text(int error) {
  return std::generic_category().message(error);
}

StartError system_error(const std::string& action, int error, ExitStatus status) {
  return {status, "cannot " + action + ": " + error_text(error)};
}

}  // namespace tcpserver::posix
