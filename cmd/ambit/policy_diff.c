/* policy diff: two sets of policies, by what they say and by what they decide. */
#include "escape.h"
#include "fixture.h"
#include "policycmp.h"
#include "serverset.h"
#include "testfile.h"
#include "msg/enums.h"

#include <stdio.h>

struct outcome {
	const struct testfile *file;
	const struct policy_case *k;
	const char *old, *new;           /* in words */
	uint8_t old_verdict, new_verdict;
	bool asked, differs;             /* only the rules may differ */
};

struct comparing {
	struct cli *c;
	struct policyset old, new;
	struct policy_pair *pairs;
	size_t pair_n;
	struct testfile *files;
	size_t file_n;
	struct outcome *outcomes;
	size_t n, changed;
	struct buf err;
	const char *why;
};

static status
read_tests(struct comparing *d)
{
	struct arena *a = &d->c->arena;
	size_t cases = 0;
	d->files = arena_array(a, d->new.other_n + 1, sizeof *d->files);
	ENSURE(d->files, E_NO_MEMORY);
	for (size_t i = 0; i < d->new.other_n; i++) {
		span text;
		if (d->new.others[i].kind != FILE_TEST)
			continue;
		TRY(walk_read(a, d->new.others[i].path, 1 << 20, &text));
		TRY(testfile_read(text, d->new.others[i].path, a, &d->files[d->file_n], &d->err));
		cases += d->files[d->file_n++].n;
	}
	d->outcomes = arena_array(a, cases + 1, sizeof *d->outcomes);
	ENSURE(d->outcomes, E_NO_MEMORY);
	for (size_t i = 0; i < d->file_n; i++)
		for (size_t k = 0; k < d->files[i].n; k++)
			d->outcomes[d->n++] = (struct outcome){ .file = &d->files[i], .k = &d->files[i].cases[k] };
	return OK;
}

static status
ask(struct comparing *d, struct trial *t, struct outcome *o, bool old)
{
	struct trial_answer a;
	struct trial_fault f;
	struct buf b;
	status s = trial_ask(t, &o->k->q, &a, &f);
	if (s.code == E_NO_MEMORY)
		return s;
	if (failed(s))
		return OK;               /* `ambit policy test` says what is wrong with the case */
	buf_init(&b, 16384);
	fixture_outcome(&a, &b);
	const char *text = arena_cstr(&d->c->arena, buf_span(&b));
	buf_fini(&b);
	ENSURE(text, E_NO_MEMORY);
	if (old) {
		o->old = text;
		o->old_verdict = a.verdict;
	} else {
		o->new = text;
		o->new_verdict = a.verdict;
	}
	return OK;
}

/* Both sets in the same world: the new folder's. */
static status
ask_file(struct comparing *d, const struct testfile *t)
{
	struct policyset old = d->old;
	span *agents = arena_array(&d->c->arena, t->n + 1, sizeof *agents);
	ENSURE(agents, E_NO_MEMORY);
	for (size_t i = 0; i < t->n; i++)
		agents[i] = t->cases[i].q.agent;
	struct fixture_extra extra = { .where = t->file, .resources = t->resources, .tools = t->tools, .agents = agents, .agent_n = t->n };
	old.others = d->new.others;
	old.other_n = d->new.other_n;
	for (int side = 0; side < 2; side++) {
		CLEANUP(trial_freep) struct trial *trial = NULL;
		TRY(fixture_new(d->c, side ? &d->new : &old, &extra, &trial, &d->why));
		for (size_t i = 0; i < d->n; i++)
			if (d->outcomes[i].file == t)
				TRY(ask(d, trial, &d->outcomes[i], side == 0));
	}
	return OK;
}

static status
compare(struct comparing *d)
{
	d->pairs = policy_pairs(d->c, &d->old, &d->new, &d->pair_n);
	ENSURE(d->pairs, E_NO_MEMORY);
	for (size_t i = 0; i < d->pair_n; i++)
		d->changed += d->pairs[i].change != POLICY_SAME;
	TRY(read_tests(d));
	for (size_t i = 0; i < d->file_n && d->changed; i++)
		TRY(ask_file(d, &d->files[i]));
	for (size_t i = 0; i < d->n; i++) {
		struct outcome *o = &d->outcomes[i];
		o->asked = o->old && o->new;
		o->differs = o->asked && o->old_verdict != o->new_verdict;
	}
	return OK;
}

/* ---- telling ---- */

static const struct cedar_policy *either(const struct policy_pair *p) { return p->new ? p->new : p->old; }

static span
name_of(const struct cedar_policy *p)
{
	span id = { 0 };
	if (!cedar_policy_annotation(p, SPAN("id"), &id) || !id.n)
		id = p->effect == CEDAR_PERMIT ? SPAN("(a permit)") : SPAN("(a forbid)");
	return id;
}

static const char *
place_of(struct comparing *d, const struct policy_pair *p)
{
	const struct source_text *s = policyset_source(p->new ? &d->new : &d->old, either(p));
	return s ? s->path : "?";
}

static size_t
count(const struct comparing *d, enum policy_change k)
{
	size_t n = 0;
	for (size_t i = 0; i < d->pair_n; i++)
		n += d->pairs[i].change == k;
	return n;
}

