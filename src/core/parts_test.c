/* The parts of core that stand alone: patterns, envelopes, mappings, clocks, timers, tables of states. */
#include "tests/test.h"

#include "core/mirror.h"
#include "core/clock.h"
#include "core/core_priv.h"
#include "core/pattern.h"

static void
patterns(void **)
{
	static const struct { const char *pattern, *text; bool match; } t[] = {
		{ "files/*", "files/read", true }, { "files/*", "files/a/b", false }, { "files/**", "files/a/b", true }, { "*", "a/b", false },
		{ "**", "a/b", true }, { "", "", true }, { "", "a", false }, { "a*c", "abc", true }, { "a*c", "ab/c", false }, { "a**c", "ab/c", true },
		{ "*a*b", "xaxab", true }, { "*/x*y", "q/xzy", true }, { "*/x*y", "q/r/xzy", false }, { "**/x*y", "q/r/xzy", true },
		{ "Path::/data/**", "Path::/data/x/y", true }, { "Path::/data/**", "Path::/database", false }, { "a", "A", false },
		{ "**b**", "aaabaaa", true }, { "*ab", "aab", true }, { "**x/*y", "x/x/zy", true },
	};
	for (size_t i = 0; i < ARRAY_LEN(t); i++)
		if (pattern_match(span_str(t[i].pattern), span_str(t[i].text)) != t[i].match)
			fail_msg("%s against %s", t[i].pattern, t[i].text);
}

static void
prefixes_do_not_climb(void **)
{
	static const struct { const char *prefix, *text; bool ok; } t[] = {
		{ "/data/", "/data/x", true }, { "/data/", "/data/../etc", false }, { "/data/", "/data/x/..", false }, { "/data/", "/data//x", false },
		{ "/data/", "/database", false }, { "/data/", "/data/..x", true }, { "/data", "/database", true }, { "/data", "/data/../x", false },
	};
	for (size_t i = 0; i < ARRAY_LEN(t); i++)
		if (pattern_prefix(span_str(t[i].prefix), span_str(t[i].text)) != t[i].ok)
			fail_msg("%s of %s", t[i].prefix, t[i].text);
	assert_false(pattern_prefix(SPAN("/d"), SPAN("/d\0x")));
}

/* Whatever is said to be covered really is: every text of the inner pattern matches the outer one. */
static void
covering_is_sound(void **)
{
	static const char *const p[] = { "**", "*", "a", "a/*", "a/**", "a/b*", "a/b**", "*/b", "a*", "a/b/c", "a/*/c", "**c" };
	static const char *const t[] = { "a", "a/b", "a/bc", "a/b/c", "x", "x/b", "a/x/c", "abc", "ab/c", "a/" };
	unsigned covered = 0;
	for (size_t i = 0; i < ARRAY_LEN(p); i++)
		for (size_t k = 0; k < ARRAY_LEN(p); k++) {
			if (!pattern_covers(span_str(p[i]), span_str(p[k])))
				continue;
			covered++;
			for (size_t m = 0; m < ARRAY_LEN(t); m++)
				if (pattern_match(span_str(p[k]), span_str(t[m])) && !pattern_match(span_str(p[i]), span_str(t[m])))
					fail_msg("%s covers %s, but not %s", p[i], p[k], t[m]);
		}
	assert_true(covered > ARRAY_LEN(p) + 10);
}

static struct arena A;
static struct envelopes E;

static const struct json *
parse(const char *text)
{
	const struct json *v;
	assert_ok(json_parse(span_str(text), NULL, &A, &v, NULL));
	return v;
}

static struct envelope *
envelope(const char *text)
{
	struct envelope *e;
	struct json_error err = { 0 };
	status s = envelope_get(&E, parse(text), &e, &err);
	if (failed(s))
		fail_msg("%s: %s", text, err.reason ? err.reason : error_name(s.code));
	return e;
}

