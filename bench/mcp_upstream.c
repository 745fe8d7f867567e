/* mcp_upstream: the least an MCP server over HTTP can do, as the thing behind the gateway that is measured.
 *
 *   mcp_upstream PORT      prints its port, serves until killed
 *
 * `read_file` answers at once; `hang` never does. When a connection with an unanswered `hang` closes, one line is printed:
 * the text of its `mark` argument and the time (CLOCK_MONOTONIC, ns). It trusts its client and is no server for anything else. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { IN_MAX = 65536 };

struct conn {
	int fd;
	size_t n;
	char mark[32];              /* of the call that hangs */
	char in[IN_MAX];
};

static const char tools[] =
	"{\"tools\":[{\"name\":\"read_file\",\"description\":\"Reads\",\"inputSchema\":{\"type\":\"object\",\"properties\":{\"path\":{\"type\":\"string\"}},"
	"\"required\":[\"path\"]}},{\"name\":\"hang\",\"description\":\"Never answers\",\"inputSchema\":{\"type\":\"object\",\"properties\":{\"mark\":"
	"{\"type\":\"string\"}},\"required\":[\"mark\"]}}]}";
static const char content[] = "{\"content\":[{\"type\":\"text\",\"text\":\"the file\"}],\"isError\":false}";

static void
answer(struct conn *c, const char *http, const char *body)
{
	char out[2048];
	int n = snprintf(out, sizeof out, "HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s", http, strlen(body), body);
	(void)!send(c->fd, out, (size_t)n, MSG_NOSIGNAL);
}

static void
result(struct conn *c, const char *body, const char *text)
{
	char out[1536], id[64] = "null";
	const char *at = strstr(body, "\"id\":");
	if (at)
		sscanf(at + 5, " %63[^,} ]", id);
	snprintf(out, sizeof out, "{\"jsonrpc\":\"2.0\",\"id\":%s,%s}", id, text);
	answer(c, "200 OK", out);
}

/* The value of a string member, wherever it stands. */
static void
member(const char *body, const char *key, char *out, size_t n)
{
	const char *at = strstr(body, key);
	out[0] = 0;
	if (!at)
		return;
	at = strchr(at + strlen(key), '"');
	for (size_t i = 0; at && i + 1 < n && at[i + 1] && at[i + 1] != '"'; i++) {
		out[i] = at[i + 1];
		out[i + 1] = 0;
	}
}

static void
handle(struct conn *c, const char *body)
{
	char text[1400], version[32], tool[32], method[64];
	member(body, "\"method\":", method, sizeof method);
	if (strcmp(method, "initialize") == 0) {
		member(body, "\"protocolVersion\":", version, sizeof version);
		snprintf(text, sizeof text, "\"result\":{\"protocolVersion\":\"%s\",\"capabilities\":{\"tools\":{}},\"serverInfo\":{\"name\":\"bench\",\"version\":\"1\"}}", version);
		result(c, body, text);
	} else if (strcmp(method, "tools/list") == 0) {
		snprintf(text, sizeof text, "\"result\":%s", tools);
		result(c, body, text);
	} else if (strcmp(method, "tools/call") == 0) {
		member(body, "\"name\":", tool, sizeof tool);
		if (strcmp(tool, "hang") == 0) {
			member(body, "\"mark\":", c->mark, sizeof c->mark);
			printf("hangs %s\n", c->mark);
			return;
		}
		snprintf(text, sizeof text, "\"result\":%s", content);
		result(c, body, text);
	} else if (strncmp(method, "notifications/", 14) == 0) {
		answer(c, "202 Accepted", "");
	} else {
		result(c, body, "\"error\":{\"code\":-32601,\"message\":\"no such method\"}");
	}
}

static void
closed(struct conn *c)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	if (c->mark[0])
		printf("closed %s %lld\n", c->mark, t.tv_sec * 1000000000LL + t.tv_nsec);
	close(c->fd);
	free(c);
}

static void
serve(struct conn *c)
{
	ssize_t n = recv(c->fd, c->in + c->n, IN_MAX - 1 - c->n, 0);
	if (n < 0 && errno == EAGAIN)
		return;
	if (n <= 0) {
		closed(c);
		return;
	}
	c->n += (size_t)n;
	c->in[c->n] = 0;
	char *end = strstr(c->in, "\r\n\r\n"), *cl = strcasestr(c->in, "content-length:");
	if (!end)
		return;
	if (strncmp(c->in, "POST ", 5) != 0) {
		c->n = 0;
		answer(c, "405 Method Not Allowed", "");
		return;
	}
	if (c->n < (size_t)(end - c->in) + 4 + (cl && cl < end ? strtoul(cl + 15, NULL, 10) : 0))
		return;
	c->n = 0;
	handle(c, end + 4);
}

int
main(int argc, char **argv)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons((uint16_t)(argc == 2 ? atoi(argv[1]) : 0)) };
	socklen_t in_n = sizeof in;
	int lfd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), ep = epoll_create1(0), one = 1;
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc != 2 || bind(lfd, (struct sockaddr *)&in, sizeof in) < 0 || listen(lfd, 1024) < 0 || getsockname(lfd, (struct sockaddr *)&in, &in_n) < 0) {
		fprintf(stderr, "usage: mcp_upstream PORT (0: any)\n");
		return 1;
	}
	struct epoll_event ev = { .events = EPOLLIN };
	epoll_ctl(ep, EPOLL_CTL_ADD, lfd, &ev);
	printf("%u\n", ntohs(in.sin_port));
	for (;;) {
		struct epoll_event evs[64];
		int n = epoll_wait(ep, evs, 64, -1);
		for (int i = 0; i < n; i++) {
			if (evs[i].data.ptr) {
				serve(evs[i].data.ptr);
				continue;
			}
			int fd = accept4(lfd, NULL, NULL, SOCK_NONBLOCK);
			struct conn *c = fd < 0 ? NULL : calloc(1, sizeof *c);
			if (!c)
				continue;
			setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
			c->fd = fd;
			struct epoll_event e = { .events = EPOLLIN | EPOLLRDHUP, .data.ptr = c };
			epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e);
		}
	}
}
