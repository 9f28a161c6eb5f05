#include "cli/suggestion.hpp"

#include <algorithm>
#include <numeric>
#include <utility>

namespace tcpserver::cli {

namespace {

// Levenshtein's distance: how many letters differ, are missing or are too many.
std::size_t distance(std::string_view left, std::string_view right) {
  std::vector<std::size_t> row(right.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < left.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i + 1);
    for (std::size_t j = 0; j < right.size(); ++j) {
      const std::size_t changed = diagonal + (left[i] == right[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({changed, diagonal + 1, row[j] + 1});
    }
  }
  return row.back();
}

}  // namespace

std::string suggestion(std::string_view wrong, const std::vector<std::string>& names,
                       std::string_view prefix) {
  const std::string* best = nullptr;
  std::size_t best_distance = 3;
  for (const auto& name : names) {
    const bool abbreviated = wrong.size() > prefix.size() && name.starts_with(wrong);
    const std::size_t far = abbreviated ? 0 : distance(wrong, name);
    if (far < best_distance && 3 * far <= name.size() - prefix.size()) {
      best = &name;
      best_distance = far;
    }
  }
  return best == nullptr ? "" : "; did you mean " + *best + "?";
}

}  // namespace tcpserver::cli
