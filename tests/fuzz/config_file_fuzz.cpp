#include "tcpserver/base/system_error.hpp"

#include "cli/config_file.hpp"
#include "fuzz/fuzz.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace tcpserver;
  const auto text = fuzz::text_of(data, size);
  try {
    std::size_t last = 0;
    for (const auto& line : cli::parse_config("file", text)) {
      fuzz::require(line.number > last, "lines come in their order");
      fuzz::require(!line.name.empty() && text.find(line.name) != std::string_view::npos,
                    "a name is of the text");
      fuzz::require(text.find(line.value) != std::string_view::npos, "and so is a value");
      last = line.number;
    }
  } catch (const base::StartError& error) {
    fuzz::require(fuzz::is_one_plain_line(error.what()), "what is refused is refused in one line");
    fuzz::require(error.status() == base::ExitStatus::usage, "and with status 64");
  }
  return 0;
}
