#include "tests/test.h"

#include "base/buf.h"
#include "cedar/cedar.h"

static struct cedar_uid
uid(const char *type, const char *id)
{
	struct cedar_uid u;
	cedar_uid_init(&u, span_str(type), span_str(id));
	return u;
}

static void
put(struct cedar_entities *s, struct cedar_uid u, const struct cedar_record *attrs, const struct cedar_uid *parent)
{
	const struct cedar_uid *parents[] = { parent };
	assert_ok(cedar_entities_put(s, &(struct cedar_entity){ .uid = &u, .attrs = attrs, .parents = parents, .parent_n = parent != NULL }, NULL));
}

static const struct cedar_policies *
compile(const char *text)
{
	struct cedar_ast *ast;
	struct cedar_diag d;
	const struct cedar_policies *set;
	status s = cedar_parse_policies(span_str(text), SPAN("t.cedar"), 0, NULL, &ast, &d);
	if (failed(s))
		fail_msg("%s: %s", text, d.what);
	assert_ok(cedar_policies_new(&ast, 1, &set, &d));
	cedar_ast_unref(ast);
	return set;
}

struct world {
	struct cedar_entities *entities;
	struct arena arena, scratch;
	struct cedar_uid agent, team, tool, group, repo, folder;
	struct cedar_request req;
};

static void
world_init(struct world *w)
{
	w->entities = cedar_entities_new(7);
	assert_non_null(w->entities);
	arena_init(&w->arena, 1u << 20);
	arena_init(&w->scratch, 1u << 20);
	w->agent = uid("Agent", "a");
	w->team = uid("Team", "t");
	w->tool = uid("Action", "gh/create");
	w->group = uid("Action", "gh");
	w->repo = uid("Repo", "x/y");
	w->folder = uid("Org", "x");
	struct cedar_record_builder b = cedar_record_begin(&w->arena);
	cedar_record_put(&b, SPAN("level"), cedar_long(3));
	cedar_record_put(&b, SPAN("name"), cedar_string(SPAN("bot")));
	put(w->entities, w->agent, cedar_record_finish(&b), &w->team);
	put(w->entities, w->tool, NULL, &w->group);
	put(w->entities, w->repo, NULL, &w->folder);
	b = cedar_record_begin(&w->arena);
	cedar_record_put(&b, SPAN("amount"), cedar_long(10));
	w->req = (struct cedar_request){ &w->agent, &w->tool, &w->repo, cedar_record_finish(&b) };
}

static void
world_fini(struct world *w)
{
	cedar_entities_free(w->entities);
	arena_fini(&w->arena);
	arena_fini(&w->scratch);
}

/* "allow p0,p2 | f1 | e3": decision, permits, forbids, failures by number of the policy. */
static void
expect(struct world *w, const char *text, const char *want)
{
	const struct cedar_policies *set = compile(text);
	struct cedar_answer a;
	bool allow;
	char got[400], *o = got;
	assert_ok(cedar_evaluate(set, w->entities, &w->req, &w->arena, &a));
	assert_ok(cedar_decide(set, w->entities, &w->req, &w->arena, &allow));
	assert_int_equal(allow, a.allow);
	o += sprintf(o, "%s", a.allow ? "allow" : "deny");
	for (uint32_t i = 0; i < a.permit_n; i++)
		o += sprintf(o, " p%.*s", SPAN_ARG(span_sub(a.permits[i]->id, 6, 9)));
	for (uint32_t i = 0; i < a.forbid_n; i++)
		o += sprintf(o, " f%.*s", SPAN_ARG(span_sub(a.forbids[i]->id, 6, 9)));
	for (uint32_t i = 0; i < a.failure_n; i++)
		o += sprintf(o, " e%.*s", SPAN_ARG(span_sub(a.failures[i].policy->id, 6, 9)));
	if (strcmp(got, want) != 0)
		fail_msg("%s: got %s, want %s", text, got, want);
	cedar_policies_unref(set);
}

