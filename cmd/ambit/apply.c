/* apply: files become resources. All of them are sent at once; the server takes all or none. */
#include "cli.h"
#include "policytest.h"
#include "base/env.h"
#include "text/yaml.h"
#include "walk.h"

#include <stdio.h>
#include <unistd.h>

enum { APPLY_MAX_FILES = 1024 };

struct source {
	const char *path;
	struct yaml yaml;               /* of a YAML or JSON file */
};

struct sources {
	struct cli *c;
	struct json_writer *w;
	struct source *files;
	size_t n, resources;
	struct buf problem;             /* "file:line:col: why" */
};

static bool
ends(const char *s, const char *with)
{
	return span_ends(span_str(s), span_str(with));
}

static const char *
policy_name(struct sources *s, const char *path)
{
	const char *base = strrchr(path, '/');
	base = base ? base + 1 : path;
	return arena_cstr(&s->c->arena, span_make(base, strlen(base) - strlen(".cedar")));
}

static status
add_text(struct sources *s, const char *path, span text)
{
	ENSURE(s->n < APPLY_MAX_FILES, E_LIMIT);
	struct source *f = &s->files[s->n++];
	*f = (struct source){ .path = path };
	if (ends(path, ".cedar")) {
		json_w_obj(s->w);
		json_w_kcstr(s->w, "kind", "policy");
		json_w_kcstr(s->w, "name", policy_name(s, path));
		json_w_kstr(s->w, "text", text);
		json_w_obj_end(s->w);
		s->resources++;
		return OK;
	}
	TRY(yaml_parse(text, path, &s->c->arena, &f->yaml, &s->problem));
	for (size_t i = 0; i < f->yaml.n; i++) {
		const struct json *d = &f->yaml.docs[i];
		if (d->kind == JSON_NULL)
			continue;
		if (d->kind == JSON_ARR) {
			json_for_items(it, d) {
				json_w_value(s->w, it);
				s->resources++;
			}
			continue;
		}
		json_w_value(s->w, d);
		s->resources++;
	}
	return OK;
}

static status
add_file(struct sources *s, const char *path)
{
	struct buf b;
	buf_init(&b, 4 << 20);
	status e = env_read_file(env_posix(), path, &b);
	if (failed(e))
		buf_printf(&s->problem, "%s: %s\n", path, e.code == E_NOT_FOUND ? "no such file" : error_text(e.code));
	else
		e = add_text(s, path, buf_span(&b));
	buf_fini(&b);
	return e;
}

/* What a walk finds: tests of policies and lists of tools lie beside resources and are none. */
static status
add_found(void *user, const char *path, enum file_kind kind, bool direct)
{
	bool resource = kind == FILE_CEDAR || kind == FILE_RESOURCES;
	return resource || direct ? add_file(user, path) : OK;
}

static status
add_stdin(struct sources *s)
{
	struct buf b;
	buf_init(&b, 4 << 20);
	ssize_t n = 0;
	uint8_t *p;
	while ((p = buf_extend(&b, 65536)) && (n = read(STDIN_FILENO, p, 65536)) > 0)
		buf_truncate(&b, b.n - 65536 + (size_t)n);
	if (p && n <= 0)
		buf_truncate(&b, b.n - 65536);
	status e = buf_finish(&b);
	if (!failed(e))
		e = n < 0 ? FAIL(E_IO) : add_text(s, "standard input", buf_span(&b));
	buf_fini(&b);
	return e;
}

static status
add_path(struct sources *s, const char *path)
{
	return strcmp(path, "-") == 0 ? add_stdin(s) : walk(&s->c->arena, path, add_found, s);
}

/* "file:line:col" of the member that the server refused, so that an editor can jump there. */
static bool
find_place(const struct sources *s, const struct json *error, struct buf *b)
{
	const struct json *r = json_gets(error, "resource"), *m = json_gets(error, "member");
	if (!json_is_str(r))
		return false;
	size_t slash = span_find(r->str, '/');
	span kind = span_sub(r->str, 0, slash), name = span_sub(r->str, slash + 1, r->str.n);
	for (size_t f = 0; f < s->n; f++)
		for (size_t i = 0; i < s->files[f].yaml.n; i++) {
			const struct json *d = &s->files[f].yaml.docs[i];
			const struct json *k = json_gets(d, "kind"), *n = json_gets(d, "name");
			if (!json_is_str(k) || !json_is_str(n) || !span_eq(k->str, kind) || !span_eq(n->str, name))
				continue;
			uint32_t at = d->at;
			for (size_t j = 0; j < d->obj.n && json_is_str(m); j++)
				if (span_eq(d->obj.members[j].key, m->str))
					at = yaml_key_at(&s->files[f].yaml, d, j);
			buf_printf(b, "%s:%u:%u", s->files[f].path, yaml_line(at), yaml_column(at));
			return true;
		}
	return false;
}