static void
put_people(struct comparing *d, struct buf *b)
{
	static const char signs[] = { ' ', '+', '-', '~' };
	for (size_t i = 0; i < d->pair_n; i++) {
		const struct policy_pair *p = &d->pairs[i];
		if (p->change == POLICY_SAME)
			continue;
		buf_printf(b, "%c ", signs[p->change]);
		escape_text(name_of(either(p)), false, b);
		buf_printf(b, "  %s:%u", place_of(d, p), either(p)->pos.line);
		if (p->change == POLICY_CHANGED)
			buf_printf(b, "  %s%s%s%s", p->effect ? "effect " : "", p->scope ? "scope " : "", p->conditions ? "conditions " : "", p->annotations ? p->annotations : "");
		while (b->n && b->p[b->n - 1] == ' ')
			buf_truncate(b, b->n - 1);
		buf_put_u8(b, '\n');
	}
	size_t asked = 0, differs = 0;
	for (size_t i = 0; i < d->n; i++) {
		const struct outcome *o = &d->outcomes[i];
		asked += o->asked;
		differs += o->differs;
		if (!o->differs)
			continue;
		buf_printf(b, "! %s:%u  ", o->file->file, o->k->line);
		escape_text(o->k->name, false, b);
		buf_put_str(b, "\n    was  ");
		escape_text(span_str(o->old), false, b);
		buf_put_str(b, "\n    now  ");
		escape_text(span_str(o->new), false, b);
		buf_put_u8(b, '\n');
	}
	if (!d->changed)
		buf_put_str(b, "nothing would change\n");
	else
		buf_printf(b, "%zu added, %zu removed, %zu changed", count(d, POLICY_ADDED), count(d, POLICY_REMOVED), count(d, POLICY_CHANGED));
	if (d->changed && asked)
		buf_printf(b, "; %zu of %zu test cases decided otherwise", differs, asked);
	if (d->changed)
		buf_put_u8(b, '\n');
}

static void
put_json(struct comparing *d, struct buf *b)
{
	static const char *const words[] = { "same", "add", "remove", "change" };
	struct json_writer w = json_w(b);
	json_w_obj(&w);
	json_w_karr(&w, "items");
	for (size_t i = 0; i < d->pair_n; i++) {
		const struct policy_pair *p = &d->pairs[i];
		if (p->change == POLICY_SAME)
			continue;
		json_w_obj(&w);
		json_w_kcstr(&w, "op", words[p->change]);
		json_w_kstr(&w, "id", name_of(either(p)));
		json_w_kcstr(&w, "file", place_of(d, p));
		json_w_kint(&w, "line", either(p)->pos.line);
		if (p->change == POLICY_CHANGED) {
			json_w_kbool(&w, "effect", p->effect);
			json_w_kbool(&w, "scope", p->scope);
			json_w_kbool(&w, "conditions", p->conditions);
			json_w_kcstr(&w, "annotations", p->annotations ? p->annotations : "");
		}
		json_w_obj_end(&w);
	}
	json_w_arr_end(&w);
	json_w_karr(&w, "outcomes");
	for (size_t i = 0; i < d->n; i++) {
		const struct outcome *o = &d->outcomes[i];
		if (!o->differs)
			continue;
		json_w_obj(&w);
		json_w_kstr(&w, "name", o->k->name);
		json_w_kcstr(&w, "file", o->file->file);
		json_w_kint(&w, "line", o->k->line);
		json_w_kcstr(&w, "was", o->old);
		json_w_kcstr(&w, "now", o->new);
		json_w_obj_end(&w);
	}
	json_w_arr_end(&w);
	json_w_obj_end(&w);
}

static int
tell(struct comparing *d)
{
	struct cli *c = d->c;
	struct buf b;
	const struct json *v;
	int code = 0;
	bool machine = cli_json(c) || c->output == OUT_NAME || c->field;
	buf_init(&b, 64 << 20);
	if (machine)
		put_json(d, &b);
	else
		put_people(d, &b);
	status s = buf_finish(&b);
	if (!failed(s) && machine)
		s = json_parse(buf_span(&b), &(struct json_opts){ .max_bytes = 64 << 20, .max_nodes = 4 << 20 }, &c->arena, &v, NULL);
	if (failed(s))
		code = cli_fail(c, s.code, error_text(s.code), NULL, "the differences cannot be told");
	else if (!machine || !out_machine(c, v, &code))
		code = out_write(buf_span(&b));
	buf_fini(&b);
	return code;
}

int
policy_diff_run(struct cli *c)
{
	struct comparing d = { .c = c };
	struct findings f = { 0 };
	bool server = args_has(&c->args, "server");
	size_t want = server ? 1 : 2;
	int code;
	if (c->args.n_pos != want)
		return cli_fail(c, E_BAD_REQUEST, NULL, "ambit policy diff OLD NEW, or ambit policy diff --server NEW", "diff compares two sets");
	buf_init(&d.err, 65536);
	bool ok = server ? serverset_policies(c, &d.old, &code) : policyset_read(c, c->args.pos, 1, &d.old, &f, &code);
	ok = ok && policyset_read(c, c->args.pos + want - 1, 1, &d.new, &f, &code);
	if (ok && f.n) {
		code = findings_tell(c, &f);
	} else if (ok) {
		const char *text = "";
		status s = compare(&d);
		if (failed(s)) {
			IGNORE(buf_finish_str(&d.err, &text));
			const char *why = text[0] ? text : d.why ? d.why : error_text(s.code);
			code = cli_fail(c, s.code, NULL, NULL, "the sets cannot be compared: %.*s", (int)strcspn(why, "\n"), why);
		} else {
			code = tell(&d);
			code = code ? code : d.changed ? 11 : 0;
		}
	}
	buf_fini(&d.err);
	policyset_fini(&d.old);
	policyset_fini(&d.new);
	findings_fini(&f);
	return code;
}
