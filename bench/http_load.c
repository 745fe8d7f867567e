/* http_load: a closed-loop HTTP load generator, one thread, bounded.
 *
 *   http_load [-c CONNECTIONS] [-n REQUESTS | -t SECONDS] [-p METHOD] [-b BODY_FILE] [-H 'Name: value']... [-P PID]...
 *             (tcp:ADDR:PORT | unix:PATH) TARGET
 *
 * Each connection sends a request, waits for the whole answer, sends the next. Prints one line of JSON: rate, latency
 * percentiles in microseconds, statuses, and for every -P the processor time that process used per request (from
 * /proc/PID/schedstat, all its threads). Answers must carry Content-Length. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>
#include <dirent.h>

enum { MAX_CONNS = 4096, MAX_PIDS = 16, IN = 65536, BUCKETS = 64 * 32 };

struct conn {
	int fd;
	size_t sent, got;
	int64_t began;
	char in[IN];
};

static struct {
	struct sockaddr_storage sa;
	socklen_t sa_n;
	char *req;
	size_t req_n;
	uint64_t target, started, done, ok, bad;
	int64_t until;
	uint64_t hist[BUCKETS];     /* log scale: 32 steps to the octave of nanoseconds */
	int ep;
} g;

_Noreturn static void
die(const char *what)
{
	fprintf(stderr, "http_load: %s%s%s\n", what, errno ? ": " : "", errno ? strerror(errno) : "");
	exit(1);
}

static int64_t
now_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static unsigned
bucket(uint64_t ns)
{
	if (ns < 32)
		return (unsigned)ns;
	unsigned octave = 63 - (unsigned)__builtin_clzll(ns);
	return (octave - 4) * 32 + (unsigned)(ns >> (octave - 5) & 31);
}

static double
bucket_us(unsigned b)
{
	if (b < 32)
		return b / 1000.0;
	unsigned octave = b / 32 + 4;
	return (double)(((uint64_t)(b % 32) + 32) << (octave - 5)) / 1000.0;
}

static double
percentile(double p)
{
	uint64_t want = (uint64_t)((double)g.done * p), seen = 0;
	for (unsigned b = 0; b < BUCKETS; b++) {
		seen += g.hist[b];
		if (seen > want)
			return bucket_us(b);
	}
	return 0;
}

/* Processor time of a process and its threads, nanoseconds. */
static uint64_t
cpu_of(int pid)
{
	char path[512];
	uint64_t total = 0;
	snprintf(path, sizeof path, "/proc/%d/task", pid);
	DIR *d = opendir(path);
	if (!d)
		return 0;
	for (struct dirent *e; (e = readdir(d)); ) {
		unsigned long long ns;
		if (e->d_name[0] == '.')
			continue;
		snprintf(path, sizeof path, "/proc/%d/task/%s/schedstat", pid, e->d_name);
		FILE *f = fopen(path, "r");
		if (f && fscanf(f, "%llu", &ns) == 1)
			total += ns;
		if (f)
			fclose(f);
	}
	closedir(d);
	return total;
}

static void
send_some(struct conn *c)
{
	while (c->sent < g.req_n) {
		ssize_t n = send(c->fd, g.req + c->sent, g.req_n - c->sent, MSG_NOSIGNAL);
		if (n < 0) {
			if (errno == EAGAIN)
				return;
			die("send");
		}
		c->sent += (size_t)n;
	}
}

static bool
begin(struct conn *c)
{
	int64_t now = now_ns();
	if ((g.target && g.started >= g.target) || (g.until && now >= g.until))
		return false;
	g.started++;
	c->began = now;
	c->sent = c->got = 0;
	send_some(c);
	return true;
}

/* Length of the whole answer in c->in, or 0 when it is not all here. */
static size_t
answer_len(struct conn *c, unsigned *ret_status)
{
	c->in[c->got] = 0;
	char *end = strstr(c->in, "\r\n\r\n");
	if (!end)
		return 0;
	char *cl = strcasestr(c->in, "\r\nContent-Length:");
	if (!cl || cl > end)
		die("an answer without Content-Length");
	size_t n = (size_t)(end - c->in) + 4 + strtoul(cl + 17, NULL, 10);
	*ret_status = (unsigned)strtoul(c->in + 9, NULL, 10);
	if (n >= IN)
		die("an answer larger than 64 KiB");
	return c->got >= n ? n : 0;
}

/* False: this connection has nothing more to do. */
static bool
ready(struct conn *c)
{
	if (c->sent < g.req_n)
		send_some(c);
	ssize_t n = recv(c->fd, c->in + c->got, IN - 1 - c->got, 0);
	if (n < 0 && errno == EAGAIN)
		return true;
	if (n <= 0)
		die("connection closed by the server");
	c->got += (size_t)n;
	unsigned code = 0;
	if (!answer_len(c, &code))
		return true;
	g.hist[bucket((uint64_t)(now_ns() - c->began))]++;
	g.done++;
	if (code >= 200 && code < 300)
		g.ok++;
	else
		g.bad++;
	return begin(c);
}

static struct conn *
conn_open(void)
{
	struct conn *c = calloc(1, sizeof *c);
	int one = 1;
	if (!c || (c->fd = socket(g.sa.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0)) < 0)
		die("socket");
	if (connect(c->fd, (struct sockaddr *)&g.sa, g.sa_n) < 0)
		die("connect");
	fcntl(c->fd, F_SETFL, O_NONBLOCK);
	setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	struct epoll_event ev = { .events = EPOLLIN, .data.ptr = c };
	epoll_ctl(g.ep, EPOLL_CTL_ADD, c->fd, &ev);
	return c;
}

