#pragma once

#include <optional>
#include <string>

namespace tcpserver::client {

// Asks on the terminal, "Please type a short sentence: ", and returns the line with its newline; nothing
// where the user ended the input (Ctrl-D) without one. The question goes to standard output where that is a
// terminal, else to standard error, so that a redirected reply stays clean.
// `connection` (-1: none yet) is watched meanwhile: throws StartError (io_error) when the server closes it.
[[nodiscard]] std::optional<std::string> ask_for_sentence(int connection);

}  // namespace tcpserver::client
