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

std::string seconds(base::Duration duration) {
  return base::formatted("%.3f", std::chrono::duration<double>(duration).count());
}

std::string text_or_dash(std::optional<int> value) {
  return value ? std::to_string(*value) : "-";
}

// "Linux 6.1.0 x86_64", by uname(2).
std::string kernel_name() {
  utsname name{};
  if (::uname(&name) != 0) return "unknown";
  return std::string(name.sysname) + " " + name.release + " " + name.machine;
}

std::string heading() {
  return "What listen(fd, backlog) holds on " + kernel_name() +
         ":\n\n"
         "backlog   queued here   BSD   Solaris 2.2   3/2 n + 1\n";
}

std::string footnotes(bool agree) {
  return "\n"
         "queued here: clients that are connected and whose first byte was acknowledged, though nobody "
         "called\n"
         "accept. Counted a second time by TCP_INFO of the listener" +
         std::string(agree ? ", with the same result.\n" : ": the lines above say where that differs.\n") +
         "BSD, Solaris 2.2: as Stevens reports for 0 to 5 (TCP/IP Illustrated, vol. 1, section 18.11).\n"
         "3/2 n + 1: the rule of the kernels that come from Berkeley.\n\n";
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

std::string probe_line(const ProbeRow& row, int full_bar, int bar_width) {
  std::string line = base::formatted(
      "%7d %13d %5s %13s %11d", row.backlog, row.queued, text_or_dash(queued_on_bsd(row.backlog)).c_str(),
      text_or_dash(queued_on_solaris(row.backlog)).c_str(), queued_by_berkeley_rule(row.backlog));
  if (bar_width > 0 && row.queued > 0) {
    std::string columns = base::bar(static_cast<std::uint64_t>(row.queued),
                                    static_cast<std::uint64_t>(std::max(full_bar, row.queued)),
                                    static_cast<std::size_t>(bar_width));
    columns.resize(columns.find_last_not_of('.') + 1);
    line += "   " + columns;
  }
  if (static_cast<std::uint64_t>(row.backlog) > row.in_effect) {
    line += "   cut to " + std::to_string(row.in_effect) + " by net.core.somaxconn";
  }
  if (!row.agrees()) line += "   but counted otherwise " + std::to_string(row.counted_otherwise);
  return line + "\n";
}

std::string full_queue_text(const FullQueue& full) {
  const std::string where =
      "A client that meets a full queue (backlog " + std::to_string(full.backlog) + ") ";
  if (full.error != 0) return where + "is refused: " + base::error_text(full.error) + "\n";
  if (full.let_in_at_once) return where + "is let in all the same: this kernel's queue was not full.\n";
  if (!full.got_in) {
    return where + "gets no RST, and was not in " + seconds(full.after_free) +
           " s after a place came free.\n";
  }
  std::string again;
  if (full.syns_again) {
    again = *full.syns_again == 1 ? ", when its SYN was sent a second time"
                                  : ", its SYN sent again " + std::to_string(*full.syns_again) + " times";
  }
  return where + "gets no RST: its SYN is dropped in silence.\nAfter " + seconds(full.before_free) +
         " s a place came free; the client was in " + seconds(full.after_free) + " s later" + again + ".\n";
}

std::string probe_json(const std::vector<ProbeRow>& rows, const FullQueue& full, std::string_view kernel) {
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
    json.member("counted_otherwise", row.counted_otherwise);
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
  json.member("syns_again", full.syns_again);
  json.end_object();
  json.end_object();
  return text + "\n";
}

base::ExitStatus run(const ProbeOptions& options) {
  base::raise_descriptor_limit();  // each connection takes one
  constexpr int table_width = 54;
  constexpr int widest_bar = 60;
  const auto terminal = base::terminal_size();
  const int columns = terminal ? static_cast<int>(terminal->columns) : 0;
  const int bar_width = std::clamp(columns - table_width - 3, 0, widest_bar);
  // One column per connection, as long as the longest bar fits.
  const int full_bar = std::min(queued_by_berkeley_rule(options.to), bar_width);

  std::vector<ProbeRow> rows;
  if (!options.json) base::print(heading());
  for (int backlog = options.from; backlog <= options.to; ++backlog) {
    rows.push_back(probe_backlog(backlog));
    if (!options.json) base::print(probe_line(rows.back(), full_bar, bar_width));
  }
  const auto full = meet_full_queue(std::max(options.from, 1));
  const bool agree = std::all_of(rows.begin(), rows.end(), [](const ProbeRow& row) { return row.agrees(); });
  base::print(options.json ? probe_json(rows, full, kernel_name())
                           : footnotes(agree) + full_queue_text(full));
  return agree ? base::ExitStatus::ok : base::ExitStatus::system;
}

}  // namespace tcpserver::backlog
