// Input: arguments of tcpclient, tcpbacklog and tcpload, one per line.
#include "tcpserver/base/system_error.hpp"

#include "backlog/options.hpp"
#include "client/client.hpp"
#include "fuzz/fuzz.hpp"
#include "harness/arguments.hpp"
#include "load/load.hpp"

namespace {

using namespace tcpserver;

template <typename Parse>
void parse_or_be_refused(Parse parse) {
  try {
    parse();
  } catch (const base::StartError& error) {
    fuzz::require(fuzz::is_one_plain_line(error.what()), "an error is one line");
    fuzz::require(error.status() == base::ExitStatus::usage, "an error has status 64");
  }
}

void check(const backlog::ProbeOptions& options) {
  fuzz::require(
      options.from >= 0 && options.from <= options.to && options.to <= backlog::largest_probed_backlog,
      "a probe has an ascending range");
}
void check(const backlog::WatchOptions& options) {
  fuzz::require(options.port > 0 && options.interval >= backlog::shortest_interval && options.count != 0U,
                "a watch has a port, an interval and a count");
}
void check(const backlog::SizeOptions& options) {
  fuzz::require(options.rate >= 0 && options.rate <= static_cast<double>(backlog::highest_rate),
                "a rate is in its range");
  fuzz::require(options.burst.value_or(options.rate) >= options.rate, "a burst is not below the mean rate");
  fuzz::require(options.headroom >= 1 && options.headroom <= backlog::largest_headroom,
                "the headroom is in its range");
}

void check(const load::LoadOptions& options) {
  fuzz::require(options.port > 0 && options.size > 0 && options.timeout > base::Duration::zero(),
                "a load has a port, a size and a timeout");
  fuzz::require(options.concurrency > 0 && options.concurrency <= load::max_concurrency &&
                    options.connections > 0 && options.connections <= load::max_load_connections,
                "connections are in their range");
  fuzz::require((options.mode == load::LoadMode::hold) == (options.hold > base::Duration::zero()),
                "a hold time is given only in hold mode");
  fuzz::require(options.rate.value_or(1) > 0, "a rate is above 0");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  auto words = fuzz::split_words(fuzz::to_text(data, size));
  words.insert(words.begin(), "program");
  const harness::Arguments arguments(std::move(words));
  const int argc = arguments.count();
  char* const* const argv = arguments.argv();
  parse_or_be_refused([&] {
    const auto command = client::parse_client_command(argc, argv);
    if (!command.text_to_show.empty()) return;
    fuzz::require(command.options.port > 0 && command.options.clients <= client::max_clients,
                  "a client has a port, and clients are in their range");
    fuzz::require(command.options.slow.value_or(0) <= command.options.clients,
                  "slow clients are at most all clients");
  });
  parse_or_be_refused([&] {
    const auto command = backlog::parse_backlog_command(argc, argv);
    if (!command.text_to_show.empty()) return;
    std::visit([](const auto& options) { check(options); }, command.job);
  });
  parse_or_be_refused([&] {
    const auto command = load::parse_load_command(argc, argv);
    if (command.text_to_show.empty()) check(command.options);
  });
  return 0;
}
