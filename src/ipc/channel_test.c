#include "ipc/channel.h"

#include "ipc/memfd.h"
#include "tests/test.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

/* One end of a channel and what came of it. */
struct probe {
	size_t messages, drained;
	uint16_t types[16];
	uint64_t sum;            /* of req or conn fields, to see order and content */
	uint8_t fd_bytes[8];
	size_t fds;
	size_t body;
	bool ended;
	enum channel_end why;
	uint16_t type;
};

static void
on_message(void *ctx, struct channel *c, struct msg *m)
{
	struct probe *p = ctx;

	if (p->messages < 16)
		p->types[p->messages] = (uint16_t)m->type;
	p->messages++;
	if (m->type == MSG_ATTEST) {
		uint8_t b = 0;
		assert_int_equal(pread(m->fd, &b, 1, 0), 1);
		if (p->fds < 8)
			p->fd_bytes[p->fds] = b;
		p->fds++;
		p->sum = p->sum * 31 + m->attest.conn;
	} else if (m->type == MSG_OP) {
		p->body = m->op.params.n;
		for (size_t i = 0; i < m->op.params.n; i++)
			assert_int_equal(m->op.params.p[i], i & 0x7f);
	} else if (m->type == MSG_CANCEL) {
		p->sum = p->sum * 31 + m->cancel.req;
	}
}

static void
on_drained(void *ctx, struct channel *c)
{
	((struct probe *)ctx)->drained++;
}

static void
on_ended(void *ctx, struct channel *c, enum channel_end why, uint16_t type)
{
	struct probe *p = ctx;

	assert_false(p->ended);
	p->ended = true;
	p->why = why;
	p->type = type;
}

static const struct channel_ops ops = { on_message, on_drained, on_ended };

struct pair {
	struct loop *loop;
	struct channel *a, *b;
	struct probe pa, pb;
	int raw;   /* the other end of b when there is no a */
};

static void
pair_open(struct pair *p, enum role from, enum role to, bool raw)
{
	int fds[2];

	memset(p, 0, sizeof *p);
	assert_ok(loop_new(env_posix(), &p->loop));
	assert_ok(channel_pair(fds));
	p->raw = raw ? fds[0] : -1;
	if (!raw)
		assert_ok(channel_new(p->loop, fds[0], from, to, &ops, &p->pa, &p->a));
	assert_ok(channel_new(p->loop, fds[1], to, from, &ops, &p->pb, &p->b));
}

static void
turns(struct pair *p, int n)
{
	for (int i = 0; i < n; i++)
		assert_ok(loop_step(p->loop, 0));
}

static void
pair_close(struct pair *p)
{
	if (p->a && !p->pa.ended)
		channel_close(p->a);
	if (!p->pb.ended)
		channel_close(p->b);
	if (p->raw >= 0)
		close(p->raw);
	loop_free(p->loop);
}

static struct msg
cancel(uint64_t req)
{
	struct msg m = msg_make(MSG_CANCEL);
	m.cancel.req = req;
	return m;
}

static int
file_with(uint8_t b)
{
	int fd = memfd_create("t", MFD_CLOEXEC);
	assert_int_equal(write(fd, &b, 1), 1);
	return fd;
}

static size_t
open_fds(void)
{
	size_t n = 0;
	for (int i = 0; i < 256; i++)
		n += fcntl(i, F_GETFD) >= 0;
	return n;
}

static void
delivers_in_order(void **)
{
	struct pair p;
	uint64_t want = 0;

	pair_open(&p, ROLE_LOCAL, ROLE_CORE, false);
	for (uint64_t i = 1; i <= 5000; i++) {
		struct msg m = cancel(i);
		assert_ok(channel_send(p.a, &m));
		want = want * 31 + i;
	}
	turns(&p, 50);
	assert_int_equal(p.pb.messages, 5000);
	assert_true(p.pb.sum == want);
	pair_close(&p);
}

static void
one_write_a_turn(void **)
{
	struct pair p;
	uint8_t b[4096];

	pair_open(&p, ROLE_LOCAL, ROLE_CORE, true);
	for (uint64_t i = 1; i <= 3; i++) {
		struct msg m = msg_make(MSG_PEER_KNOWN);
		m.peer_known.conn = (uint32_t)i;
		assert_ok(channel_send(p.b, &m));
	}
	assert_int_equal(recv(p.raw, b, sizeof b, MSG_DONTWAIT), -1);   /* nothing before the turn ends */
	turns(&p, 1);
	assert_true(recv(p.raw, b, sizeof b, MSG_DONTWAIT) > 3 * MSG_HEADER);
	pair_close(&p);
}

