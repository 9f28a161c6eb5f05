#pragma once

#include "harness/server_process.hpp"

#include <algorithm>
#include <sstream>
#include <string>
#include <vector>

// tcpserver --status, and what it shows.
namespace harness {

// A line of the table.
struct Row {
  std::string pid, peer, age, in, out, send_queue, state;
};

struct Shown {
  Finished finished;
  std::vector<std::string> head;  // the lines above the table
  std::vector<Row> rows;
};

inline Row parse_row(const std::string& line) {
  std::istringstream stream(line);
  std::vector<std::string> words;
  for (std::string word; stream >> word;) words.push_back(word);
  if (words.size() != 7) return {};
  return {words[0], words[1], words[2], words[3], words[4], words[5], words[6]};
}

inline Shown shown(const std::vector<std::string>& options, const std::vector<std::string>& wrapper = {}) {
  Shown result{run(command_line(command_line(wrapper, {"--status"}), options)), {}, {}};
  bool in_table = false;
  for (const auto& line : split_lines(result.finished.output)) {
    const bool heading = contains(line, " PEER ");
    if (in_table && !heading) result.rows.push_back(parse_row(line));
    if (!in_table && !heading) result.head.push_back(line);
    in_table = in_table || heading;
  }
  return result;
}

inline Shown shown_on(std::uint16_t port) {
  return shown({"--port", std::to_string(port)});
}

// A client whose session has echoed that many bytes.
inline ClientSocket client_with_bytes(std::uint16_t port, std::size_t count) {
  ClientSocket client(port);
  EXPECT_TRUE(echoes(client, std::string(count, 'x')));
  return client;
}

inline std::string format_address(const ClientSocket& client) {
  return client.own_address().text();
}

inline const Row* row_with_peer(const Shown& status, const std::string& peer) {
  const auto found =
      std::find_if(status.rows.begin(), status.rows.end(), [&](const Row& row) { return row.peer == peer; });
  return found == status.rows.end() ? nullptr : &*found;
}

}  // namespace harness
