/* smtphold: opens sessions one after the other, says EHLO in each, and then holds them and says nothing more.
 *
 * Prints {"held": N} when all are open, then waits until its standard input is closed or --timeout is over. Ends with
 * status 1 when a session was refused; what the server said goes to standard error.
 */
#include "common.h"

#include <poll.h>

/* Read a whole reply; returns its code. A server that is silent for ten seconds has refused. */
static long read_reply(int socket) {
    char input[8192];
    size_t held = 0;
    for (;;) {
        ssize_t got = recv(socket, input + held, sizeof input - 1 - held, 0);
        if (got <= 0) return 0;
        held += (size_t)got;
        input[held] = 0;
        char *line = input, *end;
        while ((end = strchr(line, '\n'))) {
            if (end - line >= 4 && line[3] == ' ') {
                long code = strtol(line, NULL, 10);
                if (code / 100 != 2) fprintf(stderr, "%.*s\n", (int)(end - line), line);
                return code;
            }
            line = end + 1;
        }
        if (held == sizeof input - 1) return 0;
    }
}

static bool hold_one(const struct sockaddr_in *address) {
    static const char hello[] = "EHLO hold.test\r\n";
    int held = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct timeval patience = {.tv_sec = 10};
    if (held < 0) die("socket: %s", strerror(errno));
    setsockopt(held, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    if (connect(held, (const struct sockaddr *)address, sizeof *address)) die("connect: %s", strerror(errno));
    return read_reply(held) == 220 && send(held, hello, sizeof hello - 1, MSG_NOSIGNAL) > 0 && read_reply(held) == 250;
}

int main(int argc, char **argv) {
    static const struct option names[] = {
        {"port", required_argument, NULL, 'p'},
        {"sessions", required_argument, NULL, 's'},
        {"timeout", required_argument, NULL, 't'},
        {NULL, 0, NULL, 0},
    };
    long port = 0, sessions = 1, timeout = 300;
    for (int option; (option = getopt_long(argc, argv, "", names, NULL)) != -1;) {
        switch (option) {
        case 'p': port = number("port", optarg, 1, 65535); break;
        case 's': sessions = number("sessions", optarg, 1, 20000); break;
        case 't': timeout = number("timeout", optarg, 1, 86400); break;
        default: die("usage: smtphold --port N [--sessions N] [--timeout SECONDS]");
        }
    }
    if (!port) die("--port is needed");
    die_with_parent();
    allow_files();
    alarm((unsigned)timeout);
    struct sockaddr_in address = loopback("127.0.0.1", port);
    for (long held = 0; held < sessions; held++)
        if (!hold_one(&address)) die("session %ld of %ld was refused", held + 1, sessions);
    printf("{\"held\": %ld}\n", sessions);
    fflush(stdout);
    struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
    poll(&input, 1, -1);
    return 0;
}
