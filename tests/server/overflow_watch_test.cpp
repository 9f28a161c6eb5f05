#include "tcpserver/server/overflow_watch.hpp"

#include <gtest/gtest.h>

#include <string>

namespace {

using namespace tcpserver::server;
using tcpserver::options::Mode;

std::string advice(const OverflowScene& scene) {
  return overflow_advice(scene).c_str();
}

constexpr OverflowScene short_queue{
    .mode = Mode::fork, .full = false, .max_connections = 9, .backlog = 7, .in_effect = 7, .largest = 128};

TEST(OverflowAdvice, NamesWhatHelps) {
  EXPECT_EQ(advice(short_queue), "raise --backlog (tcpbacklog size says how far)");
  auto scene = short_queue;
  scene.full = true;
  EXPECT_EQ(advice(scene), "all 9 places are taken, so nobody is accepted: raise --max-connections");
  scene.mode = Mode::iterative;
  EXPECT_EQ(advice(scene), "one client is served at a time; --mode fork takes them as they come");
  scene = short_queue;
  scene.backlog = 128;
  scene.in_effect = 64;
  EXPECT_EQ(advice(scene), "the kernel cut --backlog 128 to that: raise net.core.somaxconn");
  scene.in_effect = 128;
  EXPECT_EQ(advice(scene), "that is SOMAXCONN, the longest there is: a second server has to take the rest");
}

TEST(OverflowAdvice, HasRoomForTheLargestFigures) {
  auto scene = short_queue;
  scene.full = true;
  scene.max_connections = UINT32_MAX;
  EXPECT_TRUE(advice(scene).ends_with("raise --max-connections"));
  scene = short_queue;
  scene.backlog = INT32_MAX;
  EXPECT_TRUE(advice(scene).ends_with("raise net.core.somaxconn"));
}

TEST(OverflowWatch, OfNoListenersHasNothingToDo) {
  OverflowWatch watch({});
  EXPECT_FALSE(watch.due(true).has_value());
  EXPECT_FALSE(watch.dropped({}).has_value());
}

}  // namespace