static void
combines(void **)
{
	struct world w;
	world_init(&w);
	expect(&w, "", "deny");
	expect(&w, "permit(principal,action,resource);", "allow p0");
	expect(&w, "permit(principal,action,resource); forbid(principal,action,resource);", "deny p0 f1");
	expect(&w, "permit(principal,action,resource) when {context.nope}; forbid(principal,action,resource) when {1};", "deny e0 e1");
	expect(&w, "permit(principal,action,resource); forbid(principal,action,resource) when {1 == context.nope};", "allow p0 e1");
	world_fini(&w);
}

static void
finds_by_head(void **)
{
	struct world w;
	world_init(&w);
	static const char *const yes[] = {
		"principal == Agent::\"a\",action,resource", "principal in Team::\"t\",action,resource", "principal in Agent::\"a\",action,resource",
		"principal is Agent,action,resource", "principal is Agent in Team::\"t\",action,resource",
		"principal,action == Action::\"gh/create\",resource", "principal,action in Action::\"gh\",resource",
		"principal,action in Action::\"gh/create\",resource",
		"principal,action in [Action::\"z\",Action::\"gh\",Action::\"gh/create\",Action::\"gh\"],resource",
		"principal,action,resource == Repo::\"x/y\"", "principal,action,resource in Org::\"x\"", "principal,action,resource is Repo",
		"principal,action,resource is Repo in Org::\"x\"", "principal == Agent::\"a\",action in [Action::\"gh\"],resource in Org::\"x\"",
		"principal in Team::\"t\",action == Action::\"gh/create\",resource == Repo::\"x/y\"",
	};
	static const char *const no[] = {
		"principal == Agent::\"b\",action,resource", "principal == NS::Agent::\"a\",action,resource", "principal in Team::\"u\",action,resource",
		"principal is Team,action,resource", "principal is Agent in Team::\"u\",action,resource",
		"principal is Team in Team::\"t\",action,resource", "principal,action == Action::\"gh\",resource",
		"principal,action in [],resource", "principal,action in [Action::\"z\"],resource", "principal,action,resource == Org::\"x\"",
		"principal,action,resource is Org in Org::\"x\"", "principal == Agent::\"a\",action,resource == Repo::\"z\"",
		"principal in Team::\"u\",action,resource == Repo::\"x/y\"", "principal is Team,action == Action::\"gh/create\",resource == Repo::\"x/y\"",
	};
	char text[400], all[8000] = "", want[300] = "allow";
	for (size_t i = 0; i < ARRAY_LEN(yes); i++) {
		snprintf(text, sizeof text, "permit(%s);", yes[i]);
		expect(&w, text, "allow p0");
		strcat(all, text);
		sprintf(want + strlen(want), " p%zu", i);
	}
	for (size_t i = 0; i < ARRAY_LEN(no); i++) {
		snprintf(text, sizeof text, "permit(%s);", no[i]);
		expect(&w, text, "deny");
		strcat(all, text);
	}
	expect(&w, all, want);
	world_fini(&w);
}

static void
says_what_failed(void **)
{
	static const struct { const char *cond, *want; } cases[] = {
		{ "context.nope", "t.cedar: line 1, column 42: the record has no attribute \"nope\"" },
		{ "principal.nope", "t.cedar: line 1, column 42: Agent::\"a\" has no attribute \"nope\"" },
		{ "Agent::\"z\".nope", "t.cedar: line 1, column 42: there is no entity Agent::\"z\"" },
		{ "principal.getTag(\"k\")", "t.cedar: line 1, column 42: Agent::\"a\" has no tag \"k\"" },
		{ "1 + \"a\" == 2", "t.cedar: line 1, column 42: expected long, got string" },
		{ "context.amount", "t.cedar: line 1, column 42: expected bool, got long" },
		{ "9223372036854775807 + context.amount == 1", "t.cedar: line 1, column 42: the result does not fit a 64-bit Long" },
		{ "ip(\"x\").isIpv4()", "t.cedar: line 1, column 42: not an IP address or CIDR range (in ip)" },
		{ "ip(\"::1\").isInRange(ip(\"::1\"), context.amount, 1, 2, 3, 4, 5, 6, 7, 8)",
		  "t.cedar: line 1, column 42: wrong number of arguments (in isInRange)" },
		{ "true && context", "t.cedar: line 1, column 50: expected bool, got record" },
	};
	struct world w;
	world_init(&w);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char text[300];
		struct cedar_answer a;
		struct buf b;
		const char *got;
		snprintf(text, sizeof text, "permit(principal,action,resource) when { %s };", cases[i].cond);
		const struct cedar_policies *set = compile(text);
		assert_ok(cedar_evaluate(set, w.entities, &w.req, &w.arena, &a));
		assert_int_equal(a.failure_n, 1);
		buf_init(&b, 1000);
		cedar_failure_print(a.failures, &b);
		assert_ok(buf_finish_str(&b, &got));
		assert_string_equal(got, cases[i].want);
		buf_fini(&b);
		cedar_policies_unref(set);
	}
	world_fini(&w);
}

