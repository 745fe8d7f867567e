#include "core/intern.h"

#include <stdlib.h>

void interns_init(struct interns *in, uint64_t k0, uint64_t k1) { map_init(&in->map, k0, k1); }

void
interns_fini(struct interns *in)
{
	must(in->map.count == 0);
	map_fini(&in->map);
}

static bool
str_is(const struct map_node *n, const void *key)
{
	return span_eq(str_span(container_of(n, struct str, node)), *(const span *)key);
}

status
str_get(struct interns *in, span s, struct str **ret)
{
	if (!s.n) {
		*ret = NULL;
		return OK;
	}
	uint64_t h = map_hash_bytes(&in->map, s);
	struct map_node *n = map_find(&in->map, h, str_is, &s);
	if (n) {
		*ret = str_ref(container_of(n, struct str, node));
		return OK;
	}
	ENSURE(s.n < UINT32_MAX, E_LIMIT);
	struct str *r = malloc(sizeof *r + s.n);
	ENSURE(r, E_NO_MEMORY);
	r->refs = 1;
	r->n = (uint32_t)s.n;
	memcpy(r->p, s.p, s.n);
	status st = map_add(&in->map, h, &r->node);
	if (failed(st)) {
		free(r);
		return st;
	}
	*ret = r;
	return OK;
}

void
str_unref(struct interns *in, struct str *s)
{
	if (!s || --s->refs)
		return;
	map_del(&in->map, &s->node);
	free(s);
}
