#include "cli/spelling.hpp"

#include "tcpserver/base/characters.hpp"

#include "cli/value_text.hpp"

#include <algorithm>
#include <numeric>

namespace tcpserver::cli {

std::size_t edit_distance(std::string_view left, std::string_view right) {
  std::vector<std::size_t> before;  // the row before the last one
  std::vector<std::size_t> last(right.size() + 1);
  std::iota(last.begin(), last.end(), std::size_t{0});
  for (std::size_t i = 1; i <= left.size(); ++i) {
    std::vector<std::size_t> row(right.size() + 1, i);
    for (std::size_t j = 1; j <= right.size(); ++j) {
      const std::size_t changed = last[j - 1] + (left[i - 1] == right[j - 1] ? 0 : 1);
      row[j] = std::min({changed, last[j] + 1, row[j - 1] + 1});
      if (i > 1 && j > 1 && left[i - 1] == right[j - 2] && left[i - 2] == right[j - 1]) {
        row[j] = std::min(row[j], before[j - 2] + 1);
      }
    }
    before = std::exchange(last, std::move(row));
  }
  return last.back();
}

std::string normalize(std::string_view name, const Program& program) {
  name = name.substr(name.find_last_of(blanks) + 1);
  if (name.starts_with(program.environment_prefix)) name.remove_prefix(program.environment_prefix.size());
  std::string normal;
  while (!name.empty()) {
    const auto character = base::read_character(name);
    char c = character.kind == base::CharacterKind::dash || name.front() == '_' ? '-' : name.front();
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    const bool belongs =
        c == '-' ? !normal.empty() : std::string_view("\"':+").find(c) == std::string_view::npos;
    if (belongs && (character.kind == base::CharacterKind::ascii || c == '-')) normal += c;
    name.remove_prefix(character.size);
  }
  return normal;
}

}  // namespace tcpserver::cli