static void
constraints(void **)
{
	static const struct { const char *constraint, *args; bool ok; } t[] = {
		{ "{\"path\":\"/n\",\"op\":\"eq\",\"value\":5}", "{\"n\":5}", true }, { "{\"path\":\"/n\",\"op\":\"eq\",\"value\":5}", "{\"n\":6}", false },
		{ "{\"path\":\"/n\",\"op\":\"eq\",\"value\":5}", "{}", false }, { "{\"path\":\"/n\",\"op\":\"ne\",\"value\":5}", "{}", false },
		{ "{\"path\":\"/n\",\"op\":\"ne\",\"value\":5}", "{\"n\":6}", true }, { "{\"path\":\"/n\",\"op\":\"in\",\"value\":[1,2]}", "{\"n\":2}", true },
		{ "{\"path\":\"/n\",\"op\":\"in\",\"value\":[1,2]}", "{\"n\":3}", false }, { "{\"path\":\"/n\",\"op\":\"not_in\",\"value\":[1]}", "{\"n\":1}", false },
		{ "{\"path\":\"/n\",\"op\":\"lt\",\"value\":5}", "{\"n\":5}", false }, { "{\"path\":\"/n\",\"op\":\"le\",\"value\":5}", "{\"n\":5}", true },
		{ "{\"path\":\"/n\",\"op\":\"gt\",\"value\":5}", "{\"n\":5.5}", true }, { "{\"path\":\"/n\",\"op\":\"ge\",\"value\":5}", "{\"n\":\"9\"}", false },
		{ "{\"path\":\"/p\",\"op\":\"prefix\",\"value\":\"/d/\"}", "{\"p\":\"/d/x\"}", true },
		{ "{\"path\":\"/p\",\"op\":\"prefix\",\"value\":\"/d/\"}", "{\"p\":\"/d/../x\"}", false },
		{ "{\"path\":\"/p\",\"op\":\"prefix\",\"value\":\"/d/\"}", "{\"p\":[\"/d/x\"]}", false },
		{ "{\"path\":\"/p\",\"op\":\"glob\",\"value\":\"/d/*\"}", "{\"p\":\"/d/x/y\"}", false },
		{ "{\"path\":\"/p\",\"op\":\"glob\",\"value\":\"/d/**\"}", "{\"p\":\"/d/../x\"}", false },
		{ "{\"path\":\"/p\",\"op\":\"max_length\",\"value\":2}", "{\"p\":\"äö\"}", true },
		{ "{\"path\":\"/p\",\"op\":\"max_length\",\"value\":2}", "{\"p\":\"abc\"}", false },
		{ "{\"path\":\"/p\",\"op\":\"max_length\",\"value\":2}", "{\"p\":7}", false },
		{ "{\"path\":\"/p\",\"op\":\"absent\"}", "{\"q\":1}", true }, { "{\"path\":\"/p\",\"op\":\"absent\"}", "{\"p\":null}", false },
		{ "{\"path\":\"/p\",\"op\":\"present\"}", "{\"p\":null}", true }, { "{\"path\":\"/p\",\"op\":\"present\"}", "{}", false },
		{ "{\"path\":\"/l/*/p\",\"op\":\"prefix\",\"value\":\"/d/\"}", "{\"l\":[{\"p\":\"/d/a\"},{\"p\":\"/d/b\"}]}", true },
		{ "{\"path\":\"/l/*/p\",\"op\":\"prefix\",\"value\":\"/d/\"}", "{\"l\":[{\"p\":\"/d/a\"},{\"p\":\"/e/b\"}]}", false },
		{ "{\"path\":\"/l/*/p\",\"op\":\"prefix\",\"value\":\"/d/\"}", "{\"l\":[]}", false },
		{ "{\"path\":\"/a~1b/~0\",\"op\":\"eq\",\"value\":1}", "{\"a/b\":{\"~\":1}}", true },
		{ "{\"path\":\"/l/1\",\"op\":\"eq\",\"value\":2}", "{\"l\":[1,2]}", true },
	};
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		char text[300];
		snprintf(text, sizeof text, "{\"tools\":[\"**\"],\"arguments\":[%s]}", t[i].constraint);
		struct envelope *e = envelope(text);
		if (constraint_holds(&e->constraints[0], parse(t[i].args)) != t[i].ok)
			fail_msg("%s on %s", t[i].constraint, t[i].args);
		envelope_unref(&E, e);
	}
}

