#pragma once

#include <string>
#include <string_view>

// The text of a value, before it is parsed.
namespace tcpserver::cli {

inline constexpr std::string_view blanks = " \t";

[[nodiscard]] std::string_view trim(std::string_view text);  // removes blanks at both ends

// Returns the position of the blank in front of the first comment (# or ;), or npos.
[[nodiscard]] std::size_t find_comment(std::string_view text);

// Returns what does not belong to the value, such as quotes or blanks around it; empty if all is right.
[[nodiscard]] std::string explain_mistake(std::string_view text);

}  // namespace tcpserver::cli
