#include "server/admit/accept_error.hpp"

#include <gtest/gtest.h>

#include <cerrno>

namespace {

using namespace tcpserver::server;

TEST(AcceptError, IsClassifiedByErrno) {
  EXPECT_EQ(classify_accept_error(EAGAIN), AcceptAdvice::none_waiting);
  for (const int error : {EINTR, ECONNABORTED, EPROTO, EPERM, ENETDOWN, ENOPROTOOPT, EHOSTDOWN, EHOSTUNREACH,
                          EOPNOTSUPP, ENETUNREACH, ETIMEDOUT}) {
    EXPECT_EQ(classify_accept_error(error), AcceptAdvice::retry) << error;
  }
  for (const int error : {EMFILE, ENFILE}) {
    EXPECT_EQ(classify_accept_error(error), AcceptAdvice::short_of_descriptors) << error;
  }
  for (const int error : {ENOBUFS, ENOMEM, EIO, 9999}) {
    EXPECT_EQ(classify_accept_error(error), AcceptAdvice::back_off) << error;
  }
  for (const int error : {EBADF, EINVAL, ENOTSOCK, EFAULT}) {
    EXPECT_EQ(classify_accept_error(error), AcceptAdvice::check_listener) << error;
  }
}

}  // namespace
