#include "client/compared_client.hpp"

#include "tcpserver/base/io.hpp"
#include "tcpserver/base/system_error.hpp"
#include "tcpserver/base/values.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>

namespace tcpserver::client {

namespace {

using base::SocketAddress;
using base::TimePoint;
using base::UniqueFd;

std::string capitals(std::string text) {
  for (char& byte : text) byte = base::reply_to(base::Verb::upper, byte);
  return text;
}

std::string sentence_of(const ClientOptions& options, std::uint32_t id) {
  return options.message.value_or("sentence of client " + std::to_string(id)) + "\n";
}

}  // namespace

ComparedClient::ComparedClient(const RunPlan& plan, ClientLife& life, UniqueFd fd)
    : plan_(&plan), life_(&life), fd_(std::move(fd)), sentence_(sentence_of(plan.options, life.id)) {
  const bool upper = plan.options.service.value_or(base::services[0]).verb == base::Verb::upper;
  expected_ = upper ? capitals(sentence_) : sentence_;
}

void ComparedClient::start() {
  const auto now = base::Clock::now();
  life_->started_s = plan_->seconds(now);
  if (plan_->options.timeout) give_up_connecting_ = now + *plan_->options.timeout;
  connect(now);
}

// Tells the engine. False with errno.
bool ComparedClient::watch(ConnectionEngine::Want want) {
  if (watched_ == want) return true;
  const std::uint32_t slot = life_->id - 1;
  const bool done =
      watched_ ? plan_->engine.change(fd_.get(), slot, want) : plan_->engine.watch(fd_.get(), slot, want);
  if (done) watched_ = want;
  return done;
}

void ComparedClient::step(bool ready, bool readable, TimePoint now) {
  if (!life_->connected_s) {
    if (ready) return finish_connecting(now);
    if (give_up_ && now >= *give_up_) connect_failed(ETIMEDOUT, now);
    return;
  }
  if (readable && !receive(now)) return;
  if (holding() && now >= *hold_until_) {
    hold_until_.reset();
    moved(now);
  }
  if (!holding() && sent_ < sentence_.size()) send(now);
  if (!ended() && !holding() && give_up_ && now >= *give_up_) {
    give_up_waiting(now);
  }
}

void ComparedClient::give_up_waiting(TimePoint now) {
  const std::string limit = base::duration_text(*plan_->options.timeout);
  fail(Trouble::timed_out,
       life_->replied_s ? "timed out: the server replied, and did not close for " + limit
                        : "timed out: nothing from the server for " + limit,
       now);
}

void ComparedClient::moved(TimePoint now) {
  if (plan_->options.timeout) give_up_ = now + *plan_->options.timeout;
}

// The address that is its turn. Each gets its even share of the time that is left.
void ComparedClient::connect(TimePoint now) {
  life_->dialled_s = plan_->seconds(now);
  const auto& address = plan_->addresses[address_];
  if (give_up_connecting_) {
    const auto rest = plan_->addresses.size() - address_;
    give_up_ = now + *base::time_left(give_up_connecting_) / rest;
  }
  if (!fd_) fd_ = open_socket(address);
  if (!fd_) return connect_failed(errno, now);
  if (const int error = start_connect(fd_.get(), address, nullptr); error != 0)
    return connect_failed(error, now);
  if (!watch(ConnectionEngine::Want::read_and_write)) connect_failed(errno, now);
}

void ComparedClient::finish_connecting(TimePoint now) {
  int error = 0;
  socklen_t size = sizeof error;
  if (::getsockopt(fd_.get(), SOL_SOCKET, SO_ERROR, &error, &size) != 0) error = errno;
  if (error != 0) return connect_failed(error, now);
  connected(now);
}

void ComparedClient::connected(TimePoint now) {
  life_->connected_s = plan_->seconds(now);
  moved(now);
  if (life_->slow) {
    hold_until_ = now + plan_->options.delay;
    if (!watch(ConnectionEngine::Want::read)) broken(errno, now);
  } else {
    send(now);
  }
}

void ComparedClient::connect_failed(int error, TimePoint now) {
  fd_.reset();
  watched_.reset();
  timed_out_ = timed_out_ || error == ETIMEDOUT;
  failures_ +=
      (failures_.empty() ? "" : "; ") + plan_->addresses[address_].text() + ": " + base::error_text(error);
  ++address_;
  if (address_ < plan_->addresses.size()) return connect(now);
  const auto trouble = timed_out_              ? Trouble::timed_out
                       : error == ECONNREFUSED ? Trouble::refused
                                               : Trouble::not_connected;
  fail(trouble, "cannot connect to " + failures_, now);
}

void ComparedClient::send(TimePoint now) {
  const ssize_t count = ::send(fd_.get(), sentence_.data() + sent_, sentence_.size() - sent_, MSG_NOSIGNAL);
  if (count < 0) {
    if (!base::would_block(errno) || !watch(ConnectionEngine::Want::read_and_write)) broken(errno, now);
    return;
  }
  sent_ += static_cast<std::size_t>(count);
  const auto after = base::Clock::now();
  moved(after);
  const bool all = sent_ == sentence_.size();
  if (!watch(all ? ConnectionEngine::Want::read : ConnectionEngine::Want::read_and_write))
    return broken(errno, now);
  if (!all) return;
  ::shutdown(fd_.get(), SHUT_WR);  // ENOTCONN: the reset shows in the next read
  life_->sent_s = plan_->seconds(after);
}

// False where this was the end.
bool ComparedClient::receive(TimePoint now) {
  std::array<char, 16UL * 1024> buffer;
  const ssize_t count = ::recv(fd_.get(), buffer.data(), buffer.size(), 0);
  if (count < 0 && base::would_block(errno)) return true;
  if (count < 0) {
    broken(errno, now);
  } else if (count == 0) {
    closed(now);
  } else {
    compare({buffer.data(), static_cast<std::size_t>(count)}, now);
  }
  return !ended();
}

void ComparedClient::compare(std::string_view part, TimePoint now) {
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
std::string ComparedClient::what_is_wrong(std::string_view part, std::string_view expected) const {
  const auto head = part.substr(0, expected.size());
  if (head != expected.substr(0, head.size())) {
    const auto in_place = expected.substr(0, head.size());
    const std::string other = expected_ == sentence_ ? capitals(sentence_) : sentence_;
    const bool other_service =
        head == std::string_view(other).substr(other.size() - expected.size(), head.size());
    const char* const hint = !other_service           ? ""
                             : expected_ == sentence_ ? " (--service upper?)"
                                                      : " (--service echo?)";
    return base::in_quotes(head) + " where " + base::in_quotes(in_place) + " was expected" + hint;
  }
  const std::string sizes = std::to_string(received_) + " bytes of ";
  if (received_ > expected_.size()) return "more came back than was sent, " + sizes + std::to_string(sent_);
  return sizes + std::to_string(expected_.size()) + " came before they were sent";
}

void ComparedClient::closed(TimePoint now) {
  const std::string closed = "the server closed the connection ";
  if (sent_ < sentence_.size()) return fail(Trouble::closed, closed + "before the sentence was sent", now);
  if (received_ == 0) return fail(Trouble::no_reply, closed + "without a reply", now);
  if (received_ < expected_.size()) {
    return fail(
        Trouble::short_reply,
        closed + "after " + std::to_string(received_) + " of " + std::to_string(expected_.size()) + " bytes",
        now);
  }
  end(now);
}

void ComparedClient::broken(int error, TimePoint now) {
  const bool reset = error == ECONNRESET || error == EPIPE;
  fail(reset ? Trouble::reset : Trouble::broken, "the connection broke: " + base::error_text(error), now);
}

void ComparedClient::fail(Trouble trouble, std::string sentence, TimePoint now) {
  life_->replied_s.reset();  // if there was one, it was not the right one after all
  life_->failure = Failure{.trouble = trouble, .sentence = std::move(sentence)};
  end(now);
}

void ComparedClient::end(TimePoint now) {
  life_->ended_s = plan_->seconds(now);
  fd_.reset();
}

}  // namespace tcpserver::client
