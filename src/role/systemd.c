#include "role/systemd.h"

#include "msg/enums.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { LISTEN_FDS_START = 3, LISTEN_FDS_MAX = 16 };

void
systemd_notify(const char *state)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	size_t n = path ? strlen(path) : 0;

	if (n < 2 || n >= sizeof a.sun_path || (path[0] != '/' && path[0] != '@'))
		return;
	memcpy(a.sun_path, path, n);
	if (path[0] == '@')
		a.sun_path[0] = 0;   /* abstract */
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	(void)sendto(fd, state, strlen(state), MSG_NOSIGNAL, (struct sockaddr *)&a,
	             (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n));
	close(fd);
}

static status
take(span name, int fd, int listeners[static LISTEN_COUNT])
{
	static const char *const names[] = {
		[LISTEN_TLS] = "api", [LISTEN_AGENT_SOCKET] = "agent", [LISTEN_PEOPLE_SOCKET] = "people", [LISTEN_PEOPLE_TLS] = "pages",
	};
	int flags = fcntl(fd, F_GETFL);

	ENSURE(flags >= 0 && fcntl(fd, F_SETFL, flags | O_NONBLOCK) == 0 && fcntl(fd, F_SETFD, FD_CLOEXEC) == 0, E_BAD_CONFIG);
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		if (!span_is(name, names[i]))
			continue;
		listeners[i] = fd;
		return OK;
	}
	return FAIL(E_BAD_CONFIG);
}

status
systemd_listeners(int listeners[static LISTEN_COUNT])
{
	const char *pid = getenv("LISTEN_PID"), *count = getenv("LISTEN_FDS"), *names = getenv("LISTEN_FDNAMES");
	uint64_t p, n;

	if (!pid || !count || !span_to_u64(span_str(pid), &p) || p != (uint64_t)getpid())
		return OK;
	ENSURE(names && span_to_u64(span_str(count), &n) && n <= LISTEN_FDS_MAX, E_BAD_CONFIG);
	span rest = span_str(names);
	for (uint64_t i = 0; i < n; i++) {
		size_t len = span_find(rest, ':');
		TRY(take(span_sub(rest, 0, len), LISTEN_FDS_START + (int)i, listeners));
		rest = span_sub(rest, len + 1, rest.n);
	}
	return OK;
}
