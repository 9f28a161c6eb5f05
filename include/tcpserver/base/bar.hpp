#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace tcpserver::base {

// "#####.....": of `width` characters as many as part / whole says are '#', the rest dots. Any part above
// zero shows at least one '#', and only the whole (or more) shows no dot.
[[nodiscard]] std::string bar(std::uint64_t part, std::uint64_t whole, std::size_t width);

}  // namespace tcpserver::base
