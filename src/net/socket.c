#include "net/socket.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { BACKLOG = 1024 };

status
net_unix_addr(const char *path, struct sockaddr_storage *ret, socklen_t *ret_len)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	size_t n = strlen(path);
	ENSURE(n > 0 && n < sizeof un.sun_path, E_BAD_CONFIG);
	memcpy(un.sun_path, path, n + 1);
	memset(ret, 0, sizeof *ret);
	memcpy(ret, &un, sizeof un);
	*ret_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n + 1);
	return OK;
}

status
net_ip_addr(const char *addr, uint16_t port, struct sockaddr_storage *ret, socklen_t *ret_len)
{
	struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = htons(port) };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
	memset(ret, 0, sizeof *ret);
	if (inet_pton(AF_INET, addr, &v4.sin_addr) == 1) {
		memcpy(ret, &v4, sizeof v4);
		*ret_len = sizeof v4;
		return OK;
	}
	ENSURE(inet_pton(AF_INET6, addr, &v6.sin6_addr) == 1, E_BAD_CONFIG);
	memcpy(ret, &v6, sizeof v6);
	*ret_len = sizeof v6;
	return OK;
}

status
net_resolve(const char *host, uint16_t port, struct sockaddr_storage *ret, socklen_t *ret_len)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV }, *found;
	char service[8];
	snprintf(service, sizeof service, "%u", port);
	ENSURE(getaddrinfo(host, service, &hints, &found) == 0, E_NOT_FOUND);
	memset(ret, 0, sizeof *ret);
	memcpy(ret, found->ai_addr, found->ai_addrlen);
	*ret_len = found->ai_addrlen;
	freeaddrinfo(found);
	return OK;
}

static status
stream_socket(int family, int *ret)
{
	*ret = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	ENSURE(*ret >= 0, E_IO);
	return OK;
}

static status
bind_and_listen(int own_fd, const struct sockaddr_storage *sa, socklen_t len)
{
	if (bind(own_fd, (const struct sockaddr *)sa, len) == 0 && listen(own_fd, BACKLOG) == 0)
		return OK;
	int e = errno;
	close(own_fd);
	return FAIL(e == EADDRINUSE ? E_EXISTS : E_IO);
}

status
net_listen_tcp(const char *addr, uint16_t port, bool reuseport, int *ret_fd)
{
	struct sockaddr_storage sa;
	socklen_t len;
	int fd, one = 1;
	TRY(net_ip_addr(addr, port, &sa, &len));
	TRY(stream_socket(sa.ss_family, &fd));
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	if (reuseport)
		setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof one);
	TRY(bind_and_listen(fd, &sa, len));
	*ret_fd = fd;
	return OK;
}

/* A socket file that nobody listens on any more refuses connections; anything else stays. */
static status
remove_dead_socket(const char *path, const struct sockaddr_storage *sa, socklen_t len)
{
	struct stat st;
	if (lstat(path, &st) < 0)
		return OK;
	ENSURE(S_ISSOCK(st.st_mode), E_EXISTS);
	int fd;
	TRY(stream_socket(AF_UNIX, &fd));
	bool dead = connect(fd, (const struct sockaddr *)sa, len) < 0 && errno == ECONNREFUSED;
	close(fd);
	ENSURE(dead, E_EXISTS);
	ENSURE(unlink(path) == 0, E_IO);
	return OK;
}

status
net_listen_unix(const char *path, unsigned mode, int *ret_fd)
{
	struct sockaddr_storage sa;
	socklen_t len;
	int fd;
	TRY(net_unix_addr(path, &sa, &len));
	TRY(remove_dead_socket(path, &sa, len));
	TRY(stream_socket(AF_UNIX, &fd));
	/* Nobody may connect between bind and chmod. */
	mode_t old = umask(0777);
	status s = bind_and_listen(fd, &sa, len);
	umask(old);
	TRY(s);
	if (chmod(path, mode) < 0) {
		close(fd);
		unlink(path);
		return FAIL(E_IO);
	}
	*ret_fd = fd;
	return OK;
}

status
net_local_port(int fd, uint16_t *ret)
{
	struct sockaddr_storage sa;
	socklen_t len = sizeof sa;
	ENSURE(getsockname(fd, (struct sockaddr *)&sa, &len) == 0, E_IO);
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
	memcpy(&v4, &sa, sizeof v4);
	memcpy(&v6, &sa, sizeof v6);
	ENSURE(sa.ss_family == AF_INET || sa.ss_family == AF_INET6, E_BAD_CONFIG);
	*ret = ntohs(sa.ss_family == AF_INET ? v4.sin_port : v6.sin6_port);
	return OK;
}