static void
edits_a_set(void **)
{
	struct cedar_ast *ast;
	struct cedar_diag d;
	const struct cedar_policies *one = compile("permit(principal,action,resource); forbid(principal,action,resource);"), *two, *three;
	const struct cedar_policy *drop = cedar_policies_at(one, 1);
	struct world w;
	bool allow;
	world_init(&w);
	assert_ok(cedar_parse_policies(SPAN("@id(\"new\") permit(principal is Agent,action,resource);"), SPAN("u.cedar"), 0, NULL, &ast, &d));
	assert_ok(cedar_policies_edit(one, &drop, 1, ast, &two, &d));
	cedar_ast_unref(ast);
	assert_fails(cedar_policies_edit(two, &drop, 1, NULL, &three, &d), E_NOT_FOUND);
	cedar_policies_unref(one);
	assert_int_equal(cedar_policies_count(two), 2);
	assert_span(cedar_policy_file(cedar_policies_at(two, 1)), "u.cedar");
	assert_ok(cedar_decide(two, w.entities, &w.req, &w.arena, &allow));
	assert_true(allow);
	/* The same id from the same file twice. */
	assert_ok(cedar_parse_policies(SPAN("permit(principal,action,resource);"), SPAN("t.cedar"), 0, NULL, &ast, &d));
	assert_fails(cedar_policies_edit(two, NULL, 0, ast, &three, &d), E_EXISTS);
	cedar_ast_unref(ast);
	cedar_policies_unref(two);
	world_fini(&w);
}

/* The same answer, by id, from both sets. */
static void
same_answer(struct world *w, const struct cedar_policies *a, const struct cedar_policies *b)
{
	struct cedar_answer x, y;
	bool allow;
	arena_reset(&w->scratch);
	assert_ok(cedar_evaluate(a, w->entities, &w->req, &w->scratch, &x));
	assert_ok(cedar_evaluate(b, w->entities, &w->req, &w->scratch, &y));
	assert_int_equal(x.permit_n, y.permit_n);
	assert_int_equal(x.forbid_n, y.forbid_n);
	assert_int_equal(x.failure_n, y.failure_n);
	for (uint32_t i = 0; i < x.permit_n; i++) {
		assert_true(span_eq(x.permits[i]->id, y.permits[i]->id));
		assert_ptr_equal(cedar_policies_at(a, x.permit_at[i]), x.permits[i]);
	}
	for (uint32_t i = 0; i < x.forbid_n; i++) {
		assert_true(span_eq(x.forbids[i]->id, y.forbids[i]->id));
		assert_ptr_equal(cedar_policies_at(a, x.forbid_at[i]), x.forbids[i]);
	}
	for (uint32_t i = 0; i < x.failure_n; i++)
		assert_ptr_equal(cedar_policies_at(a, x.failures[i].ordinal), x.failures[i].policy);
	assert_ok(cedar_decide(a, w->entities, &w->req, &w->scratch, &allow));
	assert_true(allow == y.allow);
}

static struct cedar_ast *
some_policy(unsigned seed, uint32_t id)
{
	static const char *const heads[] = { "principal, action, resource", "principal == Agent::\"a\", action, resource", "principal == Agent::\"b\", action, resource",
	                                     "principal, action == Action::\"gh/create\", resource", "principal is Agent, action in Action::\"gh\", resource" };
	struct cedar_ast *ast;
	struct cedar_diag d;
	char text[200];
	snprintf(text, sizeof text, "%s(%s)%s;", seed % 7 == 0 ? "forbid" : "permit", heads[seed % ARRAY_LEN(heads)], seed % 3 == 0 ? " when { context.nope }" : "");
	assert_ok(cedar_parse_policies(span_str(text), SPAN("t.cedar"), id, NULL, &ast, &d));
	return ast;
}

