#include "harness/server_process.hpp"

#include "harness/json.hpp"

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <stdexcept>

namespace harness {

using ::testing::AssertionResult;

namespace {

const std::string program = "tcpserver: ";
const std::string report_start = program + "status: ";

}  // namespace

std::uint16_t announced_port(const std::string& output) {
  const std::string announcement = "Server is listening on port ";
  if (!output.starts_with(announcement)) return 0;
  return static_cast<std::uint16_t>(std::atoi(output.c_str() + announcement.size()));
}

std::uint16_t logged_port(const std::string& log) {
  for (const auto& line : split_lines(log)) {
    if (!contains(line, "\"event\": \"listening\"")) continue;
    const auto listener = Json(line).values("listener");
    return static_cast<std::uint16_t>(std::atoi(listener.c_str() + listener.rfind(':') + 1));
  }
  return 0;
}

std::vector<std::string> command_line(const std::vector<std::string>& wrapper,
                                      const std::vector<std::string>& options) {
  std::vector<std::string> command = wrapper;
  const bool names_program = std::any_of(command.begin(), command.end(),
                                         [](const auto& word) { return word.ends_with("/tcpserver"); });
  if (!names_program) command.emplace_back(TCPSERVER_PROGRAM);
  command.insert(command.end(), options.begin(), options.end());
  return command;
}

ServerProcess::ServerProcess(const std::vector<std::string>& options, const SpawnOptions& spawn,
                             const std::vector<std::string>& wrapper)
    : process_(command_line(command_line(wrapper, {"--port", "0"}), options), spawn) {
  // With a JSON log there is no announcement on standard output. The last line of the start has the backlog.
  if (std::find(options.begin(), options.end(), "json") == options.end()) {
    process_.reads_line();
    port_ = announced_port(process_.output());
  } else if (process_.says("\"backlog\"")) {
    port_ = logged_port(process_.errors());
  }
  if (port_ == 0) {
    process_.wait();
    throw std::runtime_error("the server did not announce its port; it said: " + process_.errors());
  }
}

std::string ServerProcess::status() {
  const auto before = occurrences(process_.errors(), report_start);
  process_.signal(SIGUSR1);
  process_.read_errors_until(
      [&](const std::string& text) { return occurrences(text, report_start) > before; });
  // It waits for clients again only after the last line of the report.
  static_cast<void>(reaches_state(pid(), 'S'));
  return last_line();
}

AssertionResult ServerProcess::status_shows(const std::string& part) {
  // Numbers must match as a whole: "250 sessions" does not contain "0 sessions".
  const std::string wanted = std::isdigit(part.at(0)) != 0 ? " " + part : part;
  return AssertionResult(eventually([&] { return contains(" " + status(), wanted); }))
         << "'" << part << "' in: " << last_line();
}

AssertionResult ServerProcess::says(const std::string& part) {
  return AssertionResult(process_.says(part)) << "'" << part << "' in: " << log();
}

AssertionResult ServerProcess::reload(const TextFile& file, const std::string& text,
                                      const std::string& said) {
  file.write(text);
  signal(SIGHUP);
  return says(said);
}

Ending ServerProcess::stop() {
  process_.signal(SIGTERM);
  return process_.wait();
}

std::string ServerProcess::last_line() {
  std::string result;
  std::string report;  // of the last line: "status: " or "stopped: "
  for (auto line : split_lines(process_.errors())) {
    if (line.starts_with(program)) line.erase(0, program.size());
    const auto start = report.empty() || !line.starts_with(report) ? 0 : report.size();
    const bool continues = start > 0 && !contains(line, " sessions open");
    report = line.starts_with("status: ") ? "status: " : line.starts_with("stopped: ") ? "stopped: " : "";
    if (continues) {
      result += "; " + line.substr(start);
    } else {
      result = report == "status: " ? line.substr(report.size()) : line;
    }
  }
  return result;
}

AssertionResult ServerProcess::logged_nothing_unusual() {
  const std::vector<std::string> usual{
      "tcpserver: listen queue: ", "tcpserver: stopping: ", "tcpserver: stopped: ", "tcpserver: status: ",
      "tcpserver: running as root: "};
  for (const auto& line : split_lines(process_.errors())) {
    const bool known =
        std::any_of(usual.begin(), usual.end(), [&](const auto& start) { return line.starts_with(start); });
    if (!known) return ::testing::AssertionFailure() << line;
  }
  return ::testing::AssertionSuccess();
}

AssertionResult fails(const Finished& result, Ending status, const std::string& said) {
  return AssertionResult(result.ending == status && result.output.empty() && contains(result.errors, said))
         << "status " << result.ending << ", '" << result.output << result.errors << "'";
}

ClientSocket open_session(const ServerProcess& server, const char* source) {
  auto client = ClientSocket::from(source, server.port());
  if (!echoes(client, "x")) throw std::runtime_error("the session does not echo");
  return client;
}

std::vector<ClientSocket> open_sessions(const ServerProcess& server, std::size_t count) {
  std::vector<ClientSocket> sessions;
  while (sessions.size() < count) sessions.push_back(open_session(server));
  return sessions;
}

AssertionResult echoes(ClientSocket& client, const std::string& bytes) {
  if (!client.send(bytes)) return ::testing::AssertionFailure() << "cannot send";
  const auto received = client.receive(bytes.size());
  return AssertionResult(received == bytes) << received.size() << " bytes came back";
}

bool serves(const ServerProcess& server) {
  ClientSocket client(server.port());
  return echo_through(client, "served") == "served";
}

pid_t find_child(const ServerProcess& server) {
  return find_children(server.pid()).at(0).pid;
}

}  // namespace harness
