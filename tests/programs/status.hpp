#pragma once

#include "harness/client_socket.hpp"
#include "harness/process.hpp"
#include "harness/text.hpp"

#include <netinet/in.h>
#include <sys/socket.h>

#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>
#include <string>
#include <vector>

// tcpserver --status, and what it shows.
namespace harness {

// A line of the table.
struct Row {
  std::string pid, peer, local, age, in, out, send_queue, state;
};

struct Shown {
  Finished finished;
  std::vector<std::string> head;  // the lines above the table
  std::vector<Row> rows;
};

// Ages have blanks in them, and everything else has none.
inline Row row_of(const std::string& line) {
  std::istringstream stream(line);
  std::vector<std::string> words;
  for (std::string word; stream >> word;) words.push_back(word);
  if (words.size() < 8) return {};
  const auto last = words.end();
  std::string age = words[3];
  for (auto word = words.begin() + 4; word != last - 4; ++word) age += " " + *word;
  return {words[0], words[1], words[2], age, *(last - 4), *(last - 3), *(last - 2), *(last - 1)};
}

inline Shown shown(const std::vector<std::string>& options, const std::vector<std::string>& wrapper = {}) {
  auto command = wrapper;
  const bool names_program = !command.empty() && command.back().ends_with("/tcpserver");
  if (!names_program) command.emplace_back(TCPSERVER_PROGRAM);
  command.emplace_back("--status");
  command.insert(command.end(), options.begin(), options.end());
  Shown result{run(command), {}, {}};
  bool in_table = false;
  for (const auto& line : lines_of(result.finished.output)) {
    const bool heading = contains(line, " PEER ");
    if (in_table && !heading) result.rows.push_back(row_of(line));
    if (!in_table && !heading) result.head.push_back(line);
    in_table = in_table || heading;
  }
  return result;
}

inline Shown shown_on(std::uint16_t port) {
  return shown({"--port", std::to_string(port)});
}

inline std::string address_of(const ClientSocket& client) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  ::getsockname(client.fd(), reinterpret_cast<sockaddr*>(&address), &size);
  if (address.ss_family == AF_INET6) {
    return "[::1]:" + std::to_string(ntohs(reinterpret_cast<sockaddr_in6&>(address).sin6_port));
  }
  return "127.0.0.1:" + std::to_string(ntohs(reinterpret_cast<sockaddr_in&>(address).sin_port));
}

// Sends so many bytes, and takes them back.
inline void echo(ClientSocket& client, std::size_t count) {
  ASSERT_TRUE(client.send(std::string(count, 'x')));
  ASSERT_EQ(client.receive(count).size(), count);
}

inline const Row* row_with_peer(const Shown& status, const std::string& peer) {
  const auto found =
      std::find_if(status.rows.begin(), status.rows.end(), [&](const Row& row) { return row.peer == peer; });
  return found == status.rows.end() ? nullptr : &*found;
}

}  // namespace harness