static void
descriptors_stay_with_their_frames(void **)
{
	struct pair p;
	size_t before = open_fds();

	pair_open(&p, ROLE_LOCAL, ROLE_ATTEST, false);
	for (uint8_t i = 0; i < 6; i++) {
		struct msg m = msg_make(MSG_ATTEST);
		m.attest.conn = i;
		m.fd = file_with((uint8_t)('a' + i));
		assert_ok(channel_send(p.a, &m));
		struct msg g = msg_make(MSG_ATTEST_GONE);
		assert_ok(channel_send(p.a, &g));
	}
	turns(&p, 30);
	assert_int_equal(p.pb.messages, 12);
	assert_memory_equal(p.pb.fd_bytes, "abcdef", 6);
	pair_close(&p);
	assert_int_equal(open_fds(), before);
}

static void
large_bodies_travel_sealed(void **)
{
	struct pair p;
	size_t before = open_fds(), n = 3 * 1024 * 1024;
	uint8_t *body = malloc(n);

	for (size_t i = 0; i < n; i++)
		body[i] = i & 0x7f;
	pair_open(&p, ROLE_LOCAL, ROLE_CORE, false);
	struct msg m = msg_make(MSG_OP);
	m.op.params = span_make(body, n);
	assert_ok(channel_send(p.a, &m));
	struct msg after = cancel(7);
	assert_ok(channel_send(p.a, &after));
	turns(&p, 10);
	assert_int_equal(p.pb.messages, 2);
	assert_int_equal(p.pb.body, n);
	assert_int_equal(p.pb.types[1], MSG_CANCEL);
	free(body);
	pair_close(&p);
	assert_int_equal(open_fds(), before);
}

static void
a_field_over_its_maximum_is_the_senders_error(void **)
{
	struct pair p;
	static uint8_t big[65537];

	pair_open(&p, ROLE_LOCAL, ROLE_CORE, false);
	struct msg m = msg_make(MSG_CALL);
	m.call.tool = span_make(big, 65);
	assert_fails(channel_send(p.a, &m), E_LIMIT);
	struct msg ok = cancel(3);
	assert_ok(channel_send(p.a, &ok));
	turns(&p, 5);
	assert_int_equal(p.pb.messages, 1);
	assert_false(p.pb.ended);
	pair_close(&p);
}

static void
refuses_to_send_what_it_may_not(void **)
{
	struct pair p;

	pair_open(&p, ROLE_LOCAL, ROLE_CORE, false);
	struct msg m = msg_make(MSG_PERMIT);
	assert_fails(channel_send(p.a, &m), E_NOT_PERMITTED);
	struct msg a = msg_make(MSG_ATTEST);
	a.fd = file_with('x');
	int fd = a.fd;
	assert_fails(channel_send(p.a, &a), E_NOT_PERMITTED);
	assert_int_equal(fcntl(fd, F_GETFD), -1);   /* consumed all the same */
	pair_close(&p);
}

/* Raw bytes, with a descriptor or without, as an owned peer would send them. */
static void
raw_send(int sock, span s, int fd)
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
	assert_int_equal(sendmsg(sock, &h, MSG_NOSIGNAL), s.n);
}

static void
frame_header(uint8_t out[MSG_HEADER], uint32_t size, uint16_t type, uint16_t flags)
{
	struct buf b;
	buf_init(&b, MSG_HEADER);
	buf_put_u32(&b, size);
	buf_put_u16(&b, type);
	buf_put_u16(&b, flags);
	memcpy(out, b.p, MSG_HEADER);
	buf_fini(&b);
}

