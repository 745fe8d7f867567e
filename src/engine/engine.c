#include "engine/engine_priv.h"

#include <stdlib.h>

#define X(name) extern const struct engine_class engine_##name;
#include "engine/engines.def"
#undef X

enum { ARENA_MAX = 1 << 20 };

static const struct engine_class *const classes[] = {
#define X(name) &engine_##name,
#include "engine/engines.def"
#undef X
	NULL
};

static const char digits[] = "0123456789abcdefghjkmnpqrstvwxyz"; /* as base/id.c, in lower case: several upstreams fold names */

const struct engine_class *
engine_at(size_t i)
{
	for (size_t k = 0; classes[k]; k++)
		if (k == i)
			return classes[k];
	return NULL;
}

const struct engine_class *
engine_find(span name)
{
	size_t i = 0;
	while (classes[i] && !span_is(name, classes[i]->name))
		i++;
	return classes[i];
}

/* A prefix that no upstream folds, quotes or cuts, and that nobody's own accounts bear by chance. */
static bool
prefix_ok(span p)
{
	if (p.n < 2 || p.n > ENGINE_PREFIX || p.p[0] < 'a' || p.p[0] > 'z' || p.p[p.n - 1] != '_')
		return false;
	for (size_t i = 0; i < p.n; i++)
		if (!(p.p[i] >= 'a' && p.p[i] <= 'z') && !(p.p[i] >= '0' && p.p[i] <= '9') && p.p[i] != '_')
			return false;
	return true;
}

static status
read_options(const struct engine_class *c, const struct json *options, struct arena *a, struct buf *reterr, struct engine_options **ret)
{
	struct engine_options *o = arena_zalloc(a, c->upstream->size);
	ENSURE(o, E_NO_MEMORY);
	if (c->upstream->init)
		memcpy(o, c->upstream->init, c->upstream->size);
	o->prefix = SPAN("ambit_");
	o->timeout = 10 * TIME_SECOND;
	TRY(schema_read(c->upstream, options, NULL, a, o, reterr));
	if (!prefix_ok(o->prefix)) {
		if (reterr)
			buf_put_str(reterr, "prefix: lower-case letters, digits and '_', a letter first, '_' last\n");
		return FAIL(E_BAD_CONFIG);
	}
	*ret = o;
	return OK;
}

status
engine_options_check(const struct engine_class *c, const struct json *options, struct buf *reterr)
{
	CLEANUP(engine_closep) struct engine *e = NULL;
	return engine_open(c, options, NULL, reterr, &e);
}

static status
read_grant(const struct engine_class *c, const struct json *grant, struct arena *a, struct buf *reterr, const void **ret)
{
	void *g = arena_zalloc(a, c->grant->size);
	ENSURE(g, E_NO_MEMORY);
	if (c->grant->init)
		memcpy(g, c->grant->init, c->grant->size);
	TRY(schema_read(c->grant, grant, NULL, a, g, reterr));
	if (c->check)
		TRY(c->check(g, reterr));
	*ret = g;
	return OK;
}

status
engine_grant_check(const struct engine_class *c, const struct json *grant, struct buf *reterr)
{
	CLEANUP(arena_fini) struct arena a;
	const void *g;
	arena_init(&a, ARENA_MAX);
	return read_grant(c, grant, &a, reterr, &g);
}

/* The tree borrows its caller's text; ours must not. */
static status
copy_tree(const struct json *v, struct arena *a, const struct json **ret)
{
	CLEANUP(buf_fini) struct buf b;
	buf_init(&b, ARENA_MAX / 4);
	struct json_writer w = json_w(&b);
	json_w_value(&w, v);
	TRY(buf_finish(&b));
	return json_parse(buf_span(&b), &(struct json_opts){ .copy = true }, a, ret, NULL);
}

static status
copy_secret(const struct secret *from, struct secret **ret)
{
	TRY(secret_new(secret_size(from), ret));
	span s = secret_reveal(from);
	if (s.n)
		memcpy(secret_writable(*ret), s.p, s.n);
	return OK;
}

status
engine_open(const struct engine_class *c, const struct json *options, const struct secret *root, struct buf *reterr, struct engine **ret)
{
	CLEANUP(engine_closep) struct engine *e = calloc(1, c->size);
	const struct json *tree;
	struct engine_options *o;
	ENSURE(e, E_NO_MEMORY);
	arena_init(&e->arena, ARENA_MAX);
	TRY(copy_tree(options, &e->arena, &tree));
	TRY(read_options(c, tree, &e->arena, reterr, &o));
	e->options = o;
	if (root)
		TRY(copy_secret(root, &e->root));
	e->class = c;   /* from here on close may be called */
	status s = c->open ? c->open(e) : OK;
	if (s.code == E_BAD_CONFIG && reterr)
		buf_printf(reterr, "%s\n", e->why);
	TRY(s);
	*ret = TAKE(e);
	return OK;
}

