#include "cli/config_file.hpp"
#include "fuzz/fuzz.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace tcpserver;
  const auto text = fuzz::to_text(data, size);
  std::size_t last = 0;
  for (const auto& line : cli::parse_config(text)) {
    fuzz::require(line.number > last, "lines are in order");
    fuzz::require(text.find(line.name) != std::string_view::npos, "a name is part of the text");
    fuzz::require(line.name.empty() ? fuzz::is_one_plain_line(line.value)
                                    : text.find(line.value) != std::string_view::npos,
                  "a value is part of the text, or a malformed line has an error");
    // A CR may be inside: it ends lines only in a file without LF.
    const auto has_line_end = [](const std::string& part) { return part.find('\n') != part.npos; };
    fuzz::require(!has_line_end(line.name) && !has_line_end(line.value), "a line has no line end inside");
    last = line.number;
  }
  return 0;
}
