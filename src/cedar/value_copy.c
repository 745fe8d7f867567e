#include "cedar/value.h"

static size_t
up(size_t n)
{
	return (n + 7) & ~(size_t)7;
}

static size_t
uid_size(const struct cedar_uid *u)
{
	return up(sizeof *u + u->type.text.n + u->id.n);
}

size_t
cedar_value_size(struct cedar_value v)
{
	size_t n = 0;
	switch ((enum cedar_kind)v.kind) {
	case CEDAR_STRING:
		return up(v.n);
	case CEDAR_ENTITY:
		return uid_size(v.uid);
	case CEDAR_IP:
		return up(sizeof *v.ip);
	case CEDAR_SET:
		if (v.set->n == 0)
			return 0;
		for (uint32_t i = 0; i < v.set->n; i++)
			n += cedar_value_size(v.set->items[i]);
		return n + up(sizeof *v.set + v.set->n * sizeof v.set->items[0]);
	case CEDAR_RECORD:
		if (v.record->n == 0)
			return 0;
		for (uint32_t i = 0; i < v.record->n; i++)
			n += up(v.record->members[i].key_n) + cedar_value_size(v.record->members[i].value);
		return n + up(sizeof *v.record + v.record->n * sizeof v.record->members[0]);
	case CEDAR_NONE: case CEDAR_BOOL: case CEDAR_LONG: case CEDAR_DECIMAL: case CEDAR_DATETIME: case CEDAR_DURATION:
	case CEDAR_KIND_COUNT:
		break;
	}
	return 0;
}

static void *
take(uint8_t **p, size_t n)
{
	void *q = *p;
	*p += up(n);
	return q;
}

static const uint8_t *
bytes(uint8_t **p, span s)
{
	uint8_t *q = take(p, s.n);
	if (s.n)
		memcpy(q, s.p, s.n);
	return q;
}

static const struct cedar_uid *
copy_uid(uint8_t **p, const struct cedar_uid *u)
{
	struct cedar_uid *copy = take(p, sizeof *u + u->type.text.n + u->id.n);
	uint8_t *text = (uint8_t *)(copy + 1);
	*copy = *u;
	if (u->type.text.n)
		memcpy(text, u->type.text.p, u->type.text.n);
	if (u->id.n)
		memcpy(text + u->type.text.n, u->id.p, u->id.n);
	copy->type.text.p = text;
	copy->id.p = text + u->type.text.n;
	return copy;
}

struct cedar_value
cedar_value_copy_to(uint8_t **p, struct cedar_value v)
{
	if (v.kind == CEDAR_STRING) {
		v.s = bytes(p, cedar_string_span(v));
	} else if (v.kind == CEDAR_ENTITY) {
		v.uid = copy_uid(p, v.uid);
	} else if (v.kind == CEDAR_IP) {
		struct cedar_ip *ip = take(p, sizeof *ip);
		*ip = *v.ip;
		v.ip = ip;
	} else if (v.kind == CEDAR_SET) {
		if (v.set->n == 0)
			return cedar_set_value(&cedar_set_empty);
		struct cedar_set *s = take(p, sizeof *s + v.set->n * sizeof s->items[0]);
		*s = (struct cedar_set){ .n = v.set->n, .all_entities = v.set->all_entities };
		for (uint32_t i = 0; i < s->n; i++)
			s->items[i] = cedar_value_copy_to(p, v.set->items[i]);
		v.set = s;
	} else if (v.kind == CEDAR_RECORD) {
		if (v.record->n == 0)
			return cedar_record_value(&cedar_record_empty);
		struct cedar_record *r = take(p, sizeof *r + v.record->n * sizeof r->members[0]);
		r->n = v.record->n;
		for (uint32_t i = 0; i < r->n; i++) {
			r->members[i] = v.record->members[i];
			r->members[i].key = bytes(p, span_make(r->members[i].key, r->members[i].key_n));
			r->members[i].value = cedar_value_copy_to(p, r->members[i].value);
		}
		v.record = r;
	}
	return v;
}

struct cedar_value
cedar_value_copy(struct arena *a, struct cedar_value v)
{
	uint8_t *p = arena_alloc(a, cedar_value_size(v) + 1);
	if (!p)
		return (struct cedar_value){ 0 };
	return cedar_value_copy_to(&p, v);
}
