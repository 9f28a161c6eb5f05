#include "tcpserver/base/json.hpp"
#include "tcpserver/base/process.hpp"
#include "tcpserver/base/system_error.hpp"
#include "tcpserver/base/terminal.hpp"
#include "tcpserver/base/values.hpp"

#include "backlog/probe.hpp"

#include <sys/utsname.h>

#include <algorithm>

namespace tcpserver::backlog {

namespace {

std::string format_seconds(base::Duration duration) {
  return base::format_text("%.3f", std::chrono::duration<double>(duration).count());
}

std::string number_or_dash(std::optional<int> value) {
  return value ? std::to_string(*value) : "-";
}

// "Linux 6.1.0 x86_64", by uname(2).
std::string read_kernel_name() {
  utsname name{};
  if (::uname(&name) != 0) return "unknown";
  return std::string(name.sysname) + " " + name.release + " " + name.machine;
}

std::string format_heading() {
  return "Connections that listen(fd, backlog) holds on " + read_kernel_name() +
         ":\n\n"
         "backlog   queued here   BSD   Solaris 2.2   3/2 n + 1\n";
}

std::string format_footnotes(const std::vector<ProbeRow>& rows) {
  bool agree = true, one_more = true;
  for (const auto& row : rows) {
    agree = agree && row.agrees();
    one_more = one_more && row.queued == static_cast<int>(row.in_effect) + 1;
  }
  std::string text = "\n";
  if (one_more) text += "This kernel holds one connection more than the backlog.\n";
  return text + "queued here: clients that connected and sent a byte before any accept; TCP_INFO " +
         (agree ? "agrees" : "differs in some lines") +
         ".\n"
         "BSD, Solaris 2.2: Stevens, TCP/IP Illustrated, vol. 1, section 18.11 (backlogs 0 to 5).\n"
         "3/2 n + 1: the rule of Berkeley-derived kernels.\n\n";
}

}  // namespace

std::optional<int> queued_on_bsd(int backlog) noexcept {
  return backlog >= 0 && backlog <= 5 ? std::optional(queued_by_berkeley_rule(backlog)) : std::nullopt;
}
std::optional<int> queued_on_solaris(int backlog) noexcept {
  return backlog >= 0 && backlog <= 5 ? std::optional(backlog) : std::nullopt;
}
int queued_by_berkeley_rule(int backlog) noexcept {
  return backlog + backlog / 2 + 1;
}

std::string format_row(const ProbeRow& row, int full_bar, int bar_width) {
  std::string line = base::format_text(
      "%7d %13d %5s %13s %11d", row.backlog, row.queued, number_or_dash(queued_on_bsd(row.backlog)).c_str(),
      number_or_dash(queued_on_solaris(row.backlog)).c_str(), queued_by_berkeley_rule(row.backlog));
  if (!row.agrees()) return line + "  but TCP_INFO shows " + std::to_string(row.queued_by_tcp_info) + "\n";
  if (row.is_cut()) return line + "  cut to " + std::to_string(row.in_effect) + " (somaxconn)\n";
  if (bar_width == 0 || row.queued == 0) return line + "\n";
  std::string bar = base::bar(static_cast<std::uint64_t>(row.queued),
                              static_cast<std::uint64_t>(std::max(full_bar, row.queued)),
                              static_cast<std::size_t>(bar_width));
  bar.resize(bar.find_last_not_of('.') + 1);
  return line + "   " + bar + "\n";
}

std::string format_full_queue(const FullQueue& full) {
  const std::string client =
      "A client that finds the queue full (backlog " + std::to_string(full.backlog) + ") ";
  if (full.error != 0) return client + "is refused: " + base::error_text(full.error) + ".\n";
  if (full.let_in_at_once) return client + "connected at once: this kernel's queue was not full.\n";
  const std::string reply = client + "gets no reply: the kernel drops its SYN.\n";
  if (!full.got_in) {
    return reply + "It was still not connected " + format_seconds(full.after_free) +
           " s after a place became free.\n";
  }
  std::string retries;
  if (full.retransmitted_syns) {
    retries = *full.retransmitted_syns == 1
                  ? ", when it sent its SYN again"
                  : ", after " + std::to_string(*full.retransmitted_syns) + " more SYNs";
  }
  return reply + "A place became free after " + format_seconds(full.before_free) +
         " s; the client was connected " + format_seconds(full.after_free) + " s later" + retries + ".\n";
}

std::string format_json(const std::vector<ProbeRow>& rows, const FullQueue& full, std::string_view kernel) {
  using Seconds = std::chrono::duration<double>;
  std::string text;
  base::JsonWriter json(text);
  json.begin_object();
  json.begin_array("rows");
  for (const auto& row : rows) {
    json.begin_object();
    json.member("backlog", row.backlog);
    json.member("queued", row.queued);
    json.member("bsd", queued_on_bsd(row.backlog));
    json.member("solaris", queued_on_solaris(row.backlog));
    json.member("berkeley", queued_by_berkeley_rule(row.backlog));
    json.member("started", row.started);
    json.member("in_effect", row.in_effect);
    json.member("counted_otherwise", row.queued_by_tcp_info);
    json.end_object();
  }
  json.end_array();
  json.member("kernel", kernel);
  json.begin_object("full_queue");
  json.member("backlog", full.backlog);
  json.member("error", full.error == 0 ? std::nullopt : std::optional(base::error_text(full.error)));
  json.member("got_in", full.got_in);
  json.member("before_free_s", Seconds(full.before_free).count(), 3);
  json.member("after_free_s", Seconds(full.after_free).count(), 3);
  json.member("syns_again", full.retransmitted_syns);
  json.end_object();
  json.end_object();
  return text + "\n";
}

base::ExitStatus run(const ProbeOptions& options) {
  base::raise_descriptor_limit();  // each connection needs a descriptor
  constexpr int table_width = 54;  // with the last column, which stays free
  constexpr int widest_bar = 60;
  const auto terminal = base::terminal_size();
  const int columns = terminal ? static_cast<int>(terminal->columns) : 0;
  const int bar_width = std::clamp(columns - table_width - 3, 0, widest_bar);
  // One column per connection, as long as the longest bar fits.
  const int full_bar = std::min(queued_by_berkeley_rule(options.to), bar_width);

  std::vector<ProbeRow> rows;
  if (!options.json) base::print_prose(format_heading());
  for (int backlog = options.from; backlog <= options.to; ++backlog) {
    rows.push_back(probe_backlog(backlog));
    if (!options.json) base::print(format_row(rows.back(), full_bar, bar_width));
  }
  const auto full = probe_full_queue(std::max(options.from, 1));
  if (options.json) {
    base::print(format_json(rows, full, read_kernel_name()));
  } else {
    base::print_prose(format_footnotes(rows) + format_full_queue(full));
  }
  const bool agree = std::all_of(rows.begin(), rows.end(), [](const ProbeRow& row) { return row.agrees(); });
  return agree ? base::ExitStatus::ok : base::ExitStatus::system;
}

}  // namespace tcpserver::backlog
