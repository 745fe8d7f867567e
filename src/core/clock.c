#include "core/clock.h"

void
clock_set(struct clock *c, instant now, int64_t *ret_step)
{
	*ret_step = 0;
	if (now.boot < c->now.boot)
		now.boot = c->now.boot;
	int64_t drift = now.wall - now.boot - c->offset;
	if (c->now.boot && (drift > CLOCK_STEP || drift < -CLOCK_STEP))
		*ret_step = drift;
	/* Slow drift (slewing) is followed, so that it never adds up to a step. */
	c->offset = now.wall - now.boot;
	/* It goes on with the boot clock while the wall clock stands behind it, so that a reboot does not win that time back. */
	if (c->now.boot)
		c->stamp += now.boot - c->now.boot;
	c->now = now;
	if (now.wall > c->stamp)
		c->stamp = now.wall;
	if (c->behind && c->stamp - now.wall <= CLOCK_SLACK)
		c->behind = false;
}

void
clock_restore(struct clock *c, int64_t durable_stamp)
{
	if (durable_stamp > c->stamp)
		c->stamp = durable_stamp;
	c->behind = c->stamp - c->now.wall > CLOCK_SLACK;
}

static int64_t
add(int64_t a, int64_t b)
{
	int64_t r;
	return __builtin_add_overflow(a, b, &r) ? (b > 0 ? INT64_MAX : INT64_MIN) : r;
}

struct term
term_make(const struct clock *c, int64_t ttl)
{
	return (struct term){ add(c->now.wall, ttl), add(c->now.boot, ttl) };
}

bool
term_over(const struct clock *c, struct term t)
{
	return c->now.boot >= t.deadline || c->now.wall >= t.expires;
}

int64_t
term_left(const struct clock *c, struct term t)
{
	struct term left = { add(t.expires, -c->now.wall), add(t.deadline, -c->now.boot) };
	int64_t n = left.expires < left.deadline ? left.expires : left.deadline;
	return n > 0 ? n : 0;
}

struct term
term_min(struct term a, struct term b)
{
	return (struct term){ a.expires < b.expires ? a.expires : b.expires, a.deadline < b.deadline ? a.deadline : b.deadline };
}

struct term
term_restore(const struct clock *c, struct term stored, bool same_boot)
{
	if (same_boot)
		return stored;
	/* c->stamp is the larger of the wall clock and the last durable stamp. */
	return (struct term){ stored.expires, add(c->now.boot, add(stored.expires, -c->stamp)) };
}