/* One edit after the other, until everything was put together anew more than once: always as if compiled at once. */
static void
edits_are_as_good_as_new(void **)
{
	enum { MANY = 400 };
	struct world w;
	struct cedar_ast *ast[MANY] = { 0 };
	const struct cedar_policies *set, *next, *fresh;
	struct cedar_diag d;
	unsigned seed = 7, live = 0;
	world_init(&w);
	assert_ok(cedar_policies_new(NULL, 0, &set, &d));
	for (unsigned round = 0; round < MANY; round++) {
		const struct cedar_policy *drop[2] = { 0 };
		unsigned drops = 0;
		seed = seed * 1103515245 + 12345;
		ast[live] = some_policy(seed >> 16, round);
		for (unsigned k = 0; k < (seed >> 8) % 4 / 2 && live > 20; k++) {
			unsigned at = (seed >> (10 + k)) % live;
			if (drops && drop[0] == ast[at]->policies[0])
				continue;
			drop[drops++] = ast[at]->policies[0];
		}
		assert_ok(cedar_policies_edit(set, drop, drops, ast[live++], &next, &d));
		for (unsigned k = 0; k < drops; k++)
			for (unsigned i = 0; i < live; i++)
				if (ast[i]->policies[0] == drop[k]) {
					cedar_ast_unref(ast[i]);
					live--;
					memmove(&ast[i], &ast[i + 1], (live - i) * sizeof *ast);
					break;
				}
		cedar_policies_unref(set);
		set = next;
		assert_int_equal(cedar_policies_count(set), live);
		for (unsigned i = 0; i < live; i++)
			assert_ptr_equal(cedar_policies_at(set, i), ast[i]->policies[0]);
		assert_ok(cedar_policies_new(ast, live, &fresh, &d));
		same_answer(&w, set, fresh);
		/* a name that is taken, and one that was dropped */
		struct cedar_ast *twice = some_policy(1, round);
		assert_fails(cedar_policies_edit(set, NULL, 0, twice, &next, &d), E_EXISTS);
		for (unsigned at = 0; at < live; at += live - 1 ? live - 1 : 1) {
			drop[0] = drop[1] = ast[at]->policies[0];
			assert_fails(cedar_policies_edit(set, drop, 2, NULL, &next, &d), E_NOT_FOUND);
		}
		drop[0] = twice->policies[0];
		assert_fails(cedar_policies_edit(set, drop, 1, NULL, &next, &d), E_NOT_FOUND);
		cedar_ast_unref(twice);
		cedar_policies_unref(fresh);
	}
	for (unsigned i = 0; i < live; i++)
		cedar_ast_unref(ast[i]);
	cedar_policies_unref(set);
	world_fini(&w);
}

