/* smtpload: offers messages to a server over many sessions and measures what it acknowledges.
 *
 * A message counts only when its final dot got 250: that is the moment the server took responsibility for it
 * (RFC 5321 4.2.5). Prints one JSON object: throughput, latency of a transaction (from MAIL to the reply after the
 * dot), failures by reply code. With --rate the load is an open loop: each message is due at a fixed time, whatever the
 * server does, is given to a session that waits, and its latency counts from when it was due. Ends when every message was tried once, or at --timeout. Exit status 0: all accepted.
 */
#include "common.h"

#include <stddef.h>
#include <sys/timerfd.h>

enum { INPUT = 8192, COMMANDS = 2048, HEADER = 1024, EVENTS = 256, LOST = 0, CODES = 600, RAMP = 4 };

enum stage { CLOSED, CONNECTING, GREETING, EHLO, READY, MAIL, RCPT, DATA, DOT, RSET, QUIT };

struct session {
    int socket;
    enum stage stage;
    bool pipelining, claimed, follows, broken, wants_write;
    long serial, taken; /* message under way; messages taken on this connection */
    long next_serial;   /* when one `follows`: the message whose commands went out behind this one's final dot */
    double began, next_began;
    size_t held;
    char input[INPUT], commands[COMMANDS], header[HEADER];
    struct iovec out[3];
    int first, parts;
    struct session *next_ready;
};

static struct {
    const char *host, *domain, *sender, *helo;
    long port, sessions, messages, size, per_connection, recipients, timeout, first_serial, rate;
    bool pipelining, deep;
} options = {
    .host = "127.0.0.1", .domain = "example.org", .sender = "load@example.net", .helo = "load.test",
    .sessions = 1, .messages = 1000, .size = 1024, .recipients = 1, .timeout = 300,
};

static struct sockaddr_in address;
static char *body; /* the lines of every message, and the final dot */
static size_t body_length;
static int epoll;
static long next_serial, accepted, failed, open_sessions, started_sessions, ungreeted, failures[CODES], connections;
static bool server_pipelines = true;
static double *latencies, last_accepted;
static int timer = -1;        /* with --rate: fires when the next message is due */
static double first_due;      /* with --rate: when the first message is due; 0 until all sessions are ready */
static struct session *ready; /* with --rate: the sessions that wait for a message */
static long ready_sessions;

static void begin_message(struct session *session);

/* ---- writing ---- */

static void watch(struct session *session, bool wants_write) {
    if (session->wants_write == wants_write) return;
    session->wants_write = wants_write;
    struct epoll_event event = {.events = EPOLLIN | (wants_write ? (uint32_t)EPOLLOUT : 0), .data.ptr = session};
    epoll_ctl(epoll, EPOLL_CTL_MOD, session->socket, &event);
}

static void flush(struct session *session) {
    while (session->first < session->parts) {
        ssize_t written = writev(session->socket, session->out + session->first, session->parts - session->first);
        if (written < 0) {
            if (errno == EAGAIN) { watch(session, true); return; }
            if (errno == EINTR) continue;
            session->broken = true;
            return;
        }
        for (; session->first < session->parts && (size_t)written >= session->out[session->first].iov_len; session->first++)
            written -= (ssize_t)session->out[session->first].iov_len;
        if (session->first < session->parts) {
            session->out[session->first].iov_base = (char *)session->out[session->first].iov_base + written;
            session->out[session->first].iov_len -= (size_t)written;
        }
    }
    session->first = session->parts = 0;
    watch(session, false);
}

static void put(struct session *session, char *octets, size_t length) {
    if (session->parts == COUNT(session->out)) die("more is owed than the protocol allows");
    session->out[session->parts++] = (struct iovec){.iov_base = octets, .iov_len = length};
}

