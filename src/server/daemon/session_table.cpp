#include "server/daemon/session_table.hpp"

#include "tcpserver/base/json.hpp"
#include "tcpserver/base/terminal.hpp"
#include "tcpserver/base/values.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
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

std::string start_text(const ServerSnapshot& server) {
  char text[base::utc_text_size];
  std::string whole = base::utc_text(std::chrono::floor<std::chrono::seconds>(server.started), text);
  return whole.substr(0, whole.find('.')) + "Z";
}

std::string counted(std::size_t count, const char* one, const char* many) {
  return std::to_string(count) + " " + (count == 1 ? one : many);
}

const char* state_of(const SessionSnapshot& session) {
  if (session.zombie) return "zombie";
  return session.connection ? session.connection->state.c_str() : "ending";
}

std::string or_dash(const std::optional<std::uint64_t>& count) {
  return count ? std::to_string(*count) : "-";
}

Row row_of(const SessionSnapshot& session) {
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

std::string table_of(const std::vector<SessionSnapshot>& sessions) {
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

std::string head_of(const ServerSnapshot& server) {
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

void write_session(base::JsonWriter& json, const SessionSnapshot& session) {
  const auto age =
      session.age ? std::optional(std::chrono::duration<double>(*session.age).count()) : std::nullopt;
  json.begin_object();
  json.member("pid", session.pid);
  json.member("age_s", age, 2);
  json.member("state", state_of(session));
  if (const auto& connection = session.connection) {
    json.member("peer", connection->peer.unmapped().text());
    json.member("local", connection->local.unmapped().text());
    json.member("bytes_in", connection->received);
    json.member("bytes_out", connection->sent);
    json.member("receive_queue", connection->receive_queue);
    json.member("send_queue", connection->send_queue);
  } else {
    for (const char* name : {"peer", "local", "bytes_in", "bytes_out", "receive_queue", "send_queue"}) {
      json.member(name, nullptr);
    }
  }
  json.end_object();
}

void write_server(base::JsonWriter& json, const ServerSnapshot& server) {
  json.begin_object();
  json.member("pid", server.pid);
  json.member("started", start_text(server));
  json.member("age_s", std::chrono::duration<double>(server.age).count(), 2);
  json.begin_array("listeners");
  for (const auto& listener : server.listeners) {
    json.begin_object();
    json.member("local", listener.local.text());
    json.member("queue", listener.length);
    json.member("limit", listener.limit);
    json.end_object();
  }
  json.end_array();
  json.begin_array("sessions");
  for (const auto& session : server.sessions) write_session(json, session);
  json.end_array();
  json.end_object();
}

}  // namespace

void sort_by_age(std::vector<SessionSnapshot>& sessions) {
  std::sort(sessions.begin(), sessions.end(), [](const SessionSnapshot& left, const SessionSnapshot& right) {
    const auto key = [](const SessionSnapshot& session) {
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
  if (age < 1h)
    return base::formatted("%lld m %02lld s", whole(floor<minutes>(age)), whole(floor<seconds>(age % 1min)));
  if (age < 24h)
    return base::formatted("%lld h %02lld m", whole(floor<hours>(age)), whole(floor<minutes>(age % 1h)));
  return base::formatted("%lld d %02lld h", whole(floor<days>(age)), whole(floor<hours>(age % 24h)));
}

std::string session_tables(const std::vector<ServerSnapshot>& servers) {
  std::string text;
  for (const auto& server : servers) {
    if (!text.empty()) text += "\n";
    text += head_of(server);
    if (!server.sessions.empty()) text += table_of(server.sessions);
  }
  return text;
}

std::string session_tables_json(const std::vector<ServerSnapshot>& servers) {
  std::string text;
  base::JsonWriter json(text);
  json.begin_object();
  json.begin_array("servers");
  for (const auto& server : servers) write_server(json, server);
  json.end_array();
  json.end_object();
  return text + "\n";
}

}  // namespace tcpserver::server
