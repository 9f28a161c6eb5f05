#include "client/client_pool.hpp"

#include "tcpserver/base/process.hpp"
#include "tcpserver/base/stop_signals.hpp"
#include "tcpserver/base/system_error.hpp"
#include "tcpserver/base/values.hpp"

#include "client/compared_client.hpp"

#include <algorithm>
#include <cerrno>
#include <span>

namespace tcpserver::client {

namespace {

using base::ExitStatus;
using base::SocketAddress;
using base::StartError;
using base::TimePoint;

class ClientPool {
 public:
  ClientPool(const ClientOptions& options, const std::vector<SocketAddress>& addresses)
      : addresses_(usable(addresses)),
        plan_{.options = options, .addresses = addresses_, .engine = engine_, .began = {}} {
    timeline_.server = base::plain_or_quoted(options.host) + " port " + std::to_string(options.port);
    timeline_.delay = options.delay;
    timeline_.lives.resize(options.clients);
    clients_.reserve(options.clients);
    for (std::uint32_t i = 0; i < options.clients; ++i) {
      timeline_.lives[i].id = i + 1;
      timeline_.lives[i].slow = i < options.slow.value_or(0);
      auto fd = open_socket(addresses_.front());
      if (!fd) throw base::system_error("open the socket of client " + std::to_string(i + 1));
      clients_.emplace_back(plan_, timeline_.lives[i], std::move(fd));
    }
  }

  PoolResult run(const Watcher& watcher) {
    base::StopSignals signals;
    plan_.began = base::Clock::now();
    start_all(signals);
    auto next_frame = plan_.began;
    while (still_open() > 0 && signals.heard() == 0) {
      wait(next_frame, signals.mask_outside());
      if (base::Clock::now() < next_frame) continue;
      signals.hear();
      show(watcher);
      next_frame = base::Clock::now() + frame_time;
    }
    signals.hear();  // what is pending is fatal once it means again what it meant before
    timeline_.now_s = plan_.seconds(base::Clock::now());
    timeline_.over = true;
    return {.timeline = std::move(timeline_), .signal = signals.heard()};
  }

 private:
  // Not every system has every family.
  static std::vector<SocketAddress> usable(const std::vector<SocketAddress>& addresses) {
    std::vector<SocketAddress> usable;
    for (const auto& address : addresses) {
      if (open_socket(address) || errno != EAFNOSUPPORT) usable.push_back(address);
    }
    if (usable.empty())
      throw StartError(ExitStatus::unavailable, "this system has no addresses of that kind");
    return usable;
  }

  // Looks from time to time at those that are started: times are those of the looks.
  void start_all(const base::StopSignals& signals) {
    constexpr auto between_looks = std::chrono::milliseconds(1);
    auto next_look = plan_.began + between_looks;
    for (std::size_t i = 0; i < clients_.size() && signals.heard() == 0; ++i) {
      clients_[i].start();
      started_ = i + 1;
      const auto now = base::Clock::now();
      if (now < next_look) continue;
      wait(now, signals.mask_outside());
      next_look = base::Clock::now() + between_looks;
    }
  }

  [[nodiscard]] std::ptrdiff_t still_open() const {
    return std::count_if(clients_.begin(), clients_.end(),
                         [](const ComparedClient& client) { return !client.ended(); });
  }

  void show(const Watcher& watcher) {
    timeline_.now_s = plan_.seconds(base::Clock::now());
    watcher(timeline_);
  }

  // Until something happens, or is due, or this time has come.
  void wait(TimePoint next_frame, const sigset_t& mask) {
    TimePoint wake = next_frame;
    for (const auto& client : started()) {
      if (!client.ended()) wake = std::min(wake, client.due().value_or(wake));
    }
    const auto& ready = engine_.wait(*base::time_left(wake), mask);
    const auto now = base::Clock::now();
    for (const auto& one : ready) {
      if (!clients_[one.slot].ended()) clients_[one.slot].step(true, one.readable, now);
    }
    for (auto& client : started()) {
      if (!client.ended() && client.due().value_or(TimePoint::max()) <= now) client.step(false, false, now);
    }
  }

  [[nodiscard]] std::span<ComparedClient> started() { return std::span(clients_).first(started_); }

  std::vector<SocketAddress> addresses_;
  ConnectionEngine engine_;
  RunPlan plan_;
  Timeline timeline_;
  std::vector<ComparedClient> clients_;
  std::size_t started_ = 0;
};

}  // namespace

PoolResult run_clients(const ClientOptions& options, const std::vector<SocketAddress>& addresses,
                       const Watcher& watcher) {
  base::raise_descriptor_limit();
  return ClientPool(options, addresses).run(watcher);
}

}  // namespace tcpserver::client