static void
violations_end_the_channel(void **)
{
	static const struct {
		const char *name;
		enum role from;
		uint32_t size;
		uint16_t type, flags;
		size_t body;
		bool fd;
	} rows[] = {
		{ "unknown type", ROLE_LOCAL, 0, MSG_COUNT, 0, 0, false },
		{ "type zero", ROLE_LOCAL, 0, 0, 0, 0, false },
		{ "type far out", ROLE_LOCAL, 0, 0xffff, 0, 0, false },
		{ "an edge permits a call", ROLE_LOCAL, 0, MSG_PERMIT, 0, 0, false },
		{ "an edge stops core", ROLE_LOCAL, 0, MSG_STOP, 0, 0, false },
		{ "people call a tool", ROLE_PEOPLE, 0, MSG_CALL, 0, 0, false },
		{ "tools ask an operation", ROLE_TOOLS, 0, MSG_OP, 0, 0, false },
		{ "short body", ROLE_LOCAL, 7, MSG_CANCEL, 0, 7, false },
		{ "long body", ROLE_LOCAL, 9, MSG_CANCEL, 0, 9, false },
		{ "unknown flag", ROLE_LOCAL, 8, MSG_CANCEL, 2, 8, false },
		{ "inline body over the limit", ROLE_LOCAL, MSG_INLINE_MAX + 1, MSG_OP, 0, 0, false },
		{ "body over every limit", ROLE_LOCAL, 0xffffffff, MSG_OP, MSG_FLAG_MEMFD, 0, false },
		{ "small body in a memfd", ROLE_LOCAL, 8, MSG_CANCEL, MSG_FLAG_MEMFD, 0, true },
		{ "memfd without memfd", ROLE_LOCAL, 100000, MSG_OP, MSG_FLAG_MEMFD, 0, false },
		{ "descriptor nobody asked for", ROLE_LOCAL, 8, MSG_CANCEL, 0, 8, true },
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct pair p;
		uint8_t bytes[64] = { 0 };
		size_t before = open_fds();

		pair_open(&p, rows[i].from, ROLE_CORE, true);
		frame_header(bytes, rows[i].size, rows[i].type, rows[i].flags);
		int fd = rows[i].fd ? file_with('x') : -1;
		raw_send(p.raw, span_make(bytes, MSG_HEADER + rows[i].body), fd);
		if (fd >= 0)
			close(fd);
		turns(&p, 3);
		if (!p.pb.ended || p.pb.why != CHANNEL_VIOLATED)
			fail_msg("%s: not noticed", rows[i].name);
		pair_close(&p);
		assert_int_equal(open_fds(), before);
	}
}

static void
a_missing_descriptor_is_a_violation(void **)
{
	struct pair p;
	uint8_t bytes[MSG_HEADER + 8];

	pair_open(&p, ROLE_LOCAL, ROLE_ATTEST, true);
	memset(bytes, 0, sizeof bytes);
	frame_header(bytes, 8, MSG_ATTEST, 0);
	raw_send(p.raw, SPAN_OF(bytes), -1);
	turns(&p, 3);
	assert_true(p.pb.ended);
	assert_int_equal(p.pb.why, CHANNEL_VIOLATED);
	assert_int_equal(p.pb.messages, 0);
	pair_close(&p);
}

static void
an_unsealed_or_resized_memfd_is_a_violation(void **)
{
	enum { N = 100000, FIXED = 8 + 4 + 32 + 2 };
	static uint8_t body[N + 1];
	const int all = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL;
	const struct { int seals; uint32_t claimed; } rows[] = {
		{ 0, N }, { all & ~F_SEAL_WRITE, N }, { all & ~F_SEAL_SHRINK, N }, { all & ~F_SEAL_GROW, N }, { all & ~F_SEAL_SEAL, N },
		{ all, N + 1 }, { all, N - 1 },
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct pair p;
		uint8_t h[MSG_HEADER];

		pair_open(&p, ROLE_LOCAL, ROLE_CORE, true);
		int fd = memfd_create("t", MFD_CLOEXEC | MFD_ALLOW_SEALING);
		/* A body that would decode, so that nothing but the memfd itself is wrong. */
		uint32_t params = htonl(rows[i].claimed - FIXED - 4);
		memcpy(body + FIXED, &params, sizeof params);
		for (size_t k = FIXED + 4; k < N; k++)
			body[k] = (k - FIXED - 4) & 0x7f;
		assert_int_equal(write(fd, body, N), N);
		if (rows[i].seals)
			assert_int_equal(fcntl(fd, F_ADD_SEALS, rows[i].seals), 0);
		frame_header(h, rows[i].claimed, MSG_OP, MSG_FLAG_MEMFD);
		raw_send(p.raw, SPAN_OF(h), fd);
		close(fd);
		turns(&p, 3);
		assert_true(p.pb.ended);
		assert_int_equal(p.pb.why, CHANNEL_VIOLATED);
		assert_int_equal(p.pb.messages, 0);
		pair_close(&p);
	}
}

