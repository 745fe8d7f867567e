/* The configuration file: YAML, nested keys for the dots of setting names. */
#include "role/config_priv.h"

#include "base/env.h"
#include "text/suggest.h"
#include "text/yaml.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>

enum { FILE_MAX = 1024 * 1024, KEY_MAX = 128 };

struct reading {
	struct config *c;
	const struct yaml *y;
	struct config_error *e;
};

static status
at_place(const struct reading *r, uint32_t at, const char *fmt, ...)
{
	char why[300];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, sizeof why, fmt, ap);
	va_end(ap);
	config_say(r->e, "%s:%u:%u: %s", r->y->file, yaml_line(at), yaml_column(at), why);
	return FAIL(E_BAD_CONFIG);
}

/* Is `key` a setting, or the beginning of one? */
static bool
known(span key, bool *ret_section)
{
	size_t n;
	const struct setting *s = config_settings(&n);

	*ret_section = false;
	for (size_t i = 0; i < n; i++) {
		span k = span_str(s[i].key);
		if (span_eq(k, key))
			return true;
		if (span_starts(k, key) && k.n > key.n && k.p[key.n] == '.') {
			*ret_section = true;
			return true;
		}
	}
	return false;
}

static status
unknown(const struct reading *r, span key, uint32_t at)
{
	size_t n;
	const struct setting *s = config_settings(&n);
	struct suggest near = { .given = key };

	for (size_t i = 0; i < n; i++)
		suggest_offer(&near, span_str(s[i].key));
	return near.best.p ? at_place(r, at, "unknown key `%.*s`; did you mean `%.*s`?", SPAN_ARG(key), SPAN_ARG(near.best))
	                   : at_place(r, at, "unknown key `%.*s`", SPAN_ARG(key));
}

static bool
put_scalar(const struct json *v, struct buf *b)
{
	if (v->kind == JSON_STR)
		buf_put(b, v->str);
	else if (v->kind == JSON_INT)
		buf_put_dec(b, v->i);
	else if (v->kind == JSON_BOOL)
		buf_put_str(b, v->truth ? "true" : "false");
	else
		return false;
	return true;
}

static status
set(const struct reading *r, span key, const struct json *v, uint32_t at)
{
	CLEANUP(buf_fini) struct buf value = { 0 };
	char origin[4300];
	struct config_error why = { 0 };
	bool ok = true;

	buf_init(&value, 65536);
	if (v->kind == JSON_ARR) {
		for (size_t i = 0; i < v->arr.n && ok; i++) {
			buf_put_str(&value, i ? "," : "");
			ok = put_scalar(&v->arr.items[i], &value);
		}
	} else {
		ok = put_scalar(v, &value);
	}
	if (!ok)
		return at_place(r, at, "`%.*s` may not be %s here", SPAN_ARG(key), json_kind_name((enum json_kind)v->kind));
	TRY(buf_finish(&value));
	snprintf(origin, sizeof origin, "%s:%u", r->y->file, yaml_line(at));
	status s = config_set(r->c, key, buf_span(&value), origin, &why);
	return failed(s) ? at_place(r, at, "%s", why.text) : OK;
}

/* Settings have two levels at most, so this never goes deep. */
static status
walk(const struct reading *r, span prefix, const struct json *obj)
{
	for (size_t i = 0; i < obj->obj.n; i++) {
		const struct json_member *m = &obj->obj.members[i];
		uint32_t at = yaml_key_at(r->y, obj, i);
		char text[KEY_MAX];
		bool section;
		int n = snprintf(text, sizeof text, "%.*s%s%.*s", SPAN_ARG(prefix), prefix.n ? "." : "", SPAN_ARG(m->key));
		span key = span_make(text, (size_t)n);
		if (n >= KEY_MAX || !known(key, &section))
			return unknown(r, n >= KEY_MAX ? m->key : key, at);
		if (section && m->value.kind != JSON_OBJ)
			return at_place(r, at, "`%s` must hold settings", text);
		if (section)
			TRY(walk(r, key, &m->value));
		else
			TRY(set(r, key, &m->value, at));
	}
	return OK;
}

static status
load_text(struct config *c, span text, const char *file, struct config_error *e)
{
	CLEANUP(arena_fini) struct arena a = { 0 };
	CLEANUP(buf_fini) struct buf why = { 0 };
	struct yaml y;
	struct reading r = { .c = c, .y = &y, .e = e };

	arena_init(&a, 64 * FILE_MAX);
	buf_init(&why, 4096);
	status s = yaml_parse(text, file, &a, &y, &why);
	if (failed(s)) {
		config_say(e, "%.*s", SPAN_ARG(span_sub(buf_span(&why), 0, span_find(buf_span(&why), '\n'))));
		return s.code == E_NO_MEMORY ? s : FAIL(E_BAD_CONFIG);
	}
	if (y.n == 0 || (y.n == 1 && y.docs[0].kind == JSON_NULL))
		return OK;
	if (y.n > 1 || y.docs[0].kind != JSON_OBJ) {
		config_say(e, "%s: one document of settings is wanted", file);
		return FAIL(E_BAD_CONFIG);
	}
	return walk(&r, (span){ 0 }, &y.docs[0]);
}

static status
load_file(struct config *c, const char *path, struct config_error *e)
{
	CLEANUP(buf_fini) struct buf text = { 0 };

	buf_init(&text, FILE_MAX);
	status s = env_read_file(env_posix(), path, &text);
	if (failed(s)) {
		config_say(e, "%s: %s", path, s.code == E_LIMIT ? "larger than 1 MiB" : strerror(errno));
		return s;
	}
	return load_text(c, buf_span(&text), path, e);
}

static int
is_yaml(const struct dirent *d)
{
	span name = span_str(d->d_name);

	return d->d_name[0] != '.' && span_ends(name, SPAN(".yaml"));
}

static int
by_bytes(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

/* conf.d beside the file; later names win. */
static status
load_folder(struct config *c, const char *path, struct config_error *e)
{
	char folder[4096], file[4400];
	struct dirent **names;
	const char *slash = strrchr(path, '/');
	status s = OK;

	snprintf(folder, sizeof folder, "%.*sconf.d", slash ? (int)(slash - path + 1) : 0, path);
	int n = scandir(folder, &names, is_yaml, by_bytes);
	if (n < 0)
		return OK;   /* there need not be one */
	for (int i = 0; i < n; i++) {
		snprintf(file, sizeof file, "%s/%s", folder, names[i]->d_name);
		if (!failed(s))
			s = load_file(c, file, e);
		free(names[i]);
	}
	free(names);
	return s;
}

status
config_load(struct config *c, const char *path, struct config_error *reterr)
{
	TRY(load_file(c, path, reterr));
	return load_folder(c, path, reterr);
}
