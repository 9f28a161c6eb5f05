#include "harness/server_process.hpp"

#include <signal.h>

#include <algorithm>
#include <cstdlib>
#include <sstream>
#include <stdexcept>

namespace harness {

namespace {

constexpr const char* announcement = "Server is listening on port ";

std::vector<std::string> command_line(const std::vector<std::string>& wrapper,
                                      const std::vector<std::string>& options) {
  std::vector<std::string> command = wrapper;
  const bool names_program = !command.empty() && command.back().ends_with("/tcpserver");
  if (!names_program) command.emplace_back(TCPSERVER_PROGRAM);
  command.insert(command.end(), {"--port", "0"});
  command.insert(command.end(), options.begin(), options.end());
  return command;
}

std::size_t count_lines(const std::string& text, const std::string& part) {
  std::size_t count = 0;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) count += line.find(part) != std::string::npos ? 1 : 0;
  return count;
}

}  // namespace

ServerProcess::ServerProcess(const std::vector<std::string>& options, const SpawnOptions& spawn,
                             const std::vector<std::string>& wrapper)
    : process_(command_line(wrapper, options), spawn) {
  const bool announced =
      process_.read_output_until([](const std::string& text) { return text.ends_with('\n'); });
  if (!announced || !process_.output().starts_with(announcement)) {
    process_.wait();
    throw std::runtime_error("the server did not announce its port; it said: " + process_.errors());
  }
  port_ = static_cast<std::uint16_t>(std::atoi(process_.output().c_str() + std::string(announcement).size()));
}

std::string ServerProcess::status() {
  const std::string part = " sessions open, ";
  const auto before = count_lines(process_.errors(), part);
  process_.signal(SIGUSR1);
  process_.read_errors_until(
      [&](const std::string& text) { return text.ends_with('\n') && count_lines(text, part) > before; });
  return last_line();
}

Ending ServerProcess::stop() {
  process_.signal(SIGTERM);
  return process_.wait();
}

std::string ServerProcess::last_line() {
  std::string text = process_.errors();
  if (text.ends_with('\n')) text.pop_back();
  const auto newline = text.rfind('\n');
  std::string line = newline == std::string::npos ? text : text.substr(newline + 1);
  const std::string prefix = "tcpserver: ";
  return line.starts_with(prefix) ? line.substr(prefix.size()) : line;
}

bool ServerProcess::said_nothing_unusual() {
  std::vector<std::string> usual{
      "tcpserver: backlog ", "tcpserver: stopping: ", "tcpserver: stopped: ", "tcpserver: running as root: "};
  if (!TCPSERVER_TEST_LINUX) usual.emplace_back("tcpserver: children run without a sandbox");
  std::istringstream lines(process_.errors());
  for (std::string line; std::getline(lines, line);) {
    const bool known =
        std::any_of(usual.begin(), usual.end(), [&](const auto& start) { return line.starts_with(start); });
    if (!known && line.find(" sessions open, ") == std::string::npos) return false;
  }
  return true;
}

}  // namespace harness
