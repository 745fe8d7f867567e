/* Which object has which row: keys, encoders, and reading back. */
#include "core/core_priv.h"

void
row_mark(struct core *c, struct row *r)
{
	if (list_empty(&r->mark))
		list_add_tail(&c->journal.marked, &r->mark);
}

/* The key of the object behind a row; its value into `v` unless NULL. */
static span
encode(struct core *c, struct row *r, char key[static 256], struct buf *v)
{
	size_t n = 2;
	uint64_t id = 0;
	span name = { 0 };
	key[1] = '/';
	switch ((enum row_kind)r->kind) {
	case ROW_OBJECT: {
		const struct object *o = container_of(r, struct object, row);
		key[0] = 'o';
		name = o->name;
		/* Kinds stand in order, so that what is named comes before what names it. */
		key[n++] = (char)('0' + o->kind);
		if (v) {
			buf_put_u8(v, 1);
			buf_put_u64(v, o->version);
			buf_put_u64(v, (uint64_t)o->changed);
			buf_put_vec32(v, o->by);
			buf_put_vec32(v, o->text);
		}
		break;
	}
	case ROW_AGENT: {
		const struct agent *a = container_of(r, struct agent, row);
		key[0] = 'g';
		id = a->id;
		if (v)
			agent_encode(a, v);
		break;
	}
	case ROW_TASK: {
		const struct task *t = container_of(r, struct task, row);
		key[0] = 't';
		id = t->id;
		if (v)
			task_encode(c, t, v);
		break;
	}
	case ROW_CALL: {
		const struct call *k = container_of(r, struct call, row);
		key[0] = 'c';
		id = k->id;
		if (v)
			call_encode(k, v);
		break;
	}
	case ROW_APPROVAL: {
		const struct approval *a = container_of(r, struct approval, row);
		key[0] = 'a';
		id = a->id;
		if (v)
			approval_encode(a, v);
		break;
	}
	case ROW_TOKEN: {
		const struct token *k = container_of(r, struct token, row);
		key[0] = 'k';
		name = digest_span(&k->hash);
		if (v)
			token_encode(k, v);
		break;
	}
	case ROW_ENROLMENT: {
		const struct enrolment *e = container_of(r, struct enrolment, row);
		key[0] = 'e';
		id = e->id;
		if (v)
			enrolment_encode(e, v);
		break;
	}
	case ROW_TOOL: {
		const struct tool *t = container_of(r, struct tool, row);
		key[0] = 'q';
		name = str_span(t->name);
		if (v)
			tool_encode(t, v);
		break;
	}
	case ROW_STOP: {
		const struct stop *s = container_of(r, struct stop, row);
		key[0] = 'b';
		key[n++] = (char)('0' + s->kind);
		name = str_span(s->name);
		if (v)
			stop_encode(s, v);
		break;
	}
	case ROW_REVOCATION: {
		const struct revocation *x = container_of(r, struct revocation, row);
		key[0] = 'r';
		id = x->id;
		if (v)
			revocation_encode(x, v);
		break;
	}
	case ROW_CERT: {
		const struct cert *x = container_of(r, struct cert, row);
		key[0] = 'i';
		name = digest_span(&x->x5t);
		if (v)
			buf_put_u64(v, x->agent);
		break;
	}
	case ROW_ONCE: {
		const struct once *x = container_of(r, struct once, row);
		key[0] = 'n';
		name = digest_span(&x->id);
		if (v)
			once_encode(x, v);
		break;
	}
	case ROW_SECRET: {
		const struct sealed *s = container_of(r, struct sealed, row);
		key[0] = 's';
		name = str_span(s->name);
		if (v)
			sealed_encode(s, v);
		break;
	}
	case ROW_REFRESH: {
		const struct refresh *f = container_of(r, struct refresh, row);
		key[0] = 'f';
		name = digest_span(&f->family);
		if (v)
			refresh_encode(f, v);
		break;
	}
	case ROW_LEASE: {
		const struct lease *l = container_of(r, struct lease, row);
		key[0] = 'l';
		id = l->id;
		if (v)
			lease_encode(c, l, v);
		break;
	}
	case ROW_KIND_COUNT: break;
	}
	if (id)
		for (int i = 0; i < 8; i++)
			key[n++] = (char)(id >> (56 - 8 * i));
	must(n + name.n <= 256);
	if (name.n)
		memcpy(key + n, name.p, name.n);
	return span_make(key, n + name.n);
}

