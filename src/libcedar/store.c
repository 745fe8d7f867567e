/* Entities of the public library. */
#include "libcedar/api.h"

#include "cedar/conform.h"
#include "cedar/entities_json.h"

#include <stdlib.h>
#include <sys/random.h>

#define MAX_JSON ((size_t)256 << 20)

static struct cedar_entities *
entities_new(void)
{
	uint64_t seed = 0;
	/* Without randomness the tables still work; only crafted names could make them slow. */
	if (getrandom(&seed, sizeof seed, GRND_NONBLOCK) != sizeof seed)
		seed = (uint64_t)(uintptr_t)&seed;
	return cedar_entities_new(seed);
}

struct cedar_store *
cedar_store_new(void)
{
	struct cedar_store *s = calloc(1, sizeof *s);
	if (s && (s->entities = entities_new()))
		return s;
	free(s);
	return NULL;
}

void
cedar_store_free(struct cedar_store *s)
{
	if (s && s->entities)
		cedar_entities_free(s->entities);
	free(s);
}

static void entities_free_p(struct cedar_entities **s) { if (*s) cedar_entities_free(*s); }

/* Adds to `fresh` what only `old` has, and sees to it that the whole is a hierarchy. */
static status
merge(struct cedar_entities *fresh, const struct cedar_entities *old, struct cedar_diag *d)
{
	size_t pos = 0;
	cedar_entities_begin(fresh);
	for (const struct cedar_entity *e; (e = cedar_entities_next(old, &pos));)
		if (!cedar_entities_find(fresh, e->uid))
			TRY(cedar_entities_put(fresh, e, d));
	return cedar_entities_commit(fresh, d);
}

static status
load(struct cedar_store *s, span json, const struct cedar_schema *schema, struct cedar_diag *d)
{
	CLEANUP(entities_free_p) struct cedar_entities *fresh = entities_new();
	ENSURE(fresh, E_NO_MEMORY);
	TRY(cedar_entities_parse(fresh, json, schema, d));
	TRY(merge(fresh, s->entities, d));
	cedar_entities_free(s->entities);
	s->entities = TAKE(fresh);
	return OK;
}

enum cedar_code
cedar_store_load_json(struct cedar_store *s, struct cedar_text json, const struct cedar_schema *schema, struct cedar_error *e)
{
	struct cedar_diag d = { 0 };
	return api_result(load(s, text_span(json), schema, &d), &d, e);
}

static status
put(struct cedar_store *s, span text, const struct cedar_schema *schema, struct cedar_diag *d)
{
	CLEANUP(arena_fini) struct arena a;
	const struct json *v;
	struct cedar_entity ent;
	arena_init(&a, (size_t)1 << 30);
	TRY(cedar_json_parse(text, MAX_JSON, &a, &v, d));
	TRY(cedar_entity_from_json(v, schema, &a, &ent, d));
	if (schema)
		TRY(cedar_entity_conforms(schema, &ent, d));
	return cedar_entities_put(s->entities, &ent, d);
}

enum cedar_code
cedar_store_put_json(struct cedar_store *s, struct cedar_text json, const struct cedar_schema *schema, struct cedar_error *e)
{
	struct cedar_diag d = { 0 };
	status st = put(s, text_span(json), schema, &d);
	if (failed(st))
		cedar_json_locate(&d, text_span(json));
	return api_result(st, &d, e);
}

enum cedar_code
cedar_store_remove(struct cedar_store *s, struct cedar_name_of name, struct cedar_error *e)
{
	struct cedar_uid uid;
	bool found = false;
	cedar_uid_init(&uid, text_span(name.type), text_span(name.id));
	status st = cedar_entities_remove(s->entities, &uid, &found);
	return api_result(!failed(st) && !found ? FAIL(E_NOT_FOUND) : st, NULL, e);
}

size_t
cedar_store_count(const struct cedar_store *s)
{
	return cedar_entities_count(s->entities);
}

enum cedar_code
cedar_store_write_json(const struct cedar_store *s, char **ret, struct cedar_error *e)
{
	struct buf b;
	buf_init(&b, (size_t)1 << 30);
	struct json_writer w = json_w(&b);
	return api_text(cedar_entities_to_json(s->entities, &w), NULL, &b, ret, e);
}