static void
bad_envelopes(void **)
{
	static const char *const t[] = {
		"{}", "{\"tools\":\"x\"}", "{\"tools\":[1]}", "{\"tools\":[\"\"]}", "{\"tools\":[],\"tool\":[]}", "{\"tools\":[],\"effects\":[\"fly\"]}",
		"{\"tools\":[],\"arguments\":[{\"path\":\"x\",\"op\":\"eq\",\"value\":1}]}", "{\"tools\":[],\"arguments\":[{\"path\":\"/x\",\"op\":\"is\",\"value\":1}]}",
		"{\"tools\":[],\"arguments\":[{\"path\":\"/x\",\"op\":\"lt\",\"value\":\"1\"}]}", "{\"tools\":[],\"arguments\":[{\"path\":\"/x\",\"op\":\"absent\",\"value\":1}]}",
		"{\"tools\":[],\"limits\":{\"calls\":-1}}", "{\"tools\":[],\"limits\":{\"call\":1}}", "{\"tools\":[],\"limits\":{\"amounts\":[{\"path\":\"/*\",\"max\":1}]}}",
	};
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct envelope *e;
		struct json_error err;
		if (!failed(envelope_get(&E, parse(t[i]), &e, &err)))
			fail_msg("%s was taken", t[i]);
	}
}

static void
envelopes_are_shared_and_checked(void **)
{
	struct envelope *a = envelope("{\"tools\":[\"f/*\"],\"effects\":[\"read\"]}"), *b = envelope("{\"effects\":[\"read\"],\"tools\":[\"f/*\"]}");
	assert_ptr_equal(a, b);
	const struct json *none = parse("{}");
	assert_int_equal(envelope_check(a, SPAN("f/x"), EFFECT_READ, (span){ 0 }, (span){ 0 }, none).code, E_OK);
	assert_int_equal(envelope_check(a, SPAN("g/x"), EFFECT_READ, (span){ 0 }, (span){ 0 }, none).code, E_OUTSIDE_ENVELOPE);
	assert_int_equal(envelope_check(a, SPAN("f/x"), EFFECT_WRITE, (span){ 0 }, (span){ 0 }, none).code, E_OUTSIDE_ENVELOPE);
	struct envelope *c = envelope("{\"tools\":[\"**\"],\"resources\":[],\"environment\":\"dev\"}");
	assert_int_equal(envelope_check(c, SPAN("f/x"), EFFECT_READ, (span){ 0 }, SPAN("dev"), none).code, E_OUTSIDE_ENVELOPE);
	assert_int_equal(envelope_check(c, SPAN("f/x"), EFFECT_READ, SPAN("P::x"), SPAN("prod"), none).code, E_OUTSIDE_ENVELOPE);
	envelope_unref(&E, a);
	envelope_unref(&E, b);
	envelope_unref(&E, c);
}

static void
narrower(void **)
{
	static const struct { const char *child, *parent, *what; } t[] = {
		{ "{\"tools\":[\"f/r\"]}", "{\"tools\":[\"f/*\"]}", NULL }, { "{\"tools\":[\"f/**\"]}", "{\"tools\":[\"f/*\"]}", "tools" },
		{ "{\"tools\":[\"f/r\"]}", "{\"tools\":[\"f/*\"],\"effects\":[\"read\"]}", "effects" },
		{ "{\"tools\":[\"f/r\"],\"environment\":\"a\"}", "{\"tools\":[\"f/*\"],\"environment\":\"b\"}", "environment" },
		{ "{\"tools\":[\"f/r\"],\"resources\":[\"P::/x\"]}", "{\"tools\":[\"f/*\"],\"resources\":[\"P::/y\"]}", "resources" },
		{ "{\"tools\":[\"f/r\"],\"limits\":{\"calls\":9}}", "{\"tools\":[\"f/*\"],\"limits\":{\"calls\":8}}", "limits.calls" },
		{ "{\"tools\":[\"f/r\"],\"limits\":{\"calls_per_minute\":9}}", "{\"tools\":[\"f/*\"],\"limits\":{\"calls_per_minute\":8}}", "limits.calls_per_minute" },
		{ "{\"tools\":[\"f/r\"],\"limits\":{\"depth\":2}}", "{\"tools\":[\"f/*\"],\"limits\":{\"depth\":2}}", "limits.depth" },
	};
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		const char *what = NULL;
		struct envelope *a = envelope(t[i].child), *b = envelope(t[i].parent);
		assert_int_equal(envelope_narrower(a, b, &what), t[i].what == NULL);
		if (t[i].what)
			assert_string_equal(what, t[i].what);
		envelope_unref(&E, a);
		envelope_unref(&E, b);
	}
}

