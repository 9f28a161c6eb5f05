/* A baseline for the benchmark: accept, fork and echo, without error messages, limits or a sandbox.
 * floor PORT [reap] listens on 127.0.0.1. The kernel discards ended children, which is cheapest. With "reap" a
 * handler waits for them, so that the kernel adds their page faults to the parent's counters. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static char buffer[256 * 1024];

static void reap(int signal) {
  (void)signal;
  while (waitpid(-1, NULL, WNOHANG) > 0) {
  }
}

static void echo(int connection) {
  ssize_t count;
  while ((count = read(connection, buffer, sizeof buffer)) > 0) {
    for (ssize_t sent = 0; sent < count;) {
      ssize_t part = write(connection, buffer + sent, (size_t)(count - sent));
      if (part <= 0) _exit(1);
      sent += part;
    }
  }
  _exit(0);
}

static int listen_on(const char* port) {
  struct sockaddr_in address = {.sin_family = AF_INET,
                                .sin_port = htons((in_port_t)atoi(port)),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  int on = 1;
  int listener = socket(AF_INET, SOCK_STREAM, 0);
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind(listener, (struct sockaddr*)&address, sizeof address) != 0 || listen(listener, 4096) != 0)
    _exit(69);
  return listener;
}

int main(int count, char** arguments) {
  if (count < 2) return 64;
  int listener = listen_on(arguments[1]);
  struct sigaction at_end = {.sa_handler = count > 2 ? reap : SIG_IGN, .sa_flags = SA_RESTART};
  sigaction(SIGCHLD, &at_end, NULL);
  for (;;) {
    int connection = accept(listener, NULL, NULL);
    if (connection < 0) continue;
    if (fork() == 0) {
      close(listener);
      echo(connection);
    }
    close(connection);
  }
}
