#include "tcpserver/client/crowd.hpp"

#include "tcpserver/options/values.hpp"
#include "tcpserver/posix/process.hpp"
#include "tcpserver/posix/signals.hpp"
#include "tcpserver/posix/system_error.hpp"
#include "tcpserver/posix/unique_fd.hpp"

#include <poll.h>
#include <signal.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <string_view>

namespace tcpserver::client {

namespace {

using options::ClientOptions;
using posix::ExitStatus;
using posix::SocketAddress;
using posix::StartError;
using posix::TimePoint;
using posix::UniqueFd;

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

bool would_block(int error) {
  return error == EAGAIN || error == EWOULDBLOCK || error == EINTR;
}

std::string capitals(std::string text) {
  for (char& c : text) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - ('a' - 'A'));
  }
  return text;
}

UniqueFd open_socket(const SocketAddress& address) {
  return UniqueFd(::socket(address.family(), SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
}

// What all clients of a run have in common.
struct Plan {
  const ClientOptions& options;
  const std::vector<SocketAddress>& addresses;
  TimePoint began;

  [[nodiscard]] double seconds(TimePoint at) const {
    return std::chrono::duration<double>(at - began).count();
  }
};

// One client: connects, holds, sends, waits, compares. Its socket never blocks.
class Client {
 public:
  Client(const Plan& plan, ClientLife& life, UniqueFd fd)
      : plan_(&plan), life_(&life), fd_(std::move(fd)), sentence_(sentence_of(plan.options, life.id)) {
    const bool upper = plan.options.service == options::Service::upper;
    expected_ = upper ? capitals(sentence_) : sentence_;
  }

  void start() {
    const auto now = posix::Clock::now();
    life_->started_s = plan_->seconds(now);
    if (plan_->options.timeout) give_up_connecting_ = now + *plan_->options.timeout;
    connect(now);
  }

  [[nodiscard]] bool ended() const { return life_->ended_s.has_value(); }

  [[nodiscard]] pollfd polled() const {
    const bool wants_to_write = !life_->connected_s || (!holding() && sent_ < sentence_.size());
    const bool may_read = life_->connected_s.has_value();
    return {.fd = fd_.get(),
            .events = static_cast<short>((wants_to_write ? POLLOUT : 0) | (may_read ? POLLIN : 0)),
            .revents = 0};
  }

  // When it wants to be stepped, whatever the socket says.
  [[nodiscard]] std::optional<TimePoint> due() const {
    if (holding()) return hold_until_;
    return give_up_;
  }

  // `now` is when the wait returned: what it reports had happened by then.
  void step(short ready, TimePoint now) {
    if (!life_->connected_s) {
      if (ready != 0) return finish_connecting(now);
      if (give_up_ && now >= *give_up_) connect_failed(ETIMEDOUT, now);
      return;
    }
    if ((ready & (POLLIN | POLLERR | POLLHUP)) != 0 && !receive(now)) return;
    if (holding() && now >= *hold_until_) {
      hold_until_.reset();
      moved(now);
    }
    if (!holding() && sent_ < sentence_.size()) send(now);
    if (!ended() && !holding() && give_up_ && now >= *give_up_) {
      const std::string limit = options::duration_text(*plan_->options.timeout);
      fail(Trouble::timed_out,
           life_->replied_s ? "timed out: the server replied, and did not close for " + limit
                            : "timed out: nothing from the server for " + limit,
           now);
    }
  }

 private:
  static std::string sentence_of(const ClientOptions& options, std::uint32_t id) {
    return options.message.value_or("sentence of client " + std::to_string(id)) + "\n";
  }

  [[nodiscard]] bool holding() const { return hold_until_.has_value(); }

  void moved(TimePoint now) {
    if (plan_->options.timeout) give_up_ = now + *plan_->options.timeout;
  }

  // The address that is its turn. Each gets its even share of the time that is left.
  void connect(TimePoint now) {
    life_->dialled_s = plan_->seconds(now);
    const auto& address = plan_->addresses[address_];
    if (give_up_connecting_) {
      const auto rest = plan_->addresses.size() - address_;
      give_up_ = now + *posix::time_left(give_up_connecting_) / rest;
    }
    if (!fd_) fd_ = open_socket(address);
    if (!fd_) return connect_failed(errno, now);
    if (::connect(fd_.get(), address.get(), address.size()) == 0) return connected(now);
    if (errno != EINPROGRESS) connect_failed(errno, now);
  }

  void finish_connecting(TimePoint now) {
    int error = 0;
    socklen_t size = sizeof error;
    if (::getsockopt(fd_.get(), SOL_SOCKET, SO_ERROR, &error, &size) != 0) error = errno;
    if (error != 0) return connect_failed(error, now);
    connected(now);
  }

  void connected(TimePoint now) {
    life_->connected_s = plan_->seconds(now);
    moved(now);
    if (life_->slow) {
      hold_until_ = now + plan_->options.delay;
    } else {
      send(now);
    }
  }

  void connect_failed(int error, TimePoint now) {
    fd_.reset();
    timed_out_ = timed_out_ || error == ETIMEDOUT;
    failures_ +=
        (failures_.empty() ? "" : "; ") + plan_->addresses[address_].text() + ": " + posix::error_text(error);
    ++address_;
    if (address_ < plan_->addresses.size()) return connect(now);
    const auto trouble = timed_out_              ? Trouble::timed_out
                         : error == ECONNREFUSED ? Trouble::refused
                                                 : Trouble::not_connected;
    fail(trouble, "cannot connect to " + failures_, now);
  }

  void send(TimePoint now) {
    const ssize_t count = ::send(fd_.get(), sentence_.data() + sent_, sentence_.size() - sent_, MSG_NOSIGNAL);
    if (count < 0) {
      if (!would_block(errno)) broken(errno, now);
      return;
    }
    sent_ += static_cast<std::size_t>(count);
    const auto after = posix::Clock::now();
    moved(after);
    if (sent_ < sentence_.size()) return;
    ::shutdown(fd_.get(), SHUT_WR);  // ENOTCONN: the reset shows in the next read
    life_->sent_s = plan_->seconds(after);
  }

  // False where this was the end.
  bool receive(TimePoint now) {
    std::array<char, 16UL * 1024> buffer;
    const ssize_t count = ::recv(fd_.get(), buffer.data(), buffer.size(), 0);
    if (count < 0 && would_block(errno)) return true;
    if (count < 0) {
      broken(errno, now);
    } else if (count == 0) {
      closed(now);
    } else {
      compare({buffer.data(), static_cast<std::size_t>(count)}, now);
    }
    return !ended();
  }

  void compare(std::string_view part, TimePoint now) {
    const auto expected = std::string_view(expected_).substr(std::min(received_, expected_.size()));
    received_ += part.size();
    moved(now);
    if (expected.substr(0, part.size()) == part && received_ <= sent_) {
      if (received_ == expected_.size()) life_->replied_s = plan_->seconds(now);
    } else {
      fail(Trouble::wrong_reply, "the reply is wrong: " + what_is_wrong(part, expected), now);
    }
  }

  // `expected` is all that was still to come.
  [[nodiscard]] std::string what_is_wrong(std::string_view part, std::string_view expected) const {
    const auto head = part.substr(0, expected.size());
    if (head != expected.substr(0, head.size())) {
      const auto in_place = expected.substr(0, head.size());
      const std::string other = expected_ == sentence_ ? capitals(sentence_) : sentence_;
      const bool other_service =
          head == std::string_view(other).substr(other.size() - expected.size(), head.size());
      const char* const hint = !other_service           ? ""
                               : expected_ == sentence_ ? " (--service upper?)"
                                                        : " (--service echo?)";
      return options::in_quotes(head) + " where " + options::in_quotes(in_place) + " was expected" + hint;
    }
    const std::string sizes = std::to_string(received_) + " bytes of ";
    if (received_ > expected_.size()) return "more came back than was sent, " + sizes + std::to_string(sent_);
    return sizes + std::to_string(expected_.size()) + " came before they were sent";
  }

  void closed(TimePoint now) {
    const std::string closed = "the server closed the connection ";
    if (sent_ < sentence_.size()) return fail(Trouble::closed, closed + "before the sentence was sent", now);
    if (received_ == 0) return fail(Trouble::no_reply, closed + "without a reply", now);
    if (received_ < expected_.size()) {
      return fail(Trouble::short_reply,
                  closed + "after " + std::to_string(received_) + " of " + std::to_string(expected_.size()) +
                      " bytes",
                  now);
    }
    end(now);
  }

  void broken(int error, TimePoint now) {
    const bool reset = error == ECONNRESET || error == EPIPE;
    fail(reset ? Trouble::reset : Trouble::broken, "the connection broke: " + posix::error_text(error), now);
  }

  void fail(Trouble trouble, std::string sentence, TimePoint now) {
    life_->replied_s.reset();  // if there was one, it was not the right one after all
    life_->failure = Failure{.trouble = trouble, .sentence = std::move(sentence)};
    end(now);
  }

  void end(TimePoint now) {
    life_->ended_s = plan_->seconds(now);
    fd_.reset();
  }

  const Plan* plan_;
  ClientLife* life_;
  UniqueFd fd_;
  std::string sentence_;
  std::string expected_;
  std::size_t address_ = 0;  // whose turn it is
  std::string failures_;     // of the addresses before
  bool timed_out_ = false;   // one of them did not answer
  std::size_t sent_ = 0;
  std::size_t received_ = 0;
  std::optional<TimePoint> hold_until_;          // set: it holds its connection
  std::optional<TimePoint> give_up_connecting_;  // to all addresses
  std::optional<TimePoint> give_up_;             // what it waits for now
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
      show(watcher);
      next_frame = posix::Clock::now() + frame_time;
    }
    // With a ready socket ppoll returns without delivering what is pending. It would be fatal once the
    // signals mean again what they meant before.
    const timespec at_once{};
    ::ppoll(nullptr, 0, &at_once, &signals.mask_outside);
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
                         [](const Client& client) { return !client.ended(); });
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
  Plan plan_;
  Timeline timeline_;
  std::vector<Client> clients_;
  std::size_t started_ = 0;
  std::vector<pollfd> polled_;    // of those that have not ended
  std::vector<Client*> waiting_;  // whose it is
};

}  // namespace

CrowdResult run_crowd(const ClientOptions& options, const std::vector<SocketAddress>& addresses,
                      const Watcher& watcher) {
  posix::raise_descriptor_limit();
  return Crowd(options, addresses).run(watcher);
}

}  // namespace tcpserver::client