static void
amounts(void **)
{
	struct amount a = { SPAN("**"), SPAN("/n"), 10 };
	int64_t v;
	assert_true(amount_of(&a, parse("{\"n\":7}"), &v) && v == 7);
	assert_true(amount_of(&a, parse("{}"), &v) && v == 0);
	assert_false(amount_of(&a, parse("{\"n\":-7}"), &v));
	assert_false(amount_of(&a, parse("{\"n\":7.5}"), &v));
	assert_false(amount_of(&a, parse("{\"n\":\"7\"}"), &v));
}

static void
mappings(void **)
{
	static const struct { const char *mapping, *args, *want; } t[] = {
		{ "Path::\"{path:input.path}\"", "{\"path\":\"/a/b\"}", "/a/b" }, { "Path::\"{path:input.path}\"", "{\"path\":\"/a/../b\"}", NULL },
		{ "Path::\"{path:input.path}\"", "{\"path\":\"a/b\"}", NULL }, { "Path::\"{path:input.path}\"", "{\"path\":\"/a//b\"}", NULL },
		{ "Path::\"{path:input.path}\"", "{\"path\":\"/a/./b\"}", NULL }, { "Path::\"{path:input.path}\"", "{\"path\":7}", NULL },
		{ "Path::\"{path:input.path}\"", "{}", NULL }, { "Path::\"{path:input.path}\"", "{\"path\":\"/a\\\\b\"}", NULL },
		{ "Repo::\"{name:input.owner}/{name:input.repo}\"", "{\"owner\":\"o\",\"repo\":\"r\"}", "o/r" },
		{ "Repo::\"{name:input.owner}/{name:input.repo}\"", "{\"owner\":\"o/r\",\"repo\":\"x\"}", NULL },
		{ "Repo::\"{name:input.owner}/{name:input.repo}\"", "{\"owner\":\"..\",\"repo\":\"x\"}", NULL },
		{ "Url::\"{url:input.a.b}\"", "{\"a\":{\"b\":\"HTTPS://Example.test:443/x?q=1\"}}", "https://example.test/x?q=1" },
		{ "Url::\"{url:input.u}\"", "{\"u\":\"https://user@example.test/\"}", NULL }, { "Url::\"{url:input.u}\"", "{\"u\":\"file:///etc\"}", NULL },
		{ "Url::\"{url:input.u}\"", "{\"u\":\"https://example.test//x\"}", NULL },
	};
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct mapping *m;
		span id;
		assert_ok(mapping_parse(span_str(t[i].mapping), &A, &m));
		status s = mapping_apply(m, parse(t[i].args), &A, &id);
		if (!t[i].want)
			assert_fails(s, E_BAD_ARGUMENTS);
		else {
			assert_ok(s);
			assert_span(id, t[i].want);
		}
	}
	static const char *const bad[] = { "", "Path", "Path::\"", "::\"x\"", "P q::\"x\"", "P::\"{file:input.x}\"", "P::\"{path:x}\"", "P::\"{path:input.x\"", "P::\"a\"b\"" };
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct mapping *m;
		assert_fails(mapping_parse(span_str(bad[i]), &A, &m), E_BAD_REQUEST);
	}
}

/* R16: no step of the wall clock makes a right longer. */
static void
steps_never_lengthen(void **)
{
	struct clock c = { 0 };
	int64_t step;
	clock_set(&c, (instant){ 1000 * NS_PER_S, 10 * NS_PER_S }, &step);
	struct term t = term_make(&c, 60 * NS_PER_S);
	clock_set(&c, (instant){ 500 * NS_PER_S, 69 * NS_PER_S }, &step);
	assert_true(step < 0);
	assert_false(term_over(&c, t));
	clock_set(&c, (instant){ 501 * NS_PER_S, 70 * NS_PER_S }, &step);
	assert_int_equal(step, 0);
	assert_true(term_over(&c, t));
	t = term_make(&c, 60 * NS_PER_S);
	clock_set(&c, (instant){ 562 * NS_PER_S, 71 * NS_PER_S }, &step);
	assert_true(step > 0 && term_over(&c, t));
	/* The stamp goes on while the wall clock stands behind it. */
	assert_int_equal(c.stamp, 1061 * NS_PER_S);
	/* Boot time does not go back. */
	clock_set(&c, (instant){ 562 * NS_PER_S, 5 * NS_PER_S }, &step);
	assert_int_equal(c.now.boot, 71 * NS_PER_S);
}

