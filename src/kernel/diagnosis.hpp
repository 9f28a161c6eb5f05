#pragma once

#include "tcpserver/base/unique_fd.hpp"
#include "tcpserver/kernel/sock_diag.hpp"

#include <functional>
#include <string_view>

// The socket that carries the messages of sock_diag(7). Linux only.
namespace tcpserver::kernel {

// Empty where the kernel has no sock_diag. Throws StartError (system) where descriptors or memory are short.
[[nodiscard]] base::UniqueFd open_diagnosis();

// Sends the request, and reads datagrams until `read` says that it has the last. False where the kernel gave
// no whole answer: then the socket is to be closed, for what is left of it would be taken for the next one's
// beginning.
[[nodiscard]] bool ask_diagnosis(int fd, std::string_view request,
                                 const std::function<DiagReply(std::string_view datagram)>& read);

}  // namespace tcpserver::kernel
