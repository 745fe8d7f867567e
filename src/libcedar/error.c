/* Codes, errors and texts. */
#include "libcedar/api.h"

#include <stdio.h>
#include <stdlib.h>

const char *
cedar_library_version(void)
{
	return LIBCEDAR_VERSION;
}

const char *
cedar_language_version(void)
{
	return "4.5";
}

static const char *const names[] = {
	[CEDAR_OK] = "ok", [CEDAR_BAD_POLICY] = "bad_policy", [CEDAR_BAD_SCHEMA] = "bad_schema", [CEDAR_BAD_ENTITY] = "bad_entity",
	[CEDAR_BAD_JSON] = "bad_json", [CEDAR_BAD_UTF8] = "bad_utf8", [CEDAR_DUPLICATE] = "duplicate", [CEDAR_UNKNOWN] = "unknown",
	[CEDAR_LIMIT] = "limit", [CEDAR_NO_MEMORY] = "no_memory", [CEDAR_INTERNAL] = "internal",
};

const char *
cedar_code_name(enum cedar_code code)
{
	return (size_t)code < ARRAY_LEN(names) ? names[code] : "unknown_code";
}

static enum cedar_code
code_of(uint16_t e)
{
	switch (e) {
	case E_OK:
		return CEDAR_OK;
	case E_BAD_POLICY:
		return CEDAR_BAD_POLICY;
	case E_BAD_SCHEMA:
	case E_NOT_IMPLEMENTED:
		return CEDAR_BAD_SCHEMA;
	case E_BAD_ENTITY:
		return CEDAR_BAD_ENTITY;
	case E_BAD_JSON:
		return CEDAR_BAD_JSON;
	case E_BAD_UTF8:
		return CEDAR_BAD_UTF8;
	case E_EXISTS:
		return CEDAR_DUPLICATE;
	case E_NOT_FOUND:
		return CEDAR_UNKNOWN;
	case E_LIMIT:
		return CEDAR_LIMIT;
	case E_NO_MEMORY:
		return CEDAR_NO_MEMORY;
	default:
		return CEDAR_INTERNAL;
	}
}

void
api_error(enum cedar_code code, const struct cedar_diag *d, struct cedar_error *e)
{
	*e = (struct cedar_error){ .code = code, .line = d->line, .column = d->col, .offset = d->offset, .end = d->end };
	memcpy(e->message, d->what, sizeof e->message);
	memcpy(e->hint, d->hint, sizeof e->hint);
}

enum cedar_code
api_result(status s, const struct cedar_diag *d, struct cedar_error *e)
{
	_Static_assert(sizeof e->message == sizeof d->what && sizeof e->hint == sizeof d->hint, "the texts fit");
	struct cedar_diag plain = { 0 };
	enum cedar_code code = code_of(s.code);
	if (code == CEDAR_OK || !e)
		return code;
	if (!d || !d->what[0]) {
		snprintf(plain.what, sizeof plain.what, "%s", error_text(s.code));
		d = &plain;
	}
	api_error(code, d, e);
	return code;
}

enum cedar_code
api_text(status s, const struct cedar_diag *d, struct buf *own_b, char **ret, struct cedar_error *e)
{
	const char *text;
	if (!failed(s))
		s = buf_finish_str(own_b, &text);
	if (!failed(s)) {
		*ret = (char *)own_b->p;
		*own_b = (struct buf){ 0 };
	}
	buf_fini(own_b);
	return api_result(s, d, e);
}

void
cedar_text_free(char *text)
{
	free(text);
}