static void
parse_address(const char *s)
{
	if (strncmp(s, "unix:", 5) == 0) {
		struct sockaddr_un un = { .sun_family = AF_UNIX };
		snprintf(un.sun_path, sizeof un.sun_path, "%s", s + 5);
		memcpy(&g.sa, &un, sizeof un);
		g.sa_n = sizeof un;
		return;
	}
	char host[64];
	unsigned port;
	struct sockaddr_in in = { .sin_family = AF_INET };
	if (sscanf(s, "tcp:%63[^:]:%u", host, &port) != 2 || inet_pton(AF_INET, host, &in.sin_addr) != 1)
		die("address must be tcp:ADDR:PORT or unix:PATH");
	in.sin_port = htons((uint16_t)port);
	memcpy(&g.sa, &in, sizeof in);
	g.sa_n = sizeof in;
}

static char *
read_file(const char *path, size_t *ret_n)
{
	FILE *f = fopen(path, "rb");
	char *p = calloc(1, 1 << 20);
	if (!f || !p)
		die(path);
	*ret_n = fread(p, 1, 1 << 20, f);
	fclose(f);
	return p;
}

int
main(int argc, char **argv)
{
	const char *method = "POST", *headers[32] = { 0 };
	char *body = strdup("");
	size_t body_n = 0, n_conns = 64, n_headers = 0, n_pids = 0;
	int pids[MAX_PIDS], o;
	double seconds = 0;
	while ((o = getopt(argc, argv, "c:n:t:p:b:H:P:")) >= 0) {
		switch (o) {
		case 'c': n_conns = strtoul(optarg, NULL, 10); break;
		case 'n': g.target = strtoul(optarg, NULL, 10); break;
		case 't': seconds = strtod(optarg, NULL); break;
		case 'p': method = optarg; break;
		case 'b': free(body); body = read_file(optarg, &body_n); break;
		case 'H': if (n_headers < 32) headers[n_headers++] = optarg; break;
		case 'P': if (n_pids < MAX_PIDS) pids[n_pids++] = atoi(optarg); break;
		default: die("usage: http_load [-c N] [-n N | -t S] [-p METHOD] [-b FILE] [-H FIELD] [-P PID] ADDRESS TARGET");
		}
	}
	if (argc - optind != 2 || n_conns == 0 || n_conns > MAX_CONNS)
		die("usage: http_load [-c N] [-n N | -t S] [-p METHOD] [-b FILE] [-H FIELD] [-P PID] ADDRESS TARGET");
	if (!g.target && seconds <= 0)
		seconds = 3;
	parse_address(argv[optind]);
	g.req = malloc(body_n + 65536);
	if (!g.req)
		die("memory");
	int at = snprintf(g.req, 32768, "%s %s HTTP/1.1\r\nHost: localhost\r\n", method, argv[optind + 1]);
	bool typed = false;
	for (size_t i = 0; i < n_headers; i++)
		typed |= strncasecmp(headers[i], "content-type:", 13) == 0;
	if (!typed)
		at += snprintf(g.req + at, 64, "Content-Type: application/json\r\n");
	for (size_t i = 0; i < n_headers; i++)
		at += snprintf(g.req + at, 1024, "%.1000s\r\n", headers[i]);
	at += snprintf(g.req + at, 64, "Content-Length: %zu\r\n\r\n", body_n);
	memcpy(g.req + at, body, body_n);
	g.req_n = (size_t)at + body_n;

	g.ep = epoll_create1(EPOLL_CLOEXEC);
	struct conn **conns = calloc(n_conns, sizeof *conns);
	for (size_t i = 0; i < n_conns; i++)
		conns[i] = conn_open();
	uint64_t cpu[MAX_PIDS], own = cpu_of(getpid());
	for (size_t i = 0; i < n_pids; i++)
		cpu[i] = cpu_of(pids[i]);
	int64_t t0 = now_ns();
	if (seconds > 0)
		g.until = t0 + (int64_t)(seconds * 1e9);
	size_t active = 0;
	for (size_t i = 0; i < n_conns; i++)
		active += begin(conns[i]);
	while (active) {
		struct epoll_event ev[256];
		int n = epoll_wait(g.ep, ev, 256, 10000);
		if (n == 0)
			die("no answer for 10 s");
		for (int i = 0; i < n; i++)
			active -= !ready(ev[i].data.ptr);
	}
	double took = (double)(now_ns() - t0) / 1e9;
	printf("{\"requests\":%llu,\"ok\":%llu,\"not_ok\":%llu,\"seconds\":%.3f,\"rate\":%.0f,\"p50_us\":%.1f,\"p90_us\":%.1f,\"p99_us\":%.1f,\"p999_us\":%.1f,"
	       "\"load_cpu_us\":%.2f,\"cpu_us\":[", (unsigned long long)g.done, (unsigned long long)g.ok, (unsigned long long)g.bad, took,
	    (double)g.done / took, percentile(.5), percentile(.9), percentile(.99), percentile(.999), (double)(cpu_of(getpid()) - own) / 1000.0 / (double)g.done);
	for (size_t i = 0; i < n_pids; i++)
		printf("%s%.2f", i ? "," : "", (double)(cpu_of(pids[i]) - cpu[i]) / 1000.0 / (double)g.done);
	printf("]}\n");
	return g.bad ? 2 : 0;
}