static void
once_means_once(void **)
{
	struct pair p;

	pair_open(&p, ROLE_SUPERVISOR, ROLE_CORE, false);
	struct msg m = msg_make(MSG_CONFIG);
	m.config.json = SPAN("{}");
	assert_ok(channel_send(p.a, &m));
	turns(&p, 3);
	assert_int_equal(p.pb.messages, 1);
	assert_ok(channel_send(p.a, &m));
	turns(&p, 3);
	assert_int_equal(p.pb.messages, 1);
	assert_true(p.pb.ended);
	assert_int_equal(p.pb.why, CHANNEL_VIOLATED);
	assert_int_equal(p.pb.type, MSG_CONFIG);
	pair_close(&p);
}

static void
what_was_written_before_death_counts(void **)
{
	struct pair p;

	pair_open(&p, ROLE_LOCAL, ROLE_CORE, false);
	for (uint64_t i = 1; i <= 100; i++) {
		struct msg m = cancel(i);
		assert_ok(channel_send(p.a, &m));
	}
	channel_close(p.a);
	p.a = NULL;
	turns(&p, 10);
	assert_int_equal(p.pb.messages, 100);
	assert_true(p.pb.ended);
	assert_int_equal(p.pb.why, CHANNEL_EOF);
	pair_close(&p);
}

static void
a_peer_that_does_not_read_is_dead(void **)
{
	struct pair p;
	static uint8_t body[60000];
	size_t sent = 0;

	pair_open(&p, ROLE_LOCAL, ROLE_CORE, true);
	while (!p.pb.ended && sent < 10000) {
		struct msg m = msg_make(MSG_ANSWER);
		m.answer.body = SPAN_OF(body);
		if (failed(channel_send(p.b, &m)))
			break;
		sent++;
	}
	turns(&p, 3);
	assert_true(p.pb.ended);
	assert_int_equal(p.pb.why, CHANNEL_OVERFLOW);
	assert_in_range(sent, CHANNEL_QUEUE_MAX / 61000, CHANNEL_QUEUE_MAX / 59000);
	pair_close(&p);
}

static void
drained_comes_when_the_queue_is_short_again(void **)
{
	struct pair p;
	static uint8_t body[60000];

	pair_open(&p, ROLE_CORE, ROLE_LOCAL, false);
	for (int i = 0; i < 40; i++) {
		struct msg m = msg_make(MSG_ANSWER);
		m.answer.body = SPAN_OF(body);
		assert_ok(channel_send(p.a, &m));
	}
	assert_true(channel_queued(p.a) > CHANNEL_QUEUE_LOW);
	turns(&p, 100);
	assert_int_equal(p.pa.drained, 1);
	assert_int_equal(p.pb.messages, 40);
	assert_int_equal(channel_queued(p.a), 0);
	pair_close(&p);
}

static void
frames_may_come_byte_by_byte(void **)
{
	struct pair p;
	uint8_t bytes[MSG_HEADER + 8] = { 0 };

	pair_open(&p, ROLE_LOCAL, ROLE_CORE, true);
	frame_header(bytes, 8, MSG_CANCEL, 0);
	bytes[MSG_HEADER + 7] = 9;
	for (size_t i = 0; i < sizeof bytes; i++) {
		assert_int_equal(p.pb.messages, 0);
		raw_send(p.raw, span_make(bytes + i, 1), -1);
		turns(&p, 2);
	}
	assert_int_equal(p.pb.messages, 1);
	assert_int_equal(p.pb.sum, 9);
	pair_close(&p);
}

TEST_MAIN(T(delivers_in_order), T(one_write_a_turn), T(descriptors_stay_with_their_frames), T(large_bodies_travel_sealed),
          T(a_field_over_its_maximum_is_the_senders_error), T(refuses_to_send_what_it_may_not), T(violations_end_the_channel),
          T(a_missing_descriptor_is_a_violation), T(an_unsealed_or_resized_memfd_is_a_violation), T(once_means_once),
          T(what_was_written_before_death_counts), T(a_peer_that_does_not_read_is_dead),
          T(drained_comes_when_the_queue_is_short_again), T(frames_may_come_byte_by_byte))
