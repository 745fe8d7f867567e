/* policy test: what *_test.yaml files expect, asked of the function that decides real calls. */
#include "policytest.h"
#include "policytest_priv.h"

#include "fixture.h"
#include "msg/enums.h"

#include <stdio.h>
#include <unistd.h>

enum { TEST_FILE_MAX = 1 << 20 };

/* ---- reading ---- */

static status
read_file(struct running *r, const char *path, struct buf *err)
{
	span text;
	status s = walk_read(&r->c->arena, path, TEST_FILE_MAX, &text);
	if (failed(s)) {
		buf_printf(err, "%s: %s", path, s.code == E_NOT_FOUND ? "no such file" : error_text(s.code));
		return s;
	}
	return testfile_read(text, path, &r->c->arena, &r->files[r->file_n++], err);
}

static status
read_files(struct running *r, struct buf *err)
{
	size_t cases = 0;
	const char *only = args_str(&r->c->args, "run");
	r->files = arena_array(&r->c->arena, r->set->other_n + 1, sizeof *r->files);
	ENSURE(r->files, E_NO_MEMORY);
	for (size_t i = 0; i < r->set->other_n; i++)
		if (r->set->others[i].kind == FILE_TEST)
			TRY(read_file(r, r->set->others[i].path, err));
	for (size_t i = 0; i < r->file_n; i++)
		cases += r->files[i].n;
	r->results = arena_array(&r->c->arena, cases + 1, sizeof *r->results);
	ENSURE(r->results, E_NO_MEMORY);
	for (size_t i = 0; i < r->file_n; i++)
		for (size_t k = 0; k < r->files[i].n; k++) {
			char *name = arena_cstr(&r->c->arena, r->files[i].cases[k].name);
			ENSURE(name, E_NO_MEMORY);
			if (!only || strstr(name, only))
				r->results[r->n++] = (struct result){ .file = &r->files[i], .k = &r->files[i].cases[k] };
		}
	return OK;
}

/* ---- running ---- */

static void
saw(void *ctx, const struct policy_set *, const struct cedar_entities *entities, const struct cedar_request *q, const struct cedar_answer *, struct arena *a)
{
	struct running *r = ctx;
	r->oom |= failed(cedar_coverage_add(r->coverage, entities, q, a));
}

static bool
same_rules(const struct policy_case *k, const struct trial_answer *a)
{
	if (k->rule_n != a->rule_n)
		return false;
	for (size_t i = 0; i < k->rule_n; i++) {
		bool found = false;
		for (uint8_t j = 0; j < a->rule_n; j++)
			found |= span_eq(k->rules[i], a->rules[j]->id);
		if (!found)
			return false;
	}
	return true;
}

static const char *
keep(struct running *r, const struct buf *b)
{
	const char *s = arena_cstr(&r->c->arena, buf_span(b));
	r->oom |= !s || b->err;
	return s ? s : "";
}

static status
run_case(struct running *r, struct trial *t, struct result *x)
{
	struct trial_answer a;
	struct trial_fault f;
	struct buf b;
	status s = trial_ask(t, &x->k->q, &a, &f);
	if (s.code == E_NO_MEMORY)
		return s;
	buf_init(&b, 16384);
	if (failed(s)) {
		buf_printf(&b, "%s", f.what[0] ? f.what : error_text(s.code));
		x->got = x->why = keep(r, &b);
		buf_fini(&b);
		return OK;
	}
	fixture_outcome(&a, &b);
	x->got = keep(r, &b);
	if (a.nearest) {
		buf_reset(&b);
		buf_printf(&b, "%.*s (%.*s:%u): %.*s", SPAN_ARG(a.nearest->id), SPAN_ARG(a.nearest->file), a.nearest->line, SPAN_ARG(a.lacked));
		x->nearest = keep(r, &b);
	}
	buf_fini(&b);
	bool rules = !x->k->rules || same_rules(x->k, &a);
	bool code = !x->k->code.n || span_is(x->k->code, error_name(a.code));
	x->ok = a.verdict == x->k->expect && rules && code;
	if (a.code == E_TOOL_UNKNOWN && !x->k->code.n) {
		/* A denial for want of the tool proves nothing about a policy. */
		x->ok = false;
		x->why = "no such tool; name it as server/tool, and keep its definition beside the policies (ambit tool catalogue)";
	} else if (!x->ok) {
		x->why = a.verdict != x->k->expect ? "another decision" : !code ? "another reason" : "other rules decided";
	}
	r->ok += x->ok;
	return OK;
}

/* What this file's cases have seen is added to what the others saw; the sets have the same policies in the same order. */
static status
add_coverage(struct running *r, size_t file)
{
	size_t n;
	const struct cedar_covered *l = cedar_coverage_list(r->coverage, &n);
	r->kept[file] = TAKE(r->coverage);
	if (!r->covered) {
		r->covered = arena_array(&r->c->arena, n + 1, sizeof *r->covered);
		ENSURE(r->covered, E_NO_MEMORY);
		memcpy(r->covered, l, n * sizeof *l);
		r->covered_n = n;
		return OK;
	}
	for (size_t i = 0; i < n && i < r->covered_n; i++) {
		r->covered[i].applied += l[i].applied;
		r->covered[i].considered += l[i].considered;
		for (uint32_t p = 0; p < l[i].part_n && p < r->covered[i].part_n; p++) {
			r->covered[i].parts[p].held += l[i].parts[p].held;
			r->covered[i].parts[p].missed += l[i].parts[p].missed;
			r->covered[i].parts[p].failed += l[i].parts[p].failed;
		}
	}
	return OK;
}

