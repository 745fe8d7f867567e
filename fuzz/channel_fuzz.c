/* u8 sender, u8 receiver, then chunks (u8 flags, u16 length, bytes) as a hostile peer would write them: flag 1 sends a
 * descriptor along, flag 2 makes it a sealed memfd holding the chunk before. */
#include "ipc/channel.h"
#include "ipc/memfd.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

struct seen {
	bool ended;
	enum role from, to;
};

static void
on_message(void *ctx, struct channel *c, struct msg *m)
{
	const struct seen *s = ctx;

	must(!s->ended);
	must(msg_permitted(s->from, s->to, (uint16_t)m->type));
	must(msg_has_fd((uint16_t)m->type) == (m->fd >= 0));
}

static void
on_ended(void *ctx, struct channel *c, enum channel_end why, uint16_t type)
{
	((struct seen *)ctx)->ended = true;
}

static void
push(int sock, span s, int fd)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	struct iovec v = { (void *)(uintptr_t)s.p, s.n };
	struct msghdr h = { .msg_iov = &v, .msg_iovlen = 1 };

	if (fd >= 0) {
		h.msg_control = control.bytes;
		h.msg_controllen = sizeof control.bytes;
		struct cmsghdr *m = CMSG_FIRSTHDR(&h);
		m->cmsg_level = SOL_SOCKET;
		m->cmsg_type = SCM_RIGHTS;
		m->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(m), &fd, sizeof fd);
	}
	(void)sendmsg(sock, &h, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void
chunks(struct loop *l, int sock, struct reader *r)
{
	span before = { 0 };

	while (r->ok && rd_left(r) > 0) {
		uint8_t flags = rd_u8(r);
		uint16_t n = rd_u16(r);
		span s = rd_take(r, n < rd_left(r) ? n : rd_left(r));
		int fd = -1;
		if ((flags & 2) && before.n)
			IGNORE(memfd_sealed(before, &fd));   /* without one the chunk goes alone, as good an input */
		else if (flags & 1)
			fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
		if (s.n)
			push(sock, s, fd);
		if (fd >= 0)
			close(fd);
		before = s;
		must(!failed(loop_step(l, 0)));
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct channel_ops ops = { on_message, NULL, on_ended };
	struct reader r = rd_make(span_make(data, size));
	struct seen s = { .from = (enum role)(rd_u8(&r) % ROLE_COUNT), .to = (enum role)(rd_u8(&r) % ROLE_COUNT) };
	struct loop *l;
	struct channel *c;
	int fds[2];

	must(!failed(loop_new(env_posix(), &l)));
	must(!failed(channel_pair(fds)));
	must(!failed(channel_new(l, fds[1], s.to, s.from, &ops, &s, &c)));
	chunks(l, fds[0], &r);
	close(fds[0]);
	for (int i = 0; i < 20 && !s.ended; i++)
		must(!failed(loop_step(l, 0)));
	must(s.ended);
	loop_free(l);
	return 0;
}
