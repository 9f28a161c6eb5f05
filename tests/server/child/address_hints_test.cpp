#include "tcpserver/base/mapping.hpp"

#include "server/child/inherited_memory.hpp"

#include <gtest/gtest.h>

#include <cstdint>

namespace {

using namespace tcpserver::base;
using namespace tcpserver::server;

std::uintptr_t number(const void* address) {
  return reinterpret_cast<std::uintptr_t>(address);
}

constexpr std::size_t block = 2UL << 20;

TEST(AddressHints, KeepsMappingsInOneBlock) {
  AddressHints place;
  const Mapping first(Mapping::Kind::own, 5000, place.next(5000));
  const Mapping second(Mapping::Kind::shared, 4096, place.next(4096));
  EXPECT_EQ(number(second.data()), number(first.data()) + 8192);
  EXPECT_EQ(number(first.data()) / block, number(second.data()) / block);
}

TEST(AddressHints, ReturnsNullBeyondTheBlock) {
  AddressHints place;
  EXPECT_EQ(place.next(block + 1), nullptr);
  EXPECT_NE(place.next(block), nullptr);
  EXPECT_EQ(place.next(1), nullptr);
}

TEST(AddressHints, AllowsAnotherMappingInTheSamePlace) {
  AddressHints place;
  auto same = place;
  const Mapping first(Mapping::Kind::own, 4096, place.next(4096));
  const Mapping other(Mapping::Kind::own, 4096, same.next(4096));
  EXPECT_NE(first.data(), other.data());
}

}  // namespace