__attribute__((format(printf, 3, 4)))
static void say(struct session *session, enum stage stage, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(session->commands, COMMANDS, format, arguments);
    va_end(arguments);
    if (length >= COMMANDS) die("an address is too long");
    session->stage = stage;
    put(session, session->commands, (size_t)length);
    flush(session);
}

static long recipient_of(const struct session *session) { return session->serial % options.recipients; }

/* A whole group but for the content. RFC 2920 3.1: DATA is the last command of it, since its reply decides what follows. */
static size_t make_group(struct session *session, long serial) {
    int length = snprintf(session->commands, COMMANDS, "MAIL FROM:<%s>\r\nRCPT TO:<user%ld@%s>\r\nDATA\r\n",
                          options.sender, serial % options.recipients, options.domain);
    if (length >= COMMANDS) die("an address is too long");
    return (size_t)length;
}

/* With --deep the next message's group goes out behind the final dot of this one, in the same segment: one round trip
 * for each message. RFC 2920 3.1 lets commands follow the dot. */
static void follow(struct session *session) {
    if (!options.deep || !session->pipelining || next_serial >= options.messages) return;
    if (options.per_connection && session->taken + 1 >= options.per_connection) return;
    session->follows = true;
    session->next_serial = next_serial++;
    session->next_began = now();
    put(session, session->commands, make_group(session, session->next_serial));
}

static size_t make_header(struct session *session) {
    int length = snprintf(session->header, HEADER,
                          "From: <%s>\r\nTo: <user%ld@%s>\r\nSubject: load %ld\r\nMessage-ID: <load.%ld@%s>\r\n"
                          "Date: Mon, 01 Jan 2024 00:00:00 +0000\r\n\r\n",
                          options.sender, recipient_of(session), options.domain, session->serial,
                          options.first_serial + session->serial, options.helo);
    if (length >= HEADER) die("an address is too long");
    return (size_t)length;
}

static void send_content(struct session *session) {
    session->stage = DOT;
    put(session, session->header, make_header(session));
    put(session, body, body_length);
    follow(session);
    flush(session);
}

/* ---- connections ---- */

static void claim(struct session *session) {
    session->serial = next_serial++;
    session->claimed = true;
}

static void leave_ready(struct session *session) {
    struct session **link = &ready;
    while (*link && *link != session) link = &(*link)->next_ready;
    if (*link) { *link = session->next_ready; ready_sessions--; }
}

static void finish(struct session *session, long code) {
    if (!session->claimed) {
        /* A session that is lost while it waits costs a message too: so the number of attempts is bounded. */
        if (!options.rate || session->stage == QUIT || next_serial >= options.messages) return;
        claim(session);
    }
    session->claimed = false;
    failed++;
    failures[code >= 0 && code < CODES ? code : LOST]++;
    if (!session->follows) return;
    session->follows = false; /* the connection is given up, and what was behind is lost with it */
    failed++;
    failures[LOST]++;
}

static void disconnect(struct session *session) {
    if (session->stage == READY) leave_ready(session);
    if (session->stage == CONNECTING || session->stage == GREETING) ungreeted--;
    if (session->stage != CLOSED) { close(session->socket); open_sessions--; }
    session->stage = CLOSED;
}

/* Open a connection for the next message. The message is claimed first, so a refused connection is a failed message
 * and the number of attempts is bounded. */
static void open_connection(struct session *session) {
    while (next_serial < options.messages) {
        memset(session, 0, offsetof(struct session, input));
        session->first = session->parts = 0;
        if (!options.rate) claim(session);
        session->socket = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (session->socket < 0) die("socket: %s", strerror(errno));
        int yes = 1;
        setsockopt(session->socket, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = session};
        epoll_ctl(epoll, EPOLL_CTL_ADD, session->socket, &event);
        session->stage = CONNECTING;
        open_sessions++;
        ungreeted++;
        connections++;
        if (!connect(session->socket, (struct sockaddr *)&address, sizeof address) || errno == EINPROGRESS) {
            session->stage = GREETING;
            return;
        }
        finish(session, LOST);
        disconnect(session);
    }
}