/* Neighbours that share something give what each gives alone. */
static void
many_at_once(void **)
{
	struct world w;
	struct cedar_uid other[3];
	struct cedar_request r[24];
	struct cedar_answer all[24], one;
	const struct cedar_uid *resources[3];
	bool decisions[3];
	world_init(&w);
	cedar_uid_init(&other[0], SPAN("Agent"), SPAN("z"));
	cedar_uid_init(&other[1], SPAN("Repo"), SPAN("z"));
	cedar_uid_init(&other[2], SPAN("Action"), SPAN("z"));
	struct cedar_record_builder b = cedar_record_begin(&w.arena);
	cedar_record_put(&b, SPAN("amount"), cedar_long(11));
	const struct cedar_record *context = cedar_record_finish(&b);
	b = cedar_record_begin(&w.arena);
	cedar_record_put(&b, SPAN("level"), cedar_long(9));
	const struct cedar_entity *extra[] = { cedar_entity_make(&w.arena, w.entities, &w.agent, cedar_record_finish(&b), NULL, NULL, 0) };
	const struct cedar_policies *set = compile(
	    "permit(principal,action,resource) when { principal.level == 3 && context.amount == 10 };"
	    "permit(principal,action,resource) when { principal.level == 3 && resource in Org::\"x\" };"
	    "permit(principal,action,resource) when { context.amount == 10 && resource in Org::\"x\" };"
	    "permit(principal,action,resource) when { principal.level == 9 && action in Action::\"gh\" };"
	    "forbid(principal,action,resource) when { context.amount == 11 && action in Action::\"gh\" };");
	for (unsigned i = 0; i < ARRAY_LEN(r); i++) {
		r[i] = w.req;
		if (i & 1)
			r[i].resource = &other[1];
		if (i & 2)
			r[i].context = context;
		if (i & 4)
			r[i].principal = &other[0];
		if (i % 5 == 3)
			r[i].action = &other[2];
		if (i & 16) {
			r[i].extra = extra;
			r[i].extra_n = 1;
		}
	}
	assert_ok(cedar_evaluate_many(set, w.entities, r, ARRAY_LEN(r), &w.arena, all));
	for (unsigned i = 0; i < ARRAY_LEN(r); i++) {
		assert_ok(cedar_evaluate(set, w.entities, &r[i], &w.arena, &one));
		assert_int_equal(all[i].allow, one.allow);
		assert_int_equal(all[i].permit_n, one.permit_n);
		assert_int_equal(all[i].forbid_n, one.forbid_n);
		assert_int_equal(all[i].failure_n, one.failure_n);
		for (uint32_t k = 0; k < one.permit_n; k++)
			assert_ptr_equal(all[i].permits[k], one.permits[k]);
	}
	resources[0] = w.req.resource;
	resources[1] = &other[1];
	resources[2] = w.req.resource;
	assert_ok(cedar_decide_each(set, w.entities, &w.req, resources, 3, &w.arena, decisions));
	for (unsigned i = 0; i < 3; i++) {
		struct cedar_request q = w.req;
		q.resource = resources[i];
		assert_ok(cedar_evaluate(set, w.entities, &q, &w.arena, &one));
		assert_int_equal(decisions[i], one.allow);
	}
	/* no memory: no answer at all */
	struct arena tiny;
	arena_init(&tiny, 100);
	all[0].allow = true;
	assert_fails(cedar_evaluate_many(set, w.entities, r, ARRAY_LEN(r), &tiny, all), E_NO_MEMORY);
	assert_false(all[0].allow);
	arena_fini(&tiny);
	cedar_policies_unref(set);
	world_fini(&w);
}

static void
no_answer_without_memory(void **)
{
	struct world w;
	struct arena tiny;
	struct cedar_answer a;
	bool allow = true;
	world_init(&w);
	const struct cedar_policies *set = compile("permit(principal,action,resource);"
	    "forbid(principal,action,resource) when { [context.amount, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13].contains(10) };");
	arena_init(&tiny, 200);
	assert_fails(cedar_evaluate(set, w.entities, &w.req, &tiny, &a), E_NO_MEMORY);
	assert_false(a.allow);
	arena_reset(&tiny);
	assert_fails(cedar_decide(set, w.entities, &w.req, &tiny, &allow), E_NO_MEMORY);
	assert_false(allow);
	arena_fini(&tiny);
	cedar_policies_unref(set);
	/* however far it gets */
	unsigned refused = 0;
	set = compile("permit(principal,action,resource);");
	for (size_t room = 16; room < 600; room++) {
		arena_init(&tiny, room);
		memset(&a, 1, sizeof a);
		status s = cedar_evaluate(set, w.entities, &w.req, &tiny, &a);
		refused += failed(s);
		assert_true(a.allow == !failed(s));
		arena_fini(&tiny);
	}
	assert_true(refused > 2);
	cedar_policies_unref(set);
	world_fini(&w);
}

static void
request_entities_hide_the_store(void **)
{
	struct world w;
	world_init(&w);
	struct cedar_record_builder b = cedar_record_begin(&w.arena);
	cedar_record_put(&b, SPAN("level"), cedar_long(9));
	const struct cedar_uid *parents[] = { &w.repo };
	const struct cedar_entity *extra[] = { cedar_entity_make(&w.arena, w.entities, &w.agent, cedar_record_finish(&b), NULL, parents, 1) };
	expect(&w, "permit(principal in Team::\"t\",action,resource) when { principal.level == 3 };", "allow p0");
	w.req.extra = extra;
	w.req.extra_n = 1;
	expect(&w, "permit(principal in Org::\"x\",action,resource) when { principal.level == 9 && principal in resource };", "allow p0");
	expect(&w, "permit(principal in Team::\"t\",action,resource);", "deny");
	world_fini(&w);
}

