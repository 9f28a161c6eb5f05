#include "tcpserver/client/crowd.hpp"

#include "tcpserver/client/compared_client.hpp"
#include "tcpserver/options/values.hpp"
#include "tcpserver/posix/process.hpp"
#include "tcpserver/posix/signals.hpp"
#include "tcpserver/posix/system_error.hpp"

#include <poll.h>
#include <signal.h>

#include <algorithm>
#include <array>
#include <cerrno>

namespace tcpserver::client {

namespace {

using options::ClientOptions;
using posix::ExitStatus;
using posix::SocketAddress;
using posix::StartError;
using posix::TimePoint;

// SIGINT and SIGTERM stop a run early, so that what was seen by then is shown. They are heard in the wait
// alone.
volatile sig_atomic_t stop_signal = 0;

void on_stop(int signal) {
  stop_signal = signal;
}

class StopSignals {
 public:
  StopSignals() {
    stop_signal = 0;
    const sigset_t both = posix::signal_set({SIGINT, SIGTERM});
    ::sigprocmask(SIG_BLOCK, &both, &mask_outside);
    for (std::size_t i = 0; i < signals.size(); ++i) {
      ::sigaction(signals[i], nullptr, &before_[i]);
      // What is ignored, as by a background job of a shell without job control, stays so.
      if (before_[i].sa_handler != SIG_IGN) posix::set_disposition(signals[i], on_stop, both);
    }
  }
  ~StopSignals() {
    for (std::size_t i = 0; i < signals.size(); ++i) ::sigaction(signals[i], &before_[i], nullptr);
    ::sigprocmask(SIG_SETMASK, &mask_outside, nullptr);
  }
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;

  sigset_t mask_outside{};

 private:
  static constexpr std::array signals{SIGINT, SIGTERM};
  std::array<struct sigaction, 2> before_{};
};

class Crowd {
 public:
  Crowd(const ClientOptions& options, const std::vector<SocketAddress>& addresses)
      : addresses_(usable(addresses)), plan_{.options = options, .addresses = addresses_, .began = {}} {
    timeline_.server = options::plain_or_quoted(options.host) + " port " + std::to_string(options.port);
    timeline_.delay = options.delay;
    timeline_.lives.resize(options.clients);
    clients_.reserve(options.clients);
    for (std::uint32_t i = 0; i < options.clients; ++i) {
      timeline_.lives[i].id = i + 1;
      timeline_.lives[i].slow = i < options.slow.value_or(0);
      auto fd = open_socket(addresses_.front());
      if (!fd) throw posix::system_error("open the socket of client " + std::to_string(i + 1));
      clients_.emplace_back(plan_, timeline_.lives[i], std::move(fd));
    }
  }

  CrowdResult run(const Watcher& watcher) {
    const StopSignals signals;
    plan_.began = posix::Clock::now();
    start_all(signals.mask_outside);
    auto next_frame = plan_.began;
    while (still_open() > 0 && stop_signal == 0) {
      wait(next_frame, signals.mask_outside);
      if (posix::Clock::now() < next_frame) continue;
      hear_signals(signals.mask_outside);
      show(watcher);
      next_frame = posix::Clock::now() + frame_time;
    }
    hear_signals(signals.mask_outside);  // what is pending is fatal once it means again what it meant before
    timeline_.now_s = plan_.seconds(posix::Clock::now());
    timeline_.over = true;
    return {.timeline = std::move(timeline_), .signal = stop_signal};
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

  // With a ready socket ppoll returns without delivering what is pending: so once with none.
  static void hear_signals(const sigset_t& mask) {
    const timespec at_once{};
    ::ppoll(nullptr, 0, &at_once, &mask);
  }

  // Looks from time to time at those that are started: times are those of the looks.
  void start_all(const sigset_t& mask) {
    constexpr auto between_looks = std::chrono::milliseconds(1);
    auto next_look = plan_.began + between_looks;
    for (std::size_t i = 0; i < clients_.size() && stop_signal == 0; ++i) {
      clients_[i].start();
      started_ = i + 1;
      const auto now = posix::Clock::now();
      if (now < next_look) continue;
      wait(now, mask);
      next_look = posix::Clock::now() + between_looks;
    }
  }

  [[nodiscard]] std::ptrdiff_t still_open() const {
    return std::count_if(clients_.begin(), clients_.end(),
                         [](const ComparedClient& client) { return !client.ended(); });
  }

  void show(const Watcher& watcher) {
    timeline_.now_s = plan_.seconds(posix::Clock::now());
    watcher(timeline_);
  }

  // Until something happens, or is due, or this time has come.
  void wait(TimePoint next_frame, const sigset_t& mask) {
    polled_.clear();
    waiting_.clear();
    TimePoint wake = next_frame;
    for (std::size_t i = 0; i < started_; ++i) {
      auto& client = clients_[i];
      if (client.ended()) continue;
      polled_.push_back(client.polled());
      waiting_.push_back(&client);
      wake = std::min(wake, client.due().value_or(wake));
    }
    const timespec limit = posix::to_timespec(*posix::time_left(wake));
    const int ready = ::ppoll(polled_.data(), static_cast<nfds_t>(polled_.size()), &limit, &mask);
    if (ready < 0 && errno != EINTR) throw posix::system_error("wait for the server");
    if (ready < 0) return;
    const auto now = posix::Clock::now();
    for (std::size_t i = 0; i < waiting_.size(); ++i) waiting_[i]->step(polled_[i].revents, now);
  }

  std::vector<SocketAddress> addresses_;
  RunPlan plan_;
  Timeline timeline_;
  std::vector<ComparedClient> clients_;
  std::size_t started_ = 0;
  std::vector<pollfd> polled_;            // of those that have not ended
  std::vector<ComparedClient*> waiting_;  // whose it is
};

}  // namespace

CrowdResult run_crowd(const ClientOptions& options, const std::vector<SocketAddress>& addresses,
                      const Watcher& watcher) {
  posix::raise_descriptor_limit();
  return Crowd(options, addresses).run(watcher);
}

}  // namespace tcpserver::client