/* Open the sessions a few at a time. Some servers listen with a backlog of five, and a connection that the kernel drops
 * there is tried again only after seconds, which would measure the kernel and not the server. */
static void start_sessions(struct session *sessions) {
    while (started_sessions < options.sessions && ungreeted < RAMP && next_serial < options.messages)
        open_connection(&sessions[started_sessions++]);
}

/* ---- the dialogue ---- */

static double due(long serial) { return first_due + (double)serial / (double)options.rate; }

static void begin_message(struct session *session) {
    if (!session->claimed) {
        bool full = options.per_connection && session->taken >= options.per_connection;
        if (full || next_serial >= options.messages) { say(session, QUIT, "QUIT\r\n"); return; }
        if (options.rate && (!first_due || due(next_serial) > now())) {
            session->stage = READY;
            session->next_ready = ready;
            ready = session;
            ready_sessions++;
            return;
        }
        claim(session);
    }
    session->began = options.rate ? due(session->serial) : now();
    if (session->pipelining) {
        session->stage = MAIL;
        put(session, session->commands, make_group(session, session->serial));
        flush(session);
    } else
        say(session, MAIL, "MAIL FROM:<%s>\r\n", options.sender);
}

/* The message that followed is the one under way now. */
static void go_on(struct session *session) {
    session->follows = false;
    session->claimed = true;
    session->serial = session->next_serial;
    session->began = session->next_began;
    session->stage = MAIL;
}

/* The reply that each stage hopes for, by its first digit. */
static bool expected(enum stage stage, long code) {
    switch (stage) {
    case DATA: return code == 354;
    case DOT: return code == 250;
    default: return code / 100 == 2;
    }
}

static void refused(struct session *session, long code) {
    finish(session, code);
    /* After a refusal in a pipelined group the replies to the rest are still to come, and DATA may even have been
     * accepted; a new connection is the plain way out. */
    if (code == 421 || session->stage <= EHLO || session->pipelining) session->broken = true;
    else say(session, RSET, "RSET\r\n");
}

static void on_reply(struct session *session, long code) {
    if (session->stage == QUIT) { session->broken = true; return; }
    if (!expected(session->stage, code)) { refused(session, code); return; }
    switch (session->stage) {
    case GREETING:
        ungreeted--;
        say(session, EHLO, "EHLO %s\r\n", options.helo);
        break;
    case EHLO:
        if (options.pipelining && !session->pipelining) server_pipelines = false;
        if (!options.pipelining) session->pipelining = false;
        begin_message(session);
        break;
    case MAIL:
        if (session->pipelining) session->stage = RCPT;
        else say(session, RCPT, "RCPT TO:<user%ld@%s>\r\n", recipient_of(session), options.domain);
        break;
    case RCPT:
        if (session->pipelining) session->stage = DATA;
        else say(session, DATA, "DATA\r\n");
        break;
    case DATA: send_content(session); break;
    case DOT:
        last_accepted = now();
        latencies[accepted++] = last_accepted - session->began;
        session->claimed = false;
        session->taken++;
        if (session->follows) go_on(session);
        else begin_message(session);
        break;
    case RSET: begin_message(session); break;
    default: die("a reply without a command");
    }
}

static void on_line(struct session *session, const char *line, size_t length) {
    char code[4] = {0};
    if (length < 3) { session->broken = true; return; }
    memcpy(code, line, 3);
    if (session->stage == EHLO && length >= 14 && !strncasecmp(line + 4, "PIPELINING", 10)) session->pipelining = true;
    if (length > 3 && line[3] == '-') return;
    on_reply(session, strtol(code, NULL, 10));
}

