#pragma once

#include "tcpserver/base/io.hpp"
#include "tcpserver/base/unique_fd.hpp"
#include "tcpserver/base/values.hpp"

#include <fcntl.h>

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace tcpserver::kernel {

// Reads a file that contains one number and a newline, such as a sysctl. nullopt for anything else, such as
// "max", and on failure. Allocates nothing.
[[nodiscard]] inline std::optional<std::uint64_t> read_number(const char* path) noexcept {
  const base::UniqueFd fd(::open(path, O_RDONLY | O_CLOEXEC));
  if (!fd) return std::nullopt;
  std::array<char, 32> text;
  const auto size = base::read_some(fd.get(), text.data(), text.size());
  if (size <= 0) return std::nullopt;
  std::string_view line(text.data(), static_cast<std::size_t>(size));
  return base::parse_number<std::uint64_t>(base::take_until(line, '\n'));
}

}  // namespace tcpserver::kernel
