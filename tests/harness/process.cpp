#include "harness/process.hpp"

#include "tcpserver/base/process.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <sstream>
#include <stdexcept>
#include <thread>

namespace harness {

bool eventually(const std::function<bool()>& condition, Clock::duration limit) {
  const auto deadline = Clock::now() + limit;
  while (!condition()) {
    if (Clock::now() >= deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return true;
}

using tcpserver::base::UniqueFd;

namespace {

// Creates a file with this text. A pipe would block if the text is larger than its buffer.
UniqueFd file_with(const std::string& text) {
  UniqueFd file(::memfd_create("input", MFD_CLOEXEC));
  if (::pwrite(file.get(), text.data(), text.size(), 0) != static_cast<ssize_t>(text.size())) {
    throw std::runtime_error("cannot write the input of a test program");
  }
  return file;
}

std::vector<char*> pointers(const std::vector<std::string>& texts) {
  std::vector<char*> result;
  for (const auto& text : texts) result.push_back(const_cast<char*>(text.c_str()));
  result.push_back(nullptr);
  return result;
}

std::vector<std::string> environment_with(const std::vector<std::string>& added) {
  std::vector<std::string> result = added;
  const std::string log_time = "TCPSERVER_LOG_TIME=";  // off, so that tests can compare lines
  if (std::none_of(added.begin(), added.end(), [&](const auto& one) { return one.starts_with(log_time); }))
    result.push_back(log_time + "off");
  for (const char* name : {"PATH", "HOME", "ASAN_OPTIONS", "UBSAN_OPTIONS", "TERM"}) {
    if (const char* value = std::getenv(name)) result.push_back(std::string(name) + "=" + value);
  }
  return result;
}

[[noreturn]] void execute(const std::vector<std::string>& command, const SpawnOptions& options,
                          std::array<int, 3> standard) {
  if (options.terminal_fd >= 0) {
    standard.fill(options.terminal_fd);
    ::setsid();
    ::ioctl(options.terminal_fd, TIOCSCTTY, 0);
  }
  for (int fd = 0; fd < 3; ++fd) ::dup2(standard[static_cast<std::size_t>(fd)], fd);
  constexpr int out_of_the_way = 500;
  int next = STDERR_FILENO + 1;
  auto inherited = options.inherited;
  for (int& fd : inherited) fd = ::fcntl(fd, F_DUPFD, out_of_the_way);
  for (const int fd : inherited) ::dup2(fd, next++);
  tcpserver::base::close_from(next);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  // Signals may be ignored if the test run itself is in the background or under nohup.
  for (const int signal : {SIGPIPE, SIGINT, SIGQUIT, SIGHUP, SIGTERM}) ::signal(signal, SIG_DFL);
  const auto environment = environment_with(options.environment);
  ::execvpe(command.front().c_str(), pointers(command).data(), pointers(environment).data());
  ::_exit(127);
}

// Creates a pipe. Sets `reader` to its read end and returns its write end.
UniqueFd pipe_to(UniqueFd& reader) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) throw std::runtime_error("pipe2");
  reader = UniqueFd(ends[0]);
  return UniqueFd(ends[1]);
}

}  // namespace

Process::Process(const std::vector<std::string>& command, const SpawnOptions& options) {
  const auto input = file_with(options.input);
  const auto output = pipe_to(output_fd_);
  const auto errors = pipe_to(errors_fd_);
  const auto either = [](int given, const UniqueFd& own) { return given >= 0 ? given : own.get(); };
  pid_ = ::fork();
  if (pid_ < 0) throw std::runtime_error("fork");
  if (pid_ > 0) return;
  execute(command, options,
          {either(options.input_fd, input), either(options.output_fd, output),
           either(options.errors_fd, errors)});
}

Process::~Process() {
  if (ending_) return;
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
}

bool Process::read_until(UniqueFd& fd, std::string& text, const Stop& stop) {
  const auto deadline = Clock::now() + patience;
  while (!stop(text)) {
    if (!fd || Clock::now() >= deadline) return false;
    read_available(fd, text, 100);
  }
  return true;
}

void Process::read_available(UniqueFd& fd, std::string& text, int milliseconds) {
  if (!fd) return;
  pollfd polled{.fd = fd.get(), .events = POLLIN, .revents = 0};
  if (::poll(&polled, 1, milliseconds) <= 0) return;
  std::array<char, 65536> part{};
  const ssize_t count = ::read(fd.get(), part.data(), part.size());
  if (count > 0) {
    text.append(part.data(), static_cast<std::size_t>(count));
  } else {
    fd.reset();
  }
}

bool Process::running() {
  if (ending_) return false;
  int status = 0;
  if (::waitpid(pid_, &status, WNOHANG) != pid_) return true;
  ending_ = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  return false;
}

Ending Process::wait() {
  const auto deadline = Clock::now() + patience;
  while (running()) {
    if (Clock::now() >= deadline) ::kill(pid_, SIGKILL);
    read_available(output_fd_, output_, 1);
    read_available(errors_fd_, errors_, 1);
  }
  // Read the rest without waiting for the end: children of the program may still hold the pipes open.
  std::size_t before = 0;
  do {
    before = output_.size() + errors_.size();
    read_available(output_fd_, output_, 0);
    read_available(errors_fd_, errors_, 0);
  } while (output_.size() + errors_.size() != before);
  return *ending_;
}

const std::string& Process::output() {
  read_available(output_fd_, output_, 0);
  return output_;
}

const std::string& Process::errors() {
  read_available(errors_fd_, errors_, 0);
  return errors_;
}

Finished run(const std::vector<std::string>& command, const SpawnOptions& options) {
  Process process(command, options);
  const Ending ending = process.wait();
  return {ending, process.output(), process.errors()};
}

PublicCopy::PublicCopy(const std::string& program)
    : path_(directory_.path() + "/" + std::filesystem::path(program).filename().string()) {
  std::filesystem::copy_file(program, path_);
  ::chmod(directory_.path().c_str(), 0755);
  ::chmod(path_.c_str(), 0755);
}

std::vector<std::string> PublicCopy::as_user(const std::string& user, const std::string& group) const {
  return {"setpriv", "--reuid=" + user, "--regid=" + group, "--clear-groups", path_};
}

std::string find_command(const std::string& name) {
  const char* path = std::getenv("PATH");
  std::istringstream directories(path == nullptr ? "/usr/bin:/bin" : path);
  for (std::string directory; std::getline(directories, directory, ':');) {
    const std::string candidate = directory + "/" + name;
    if (::access(candidate.c_str(), X_OK) == 0) return candidate;
  }
  return "";
}

}  // namespace harness