static void on_readable(struct session *session) {
    ssize_t got = recv(session->socket, session->input + session->held, INPUT - session->held, 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (got <= 0) { session->broken = true; return; }
    session->held += (size_t)got;
    size_t at = 0;
    char *end;
    while (!session->broken && (end = memchr(session->input + at, '\n', session->held - at))) {
        char *line = session->input + at;
        at = (size_t)(end - session->input) + 1;
        on_line(session, line, (size_t)(end - line) + 1);
    }
    memmove(session->input, session->input + at, session->held - at);
    session->held -= at;
    if (session->held == INPUT) session->broken = true;
}

/* Give what is due to the sessions that wait; when nothing is left they quit. */
static void give_out(void) {
    if (!first_due) {
        if (!open_sessions || ready_sessions < open_sessions || started_sessions < options.sessions) return;
        first_due = now();
    }
    while (ready && (next_serial >= options.messages || due(next_serial) <= now())) {
        struct session *session = ready;
        leave_ready(session);
        begin_message(session);
    }
    /* What is due already goes to the next session that gets ready, which needs no timer. */
    double left = next_serial < options.messages ? due(next_serial) - now() : 0;
    struct itimerspec when = {.it_value = {.tv_sec = 0}};
    if (left > 0) {
        when.it_value.tv_sec = (time_t)left;
        when.it_value.tv_nsec = (long)((left - (double)(time_t)left) * 1e9) + 1;
    }
    timerfd_settime(timer, 0, &when, NULL);
}

static void on_timer(void) {
    uint64_t fired;
    if (read(timer, &fired, sizeof fired) < 0 && errno != EAGAIN) die("timer: %s", strerror(errno));
}

static void on_event(struct session *session, uint32_t events) {
    if (!session) { on_timer(); return; }
    if (session->stage == CLOSED) return;
    if (events & EPOLLOUT) flush(session);
    if (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) on_readable(session);
    if (!session->broken) return;
    finish(session, LOST);
    disconnect(session);
    open_connection(session);
}

/* ---- the whole ---- */

/* Lines of 76 octets up to the wanted size, of which the header is a part. */
static void make_body(struct session *sample) {
    long header = (long)make_header(sample), left = options.size > header ? options.size - header : 2;
    body = malloc((size_t)left + 128);
    if (!body) die("out of memory");
    while (left > 0) {
        long line = left < 80 ? left : 78;
        long text = line > 2 ? line - 2 : 1;
        memset(body + body_length, 'x', (size_t)text);
        memcpy(body + body_length + text, "\r\n", 2);
        body_length += (size_t)text + 2;
        left -= text + 2;
    }
    memcpy(body + body_length, ".\r\n", 3);
    body_length += 3;
}

static int by_value(const void *left, const void *right) {
    double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

/* The latency in ms that so many percent of the accepted messages did not exceed. */
static double percentile(long percent) {
    return accepted ? latencies[(accepted * percent + 99) / 100 - 1] * 1000 : 0;
}

static void report(double seconds, bool timed_out) {
    qsort(latencies, (size_t)accepted, sizeof *latencies, by_value);
    printf("{\"accepted\": %ld, \"failed\": %ld, \"failures\": {", accepted, failed);
    const char *comma = "";
    for (long code = 0; code < CODES; code++) {
        if (!failures[code]) continue;
        if (code == LOST) printf("%s\"lost\": %ld", comma, failures[code]);
        else printf("%s\"%ld\": %ld", comma, code, failures[code]);
        comma = ", ";
    }
    printf("}, \"seconds\": %.6f, \"per_second\": %.2f, ", seconds, seconds > 0 ? (double)accepted / seconds : 0);
    printf("\"latency_ms\": {\"p50\": %.3f, \"p90\": %.3f, \"p99\": %.3f, \"max\": %.3f}, ", percentile(50),
           percentile(90), percentile(99), percentile(100));
    printf("\"sessions\": %ld, \"size\": %ld, \"connections\": %ld, \"pipelining\": %s, \"cpu_seconds\": %.3f, "
           "\"timed_out\": %s}\n",
           options.sessions, options.size, connections, options.pipelining && server_pipelines ? "true" : "false",
           cpu_seconds(), timed_out ? "true" : "false");
}

static void read_options(int argc, char **argv) {
    static const struct option names[] = {
        {"host", required_argument, NULL, 'h'},       {"port", required_argument, NULL, 'p'},
        {"sessions", required_argument, NULL, 's'},   {"messages", required_argument, NULL, 'm'},
        {"size", required_argument, NULL, 'z'},       {"per-connection", required_argument, NULL, 'c'},
        {"pipelining", no_argument, NULL, 'P'},       {"deep", no_argument, NULL, 'D'},             {"domain", required_argument, NULL, 'd'},
        {"recipients", required_argument, NULL, 'r'}, {"sender", required_argument, NULL, 'f'},
        {"first", required_argument, NULL, 'n'},      {"timeout", required_argument, NULL, 't'},
        {"rate", required_argument, NULL, 'R'},       {NULL, 0, NULL, 0},
    };
    for (int option; (option = getopt_long(argc, argv, "", names, NULL)) != -1;) {
        switch (option) {
        case 'h': options.host = optarg; break;
        case 'p': options.port = number("port", optarg, 1, 65535); break;
        case 's': options.sessions = number("sessions", optarg, 1, 10000); break;
        case 'm': options.messages = number("messages", optarg, 1, 10000000); break;
        case 'z': options.size = number("size", optarg, 256, 104857600); break;
        case 'c': options.per_connection = number("per-connection", optarg, 0, 10000000); break;
        case 'P': options.pipelining = true; break;
        case 'D': options.pipelining = options.deep = true; break;
        case 'd': options.domain = optarg; break;
        case 'r': options.recipients = number("recipients", optarg, 1, 10000000); break;
        case 'f': options.sender = optarg; break;
        case 'n': options.first_serial = number("first", optarg, 0, 10000000); break;
        case 'R': options.rate = number("rate", optarg, 1, 100000); break;
        case 't': options.timeout = number("timeout", optarg, 1, 86400); break;
        default:
            die("usage: smtpload --port N [--host ADDRESS] [--sessions N] [--messages N] [--size OCTETS]\n"
                "    [--per-connection N (0: all)] [--pipelining | --deep] [--domain NAME] [--recipients N] [--sender ADDRESS]\n"
                "    [--first N (number of the first message)] [--timeout SECONDS] [--rate MESSAGES A SECOND (open loop)]");
        }
    }
    if (!options.port) die("--port is needed");
    if (options.deep && options.rate) die("--deep sends as fast as it may, --rate does not");
}

int main(int argc, char **argv) {
    read_options(argc, argv);
    die_with_parent();
    allow_files();
    address = loopback(options.host, options.port);
    latencies = calloc((size_t)options.messages, sizeof *latencies);
    struct session *sessions = calloc((size_t)options.sessions, sizeof *sessions);
    if (!latencies || !sessions) die("out of memory");
    make_body(sessions);
    epoll = epoll_create1(EPOLL_CLOEXEC);
    if (options.rate) {
        timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
        if (timer < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, timer, &event)) die("timer: %s", strerror(errno));
    }

    struct epoll_event events[EVENTS];
    double began = now(), deadline = began + (double)options.timeout, left = 1;
    last_accepted = began;
    start_sessions(sessions);
    while (open_sessions && (left = deadline - now()) > 0) {
        int ready = epoll_wait(epoll, events, EVENTS, left > 60 ? 60000 : (int)(left * 1000) + 1);
        for (int i = 0; i < ready; i++) on_event(events[i].data.ptr, events[i].events);
        start_sessions(sessions);
        if (options.rate) give_out();
    }
    bool timed_out = open_sessions && left <= 0 && accepted + failed < options.messages;
    report(last_accepted - began, timed_out);
    return accepted == options.messages ? 0 : 1;
}