static void
put_changes(struct cli *c, const struct json *v, struct buf *b)
{
	unsigned n[3] = { 0 };
	json_for_items(k, json_gets(v, "changes")) {
		const char *op = text_at(c, k, "op");
		char sign = strcmp(op, "add") == 0 ? '+' : strcmp(op, "change") == 0 ? '~' : strcmp(op, "remove") == 0 ? '-' : ' ';
		n[0] += sign == '+';
		n[1] += sign == '~';
		n[2] += sign == '-';
		if (sign == ' ')
			continue;
		buf_printf(b, "%c %s %s\n", sign, text_at(c, k, "kind"), text_at(c, k, "name"));
		json_for_items(d, json_gets(k, "diff"))
			buf_printf(b, "    %s: %s -> %s\n", text_at(c, d, "path"), json_gets(d, "old") ? text_at(c, d, "old") : "(none)", json_gets(d, "new") ? text_at(c, d, "new") : "(none)");
	}
	json_for_items(k, json_gets(v, "warnings")) {
		buf_put_str(b, "warning: ");
		out_scalar(k, b);
		buf_put_u8(b, '\n');
	}
	if (true_at(v, "dry_run"))
		buf_printf(b, "%u to add, %u to change, %u to remove. Run without --dry-run to apply.\n", n[0], n[1], n[2]);
	else if (n[0] + n[1] + n[2])
		buf_printf(b, "%u added, %u changed, %u removed. Policy version %s.\n", n[0], n[1], n[2], text_at(c, v, "policy_version"));
	else
		buf_put_str(b, "nothing to change\n");
}

static bool
changes_anything(const struct json *v)
{
	json_for_items(k, json_gets(v, "changes")) {
		const struct json *op = json_gets(k, "op");
		if (json_is_str(op) && !span_is(op->str, "same"))
			return true;
	}
	return false;
}

static int
send(struct cli *c, struct sources *s, span params)
{
	struct answer a;
	status e = cli_ask(c, PEER_PEOPLE, "apply/run", params, &a);
	if (failed(e))
		return cli_unreachable(c, e, PEER_PEOPLE);
	if (a.error) {
		struct buf place;
		buf_init(&place, 8192);
		const char *p;
		if (!cli_json(c) && find_place(s, a.error, &place) && !failed(buf_finish_str(&place, &p)))
			dprintf(STDERR_FILENO, "%s: not applied, nothing was changed\n", p);
		buf_fini(&place);
		return cli_refused(c, a.error);
	}
	int code;
	if (!out_machine(c, a.json, &code)) {
		struct buf b;
		buf_init(&b, 64 << 20);
		put_changes(c, a.json, &b);
		code = out_write(buf_span(&b));
		buf_fini(&b);
	}
	return code ? code : true_at(a.json, "dry_run") && changes_anything(a.json) ? 11 : 0;
}

/* Tests beside the policies say what the policies are for: a set that breaks them is not put in force by accident. */
static bool
tests_pass(struct cli *c, const char **why)
{
	char **paths = arena_array(&c->arena, c->args.n_set + 1, sizeof *paths);
	const char *path;
	size_t n = 0;
	for (size_t i = 0; paths && (path = args_next(&c->args, "file", &i));)
		if (strcmp(path, "-") != 0)
			paths[n++] = arena_cstr(&c->arena, span_str(path));
	return n == 0 || policy_tests_pass(c, paths, n, why);
}

int
cmd_apply_run(struct cli *c)
{
	const char *failing;
	if (!args_has(&c->args, "file"))
		return cli_fail(c, E_BAD_REQUEST, NULL, "ambit apply -f PATH", "apply what?");
	if (!args_has(&c->args, "skip-tests") && !tests_pass(c, &failing))
		return cli_fail(c, E_FINDINGS, failing, "ambit policy test PATH; --skip-tests applies all the same", "not applied, nothing was changed");
	struct buf b;
	buf_init(&b, 16 << 20);
	struct json_writer w = json_w(&b);
	struct sources s = { .c = c, .w = &w, .files = arena_array(&c->arena, APPLY_MAX_FILES, sizeof(struct source)) };
	buf_init(&s.problem, 65536);
	json_w_obj(&w);
	json_w_kbool(&w, "dry_run", args_has(&c->args, "dry-run"));
	json_w_kbool(&w, "prune", args_has(&c->args, "prune"));
	json_w_karr(&w, "resources");
	status e = s.files ? OK : FAIL(E_NO_MEMORY);
	const char *path, *why;
	for (size_t i = 0; !failed(e) && (path = args_next(&c->args, "file", &i));)
		e = add_path(&s, path);
	json_w_arr_end(&w);
	json_w_obj_end(&w);
	if (!failed(e))
		e = buf_finish(&b);
	int code;
	if (failed(e) && s.problem.n && !failed(buf_finish_str(&s.problem, &why))) {
		s.problem.p[strcspn(why, "\n")] = 0;
		code = cli_fail(c, E_BAD_CONFIG, NULL, NULL, "%s", why);
	} else if (failed(e)) {
		code = cli_fail(c, e.code == E_BAD_UTF8 ? E_BAD_UTF8 : E_BAD_CONFIG, error_text(e.code), NULL, "the files cannot be read");
	} else if (s.resources == 0) {
		code = cli_fail(c, E_NOT_FOUND, "only .yaml, .yml, .json and .cedar files are read", NULL, "there are no resources in these files");
	} else {
		code = send(c, &s, buf_span(&b));
	}
	buf_fini(&s.problem);
	buf_fini(&b);
	return code;
}