static void
after_a_reboot_the_durable_stamp_counts(void **)
{
	struct clock c = { 0 };
	int64_t step;
	struct term stored = { 1000 * NS_PER_S, 77 * NS_PER_S }, t;
	clock_set(&c, (instant){ 100 * NS_PER_S, 1 * NS_PER_S }, &step);
	clock_restore(&c, 990 * NS_PER_S);
	assert_true(c.behind);
	t = term_restore(&c, stored, false);
	assert_int_equal(term_left(&c, t), 10 * NS_PER_S);
	t = term_restore(&c, stored, true);
	assert_int_equal(t.deadline, 77 * NS_PER_S);
	clock_set(&c, (instant){ 991 * NS_PER_S, 2 * NS_PER_S }, &step);
	assert_false(c.behind);
	/* A reading torn by a lost processor leaves the stamp a little ahead for good; that is not a clock put back. */
	clock_set(&c, (instant){ 992 * NS_PER_S, 3 * NS_PER_S + 10 * NS_PER_MS }, &step);
	clock_restore(&c, 992 * NS_PER_S + 10 * NS_PER_MS);
	assert_true(c.stamp > c.now.wall);
	assert_false(c.behind);
}

static void
mirrored_headers_are_held_against_arguments(void **)
{
	static const char schema[] = "{\"properties\":{\"region\":{\"type\":\"string\",\"x-mcp-header\":\"Region\"},\"n\":{\"type\":\"integer\",\"x-mcp-header\":\"N\"},"
		"\"deep\":{\"properties\":{\"on\":{\"type\":\"boolean\",\"x-mcp-header\":\"On\"}}},\"free\":{\"type\":\"string\"}}}";
	static const struct { const char *args, *headers; bool loose, strict; } t[] = {
		{ "{}", "{}", true, true },
		{ "{\"region\":\"eu\"}", "{\"region\":\"eu\"}", true, true },
		{ "{\"region\":\"eu\"}", "{\"region\":\"us\"}", false, false },
		{ "{\"region\":\"eu\"}", "{}", true, false },
		{ "{}", "{\"region\":\"eu\"}", false, false },
		{ "{\"region\":null}", "{\"region\":\"eu\"}", false, false },
		{ "{\"region\":null}", "{}", true, true },
		{ "{\"n\":7}", "{\"n\":\"7\"}", true, true },
		{ "{\"n\":7}", "{\"n\":\"007\"}", false, false },
		{ "{\"n\":-7}", "{\"n\":\"-7\"}", true, true },
		{ "{\"n\":7}", "{\"n\":\"-7\"}", false, false },
		{ "{\"n\":7}", "{\"n\":\"7x\"}", false, false },
		{ "{\"n\":7.5}", "{\"n\":\"7.5\"}", false, false },
		{ "{\"deep\":{\"on\":true}}", "{\"on\":\"true\"}", true, true },
		{ "{\"deep\":{\"on\":true}}", "{\"on\":\"false\"}", false, false },
		{ "{\"deep\":7}", "{\"on\":\"true\"}", false, false },
		{ "{\"free\":\"x\"}", "{\"other\":\"y\"}", true, true },
	};
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct arena a;
		const struct json *s, *args, *headers;
		arena_init(&a, 1 << 20);
		assert_false(failed(json_parse(span_str(schema), NULL, &a, &s, NULL)) || failed(json_parse(span_str(t[i].args), NULL, &a, &args, NULL)) ||
		             failed(json_parse(span_str(t[i].headers), NULL, &a, &headers, NULL)));
		if (mirror_holds(s, args, headers, false) != t[i].loose || mirror_holds(s, args, headers, true) != t[i].strict)
			fail_msg("%s %s", t[i].args, t[i].headers);
		arena_fini(&a);
	}
}

