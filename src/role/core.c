/* core: the loop around core/core.h. Messages, link changes and time go in, messages come out; nothing is decided here. */
#include "core/core.h"
#include "base/log.h"
#include "role/role.h"
#include "text/json.h"

#include <stdlib.h>

enum { SEED = 32 };

struct thinker {
	struct worker *w;
	struct core *core;
	struct loop_hook flush;
	struct loop_timer tick;
};

/* ---- out ------------------------------------------------------------------------------------------------------------ */

static void
send_out(void *ctx, enum role to, unsigned index, const struct msg *m)
{
	struct thinker *t = ctx;
	status s = role_send(t->w, to, index, m);

	/* A peer that is gone has no use for it, and core hears of its end. Anything else is a message that was never sent. */
	if (failed(s) && s.code != E_UNAVAILABLE)
		log_error("a message could not be sent", KV("to", role_name(to)), KV("message", msg_name((uint16_t)m->type)), KV("status", s));
}

static void on_tick(struct loop_timer *timer);

static void
check(struct thinker *t)
{
	status why;

	if (core_failed(t->core, &why)) {
		role_fail(t->w, why, "core starts again from what is durable");
		return;
	}
	int64_t due = core_deadline(t->core);
	if (due == INT64_MAX)
		loop_timer_stop(&t->tick);
	else
		loop_timer_set(t->w->loop, &t->tick, due, on_tick);
}

static void
on_flush(struct loop_hook *h)
{
	struct thinker *t = container_of(h, struct thinker, flush);

	core_flush(t->core, loop_now(t->w->loop));
	check(t);
}

/* Everything that happens in a turn is one batch for the store. */
static void
flush_later(struct thinker *t)
{
	loop_defer(t->w->loop, &t->flush, on_flush);
}

static void
on_tick(struct loop_timer *timer)
{
	struct thinker *t = container_of(timer, struct thinker, tick);

	flush_later(t);
	core_tick(t->core, loop_now(t->w->loop));
}

/* ---- in ------------------------------------------------------------------------------------------------------------- */

static status
message(struct worker *w, enum role peer, unsigned index, struct msg *m)
{
	struct thinker *t = w->state;

	flush_later(t);
	core_step(t->core, peer, index, m, loop_now(w->loop));
	return OK;
}

static void
link_up(struct worker *w, enum role peer, unsigned index)
{
	struct thinker *t = w->state;

	flush_later(t);
	core_link(t->core, peer, index, true, loop_now(w->loop));
}

static void
link_down(struct worker *w, enum role peer, unsigned index)
{
	struct thinker *t = w->state;

	flush_later(t);
	core_link(t->core, peer, index, false, loop_now(w->loop));
}

/* ---- start ---------------------------------------------------------------------------------------------------------- */

static int
hex_digit(uint8_t c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* "xxxxxxxx-xxxx-…": 16 bytes in hex. */
static bool
parse_boot_id(span text, uint8_t out[static 16])
{
	size_t n = 0;

	for (size_t i = 0; i < text.n && n < 32; i++) {
		int d = hex_digit(text.p[i]);
		if (d < 0)
			continue;
		out[n / 2] = (uint8_t)(out[n / 2] << 4 | d);
		n++;
	}
	return n == 32;
}

/* {"node":…,"audience":…,"origin":…,"store":…,"bootstrap":"[…]","dev":true,"boot_id":"xxxxxxxx-…"} */
static status
read_config(const struct json *v, struct core_config *c)
{
	span boot;

	TRY(json_get_str(v, "node", &c->node, NULL));
	TRY(json_get_str(v, "audience", &c->audience, NULL));
	TRY(json_opt_str(v, "people", &c->people_url, NULL));
	TRY(json_get_str(v, "origin", &c->origin, NULL));
	TRY(json_get_str(v, "store", &c->store_kind, NULL));
	TRY(json_get_str(v, "bootstrap", &c->bootstrap, NULL));
	TRY(json_get_bool(v, "dev", &c->dev, NULL));
	TRY(json_get_str(v, "boot_id", &boot, NULL));
	ENSURE(parse_boot_id(boot, c->boot_id), E_BAD_CONFIG);
	return OK;
}

static status
start(struct thinker *t, span text)
{
	CLEANUP(arena_fini) struct arena a = { 0 };
	const struct json *v;
	struct core_config c = { 0 };
	uint8_t seed[SEED];

	arena_init(&a, 1 << 20);
	TRY(json_parse(text, NULL, &a, &v, NULL));
	TRY(read_config(v, &c));
	TRY(env_random(t->w->env, seed, sizeof seed));
	TRY(core_new(&c, seed, send_out, t, loop_now(t->w->loop), &t->core));
	explicit_bzero(seed, sizeof seed);
	return OK;
}

static status
configure(struct worker *w, span text)
{
	struct thinker *t = calloc(1, sizeof *t);

	ENSURE(t, E_NO_MEMORY);
	w->state = t;
	t->w = w;
	TRY(start(t, text));
	check(t);
	return OK;
}

/* What was decided in this turn still goes to the store, which stops after core. */
static void
stop(struct worker *w)
{
	struct thinker *t = w->state;

	core_flush(t->core, loop_now(w->loop));
	loop_hook_stop(&t->flush);
	loop_timer_stop(&t->tick);
}

const struct role_ops *
core_role(void)
{
	static const struct role_ops ops = {
		.id = ROLE_CORE, .configure = configure, .message = message, .link_up = link_up, .link_down = link_down, .stop = stop,
	};
	return &ops;
}