struct engine *
engine_close(struct engine *e)
{
	if (!e)
		return NULL;
	if (e->class && e->class->close)
		e->class->close(e);
	secret_free(e->root);
	arena_fini(&e->arena);
	free(e);
	return NULL;
}

void
engine_closep(struct engine **e)
{
	*e = engine_close(*e);
}

const char *
engine_why(const struct engine *e)
{
	return e->why;
}

unsigned
engine_traits(const struct engine *e)
{
	return e->class->traits | e->traits;
}

void
engine_account_name(const struct engine *e, uint64_t lease, char out[static ENGINE_ACCOUNT + 1])
{
	span p = e->options->prefix;
	uint64_t v = id_bits(lease);
	memcpy(out, p.p, p.n);
	for (size_t j = 12; j-- > 0; v >>= 5)
		out[p.n + j] = digits[v & 31];
	out[p.n + 12] = '\0';
}

uint64_t
engine_account_lease(const struct engine *e, span name)
{
	span p = e->options->prefix;
	uint64_t v = 0;
	if (name.n != p.n + 12 || !span_starts(name, p))
		return 0;
	for (size_t j = 0; j < 12; j++) {
		const char *d = memchr(digits, name.p[p.n + j], sizeof digits - 1);
		if (!d)
			return 0;
		v = v << 5 | (uint64_t)(d - digits);
	}
	return id_make(ID_LEASE, v);
}

status
engine_test(struct engine *e, struct buf *notes)
{
	e->why[0] = '\0';
	return e->class->test(e, notes);
}

status
engine_create(struct engine *e, const struct lease_spec *l, struct engine_credential *ret)
{
	CLEANUP(arena_fini) struct arena a;
	CLEANUP(buf_fini) struct buf faults;
	CLEANUP(engine_credential_fini) struct engine_credential out = { 0 };
	char account[ENGINE_ACCOUNT + 1];
	const void *grant;
	e->why[0] = '\0';
	arena_init(&a, ARENA_MAX);
	buf_init(&faults, 4096);
	if (l->end <= engine_wall()) {
		engine_because(e, "the lease's end is past");
		return FAIL(E_BAD_REQUEST);
	}
	status s = read_grant(e->class, l->grant, &a, &faults, &grant);
	if (failed(s)) {
		engine_because(e, "template: %.*s", SPAN_ARG(buf_span(&faults)));
		return s;
	}
	engine_account_name(e, l->lease, account);
	TRY(e->class->create(e, l, account, grant, &out));
	*ret = out;
	out = (struct engine_credential){ 0 };
	return OK;
}

status
engine_renew(struct engine *e, const struct lease_spec *l)
{
	char account[ENGINE_ACCOUNT + 1];
	e->why[0] = '\0';
	ENSURE(engine_traits(e) & ENGINE_RENEW, E_NOT_IMPLEMENTED);
	if (l->end <= engine_wall()) {
		engine_because(e, "the lease's end is past");
		return FAIL(E_BAD_REQUEST);
	}
	engine_account_name(e, l->lease, account);
	return e->class->renew(e, l, account);
}

status
engine_revoke(struct engine *e, uint64_t lease, struct engine_finding *ret)
{
	char account[ENGINE_ACCOUNT + 1];
	e->why[0] = '\0';
	*ret = (struct engine_finding){ 0 };
	engine_account_name(e, lease, account);
	return e->class->revoke(e, &(struct lease_spec){ .lease = lease }, account, ret);
}

status
engine_list(struct engine *e, status (*fn)(void *user, const struct engine_account *a), void *user)
{
	e->why[0] = '\0';
	ENSURE(engine_traits(e) & ENGINE_LIST, E_NOT_IMPLEMENTED);
	return e->class->list(e, fn, user);
}

status
engine_inventory(struct engine *e, status (*fn)(void *user, const struct engine_standing *s), void *user)
{
	e->why[0] = '\0';
	ENSURE(e->class->inventory, E_NOT_IMPLEMENTED);
	return e->class->inventory(e, fn, user);
}

status
engine_root_generate(const struct engine *e, struct secret **ret)
{
	ENSURE(engine_traits(e) & ENGINE_ROTATE, E_NOT_IMPLEMENTED);
	return engine_password(ret);
}

status
engine_rotate(struct engine *e, const struct secret *fresh)
{
	struct secret *mine = NULL;
	e->why[0] = '\0';
	ENSURE(engine_traits(e) & ENGINE_ROTATE, E_NOT_IMPLEMENTED);
	TRY(copy_secret(fresh, &mine));
	status s = e->class->rotate(e, fresh);
	if (failed(s)) {
		secret_free(mine);
		return s;
	}
	secret_free(e->root);
	e->root = mine;
	return OK;
}