static void
put(struct buf *rows, span key, bool live, span value)
{
	buf_put_vec16(rows, key);
	buf_put_u8(rows, live);
	buf_put_vec32(rows, value);
}

void
row_drop(struct core *c, struct row *r)
{
	char key[256];
	list_del(&r->mark);
	if (!r->stored)
		return;
	r->stored = false;
	put(&c->journal.rows, encode(c, r, key, NULL), false, (span){ 0 });
	if (c->journal.rows.err)
		core_fail(c, FAIL(c->journal.rows.err));
}

void
rows_encode(struct core *c, struct buf *rows)
{
	CLEANUP(buf_fini) struct buf v;
	buf_init(&v, 1 << 20);
	while (!list_empty(&c->journal.marked)) {
		struct row *r = container_of(c->journal.marked.next, struct row, mark);
		char key[256];
		list_del(&r->mark);
		buf_reset(&v);
		span k = encode(c, r, key, &v);
		r->stored = true;
		put(rows, k, true, buf_span(&v));
		if (v.err && !rows->err)
			rows->err = v.err;
	}
}

/* ---- reading back ---- */

static status
restore_object(struct core *c, span value)
{
	struct reader r = rd_make(value);
	uint8_t form = rd_u8(&r);
	uint64_t version = rd_u64(&r);
	int64_t changed = (int64_t)rd_u64(&r);
	span by = rd_vec32(&r), text = rd_vec32(&r);
	TRY(rd_end(&r));
	ENSURE(form == 1, E_CHAIN_BROKEN);
	const struct json_opts opts = { .max_bytes = OBJECT_SPEC_MAX };
	const struct json *spec;
	struct object_fault f;
	struct object *o;
	arena_reset(&c->arena);
	TRY(json_parse(text, &opts, &c->arena, &spec, NULL));
	TRY(object_new(c, spec, by, &o, &f));
	o->row.stored = true;
	o->version = version;
	o->changed = changed;
	list_add_tail(&c->restoring, &o->of_kind);
	return OK;
}

static status
restore_one(struct core *c, span key, span value)
{
	ENSURE(key.n > 2 && key.p[1] == '/', E_CHAIN_BROKEN);
	span rest = span_sub(key, 2, key.n);
	struct reader r = rd_make(rest);
	uint64_t id = rest.n == 8 ? rd_u64(&r) : 0;
	switch (key.p[0]) {
	case 'o': return restore_object(c, value);
	case 'g': return agent_restore(c, id, value);
	case 't': return task_restore(c, id, value);
	case 'c': return call_restore(c, id, value);
	case 'a': return approval_restore(c, id, value);
	case 'k': return token_restore(c, rest, value);
	case 'e': return enrolment_restore(c, id, value);
	case 'q': return tool_restore_later(c, rest, value);
	case 'b': return stop_restore(c, rest, value);
	case 'r': return revocation_restore(c, id, value);
	case 'l': return lease_restore(c, id, value);
	case 'i': return cert_restore(c, rest, value);
	case 'f': return refresh_restore(c, rest, value);
	case 'n': return once_restore(c, rest, value);
	case 's': return sealed_restore(c, rest, value);
	case 'm':
		ENSURE(value.n == sizeof c->stored_boot_id, E_CHAIN_BROKEN);
		memcpy(c->stored_boot_id, value.p, value.n);
		c->stored_boot = true;
		return OK;
	default: return FAIL(E_CONFLICT);
	}
}

status
rows_restore(struct core *c, span rows)
{
	struct reader r = rd_make(rows);
	while (rd_left(&r)) {
		span key = rd_vec16(&r), value = rd_vec32(&r);
		ENSURE(r.ok, E_BAD_MESSAGE);
		TRY(restore_one(c, key, value));
	}
	return OK;
}

void
row_boot(struct core *c)
{
	put(&c->journal.rows, SPAN("m/boot"), true, SPAN_OF(c->config.boot_id));
}
