#include "server/daemon/session_table.hpp"

#include "tcpserver/base/json.hpp"
#include "tcpserver/base/values.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <numeric>
#include <string>
#include <tuple>

namespace tcpserver::server {

namespace {

// Omits the receive queue, which JSON has, so that the table fits 80 columns. The send
// queue shows a client that does not read; the receive queue fills only after it.
constexpr struct {
  const char* heading;
  bool to_the_right;
} columns[] = {{"PID", true}, {"PEER", false}, {"LOCAL", false}, {"AGE", true},
               {"IN", true},  {"OUT", true},   {"SEND-Q", true}, {"STATE", false}};
constexpr std::size_t peer_column = 1;
constexpr std::size_t local_column = 2;
constexpr std::size_t gap = 2;  // between two columns
constexpr std::size_t longest_ipv4_peer = std::char_traits<char>::length("255.255.255.255:65535");
using Row = std::array<std::string, std::size(columns)>;

std::string format_start(const ServerSnapshot& server) {
  char text[base::utc_text_size];
  const std::string time = base::format_utc(server.started, text);
  return time.substr(0, time.find('.')) + "Z";
}

const char* to_string(ServerState state) noexcept {
  constexpr const char* names[] = {"starting", "serving", "stopping", "suspended"};
  return names[static_cast<std::size_t>(state)];
}

std::string format_count(std::size_t count, const char* noun) {
  return std::to_string(count) + " " + noun + (count == 1 ? "" : "s");
}

std::string format_state(const SessionSnapshot& session) {
  if (session.zombie) return "zombie";
  return session.connection ? kernel::tcp_state_name(session.connection->state) : "ending";
}

Row format_row(const SessionSnapshot& session) {
  const auto or_dash = [](const auto& count) { return count ? std::to_string(*count) : "-"; };
  Row row;
  row.fill("-");
  row[0] = std::to_string(session.pid);
  if (session.age) row[3] = age_text(*session.age);
  if (const auto& connection = session.connection) {
    row[1] = connection->peer.unmapped().text();
    row[local_column] = connection->local.unmapped().text();
    row[4] = or_dash(connection->received);
    row[5] = or_dash(connection->written);
    row[6] = std::to_string(connection->send_queue);
  }
  row[7] = format_state(session);
  return row;
}

// Returns true if the server listens on several addresses, not counting wildcards.
bool has_several_addresses(const ServerSnapshot& server) {
  return std::count_if(server.listeners.begin(), server.listeners.end(),
                       [](const auto& listener) { return !listener.local.is_wildcard(); }) > 1;
}

// A table that is too wide omits the local addresses. If it is still too wide, a row is broken after a long
// IPv6 peer, as df(1) does.
std::string format_table(const ServerSnapshot& server, std::size_t width) {
  std::vector<Row> rows(1);
  for (std::size_t i = 0; i < std::size(columns); ++i) rows[0][i] = columns[i].heading;
  for (const auto& session : server.sessions) rows.push_back(format_row(session));
  std::array<std::size_t, std::size(columns)> widths{};
  for (const auto& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  const auto total = std::accumulate(widths.begin(), widths.end(), gap * (widths.size() - 1));
  const bool has_local = has_several_addresses(server) && total <= width;
  if (total - (has_local ? 0 : widths[local_column] + gap) > width)
    widths[peer_column] = std::min(widths[peer_column], longest_ipv4_peer);
  widths.back() = 0;  // no blanks at the end of a line
  std::string text;
  for (const auto& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) {
      if (i == local_column && !has_local) continue;
      const std::string blanks(std::max(widths[i], row[i].size()) - row[i].size(), ' ');
      text +=
          std::string(i == 0 ? 0 : gap, ' ') + (columns[i].to_the_right ? blanks + row[i] : row[i] + blanks);
      if (i == peer_column && row[i].size() > widths[i])
        text += "\n" + std::string(widths[0] + gap + widths[peer_column], ' ');
    }
    text += "\n";
  }
  return text;
}

std::string format_head(const ServerSnapshot& server) {
  const auto& sessions = server.sessions;
  const auto zombies = static_cast<std::size_t>(
      std::count_if(sessions.begin(), sessions.end(), [](const auto& session) { return session.zombie; }));
  std::string text = "tcpserver, pid " + std::to_string(server.pid) + ": " + to_string(server.state) + ", " +
                     format_count(sessions.size() - zombies, "session");
  if (zombies > 0) text += ", " + format_count(zombies, "zombie");
  text += "\nup " + age_text(server.age) + ", since " + format_start(server) + "\n";
  for (const auto& listener : server.listeners) {
    text += "listening on " + listener.local.text() + ", queue " + std::to_string(listener.receive_queue) +
            " of " + std::to_string(listener.send_queue) + "\n";
  }
  return text;
}

double to_seconds(base::Duration duration) {
  return std::chrono::duration<double>(duration).count();
}

void write_session(base::JsonWriter& json, const SessionSnapshot& session) {
  json.begin_object();
  json.member("pid", session.pid);
  json.member("age_s", session.age ? std::optional(to_seconds(*session.age)) : std::nullopt, 2);
  json.member("state", format_state(session));
  if (const auto& connection = session.connection) {
    json.member("peer", connection->peer.unmapped().text());
    json.member("local", connection->local.unmapped().text());
    json.member("bytes_in", connection->received);
    json.member("bytes_out", connection->written);
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
  json.member("state", to_string(server.state));
  json.member("started", format_start(server));
  json.member("age_s", to_seconds(server.age), 2);
  json.begin_array("listeners");
  for (const auto& listener : server.listeners) {
    json.begin_object();
    json.member("local", listener.local.text());
    json.member("queue", listener.receive_queue);
    json.member("limit", listener.send_queue);
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
  const auto key = [](const SessionSnapshot& session) {
    return std::tuple(!session.age, -session.age.value_or(base::Duration::zero()), session.pid);
  };
  std::sort(sessions.begin(), sessions.end(),
            [&key](const auto& left, const auto& right) { return key(left) < key(right); });
}

std::string age_text(base::Duration age) {
  using namespace std::chrono_literals;
  struct Scale {
    base::Duration unit, part;
    char unit_name, part_name;
  };
  for (const auto& [unit, part, unit_name, part_name] :
       {Scale{24h, 1h, 'd', 'h'}, Scale{1h, 1min, 'h', 'm'}, Scale{1min, 1s, 'm', 's'}}) {
    if (age < unit) continue;
    return base::format_text("%lld%c%02lld%c", static_cast<long long>(age / unit), unit_name,
                             static_cast<long long>(age % unit / part), part_name);
  }
  return age < 1s ? std::to_string(age / 1ms) + "ms" : std::to_string(age / 1s) + "s";
}

std::string session_tables(const std::vector<ServerSnapshot>& servers, std::size_t width) {
  std::string text;
  for (const auto& server : servers) {
    text += (text.empty() ? "" : "\n") + format_head(server);
    if (!server.sessions.empty()) text += format_table(server, width);
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
