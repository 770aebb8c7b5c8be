/* smtpsink: accepts every message and discards it, as fast as one core can.
 *
 * The end of a relay benchmark. It speaks EHLO, HELO, MAIL, RCPT, DATA, RSET, NOOP, QUIT with PIPELINING, 8BITMIME and
 * SIZE, and counts what it acknowledged. The first line on standard output is {"port": N}; the last, at the end of
 * its life, is the whole count. With --count-file the count can be read at any time: four little-endian 64-bit numbers,
 * messages, distinct messages (by the number that smtpload writes into Message-ID), octets of content, connections.
 */
#include "common.h"

#include <sys/mman.h>

enum { INPUT = 65536, HEADER = 4096, OUTPUT = 16384, EVENTS = 256 };

struct count {
    uint64_t messages, distinct, octets, connections;
};

struct session {
    int socket;
    bool in_content, closing;
    size_t held, header_held, out_held;
    uint64_t octets;
    char input[INPUT + 1], header[HEADER + 1], out[OUTPUT];
};

static struct count *count;
static uint8_t *seen; /* one bit for each message number */
static long seen_limit;
static volatile sig_atomic_t asked_to_stop;

static void stop(int signal_number) { (void)signal_number; asked_to_stop = 1; }

static void reply(struct session *session, const char *text) {
    size_t length = strlen(text);
    /* More replies than this without reading one is no client but an attack; the buffer bounds what we owe. */
    if (session->out_held + length > OUTPUT) { session->closing = true; return; }
    memcpy(session->out + session->out_held, text, length);
    session->out_held += length;
}

/* Note the number in "Message-ID: <load.N@": a message relayed twice is not two messages. */
static void note_message(struct session *session) {
    session->header[session->header_held] = 0;
    const char *found = memmem(session->header, session->header_held, "<load.", 6);
    if (found) {
        long serial = strtol(found + 6, NULL, 10);
        if (serial >= 0 && serial < seen_limit && !(seen[serial / 8] & (1 << serial % 8))) {
            seen[serial / 8] |= (uint8_t)(1 << serial % 8);
            count->distinct++;
        }
    }
    count->messages++;
    count->octets += session->octets;
}

static void keep_header(struct session *session, const char *content, size_t length) {
    size_t room = HEADER - session->header_held;
    if (length > room) length = room;
    memcpy(session->header + session->header_held, content, length);
    session->header_held += length;
}

static void command(struct session *session, const char *line, size_t length) {
    static const struct { const char *verb, *answer; } answers[] = {
        {"EHLO", "250-sink.test\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 SIZE 104857600\r\n"},
        {"HELO", "250 sink.test\r\n"},
        {"MAIL", "250 sender ok\r\n"},
        {"RCPT", "250 recipient ok\r\n"},
        {"DATA", "354 go on\r\n"},
        {"RSET", "250 ok\r\n"},
        {"NOOP", "250 ok\r\n"},
        {"QUIT", "221 bye\r\n"},
    };
    for (size_t i = 0; i < COUNT(answers); i++) {
        if (length < 4 || strncasecmp(line, answers[i].verb, 4)) continue;
        reply(session, answers[i].answer);
        if (i == 4) { session->in_content = true; session->octets = 0; session->header_held = 0; }
        if (i == 7) session->closing = true;
        return;
    }
    reply(session, "500 what?\r\n");
}

/* Take what is complete out of the input; keep the rest for the next read. */
static void consume(struct session *session) {
    size_t at = 0;
    while (!session->closing) {
        char *start = session->input + at;
        size_t length = session->held - at;
        if (session->in_content) {
            /* The CRLF of the DATA line is still at the start, so a dot in the first line is found too. */
            char *end = memmem(start, length, "\r\n.\r\n", 5);
            if (!end) {
                size_t done = length > 4 ? length - 4 : 0;
                keep_header(session, start, done);
                session->octets += done;
                at += done;
                break;
            }
            size_t done = (size_t)(end - start);
            keep_header(session, start, done);
            session->octets += done;
            session->in_content = false;
            at += done + 5;
            note_message(session);
            reply(session, "250 taken\r\n");
        } else {
            char *end = memchr(start, '\n', length);
            if (!end) {
                if (length == INPUT) session->closing = true;
                break;
            }
            size_t line = (size_t)(end - start) + 1;
            command(session, start, line);
            at += line;
            if (session->in_content) at -= line >= 2 && end[-1] == '\r' ? 2 : 0;
        }
    }
    memmove(session->input, session->input + at, session->held - at);
    session->held -= at;
}

