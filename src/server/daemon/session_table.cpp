#include "server/daemon/session_table.hpp"

#include "tcpserver/base/terminal.hpp"
#include "tcpserver/base/values.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdio>
#include <tuple>

namespace tcpserver::server {

namespace {

using base::Duration;
using base::SocketAddress;

constexpr std::size_t text_width = 100;
// Of the two queues the one that tells of a client that does not read; only behind that one does the other
// fill. So the table fits 100 columns as a rule.
constexpr std::size_t columns = 8;
using Row = std::array<std::string, columns>;
constexpr std::array<const char*, columns> heading{"PID", "PEER", "LOCAL",  "AGE",
                                                   "IN",  "OUT",  "SEND-Q", "STATE"};
constexpr std::array<bool, columns> to_the_right{true, false, false, true, true, true, true, false};

std::string two_units(long long large, const char* large_unit, long long small, const char* small_unit) {
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), "%lld %s %02lld %s", large, large_unit, small, small_unit);
  return text.data();
}

std::string start_text(const ServerPicture& server) {
  char text[base::utc_text_size];
  std::string whole = base::utc_text(std::chrono::floor<std::chrono::seconds>(server.started), text);
  return whole.substr(0, whole.find('.')) + "Z";
}

std::string counted(std::size_t count, const char* one, const char* many) {
  return std::to_string(count) + " " + (count == 1 ? one : many);
}

const char* state_of(const SessionPicture& session) {
  if (session.zombie) return "zombie";
  return session.connection ? session.connection->state.c_str() : "ending";
}

std::string or_dash(const std::optional<std::uint64_t>& count) {
  return count ? std::to_string(*count) : "-";
}

Row row_of(const SessionPicture& session) {
  Row row;
  row.fill("-");
  row.front() = std::to_string(session.pid);
  if (session.age) row[3] = age_text(*session.age);
  row.back() = state_of(session);
  if (const auto& connection = session.connection) {
    row[1] = connection->peer.unmapped().text();
    row[2] = connection->local.unmapped().text();
    row[4] = or_dash(connection->received);
    row[5] = or_dash(connection->sent);
    row[6] = std::to_string(connection->send_queue);
  }
  return row;
}

std::string table_of(const std::vector<SessionPicture>& sessions) {
  std::vector<Row> rows(1);
  std::copy(heading.begin(), heading.end(), rows[0].begin());
  rows.reserve(sessions.size() + 1);
  for (const auto& session : sessions) rows.push_back(row_of(session));
  std::array<std::size_t, columns> widths{};
  for (const auto& row : rows) {
    for (std::size_t i = 0; i < columns; ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string text;
  for (const auto& row : rows) {
    for (std::size_t i = 0; i < columns; ++i) {
      const std::string blanks(widths[i] - row[i].size(), ' ');
      const bool last = i + 1 == columns;
      text += to_the_right[i] ? blanks + row[i] : last ? row[i] : row[i] + blanks;
      text += last ? "\n" : "  ";
    }
  }
  return text;
}

std::string head_of(const ServerPicture& server) {
  const auto dead = static_cast<std::size_t>(std::count_if(
      server.sessions.begin(), server.sessions.end(), [](const auto& session) { return session.zombie; }));
  std::string line = "tcpserver, pid " + std::to_string(server.pid) + ", since " + start_text(server) + " (" +
                     age_text(server.age) +
                     "): " + counted(server.sessions.size() - dead, "session", "sessions");
  if (dead > 0) line += ", " + counted(dead, "zombie", "zombies");
  std::string queues = "listens on";
  const char* separator = " ";
  for (const auto& listener : server.listeners) {
    queues += separator + listener.local.text() + " (queue " + std::to_string(listener.length) + " of " +
              std::to_string(listener.limit) + ")";
    separator = ", ";
  }
  if (server.listeners.empty()) queues = "does not listen: it is starting, or stopping";
  return line + "\n" + base::joined(base::wrapped(queues, text_width));
}

std::string seconds_json(const std::optional<Duration>& duration) {
  if (!duration) return "null";
  return base::formatted("%.2f", std::chrono::duration<double>(*duration).count());
}

std::string or_null(const std::optional<std::uint64_t>& count) {
  return count ? std::to_string(*count) : "null";
}

std::string json_of(const ListenerPicture& listener) {
  return "{\"local\": " + base::json_string(listener.local.text()) +
         ", \"queue\": " + std::to_string(listener.length) +
         ", \"limit\": " + std::to_string(listener.limit) + "}";
}

std::string json_of(const SessionPicture& session) {
  std::string text = "{\"pid\": " + std::to_string(session.pid) +
                     ", \"age_s\": " + seconds_json(session.age) +
                     ", \"state\": " + base::json_string(state_of(session));
  if (const auto& connection = session.connection) {
    text += ", \"peer\": " + base::json_string(connection->peer.unmapped().text()) +
            ", \"local\": " + base::json_string(connection->local.unmapped().text()) +
            ", \"bytes_in\": " + or_null(connection->received) +
            ", \"bytes_out\": " + or_null(connection->sent) +
            ", \"receive_queue\": " + std::to_string(connection->receive_queue) +
            ", \"send_queue\": " + std::to_string(connection->send_queue);
  } else {
    text +=
        ", \"peer\": null, \"local\": null, \"bytes_in\": null, \"bytes_out\": null, \"receive_queue\": "
        "null, "
        "\"send_queue\": null";
  }
  return text + "}";
}

std::string json_of(const ServerPicture& server);

template <typename Things>
std::string json_array(const Things& things) {
  std::string text = "[";
  const char* separator = "";
  for (const auto& thing : things) {
    text.append(separator).append(json_of(thing));
    separator = ", ";
  }
  return text + "]";
}

std::string json_of(const ServerPicture& server) {
  return "{\"pid\": " + std::to_string(server.pid) +
         ", \"started\": " + base::json_string(start_text(server)) +
         ", \"age_s\": " + seconds_json(server.age) + ", \"listeners\": " + json_array(server.listeners) +
         ", \"sessions\": " + json_array(server.sessions) + "}";
}

}  // namespace

void sort_by_age(std::vector<SessionPicture>& sessions) {
  std::sort(sessions.begin(), sessions.end(), [](const SessionPicture& left, const SessionPicture& right) {
    const auto key = [](const SessionPicture& session) {
      return std::tuple(!session.age, -session.age.value_or(Duration::zero()), session.pid);
    };
    return key(left) < key(right);
  });
}

std::string age_text(Duration age) {
  using namespace std::chrono;
  constexpr auto whole = [](auto duration) { return static_cast<long long>(duration.count()); };
  if (age < 1s) return std::to_string(whole(floor<milliseconds>(age))) + " ms";
  if (age < 1min) return std::to_string(whole(floor<seconds>(age))) + " s";
  if (age < 1h) return two_units(whole(floor<minutes>(age)), "m", whole(floor<seconds>(age % 1min)), "s");
  if (age < 24h) return two_units(whole(floor<hours>(age)), "h", whole(floor<minutes>(age % 1h)), "m");
  return two_units(whole(floor<days>(age)), "d", whole(floor<hours>(age % 24h)), "h");
}

std::string session_tables(const std::vector<ServerPicture>& servers) {
  std::string text;
  for (const auto& server : servers) {
    if (!text.empty()) text += "\n";
    text += head_of(server);
    if (!server.sessions.empty()) text += table_of(server.sessions);
  }
  return text;
}

std::string session_tables_json(const std::vector<ServerPicture>& servers) {
  return "{\"servers\": " + json_array(servers) + "}\n";
}

}  // namespace tcpserver::server
