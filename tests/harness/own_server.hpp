#pragma once

#include "harness/own_listener.hpp"

#include <unistd.h>

#include <functional>
#include <string>
#include <thread>

namespace harness {

// A server in the test: gives `answer` to each of a number of connections, one after the other.
class OwnServer {
 public:
  using Answer = std::function<void(int connection)>;
  OwnServer(int connections, const Answer& answer)
      : thread_([this, connections, answer] {
          for (int i = 0; i < connections; ++i) {
            const int connection = listener_.accept();
            answer(connection);
            ::close(connection);
          }
        }) {}
  [[nodiscard]] const std::string& port() const { return listener_.port(); }

 private:
  OwnListener listener_{50};
  std::jthread thread_;
};

// Reads until the end of the client.
inline std::string read_all(int connection) {
  std::string text;
  char byte = 0;
  while (::read(connection, &byte, 1) > 0) text += byte;
  return text;
}

}  // namespace harness
