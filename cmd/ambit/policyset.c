#include "policyset.h"

#include "cedar/parse.h"

#include <stdlib.h>

struct reading {
	struct cli *c;
	struct policyset *s;
	struct findings *f;
};

static span
name_of(struct arena *a, const char *path)
{
	const char *base = strrchr(path, '/');
	span s = span_str(base ? base + 1 : path);
	if (span_ends(s, SPAN(".cedar")))
		s.n -= strlen(".cedar");
	return arena_copy(a, strcmp(path, "-") == 0 ? SPAN("stdin") : s);
}

static status
grow(struct arena *a, void *list, size_t n, size_t *cap, size_t size)
{
	void **p = list;
	if (n < *cap)
		return OK;
	size_t more = *cap ? 2 * *cap : 32;
	void *bigger = arena_array(a, more, size);
	ENSURE(bigger, E_NO_MEMORY);
	if (n)
		memcpy(bigger, *p, n * size);
	*p = bigger;
	*cap = more;
	return OK;
}

static status
add_policy(struct reading *r, const char *path)
{
	struct arena *a = &r->c->arena;
	struct policyset *s = r->s;
	struct policy_text *t = ARENA_NEW(a, struct policy_text);
	struct cedar_diag d;
	ENSURE(t, E_NO_MEMORY);
	t->source.path = path;
	t->source.order = s->n;
	t->name = name_of(a, path);
	TRY(walk_read(a, path, POLICY_FILE_MAX, &t->source.text));
	TRY(grow(a, &s->texts, s->n, &s->cap, sizeof *s->texts));
	s->texts[s->n++] = t;
	r->f->files++;
	status e = cedar_parse_policies(t->source.text, t->name, 0, NULL, &t->ast, &d);
	if (e.code == E_NO_MEMORY)
		return e;
	if (failed(e))
		findings_add(r->f, RULE_SYNTAX, &t->source, NULL, &d);
	else
		r->f->policies += t->ast->policy_n;
	return OK;
}

static status
add_file(void *user, const char *path, enum file_kind kind, bool direct)
{
	struct reading *r = user;
	struct policyset *s = r->s;
	status e;
	if (kind == FILE_CEDAR || (direct && kind == FILE_OTHER)) {
		e = add_policy(r, path);
	} else {
		e = grow(&r->c->arena, &s->others, s->other_n, &s->other_cap, sizeof *s->others);
		if (!failed(e))
			s->others[s->other_n++] = (struct other_file){ path, kind };
	}
	if (failed(e))
		s->bad = path;
	return e;
}

bool
policyset_read(struct cli *c, char **paths, size_t n, struct policyset *ret, struct findings *f, int *ret_exit)
{
	char *standard_input[] = { arena_cstr(&c->arena, SPAN("-")) };
	struct reading r = { c, ret, f };
	status e = OK;
	*ret = (struct policyset){ 0 };
	if (n == 0 && c->tty_in) {
		*ret_exit = cli_fail(c, E_BAD_REQUEST, NULL, "name files or folders, or - for standard input", "which policies?");
		return false;
	}
	if (n == 0) {
		paths = standard_input;
		n = standard_input[0] != NULL;
	}
	for (size_t i = 0; i < n && !failed(e); i++) {
		ret->bad = paths[i];
		e = strcmp(paths[i], "-") == 0 ? add_policy(&r, paths[i]) : walk(&c->arena, paths[i], add_file, &r);
	}
	if (!failed(e))
		return true;
	*ret_exit = cli_fail(c, e.code, e.code == E_NOT_FOUND ? "no such file" : error_text(e.code), NULL, "%s cannot be read", ret->bad);
	policyset_fini(ret);
	return false;
}

void
policyset_fini(struct policyset *s)
{
	for (size_t i = 0; i < s->n; i++)
		cedar_ast_unref(s->texts[i]->ast);
	s->n = 0;
}

const struct source_text *
policyset_source(const struct policyset *s, const struct cedar_policy *p)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->texts[i]->ast == p->ast)
			return &s->texts[i]->source;
	return NULL;
}
