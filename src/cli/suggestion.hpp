#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace tcpserver::cli {

// "; did you mean X?" for the nearest of the names, or nothing where none is near: up to two letters differ,
// and not more than a third. All begin with the same `prefix`, which says nothing.
[[nodiscard]] std::string suggestion(std::string_view wrong, const std::vector<std::string>& names,
                                     std::string_view prefix);

}  // namespace tcpserver::cli
