#pragma once

#include "tcpserver/base/socket_address.hpp"
#include "tcpserver/base/unique_fd.hpp"

#include <sys/socket.h>

#include <gtest/gtest.h>

// A bound socket on a free port of an IPv4 loopback address; listening or not.
struct Bound {
  Bound(const char* host, bool listening)
      : fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)),
        address(*tcpserver::base::SocketAddress::parse(host, 0)) {
    EXPECT_EQ(::bind(fd.get(), address.get(), address.size()), 0);
    socklen_t size = tcpserver::base::SocketAddress::storage_size;
    EXPECT_EQ(::getsockname(fd.get(), address.storage(), &size), 0);
    if (listening) {
      EXPECT_EQ(::listen(fd.get(), 0), 0);
    }
  }
  tcpserver::base::UniqueFd fd;
  tcpserver::base::SocketAddress address;
};