static status
run_file(struct running *r, size_t file)
{
	struct arena *a = &r->c->arena;
	struct testfile *t = &r->files[file];
	CLEANUP(trial_freep) struct trial *trial = NULL;
	span *agents = arena_array(a, t->n + 1, sizeof *agents);
	size_t n = 0;
	ENSURE(agents, E_NO_MEMORY);
	for (size_t i = 0; i < t->n; i++) {
		bool known = false;
		for (size_t k = 0; k < n && !known; k++)
			known = span_eq(agents[k], t->cases[i].q.agent);
		if (!known)
			agents[n++] = t->cases[i].q.agent;
	}
	struct fixture_extra extra = { .where = t->file, .resources = t->resources, .tools = t->tools, .agents = agents, .agent_n = n };
	const char *why = "";
	status s = fixture_new(r->c, r->set, &extra, &trial, &why);
	if (failed(s)) {
		size_t len = strlen(t->file) + strlen(why) + 3;
		r->problem = arena_alloc(a, len);
		ENSURE(r->problem, E_NO_MEMORY);
		snprintf(r->problem, len, "%s: %s", t->file, why);
		r->problem_code = s.code;
		return s;
	}
	TRY(cedar_coverage_new(trial_policies(trial)->compiled, &r->coverage));
	trial_watch(trial, saw, r);
	for (size_t i = 0; i < r->n; i++)
		if (r->results[i].file == t)
			TRY(run_case(r, trial, &r->results[i]));
	TRY(add_coverage(r, file));
	return r->oom ? FAIL(E_NO_MEMORY) : OK;
}

static void
sum_up(struct running *r)
{
	for (size_t i = 0; i < r->covered_n; i++) {
		r->rules_covered += r->covered[i].applied > 0;
		r->parts += 2 * r->covered[i].part_n;
		for (uint32_t p = 0; p < r->covered[i].part_n; p++)
			r->parts_covered += (r->covered[i].parts[p].held > 0) + (r->covered[i].parts[p].missed > 0);
	}
}

static void
running_fini(struct running *r)
{
	cedar_coverage_free(r->coverage);
	for (size_t i = 0; r->kept && i < r->file_n; i++)
		cedar_coverage_free(r->kept[i]);
}

static status
run(struct running *r, struct buf *err)
{
	TRY(read_files(r, err));
	r->kept = arena_array(&r->c->arena, r->file_n + 1, sizeof *r->kept);
	ENSURE(r->kept, E_NO_MEMORY);
	for (size_t i = 0; i < r->file_n; i++)
		TRY(run_file(r, i));
	sum_up(r);
	return OK;
}

static const char *
problem(struct running *r, struct buf *err, status s)
{
	const char *text = "";
	IGNORE(buf_finish_str(err, &text));
	text = text[0] ? text : r->problem ? r->problem : error_text(s.code);
	const char *line = arena_cstr(&r->c->arena, span_make(text, strcspn(text, "\n")));
	return line ? line : "out of memory";
}

int
policy_test_run(struct cli *c)
{
	struct findings f = { 0 };
	struct policyset set;
	struct running r = { .c = c, .set = &set };
	struct buf err;
	int code;
	if (!policyset_read(c, c->args.pos, c->args.n_pos, &set, &f, &code)) {
		findings_fini(&f);
		return code;
	}
	buf_init(&err, 65536);
	status s = OK;
	if (f.n) {
		code = findings_tell(c, &f);
	} else if (failed(s = run(&r, &err))) {
		bool policy = s.code == E_BAD_POLICY;
		code = cli_fail(c, s.code, policy ? "the server would refuse these policies" : NULL, policy ? "ambit policy validate" : NULL, "%s", problem(&r, &err, s));
		/* Tests that cannot run have not passed. */
		code = policy ? error_exit(E_FINDINGS) : code;
	} else if (!r.file_n) {
		code = cli_fail(c, E_NOT_FOUND, "tests are files that end in _test.yaml", "ambit help policy test", "there are no tests here");
	} else {
		int64_t least = args_int(&c->args, "min-coverage", 0);
		code = policytest_tell(&r);
		bool thin = policytest_percent(r.rules_covered, r.covered_n) < least;
		if (!code && thin && !c->quiet)
			dprintf(STDERR_FILENO, "ambit: %u%% of the rules are covered, %lld%% are wanted; --coverage lists them\n", policytest_percent(r.rules_covered, r.covered_n), (long long)least);
		code = code ? code : r.ok < r.n || thin ? error_exit(E_FINDINGS) : 0;
	}
	running_fini(&r);
	buf_fini(&err);
	policyset_fini(&set);
	findings_fini(&f);
	return code;
}

bool
policy_tests_pass(struct cli *c, char **paths, size_t n, const char **why)
{
	struct findings f = { 0 };
	struct policyset set;
	struct running r = { .c = c, .set = &set };
	struct buf err;
	int code;
	size_t tests = 0;
	*why = NULL;
	if (!policyset_read(c, paths, n, &set, &f, &code)) {
		findings_fini(&f);
		return true;                     /* apply says itself what cannot be read */
	}
	for (size_t i = 0; i < set.other_n; i++)
		tests += set.others[i].kind == FILE_TEST;
	buf_init(&err, 65536);
	if (tests && !f.n) {
		status s = run(&r, &err);
		if (failed(s)) {
			*why = problem(&r, &err, s);
		} else if (r.ok < r.n) {
			char *text = arena_alloc(&c->arena, 64);
			if (text)
				snprintf(text, 64, "%zu of %zu policy tests fail", r.n - r.ok, r.n);
			*why = text ? text : "policy tests fail";
		}
	}
	running_fini(&r);
	buf_fini(&err);
	policyset_fini(&set);
	findings_fini(&f);
	return *why == NULL;
}