/* More than are sorted as they come, found in an order that is not theirs. */
static void
many_apply_in_order(void **)
{
	static const char *const heads[] = { "principal, action, resource", "principal == Agent::\"a\", action, resource", "principal, action, resource in Org::\"x\"",
	                                     "principal, action == Action::\"gh/create\", resource", "principal is Agent, action in Action::\"gh\", resource" };
	struct world w;
	struct buf b;
	struct cedar_answer a;
	struct cedar_response r;
	world_init(&w);
	buf_init(&b, 1u << 20);
	for (unsigned i = 0; i < 400; i++)
		buf_printf(&b, "%s(%s)%s;", i % 7 == 0 ? "forbid" : "permit", heads[i * 3 % ARRAY_LEN(heads)], i % 4 == 0 ? " when { context.nope }" : "");
	buf_put_u8(&b, 0);
	const struct cedar_policies *set = compile((const char *)b.p), *same = cedar_policies_ref(set);
	cedar_policies_unref(set);
	assert_ok(cedar_evaluate(same, w.entities, &w.req, &w.arena, &a));
	assert_int_equal(a.failure_n, 100);
	assert_int_equal(a.permit_n + a.forbid_n, 300);
	for (uint32_t i = 0; i < a.permit_n; i++)
		assert_ptr_equal(cedar_policies_at(same, a.permit_at[i]), a.permits[i]);
	for (uint32_t i = 0; i < a.forbid_n; i++)
		assert_ptr_equal(cedar_policies_at(same, a.forbid_at[i]), a.forbids[i]);
	for (uint32_t i = 0; i < a.failure_n; i++)
		assert_ptr_equal(cedar_policies_at(same, a.failures[i].ordinal), a.failures[i].policy);
	for (uint32_t i = 1; i < a.permit_n; i++)
		assert_true(a.permits[i - 1]->pos.offset < a.permits[i]->pos.offset);
	for (uint32_t i = 1; i < a.forbid_n; i++)
		assert_true(a.forbids[i - 1]->pos.offset < a.forbids[i]->pos.offset);
	for (uint32_t i = 1; i < a.failure_n; i++)
		assert_true(a.failures[i - 1].policy->pos.offset < a.failures[i].policy->pos.offset);
	assert_ok(cedar_is_authorized(same, w.entities, &w.req, &w.arena, &r));
	assert_false(r.allow);
	assert_int_equal(r.reason_n, a.forbid_n);
	assert_int_equal(r.error_n, 100);
	assert_true(cedar_policies_memory(same) > 400 * 200 && cedar_policies_memory(same) < 400 * 2048);
	cedar_policies_unref(same);
	buf_fini(&b);
	world_fini(&w);
}

static void
builds_records(void **)
{
	struct arena a;
	char key[20][4];
	arena_init(&a, 1u << 20);
	struct cedar_record_builder b = cedar_record_begin(&a);
	for (unsigned i = 0; i < 20; i++)
		cedar_record_put(&b, span_make(key[i], (size_t)snprintf(key[i], 4, "%u", i)), cedar_long(i));
	const struct cedar_record *r = cedar_record_finish(&b);
	assert_int_equal(r->n, 20);
	for (unsigned i = 0; i < 20; i++)
		assert_int_equal(cedar_record_get(r, span_str(key[i]))->i, i);
	b = cedar_record_begin(&a);
	assert_int_equal(cedar_record_finish(&b)->n, 0);
	b = cedar_record_begin(&a);
	cedar_record_put(&b, SPAN("a"), cedar_long(1));
	cedar_record_put(&b, SPAN("a"), cedar_long(1));
	assert_null(cedar_record_finish(&b));
	arena_fini(&a);
}

TEST_MAIN(T(many_apply_in_order), T(builds_records), T(combines), T(finds_by_head), T(says_what_failed), T(edits_a_set), T(edits_are_as_good_as_new), T(many_at_once), T(no_answer_without_memory),
          T(request_entities_hide_the_store))
