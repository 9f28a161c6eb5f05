#include "harness/process.hpp"

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

namespace {

std::array<int, 2> make_pipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) throw std::runtime_error("pipe2");
  return ends;
}

// A file that holds the text: a pipe would block on what is larger than its buffer.
int file_with(const std::string& text) {
  const int fd = ::memfd_create("input", MFD_CLOEXEC);
  std::size_t done = 0;
  while (done < text.size()) {
    const ssize_t count = ::write(fd, text.data() + done, text.size() - done);
    if (count <= 0) throw std::runtime_error("cannot write the input of a test program");
    done += static_cast<std::size_t>(count);
  }
  ::lseek(fd, 0, SEEK_SET);
  return fd;
}

std::vector<char*> pointers(const std::vector<std::string>& texts) {
  std::vector<char*> result;
  for (const auto& text : texts) result.push_back(const_cast<char*>(text.c_str()));
  result.push_back(nullptr);
  return result;
}

std::vector<std::string> environment_with(const std::vector<std::string>& added) {
  std::vector<std::string> result = added;
  for (const char* name : {"PATH", "HOME", "ASAN_OPTIONS", "UBSAN_OPTIONS", "TERM"}) {
    if (const char* value = std::getenv(name)) result.push_back(std::string(name) + "=" + value);
  }
  return result;
}

[[noreturn]] void become(const std::vector<std::string>& command, const SpawnOptions& options, int in,
                         int out, int err) {
  if (options.terminal_fd >= 0) {
    in = out = err = options.terminal_fd;
    ::setsid();
    ::ioctl(in, TIOCSCTTY, 0);
  }
  ::dup2(in, 0);
  ::dup2(out, 1);
  ::dup2(err, 2);
  // What the test itself has inherited is no part of what it tests.
  for (int fd = STDERR_FILENO + 1; fd < 1024; ++fd) ::close(fd);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  // A test run may itself be in the background, with SIGINT ignored, or under nohup.
  for (const int signal : {SIGPIPE, SIGINT, SIGQUIT, SIGHUP, SIGTERM}) ::signal(signal, SIG_DFL);
  const auto environment = environment_with(options.environment);
  ::execvpe(command.front().c_str(), pointers(command).data(), pointers(environment).data());
  ::_exit(127);
}

}  // namespace

Process::Process(const std::vector<std::string>& command, const SpawnOptions& options) {
  const auto out = make_pipe();
  const auto err = make_pipe();
  const int in = options.input_fd >= 0 ? options.input_fd : file_with(options.input);
  pid_ = ::fork();
  if (pid_ == 0) {
    become(command, options, in, options.output_fd >= 0 ? options.output_fd : out[1],
           options.errors_fd >= 0 ? options.errors_fd : err[1]);
  }
  if (in != options.input_fd) ::close(in);
  ::close(out[1]);
  ::close(err[1]);
  output_fd_ = out[0];
  errors_fd_ = err[0];
  if (pid_ < 0) throw std::runtime_error("fork");
}

Process::~Process() {
  if (!ending_) {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  if (output_fd_ >= 0) ::close(output_fd_);
  if (errors_fd_ >= 0) ::close(errors_fd_);
}

void Process::signal(int number) const {
  ::kill(pid_, number);
}

void Process::read_available(int& fd, std::string& text, int milliseconds) {
  if (fd < 0) return;
  pollfd polled{.fd = fd, .events = POLLIN, .revents = 0};
  if (::poll(&polled, 1, milliseconds) <= 0) return;
  std::array<char, 65536> part{};
  const ssize_t count = ::read(fd, part.data(), part.size());
  if (count > 0) {
    text.append(part.data(), static_cast<std::size_t>(count));
  } else {
    ::close(fd);
    fd = -1;
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
  // What is left in the pipes; children of the program may still hold them open, so no wait for their end.
  for (auto [fd, text] : {std::pair{&output_fd_, &output_}, std::pair{&errors_fd_, &errors_}}) {
    std::size_t before = 0;
    do {
      before = text->size();
      read_available(*fd, *text, 0);
    } while (text->size() != before);
  }
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
    : path_(folder_.path() + "/" + std::filesystem::path(program).filename().string()) {
  std::filesystem::copy_file(program, path_);
  ::chmod(folder_.path().c_str(), 0755);
  ::chmod(path_.c_str(), 0755);
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

void sleep_shortly() {
  std::this_thread::sleep_for(std::chrono::milliseconds(5));
}

}  // namespace harness