static void
timers_come_in_order(void **)
{
	enum { N = 500 };
	static struct timer t[N];
	struct timers ts = { 0 };
	struct drbg g;
	drbg_init_number(&g, 7);
	for (int i = 0; i < N; i++)
		assert_ok(timer_set(&ts, &t[i], (int64_t)drbg_below(&g, 1000)));
	for (int i = 0; i < N; i += 3)
		assert_ok(timer_set(&ts, &t[i], (int64_t)drbg_below(&g, 1000)));
	for (int i = 0; i < N; i += 7)
		timer_del(&ts, &t[i]);
	int64_t last = -1;
	unsigned n = 0;
	assert_null(timers_due(&ts, -1));
	for (struct timer *x; (x = timers_due(&ts, INT64_MAX)); n++) {
		assert_true(x->at >= last && !x->pos);
		last = x->at;
	}
	assert_int_equal(n, N - (N + 6) / 7);
	timers_fini(&ts);
}

static void
ends_are_final(void **)
{
	for (unsigned to = 0; to < TASK_STATE_COUNT; to++)
		for (unsigned from = TASK_COMPLETED; from < TASK_STATE_COUNT; from++)
			assert_false(task_may_become((enum task_state)from, (enum task_state)to));
	for (unsigned to = 0; to < CALL_STATE_COUNT; to++)
		for (unsigned from = CALL_DONE; from < CALL_STATE_COUNT; from++)
			assert_false(call_may_become((enum call_state)from, (enum call_state)to));
	for (unsigned to = 0; to < APPR_STATE_COUNT; to++)
		for (unsigned from = APPR_USED; from < APPR_STATE_COUNT; from++)
			assert_false(approval_may_become((enum approval_state)from, (enum approval_state)to));
	assert_false(approval_may_become(APPR_OPEN, APPR_USED));
	assert_false(task_may_become(TASK_ENDING, TASK_ACTIVE));
	assert_false(agent_may_become(AGENT_RETIRED, AGENT_ACTIVE));
}

static void
wire_names(void **)
{
	char a[TOOL_WIRE_MAX + 1], b[TOOL_WIRE_MAX + 1];
	tool_wire_name(SPAN("files"), SPAN("read_file"), a);
	assert_string_equal(a, "files__read_file");
	tool_wire_name(SPAN("files"), SPAN("a.b"), a);
	tool_wire_name(SPAN("files"), SPAN("a/b"), b);
	assert_string_not_equal(a, b);
	tool_wire_name(SPAN("files"), SPAN("0123456789012345678901234567890123456789012345678901234567890123456789"), a);
	assert_true(strlen(a) <= TOOL_WIRE_MAX);
}

static void
annotations_are_checked(void **)
{
	static const struct { const char *text; bool ok; } t[] = {
		{ "permit(principal, action, resource);", true }, { "@approval(\"g:1\") forbid(principal, action, resource);", true },
		{ "@approval(\"g:1,h:2\") forbid(principal, action, resource);", true }, { "@approval(\"g:1\") permit(principal, action, resource);", false },
		{ "@approval(\"\") forbid(principal, action, resource);", false }, { "@approval(\"g:0\") forbid(principal, action, resource);", false },
		{ "@approval(\"g:x\") forbid(principal, action, resource);", false }, { "@aproval(\"g:1\") forbid(principal, action, resource);", false },
		{ "@mode(\"observe\") forbid(principal, action, resource);", true }, { "@mode(\"maybe\") forbid(principal, action, resource);", false },
		{ "permit(principal == ?principal, action, resource);", false }, { "permit(principal, action);", false },
	};
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct policy_source src = { SPAN("p"), span_str(t[i].text) };
		struct policy_set *p = NULL;
		struct cedar_diag d = { 0 };
		span name;
		status s = policy_set_new(&src, 1, 1, &p, &d, &name);
		if (failed(s) == t[i].ok)
			fail_msg("%s: %s", t[i].text, d.what);
		policy_set_unref(p);
	}
}

static int
setup(void **)
{
	arena_init(&A, 16 << 20);
	envelopes_init(&E, 1, 2);
	return 0;
}

static int
teardown(void **)
{
	envelopes_fini(&E);
	arena_fini(&A);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(patterns), T(prefixes_do_not_climb), T(covering_is_sound), T(constraints), T(bad_envelopes), T(envelopes_are_shared_and_checked),
		T(narrower), T(amounts), T(mappings), T(steps_never_lengthen), T(after_a_reboot_the_durable_stamp_counts), T(mirrored_headers_are_held_against_arguments), T(timers_come_in_order),
		T(ends_are_final), T(wire_names), T(annotations_are_checked),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, setup, teardown);
}
