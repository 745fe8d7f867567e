/* epoll_base: the least an HTTP server can do, as the yardstick: epoll, one read, find the end of the head, trust
 * Content-Length, one write of a fixed answer. Not a server for anything else.
 *
 *   epoll_base (tcp:PORT | unix:PATH)      prints its process id, serves until killed */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

struct conn {
	int fd;
	size_t n;
	char in[16384];
};

static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 17\r\n\r\n{\"decision\":true}";

static int
listen_on(const char *where)
{
	int fd, one = 1;
	if (strncmp(where, "unix:", 5) == 0) {
		struct sockaddr_un un = { .sun_family = AF_UNIX };
		snprintf(un.sun_path, sizeof un.sun_path, "%s", where + 5);
		unlink(un.sun_path);
		fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
		if (bind(fd, (struct sockaddr *)&un, sizeof un) < 0)
			return -1;
	} else {
		struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
		in.sin_port = htons((unsigned short)atoi(where + 4));
		fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
		if (bind(fd, (struct sockaddr *)&in, sizeof in) < 0)
			return -1;
	}
	return listen(fd, 1024) < 0 ? -1 : fd;
}

static void
serve(int ep, struct conn *c)
{
	ssize_t n = recv(c->fd, c->in + c->n, sizeof c->in - 1 - c->n, 0);
	if (n < 0 && errno == EAGAIN)
		return;
	if (n <= 0) {
		epoll_ctl(ep, EPOLL_CTL_DEL, c->fd, NULL);
		close(c->fd);
		free(c);
		return;
	}
	c->n += (size_t)n;
	c->in[c->n] = 0;
	char *end = strstr(c->in, "\r\n\r\n"), *cl = strcasestr(c->in, "content-length:");
	if (!end)
		return;
	size_t want = (size_t)(end - c->in) + 4 + (cl && cl < end ? strtoul(cl + 15, NULL, 10) : 0);
	if (c->n < want)
		return;
	c->n = 0;
	(void)!send(c->fd, answer, sizeof answer - 1, MSG_NOSIGNAL);
}

int
main(int argc, char **argv)
{
	int lfd = argc == 2 ? listen_on(argv[1]) : -1, ep = epoll_create1(0), one = 1;
	if (lfd < 0) {
		fprintf(stderr, "usage: epoll_base tcp:PORT | unix:PATH\n");
		return 1;
	}
	struct epoll_event ev = { .events = EPOLLIN };
	epoll_ctl(ep, EPOLL_CTL_ADD, lfd, &ev);
	printf("%d\n", getpid());
	fflush(stdout);
	for (;;) {
		struct epoll_event evs[256];
		int n = epoll_wait(ep, evs, 256, -1);
		for (int i = 0; i < n; i++) {
			if (evs[i].data.ptr) {
				serve(ep, evs[i].data.ptr);
				continue;
			}
			int fd = accept4(lfd, NULL, NULL, SOCK_NONBLOCK);
			struct conn *c = fd < 0 ? NULL : calloc(1, sizeof *c);
			if (!c)
				continue;
			setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
			c->fd = fd;
			struct epoll_event e = { .events = EPOLLIN, .data.ptr = c };
			epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e);
		}
	}
}