static void close_session(struct session *session) {
    close(session->socket);
    free(session);
}

/* Write what is owed. A client that does not read its few replies is dropped rather than waited for. */
static bool flush(struct session *session) {
    while (session->out_held) {
        ssize_t written = send(session->socket, session->out, session->out_held, MSG_NOSIGNAL);
        if (written <= 0) return false;
        memmove(session->out, session->out + written, session->out_held - (size_t)written);
        session->out_held -= (size_t)written;
    }
    return true;
}

static void serve(struct session *session) {
    ssize_t got = recv(session->socket, session->input + session->held, INPUT - session->held, 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (got > 0) {
        session->held += (size_t)got;
        consume(session);
        if (flush(session) && !session->closing) return;
    }
    close_session(session);
}

static void accept_all(int listener, int epoll) {
    for (;;) {
        int socket = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (socket < 0) return;
        struct session *session = calloc(1, sizeof *session);
        if (!session) die("out of memory");
        session->socket = socket;
        int yes = 1;
        setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = session};
        count->connections++;
        reply(session, "220 sink.test ESMTP sink\r\n");
        if (!flush(session) || epoll_ctl(epoll, EPOLL_CTL_ADD, socket, &event)) close_session(session);
    }
}

static struct count *count_in(const char *path) {
    int flags = MAP_SHARED, file = -1;
    if (path) {
        file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
        if (file < 0 || ftruncate(file, sizeof(struct count))) die("%s: %s", path, strerror(errno));
    } else {
        flags |= MAP_ANONYMOUS;
    }
    void *memory = mmap(NULL, sizeof(struct count), PROT_READ | PROT_WRITE, flags, file, 0);
    if (memory == MAP_FAILED) die("mmap: %s", strerror(errno));
    memset(memory, 0, sizeof(struct count));
    return memory;
}

int main(int argc, char **argv) {
    static const struct option options[] = {
        {"host", required_argument, NULL, 'h'},    {"port", required_argument, NULL, 'p'},
        {"expect", required_argument, NULL, 'e'},  {"count-file", required_argument, NULL, 'c'},
        {"timeout", required_argument, NULL, 't'}, {NULL, 0, NULL, 0},
    };
    const char *host = "127.0.0.1", *path = NULL;
    long port = 0, expected = 0, timeout = 600;
    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        switch (option) {
        case 'h': host = optarg; break;
        case 'p': port = number("port", optarg, 0, 65535); break;
        case 'e': expected = number("expect", optarg, 0, 100000000); break;
        case 'c': path = optarg; break;
        case 't': timeout = number("timeout", optarg, 1, 86400); break;
        default:
            die("usage: smtpsink [--host ADDRESS] [--port N] [--expect MESSAGES] [--count-file PATH] [--timeout SECONDS]");
        }
    }
    die_with_parent();
    allow_files();
    struct sigaction action = {.sa_handler = stop};
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);

    count = count_in(path);
    seen_limit = 16 * 1024 * 1024;
    seen = calloc(1, (size_t)seen_limit / 8);
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), yes = 1;
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    struct sockaddr_in address = loopback(host, port);
    socklen_t length = sizeof address;
    if (!seen || bind(listener, (struct sockaddr *)&address, length) || listen(listener, 4096) ||
        getsockname(listener, (struct sockaddr *)&address, &length))
        die("cannot listen on %s:%ld: %s", host, port, strerror(errno));
    printf("{\"port\": %d}\n", ntohs(address.sin_port));
    fflush(stdout);

    int epoll = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL}, events[EVENTS];
    epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event);
    double deadline = now() + (double)timeout, left;
    bool reached = false;
    while (!asked_to_stop && !reached && (left = deadline - now()) > 0) {
        int ready = epoll_wait(epoll, events, EVENTS, left > 60 ? 60000 : (int)(left * 1000) + 1);
        for (int i = 0; i < ready; i++) {
            if (events[i].data.ptr) serve(events[i].data.ptr);
            else accept_all(listener, epoll);
        }
        reached = expected && count->messages >= (uint64_t)expected;
    }
    printf("{\"messages\": %llu, \"distinct\": %llu, \"octets\": %llu, \"connections\": %llu, \"cpu_seconds\": %.3f, "
           "\"timed_out\": %s}\n",
           (unsigned long long)count->messages, (unsigned long long)count->distinct, (unsigned long long)count->octets,
           (unsigned long long)count->connections, cpu_seconds(), !asked_to_stop && !reached ? "true" : "false");
    return 0;
}
