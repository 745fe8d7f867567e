#include "core/ask.h"

#include "core/core_priv.h"

#include <stdlib.h>

static bool id_is(const struct map_node *n, const void *key) { return container_of(n, struct ask, node)->id == *(const uint64_t *)key; }

status
ask_new(struct core *c, enum role to, ask_fn *fn, const struct asker *who, struct ask **ret)
{
	ENSURE(core_up(c, to), E_UNAVAILABLE);
	struct ask *a = calloc(1, sizeof *a);
	ENSURE(a, E_NO_MEMORY);
	*a = (struct ask){ .id = ++c->next_ask, .role = (uint8_t)to, .fn = fn, .timer.kind = TIMER_ASK };
	list_init(&a->all);
	if (who)
		a->who = *who;
	else
		a->who.edge = ROLE_COUNT;
	a->who.client_ref = a->who.surface = (span){ 0 };
	status s = timer_set(&c->timers, &a->timer, boot_now(c) + ask_timeout(to));
	if (!failed(s))
		s = map_add(&c->asks, map_hash_u64(&c->asks, a->id), &a->node);
	if (failed(s)) {
		timer_del(&c->timers, &a->timer);
		free(a);
		return s;
	}
	list_add_tail(&c->ask_list, &a->all);
	*ret = a;
	return OK;
}

void
ask_free(struct core *c, struct ask *a)
{
	list_del(&a->all);
	timer_del(&c->timers, &a->timer);
	map_del(&c->asks, &a->node);
	str_unref(&c->strs, a->text);
	if (a->fini)
		a->fini(a);
	free(a->state);
	free(a);
}

/* A question may be asked on by its own continuation: then `timer` is armed again and it lives. */
static void
finish(struct core *c, struct ask *a, const struct msg *m, uint16_t error)
{
	timer_del(&c->timers, &a->timer);
	a->fn(c, a, m, error);
	if (!a->timer.pos)
		ask_free(c, a);
}

void
ask_answered(struct core *c, uint64_t id, enum role from, const struct msg *m)
{
	struct map_node *n = map_find(&c->asks, map_hash_u64(&c->asks, id), id_is, &id);
	if (n && container_of(n, struct ask, node)->role == from)
		finish(c, container_of(n, struct ask, node), m, E_OK);
}

void ask_timer(struct core *c, struct ask *a) { finish(c, a, NULL, E_TIMEOUT); }

void
asks_role_gone(struct core *c, enum role r)
{
	list_for_safe(it, &c->ask_list) {
		struct ask *a = container_of(it, struct ask, all);
		if (a->role == r)
			finish(c, a, NULL, E_UNAVAILABLE);
	}
}

void
asks_edge_gone(struct core *c, enum role edge, unsigned index)
{
	list_for(it, &c->ask_list) {
		struct ask *a = container_of(it, struct ask, all);
		if (a->who.edge == edge && a->who.index == index)
			a->who.edge = ROLE_COUNT;
	}
}
